"""Opt-outs that ExactTarget has: subscribers whom it shows as unsubscribed, because the CRM says that they are out.

What belongs here: the tables `acknowledged.opt_outs`, and `acknowledged.opt_outs_sent`, which forgets nothing. What
does not: deciding who is out (sync/opt_out.py), and data extensions' own rows (acknowledged.py).

A status is the business unit's, whatever data extension the person is in; which of the CRM's entities says so is kept
beside, for two of them may hold one person and only one of them the opt-out.
"""

from datetime import UTC, datetime

import duckdb

from et_platform.duckdb_support import literal
from et_platform.warehouse.snapshots import table_exists

OPT_OUTS, SENT = "lake.acknowledged.opt_outs", "lake.acknowledged.opt_outs_sent"


def relation(*, mid: int, entity: str) -> str:
    """SQL for (_folded_key, opted_out_at, ...) of one business unit and entity."""
    return f"(SELECT * FROM {OPT_OUTS} WHERE mid = {mid} AND entity = {literal(entity)})"


def is_table_ready(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether `ensure_table` has nothing to do."""
    return all(table_exists(connection, "acknowledged", name) for name in ("opt_outs", "opt_outs_sent"))


def ensure_table(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing. `opted_out_at` is the CRM's date; `attempt_id` null where nothing had to be sent."""
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {OPT_OUTS} (mid BIGINT, entity VARCHAR, _folded_key VARCHAR, "
        "opted_out_at TIMESTAMP, attempt_id VARCHAR, proven_at TIMESTAMPTZ)"
    )
    if not table_exists(connection, "acknowledged", "opt_outs_sent"):
        connection.execute(
            f"CREATE TABLE {SENT} AS SELECT mid, _folded_key, attempt_id, proven_at FROM {OPT_OUTS} "
            "WHERE attempt_id IS NOT NULL"
        )


def acknowledge(
    connection: duckdb.DuckDBPyConnection, *, mid: int, entity: str, proven: str, attempt_id: str | None
) -> int:
    """Merge the relation `proven` (_folded_key, opted_out_at); returns its rows. The same again changes nothing."""
    connection.execute(
        f"MERGE INTO {OPT_OUTS} AS a USING {proven} AS p "
        "ON a.mid = $mid AND a.entity = $entity AND a._folded_key = p._folded_key "
        "WHEN MATCHED THEN UPDATE SET opted_out_at = p.opted_out_at, attempt_id = $attempt, proven_at = $now "
        "WHEN NOT MATCHED THEN INSERT VALUES ($mid, $entity, p._folded_key, p.opted_out_at, $attempt, $now)",
        {"mid": mid, "entity": entity, "attempt": attempt_id, "now": datetime.now(UTC)},
    )
    if attempt_id is not None:
        connection.execute(
            f"INSERT INTO {SENT} SELECT $mid, _folded_key, $attempt, now() FROM {proven} AS p "
            f"ANTI JOIN (FROM {SENT} WHERE mid = $mid AND attempt_id = $attempt) AS s USING (_folded_key)",
            {"mid": mid, "attempt": attempt_id},
        )
    row = connection.execute(f"SELECT count(*) FROM {proven}").fetchone()
    assert row is not None
    return row[0]


def forget(connection: duckdb.DuckDBPyConnection, *, mid: int, entity: str, keys: str) -> int:
    """Forget those of `keys` (_folded_key), so that a later opt-out of theirs is sent; returns how many."""
    row = connection.execute(f"SELECT count(*) FROM {keys}").fetchone()
    assert row is not None
    if row[0]:
        connection.execute(
            f"DELETE FROM {OPT_OUTS} WHERE mid = ? AND entity = ? AND _folded_key IN (SELECT _folded_key FROM {keys})",
            [mid, entity],
        )
    return row[0]


def caused(*, mid: int) -> str:
    """SQL for the latest opt-out of each key that this platform set in ExactTarget, also where the CRM took it back
    since: `_folded_key`, `proven_at`, `attempt_id`.
    """
    return (
        f"(SELECT _folded_key, max(proven_at) AS proven_at, max_by(attempt_id, proven_at) AS attempt_id "
        f"FROM {SENT} WHERE mid = {mid} GROUP BY _folded_key)"
    )
