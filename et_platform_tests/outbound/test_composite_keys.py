"""A key of two columns on the whole road: staged, deleted, read back and traced by both."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from et_platform.catalog.loader import CatalogError
from et_platform.outbound import quarantine
from et_platform.outbound.errors import NotDecidable
from et_platform.trace.timeline import Sources, key_of, timeline
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import CRM, REMOVING, person, write_catalog

CRM_TWO = CRM.replace("key: id", "key: [id, points]")
TWO = REMOVING.replace("Points: {type: Number, from: points}", "Points: {type: Number, key: true, from: points}")


class Two(World):
    def declare(self, text: str) -> None:
        text = text.replace("Test_People", self.customer_key).replace("Test People", f"Name {self.customer_key}")
        write_catalog(self.folder / "catalog", crm=CRM_TWO, data_extension=text)

    def by_both(self) -> Mapping[tuple[str | None, str | None], str | None]:
        with self.road.open_exacttarget() as exacttarget:
            batches = exacttarget.rows.read(customer_key=self.customer_key, fields=["PersonID", "Points", "Name"])
            rows = [row for batch in batches for row in batch.to_pylist()]
        return {(row["PersonID"], row["Points"]): row["Name"] for row in rows}


@pytest.fixture
def world(tmp_path, exacttarget_info):
    customer_key = f"T_{tmp_path.name[-20:]}"
    folder = tmp_path / "world"
    text = TWO.replace("Test_People", customer_key).replace("Test People", f"Name {customer_key}")
    write_catalog(folder / "catalog", crm=CRM_TWO, data_extension=text)
    return Two(folder, exacttarget_info)


def test_promises_1_and_7_rows_are_told_apart_by_both_columns(world):
    world.crm(person(name="a"), person(points="8", name="b"), person(id="P2", name="c"))
    _, settlement = world.run()
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (3, ())
    world.crm(person(name="a"), person(points="08", name="new"), person(id="p1", points="9", name="d"))
    plan, settlement = world.run()
    assert (plan.figures.inserts, plan.figures.updates, plan.figures.deletes) == (1, 1, 1)
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (3, ())
    assert world.by_both() == {("P1", "7"): "a", ("P1", "8"): "new", ("p1", "9"): "d"}
    assert world.run()[1] is None


def test_promises_5_and_6_a_read_back_proves_rows_by_both_columns(world):
    world.crm(person(name="a"), person(points="8", name="b"), person(points="9", name="c"))
    world.snapshot()
    world.plan()
    attempt = world.stage()
    path = Path(world.info["ftp_folder"]) / "Import" / attempt.files[0].remote
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*lines[:2], *lines[3:]]) + "\n", "utf-8")  # the row with 8 is lost
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged) == (3, 2)
    assert set(world.acknowledged()) == {"p1\x1f7", "p1\x1f9"}
    plan, _ = world.run()
    assert plan.figures.inserts == 1
    assert len(world.by_both()) == 3


def test_a_row_is_traced_and_quarantined_by_both_columns(world):
    world.crm(person(name="a"), person(points="8", email="broken"), person(points=None))
    plan, _ = world.run()
    assert (plan.figures.inserts, plan.figures.quarantined) == (1, 2)
    road, entity = world.road, world.catalog.crm["people"]
    sources = Sources(road.mid, road.lake, road.ledger, road.files)
    found = timeline(sources, world.catalog, entity, key_of(entity, ["p1", "7"]))
    assert found.copies == 1
    assert any("acknowledged" in moment.text for moment in found.moments)
    other = timeline(sources, world.catalog, entity, key_of(entity, ["P1", "8"]))
    assert any(moment.kind == "quarantine" for moment in other.moments)
    with pytest.raises(CatalogError, match="has 2 columns"):
        key_of(entity, ["P1"])
    of_key = quarantine.Chosen(field="PersonID, Points")  # as the row without points is listed
    with pytest.raises(NotDecidable, match="It has no key"):
        quarantine.decide(road, world.declared, "drop", of_key, who="ann", why="x")
    quarantine.decide(road, world.declared, "drop", quarantine.Chosen(keys=["P1, 8"]), who="ann", why="x")
    world.plan()
    found, _ = quarantine.rows(road, world.declared, chosen=of_key, reveal=True)
    assert ("P1, 8", "PersonID, Points", "dropped") in [(row.key, row.field, row.what) for row in found]
    assert len(found) == 2


def test_promise_16_key_fields_in_another_order_than_the_source_are_refused(world):
    swapped = CRM_TWO.replace("key: [id, points]", "key: [points, id]")
    text = (world.folder / "catalog/data_extensions/people.yaml").read_text()
    write_catalog(world.folder / "catalog", crm=swapped, data_extension=text)
    with pytest.raises(CatalogError, match="all of it and in its order"):
        _ = world.catalog
