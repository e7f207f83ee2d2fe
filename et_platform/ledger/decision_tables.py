"""The ledger's table of decisions: what only a person can say, asked and answered.

What belongs here: columns. What does not: queries (decisions.py).
"""

from sqlalchemy import CheckConstraint, Column, ForeignKey, String, Table

from et_platform.ledger.tables import Moment, metadata

# One row a file whose import is in doubt and whose repeat could have an effect; a verdict closes it.
decisions = Table(
    "decisions",
    metadata,
    Column("definition_key", String(36), primary_key=True),
    Column("attempt_id", ForeignKey("attempts.id"), nullable=False),
    Column("reason", String, nullable=False),
    Column("asked_at", Moment(), nullable=False),
    Column("verdict", String(12)),
    Column("who", String(200)),
    Column("why", String),
    Column("decided_at", Moment()),
    CheckConstraint("verdict IN ('imported', 'not-imported')", name="decision_verdict"),
)
