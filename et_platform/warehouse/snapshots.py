"""CRM snapshots in the lake: typed rows with folded key and row hash, computed once, when they are written.

What belongs here: how the CRM's text becomes typed values, and the table `crm.<entity>`. What does not: whether
a value may be sent anywhere (sync/field_rules.py).

A value that cannot be read as its declared type becomes null and its column is named in `_invalid`, so the row
is kept and can be quarantined with a reason; it is never dropped and never guessed.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from et_platform.catalog.models import Column, CrmEntity
from et_platform.duckdb_support import literal, quoted
from et_platform.warehouse.lake import Lake

SqlExpression = Callable[[str], str]


@dataclass(frozen=True)
class Snapshot:
    """A CRM relation as it was read at one time. `invalid` counts rows with an unreadable value."""

    id: str
    entity: str
    taken_at: datetime
    rows: int
    invalid: int
    empty_keys: int


def typed(column: Column, text: str) -> str:
    """SQL that reads the SQL text expression `text` as the column's type; null where it is not such a value."""
    trimmed = f"nullif(trim({text}), '')"
    match column.type:
        case "text":
            return text
        case "integer":
            whole = f"regexp_full_match({trimmed}, '[+-]?[0-9]+(\\.0*)?')"
            return f"CASE WHEN {whole} THEN TRY_CAST(split_part({trimmed}, '.', 1) AS BIGINT) END"
        case "decimal":
            # Digits that do not fit would be rounded away silently: compare with a wider reading.
            exact = f"TRY_CAST({trimmed} AS DECIMAL({column.precision}, {column.scale}))"
            wide = f"TRY_CAST({trimmed} AS DECIMAL(38, {min(column.scale + 9, 38)}))"
            return f"CASE WHEN {exact} = {wide} THEN {exact} END"
        case "double":
            return f"CASE WHEN isfinite(TRY_CAST({trimmed} AS DOUBLE)) THEN TRY_CAST({trimmed} AS DOUBLE) END"
        case "boolean":
            word = f"lower({trimmed})"
            return (
                f"CASE WHEN {word} IN ('1', 'true', 't', 'yes', 'y') THEN true "
                f"WHEN {word} IN ('0', 'false', 'f', 'no', 'n') THEN false END"
            )
        case "date":
            form = f"regexp_full_match({trimmed}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([ T]00:00(:00(\\.0+)?)?)?')"
            return f"CASE WHEN {form} THEN TRY_CAST(left({trimmed}, 10) AS DATE) END"
        case "timestamp":
            # With an offset: converted; without one: UTC. Years beyond four digits are not dates to anyone here.
            form = f"regexp_matches({trimmed}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([ T]|$)')"
            return f"CASE WHEN {form} THEN timezone('UTC', TRY_CAST({trimmed} AS TIMESTAMPTZ)) END"


def write_snapshot(
    lake: Lake, *, name: str, entity: CrmEntity, rows: pa.RecordBatchReader, fold: SqlExpression, run_id: str
) -> Snapshot:
    """Replace `crm.<name>` by `rows` (all columns as text) in one transaction, and record the snapshot.

    A reader that fails midway leaves the former snapshot in place.
    """
    taken_at = datetime.now(UTC)
    snapshot_id = f"{taken_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    with lake.write() as connection:
        connection.register("incoming", rows)
        connection.execute(
            f"CREATE OR REPLACE TABLE lake.crm.{quoted(name)} AS "
            f"SELECT {', '.join(_columns(entity.columns, entity.key, fold))} FROM incoming"
        )
        counts = connection.execute(
            "SELECT count(*), count(*) FILTER (len(_invalid) > 0), count(*) FILTER (_folded_key IS NULL) "
            f"FROM lake.crm.{quoted(name)}"
        ).fetchone()
        assert counts is not None
        _record(connection, name, snapshot_id, taken_at, counts[0], run_id)
    return Snapshot(snapshot_id, name, taken_at, *counts)


def ensure_table(connection: duckdb.DuckDBPyConnection, *, name: str, entity: CrmEntity, fold: SqlExpression) -> None:
    """Create an empty `crm.<name>` for those who read it by name, until the first snapshot takes its place."""
    empty = ", ".join(f"NULL::VARCHAR AS {quoted(column)}" for column in entity.columns)
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS lake.crm.{quoted(name)} AS "
        f"SELECT {', '.join(_columns(entity.columns, entity.key, fold))} FROM (SELECT {empty} LIMIT 0)"
    )


def _columns(columns: Mapping[str, Column], key: str, fold: SqlExpression) -> list[str]:
    invalid = [
        f"CASE WHEN nullif(trim({quoted(name)}), '') IS NOT NULL AND ({typed(column, quoted(name))}) IS NULL "
        f"THEN {literal(name)} END"
        for name, column in columns.items()
        if column.type != "text"
    ]
    # 7, 07 and 7.0 are one key of a number; what is no such value stays as it was written, to be named in quarantine.
    key_text = quoted(key)
    if columns[key].type != "text":
        key_text = f"coalesce(CAST(({typed(columns[key], key_text)}) AS VARCHAR), {key_text})"
    return [
        *(f"{typed(column, quoted(name))} AS {quoted(name)}" for name, column in columns.items()),
        f"{key_text} AS _key",
        f"{fold(key_text)} AS _folded_key",
        f"hash({', '.join(quoted(name) for name in columns)}) AS _row_hash",
        f"list_filter([{', '.join(invalid) or 'NULL'}]::VARCHAR[], lambda c: c IS NOT NULL) AS _invalid",
    ]


def _record(
    connection: duckdb.DuckDBPyConnection, entity: str, snapshot_id: str, at: datetime, rows: int, run_id: str
) -> None:
    # The hash function may change between DuckDB versions; a plan that meets another version's hashes only
    # compares more rows, but people who read the table must be able to tell.
    connection.execute(
        "CREATE TABLE IF NOT EXISTS lake.history.snapshots "
        "(entity VARCHAR, id VARCHAR, taken_at TIMESTAMPTZ, rows BIGINT, hash_version VARCHAR, run_id VARCHAR)"
    )
    connection.execute(
        "INSERT INTO lake.history.snapshots VALUES (?, ?, ?, ?, ?, ?)",
        [entity, snapshot_id, at, rows, f"duckdb {duckdb.__version__}", run_id],
    )


def latest_snapshot(connection: duckdb.DuckDBPyConnection, entity: str) -> tuple[str, int] | None:
    """Id and row count of the entity's snapshot in this view of the lake; None when none was taken yet."""
    if not table_exists(connection, "history", "snapshots"):
        return None
    return connection.execute(
        "SELECT id, rows FROM lake.history.snapshots WHERE entity = ? ORDER BY taken_at DESC LIMIT 1", [entity]
    ).fetchone()


def table_exists(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> bool:
    """Whether the lake has this table."""
    found = connection.execute(
        "SELECT 1 FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name = ? AND table_name = ?",
        [schema, name],
    ).fetchone()
    return found is not None
