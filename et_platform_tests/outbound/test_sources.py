"""A data extension from a dbt model's table, from a query, and from expressions, through the whole road."""

import pytest

from et_platform.outbound.errors import DeclarationMismatch, NothingToPlanFrom, StalePlan
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import DATA_EXTENSION, person

FROM_MODEL = """
description: Welcome.
owners: ["team:tests"]
customer_key: Test_People
name: Test People
source: {audience: welcome}
fields:
  PersonID: {type: Text, length: 10, key: true, from: id}
  Name: {type: Text, length: 20, required: true, from: name}
  Tier: {type: Text, length: 10, sql: "CASE WHEN points > 5 THEN 'Gold' ELSE 'Basic' END"}
guards: {maximum_quarantine_share: 1.0, maximum_duplicate_share: 1.0}
"""
FROM_QUERY = FROM_MODEL.replace(
    "{audience: welcome}", "{sql: 'SELECT id, name, points FROM lake.crm.people WHERE NOT opted_out'}"
)


@pytest.fixture
def world(tmp_path, exacttarget_info):
    return World(tmp_path / "world", exacttarget_info)


def build(world, select: str) -> None:
    """The table as dbt builds it: anew, under its name."""
    with world.road.lake.write() as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS lake.audiences")
        connection.execute(f"CREATE OR REPLACE TABLE lake.audiences.welcome AS {select}")


def run(world):
    plan = world.plan()
    world.stage()
    return plan, world.deliver()


def test_a_models_table_travels_and_only_its_changes(world):
    world.declare(FROM_MODEL)
    with pytest.raises(NothingToPlanFrom, match=r"lake\.audiences\.welcome.*materialize audience/welcome first"):
        world.plan()
    build(
        world,
        "SELECT 'P1' AS id, 'a' AS name, 7 AS points UNION ALL SELECT 'P2', 'b', 3 UNION ALL SELECT 'p1 ', 'c', 1",
    )
    plan, settlement = run(world)
    assert (plan.figures.inserts, plan.figures.held) == (1, 2)
    assert settlement is not None
    assert settlement.acknowledged == 1
    assert world.rows() == {"P2": {"PersonID": "P2", "Name": "b", "Tier": "Basic"}}
    build(world, "SELECT 'P2' AS id, 'b' AS name, 4 AS points UNION ALL SELECT 'P1', 'a', 7")
    plan, _ = run(world)
    assert (plan.figures.inserts, plan.figures.updates, plan.figures.unchanged) == (1, 0, 1)
    plan, _ = run(world)
    assert (plan.change_set, plan.figures.unchanged) == (None, 2)


def test_a_model_that_was_built_anew_with_other_rows_asks_for_a_new_plan(world):
    world.declare(FROM_MODEL)
    build(world, "SELECT 'P1' AS id, 'a' AS name, 7 AS points")
    world.plan()
    build(world, "SELECT 'P1' AS id, 'b' AS name, 7 AS points")
    with pytest.raises(StalePlan, match="change_set/people again"):
        world.stage()
    world.plan()
    build(world, "SELECT 'P1' AS id, 'b' AS name, 7 AS points")
    assert world.stage() is not None, "the same rows are the same version"


def test_promise_16_a_model_without_a_column_is_explained_and_nothing_is_planned(world):
    world.declare(FROM_MODEL)
    build(world, "SELECT 'P1' AS id, 'a' AS nam, 7 AS points")
    with pytest.raises(DeclarationMismatch, match=r"people\.yaml:6: source: fields\.Name: there is no column 'name'"):
        world.plan()


def test_a_query_is_asked_anew_for_every_plan(world):
    world.declare(FROM_QUERY)
    world.crm(person(name="a"), person(id="P2", opted_out="1"))
    world.snapshot()
    _, settlement = run(world)
    assert settlement is not None
    assert world.rows() == {"P1": {"PersonID": "P1", "Name": "a", "Tier": "Gold"}}
    world.crm(person(name="a", points="1"))
    world.snapshot()
    plan, _ = run(world)
    assert plan.figures.updates == 1
    assert world.rows()["P1"]["Tier"] == "Basic"


def test_an_expression_is_sent_and_another_one_sends_only_what_it_makes_different(world):
    text = DATA_EXTENSION.replace(
        "Name: {type: Text, length: 10, from: name", 'Name: {type: Text, length: 10, sql: "EXP"'
    )
    world.declare(text.replace("EXP", "upper(name)"))
    world.crm(person(name="a"), person(id="P2", name="B"))
    world.run()
    assert {row["Name"] for row in world.rows().values()} == {"A", "B"}
    world.declare(text.replace("EXP", "name"))
    plan, _ = world.run()
    assert plan.figures.updates == 1
    assert world.rows()["P1"]["Name"] == "a"
