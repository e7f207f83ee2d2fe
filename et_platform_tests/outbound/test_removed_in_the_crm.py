"""A row that was removed in the CRM: only a full reading tells, however many incremental ones came between."""

import pytest

from et_platform.outbound.snapshot import take_snapshot
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import CRM, DATA_EXTENSION, person, write_catalog

INCREMENTAL = CRM.replace("{table: people}", "{table: people, incremental: {cursor: opted_in_at, overlap: 15 minutes}}")


@pytest.mark.parametrize("deletes", ["keep", "delete"])
def test_promise_7_a_row_that_is_gone_counts_as_gone_only_after_a_full_reading(tmp_path, exacttarget_info, deletes):
    world = World(tmp_path, exacttarget_info)
    text = DATA_EXTENSION.replace("Test_People", world.customer_key).replace(
        "Test People", f"Name {world.customer_key}"
    )
    text = text.replace("guards: {", "guards: {maximum_delete_share: 1.0, ")
    write_catalog(tmp_path / "catalog", crm=INCREMENTAL, data_extension=f"{text}deletes: {deletes}\n")
    world.crm(person(), person(id="P2"))
    world.run()
    world.crm(person(), person(id="P3", opted_in_at="2026-02-02 00:00:00"))
    for _ in range(2):
        world.snapshot()
        assert "incremental" in world.told[-1]
        figures = world.plan().figures
        assert (figures.inserts, figures.kept, figures.deletes) == (1, 0, 0), "P3 is read, of P2 nothing is known"

    take_snapshot(world.road, world.catalog.crm["people"], full=True)
    figures = world.plan().figures
    assert (figures.inserts, figures.updates) == (1, 0)
    assert (figures.kept, figures.deletes) == ((1, 0) if deletes == "keep" else (0, 1))
    world.stage()
    world.deliver()
    assert set(world.rows()) == ({"P1", "P2", "P3"} if deletes == "keep" else {"P1", "P3"})
