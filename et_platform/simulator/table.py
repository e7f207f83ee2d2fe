"""Retrieve for types whose objects are rows of a table: subscribers and what belongs to them.

What belongs here: one page of such rows, filtered and in order. What does not: definitions, which are documents
(`retrieval.documents`), and which properties a type has (`objects/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from et_platform.simulator import clock, filters, retrieval

if TYPE_CHECKING:
    from et_platform.simulator.service import Service


def page(
    service: Service, query: retrieval.Query, shape: retrieval.Shape, relation: str, columns: Mapping[str, str]
) -> tuple[list[dict[str, str]], Any]:
    """The properties of up to a page of rows, and the position after which the next page begins.

    `relation` is an SQL relation with a unique, ascending `position`; `columns` gives the SQL of each property that
    has values. Dates read in ISO; pages stay in order while rows are added.
    """
    shape.check(query.properties)
    with service.store.connect() as connection:
        wanted = filters.Condition("true")
        if query.filter is not None:
            shape.check(list(filters.properties(query.filter)))
            known = {
                name.lower(): filters.Column(columns.get(name, "CAST(NULL AS VARCHAR)"), shape.types.get(name, "Text"))
                for name in shape.order
            }
            wanted = filters.condition(connection, query.filter, known)
        shown = ", ".join(columns.values())
        rows = connection.execute(
            f"SELECT position, {shown} FROM ({relation}) WHERE position > ? AND ({wanted.sql})"
            f" ORDER BY position LIMIT {query.limit + 1}",
            [query.position or 0, *wanted.parameters],
        ).fetchall()
    found = [
        {name: _text(value) for name, value in zip(columns, row[1:], strict=True) if value is not None}
        for row in rows[: query.limit]
    ]
    return found, rows[query.limit - 1][0] if len(rows) > query.limit else None


def _text(value: object) -> str:
    return clock.iso(value) if isinstance(value, datetime) else str(value)
