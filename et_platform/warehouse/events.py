"""Events in the lake: one table for each type, the rejected lines, and the files whose content was loaded.

What belongs here: the schema `extracts` and the transaction that loads one file. What does not: reading files
(ingest), and what an event means to anybody (dbt_models).

A file is loaded in the same transaction that records its content hash in `loaded_files`. So the same content, under
whatever name, is loaded once, and a crash between the lake and the ledger is told apart afterwards: the lake knows.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from et_platform.catalog.tracking import COLUMNS, EVENT_TYPES, SQL_TYPES, EventType, key_of, may_repeat
from et_platform.duckdb_support import literal, one_row, quoted
from et_platform.warehouse.snapshots import table_exists

REJECTS = "lake.extracts.event_rejects"
LOADED_FILES = "lake.extracts.loaded_files"


@dataclass(frozen=True)
class Content:
    """One fetched file: the hash of its content, and the name under which it came."""

    sha256: str
    identity: str
    name: str
    run_id: str


@dataclass(frozen=True)
class MemberRows:
    """One member's rows as Parquet files: `events` with `_line` and the type's columns; `rejects` with line, field,
    reason, kept and raw.
    """

    type: EventType
    member: str
    events: Path
    rejects: Path
    rows: int
    rejected: int
    kept: int
    other_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figures:
    """What became of a type's rows: read = new + duplicates + rejected; `kept` lost a value and are among the rest.

    `other_columns` are those of the file that nobody here knows: their values are not kept.
    """

    read: int
    new: int
    duplicates: int
    rejected: int
    kept: int
    other_columns: tuple[str, ...] = ()

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> "Figures":
        """Figures as they were recorded (asdict, through JSON); records of earlier versions have fewer."""
        return cls(**{**values, "other_columns": tuple(values.get("other_columns", ()))})


@dataclass(frozen=True)
class LoadedFile:
    """A content that is in the lake; a type that is not among the figures was not in the file."""

    sha256: str
    identity: str
    name: str
    figures: Mapping[EventType, Figures]


def relation(event_type: EventType) -> str:
    """The SQL name of a type's events."""
    return f"lake.extracts.events_{event_type}"


def rows(connection: duckdb.DuckDBPyConnection, event_type: EventType) -> str:
    """SQL for a type's events; an empty relation of the same columns where no table was made yet."""
    if are_tables_ready(connection):
        return relation(event_type)
    columns = {name: SQL_TYPES[kind] for name, kind in COLUMNS[event_type].items()}
    columns |= dict.fromkeys(("_folded_key", "_file", "_member", "_sha256"), "VARCHAR") | {"_line": "BIGINT"}
    return f"(SELECT {', '.join(f'NULL::{kind} AS {quoted(name)}' for name, kind in columns.items())} WHERE false)"


def ensure_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing, so that every type has its table before its first event."""
    for event_type in EVENT_TYPES:
        columns = ", ".join(f"{quoted(name)} {SQL_TYPES[kind]}" for name, kind in COLUMNS[event_type].items())
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {relation(event_type)} ({columns}, _folded_key VARCHAR, _file VARCHAR, "
            "_member VARCHAR, _line BIGINT, _sha256 VARCHAR, _loaded_at TIMESTAMPTZ, _run_id VARCHAR)"
        )
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {REJECTS} (type VARCHAR, file VARCHAR, member VARCHAR, line BIGINT, "
        "field VARCHAR, reason VARCHAR, kept BOOLEAN, raw VARCHAR, sha256 VARCHAR, loaded_at TIMESTAMPTZ, "
        "run_id VARCHAR)"
    )
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {LOADED_FILES} (sha256 VARCHAR, identity VARCHAR, name VARCHAR, figures VARCHAR, "
        "loaded_at TIMESTAMPTZ, run_id VARCHAR)"
    )


def are_tables_ready(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether `ensure_tables` has nothing to do."""
    names = (*(f"events_{event_type}" for event_type in EVENT_TYPES), "event_rejects", "loaded_files")
    return all(table_exists(connection, "extracts", name) for name in names)


def loaded(connection: duckdb.DuckDBPyConnection, sha256: str) -> LoadedFile | None:
    """The file with this content, if it was loaded."""
    if not table_exists(connection, "extracts", "loaded_files"):
        return None
    row = connection.execute(
        f"SELECT sha256, identity, name, figures FROM {LOADED_FILES} WHERE sha256 = ?", [sha256]
    ).fetchone()
    if row is None:
        return None
    figures = {event_type: Figures.from_record(values) for event_type, values in json.loads(row[3]).items()}
    return LoadedFile(row[0], row[1], row[2], figures)


def count_events(
    connection: duckdb.DuckDBPyConnection, event_type: EventType, start: datetime, end: datetime, *, mid: int
) -> int:
    """How many events of a business unit have start ≤ time < end, repeats included. Opt-outs are told apart to the
    second, and as far as a Retrieve does: it names no list.
    """
    if not table_exists(connection, "extracts", f"events_{event_type}"):
        return 0
    distinct = "" if may_repeat(event_type) else "DISTINCT "
    (count,) = one_row(
        connection,
        f'SELECT count(*) FROM (SELECT {distinct}"SendID", "SubscriberKey", date_trunc(\'second\', "EventDate"), '
        f'"BatchID" FROM {relation(event_type)} WHERE "EventDate" >= $start AND "EventDate" < $end '
        'AND coalesce("ClientID", $mid) = $mid)',
        {"start": start, "end": end, "mid": mid},
    )
    return count


def load(
    connection: duckdb.DuckDBPyConnection,
    content: Content,
    members: Sequence[MemberRows],
    *,
    fold: Callable[[str], str],
) -> LoadedFile:
    """Add the events that are not there yet, and record the content; `fold` gives SQL for a folded key.

    To be called inside one write transaction. Content that is loaded already changes nothing.
    """
    ensure_tables(connection)
    known = loaded(connection, content.sha256)
    if known is not None:
        return known
    now = datetime.now(UTC)
    figures: dict[EventType, Figures] = {}
    for one in members:
        figures[one.type] = _add(connection, content, one, fold, now)
    connection.execute(
        f"INSERT INTO {LOADED_FILES} VALUES (?, ?, ?, ?, ?, ?)",
        [content.sha256, content.identity, content.name, _as_text(figures), now, content.run_id],
    )
    return LoadedFile(content.sha256, content.identity, content.name, figures)


def load_again(
    connection: duckdb.DuckDBPyConnection,
    content: Content,
    members: Sequence[MemberRows],
    *,
    fold: Callable[[str], str],
) -> LoadedFile:
    """Load content that is loaded already as it is read now: its rejected lines are replaced, its events added.

    To be called inside one write transaction. An event that is there stays as it was read first. The figures are those
    of both times together.
    """
    before = loaded(connection, content.sha256)
    for table in (REJECTS, LOADED_FILES):
        connection.execute(f"DELETE FROM {table} WHERE sha256 = ?", [content.sha256])
    now = load(connection, content, members, fold=fold)
    figures = dict(now.figures)
    for event_type, earlier in (before.figures if before is not None else {}).items():
        if event_type in figures:
            figures[event_type] = _together(earlier, figures[event_type])
    connection.execute(f"UPDATE {LOADED_FILES} SET figures = ? WHERE sha256 = ?", [_as_text(figures), content.sha256])
    return replace(now, figures=figures)


def _together(earlier: Figures, now: Figures) -> Figures:
    events = now.new + now.duplicates
    new = min(earlier.new + now.new, events)  # one that was new then, and was deleted meanwhile, is new once
    return replace(now, new=new, duplicates=events - new)


def _as_text(figures: Mapping[EventType, Figures]) -> str:
    return json.dumps({event_type: asdict(one) for event_type, one in figures.items()})


def _add(
    connection: duckdb.DuckDBPyConnection,
    content: Content,
    one: MemberRows,
    fold: Callable[[str], str],
    now: datetime,
) -> Figures:
    facts = {"file": content.name, "member": one.member, "sha": content.sha256, "now": now, "run": content.run_id}
    folded = fold(quoted("SubscriberKey"))
    names = ", ".join(quoted(name) for name in COLUMNS[one.type])
    events = f"read_parquet({literal(str(one.events))})"
    # The range lets the lake leave out files of other times; without it every load would read all events.
    first, last = one_row(connection, f'SELECT min("EventDate"), max("EventDate") FROM {events}')
    new = 0
    if first is not None:
        new = one_row(
            connection,
            f"INSERT INTO {relation(one.type)} ({names}, _folded_key, _file, _member, _line, _sha256, _loaded_at, "
            f"_run_id) SELECT {names}, {folded}, $file, $member, _line, $sha, $now, $run FROM {events} "
            f'SEMI JOIN ({_new_lines(one.type, events)}) USING (_line) ORDER BY "EventDate", _line',
            {**facts, "first": first, "last": last},
        )[0]
    connection.execute(
        f"INSERT INTO {REJECTS} SELECT $type, $file, $member, line, field, reason, kept, raw, $sha, $now, $run "
        f"FROM read_parquet({literal(str(one.rejects))})",
        {**facts, "type": one.type},
    )
    return Figures(
        read=one.rows,
        new=new,
        duplicates=one.rows - one.rejected - new,
        rejected=one.rejected,
        kept=one.kept,
        other_columns=one.other_columns,
    )


def _new_lines(event_type: EventType, events: str) -> str:
    """SQL for the `_line` of those rows of `events` that the lake lacks.

    An event is its key and its number among the equal ones of its file: the n-th is new unless n of that key are there.
    So of files that overlap the one that tells most of a key decides, in whatever order they come. Further columns
    would not do: what a later file leaves out, or tells otherwise, would be an event again. A line that is there itself
    (its file is read again) is neither numbered nor counted, so that none is there twice. Of what does not repeat
    only the first is new, and only where none of its key is there.
    """
    key = ", ".join(quoted(name) for name in key_of(event_type))
    same = " AND ".join(f"e.{quoted(name)} IS NOT DISTINCT FROM p.{quoted(name)}" for name in key_of(event_type))
    there = f'FROM {relation(event_type)} WHERE "EventDate" BETWEEN $first AND $last'
    others, most = ("AND _sha256 <> $sha", "") if may_repeat(event_type) else ("", "AND number = 1")
    return (
        f"SELECT _line FROM (SELECT {key}, _line, row_number() OVER (PARTITION BY {key} ORDER BY _line) AS number "
        f"FROM {events} ANTI JOIN (SELECT _line {there} AND _sha256 = $sha AND _member = $member) USING (_line)) AS p "
        f"LEFT JOIN (SELECT {key}, count(*) AS found {there} {others} GROUP BY ALL) AS e ON {same} "
        f"WHERE number > coalesce(found, 0) {most}"
    )
