"""Running a filter: the rows of a data extension that a data filter picks, into another data extension.

What belongs here: a filter kept as JSON, and one run. What does not: what operators mean (`../filters.py`). A run
replaces all rows of the destination [K], with the fields that both have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from et_platform.simulator import clock, filters, rows, schema
from et_platform.simulator.filters import Complex, Filter, Simple
from et_platform.simulator.queries import rewrite, target
from et_platform.simulator.queries.rewrite import QueryError
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

Kept = dict[str, Any]


def kept(wanted: Filter) -> Kept:
    """A filter as JSON."""
    if isinstance(wanted, Simple):
        return {"property": wanted.property, "operator": wanted.operator, "operands": list(wanted.operands)}
    return {"operator": wanted.operator, "parts": [kept(one) for one in wanted.parts]}


def restored(content: Kept) -> Filter:
    """A filter from JSON."""
    if "parts" in content:
        return Complex(content["operator"], tuple(restored(one) for one in content["parts"]))
    return Simple(content["property"], content["operator"], tuple(content["operands"]))


def columns(source: DataExtension) -> dict[str, filters.Column]:
    """The fields of a data extension as filters see them."""
    return {
        one.name.lower(): filters.Column(one.column, "Text" if one.type in schema.TEXT_TYPES else one.type)
        for one in source.fields
    }


def condition(connection: Connection, source: DataExtension, wanted: Filter) -> filters.Condition:
    """The SQL of a filter over a data extension. Raises FilterError."""
    return filters.condition(connection, wanted, columns(source))


def run(service: Service, wanted: Filter, source_id: str, destination_id: str) -> int:
    """Replace the destination's rows by those that the filter picks; how many. Raises QueryError."""
    with service.store.lock(destination_id), service.store.transaction() as connection:
        connection.execute(rewrite.MACROS)
        source, into = (schema.by_object_id(connection, one) for one in (source_id, destination_id))
        if source is None or into is None:
            raise QueryError("A data extension of the filter does not exist any more.")
        pairs = [(one, found) for one in source.fields if (found := into.field(one.name)) is not None]
        try:
            picked = condition(connection, source, wanted)
        except filters.FilterError as error:
            raise QueryError(str(error)) from error
        names = tuple(found.name for _, found in pairs)
        fields = target.check(into, names, "Overwrite")
        shown = ", ".join(f'{one.column} AS "{found.name}"' for one, found in pairs)
        connection.execute(
            f'CREATE OR REPLACE TEMP TABLE {target.ANSWER} AS SELECT {rows.ID} AS "$row", {shown}'
            f" FROM {rows.table(source)} WHERE {picked.sql} ORDER BY {rows.ID}",
            picked.parameters,
        )
        number = target.write(connection, into, fields, names, "Overwrite", clock.now())
        target.forget(connection)
    return number
