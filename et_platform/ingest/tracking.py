"""Tracking files: from a member of an extract's archive to typed events and named rejects.

What belongs here: which member holds which type, the header, typing, times. What does not: bytes and quotes
(records.py), removing what is known already (warehouse/events.py).

Columns are found by their name, never by their place. A row whose key cannot be read is rejected; a value beside
the key that cannot be read becomes null and is listed with its row, for an opt-out must not be lost over it.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

import duckdb
import pyarrow as pa

from et_platform.catalog.tracking import COLUMNS, SERVER_TIME_HOURS, SQL_TYPES, EventType, Kind, key_of
from et_platform.duckdb_support import literal, quoted
from et_platform.ingest.errors import BadHeader, EmptyFile, shown
from et_platform.ingest.records import DELIMITERS, Record, first_line, read_records

_MEMBERS: dict[str, EventType] = {
    "unsubs": "unsubscribe",
    "opens": "open",
    "clicks": "click",
    "bounces": "bounce",
    "sent": "sent",
}
_BATCH = 20_000
_OPTIONAL_VALUES = ("ClientID", "SendID", "BatchID")
"""Key columns that may be blank: an opt-out that belongs to no send has none."""
_TIME_FORMS = (
    *("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M:%S.%f %p", "%m/%d/%Y %H:%M:%S"),
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"),
)


@dataclass(frozen=True)
class Parsed:
    """One member's rows, as Parquet files: `events` (typed, `_line`) and `rejects` (line, field, reason, kept, raw).

    `rows` counts the rows below the header; each is among the events or the rejects. A kept reject is both.
    """

    type: EventType
    member: str
    events: Path
    rejects: Path
    rows: int
    rejected: int
    kept: int
    other_columns: tuple[str, ...]


def type_of(member: str) -> EventType | None:
    """Which events a member of the archive holds, from its name; None for what is not read."""
    return _MEMBERS.get(PurePosixPath(member.replace("\\", "/")).stem.strip().casefold())


def parse(path: Path, event_type: EventType, *, file: str, member: str, folder: Path) -> Parsed:
    """Read the member of the archive `file` that lies at `path`; the results go to `folder`.

    Raises EmptyFile and BadHeader; a file that has only a header holds no events, and that is no error.
    """
    where = f"{shown(member)} in {shown(file)}"
    delimiter, header = _header(path, event_type, where)
    places = {name.casefold(): place for place, name in enumerate(header)}
    columns = COLUMNS[event_type]
    found = {name: places[name.casefold()] for name in columns if name.casefold() in places}
    events, rejects = folder / f"{event_type}.events.parquet", folder / f"{event_type}.rejects.parquet"
    for result in (events, rejects):
        result.touch(mode=0o600)
    with duckdb.connect(config={"temp_directory": str(folder), "memory_limit": "1GB"}) as scratch:
        scratch.execute("SET TimeZone = 'UTC'")
        rows = pa.RecordBatchReader.from_batches(_schema(found), _batches(path, delimiter, len(header), found))
        scratch.register("rows", rows)
        scratch.execute(f"CREATE TABLE typed AS {_typed(columns, found, key_of(event_type))}")
        named = ", ".join(quoted(name) for name in columns)
        scratch.execute(
            f"COPY (SELECT _line, {named} FROM typed WHERE _reason IS NULL ORDER BY _line) "
            f"TO {literal(str(events))} (FORMAT parquet)"
        )
        scratch.execute(
            "COPY (SELECT _line AS line, _field AS field, _reason AS reason, false AS kept, _raw AS raw "
            "FROM typed WHERE _reason IS NOT NULL UNION ALL "
            "SELECT _line, note, 'not a value of this column; the event was kept without it', true, _raw "
            "FROM (SELECT _line, _raw, unnest(_notes) AS note FROM typed WHERE _reason IS NULL AND len(_notes) > 0) "
            f"ORDER BY 1, 2) TO {literal(str(rejects))} (FORMAT parquet)"
        )
        counts = scratch.execute(
            "SELECT count(*), count(*) FILTER (_reason IS NOT NULL), "
            "count(*) FILTER (_reason IS NULL AND len(_notes) > 0) FROM typed"
        ).fetchone()
    assert counts is not None
    known = {name.casefold() for name in columns}
    others = tuple(name for name in header if name.casefold() not in known)
    return Parsed(event_type, member, events, rejects, *counts, other_columns=others)


def _header(path: Path, event_type: EventType, where: str) -> tuple[str, list[str]]:
    """Delimiter and column names. What is shown of a line that is no header is nothing: it may be a person's row."""
    line = first_line(path)
    if line is None:
        raise EmptyFile(
            f"{where} is empty: it has not even a header, so it does not say that there were no events. Nothing of the "
            "archive was loaded. Ask for the extract again."
        )
    expected = {name.casefold() for name in COLUMNS[event_type]}
    splits = {delimiter: _split(line, delimiter) for delimiter in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda d: len({name.casefold() for name in splits[d]} & expected))
    header = splits[delimiter]
    present = [name.casefold() for name in header]
    key = key_of(event_type)
    missing = [name for name in key if name.casefold() not in present]
    doubled = sorted({name for name in header if present.count(name.casefold()) > 1 and name.casefold() in expected})
    if not missing and not doubled:
        return delimiter, header
    if len(missing) > len(key) / 2:
        found = f"{len(header)} fields that are not its column names (they are not shown, for they may be a row)"
    else:
        found = ", ".join(shown(name) for name in header if name.isidentifier() or name.casefold() in expected)
    what = f"misses {', '.join(missing)}" if missing else f"has {', '.join(doubled)} more than once"
    raise BadHeader(
        f"{where} has a wrong header, or none: it {what}. Expected are the columns {', '.join(COLUMNS[event_type])}, "
        f"in any order, of which {', '.join(key)} are needed; found: {found}. Nothing of the archive was loaded. "
        "Check the extract's options in ExactTarget and ask for it again."
    )


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error:
        return []


def _schema(found: dict[str, int]) -> pa.Schema:
    own = [("_line", pa.int64()), ("_raw", pa.string()), ("_problem", pa.string())]
    return pa.schema([*own, *((name, pa.string()) for name in found)])


def _batches(path: Path, delimiter: str, width: int, found: dict[str, int]) -> Iterator[pa.RecordBatch]:
    schema, places = _schema(found), list(found.values())
    records = islice(read_records(path, delimiter), 1, None)  # the header was read already
    last = max(places) + 1
    while batch := list(islice(records, _BATCH)):
        problems = [one.problem or _width_problem(one, width) for one in batch]
        blank = [""] * last
        rows = [blank if problem else one.fields for one, problem in zip(batch, problems, strict=True)]
        values = list(zip(*rows, strict=True)) if last == width else list(zip(*(r[:last] for r in rows), strict=True))
        own: list[Sequence] = [[one.line for one in batch], [one.raw for one in batch], problems]
        arrays = [pa.array(column, kind) for column, kind in zip(own, schema.types, strict=False)]
        arrays += [pa.array(values[place], pa.string()) for place in places]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _width_problem(record: Record, width: int) -> str | None:
    count = len(record.fields)
    if count == width:
        return None
    if count < width and not record.raw.endswith(("\n", "\r")):
        return f"the file ends within this row ({count} of {width} fields): it is truncated"
    return f"{count} fields, and the header has {width}"


def _typed(columns: dict[str, Kind], found: dict[str, int], key: Sequence[str]) -> str:
    """SQL from the text rows `rows` to typed rows with `_field`, `_reason` (rejected) and `_notes` (nulled values)."""
    values = {
        name: _value(kind, quoted(name)) if name in found else f"NULL::{SQL_TYPES[kind]}"
        for name, kind in columns.items()
    }
    wrong = {
        name: f"(trim({quoted(name)}) <> '' AND ({values[name]}) IS NULL)"
        for name, kind in columns.items()
        if name in found and kind != "text"
    }
    problems = [
        f"CASE WHEN {_problem(name, wrong.get(name))} THEN struct_pack(f := {literal(name)}, "
        f"r := {literal(_reason(name, columns[name]))}) END"
        for name in key
        if _problem(name, wrong.get(name))
    ]
    notes = [f"CASE WHEN {condition} THEN {literal(name)} END" for name, condition in wrong.items() if name not in key]
    typed = ", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
    return (
        "SELECT * EXCLUDE (_problem, _first, _raw), coalesce(_problem, _first.r) AS _reason, "
        "CASE WHEN _problem IS NULL THEN _first.f END AS _field, "
        "CASE WHEN _problem IS NOT NULL OR _first IS NOT NULL OR len(_notes) > 0 THEN _raw END AS _raw FROM ("
        f"SELECT _line, _raw, _problem, coalesce({', '.join(problems)}) AS _first, "
        f"list_filter([{', '.join(notes) or 'NULL'}]::VARCHAR[], lambda n: n IS NOT NULL) AS _notes, {typed} FROM rows)"
    )


def _problem(name: str, wrong: str | None) -> str:
    """SQL: whether a key column's value makes the row unusable; empty if nothing can."""
    blank = f"trim({quoted(name)}) = ''"
    if name in _OPTIONAL_VALUES:
        return wrong or ""
    if name == "URL":
        return ""  # a click on a link without an address is a click
    return f"({blank} OR {wrong})" if wrong else blank


def _reason(name: str, kind: Kind) -> str:
    if kind == "time":
        return "no time that is known here (expected like 11/1/2026 6:00:00 PM, between 1753 and 9999)"
    if kind == "integer":
        return "not a whole number"
    return "blank"


def _value(kind: Kind, text: str) -> str:
    trimmed = f"trim({text})"
    match kind:
        case "text":
            return f"nullif({text}, '')"
        case "integer":
            return f"CASE WHEN regexp_full_match({trimmed}, '-?[0-9]{{1,18}}') THEN TRY_CAST({trimmed} AS BIGINT) END"
        case "number":
            form = f"regexp_full_match({trimmed}, '[-+]?[0-9]{{1,15}}([.][0-9]{{1,15}})?')"
            return f"CASE WHEN {form} THEN TRY_CAST({trimmed} AS DOUBLE) END"
        case "boolean":
            return (
                f"CASE WHEN lower({trimmed}) IN ('true', '1', 'yes', 'y') THEN true "
                f"WHEN lower({trimmed}) IN ('false', '0', 'no', 'n') THEN false END"
            )
        case "time":
            forms = ", ".join(literal(form) for form in _TIME_FORMS)
            zoned = f"regexp_matches({trimmed}, '[0-9]([Zz]|[-+][0-9]{{2}}:?[0-9]{{2}})$')"
            naive = f"timezone('UTC', try_strptime({trimmed}, [{forms}]) - INTERVAL ({SERVER_TIME_HOURS}) HOUR)"
            moment = f"CASE WHEN {zoned} THEN TRY_CAST({trimmed} AS TIMESTAMPTZ) ELSE {naive} END"
            return f"CASE WHEN year({moment}) BETWEEN 1753 AND 9999 THEN {moment} END"
