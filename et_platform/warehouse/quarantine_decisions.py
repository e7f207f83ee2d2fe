"""What people decided of rows in quarantine: offer it again, or drop it.

What belongs here: the table `quarantine.decisions`. What does not: what may be decided (outbound/quarantine.py), and
what a decision does to a plan (quarantine.py, sync/plan.py).

A decision is of a row with its content: another content is another row, of which nothing is decided. Decisions are
added and stay; the newest one counts. They are kept in the lake, beside the rows: a key may be personal data.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import duckdb

from et_platform.duckdb_support import literal, one_row
from et_platform.warehouse.snapshots import table_exists

NAME = "decisions"
TABLE = f"lake.quarantine.{NAME}"

Word = Literal["retry", "drop"]


@dataclass(frozen=True)
class Decision:
    """A decision, by whom, why and when (aware)."""

    word: Word
    who: str
    why: str
    at: datetime


def ensure_table(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing."""
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (data_extension VARCHAR, number BIGINT, _folded_key VARCHAR, "
        "_source_hash UBIGINT, times INTEGER, reason VARCHAR, decision VARCHAR, who VARCHAR, why VARCHAR, "
        "decided_at TIMESTAMPTZ)"
    )


def standing(name: str) -> str:
    """SQL for the newest decision on each row of one data extension."""
    return (
        f"(FROM {TABLE} WHERE data_extension = {literal(name)} "
        "QUALIFY row_number() OVER (PARTITION BY _folded_key, _source_hash ORDER BY number DESC) = 1)"
    )


def forget_times(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Rejections are counted from none again, so a `retry` weighs none of them; what it took back stays taken back."""
    connection.execute(f"UPDATE {TABLE} SET times = 0 WHERE data_extension = ? AND decision = 'retry'", [name])


def of_key(connection: duckdb.DuckDBPyConnection, name: str, folded_key: str) -> list[Decision]:
    """Every decision on rows with this key, whatever their content, the oldest first."""
    if not table_exists(connection, "quarantine", NAME):
        return []
    found = connection.execute(
        f"SELECT decision, who, why, decided_at FROM {TABLE} WHERE data_extension = ? AND _folded_key = ? "
        "ORDER BY number",
        [name, folded_key],
    ).fetchall()
    return [Decision(*row) for row in found]


def record(connection: duckdb.DuckDBPyConnection, *, name: str, rows: str, decision: Decision) -> int:
    """Add a decision on each of `rows` (_folded_key, _source_hash, times, reason); returns how many.

    `times` is how often the row had been rejected by then. To be called inside the write transaction that chose the
    rows: whoever decides later sees it.
    """
    (number,) = one_row(connection, f"SELECT coalesce(max(number), 0) + 1 FROM {TABLE}")
    connection.execute(
        f"INSERT INTO {TABLE} SELECT $name, $number, _folded_key, _source_hash, times, reason, $word, $who, $why, $at "
        f"FROM {rows}",
        {
            "name": name,
            "number": number,
            "word": decision.word,
            "who": decision.who,
            "why": decision.why,
            "at": decision.at,
        },
    )
    (count,) = one_row(connection, f"SELECT count(*) FROM {TABLE} WHERE number = $number", {"number": number})
    return count
