"""Reading an import file into a temporary relation.

What belongs here: decoding, line ends, quoting, headings, rows with too few or too many fields. What does not: what
the values mean (`merge.py`), which file is read (`files.py`). Python's reader is used since it takes quotes, embedded
delimiters and line breaks exactly, and never stops at a bad row.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from et_platform.simulator.imports.mapping import Columns
from et_platform.simulator.imports.plan import ImportFailed, Plan
from et_platform.simulator.store import Connection

STAGED = "staged"
"""The temporary relation: `line` (number of the row, from 1), `malformed`, `control`, and `c<i>` per mapped field."""

_BATCH = 20_000
_BLOCK = 1024 * 1024
_FIELD_LIMIT = 64 * 1024 * 1024
_BYTE_ORDER_MARK = chr(0xFEFF)
_LINE_FEED, _CARRIAGE_RETURN = chr(0xFDD0), chr(0xFDD1)  # no text has these

Headings = list[str] | None


class Blank(Exception):
    """The file has no row of data; `empty`: no headings either."""

    def __init__(self, *, empty: bool):
        super().__init__("the file is empty" if empty else "the file has headings only")
        self.empty = empty


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

    Raises Blank, ImportFailed, Interrupted.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    with path.open(encoding=plan.encoding, errors="replace", newline="") as file:
        if file.read(1) != _BYTE_ORDER_MARK:
            file.seek(0)
        lines = _rows(file, plan)
        headings: Headings = None
        for row in islice(lines, plan.header_lines):
            headings = row  # of several heading lines the last names the columns [K]
        if headings is None and plan.header_lines:
            raise Blank(empty=True)
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
    if first == 1:
        raise Blank(empty=headings is None)
    return columns


def _rows(file: TextIO, plan: Plan) -> Iterator[list[str]]:
    def reader(lines: Iterable[str]) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=plan.delimiter, quoting=csv.QUOTE_MINIMAL if plan.quoted else csv.QUOTE_NONE)

    if not plan.line_end:
        return _without_blank_lines(reader(file))
    # Python's reader knows line breaks only. So they change places with the line end that is asked for, and back.
    restored = ((_LINE_FEED, "\n"), (_CARRIAGE_RETURN, "\r"))

    def as_written(text: str) -> str:
        text = text.replace("\n", plan.line_end)
        for stand_in, own in restored:
            text = text.replace(stand_in, own)
        return text

    rows = _without_blank_lines(reader(_ended_by(file, plan.line_end)))
    return ([as_written(text) for text in row] for row in rows)


def _without_blank_lines(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from filter(None, rows)
    except csv.Error as error:
        raise ImportFailed(f"the file cannot be read: {error}") from error


def _ended_by(file: TextIO, line_end: str) -> Iterator[str]:
    stand_ins = str.maketrans({"\n": _LINE_FEED, "\r": _CARRIAGE_RETURN})
    left = ""
    while block := file.read(_BLOCK):
        *ended, left = (left + block).split(line_end)
        for text in ended:
            yield text.translate(stand_ins) + "\n"
    if left:
        yield left.translate(stand_ins)


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
