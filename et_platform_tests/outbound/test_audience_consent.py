"""Consent of an audience: whose data extension has no word of it, and whose subscribers may have opted out since."""

import pytest

from et_platform.outbound.deliver import deliver
from et_platform.outbound.errors import ConsentChanged
from et_platform.outbound.plan import make_plan
from et_platform.outbound.stage import stage_and_upload
from et_platform.trace.timeline import Sources, lines, timeline
from et_platform.warehouse import status_changes
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import CONSENT, person

AUDIENCE = """
description: Everybody.
owners: ["team:tests"]
customer_key: KEY_A
name: Audience KEY_A
source: {audience: everybody}
deletes: delete
sendable: {field: Subscriber}
guards: {maximum_delete_share: 1, maximum_quarantine_share: 1}
fields:
  RowID: {type: Text, length: 10, key: true, from: row}
  Subscriber: {type: Text, length: 10, required: true, from: id}
"""


@pytest.fixture
def world(tmp_path, exacttarget_info):
    world = World(tmp_path / "world", exacttarget_info)
    world.declare(CONSENT)
    text = AUDIENCE.replace("KEY", world.customer_key)
    (world.folder / "catalog" / "data_extensions" / "everybody.yaml").write_text(text, encoding="utf-8")
    return world


def build(world, *keys: str) -> None:
    values = ", ".join(f"('r{key}', '{key}')" for key in keys)
    with world.road.lake.write() as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS lake.audiences")
        connection.execute(f"CREATE OR REPLACE TABLE lake.audiences.everybody AS FROM (VALUES {values}) AS t (row, id)")


def rows(world) -> set[str]:
    with world.road.open_exacttarget() as exacttarget:
        found = exacttarget.rows.read(customer_key=f"{world.customer_key}_A", fields=["Subscriber"])
        return {row["Subscriber"] for batch in found for row in batch.to_pylist()}


def test_promise_9_who_opted_out_since_the_plan_is_not_imported_into_an_audience(world):
    catalog = world.catalog
    audience = catalog.data_extension("everybody")
    assert [one.name for one in catalog.consent_of(audience)] == ["people"]
    world.crm(person(id="P1"), person(id="P2"))
    world.snapshot()
    build(world, "P1", "p2 ")
    make_plan(world.road, catalog, audience)
    stage_and_upload(world.road, audience)
    world.crm(person(id="P1"), person(id="P2", opted_out="1", opted_out_at="2026-02-02 00:00:00"))
    world.snapshot()
    with pytest.raises(ConsentChanged, match="1 rows planned for everybody"):
        deliver(world.road, catalog, audience)
    assert rows(world) == set()

    build(world, "P1")  # the model, built anew, has them no more
    make_plan(world.road, catalog, audience)
    stage_and_upload(world.road, audience)
    settlement = deliver(world.road, catalog, audience)
    assert settlement is not None
    assert rows(world) == {"P1"}

    build(world, "P3")
    make_plan(world.road, catalog, audience)
    stage_and_upload(world.road, audience)
    assert deliver(world.road, catalog, audience) is not None
    assert rows(world) == {"P3"}, "who left the audience left the data extension"


def test_promise_9_an_audience_that_is_the_crms_own_table_leaves_out_who_is_out_and_takes_all_others(world):
    path = world.folder / "catalog" / "data_extensions" / "everybody.yaml"
    text = path.read_text(encoding="utf-8").replace("{audience: everybody}", "{crm: people}")
    text = text.replace("from: row}", "from: id}")
    path.write_text(text, encoding="utf-8")
    catalog = world.catalog
    audience = catalog.data_extension("everybody")
    world.crm(person(id="P1"), person(id="P2", opted_out="1", opted_out_at="2026-02-02 00:00:00"), person(id="P3"))
    for _ in range(2):
        world.snapshot()
        make_plan(world.road, catalog, audience)
        stage_and_upload(world.road, audience)
        deliver(world.road, catalog, audience)
        assert rows(world) == {"P1", "P3"}
    world.crm(person(id="P1"), person(id="P2", opted_in_at="2026-03-03 00:00:00"), person(id="P3"))
    world.snapshot()
    make_plan(world.road, catalog, audience)
    stage_and_upload(world.road, audience)
    assert deliver(world.road, catalog, audience) is not None
    assert rows(world) == {"P1", "P2", "P3"}, "who is in again is in the audience again"


def test_promise_9_who_is_held_or_complained_is_not_imported_into_an_audience(world):
    catalog = world.catalog
    audience = catalog.data_extension("everybody")
    world.crm(person(id="P1"), person(id="P2"), person(id="P3"))
    world.snapshot()
    build(world, "P1", "P2", "p3")
    with world.road.lake.write() as connection:
        status_changes.ensure_table(connection)
        connection.execute(
            f"INSERT INTO {status_changes.TABLE} (mid, subscriber_key, _folded_key, current, previous, changed_at) "
            "VALUES ($mid, 'P1', 'p1', 'held', 'normal', now()), ($mid, 'P2', 'p2', 'unsub', 'normal', now())",
            {"mid": world.road.mid},
        )
    plan = make_plan(world.road, catalog, audience)
    assert (plan.figures.inserts, plan.figures.quarantined) == (1, 2)
    stage_and_upload(world.road, audience)
    assert deliver(world.road, catalog, audience) is not None
    assert rows(world) == {"p3"}


def test_a_persons_timeline_tells_of_the_audiences_too(world):
    path = world.folder / "catalog" / "data_extensions" / "everybody.yaml"
    text = path.read_text(encoding="utf-8").replace("  RowID: {type: Text, length: 10, key: true, from: row}\n", "")
    path.write_text(text.replace("required: true, from: id", "key: true, from: id"), encoding="utf-8")
    catalog = world.catalog
    world.crm(person(id="P1"))
    world.snapshot()
    build(world, "p1")
    make_plan(world.road, catalog, catalog.data_extension("everybody"))
    road = world.road
    sources = Sources(road.mid, road.lake, road.ledger, road.files)
    told = list(lines(timeline(sources, catalog, catalog.entity("people"), "P1")))
    assert any(f"insert planned for {world.customer_key}_A" in line for line in told), told
