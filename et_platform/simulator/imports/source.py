"""Reading an import file into a temporary relation.

What belongs here: decoding, quoting, headings, rows with too few or too many fields. What does not: what the values
mean (`merge.py`). Python's reader is used since it takes quotes, embedded delimiters and line breaks exactly, and
never stops at a bad row.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pyarrow as pa

from et_platform.simulator.imports.plan import Columns, Plan
from et_platform.simulator.store import Connection

STAGED = "staged"
"""The temporary relation: `line` (number of the row, from 1), `malformed`, `control`, and `c<i>` per mapped field."""

_BATCH = 20_000
_FIELD_LIMIT = 64 * 1024 * 1024

Headings = list[str] | None


class Interrupted(Exception):
    """The simulator is stopping; the import will run again at the next start."""


def stage(
    connection: Connection,
    path: Path,
    plan: Plan,
    mapped: Callable[[Headings], Columns],
    *,
    pad: bool,
    stopping: threading.Event,
) -> Columns:
    """Read the file into STAGED. `mapped` maps its headings; `pad` accepts rows of another width than the first line.

    Raises FileNotFoundError, ImportFailed (from `mapped`), Interrupted.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    with path.open(encoding=plan.encoding, errors="replace", newline="") as file:
        reader = csv.reader(
            file,
            delimiter=plan.delimiter,
            quoting=csv.QUOTE_MINIMAL if plan.quoted else csv.QUOTE_NONE,
        )
        lines = (row for row in reader if row)  # blank lines are no rows
        headings: Headings = None
        for row in islice(lines, plan.header_lines):
            headings = row  # of several heading lines the last names the columns [K]
        columns = mapped(headings)
        _create(connection, columns)
        width = len(headings) if headings is not None else None
        first = 1
        while batch := list(islice(lines, _BATCH)):
            if stopping.is_set():
                raise Interrupted
            width = width or len(batch[0])
            _insert(connection, batch, columns, first, width, pad)
            first += len(batch)
    return columns


def _create(connection: Connection, columns: Columns) -> None:
    fields = "".join(f", c{number} VARCHAR" for number in range(len(columns.fields)))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {STAGED} (line BIGINT, malformed BOOLEAN, control VARCHAR{fields})"
    )


def _insert(
    connection: Connection, batch: list[list[str]], columns: Columns, first: int, width: int, pad: bool
) -> None:
    malformed = [len(row) != width for row in batch]
    if any(malformed):
        for place, wrong in enumerate(malformed):
            if wrong:
                batch[place] = (batch[place] + [""] * width)[:width]
        if pad:
            malformed = [False] * len(batch)
    by_column = list(zip(*batch, strict=True))
    absent = [None] * len(batch)

    def column(place: int | None) -> pa.Array:
        return pa.array(absent if place is None or place >= width else by_column[place], pa.string())

    arrays = [pa.array(range(first, first + len(batch)), pa.int64()), pa.array(malformed), column(columns.control)]
    arrays += [column(place) for place, _ in columns.fields]
    names = ["line", "malformed", "control", *(f"c{number}" for number in range(len(columns.fields)))]
    connection.register("batch", pa.table(arrays, names=names))
    connection.execute(f"INSERT INTO {STAGED} SELECT * FROM batch")
    connection.unregister("batch")
