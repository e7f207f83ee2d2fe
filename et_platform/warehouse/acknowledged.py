"""Acknowledged rows: what ExactTarget has confirmed that it holds because of us.

What belongs here: the tables `acknowledged.<de>` and `acknowledged.applied`. What does not: the decision that a
row is proven (sync/reconcile.py, sync/readback.py).

An attempt is applied in the same transaction that records it in `applied`, so that a crash between the lake and
the ledger is told apart afterwards: the lake knows, and the ledger is brought up to it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import duckdb

from et_platform.catalog.models import DataExtension
from et_platform.catalog.sql_types import sql_type
from et_platform.duckdb_support import literal, quoted
from et_platform.warehouse.snapshots import table_exists

APPLIED = "lake.acknowledged.applied"


def relation(name: str) -> str:
    """The SQL name of a data extension's acknowledged rows."""
    return f"lake.acknowledged.{quoted(name)}"


def ensure_tables(connection: duckdb.DuckDBPyConnection, name: str, data_extension: DataExtension) -> None:
    """Create what is missing, and add columns for newly declared fields (null until they are acknowledged).

    A column whose declared type changed is read as the new type; a value that is not of it becomes null, and with
    that a change.
    """
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {APPLIED} "
        "(data_extension VARCHAR, attempt_id VARCHAR, change_set_id VARCHAR, rows BIGINT, applied_at TIMESTAMPTZ)"
    )
    fields = {field: sql_type(declared) for field, declared in data_extension.fields.items()}
    columns = ", ".join(f"{quoted(field)} {type_}" for field, type_ in fields.items())
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {relation(name)} (_folded_key VARCHAR, _source_hash UBIGINT, "
        f"_theirs VARCHAR[], _attempt_id VARCHAR, _acknowledged_at TIMESTAMPTZ, {columns})"
    )
    present = _columns(connection, name)
    for field, type_ in fields.items():
        if field.lower() not in present:
            connection.execute(f"ALTER TABLE {relation(name)} ADD COLUMN {quoted(field)} {type_}")
    changed = {
        field: type_ for field, type_ in fields.items() if present.get(field.lower(), _plain(type_)) != _plain(type_)
    }
    if changed:
        casts = ", ".join(
            f"TRY_CAST({quoted(field)} AS {type_}) AS {quoted(field)}" for field, type_ in changed.items()
        )
        connection.execute(f"CREATE TEMP TABLE retyped AS SELECT * REPLACE ({casts}) FROM {relation(name)}")
        connection.execute(f"CREATE OR REPLACE TABLE {relation(name)} AS FROM retyped")
        connection.execute("DROP TABLE retyped")


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    return {row[0].lower(): _plain(row[1]) for row in connection.execute(f"DESCRIBE {relation(name)}").fetchall()}


def _plain(type_: str) -> str:
    return type_.replace(" ", "").upper()


def are_tables_ready(connection: duckdb.DuckDBPyConnection, name: str, data_extension: DataExtension) -> bool:
    """Whether `ensure_tables` has nothing to do."""
    if not (table_exists(connection, "acknowledged", name) and table_exists(connection, "acknowledged", "applied")):
        return False
    present = _columns(connection, name)
    return all(
        present.get(field.lower()) == _plain(sql_type(declared)) for field, declared in data_extension.fields.items()
    )


def forget(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    """Forget every acknowledged row of a data extension; returns how many. The next plan sends them as inserts."""
    row = connection.execute(f"SELECT count(*) FROM {relation(name)}").fetchone()
    assert row is not None
    connection.execute(f"DELETE FROM {relation(name)}")
    connection.execute(f"DELETE FROM {APPLIED} WHERE data_extension = ?", [name])
    return row[0]


def base_version(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """The attempt that was applied last to this data extension; `none` before the first."""
    row = connection.execute(
        f"SELECT attempt_id FROM {APPLIED} WHERE data_extension = ? ORDER BY applied_at DESC LIMIT 1", [name]
    ).fetchone()
    return row[0] if row else "none"


def is_applied(connection: duckdb.DuckDBPyConnection, attempt_id: str) -> int | None:
    """How many rows the attempt acknowledged; None if it was not applied."""
    row = connection.execute(f"SELECT rows FROM {APPLIED} WHERE attempt_id = ?", [attempt_id]).fetchone()
    return row[0] if row else None


def apply(
    connection: duckdb.DuckDBPyConnection,
    *,
    name: str,
    data_extension: DataExtension,
    change_set_id: str,
    attempt_id: str,
    proven: str,
    partial: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> int:
    """Merge the change rows in the relation `proven` and record the attempt; returns the number of rows.

    Rows of the operation `delete` are taken out. Of the operations in `partial`, just these fields of rows that are
    known are merged, and of which snapshot row they are is forgotten, so that the next plan compares the others.
    `_theirs` names the fields that were ExactTarget's then: what it holds of them is not known from here.

    To be called inside one write transaction. An attempt that is already applied changes nothing.
    """
    if (rows := is_applied(connection, attempt_id)) is not None:
        return rows
    now = datetime.now(UTC)
    operations = {row[0] for row in connection.execute(f"SELECT DISTINCT _operation FROM {proven}").fetchall()}
    if "delete" in operations:
        gone = f"SELECT _folded_key FROM {proven} WHERE _operation = 'delete'"
        connection.execute(f"DELETE FROM {relation(name)} WHERE _folded_key IN ({gone})")
    for operation in sorted(operations & partial.keys()):
        assignments = ", ".join(f"{quoted(field)} = c.{quoted(field)}" for field in partial[operation])
        connection.execute(
            f"MERGE INTO {relation(name)} AS a USING (FROM {proven} WHERE _operation = {literal(operation)}) AS c "
            "ON a._folded_key = c._folded_key WHEN MATCHED THEN UPDATE SET "
            f"_source_hash = NULL, _attempt_id = $attempt, _acknowledged_at = $now, {assignments}",
            {"attempt": attempt_id, "now": now},
        )
    if whole := operations - partial.keys() - {"delete"}:
        rows = f"(FROM {proven} WHERE _operation IN ({', '.join(literal(one) for one in sorted(whole))}))"
        _merge_whole(connection, name, data_extension, attempt_id, rows, now)
    return _record(connection, name, change_set_id, attempt_id, proven, now)


def _merge_whole(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    data_extension: DataExtension,
    attempt_id: str,
    rows: str,
    now: datetime,
) -> None:
    theirs = [field for field, declared in data_extension.fields.items() if declared.owner != "crm"]
    owned = [field for field, declared in data_extension.fields.items() if declared.owner == "crm"]
    assignments = ", ".join(f"{quoted(field)} = c.{quoted(field)}" for field in owned)
    fields = ", ".join(quoted(field) for field in data_extension.fields)
    values = ", ".join(f"c.{quoted(field)}" for field in data_extension.fields)
    connection.execute(
        f"MERGE INTO {relation(name)} AS a USING {rows} AS c ON a._folded_key = c._folded_key "
        f"WHEN MATCHED THEN UPDATE SET _source_hash = c._source_hash, _attempt_id = $attempt, "
        f"_acknowledged_at = $now, _theirs = $theirs, {assignments} "
        f"WHEN NOT MATCHED THEN INSERT (_folded_key, _source_hash, _theirs, _attempt_id, _acknowledged_at, {fields}) "
        f"VALUES (c._folded_key, c._source_hash, $theirs, $attempt, $now, {values})",
        {"attempt": attempt_id, "now": now, "theirs": theirs},
    )


def _record(
    connection: duckdb.DuckDBPyConnection, name: str, change_set_id: str, attempt_id: str, proven: str, now: datetime
) -> int:
    count = connection.execute(f"SELECT count(*) FROM {proven}").fetchone()
    assert count is not None
    connection.execute(
        f"INSERT INTO {APPLIED} VALUES (?, ?, ?, ?, ?)", [name, attempt_id, change_set_id, count[0], now]
    )
    return count[0]


def refresh_source_hashes(connection: duckdb.DuckDBPyConnection, name: str, unchanged: str) -> None:
    """Note that the rows of `unchanged` (_folded_key, _source_hash) were compared and are as acknowledged."""
    connection.execute(
        f"MERGE INTO {relation(name)} AS a USING {unchanged} AS u ON a._folded_key = u._folded_key "
        "WHEN MATCHED THEN UPDATE SET _source_hash = u._source_hash"
    )
