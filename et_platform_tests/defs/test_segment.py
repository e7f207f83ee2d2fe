"""segment/<name> as Dagster sees it: figures, checks, lineage, and a failure in one paragraph."""

import os

import dagster as dg
import pytest

from et_platform.definitions import build_defs
from et_platform.resources import Platform
from et_platform_tests.outbound.world import settings_for
from et_platform_tests.segments.world import QUERY, World


@pytest.fixture
def world(tmp_path, exacttarget_info, monkeypatch):
    world = World(tmp_path / "world", exacttarget_info)
    settings = settings_for(world.folder, exacttarget_info, poll_seconds=0.02, doubt_deadline_seconds=0.4)
    for name, value in settings.model_dump().items():
        if value is not None:
            secret = getattr(value, "get_secret_value", None)
            monkeypatch.setenv(f"ET_{name.upper()}", str(secret() if secret else value))
    before = dict(os.environ)
    yield world
    for name in set(os.environ) - set(before):
        del os.environ[name]


def materialized(world: World) -> dg.ExecuteInProcessResult:
    defs = build_defs(catalog=world.catalog, platform=Platform())
    with dg.DagsterInstance.ephemeral() as instance:
        return defs.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=[dg.AssetKey(["segment", world.declared.name])], instance=instance, raise_on_error=False
        )


def test_the_asset_tells_what_was_picked_and_from_which_fields(world):
    lake = "lake: SELECT x FROM (VALUES ('P2'), ('P3')) AS t(x)\n"
    world.declare(QUERY + lake)
    result = materialized(world)
    assert result.success
    (event,) = result.get_asset_materialization_events()
    told = event.step_materialization_data.materialization.metadata
    assert told["outcome"].value == "2 rows, read back; ExactTarget told 2"
    assert told["dagster/row_count"].value == 2
    lineage = told["dagster/column_lineage"].value
    assert lineage.deps_by_column["Name"] == [dg.TableColumnDep(dg.AssetKey(["data_extension", "people"]), "Name")]
    spec = build_defs(catalog=world.catalog, platform=Platform()).resolve_assets_def(
        dg.AssetKey(["segment", world.declared.name])
    )
    assert {dep.asset_key for one in spec.specs for dep in one.deps} == {dg.AssetKey(["data_extension", "people"])}
    checks = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    assert checks == {"picks_somebody": True, "every_row_is_there": True, "is_what_the_lake_gives": True}


def test_the_checks_tell_an_empty_segment_and_one_that_the_lake_does_not_give(world):
    world.declare(QUERY.replace("Points > 10", "Points > 1000") + "lake: SELECT 'P2'\n")
    result = materialized(world)
    assert result.success
    found = {one.check_name: (one.passed, one.description or "") for one in result.get_asset_check_evaluations()}
    assert found["picks_somebody"][0] is False
    assert "Nobody was picked" in found["picks_somebody"][1]
    assert found["is_what_the_lake_gives"][0] is False
    assert "Of 1 keys that the lake gives 1 are missing, and 0 are there" in found["is_what_the_lake_gives"][1]
    assert found["every_row_is_there"][0] is True


def test_what_stops_a_segment_is_one_paragraph(world):
    world.declare(QUERY.replace("Points FROM", "Points, Nothing AS Nobody FROM"))
    result = materialized(world)
    (failure,) = [one.step_failure_data.user_failure_data for one in result.all_events if one.is_step_failure]
    assert failure is not None
    assert "ExactTarget does not take segment" in (failure.description or "")
