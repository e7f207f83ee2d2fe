"""The ledger's table of decisions on change sets. Constraints guard that none is without a person and a reason.

What belongs here: columns and keys. What does not: what a decision is worth by now (outbound/approval.py).
"""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, String, Table, UniqueConstraint

from et_platform.ledger.tables import Moment, metadata

# Decisions are added and never changed; the newest of a change set counts.
decisions_on_change_sets = Table(
    "change_set_decisions",
    metadata,
    Column("change_set_id", ForeignKey("change_sets.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("decision", String(12), nullable=False),
    Column("who", String(200), nullable=False),
    Column("why", String, nullable=False),
    Column("at", Moment(), nullable=False),
    Column("expires_at", Moment()),
    CheckConstraint("decision IN ('approved', 'rejected')", name="change_set_decision"),
    CheckConstraint("length(trim(who)) > 0 AND length(trim(why)) > 0", name="change_set_decision_reason"),
    CheckConstraint("decision <> 'approved' OR expires_at > at", name="change_set_decision_lapses"),
    UniqueConstraint("change_set_id", "at", name="one_decision_at_a_time"),
)
