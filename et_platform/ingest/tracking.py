"""Tracking files: from a member of an extract's archive to typed events and named rejects.

What belongs here: which member holds which type, the header, which lines can be saved. What does not: bytes and quotes
(records.py), typing and times (typed_rows.py), removing what is known already (warehouse/events.py).

Columns are found by their name, never by their place. A row whose key cannot be read is rejected; a value beside
the key that cannot be read becomes null and is listed with its row, also where the line itself is damaged. An opt-out
is kept whenever its subscriber key can be read: without what is damaged, and dated at the file's latest moment if its
own time is none.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath

import duckdb
import pyarrow as pa

from et_platform.catalog.tracking import COLUMNS, EventType, key_of
from et_platform.duckdb_support import literal, quoted
from et_platform.ingest.errors import BadHeader, EmptyFile, shown
from et_platform.ingest.plain import PLAIN, DelimitedText, is_simple, read_plain
from et_platform.ingest.records import DELIMITERS, Record, first_line, is_damaged, read_records
from et_platform.ingest.typed_rows import NEVER_LOST, typed

_MEMBERS: dict[str, EventType] = {
    "unsubs": "unsubscribe",
    "opens": "open",
    "clicks": "click",
    "bounces": "bounce",
    "sent": "sent",
}
_BATCH = 20_000


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


def parse(
    path: Path, event_type: EventType, *, file: str, member: str, folder: Path, latest: datetime | None = None
) -> Parsed:
    """Read the member of the archive `file` that lies at `path`; the results go to `folder`.

    `latest` is the last moment that the file can tell of; events after it are not believed. Without one they are, and
    an opt-out whose time is none is rejected.

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
        types = partial(typed, columns, found, event_type, latest)
        text = DelimitedText(path, delimiter, len(header), found)
        others = read_plain(scratch, text, types) if is_simple(path) else None
        # the header was read already
        records = iter(others) if others is not None else islice(read_records(path, delimiter), 1, None)
        closely = _batches(records, len(header), found, event_type)
        scratch.register("closely", pa.RecordBatchReader.from_batches(_schema(found), closely))
        scratch.execute(f"CREATE TABLE typed_closely AS {types('closely')}")
        plainly = f"UNION ALL FROM {PLAIN}" if others is not None else ""
        scratch.execute(f"CREATE VIEW typed AS FROM typed_closely {plainly}")
        named = ", ".join(quoted(name) for name in columns)
        scratch.execute(
            f"COPY (SELECT _line, {named} FROM typed WHERE _reason IS NULL) TO {literal(str(events))} (FORMAT parquet)"
        )
        scratch.execute(
            "COPY (SELECT _line AS line, _field AS field, _reason AS reason, false AS kept, _raw AS raw "
            "FROM typed WHERE _reason IS NOT NULL UNION ALL "
            "SELECT _line, note.f, note.r, true, _raw "
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
    key = tuple(name for name in key_of(event_type) if name != "ListID")  # an opt-out that names no list is one
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
    texts = [(name, pa.string()) for name in ("_raw", "_problem", "_damage", "_where")]
    own = [("_line", pa.int64()), *texts, ("_whole", pa.bool_())]
    return pa.schema([*own, *((name, pa.string()) for name in found)])


def _batches(
    records: Iterator[Record], width: int, found: dict[str, int], event_type: EventType
) -> Iterator[pa.RecordBatch]:
    """Text rows. `_problem`: nothing of the row is known; `_damage`: the fields that are not blank are; `_where`: the
    first field that holds what is no text.
    """
    schema, places = _schema(found), list(found.values())
    last = max(places) + 1
    blank = [""] * last
    while batch := list(islice(records, _BATCH)):
        problems = [one.problem or _width_problem(one, width) for one in batch]
        rows, damage = [one.fields for one in batch], list[str | None]([None] * len(batch))
        where = [
            None if problem is None else _where(one, width, found) for one, problem in zip(batch, problems, strict=True)
        ]
        for number, problem in enumerate(problems):
            if problem is not None:
                saved = _saved(batch[number], width, found, event_type)
                rows[number] = saved or blank
                if saved is not None:
                    problems[number], damage[number] = None, problem
        values = list(zip(*rows, strict=True)) if last == width else list(zip(*(r[:last] for r in rows), strict=True))
        whole = [len(one.fields) == width for one in batch]
        own: list[Sequence] = [[one.line for one in batch], [one.raw for one in batch], problems, damage, where, whole]
        arrays = [pa.array(column, kind) for column, kind in zip(own, schema.types, strict=False)]
        arrays += [pa.array(values[place], pa.string()) for place in places]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _saved(record: Record, width: int, found: dict[str, int], event_type: EventType) -> list[str] | None:
    """What is known of a damaged line: the fields that are text, blanks for the rest. None if no place can be trusted.

    With too many fields or too few the line is in step at least up to a date that stands where it should; where the
    file ends, the last field may be cut. An opt-out needs no more than its subscriber. Of another event all must be
    known that tells it from others: else the same event, brought whole by a later file, would be counted twice.
    """
    key, date = found["SubscriberKey"], found["EventDate"]
    known = width if len(record.fields) == width else date + 1
    if known < width and not key < date < len(record.fields) - 1:
        return None
    if known == width and not record.raw.endswith(("\n", "\r")):
        known -= 1
    fields = [*record.fields[:known], *[""] * (width - known)]
    lost = {place for place, text in enumerate(fields) if place >= known or is_damaged(text)}
    if event_type != NEVER_LOST and any(found[name] in lost for name in key_of(event_type)):
        return None
    return ["" if place in lost else text for place, text in enumerate(fields)]


def _where(record: Record, width: int, found: dict[str, int]) -> str | None:
    """The name of the first field that is damaged; None where the line as a whole is."""
    if len(record.fields) != width:
        return None
    damaged = [(place, name) for name, place in found.items() if is_damaged(record.fields[place])]
    return min(damaged)[1] if damaged else None


def _width_problem(record: Record, width: int) -> str | None:
    count = len(record.fields)
    if count == width:
        return None
    if count < width and not record.raw.endswith(("\n", "\r")):
        return f"the file ends within this row ({count} of {width} fields): it is truncated"
    return f"{count} fields, and the header has {width}"
