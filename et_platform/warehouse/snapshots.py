"""CRM snapshots in the lake: typed rows with folded key and row hash, computed once, when they are written.

What belongs here: one snapshot, from what is read to the record of it. What does not: how text becomes values
(reading.py), how the table takes over what was read (snapshot_merge.py), the record (snapshot_history.py), and what is
read and when (outbound/snapshot.py).

What is read is first put into a file, outside the lake and its lock, while each row is compared by key and hash with
the former snapshot; rows that are the same leave no more than those two there. Then one transaction takes the
differences over: an unchanged CRM costs a look at keys and hashes. `_changed_in` names the snapshot in which a row
first had its present content.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa

from et_platform.catalog.models import CrmEntity
from et_platform.duckdb_support import literal, quoted
from et_platform.warehouse import reading, snapshot_history
from et_platform.warehouse.lake import Lake, LakeBusy, table_exists
from et_platform.warehouse.reading import SqlExpression
from et_platform.warehouse.snapshot_history import Snapshot, latest_snapshot
from et_platform.warehouse.snapshot_merge import Merge, relation

__all__ = ["Reading", "Snapshot", "SnapshotOvertaken", "latest_snapshot", "table_exists", "write_snapshot"]


class SnapshotOvertaken(LakeBusy):
    """Another snapshot of the entity was written while this one was read."""


@dataclass(frozen=True)
class Reading:
    """How rows are read: all of them, or only what changed, and what is worth remembering of it.

    `clock` is the CRM's own time when reading began (UTC, without a zone); `columns`, `warnings` and `notes` are kept
    as they are.
    """

    kind: Literal["full", "incremental"] = "full"
    why: str = ""
    clock: datetime | None = None
    columns: tuple[dict[str, str | bool | None], ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def write_snapshot(
    lake: Lake,
    *,
    name: str,
    entity: CrmEntity,
    rows: pa.RecordBatchReader | Callable[[], pa.RecordBatchReader],
    fold: SqlExpression,
    run_id: str,
    how: Reading | None = None,
    keep_history: timedelta = timedelta(days=90),
) -> Snapshot:
    """Make `crm.<name>` what was read (all columns as text) in one transaction, and record the snapshot.

    A full reading replaces all rows. An incremental one replaces the rows of every key that it holds, and removes no
    key: only what is not there can be told from a full reading. It needs a former snapshot of the same shape. A reader
    that fails midway leaves the former snapshot in place. Which keys changed is remembered for `keep_history`. Raises
    SnapshotOvertaken.
    """
    how = how or Reading()
    taken_at, began = datetime.now(UTC), time.monotonic()
    snapshot = Snapshot(
        id=f"{taken_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        entity=name,
        taken_at=taken_at,
        kind=how.kind,
        why=how.why,
        shape=reading.shape(entity, fold),
        columns=how.columns,
        warnings=how.warnings,
        notes=how.notes,
    )
    with lake.scratch(name) as scratch:
        file = scratch / "read.parquet"
        file.touch(mode=0o600)
        with lake.read() as connection:
            former = snapshot_history.last(connection, name)
            comparable = former is not None and former.shape == snapshot.shape and table_exists(connection, "crm", name)
            if how.kind == "incremental" and not comparable:
                raise ValueError("An incremental reading needs a former snapshot of the same shape.")
            connection.register("incoming", rows() if callable(rows) else rows)
            connection.execute(_stage(name, entity, fold, file, comparable=comparable))
        with lake.write() as connection:
            found = snapshot_history.last(connection, name)
            if (found and found.id) != (former and former.id):
                raise SnapshotOvertaken(
                    f"Another snapshot of {name} was written while this one was being read, so this one was dropped. "
                    "Take it again."
                )
            merge = Merge(connection, file, snapshot)
            snapshot = merge.apply(former if comparable else None)
            cursor = entity.source.incremental
            if cursor is not None:
                mark = _mark(connection, name, entity, cursor.cursor, how.clock)
                snapshot = replace(snapshot, cursor_column=cursor.cursor, cursor=mark)
            snapshot = replace(snapshot, seconds=time.monotonic() - began)
            snapshot_history.record(connection, snapshot, run_id)
            if how.kind == "full":
                snapshot_history.forget_changes(connection, taken_at - keep_history)
    return snapshot


def ensure_table(connection: duckdb.DuckDBPyConnection, *, name: str, entity: CrmEntity, fold: SqlExpression) -> None:
    """Create an empty `crm.<name>` for those who read it by name, until the first snapshot takes its place."""
    key = reading.key_text(entity)
    values = ", ".join(
        f"{reading.typed(column, quoted(name))} AS {quoted(name)}" for name, column in entity.columns.items()
    )
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {relation(name)} AS SELECT {values}, {key} AS _key, {fold(key)} AS _folded_key, "
        f"{reading.row_hash(entity.columns)} AS _row_hash, []::VARCHAR[] AS _invalid, '' AS _changed_in "
        f"FROM (SELECT {', '.join(f'NULL::VARCHAR AS {quoted(column)}' for column in entity.columns)} LIMIT 0)"
    )


def _stage(name: str, entity: CrmEntity, fold: SqlExpression, file: Path, *, comparable: bool) -> str:
    """SQL that puts what is read into a file. `_fresh` rows are those whose key and hash the table does not have."""
    columns = entity.columns
    key = reading.key_text(entity)
    known = f"SELECT DISTINCT _key, _row_hash FROM {relation(name)}" if comparable else "SELECT NULL, NULL LIMIT 0"
    values = ", ".join(
        f"CASE WHEN _fresh THEN {reading.typed(column, quoted(name))} END AS {_value(quoted(name))}"
        for name, column in columns.items()
    )
    staged = ", ".join(f"{_value(quoted(name))} AS {quoted(name)}" for name in columns)
    return f"""
COPY (
    WITH read AS (
        SELECT *, {key} AS _key, {fold(key)} AS _folded_key, {reading.row_hash(columns)} AS _row_hash FROM incoming
    ),
    compared AS (
        SELECT r.*, k._row_hash IS NULL AS _fresh
        FROM read AS r LEFT JOIN ({known}) AS k (_key, _row_hash)
        ON r._key IS NOT DISTINCT FROM k._key AND r._row_hash = k._row_hash
    ),
    valued AS (SELECT *, {values} FROM compared)
    SELECT _fresh, {staged}, _key, _folded_key, _row_hash,
        CASE WHEN _fresh THEN {reading.invalid(columns, text=str, value=_value)} END AS _invalid
    FROM valued
) TO {literal(str(file))} (FORMAT parquet, COMPRESSION lz4_raw)"""


def _value(column: str) -> str:
    """The name of a column's value beside its text, which keeps the column's own name."""
    return f'"_value of {column[1:]}'


def _mark(
    connection: duckdb.DuckDBPyConnection, name: str, entity: CrmEntity, cursor: str, clock: datetime | None
) -> str | None:
    """The highest cursor that was read. A moment that the CRM's clock had not reached yet orders nothing."""
    column = quoted(cursor)
    so_far = "" if entity.columns[cursor].type == "integer" else f"FILTER ({column} <= $clock)"
    values = {"clock": clock or datetime.now(UTC).replace(tzinfo=None)} if so_far else {}
    row = connection.execute(f"SELECT CAST(max({column}) {so_far} AS VARCHAR) FROM {relation(name)}", values).fetchone()
    return row[0] if row else None
