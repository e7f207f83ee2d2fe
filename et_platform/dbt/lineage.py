"""Which columns a model's column is made of, read from the model's SQL.

What belongs here: one function over a compiled manifest. What does not: showing it (defs/dbt.py).
"""

from collections.abc import Mapping
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage

Place = tuple[str, str, str]
"""Database, schema and name of a relation."""

ColumnLineage = dict[str, dict[str, list[tuple[str, str]]]]
"""A model's id → its columns → the (id, column) that each is made of."""


def column_lineage(manifest: Mapping[str, Any]) -> ColumnLineage:
    """The lineage of every model's declared columns; a model whose SQL the parser cannot follow is left out.

    Sources and models must declare their columns with types, for a `select *` to be followed.
    """
    relations = manifest["nodes"] | manifest["sources"]
    schema: dict[str, Any] = {}
    ids: dict[Place, tuple[str, Mapping[str, str]]] = {}
    for id_, node in relations.items():
        if node["resource_type"] in ("model", "source", "seed", "snapshot"):
            place = node["database"], node["schema"], node.get("identifier") or node["alias"]
            columns = {column["name"]: column.get("data_type") or "varchar" for column in node["columns"].values()}
            ids[place] = id_, {name.lower(): name for name in columns}  # the parser folds the case of names
            schema.setdefault(place[0], {}).setdefault(place[1], {})[place[2]] = columns
    found: ColumnLineage = {}
    for id_, node in manifest["nodes"].items():
        if node["resource_type"] == "model" and node.get("compiled_code"):
            try:
                found[id_] = {
                    column["name"]: _sources(
                        lineage(column["name"], node["compiled_code"], schema, dialect="duckdb"), ids
                    )
                    for column in node["columns"].values()
                }
            except (SqlglotError, ValueError):  # the latter: the SQL has no such column
                continue
    return found


def _sources(of: Node, ids: Mapping[Place, tuple[str, Mapping[str, str]]]) -> list[tuple[str, str]]:
    found = set()
    for node in of.walk():
        table = node.source if isinstance(node.source, exp.Table) else node.expression.find(exp.Table)
        if node.downstream or table is None:
            continue
        id_, names = ids.get((table.catalog, table.db, table.name), (None, {}))
        if id_ is not None:
            column = exp.to_column(node.name).name
            found.add((id_, names.get(column.lower(), column)))
    return sorted(found)
