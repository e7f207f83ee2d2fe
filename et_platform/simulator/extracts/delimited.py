"""Delimited text: how rows become bytes.

What belongs here: delimiter, qualifier, encoding, line ends. What does not: which rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any


@dataclass(frozen=True)
class Format:
    """How a file is written; an empty qualifier means that texts stand as they are, whatever is in them."""

    delimiter: str = ","
    qualifier: str = '"'
    all_fields: bool = False
    encoding: str = "utf-8"
    line_end: str = "\r\n"


def write(target: IO[bytes], form: Format, headings: Sequence[str] | None, rows: Iterable[Sequence[Any]]) -> int:
    """Write headings (None: a file without) and rows, and give the number of rows. The target stays open.

    Null is written as nothing; UTF-16 begins with a byte order mark; what an encoding lacks becomes '?'.
    """
    text = io.TextIOWrapper(target, encoding=form.encoding, errors="replace", newline="")
    counted = 0
    try:
        writer = _writer(text, form)
        if headings is not None:
            writer(headings)
        for row in rows:
            writer(row)
            counted += 1
    finally:
        text.flush()
        text.detach()
    return counted


def _writer(text: io.TextIOWrapper, form: Format) -> Any:
    if form.qualifier:
        return csv.writer(
            text,
            delimiter=form.delimiter,
            quotechar=form.qualifier,
            quoting=csv.QUOTE_ALL if form.all_fields else csv.QUOTE_MINIMAL,
            lineterminator=form.line_end,
        ).writerow

    def bare(row: Sequence[Any]) -> None:
        text.write(form.delimiter.join("" if value is None else str(value) for value in row) + form.line_end)

    return bare
