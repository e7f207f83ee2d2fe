"""What the graph says of the write-back: which columns it writes, and what each of them is made of."""

import dagster as dg
import pytest

from et_platform.catalog.catalog import Catalog, load_catalog
from et_platform.dbt.project import PACKAGED, Project
from et_platform.definitions import build_defs
from et_platform.resources import Platform

EVENT_AT = "EventDate"


def specs(catalog: Catalog) -> dict[str, dg.AssetSpec]:
    project = Project(PACKAGED, PACKAGED / "target" / "platform")
    defs = build_defs(catalog=catalog, platform=Platform(), project=project)
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def lineage(spec: dg.AssetSpec) -> dict[str, set[str]]:
    deps = spec.metadata["dagster/column_lineage"].deps_by_column
    return {
        column: {f"{dep.asset_key.to_user_string()}: {dep.column_name}" for dep in of} for column, of in deps.items()
    }


@pytest.mark.parametrize("mart", [True, False])
def test_each_column_tells_what_it_is_made_of_back_to_columns_that_are_there(mart):
    catalog = load_catalog(None)
    declared = catalog.writeback["customers"].is_
    if not mart:
        engagement = declared.engagement.model_copy(update={"mart": None})
        object.__setattr__(declared, "engagement", engagement)  # frozen, and this catalogue is the test's own
    found = specs(catalog)
    spec = found["crm_writeback/customers"]
    made = lineage(spec)
    assert {column.name for column in spec.metadata["dagster/column_schema"].columns} == set(made)
    assert set(made) == {"customer_id", *(column for column, _ in declared.columns().values())}
    assert all(f"crm_snapshot/customers: {column}" in of for column, of in made.items()), "each may stay as it was"
    assert made["opted_out_at"] == {"events/unsubscribe: EventDate", "crm_snapshot/customers: opted_out_at"}
    assert {"events/unsubscribe: _file", "events/unsubscribe: _line"} < made["opt_out_evidence"]
    clicks = "mart/customer_engagement: clicks" if mart else "events/click: EventDate"
    assert made["click_count"] == {clicks, "crm_snapshot/customers: click_count"}
    assert made["newsletter_opt_in_at"] == {"crm_snapshot/customers: newsletter_opt_in_at"}, "read, never written"
    asset_deps = {dep.asset_key.to_user_string() for dep in spec.deps}
    for of in made.values():
        for one in of:
            asset, _, column = one.partition(": ")
            assert asset in asset_deps, one
            assert column in {known.name for known in found[asset].metadata["dagster/column_schema"].columns}, one
    assert "| opted_out | consent.opted_out | events/unsubscribe: EventDate, " in spec.metadata["columns"].value
