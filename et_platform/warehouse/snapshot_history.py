"""The record of CRM snapshots: when, how and how many, and which keys changed in which.

What belongs here: the tables `history.snapshots` and `history.crm_changes`. What does not: the rows (snapshots.py).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import duckdb

from et_platform.duckdb_support import literal, quoted
from et_platform.warehouse.lake import table_exists

SNAPSHOTS = "lake.history.snapshots"
CHANGES = "lake.history.crm_changes"

_COLUMNS: Mapping[str, str] = {
    "entity": "VARCHAR",
    "id": "VARCHAR",
    "taken_at": "TIMESTAMPTZ",
    "rows": "BIGINT",
    "hash_version": "VARCHAR",  # for people: hash() may change between DuckDB versions
    "run_id": "VARCHAR",
    "kind": "VARCHAR",
    "why": "VARCHAR",
    "read": "BIGINT",
    "new": "BIGINT",
    "changed": "BIGINT",
    "removed": "BIGINT",
    "invalid": "BIGINT",
    "empty_keys": "BIGINT",
    "cursor_column": "VARCHAR",
    "cursor": "VARCHAR",
    "seconds": "DOUBLE",
    "shape": "VARCHAR",
    "merges": "BIGINT",
    "columns": "VARCHAR",
    "warnings": "VARCHAR",
    "notes": "VARCHAR",
}
SqlFunction = Callable[[str], str]
_JSON = ("columns", "warnings", "notes")


@dataclass(frozen=True)
class Snapshot:
    """A CRM relation as it was read at one time, or an older snapshot brought up to what changed since.

    `rows`, `invalid` (rows with an unreadable value) and `empty_keys` tell of the whole snapshot; `read` of the rows
    that were read; `new`, `changed` and `removed` of keys, compared with the snapshot before. `cursor` is the highest
    value of `cursor_column`, from which the next incremental reading starts. `columns` are the CRM's, by name, type
    and nullability; `warnings` and `notes` say what became of them. `merges` counts the snapshots since the table was
    last written anew.
    """

    id: str
    entity: str
    taken_at: datetime
    rows: int = 0
    invalid: int = 0
    empty_keys: int = 0
    kind: str = "full"
    why: str = ""
    read: int = 0
    new: int = 0
    changed: int = 0
    removed: int = 0
    cursor_column: str | None = None
    cursor: str | None = None
    seconds: float = 0.0
    shape: str = ""
    merges: int = 0
    columns: tuple[dict[str, str | bool | None], ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def record(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, run_id: str) -> None:
    """Add a snapshot to the record, inside the transaction that writes it."""
    _ensure_snapshots(connection)
    values = {field.name: getattr(snapshot, field.name) for field in fields(snapshot)}
    values |= {name: json.dumps(values[name]) for name in _JSON}
    values |= {"run_id": run_id, "hash_version": f"duckdb {duckdb.__version__}"}
    places = ", ".join(f"${name}" for name in _COLUMNS)
    connection.execute(f"INSERT INTO {SNAPSHOTS} ({_names(_COLUMNS)}) VALUES ({places})", values)


def last(connection: duckdb.DuckDBPyConnection, entity: str, *, kind: str | None = None) -> Snapshot | None:
    """The entity's newest snapshot (of that kind) in this view of the lake; None when there is none.

    What an earlier release recorded does not count: it did not say how it was read.
    """
    condition = "kind = $kind" if kind else "shape IS NOT NULL"
    return _one(connection, entity, f"{condition} ORDER BY taken_at DESC", {"kind": kind} if kind else {})


def first_of_shape(connection: duckdb.DuckDBPyConnection, entity: str, shape: str) -> Snapshot | None:
    """The first of the newest snapshots of the entity that have that shape without a break."""
    since = f"(SELECT max(taken_at) FROM {SNAPSHOTS} WHERE entity = $entity AND shape IS DISTINCT FROM $shape)"
    condition = f"shape = $shape AND taken_at > coalesce({since}, '-infinity') ORDER BY taken_at"
    return _one(connection, entity, condition, {"shape": shape})


def _one(
    connection: duckdb.DuckDBPyConnection, entity: str, condition: str, values: Mapping[str, str]
) -> Snapshot | None:
    if not table_exists(connection, "history", "snapshots") or "shape" not in _present(connection):
        return None
    names = [field.name for field in fields(Snapshot)]
    row = connection.execute(
        f"SELECT {_names(names)} FROM {SNAPSHOTS} WHERE entity = $entity AND {condition} LIMIT 1",
        {"entity": entity, **values},
    ).fetchone()
    if row is None:
        return None
    found: dict[str, Any] = dict(zip(names, row, strict=True))
    for name in _JSON:
        found[name] = tuple(json.loads(found[name]))
    return Snapshot(**found)


def since_full(connection: duckdb.DuckDBPyConnection, full: Snapshot) -> int:
    """How many snapshots of the entity were taken since that one."""
    row = connection.execute(
        f"SELECT count(*) FROM {SNAPSHOTS} WHERE entity = ? AND taken_at > ?", [full.entity, full.taken_at]
    ).fetchone()
    return row[0] if row else 0


def latest_snapshot(connection: duckdb.DuckDBPyConnection, entity: str) -> tuple[str, int] | None:
    """Id and row count of the entity's snapshot in this view of the lake; None when none was taken yet."""
    if not table_exists(connection, "history", "snapshots"):
        return None
    return connection.execute(
        f"SELECT id, rows FROM {SNAPSHOTS} WHERE entity = ? ORDER BY taken_at DESC LIMIT 1", [entity]
    ).fetchone()


def log_changes(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, changed: str) -> None:
    """Note the keys of the relation `changed` (_key, change: new, changed or removed) under the snapshot.

    The rows of a first snapshot, or of the first of another shape, are not noted: there was nothing to compare.
    """
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {CHANGES} "
        "(entity VARCHAR, snapshot VARCHAR, taken_at TIMESTAMPTZ, _key VARCHAR, change VARCHAR)"
    )
    connection.execute(
        f"INSERT INTO {CHANGES} SELECT {literal(snapshot.entity)}, {literal(snapshot.id)}, $taken_at, _key, change "
        f"FROM {changed}",
        {"taken_at": snapshot.taken_at},
    )


def says_otherwise(
    connection: duckdb.DuckDBPyConnection, entity: str, *, than: str, of: str, fold: SqlFunction
) -> bool:
    """Whether snapshots of the entity that are newer than the one `than` have, or may have, other rows for some folded
    keys: those of the relation `of` (_folded_key). `fold` is SQL for the folded form of a key.
    """
    since = (
        f"SELECT shape, taken_at FROM {SNAPSHOTS} WHERE entity = $entity AND taken_at >= "
        f"(SELECT taken_at FROM {SNAPSHOTS} WHERE entity = $entity AND id = $than) ORDER BY taken_at"
    )
    shapes = connection.execute(since, {"entity": entity, "than": than}).fetchall()
    if len({shape for shape, _ in shapes}) != 1:
        return True  # it is forgotten, or what is read as what has changed since, of which nothing is noted
    if len(shapes) == 1 or not table_exists(connection, "history", "crm_changes"):
        return False
    found = connection.execute(
        f"SELECT 1 FROM {CHANGES} AS c WHERE entity = $entity AND taken_at > $taken_at "
        f"AND ({fold('c._key')} IN (SELECT _folded_key FROM {of})) LIMIT 1",
        {"entity": entity, "taken_at": shapes[0][1]},
    ).fetchone()
    return found is not None


def forget_changes(connection: duckdb.DuckDBPyConnection, before: datetime) -> None:
    """Delete what was noted before then."""
    if table_exists(connection, "history", "crm_changes"):
        connection.execute(f"DELETE FROM {CHANGES} WHERE taken_at < ?", [before])


def _names(columns: Iterable[str]) -> str:
    return ", ".join(quoted(name) for name in columns)


def _present(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {row[0] for row in connection.execute(f"DESCRIBE {SNAPSHOTS}").fetchall()}


def _ensure_snapshots(connection: duckdb.DuckDBPyConnection) -> None:
    columns = ", ".join(f"{quoted(name)} {type_}" for name, type_ in _COLUMNS.items())
    connection.execute(f"CREATE TABLE IF NOT EXISTS {SNAPSHOTS} ({columns})")
    present = _present(connection)
    for name, type_ in _COLUMNS.items():
        if name not in present:  # an earlier release made the table
            connection.execute(f"ALTER TABLE {SNAPSHOTS} ADD COLUMN {quoted(name)} {type_}")
