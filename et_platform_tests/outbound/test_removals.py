"""Rows that left the CRM, against a real simulator: deleted or marked, proven, and back again as inserts."""

import pytest

from et_platform.outbound.errors import GateClosed, StalePlan
from et_platform.outbound.snapshot import take_snapshot
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import CRM, DATA_EXTENSION, REMOVING, person, write_catalog
from et_platform_tests.simulated import running_simulator

GUARDS = "guards: {maximum_delete_share: 0.5, "
TOMBSTONE = DATA_EXTENSION.replace(
    "guards: {", f"  Gone: {{type: Boolean}}\ndeletes: tombstone\ntombstone: Gone\n{GUARDS}"
)
SINCE = TOMBSTONE.replace("type: Boolean}\ndeletes", "type: Date}\ndeletes")


@pytest.fixture
def world(tmp_path, exacttarget_info):
    world = World(tmp_path / "world", exacttarget_info)
    world.declare(REMOVING)
    return world


def test_promise_7_what_left_the_crm_is_deleted_and_nothing_else_and_comes_back_as_an_insert(world):
    world.crm(person(), person(id="P2"), person(id="P3"))
    world.run()
    with world.road.open_exacttarget() as exacttarget:
        theirs = {"PersonID": "X1", "Email": "x1@example.org"}
        exacttarget.rows.upsert(customer_key=world.customer_key, rows=[theirs])
    world.crm(person(points="8"), person(id="P3"))
    plan, settlement = world.run()
    assert (plan.figures.updates, plan.figures.deletes, plan.figures.kept) == (1, 1, 0)
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged, settlement.problems) == (2, 2, ())
    assert set(world.rows()) == {"P1", "P3", "X1"}, "what others put there stays"
    assert set(world.acknowledged()) == {"p1", "p3"}
    assert world.run()[1] is None

    world.crm(person(points="8"), person(id="P2", name="back"), person(id="P3"))
    plan, settlement = world.run()
    assert (plan.figures.inserts, plan.figures.deletes) == (1, 0)
    assert world.rows()["P2"]["Name"] == "back"


def test_promise_7_so_many_removals_as_no_guard_allows_close_the_gate(world):
    world.declare(REMOVING.replace("maximum_delete_share: 0.5", "maximum_delete_share: 0.3"))
    world.crm(*(person(id=f"P{n}") for n in range(4)))
    world.run()
    world.crm(person(id="P0"), person(id="P1"))
    world.snapshot()
    assert "maximum_delete_share" in " ".join(world.plan().verdict.reasons)
    with pytest.raises(GateClosed, match="2 of 4 acknowledged rows"):
        world.stage()
    assert len(world.rows()) == 4


@pytest.mark.parametrize(("declared", "gone"), [(TOMBSTONE, {"True"}), (SINCE, None)])
def test_promise_7_a_tombstone_marks_the_row_once_and_is_lifted_when_it_is_back(world, declared, gone):
    world.declare(declared)
    world.crm(person(), person(id="P2"))
    world.run()
    assert {row["Gone"] for row in world.rows().values()} <= {"False", None, ""}
    world.crm(person())
    plan, settlement = world.run()
    assert plan.figures.deletes == 1
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (1, ())
    row = world.rows()["P2"]
    assert row["Gone"] in gone if gone else row["Gone"]
    assert row["Name"] == "Zoë 漢"
    plan, settlement = world.run()
    assert (plan.figures.deletes, plan.figures.kept, settlement) == (0, 1, None)

    world.crm(person(), person(id="P2"))
    plan, settlement = world.run()
    assert (plan.figures.inserts, plan.figures.updates) == (0, 1)
    assert world.rows()["P2"]["Gone"] in ("False", None, "")


def test_promise_7_a_snapshot_of_only_what_changed_removes_nothing(world):
    incremental = "source: {table: people, incremental: {cursor: points, overlap: 0}}"
    write_catalog(
        world.folder / "catalog",
        crm=CRM.replace("source: {table: people}", incremental),
        data_extension=(world.folder / "catalog/data_extensions/people.yaml").read_text(),
    )
    world.crm(person(), person(id="P2"), person(id="P3"))
    world.run()
    world.crm(person(points="9"), person(id="P3"))
    plan, _ = world.run()
    assert (plan.figures.updates, plan.figures.deletes, plan.figures.kept) == (1, 0, 0), "P2 is not known to be gone"
    take_snapshot(world.road, world.catalog.crm["people"], full=True)
    world.crm(person(points="10"), person(id="P3"))
    world.snapshot()
    plan = world.plan()
    assert (plan.figures.deletes, plan.figures.kept) == (0, 1)
    assert "next full one" in plan.figures.kept_because
    take_snapshot(world.road, world.catalog.crm["people"], full=True)
    assert world.plan().figures.deletes == 1


def test_promise_7_a_row_that_is_back_before_the_import_is_not_deleted(world):
    world.crm(person(), person(id="P2"))
    world.run()
    world.crm(person())
    world.snapshot()
    world.plan()
    world.stage()
    world.crm(person(), person(id="P2"))
    world.snapshot()
    with pytest.raises(StalePlan, match="1 rows that were to be removed"):
        world.deliver()
    assert set(world.rows()) == {"P1", "P2"}
    assert world.run()[1] is None


@pytest.mark.parametrize("counted", ["successful", "errors"])
def test_promise_6_a_row_that_is_gone_already_is_proven_by_its_absence(tmp_path, counted):
    with running_simulator(tmp_path / "et", "--set", f"delete_missing={counted}") as simulator:
        world = World(tmp_path / "world", simulator.info)
        world.declare(REMOVING)
        world.crm(person(), person(id="P2"), person(id="P3"))
        world.run()
        with world.road.open_exacttarget() as exacttarget:
            exacttarget.rows.delete(customer_key=world.customer_key, keys=[{"PersonID": "P2"}])
        world.crm(person(), person(id="P3"))
        _, settlement = world.run()
        assert settlement is not None
        assert settlement.acknowledged == 1
        assert set(world.acknowledged()) == {"p1", "p3"}
        assert world.run()[1] is None
