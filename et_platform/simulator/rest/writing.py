"""Rows as REST brings them: from JSON to what the row writer takes, and what became of each.

What belongs here: finding the data extension of a path, reading rows, writing them. What does not: the answers of the
synchronous (`data_events.py`) and the asynchronous endpoints (`async_rows.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from et_platform.simulator import schema, units
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.objects.row_writer import Given, RowRefused, RowWriter
from et_platform.simulator.results import SaveMode
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

UPSERT, INSERT = SaveMode(add=True, change=True), SaveMode(add=True, change=False)


def found(service: Service, reference: str) -> tuple[Service, DataExtension | None]:
    """The data extension that `key:KEY` or an ObjectID names, and the unit that holds it."""
    kind, colon, rest = reference.partition(":")
    if not colon or kind.lower() not in ("key", "id"):
        kind, rest = "id", reference
    if kind.lower() == "key":
        service, rest = units.owner(service, rest)
        with service.store.connect() as connection:
            return service, schema.by_property(connection, "CustomerKey", rest)
    with service.store.connect() as connection:
        return service, schema.by_object_id(connection, rest.lower())


def text(value: Any) -> str | None:
    """A JSON value as the text that a field takes; null stays null. Raises ValueError for lists and objects."""
    match value:
        case None:
            return None
        case bool():
            return "True" if value else "False"
        case str():
            return value
        case int() | float():
            return json.dumps(value)
    raise ValueError("a value must be a text, a number, a Boolean or null")


def given(row: Any) -> Given:
    """A row as the writer takes it. Raises ValueError when it is no object of plain values."""
    if not isinstance(row, dict):
        raise ValueError("a row must be an object")
    return {str(name): text(value) for name, value in row.items()}


class Undone(Exception):
    """Nothing was written, as some row was refused; `outcomes` are those of all rows."""

    def __init__(self, outcomes: list[RowRefused | None]):
        super().__init__("some rows were refused")
        self.outcomes = outcomes


def save(
    connection: Connection,
    data_extension: DataExtension,
    rows: Sequence[Given],
    mode: SaveMode,
    behaviour: Behaviour,
    *,
    all_or_nothing: bool,
) -> list[RowRefused | None]:
    """Write rows under the data extension's lock; per row None or its refusal. Raises Undone."""
    outcomes = RowWriter(connection, data_extension, behaviour).save(rows, mode)
    if all_or_nothing and any(outcomes):
        raise Undone(outcomes)
    return outcomes
