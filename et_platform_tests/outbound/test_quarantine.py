"""What people see of quarantine, and decide: a row is offered again, or dropped; nothing is lost silently."""

import json
import threading
from datetime import timedelta

import pytest
from click.testing import CliRunner

from et_platform.cli.main import main
from et_platform.outbound import quarantine
from et_platform.outbound.errors import NotDecidable
from et_platform.outbound.quarantine import Chosen
from et_platform.sync.plan import DROPPED, REFUSED
from et_platform.warehouse import quarantine as tables
from et_platform_tests.outbound.test_road import tamper
from et_platform_tests.outbound.world import World, settings_for
from et_platform_tests.scenario import person


@pytest.fixture
def world(tmp_path, exacttarget_info):
    return World(tmp_path / "world", exacttarget_info)


def rejected(world: World, times: int = 2) -> None:
    """P2 is rejected by ExactTarget twice with what the CRM has of it; P1 arrives."""
    world.crm(person(), person(id="P2"), person(id="P3", email="bad"))
    for _ in range(times):
        world.snapshot()
        world.plan()
        world.stage()
        tamper(world, "insert", lambda text: text.replace('"P2","p1@example.org"', '"P2","broken"'))
        world.deliver()


def rejected_by_then(world: World) -> None:
    """The same, without the two imports: what they would have left in the lake."""
    world.crm(person(), person(id="P3", email="bad"))
    world.run()
    world.crm(person(), person(id="P2"), person(id="P3", email="bad"))
    world.snapshot()
    change_set = world.plan().change_set
    assert change_set is not None
    for attempt in ("a1", "a2"):
        with world.road.lake.write() as connection:
            tables.record_rejections(
                connection,
                name=world.road.lake_name(world.declared.is_),
                rejected=f"(SELECT *, 2 AS line, NULL AS field, NULL AS told FROM {world.road.rows_of(change_set)})",
                attempt_id=attempt,
                file="etp_people_insert_a.csv",
            )
    assert world.plan().figures.quarantined == 2


def decide(world: World, word, *keys: str, **more):
    return quarantine.decide(
        world.road, world.declared, word, Chosen(keys=keys), **({"who": "ann", "why": "because"} | more)
    )


def shown(world: World, **more) -> dict[str, quarantine.Withheld]:
    found, _ = quarantine.rows(world.road, world.declared, reveal=True, **more)
    return {row.key: row for row in found}


def test_promise_2_a_rejected_row_is_shown_offered_again_once_and_arrives(world):
    rejected(world)
    plan, _ = world.run()
    assert (plan.figures.quarantined, plan.change_set) == (2, None)
    row = shown(world)["P2"]
    assert (row.what, row.field, row.reason, row.rejections) == ("quarantined", "PersonID", REFUSED, 2)
    assert row.file.startswith("etp_people_insert_")
    assert (row.line, row.said) == (2, None)  # P1 arrived with the first attempt; the header is line 1
    assert "etp quarantine retry" in row.remedy
    counted = {(one.field, one.rows) for one in quarantine.counts(world.road, world.declared)}
    assert counted == {("PersonID", 1), ("Email", 1)}

    assert decide(world, "retry", "p2 ").rows == 1  # compared as ExactTarget compares keys
    plan, settlement = world.run()
    assert (plan.figures.inserts, plan.figures.quarantined) == (1, 1)
    assert settlement is not None
    assert set(world.acknowledged()) == {"p1", "p2"}
    assert set(shown(world)) == {"P3"}


def test_promise_2_rows_are_meant_by_the_field_that_is_shown_and_a_retry_weighs_nothing_once_forgotten(world):
    rejected_by_then(world)
    with world.road.lake.write() as connection:
        connection.execute(f"UPDATE {tables.REJECTIONS} SET field = 'Points'")
    assert (shown(world)["P2"].field, shown(world)["P3"].field) == ("Points", "Email")
    assert set(shown(world, chosen=Chosen(field="Points"))) == {"P2"}
    assert shown(world, chosen=Chosen(field="PersonID")) == {}
    with pytest.raises(NotDecidable, match=r"No row of people is meant.*nothing was recorded"):
        quarantine.decide(world.road, world.declared, "retry", Chosen(field="PersonID"), who="ann", why="x")
    assert quarantine.decide(world.road, world.declared, "retry", Chosen(field="Points"), who="ann", why="x").rows == 1

    name = world.road.lake_name(world.declared.is_)
    with world.road.lake.write() as connection:
        rejections = connection.execute(f"FROM {tables.REJECTIONS}").to_arrow_table()
        tables.forget_rejections(connection, name)
        assert connection.execute(f"SELECT times, is_dropped FROM {tables.rejections_of(name)}").fetchall() == [
            (0, False)
        ]
        assert rejections["times"].to_pylist() == [2]
        connection.execute(f"INSERT INTO {tables.REJECTIONS} FROM rejections")  # it was rejected twice since
        assert connection.execute(f"SELECT times FROM {tables.rejections_of(name)}").fetchall() == [(2,)]


def test_promise_2_one_more_rejection_brings_a_row_back_that_was_offered_again(world):
    rejected_by_then(world)
    decide(world, "retry", "P2")
    rejected(world, times=1)
    plan, settlement = world.run()
    assert (plan.figures.quarantined, settlement) == (2, None)
    row = shown(world)["P2"]
    assert (row.rejections, row.decision and row.decision.word) == (3, "retry")
    decide(world, "retry", "P2")  # the plan since has heeded the first decision
    assert world.run()[0].figures.inserts == 1


def test_promise_2_a_dropped_row_is_counted_and_shown_and_comes_back_when_the_crm_changes_it(world):
    rejected_by_then(world)
    assert decide(world, "drop", "P2", why="a test account").rows == 1
    plan, settlement = world.run()
    assert (plan.figures.dropped, plan.figures.quarantined, settlement) == (1, 1, None)
    assert plan.figures.reasons[f"PersonID: {DROPPED}"] == 1
    assert plan.report.counts()["dropped (by a person's decision)"] == 1
    row = shown(world)["P2"]
    assert row.what == "dropped"
    assert row.decision is not None
    assert (row.decision.who, row.decision.why) == ("ann", "a test account")
    with pytest.raises(NotDecidable, match="dropped already"):
        decide(world, "drop", "P2")

    world.crm(person(), person(id="P2", name="new"))
    plan, settlement = world.run()
    assert (plan.figures.inserts, plan.figures.dropped) == (1, 0)
    assert set(world.acknowledged()) == {"p1", "p2"}


def test_a_drop_is_taken_back_and_of_a_row_that_the_crm_keeps_out_judged_anew(world):
    world.crm(person(), person(id="P3", email="bad"))
    world.run()
    with pytest.raises(NotDecidable, match="did not reject it"):
        decide(world, "retry", "P3")
    decide(world, "drop", "P3")
    assert world.run()[0].figures.dropped == 1
    decide(world, "retry", "P3")
    plan, _ = world.run()
    assert (plan.figures.dropped, plan.figures.quarantined) == (0, 1)
    assert "e-mail" in shown(world)["P3"].reason
    assert shown(world)["P3"].line is not None


def test_promise_16_what_cannot_be_decided_is_explained_and_nothing_is_recorded(world):
    with pytest.raises(NotDecidable, match="never planned"):
        quarantine.rows(world.road, world.declared)
    world.crm(person(), person(id="P3", email="bad"), person(id="P4"), person(id="p4"), person(id=None))
    world.run()
    for keys, expected in (
        (("P1",), "Key 1 of the 1 .* is not in quarantine"),
        (("P3", "nobody"), "Key 2 of the 2 .* is not in quarantine"),
        (("P4",), "Mend the key"),
    ):
        with pytest.raises(NotDecidable, match=expected) as caught:
            decide(world, "drop", *keys)
        assert "nobody" not in str(caught.value)
        assert "othing was recorded" in str(caught.value)
    with pytest.raises(NotDecidable, match="no field 'Mail'; its fields are PersonID, Email"):
        quarantine.decide(world.road, world.declared, "drop", Chosen(field="Mail"), who="a", why="b")
    with pytest.raises(NotDecidable, match="no field 'Mail'") as caught:
        shown(world, chosen=Chosen(field="Mail"))
    assert "recorded" not in str(caught.value), "nothing was to be recorded"
    with pytest.raises(NotDecidable) as caught:
        shown(world, chosen=Chosen(keys=["nobody"]))
    assert "recorded" not in str(caught.value)
    with pytest.raises(NotDecidable, match="--why"):
        decide(world, "drop", "P3", why="  ")
    assert world.run()[0].figures.dropped == 0
    done = quarantine.decide(world.road, world.declared, "drop", Chosen(every=True), who="ann", why="all of them")
    assert done.rows == 1
    assert sorted(done.others.values()) == [1, 2]  # the row without a key; the copies
    assert world.run()[0].figures.dropped == 1


def test_two_decisions_at_once_are_one_and_a_refusal_that_names_the_other(world):
    world.crm(person(), person(id="P3", email="bad"))
    world.run()
    barrier, ends = threading.Barrier(2), []

    def drop(who: str) -> None:
        barrier.wait()
        try:
            decide(world, "drop", "P3", who=who)
            ends.append((who, "recorded"))
        except NotDecidable as error:
            ends.append((who, str(error)))

    threads = [threading.Thread(target=drop, args=(who,)) for who in ("ann", "ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (winner,) = [who for who, end in ends if end == "recorded"]
    (refusal,) = [end for _, end in ends if end != "recorded"]
    assert f"{winner} decided drop" in refusal
    assert decide(world, "drop", "P3", anyway=True).rows == 1


def test_an_older_lake_gets_its_table_and_many_rows_are_cut_and_masked(world):
    world.crm(*(person(id=f"P{n}", email="bad") for n in range(5)), person(id="P9"))
    world.run()
    with world.road.lake.write() as connection:
        connection.execute("DROP TABLE lake.quarantine.decisions")
    assert [one.rows for one in quarantine.counts(world.road, world.declared)] == [5]
    with pytest.raises(NotDecidable, match=r"of an earlier version .* run `etp plan people`"):
        quarantine.rows(world.road, world.declared)
    world.later = timedelta(hours=1)
    world.plan()
    found, more = quarantine.rows(world.road, world.declared, limit=3)
    assert ([row.key for row in found], more) == (["P… (2)"] * 3, 2)
    found, _ = quarantine.rows(world.road, world.declared, chosen=Chosen(keys=["P4"]), reveal=True)
    assert [row.key for row in found] == ["P4"]


@pytest.fixture
def etp(world, monkeypatch):
    """`etp` with the world's settings; returns exit code and output."""
    settings = settings_for(world.folder, world.info)
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        shown = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        monkeypatch.setenv(f"ET_{name.upper()}", str(shown))
    monkeypatch.chdir(world.folder)

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, [*arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return run


def test_promise_2_quarantine_at_the_terminal_shows_no_key_unless_asked_and_records_who_and_why(world, etp):
    assert etp("quarantine") == (0, "Nothing is in quarantine, as far as it was planned.\n")
    world.crm(person(), person(id="SECRET3", email="bad"))
    world.run()
    code, text = etp("quarantine", "list", "people")
    assert code == 0
    assert "1  people  quarantined: Email " in text
    code, text = etp("quarantine", "show", "people")
    assert code == 0
    assert "SECRET3" not in text
    assert "S… (7)" in text
    assert "people.yaml:" in text
    assert "SECRET3" in etp("quarantine", "show", "people", "--reveal")[1]

    code, text = etp("quarantine", "drop", "people", "--key", "secret3", "--why", "left the company")
    assert (code, "1 rows of people are dropped" in text) == (0, True)
    world.plan()
    assert json.loads(etp("quarantine", "show", "people", "--json")[1])[0]["decision"]["why"] == "left the company"
    assert "left the company" in etp("trace", "people", "SECRET3")[1]

    for arguments, expected in (
        (["drop", "people", "--why", "x"], "one of them only"),
        (["drop", "people", "--all"], "--why"),
        (["show", "nobody"], "people"),
        (["retry", "people", "--key", "P1", "--why", "x"], "not in quarantine"),
        (["show", "people", "--limit", "0"], "--limit"),
    ):
        code, text = etp("quarantine", *arguments)
        assert (code != 0, expected in text, "Traceback" in text) == (True, True, False), text
