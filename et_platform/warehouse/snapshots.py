"""CRM snapshots in the lake: typed rows with folded key and row hash, computed once, when they are written.

What belongs here: the table `crm.<entity>`, and how what was read becomes it. What does not: how text becomes values
(reading.py), the record of snapshots (snapshot_history.py), and what is read and when (outbound/snapshot.py).

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

__all__ = ["Reading", "Snapshot", "SnapshotOvertaken", "latest_snapshot", "table_exists", "write_snapshot"]

REWRITTEN_SHARE = 0.2
"""From this share of changed rows on, a table is written anew, which also tidies its files up."""
MOST_MERGES = 50
"""A table is written anew after so many snapshots that only added to its files."""


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
            comparable = former is not None and former.shape == snapshot.shape
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
            merge = _Merge(connection, name, file, snapshot, is_full=how.kind == "full")
            snapshot = merge.apply(entity, former if comparable else None)
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
    values = ", ".join(f"{reading.typed(column, quoted(name))} AS {quoted(name)}" for name, column in entity.columns.items())
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {_relation(name)} AS SELECT {values}, {key} AS _key, {fold(key)} AS _folded_key, "
        f"{reading.row_hash(entity.columns)} AS _row_hash, []::VARCHAR[] AS _invalid, '' AS _changed_in "
        f"FROM (SELECT {', '.join(f'NULL::VARCHAR AS {quoted(column)}' for column in entity.columns)} LIMIT 0)"
    )


def _relation(name: str) -> str:
    return f"lake.crm.{quoted(name)}"


def _stage(name: str, entity: CrmEntity, fold: SqlExpression, file: Path, *, comparable: bool) -> str:
    """SQL that puts what is read into a file. `_fresh` rows are those whose key and hash the table does not have."""
    columns = entity.columns
    key = reading.key_text(entity)
    known = f"SELECT DISTINCT _key, _row_hash FROM {_relation(name)}" if comparable else "SELECT NULL, NULL LIMIT 0"
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


class _Merge:
    """What was read, on its way into the table, inside one write transaction."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, name: str, file: Path, snapshot: Snapshot, *, is_full: bool
    ):
        self._connection, self._name, self._snapshot, self._is_full = connection, name, snapshot, is_full
        self._table = _relation(name)
        self._read = f"read_parquet({literal(str(file))})"
        # New rows as the table keeps them.
        self._fresh = f"SELECT * EXCLUDE (_fresh), {literal(snapshot.id)} AS _changed_in FROM {self._read} WHERE _fresh"

    def apply(self, entity: CrmEntity, former: Snapshot | None) -> Snapshot:
        """Bring the table up to what was read; `former` is None if nothing in it can be compared."""
        (read,) = self._one(f"SELECT count(*) FROM {self._read}")
        if former is None:
            self._connection.execute(f"CREATE OR REPLACE TABLE {self._table} AS {self._fresh}")
            return self._counted(replace(self._snapshot, read=read, new=read, merges=0))
        if self._is_unchanged():
            totals = {"rows": former.rows, "invalid": former.invalid, "empty_keys": former.empty_keys}
            return replace(self._snapshot, read=read, merges=former.merges, **totals)
        self._find_differences()
        new, changed, removed = self._log()
        many = (new + changed + removed) > REWRITTEN_SHARE * former.rows
        is_rewritten = many or former.merges >= MOST_MERGES
        self._rewrite() if is_rewritten else self._patch()
        merges = 0 if is_rewritten else former.merges + 1
        return self._counted(
            replace(self._snapshot, read=read, new=new, changed=changed, removed=removed, merges=merges)
        )

    def _is_unchanged(self) -> bool:
        """Whether the very rows were read that the table has (of the keys that were read, if not all were)."""
        (fresh,) = self._one(f"SELECT count(*) FROM {self._read} WHERE _fresh")
        if fresh:
            return False
        # Copies of a row may have become more or fewer; a sum of hashes tells, whatever order they are in.
        totals = "SELECT count(*), sum(_row_hash) FROM"
        return self._one(f"{totals} ({self._concerned()})") == self._one(f"{totals} {self._read}")

    def _concerned(self) -> str:
        """SQL for key and hash of the table's rows that what was read speaks of."""
        concerned = f"SELECT _key, _row_hash FROM {self._table}"
        if self._is_full:
            return concerned
        return f"{concerned} AS t SEMI JOIN {self._read} AS r ON t._key IS NOT DISTINCT FROM r._key"

    def _find_differences(self) -> None:
        """Fill the temporary tables `differences`: keys and hashes that the table has `had` more or fewer times than
        what was read `has` them, and `copied`: rows of which only the number of copies differs, as often as read.
        """
        counted = "SELECT _key, _row_hash, count(*) AS times FROM"
        self._connection.execute(f"""
CREATE OR REPLACE TEMP TABLE differences AS
SELECT coalesce(o._key, r._key) AS _key, coalesce(o._row_hash, r._row_hash) AS _row_hash,
    coalesce(o.times, 0) AS had, coalesce(r.times, 0) AS has
FROM ({counted} ({self._concerned()}) GROUP BY ALL) AS o
FULL JOIN ({counted} {self._read} GROUP BY ALL) AS r
ON o._key IS NOT DISTINCT FROM r._key AND o._row_hash = r._row_hash
WHERE o.times IS DISTINCT FROM r.times""")
        self._connection.execute(f"""
CREATE OR REPLACE TEMP TABLE copied AS
SELECT t.* FROM (
    SELECT * FROM {self._table} SEMI JOIN (FROM differences WHERE had > 0 AND has > 0) USING (_row_hash)
    QUALIFY row_number() OVER (PARTITION BY _key, _row_hash) = 1
) AS t
JOIN (SELECT _key, _row_hash, unnest(range(has)) FROM differences WHERE had > 0 AND has > 0) AS d
ON t._key IS NOT DISTINCT FROM d._key AND t._row_hash = d._row_hash""")

    def _log(self) -> tuple[int, int, int]:
        """Record which keys are new, changed and gone, and count them; keys that are empty count as one."""
        self._connection.execute(f"""
CREATE OR REPLACE TEMP TABLE changed_keys AS
SELECT d._key, CASE WHEN NOT d.had THEN 'new' WHEN NOT d.has THEN 'removed' ELSE 'changed' END AS change
FROM (
    SELECT _key, _key IS NULL OR _key IN (SELECT _key FROM {self._table} WHERE _key IS NOT NULL) AS had,
        _key IS NULL OR _key IN (SELECT _key FROM {self._read} WHERE _key IS NOT NULL) AS has
    FROM (SELECT DISTINCT _key FROM differences)
) AS d""")
        snapshot_history.log_changes(self._connection, self._snapshot, "changed_keys")
        counts = dict(self._connection.execute("SELECT change, count(*) FROM changed_keys GROUP BY 1").fetchall())
        return counts.get("new", 0), counts.get("changed", 0), counts.get("removed", 0)

    def _patch(self) -> None:
        self._connection.execute(
            f"DELETE FROM {self._table} AS t USING differences AS d "
            "WHERE t._key IS NOT DISTINCT FROM d._key AND t._row_hash = d._row_hash AND d.had > 0"
        )
        self._connection.execute(f"INSERT INTO {self._table} BY NAME {self._fresh}")
        self._connection.execute(f"INSERT INTO {self._table} BY NAME FROM copied")

    def _rewrite(self) -> None:
        same = "t._key IS NOT DISTINCT FROM d._key AND t._row_hash = d._row_hash"
        self._connection.execute(
            f"CREATE OR REPLACE TABLE {self._table} AS SELECT t.* FROM {self._table} AS t "
            f"ANTI JOIN differences AS d ON {same} UNION ALL BY NAME {self._fresh} UNION ALL BY NAME FROM copied"
        )

    def _counted(self, snapshot: Snapshot) -> Snapshot:
        rows, invalid, empty = self._one(
            "SELECT count(*), count(*) FILTER (len(_invalid) > 0), count(*) FILTER (_folded_key IS NULL) "
            f"FROM {self._table}"
        )
        return replace(snapshot, rows=rows, invalid=invalid, empty_keys=empty)

    def _one(self, query: str) -> tuple:
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return row


def _mark(
    connection: duckdb.DuckDBPyConnection, name: str, entity: CrmEntity, cursor: str, clock: datetime | None
) -> str | None:
    """The highest cursor that was read. A moment that the CRM's clock had not reached yet orders nothing."""
    column = quoted(cursor)
    so_far = "" if entity.columns[cursor].type == "integer" else f"FILTER ({column} <= $clock)"
    values = {"clock": clock or datetime.now(UTC).replace(tzinfo=None)} if so_far else {}
    row = connection.execute(
        f"SELECT CAST(max({column}) {so_far} AS VARCHAR) FROM {_relation(name)}", values
    ).fetchone()
    return row[0] if row else None
