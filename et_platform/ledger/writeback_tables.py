"""The ledger's table of write-backs to the CRM. A constraint guards that no entity has two open ones.

What belongs here: columns, keys, states. What does not: transitions (writeback.py), and the rows: what a customer's
columns held before and after is in the file that `path` names, never here.
"""

from sqlalchemy import JSON, CheckConstraint, Column, Index, Integer, String, Table, text

from et_platform.ledger.tables import Moment, metadata

# proposed → writing → written → settled; proposed → superseded. `writing` is in doubt: perhaps the CRM has it.
WRITEBACK_STATES = ("proposed", "writing", "written", "settled", "superseded")
_OPEN = text("state IN ('proposed', 'writing', 'written')")

writeback_sets = Table(
    "writeback_sets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("entity", String(100), nullable=False),
    Column("state", String(12), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("outcome", JSON),
    Column("snapshot_id", String(64), nullable=False),
    Column("path", String, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("proposed_at", Moment(), nullable=False),
    Column("writing_at", Moment()),
    Column("written_at", Moment()),
    Column("closed_at", Moment()),
    CheckConstraint(f"state IN ({', '.join(repr(s) for s in WRITEBACK_STATES)})", name="writeback_state"),
    CheckConstraint("state NOT IN ('written', 'settled') OR outcome IS NOT NULL", name="writeback_outcome"),
)
Index(
    "one_open_writeback",
    writeback_sets.c.entity,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
