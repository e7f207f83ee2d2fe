"""Plain lines of a delimited text file, which DuckDB can read by itself, told from those that need a closer look.

What belongs here: the test that a line is plain, and reading those that are. What does not: the others (records.py),
and what a value means (typed_rows.py).

DuckDB, asked to be strict, reads a record as records.py does or refuses the file, but for blanks between a quote and a
delimiter, and for a line that ends with a delimiter too many (test_plain.py tries all short lines). So a line is plain
when it is a record of the header's width without such blanks, and reading it takes a fraction of the time. Whatever is
not plain is read by the rules of records.py, line by line; where that could mean more than its own line, the whole
file is.
"""

import csv
import mmap
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from et_platform.duckdb_support import literal, quoted
from et_platform.ingest.records import LONGEST_LINE, Record, encoding_of

PLAIN = "plain"
"""The view that `read_plain` makes: typed rows of the plain lines."""

_CHUNK = 1 << 24
_MOST_NOTED = 100_000
"""Rows that are rejected or noted, whose text is held in memory; with more the file is read line by line."""
_OTHER, _NEVER = "not plain", "\x01"
_FIRST = 2
"""The line below the header; a table's rows are counted from 0."""


@dataclass(frozen=True)
class DelimitedText:
    """A text file with a header: how it is cut into `width` fields, and the places of those that are `found`."""

    path: Path
    delimiter: str
    width: int
    found: Mapping[str, int]


def is_simple(path: Path) -> bool:
    """Whether all of it is UTF-8 without NUL, in lines that end with LF or CRLF, the last one, too."""
    if encoding_of(path) != "utf-8-sig" or path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[-1:] != b"\n" or content.find(b"\0") >= 0:
            return False
        start = 0
        while start < len(content):
            end = content.rfind(b"\n", start, start + _CHUNK) + 1
            chunk = content[start:end]
            if not end or chunk.count(b"\r") != chunk.count(b"\r\n"):
                return False
            try:
                chunk.decode()
            except UnicodeDecodeError:
                return False
            start = end
    return True


def read_plain(
    scratch: duckdb.DuckDBPyConnection, text: DelimitedText, types: Callable[[str], str]
) -> tuple[Record, ...] | None:
    """Read the plain lines of a simple file into the view PLAIN; returns the records of the others, without the header.

    `types` gives SQL for the typed rows of a relation of text rows. None, and no view, if plain lines cannot be told
    from the others.
    """
    with text.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        lines = sum(content[at : at + _CHUNK].count(b"\n") for at in range(0, len(content), _CHUNK))
        # To look for two bytes costs nothing, and most files have none of them.
        may_have = any(content.find(one) >= 0 for one in (text.delimiter.encode() + b" ", b"\n ", b'" '))
        if may_have and _blanks_by_quotes(text.delimiter).search(content) is not None:
            return None
    try:
        scratch.execute(f"CREATE TABLE plain_lines AS {types(f'({_rows(text)})')}")
    except duckdb.Error:  # what it cannot read strictly, it has several classes for
        return None
    # With another number of rows there is a blank line, or a line break within quotes.
    is_complete = scratch.execute("SELECT count(*) FROM plain_lines").fetchone() == (lines - 1,)
    others = _others(scratch, text) if is_complete else None
    if others is None:
        scratch.execute("DROP TABLE plain_lines")  # the other way needs the memory
        return None
    scratch.execute(
        f"CREATE VIEW {PLAIN} AS SELECT * REPLACE (rowid + {_FIRST} AS _line) FROM plain_lines "
        f"WHERE _reason IS DISTINCT FROM {literal(_OTHER)}"
    )
    return others


def _blanks_by_quotes(delimiter: str) -> re.Pattern[bytes]:
    mark = re.escape(delimiter.encode())
    return re.compile(rb'(?:^|%b) +"|" +(?:%b|\r?$)' % (mark, mark), re.MULTILINE)


def _others(scratch: duckdb.DuckDBPyConnection, text: DelimitedText) -> tuple[Record, ...] | None:
    """The records of lines that have another width. Rows that are rejected, or noted, are given the text that they had.

    None if one of the lines reaches beyond its end, or they are too many.
    """
    found = scratch.execute(
        f"SELECT rowid + {_FIRST}, _reason IS NOT DISTINCT FROM {literal(_OTHER)} FROM plain_lines "
        f"WHERE _reason IS NOT NULL OR len(_notes) > 0 LIMIT {_MOST_NOTED + 1}"
    ).fetchall()
    wanted, others, raw = dict(found), [], []
    if not wanted:
        return ()
    if len(wanted) > _MOST_NOTED:
        return None
    with text.path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if number in wanted:
                told = line.decode()
                raw.append((number, told))
                if wanted[number] and told.strip():
                    try:
                        (fields,) = csv.reader([told], delimiter=text.delimiter, strict=True)
                    except csv.Error:
                        return None
                    others.append(Record(number, fields, told, None))
    scratch.register("raw_lines", pa.table([list(column) for column in zip(*raw, strict=True)], ["line", "raw"]))
    scratch.execute(f"UPDATE plain_lines SET _raw = raw FROM raw_lines WHERE plain_lines.rowid + {_FIRST} = line")
    return tuple(others)


def _rows(text: DelimitedText) -> str:
    """SQL for the lines below the header, in their order, as the text rows that typed_rows.typed reads. The `_problem`
    of those with another width is _OTHER: there is a column more than there should be, and what is missing is null.
    """
    names = [f"c{place}" for place in range(text.width + 1)]
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    values = ", ".join(f"coalesce({names[place]}, '') AS {quoted(name)}" for name, place in text.found.items())
    problem = f"CASE WHEN {names[-1]} IS NOT NULL OR {names[-2]} IS NULL THEN {literal(_OTHER)} END"
    return (
        f"SELECT NULL::BIGINT AS _line, NULL::VARCHAR AS _raw, {problem} AS _problem, NULL::VARCHAR AS _damage, "
        f"NULL::VARCHAR AS _where, true AS _whole, {values} FROM read_csv({literal(str(text.path))}, header = true, "
        f"auto_detect = false, strict_mode = true, delim = {literal(text.delimiter)}, quote = '\"', escape = '\"', "
        f"null_padding = true, nullstr = {literal(_NEVER)}, max_line_size = {LONGEST_LINE}, columns = {{{columns}}})"
    )
