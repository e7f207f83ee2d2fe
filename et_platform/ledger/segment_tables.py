"""The ledger's table of runs of segments. A constraint guards that no segment has two open ones.

What belongs here: columns, keys, states. What does not: transitions (segments.py).
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, String, Table, text

from et_platform.ledger.tables import Moment, metadata

# preparing → starting → started → finished → settled; any of them → failed. `starting` is in doubt: it may run.
SEGMENT_RUN_STATES = ("preparing", "starting", "started", "finished", "settled", "failed")
_OPEN = text("state IN ('preparing', 'starting', 'started', 'finished')")

segment_runs = Table(
    "segment_runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("mid", Integer, nullable=False),
    Column("name", String(100), nullable=False),
    Column("customer_key", String(200), nullable=False),  # of the data extension that takes the rows
    Column("state", String(12), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("rows_told", BigInteger),  # by ExactTarget, when the rows were there
    Column("rows_counted", BigInteger),  # read back
    Column("problem", String),
    Column("begun_at", Moment(), nullable=False),
    Column("starting_at", Moment()),
    Column("started_at", Moment()),
    Column("finished_at", Moment()),
    Column("closed_at", Moment()),
    CheckConstraint(f"state IN ({', '.join(repr(s) for s in SEGMENT_RUN_STATES)})", name="segment_run_state"),
    CheckConstraint("state != 'settled' OR rows_counted IS NOT NULL", name="segment_run_counted"),
)
Index(
    "one_open_segment_run",
    segment_runs.c.mid,
    segment_runs.c.name,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
