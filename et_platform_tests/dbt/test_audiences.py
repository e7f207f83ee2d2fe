"""The three audiences on a real lake: who is in, who has left, and that nobody who is out is in any of them."""

from datetime import timedelta

import pyarrow as pa

from et_platform.catalog.catalog import load_catalog
from et_platform.dbt.run import build
from et_platform.sync.folding import folded_key
from et_platform.warehouse.snapshots import write_snapshot
from et_platform_tests.dbt.world import NEWEST, World, before

AUDIENCES = ("welcome", "newsletter", "event_reminders")


def ago(**length: float) -> str:
    return f"{NEWEST - timedelta(**length):%Y-%m-%d %H:%M:%S}"


def snapshot(world: World, name: str, *rows: dict[str, str | None]) -> None:
    entity = load_catalog(None).crm[name].is_
    schema = pa.schema([(column, pa.string()) for column in entity.columns])
    table = pa.Table.from_pylist([dict.fromkeys(entity.columns) | row for row in rows], schema=schema)
    write_snapshot(world.lake, name=name, entity=entity, rows=table.to_reader(), fold=folded_key, run_id="test")


def customer(key: str, created: str, **changes: str | None) -> dict[str, str | None]:
    usual = {"customer_id": key, "email": f"{key}@example.org", "opted_out": "0", "created_at": created}
    return usual | {"newsletter_opt_in": "1", "newsletter_opt_in_at": ago(days=40)} | changes


def members(world: World) -> dict[str, set[str]]:
    return {
        name: {key for (key,) in world.query(f"SELECT customer_id FROM lake.audiences.{name}")} for name in AUDIENCES
    }


def test_promise_9_nobody_who_is_out_is_in_an_audience(tmp_path, monkeypatch):
    monkeypatch.setenv("ET_DATA_PATH", str(tmp_path / "data"))
    world = World(tmp_path)
    snapshot(
        world,
        "customers",
        customer("New", ago(days=0)),
        customer("Month", ago(days=29)),
        customer("Old", ago(days=31), newsletter_opt_in="0"),
        customer("Out", ago(days=1), opted_out="1"),
        customer("Unclear", ago(days=1), opted_out="perhaps"),
        customer("Unsaid", ago(days=1), opted_out=None),
        customer("Mailless", ago(days=1), email=" "),
        customer("Left", ago(days=1)),
        customer("Lister", ago(days=1)),
        customer("Complainer", ago(days=1)),
        customer("Held", ago(days=1)),
        customer("Released", ago(days=1)),
        customer("Back", ago(days=1), newsletter_opt_in_at=ago(hours=1)),
        customer("Twin", ago(days=1)),
        customer("TWIN ", ago(days=1), opted_out="1"),
    )
    of_all = {"ListID": "1"}
    left = [
        before("left", days=2) | of_all,
        before("BACK", days=2) | of_all,
        before("lister", days=2) | {"ListID": "7"},
    ]
    world.track(Unsubs=left)
    world.status("complainer", "unsub", days=2)  # no event tells of it
    for key in ("held", "released"):
        world.status(key, "held", days=2)
    world.status("released", "normal", previous="held", days=1)
    snapshot(
        world,
        "events",
        {"event_id": "E1", "name": "Hike", "city": "Bend", "starts_at": ago(days=-14)},
        {"event_id": "E2", "name": "Talk", "city": "Bend", "starts_at": ago(days=-15)},
        {"event_id": "E3", "name": "Past", "city": "Bend", "starts_at": ago(days=1)},
    )
    snapshot(
        world,
        "event_registrations",
        *(
            {"registration_id": f"{who}-{event}", "customer_id": who, "event_id": event, "reminder_wanted": wanted}
            for who, event, wanted in (
                ("old", "E1", "1"),
                ("New", "E1", "0"),
                ("New", "E2", "1"),
                ("New", "E3", "1"),
                ("Out", "E1", "1"),
                ("Left", "E1", "1"),
            )
        ),
    )
    selected = ["--select", "+path:models/audiences"]
    results = list(build(world.road, arguments=selected, environment={"DBT_INDIRECT_SELECTION": "buildable"}))
    assert {one.status for one in results} <= {"success", "pass", "warn"}, results
    assert {one.name.split("_is_out")[0] for one in results if "is_out" in one.name} == {"nobody"}
    expected = {
        "welcome": {"New", "Month", "Back", "Lister", "Released"},
        "newsletter": {"New", "Month", "Back", "Lister", "Released"},
        "event_reminders": {"Old"},
    }
    assert members(world) == expected

    # The check itself: a row that got into an audience in whatever way is found.
    with world.lake.write() as connection:
        connection.execute("INSERT INTO lake.audiences.welcome BY NAME SELECT 'out' AS customer_id, 'x@y.zz' AS email")
    found = {one.name: one.failures for one in _tests(world)}
    assert found["nobody_is_out_welcome_"] == 1


def _tests(world: World):
    from et_platform.dbt.errors import BuildFailed

    try:
        yield from build(world.road, arguments=["--select", "nobody_is_out_welcome_"])
    except BuildFailed:
        return
