"""Which columns a column is made of, over hand-made manifests."""

from typing import Any

import pytest

from et_platform.dbt.lineage import column_lineage

CUSTOMERS = {
    "resource_type": "source",
    "database": "lake",
    "schema": "crm",
    "identifier": "customers",
    "columns": {name: {"name": name, "data_type": "varchar"} for name in ("Id", "Name", "City")},
}


def model(sql: str, *columns: str) -> dict[str, Any]:
    return {
        "resource_type": "model",
        "database": "lake",
        "schema": "marts",
        "alias": "m",
        "compiled_code": sql,
        "columns": {name: {"name": name, "data_type": "varchar"} for name in columns},
    }


def lineage_of(sql: str, *columns: str):
    return column_lineage({"nodes": {"model.m": model(sql, *columns)}, "sources": {"source.c": CUSTOMERS}}).get(
        "model.m"
    )


@pytest.mark.parametrize(
    "sql",
    [
        'select "Id" as id, upper("Name") || "City" as place from "lake"."crm"."customers"',
        "with c as (select * from lake.crm.customers) select id, name || city as place from c",
        "select a.id, b.name || b.city as place from lake.crm.customers a join lake.crm.customers b on a.id = b.id",
        "select id, (select max(name || city) from lake.crm.customers) as place from lake.crm.customers",
    ],
)
def test_columns_are_followed_under_their_own_names(sql):
    assert lineage_of(sql, "id", "place") == {
        "id": [("source.c", "Id")],
        "place": [("source.c", "City"), ("source.c", "Name")],
    }


def test_what_is_made_of_nothing_or_of_a_table_that_nobody_declared_has_no_source():
    assert lineage_of("select 1 as one, x.y as other from lake.elsewhere.x", "one", "other") == {"one": [], "other": []}


@pytest.mark.parametrize("sql", ["select from where", "select id from lake.crm.customers"])
def test_a_model_that_cannot_be_followed_is_left_out(sql):
    assert lineage_of(sql, "id", "no_such_column") is None
