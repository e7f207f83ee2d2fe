"""Quarantine: rows that are desired and may not be sent, with the reason; and the rows ExactTarget rejected.

What belongs here: the tables `quarantine.<de>` (as the last plan found it) and `quarantine.rejections`. What does
not: the rules that put a row there (sync/field_rules.py, sync/plan.py), and what people decided of such rows
(quarantine_decisions.py).
"""

import duckdb

from et_platform.duckdb_support import literal, quoted
from et_platform.warehouse import quarantine_decisions
from et_platform.warehouse.snapshots import table_exists

REJECTIONS = "lake.quarantine.rejections"
_TOLD = {"line": "BIGINT", "field": "VARCHAR", "told": "VARCHAR"}
"""What is known of the last rejection: the line of the file, and field and words of ExactTarget's report."""


def relation(name: str) -> str:
    """The SQL name of a data extension's quarantine."""
    return f"lake.quarantine.{quoted(name)}"


def ensure_tables(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Create what is missing."""
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {relation(name)} (_key VARCHAR, _folded_key VARCHAR, _source_hash UBIGINT, "
        "class VARCHAR, field VARCHAR, reason VARCHAR)"
    )
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {REJECTIONS} (data_extension VARCHAR, _folded_key VARCHAR, "
        "_source_hash UBIGINT, times INTEGER, attempt_id VARCHAR, file VARCHAR, "
        "line BIGINT, field VARCHAR, told VARCHAR)"
    )
    for column, type_ in _TOLD.items():  # what a lake of an earlier version lacks
        connection.execute(f"ALTER TABLE {REJECTIONS} ADD COLUMN IF NOT EXISTS {column} {type_}")
    quarantine_decisions.ensure_table(connection)


def is_planned(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether a plan has left a quarantine, be it in a lake of an earlier version."""
    return table_exists(connection, "quarantine", name)


def are_tables_ready(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether `ensure_tables` has nothing to do."""
    shared = ("rejections", quarantine_decisions.NAME)
    if not all(table_exists(connection, "quarantine", one) for one in (name, *shared)):
        return False
    return _TOLD.keys() <= {row[0] for row in connection.execute(f"DESCRIBE {REJECTIONS}").fetchall()}


def replace(connection: duckdb.DuckDBPyConnection, name: str, rows: str) -> None:
    """Make the quarantine what the SQL query `rows` says; a row that became good leaves it."""
    connection.execute(f"DELETE FROM {relation(name)}")
    connection.execute(f"INSERT INTO {relation(name)} {rows}")


def rejections_of(name: str) -> str:
    """SQL for what stands against rows of one data extension: (_folded_key, _source_hash, times, is_dropped).

    `times` is how often a row was rejected with this content; after a decision to offer it again, one of those that had
    been counted by then still counts, so that one more rejection brings it back here.
    """
    return f"""(
    SELECT coalesce(r._folded_key, d._folded_key) AS _folded_key,
        coalesce(r._source_hash, d._source_hash) AS _source_hash,
        CASE WHEN d.decision = 'retry' AND d.times > 0 AND r.times >= d.times THEN r.times - d.times + 1
            ELSE coalesce(r.times, 0) END AS times,
        coalesce(d.decision = 'drop', false) AS is_dropped
    FROM (FROM {REJECTIONS} WHERE data_extension = {literal(name)}) AS r
    FULL JOIN {quarantine_decisions.standing(name)} AS d
        ON d._folded_key = r._folded_key AND d._source_hash = r._source_hash)"""


def forget_rejections(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Let every rejected row of a data extension be tried again."""
    connection.execute(f"DELETE FROM {REJECTIONS} WHERE data_extension = ?", [name])
    quarantine_decisions.forget_times(connection, name)


def record_rejections(
    connection: duckdb.DuckDBPyConnection, *, name: str, rejected: str, attempt_id: str, file: str
) -> None:
    """Count one more rejection of each row in `rejected` (_folded_key, _source_hash, line, field, told) by an import of
    `file`.
    """
    connection.execute(
        f"MERGE INTO {REJECTIONS} AS r USING {rejected} AS c "
        "ON r.data_extension = $name AND r._folded_key = c._folded_key AND r._source_hash = c._source_hash "
        "WHEN MATCHED THEN UPDATE SET times = r.times + 1, attempt_id = $attempt, file = $file, "
        "line = c.line, field = c.field, told = c.told "
        "WHEN NOT MATCHED THEN INSERT VALUES ($name, c._folded_key, c._source_hash, 1, $attempt, $file, "
        "c.line, c.field, c.told)",
        {"name": name, "attempt": attempt_id, "file": file},
    )
