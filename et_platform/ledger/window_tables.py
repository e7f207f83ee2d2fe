"""The ledger's table of independent counts: events of a window that ExactTarget tells of, and those of the lake.

What belongs here: columns and keys. What does not: queries (windows.py), and counting (inbound/counts.py).
"""

from sqlalchemy import BigInteger, Column, Integer, String, Table

from et_platform.ledger.tables import Moment, metadata

# One row for each type of a window: a later count replaces the earlier one.
window_counts = Table(
    "window_counts",
    metadata,
    Column("mid", Integer, primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("window_start", Moment(), primary_key=True),  # half-open: start ≤ event < end
    Column("window_end", Moment(), primary_key=True),
    Column("type", String(20), primary_key=True),
    Column("told", BigInteger),  # null: it could not be counted, and `reason` says why
    Column("held", BigInteger, nullable=False),
    Column("reason", String),
    Column("counted_at", Moment(), nullable=False),
    Column("run_id", String(64), nullable=False),
)
