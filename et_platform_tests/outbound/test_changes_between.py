"""What changes between two runs besides the CRM: the declaration, the account, the data extension itself."""

import pytest

from et_platform.outbound.errors import DeclarationMismatch, RowsMissing, StalePlan
from et_platform.outbound.forget import forget_acknowledged
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import DATA_EXTENSION, person

ALIAS = "  Alias: {type: Text, length: 10, from: nickname}\nguards:"


@pytest.fixture
def world(tmp_path, exacttarget_info):
    return World(tmp_path / "world", exacttarget_info)


def start_without_settling(world: World) -> None:
    """Leave the open attempt as a kill right after Perform leaves it."""
    road = world.road
    attempt = road.ledger.open_attempt(road.mid, world.customer_key)
    assert attempt is not None
    from et_platform.outbound.deliver import _define, _start

    with road.lease_of(world.declared.is_) as held, road.open_exacttarget() as exacttarget:
        for file in attempt.files:
            _define(road, exacttarget, world.declared.is_, file)
            _start(road, exacttarget, world.catalog, world.declared, file, held)


def test_promise_2_another_customer_key_is_another_data_extension_of_which_nothing_is_acknowledged(world):
    world.crm(person(), person(id="P2"))
    world.run()
    world.customer_key += "_new"
    world.declare(DATA_EXTENSION.replace("Name: {type: Text, length: 10", "Name: {type: Text, length: 12"))
    plan, settlement = world.run()
    assert plan.figures.inserts == 2
    assert settlement is not None
    assert settlement.acknowledged == 2
    assert set(world.rows()) == {"P1", "P2"}


def test_a_data_extension_that_vanished_with_rows_of_ours_stops_the_road_until_it_is_forgotten(world):
    world.crm(person(), person(id="P2"))
    world.run()
    with world.road.open_exacttarget() as exacttarget:
        exacttarget.data_extensions.delete(customer_key=world.customer_key)
    world.crm(person(points="8"), person(id="P2"))
    world.snapshot()
    world.plan()
    with pytest.raises(DeclarationMismatch, match=r"2 rows in it were acknowledged.*etp forget people"):
        world.stage()
    assert forget_acknowledged(world.road, world.declared) == 2
    plan, settlement = world.run()
    assert plan.figures.inserts == 2
    assert settlement is not None
    assert settlement.acknowledged == 2
    assert {key: row["Points"] for key, row in world.rows().items()} == {"P1": "8", "P2": "7"}


def test_promise_2_an_import_that_failed_as_a_whole_says_nothing_against_its_rows(world):
    world.crm(person(), person(id="P2"))
    for _ in range(3):
        world.snapshot()
        world.plan()
        world.stage()
        for path in (world.info["ftp_folder"] / "Import").glob("*"):
            path.unlink()
        settlement = world.deliver()
        assert settlement is not None
        assert settlement.acknowledged == 0
    plan, settlement = world.run()
    assert (plan.figures.inserts, plan.figures.quarantined) == (2, 0)
    assert settlement is not None
    assert settlement.acknowledged == 2


@pytest.mark.parametrize(
    ("old", "new", "updates"),
    [("guards:", ALIAS, 1), ("  Points: {type: Number, from: points}\n", "", 0)],
    ids=["a field more", "a field less"],
)
def test_promise_3_an_attempt_left_open_is_settled_under_the_declaration_it_was_planned_with(world, old, new, updates):
    world.crm(person())
    world.snapshot()
    world.plan()
    world.stage()
    start_without_settling(world)
    world.declare(DATA_EXTENSION.replace(old, new))
    plan, _ = world.run()
    assert plan.settled is not None
    assert (plan.settled.acknowledged, plan.settled.problems) == (1, ())
    assert (plan.figures.inserts, plan.figures.updates) == (0, updates)
    assert world.run()[1] is None


def test_promise_4_a_doubt_about_a_data_extension_that_is_gone_ends_with_nothing_proven(world):
    world.crm(person())
    world.snapshot()
    world.plan()
    world.stage()
    road = world.road
    attempt = road.ledger.open_attempt(road.mid, world.customer_key)
    assert attempt is not None
    road.ledger.advance_file(attempt.files[0], "starting")
    with road.open_exacttarget() as exacttarget:
        exacttarget.data_extensions.delete(customer_key=world.customer_key)
    plan, settlement = world.run()
    assert plan.settled is not None
    assert plan.settled.acknowledged == 0
    assert settlement is not None
    assert settlement.acknowledged == 1


def test_fields_declared_anew_after_the_plan_ask_for_a_new_plan_and_give_another_change_set(world):
    world.crm(person())
    world.snapshot()
    first = world.plan().change_set
    swapped = DATA_EXTENSION.replace("from: name", "from: other").replace("from: nickname", "from: name")
    world.declare(swapped.replace("from: other", "from: nickname"))
    with pytest.raises(StalePlan, match="declared anew"):
        world.stage()
    second = world.plan().change_set
    assert first is not None
    assert second is not None
    assert first.id != second.id
    world.stage()
    world.deliver()
    assert (world.rows()["P1"]["Name"], world.rows()["P1"]["Nickname"]) == ("zo", "Zoë 漢")


@pytest.mark.parametrize(
    "now",
    [
        [person(points="8"), person(id="P2")],
        [person(id="P2")],
        [person(), person(id="p1 "), person(id="P2")],
    ],
    ids=["changed", "gone", "with a copy"],
)
def test_a_newer_snapshot_that_says_otherwise_of_its_rows_asks_for_a_new_plan(world, now):
    world.crm(person(), person(id="P2"))
    world.snapshot()
    world.plan()
    world.crm(*now)
    world.snapshot()
    with pytest.raises(StalePlan, match="change_set/people again"):
        world.stage()


def test_a_plan_outlives_newer_snapshots_that_say_the_same_of_its_rows(world):
    world.crm(person())
    world.snapshot()
    world.plan()
    world.snapshot()
    world.crm(person(), person(id="P2"))
    world.snapshot()
    world.stage()
    world.deliver()
    assert set(world.rows()) == {"P1"}, "the other one is for the next plan"
    plan, _ = world.run()
    assert plan.figures.inserts == 1


def test_a_wider_decimal_sends_only_what_it_makes_possible(world):
    world.crm(person(), person(id="P2", spent="12345.00"))
    assert world.run()[0].figures.quarantined == 1
    with world.road.open_exacttarget() as exacttarget:
        exacttarget.data_extensions.delete(customer_key=world.customer_key)
    forget_acknowledged(world.road, world.declared)
    world.declare(DATA_EXTENSION.replace("precision: 6", "precision: 9"))
    plan, settlement = world.run()
    assert (plan.figures.inserts, plan.figures.quarantined) == (2, 0)
    assert settlement is not None
    assert settlement.acknowledged == 2


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("scale: 2", "scale: 0", "keeps 0 digits after the point there and would round"),
        ("Name: {type: Text, length: 10", "Name: {type: Text, required: true, length: 10", "Name is required there"),
    ],
)
def test_the_data_extensions_own_rules_are_compared_before_anything_is_sent(world, old, new, expected):
    assert old in DATA_EXTENSION
    world.declare(DATA_EXTENSION.replace(old, new))
    world.crm(person(spent="12"))
    world.run()
    world.declare(DATA_EXTENSION)
    world.crm(person(spent="12.5"))
    world.snapshot()
    world.plan()
    with pytest.raises(DeclarationMismatch, match=expected):
        world.stage()


def test_promise_7_a_first_load_does_not_overwrite_what_is_exacttargets_own(world):
    world.declare(DATA_EXTENSION.replace(", owner: exacttarget", ""))
    world.crm(person())
    world.run()
    import shutil

    shutil.rmtree(world.folder / "data")  # somebody else filled it: we know of nothing
    world.declare(DATA_EXTENSION)
    world.snapshot()
    world.plan()
    with pytest.raises(DeclarationMismatch, match=r"already holds rows.*overwrite their Nickname"):
        world.stage()


def test_rejections_of_an_earlier_run_are_told_by_the_plan_that_settles_it(world):
    world.crm(person(), person(id="P2"))
    world.snapshot()
    world.plan()
    world.stage()
    for path in (world.info["ftp_folder"] / "Import").glob("*.csv"):
        path.write_text(path.read_text("utf-8").replace('"P2","p1@example.org"', '"P2","broken"'), "utf-8")
    start_without_settling(world)
    world.snapshot()
    plan = world.plan()
    assert plan.settled is not None
    assert plan.settled.rejected == 1
    assert "1 rows are counted as errors" in plan.settled.problems[0]
    assert plan.settled.problems[0] in world.told


def test_rows_that_are_gone_are_named_as_the_cause(world):
    world.crm(person())
    world.snapshot()
    world.plan()
    for path in world.road.change_sets(world.declared.is_).glob("*.parquet"):
        path.unlink()
    with pytest.raises(RowsMissing, match=r"parquet is missing"):
        world.stage()


def test_a_data_path_may_be_moved_while_a_change_set_is_open(world):
    world.crm(person())
    world.snapshot()
    world.plan()
    (world.folder / "data").rename(world.folder / "elsewhere")
    world.changes = {"data_path": world.folder / "elsewhere"}
    world.stage()
    settlement = world.deliver()
    assert settlement is not None
    assert settlement.acknowledged == 1


def test_forgetting_a_data_extension_that_is_not_empty_does_not_overwrite_what_is_exacttargets_own(world):
    world.crm(person())
    world.run()
    forget_acknowledged(world.road, world.declared)
    world.snapshot()
    world.plan()
    with pytest.raises(DeclarationMismatch, match="already holds rows"):
        world.stage()


def test_the_case_of_a_field_name_may_be_corrected(world):
    world.crm(person(), person(id="P2"))
    world.run()
    world.declare(DATA_EXTENSION.replace("  Name: {", "  NAME: {"))
    world.crm(person(name="other"), person(id="P2"))
    plan, settlement = world.run()
    assert (plan.figures.inserts, plan.figures.updates) == (0, 1)
    assert settlement is not None
    assert settlement.acknowledged == 1


def test_promise_1_the_case_of_a_customer_key_may_change_while_an_attempt_is_open(world):
    world.crm(person(), person(id="P2"))
    world.snapshot()
    world.plan()
    world.stage()
    start_without_settling(world)
    world.customer_key = world.customer_key.lower()
    world.declare(DATA_EXTENSION)
    plan, settlement = world.run()
    assert plan.settled is not None
    assert (plan.settled.acknowledged, settlement) == (2, None)
    assert world.imported_rows() == 2


def test_a_field_that_was_exacttargets_and_becomes_the_crms_is_sent_once_to_every_row(world):
    world.crm(person(nickname="old"))
    world.run()
    with world.road.open_exacttarget() as exacttarget:
        exacttarget.rows.upsert(customer_key=world.customer_key, rows=[{"PersonID": "P1", "Nickname": "theirs"}])
    world.declare(DATA_EXTENSION.replace(", owner: exacttarget", ""))
    plan, settlement = world.run()
    assert plan.figures.updates == 1
    assert settlement is not None
    assert world.rows()["P1"]["Nickname"] == "old"
    assert world.run()[1] is None


@pytest.mark.parametrize(
    ("message", "secret"),
    [
        ("Conversion Error: Type INT64 with value 4917612345678 can't be cast", "4917612345678"),
        ("Conversion Error: Could not convert string 'O'Brien' to INT32", "Brien"),
        ("Invalid Input Error: cast\nLINE 1: select Secretive", "Secretive"),
    ],
)
def test_promise_16_an_error_of_the_lake_shows_no_value(message, secret):
    import dagster as dg
    import duckdb

    from et_platform.presentation import explained_failures

    with pytest.raises(dg.Failure) as caught, explained_failures():
        raise duckdb.Error(message)
    assert secret not in str(caught.value.description)
    assert "run this again" in str(caught.value.description)
