"""The outbound road against a real simulator: what travels, what does not, and what is proven."""

import time

import pytest

from et_platform.exacttarget.models import DataExtension, Field, FieldType
from et_platform.outbound.errors import DeclarationMismatch, GateClosed, ImportStillRunning, NothingToPlanFrom
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import DATA_EXTENSION, person


@pytest.fixture
def world(tmp_path, exacttarget_info):
    return World(tmp_path / "world", exacttarget_info)


def test_rows_travel_once_and_then_only_their_changes(world):
    world.crm(person(), person(id="P2", name="B"), person(id="P3", email="bad"))
    plan, settlement = world.run()
    assert (plan.figures.inserts, plan.figures.quarantined) == (2, 1)
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged, settlement.problems) == (2, 2, ())
    assert world.rows()["P1"] == {
        "PersonID": "P1",
        "Email": "p1@example.org",
        "Name": "Zoë 漢",
        "Points": "7",
        "Spent": "12.50",
        "Born": "2/3/1987 12:00:00 AM",
        "OptedIn": "True",
        "OptedInAt": "1/1/2026 9:04:05 PM",
        "Nickname": "zo",
    }

    plan, settlement = world.run()
    assert (plan.change_set, settlement) == (None, None)
    assert world.imported_rows() == 2

    world.crm(person(points="8"), person(id="P2", name="B"), person(id="P4"))
    plan, settlement = world.run()
    assert (plan.figures.inserts, plan.figures.updates, plan.figures.kept) == (1, 1, 0)
    assert settlement is not None
    assert settlement.acknowledged == 2
    assert world.imported_rows() == 4
    assert {key: row["Points"] for key, row in world.rows().items()} == {"P1": "8", "P2": "7", "P4": "7"}


@pytest.mark.parametrize(
    "name",
    ['"q", ;\'x', "a\nb", "a\r\nb", "  x  ", "=1+1", "🏔🏔", "محمد", "שלום", "NULL", ",", '"', "\t", "Ǆ﷽", "e\u0301"],
)
def test_promise_5_text_of_any_kind_arrives_as_it_was(world, name):
    world.crm(person(name=name))
    _, settlement = world.run()
    assert settlement is not None
    assert settlement.problems == ()
    assert (world.rows()["P1"]["Name"] or "").replace("\r\n", "\n") == name.replace("\r\n", "\n")


def test_a_field_of_exacttargets_own_is_set_on_insert_and_left_alone_on_update(world):
    world.crm(person())
    world.run()
    with world.road.open_exacttarget() as exacttarget:
        exacttarget.rows.upsert(customer_key=world.customer_key, rows=[{"PersonID": "P1", "Nickname": "mine"}])
    world.crm(person(points="9", nickname="yours"))
    world.run()
    assert (world.rows()["P1"]["Points"], world.rows()["P1"]["Nickname"]) == ("9", "mine")


def test_promise_7_rows_that_leave_the_crm_stay_and_are_counted(world):
    world.crm(person(), person(id="P2"))
    world.run()
    world.crm(person())
    plan, settlement = world.run()
    assert (plan.figures.kept, settlement) == (1, None)
    assert set(world.rows()) == {"P1", "P2"}


@pytest.mark.parametrize("left", [0, 1])
def test_promise_7_an_emptied_or_shrunken_crm_closes_the_gate_at_the_writing_step_itself(world, left):
    world.crm(*(person(id=f"P{n}") for n in range(4)))
    world.run()
    world.crm(*(person(id=f"P{n}", name="new") for n in range(left)))
    world.snapshot()
    assert not world.plan().verdict.is_open
    if left:
        with pytest.raises(GateClosed, match="Nothing was sent"):
            world.stage()
    assert {row["Name"] for row in world.rows().values()} == {"Zoë 漢"}


def test_promise_4_every_file_has_its_own_definition_and_nothing_is_left_behind(world):
    world.crm(person())
    world.run()
    world.crm(person(points="8"), person(id="P2"))
    _, settlement = world.run()
    assert settlement is not None
    assert sorted(file.operation for file in settlement.files) == ["insert", "update"]
    assert len({file.task_id for file in settlement.files}) == 2
    assert not list((world.info["ftp_folder"] / "Import").glob(f"*{settlement.attempt_id}*"))
    assert not list(world.road.staged(world.declared.is_).iterdir())


def tamper(world: World, operation: str, change) -> None:
    """Change an uploaded file on the FTP site, as a fault between upload and import would."""
    attempt = world.road.ledger.open_attempt(world.road.mid, world.customer_key)
    assert attempt is not None
    file = next(f for f in attempt.files if f.operation == operation)
    path = world.info["ftp_folder"] / "Import" / file.remote
    path.write_text(change(path.read_text("utf-8")), "utf-8")


def test_promise_5_rows_that_never_arrived_are_not_acknowledged_although_the_import_completed(world):
    world.crm(*(person(id=f"P{n}") for n in range(5)))
    world.snapshot()
    world.plan()
    world.stage()
    tamper(world, "insert", lambda text: "\n".join(text.splitlines()[:3]) + "\n")
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged, settlement.rejected) == (5, 2, 3)
    assert "TotalRows is 2, but 5 rows were staged" in settlement.problems[0]
    assert set(world.acknowledged()) == {"p0", "p1"}
    plan, settlement = world.run()  # promise 2: what was not acknowledged is a change again
    assert plan.figures.inserts == 3
    assert settlement is not None
    assert settlement.acknowledged == 3


def test_promise_6_a_row_that_exacttarget_rejects_is_named_and_after_the_second_time_quarantined(world):
    world.crm(person(), person(id="P2"))
    for attempt in (1, 2):
        world.snapshot()
        assert world.plan().change_set is not None
        world.stage()
        tamper(world, "insert", lambda text: text.replace('"P2","p1@example.org"', '"P2","broken"'))
        settlement = world.deliver()
        assert settlement is not None
        assert settlement.rejected == 1
        assert "1 rows are counted as errors" in settlement.problems[0]
        assert set(world.acknowledged()) == {"p1"}, attempt
    plan, settlement = world.run()
    assert (plan.figures.quarantined, plan.change_set, settlement) == (1, None, None)
    assert plan.figures.reasons == {"PersonID: was rejected twice by ExactTarget with this content": 1}
    world.crm(person(), person(id="P2", name="mended"))
    _, settlement = world.run()
    assert settlement is not None
    assert settlement.acknowledged == 1


def test_promise_5_a_file_that_vanished_before_the_import_acknowledges_nothing(world):
    world.crm(person())
    world.snapshot()
    world.plan()
    world.stage()
    for path in (world.info["ftp_folder"] / "Import").glob("*"):
        path.unlink()
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.acknowledged, world.acknowledged()) == (0, {})
    assert "ended as Error" in settlement.problems[0]
    _, settlement = world.run()
    assert settlement is not None
    assert settlement.acknowledged == 1


def test_an_import_that_outlasts_the_deadline_is_adopted_by_the_next_run(tmp_path):
    from et_platform_tests.simulated import running_simulator

    with running_simulator(tmp_path / "et", "--set", "import_delay_seconds=1.5") as simulator:
        world = World(tmp_path / "world", simulator.info, changes={"import_deadline_seconds": 0.2})
        world.crm(person())
        world.snapshot()
        world.plan()
        world.stage()
        with pytest.raises(ImportStillRunning, match="Nothing is lost"):
            world.deliver()
        assert world.file_states() == ["started"]
        world.changes = {}
        plan, settlement = world.run()
        assert plan.settled is not None
        assert (plan.settled.acknowledged, plan.change_set, settlement) == (1, None, None)
        assert world.imported_rows() == 1


def test_a_plan_without_a_snapshot_says_what_to_materialize(world):
    with pytest.raises(NothingToPlanFrom, match="crm_snapshot/people"):
        world.plan()


def test_a_missing_crm_column_names_the_line_of_the_catalogue_and_keeps_the_former_snapshot(world):
    import sqlite3
    from contextlib import closing

    world.crm(person())
    world.snapshot()
    with closing(sqlite3.connect(world.folder / "crm.sqlite")) as crm, crm:
        crm.execute("ALTER TABLE people RENAME COLUMN points TO bonus")
    with pytest.raises(DeclarationMismatch, match=r"crm/people\.yaml:\d+: columns\.points: .*bonus"):
        world.snapshot()
    assert world.plan().figures.snapshot == 1


def test_a_name_that_another_data_extension_has_is_explained(world):
    with world.road.open_exacttarget() as exacttarget:
        exacttarget.data_extensions.create(
            data_extension=DataExtension(
                customer_key=f"{world.customer_key}_other",
                name=world.declared.is_.name,
                fields=(Field(name="Id", type=FieldType.Text, max_length=10, is_primary_key=True, is_required=True),),
            )
        )
    world.crm(person())
    world.snapshot()
    world.plan()
    with pytest.raises(DeclarationMismatch, match=f"'{world.customer_key}_other'.*Nothing was created"):
        world.stage()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "Points: {type: Number, from: points}",
            "Points: {type: Text, from: points}",
            "Points is declared Text, but is Number",
        ),
        ("  Email: {type: EmailAddress, required: true, from: email, pii: contact}\n", "", "Email is required there"),
        (
            "guards:",
            "  More: {type: Text, required: true, from: name}\nguards:",
            "a required field cannot be added later",
        ),
    ],
)
def test_a_data_extension_that_is_not_what_is_declared_is_left_alone_and_explained(world, old, new, expected):
    world.crm(person())
    world.run()
    assert old in DATA_EXTENSION
    world.declare(DATA_EXTENSION.replace(old, new))
    world.crm(person(email="new@example.org", points="8"))
    world.snapshot()
    world.plan()
    with pytest.raises(DeclarationMismatch, match=expected):
        world.stage()
    assert world.imported_rows() == 1


def test_a_newly_declared_field_is_added_and_only_its_values_travel(world):
    world.crm(person(), person(id="P2"))
    world.run()
    world.declare(DATA_EXTENSION.replace("guards:", "  Alias: {type: Text, length: 10, from: nickname}\nguards:"))
    plan, settlement = world.run()
    assert (plan.figures.updates, plan.figures.inserts) == (2, 0)
    assert settlement is not None
    assert settlement.acknowledged == 2
    assert {row["Alias"] for row in world.rows().values()} == {"zo"}
    assert world.run()[1] is None


def test_promise_13_a_second_run_waits_for_the_first_instead_of_importing_beside_it(world):
    import threading

    world.crm(*(person(id=f"P{n}") for n in range(20)))
    errors: list[BaseException] = []

    def run() -> None:
        try:
            world.run()
        except BaseException as error:  # noqa: BLE001 - the assertion below shows it
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    plan, settlement = world.run()
    assert (plan.change_set, settlement) == (None, None) or errors
    assert world.imported_rows() == 20, errors
    assert len(world.acknowledged()) == 20


def test_rows_are_kept_for_their_owner_only_and_no_longer_than_needed(world):
    world.crm(person())
    world.snapshot()
    first = world.plan().change_set
    world.crm(person(points="8"))
    world.snapshot()
    second = world.plan().change_set
    assert first is not None
    assert second is not None
    folder = world.road.change_sets(world.declared.is_)
    assert [path.name for path in folder.iterdir()] == [f"{second.id}.parquet"], "the superseded rows are gone"
    attempt = world.stage()
    staged = world.folder / "data" / "files" / "staged"
    files = [path for path in (*folder.rglob("*"), *staged.rglob("*.csv")) if path.is_file()]
    assert len(files) == 2
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    world.deliver()
    assert [path.name for path in folder.iterdir()] == [f"{second.id}.parquet"], "settled rows are kept for a while"
    world.changes = {"retention_days": 0}
    world.plan()
    assert not list(folder.iterdir())
    assert attempt is not None


def test_promise_3_what_a_run_left_that_was_killed_before_its_attempt_was_recorded_is_cleared(world):
    world.crm(person())
    for folder in (
        world.road.staged(world.declared.is_) / "0123",
        world.road.change_sets(world.declared.is_) / ".plan",
    ):
        folder.mkdir()
        (folder / "rows").write_text("left")
    world.run()
    assert not list(world.road.staged(world.declared.is_).iterdir())
    assert [path.suffix for path in world.road.change_sets(world.declared.is_).iterdir()] == [".parquet"]
