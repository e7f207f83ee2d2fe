"""The content of a data-extension extract: every row, as delimited text.

What belongs here: which fields and rows, and how values read. What does not: the file's way into the Export folder
(`worker.py`). There is no filter and no increment [D].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from et_platform.simulator import rows, schema, values
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.extracts import delimited
from et_platform.simulator.extracts.delimited import Format
from et_platform.simulator.store import Connection

_BATCH = 20_000


class Gone(Exception):
    """The data extension was deleted after the extract had been asked for."""


def write(
    connection: Connection, target: Path, order: dict[str, Any], behaviour: Behaviour, go_on: Callable[[], None]
) -> None:
    """Write the file, in one consistent view. `go_on` is called now and then, and may raise. Raises Gone."""
    if order.get("catalog"):
        connection.execute(f'USE "{order["catalog"]}"')
    data_extension = schema.by_object_id(connection, order["data_extension"])
    if data_extension is None:
        raise Gone(f"the data extension {order['data_extension']} does not exist any more")
    fields = sorted(data_extension.fields, key=lambda field: field.ordinal)
    if behaviour.extract_column_order == "reversed":
        fields.reverse()
    shown = ", ".join(values.rendered(field, field.column) for field in fields)
    found = connection.execute(f"SELECT {shown} FROM {rows.table(data_extension)} ORDER BY {rows.ID}")

    def fetched() -> Iterator[tuple[Any, ...]]:
        while batch := found.fetchmany(_BATCH):
            go_on()
            yield from batch

    headings = [field.name for field in fields] if order["headings"] else None
    with target.open("wb") as file:
        delimited.write(file, Format(**order["format"]), headings, fetched())
