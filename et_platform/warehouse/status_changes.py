"""How subscribers' statuses changed on All Subscribers, as ExactTarget tells it.

What belongs here: the table `extracts.status_changes`, and adding what is not there yet. What does not: asking for it
(inbound/status_changes.py), and what a change means for anybody's consent (sync/consent_facts.py).
"""

from datetime import datetime

import duckdb
import pyarrow as pa

from et_platform.warehouse.lake import table_exists

TABLE = "lake.extracts.status_changes"
READ = pa.schema(
    [
        *((name, pa.string()) for name in ("subscriber_key", "current", "previous", "reason")),
        ("changed_at", pa.timestamp("us", "UTC")),
        ("undated", pa.bool_()),
    ]
)
"""What is read of a change; one without a date that can be read is dated when it was read, and says so."""

_COLUMNS = (
    "mid BIGINT, subscriber_key VARCHAR, _folded_key VARCHAR, current VARCHAR, previous VARCHAR, reason VARCHAR, "
    "changed_at TIMESTAMPTZ, undated BOOLEAN, _attempt_id VARCHAR, _read_at TIMESTAMPTZ, _run_id VARCHAR"
)


def relation(connection: duckdb.DuckDBPyConnection) -> str:
    """SQL for all changes; an empty relation where none was ever read."""
    if is_table_ready(connection):
        return TABLE
    columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in (c.split(" ") for c in _COLUMNS.split(", ")))
    return f"(SELECT {columns} WHERE false)"


def is_table_ready(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether `ensure_table` has nothing to do."""
    return table_exists(connection, "extracts", "status_changes")


def ensure_table(connection: duckdb.DuckDBPyConnection) -> None:
    """Create it if it is missing. `_attempt_id` names the attempt of this platform's that caused the change."""
    connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({_COLUMNS})")


def latest(connection: duckdb.DuckDBPyConnection, mid: int) -> datetime | None:
    """The latest moment of a business unit's dated changes."""
    row = connection.execute(
        f"SELECT max(changed_at) FROM {relation(connection)} WHERE mid = ? AND NOT undated", [mid]
    ).fetchone()
    return row[0] if row else None


def unknown(connection: duckdb.DuckDBPyConnection, read: str, *, mid: int, fold: str, caused: str) -> str:
    """SQL for those of the relation `read` (see READ) that are not in the table, with `_folded_key` and `_attempt_id`.

    `fold` is SQL for the folded form of `r.subscriber_key`. `caused` is a relation (_folded_key, proven_at, attempt_id)
    of opt-outs that this platform set: the last change to `unsub` before it was proven is ours.
    """
    same = (
        "k._folded_key IS NOT DISTINCT FROM r._folded_key AND k.current = r.current AND k.previous = r.previous "
        "AND (k.changed_at = r.changed_at OR (k.undated AND r.undated))"
    )
    ours = "f.changed_at = max(f.changed_at) FILTER (c.attempt_id IS NOT NULL) OVER (PARTITION BY f._folded_key)"
    return (
        f"WITH fresh AS (SELECT DISTINCT r.* FROM (SELECT r.*, {fold} AS _folded_key FROM {read} AS r) AS r "
        f"ANTI JOIN (FROM {relation(connection)} WHERE mid = {mid}) AS k ON {same}) "
        f"SELECT f.*, CASE WHEN {ours} THEN c.attempt_id END AS _attempt_id FROM fresh AS f LEFT JOIN {caused} AS c "
        "ON c._folded_key = f._folded_key AND f.current = 'unsub' AND f.changed_at <= c.proven_at AND NOT f.undated"
    )


def add(connection: duckdb.DuckDBPyConnection, fresh: str, *, mid: int, run_id: str) -> None:
    """Add the relation `fresh` (see `unknown`), inside a write transaction."""
    ensure_table(connection)
    connection.execute(
        f"INSERT INTO {TABLE} SELECT $mid, subscriber_key, _folded_key, current, previous, reason, changed_at, "
        f"undated, _attempt_id, now(), $run FROM {fresh} ORDER BY changed_at",
        {"mid": mid, "run": run_id},
    )
