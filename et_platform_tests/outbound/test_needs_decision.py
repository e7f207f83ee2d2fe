"""Doubts that asking and reading back do not end: who decides, what waits meanwhile, and what does not (promises 1, 4)."""

import getpass

import pytest
from click.testing import CliRunner

from et_platform.cli.main import main
from et_platform.exacttarget.models import ImportDefinition
from et_platform.ledger.decisions import decisions_of
from et_platform.outbound.errors import NeedsDecision
from et_platform_tests.faults.ordering import Faults
from et_platform_tests.outbound.opted_out import OUT
from et_platform_tests.outbound.opted_out import Story as OptedOut
from et_platform_tests.outbound.test_removals import TOMBSTONE
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import CONSENT, DATA_EXTENSION, REMOVING, person


@pytest.fixture
def faults(exacttarget_info):
    faults = Faults(exacttarget_info)
    yield faults
    faults.clear()


@pytest.fixture
def world(tmp_path, exacttarget_info):
    return World(tmp_path / "world", exacttarget_info, changes={"doubt_deadline_seconds": 0.3})


def import_of_somebody_else(world: World, csv: str) -> None:
    """Another tool's import into the same data extension, to its end."""
    name = f"other_{world.customer_key}.csv"
    (world.info["ftp_folder"] / "Import" / name).write_text(csv)
    with world.road.open_exacttarget() as exacttarget:
        exacttarget.imports.define(
            definition=ImportDefinition(customer_key=f"o-{world.customer_key}", name=name, destination_key=world.customer_key,
                             file_spec=name, update_type="AddAndUpdate")
        )  # fmt: skip
        task = exacttarget.imports.start(customer_key=f"o-{world.customer_key}")
        while (result := exacttarget.imports.result(task_id=task)) is None or not result.is_terminal:
            pass
        assert result.successful == 1


def lose_the_start(world: World, faults: Faults) -> None:
    """The answer to Perform is lost, and it never started anything: a doubt."""
    faults.add("status", operation="Perform", key=world.customer_key)
    world.snapshot()
    world.plan()
    world.stage()


def in_doubt_and_overtaken(world: World, faults: Faults) -> str:
    """An update whose start was lost, while somebody else imports into the data extension; the attempt's id."""
    world.crm(person(), person(id="P2"))
    world.run()
    world.crm(person(points="8"), person(id="P2"))
    world.snapshot()
    world.plan()
    world.stage()
    import_of_somebody_else(world, "PersonID,Email,Points\nP1,p1@example.org,99\n")
    faults.add("status", operation="Perform", key=world.customer_key)
    with pytest.raises(NeedsDecision, match=r"1 imports that are not ours went into .* since .*etp resolve") as asked:
        world.deliver()
    assert "example.org" not in str(asked.value)
    attempt = world.road.ledger.open_attempt(world.road.mid, world.customer_key)
    assert attempt is not None
    return attempt.id


def etp(world: World, monkeypatch, *arguments: str) -> str:
    monkeypatch.setenv("ET_DATA_PATH", str(world.folder / "data"))
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def test_promise_1_a_doubt_that_a_newer_import_overtook_blocks_its_data_extension_alone(
    world, faults, tmp_path, exacttarget_info, monkeypatch
):
    attempt = in_doubt_and_overtaken(world, faults)
    plan = world.plan()
    assert (plan.is_preview, plan.verdict.is_open) == (True, False)
    assert f"etp resolve {attempt} --as imported" in " ".join(plan.verdict.reasons)
    assert "needs a decision" in plan.report.outcome()
    with pytest.raises(NeedsDecision):  # nothing is staged or sent
        world.stage()
    assert "needs a decision" in etp(world, monkeypatch, "ledger")
    assert f"etp resolve {attempt}" in etp(world, monkeypatch, "ledger", "show", attempt)
    other = World(tmp_path / "other", exacttarget_info)
    other.crm(person())
    _, settlement = other.run()
    assert settlement is not None
    assert settlement.acknowledged == 1
    assert world.rows()["P1"]["Points"] == "99"


def test_promise_4_resolved_as_not_imported_the_rows_are_sent_again(world, faults, monkeypatch):
    attempt = in_doubt_and_overtaken(world, faults)
    told = etp(world, monkeypatch, "resolve", attempt[:8], "--as", "not-imported", "--why", "seen in the account")
    assert f"not-imported, says {getpass.getuser()}" in told
    (decision,) = decisions_of(world.road.ledger, attempt)
    assert (decision.who, decision.why) == (getpass.getuser(), "seen in the account")
    plan, settlement = world.run()
    assert plan.settled is not None
    assert (plan.settled.acknowledged, plan.figures.updates) == (0, 1)
    assert settlement is not None
    assert settlement.acknowledged == 1
    assert world.rows()["P1"]["Points"] == "8"
    assert f"{getpass.getuser()} decided not-imported" in etp(world, monkeypatch, "ledger", "show", attempt)


def test_promise_4_resolved_as_imported_the_rows_are_acknowledged_and_not_sent_again(world, faults, monkeypatch):
    attempt = in_doubt_and_overtaken(world, faults)
    etp(world, monkeypatch, "resolve", attempt, "--as", "imported", "--why", "the import's history shows it")
    before = world.imported_rows()
    plan, settlement = world.run()
    assert plan.settled is not None
    assert (plan.settled.acknowledged, plan.change_set, settlement) == (1, None, None)
    assert world.imported_rows() == before
    assert world.rows()["P1"]["Points"] == "99"


def test_promise_4_what_the_read_back_proves_later_needs_no_decision_any_more(world, faults):
    attempt = in_doubt_and_overtaken(world, faults)
    import_of_somebody_else(world, "PersonID,Email,Points\nP1,p1@example.org,8\n")
    plan = world.plan()
    assert plan.settled is not None
    assert plan.settled.acknowledged == 1
    (decision,) = decisions_of(world.road.ledger, attempt)
    assert (decision.verdict, decision.who) == ("imported", "read-back")


def test_promise_1_an_insert_whose_own_fields_exacttarget_changed_since_is_not_sent_over_them(world, faults):
    world.crm(person())
    world.run()
    world.crm(person(), person(id="P2"))
    lose_the_start(world, faults)
    with world.road.open_exacttarget() as exacttarget:  # it had been imported, and the subscriber changed the field
        names = ("PersonID", "Email", "Nickname")
        exacttarget.rows.upsert(
            customer_key=world.customer_key,
            rows=[dict(zip(names, ("P2", "p1@example.org", "theirs"), strict=True))],
        )  # fmt: skip
    with pytest.raises(NeedsDecision, match="1 rows are there with other values of Nickname"):
        world.deliver()
    assert world.rows()["P2"]["Nickname"] == "theirs"


def test_promises_1_and_15_where_newer_imports_cannot_be_known_a_person_decides(world, faults):
    world.crm(person())
    world.run()
    world.crm(person(points="8"))
    lose_the_start(world, faults)
    refusal = "The Request Property(s) ObjectID do not match with the fields of DataExtension retrieve"
    with (
        # The first look, right before the import, asks for other properties and is answered.
        faults.striking("retrieve_error", object="DataExtension", message=refusal, key=world.customer_key, skip=1),
        pytest.raises(NeedsDecision, match="Whether a newer import went into the data extension cannot be known here"),
    ):
        world.deliver()


@pytest.mark.parametrize("declared", [DATA_EXTENSION, REMOVING, TOMBSTONE], ids=["update", "delete", "bury"])
def test_promise_4_a_repeat_without_effect_needs_nobody(world, faults, declared):
    world.declare(declared)
    world.crm(person(), person(id="P2"))
    world.run()
    world.crm(person(), *([person(id="P2", points="8")] if declared == DATA_EXTENSION else []))
    lose_the_start(world, faults)
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged) == (1, 0)
    _, settlement = world.run()
    assert settlement is not None
    assert settlement.acknowledged == 1


@pytest.mark.parametrize("declared", [REMOVING, TOMBSTONE], ids=["delete", "bury"])
def test_promise_1_a_removal_that_a_newer_import_overtook_waits_for_a_decision(world, faults, monkeypatch, declared):
    world.declare(declared)
    world.crm(person(), person(id="P2"))
    world.run()
    world.crm(person())
    world.snapshot()
    world.plan()
    world.stage()
    import_of_somebody_else(world, "PersonID,Email,Points\nP2,p1@example.org,7\n")
    faults.add("status", operation="Perform", key=world.customer_key)
    with pytest.raises(NeedsDecision, match=r"1 imports that are not ours"):
        world.deliver()
    attempt = world.road.ledger.open_attempt(world.road.mid, world.customer_key)
    assert attempt is not None
    etp(world, monkeypatch, "resolve", attempt.id, "--as", "imported", "--why", "seen in the history")
    plan = world.plan()
    assert plan.settled is not None
    assert (plan.settled.acknowledged, plan.change_set) == (1, None)
    assert set(world.rows()) == {"P1", "P2"}, "what came since stays"


def test_promise_1_a_row_that_was_put_there_anew_after_a_delete_in_doubt_is_not_deleted_again(world, faults):
    world.declare(REMOVING)
    world.crm(person(), person(id="P2"), person(id="P3"))
    world.run()
    world.crm(person(), person(id="P2"))
    lose_the_start(world, faults)
    with world.road.open_exacttarget() as exacttarget:  # by a form or a journey, which is no import
        rows = [{"PersonID": "P3", "Email": "new@example.org", "Points": None, "Name": "anew"}]
        exacttarget.rows.upsert(customer_key=world.customer_key, rows=rows)
    with pytest.raises(NeedsDecision, match="1 rows that were to be deleted are there with other values"):
        world.deliver()
    assert world.rows()["P3"]["Name"] == "anew"


def test_promises_4_and_9_an_opt_out_in_doubt_waits_for_nobody(tmp_path, exacttarget_info, faults):
    world = OptedOut(tmp_path / "out", exacttarget_info, changes={"doubt_deadline_seconds": 0.3})
    world.declare(CONSENT)
    world.crm(world.who(1), world.who(2))
    world.run()
    world.crm(world.who(1, **OUT), world.who(2))
    world.snapshot()
    key, _ = next(iter(sorted(world.rows().items())))
    import_of_somebody_else(world, f"PersonID,Email,Points\n{key},p1@example.org,7\n")
    faults.add("status", operation="Perform", key=world.customer_key)
    first, again = world.opt_out().settlement, world.opt_out().settlement
    assert first is not None
    assert again is not None
    assert (first.acknowledged, again.acknowledged) == (0, 1)
    assert world.rows()[key]["OptedOut"] == "True"


def test_promise_9_new_opt_outs_do_not_wait_for_a_decision_about_other_rows(
    tmp_path, exacttarget_info, faults, monkeypatch
):
    world = OptedOut(tmp_path / "out", exacttarget_info, changes={"doubt_deadline_seconds": 0.3})
    world.declare(CONSENT)
    world.acknowledge(world.who(1), world.who(2), world.who(3))
    world.crm(world.who(1, points="8"), world.who(2, points="8"), world.who(3))
    world.snapshot()
    world.plan()
    world.stage()
    import_of_somebody_else(world, f"PersonID,Email,Points\n{world.key(2)},p1@example.org,99\n")
    faults.add("status", operation="Perform", key=world.customer_key)
    with pytest.raises(NeedsDecision):
        world.deliver()

    def killed(*_):
        raise KeyboardInterrupt

    people = world.who(1, points="8", **OUT), world.who(2, points="8"), world.who(3, **OUT)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):  # then two attempts are open
        patch.setattr("et_platform.outbound.opt_outs.import_files", killed)
        world.read_and_opt_out(*people)
    outs = world.opt_out()
    assert outs.settlement is not None
    assert outs.settlement.acknowledged == 2
    assert [world.row(number)["OptedOut"] for number in (1, 2, 3)] == ["True", "False", "True"]
    assert world.row(2)["Points"] == "99", "the decision about other values is still a person's"
    plan = world.plan()
    assert plan.is_preview
    assert "needs a decision" in plan.report.outcome()
    attempt = world.road.ledger.open_attempt(world.road.mid, world.customer_key)
    assert attempt is not None

    etp(world, monkeypatch, "resolve", attempt.id, "--as", "imported", "--why", "seen in the history")
    world.run()
    assert [world.row(number)["OptedOut"] for number in (1, 2, 3)] == ["True", "False", "True"]
    assert [world.row(number)["OptedIn"] for number in (1, 3)] == ["False", "False"]
    assert world.plan().change_set is None
