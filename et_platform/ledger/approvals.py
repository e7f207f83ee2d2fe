"""Decisions on change sets: approved or rejected, by whom, when and why.

What belongs here: recording and reading them. What does not: what a decision is worth by now (outbound/approval.py).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from et_platform.ledger import tables
from et_platform.ledger.approval_tables import decisions_on_change_sets as table
from et_platform.ledger.ledger import Ledger, LedgerError, StaleState
from et_platform.ledger.records import ChangeSet

LIFETIME = timedelta(hours=24)
"""So long an approval holds (design: promise 8)."""


@dataclass(frozen=True)
class Decision:
    """Who decided what on a change set, when and why. Moments are aware; a rejection does not lapse."""

    decision: Literal["approved", "rejected"]
    who: str
    why: str
    at: datetime
    expires_at: datetime | None


def find(ledger: Ledger, prefix: str) -> ChangeSet:
    """The change set whose id begins so; raises LedgerError when none or several do."""
    wanted = prefix.strip().lower()
    if len(wanted) < 6 or not all(sign in "0123456789abcdef" for sign in wanted):
        raise LedgerError(f"{prefix!r} is no id of a change set: give its first 12 hex digits, as `etp plan` shows.")
    with ledger.engine.connect() as connection:
        found = connection.execute(
            select(tables.change_sets).where(tables.change_sets.c.id.startswith(wanted)).limit(2)
        ).all()
    if len(found) != 1:
        many = "several change sets begin so; give more digits" if found else "the ledger has no such change set"
        raise LedgerError(f"{prefix}: {many}. `etp plan DATA_EXTENSION` shows the open one. Nothing was changed.")
    return ChangeSet(**found[0]._mapping)


def latest(ledger: Ledger, change_set_id: str) -> Decision | None:
    """The newest decision on a change set; None if nobody decided yet."""
    with ledger.engine.connect() as connection:
        row = connection.execute(
            select(table).where(table.c.change_set_id == change_set_id).order_by(table.c.number.desc()).limit(1)
        ).one_or_none()
    return Decision(row.decision, row.who, row.why, row.at, row.expires_at) if row else None


def approve(
    ledger: Ledger, change_set_id: str, *, who: str, why: str, now: datetime, lifetime: timedelta = LIFETIME
) -> Decision:
    """Record an approval of the open change set. Raises StaleState if it is open no more."""
    return _decide(ledger, change_set_id, Decision("approved", who.strip(), why.strip(), now, now + lifetime))


def reject(ledger: Ledger, change_set_id: str, *, who: str, why: str, now: datetime) -> Decision:
    """Record a rejection, which closes the change set, unless it is on its way already. Raises StaleState."""
    return _decide(ledger, change_set_id, Decision("rejected", who.strip(), why.strip(), now, None))


def _decide(ledger: Ledger, change_set_id: str, decision: Decision) -> Decision:
    if not decision.who or not decision.why:
        raise LedgerError("A decision needs a person and a reason: say --why. Nothing was recorded.")
    try:
        return _record(ledger, change_set_id, decision)
    except IntegrityError:
        raise StaleState(
            f"On change set {change_set_id[:12]} somebody else decided at the same moment. Nothing was recorded; look "
            "at it, and decide again if need be."
        ) from None


def _record(ledger: Ledger, change_set_id: str, decision: Decision) -> Decision:
    cs, a = tables.change_sets.c, tables.attempts.c
    with ledger.engine.begin() as connection:
        state = connection.execute(select(cs.state).where(cs.id == change_set_id)).scalar_one_or_none()
        begun = connection.execute(select(a.id).where(a.change_set_id == change_set_id, a.state == "open")).first()
        if state != "planned" or begun is not None:
            now = "being imported" if begun is not None else state or "unknown"
            raise StaleState(
                f"Change set {change_set_id[:12]} is {now}: nothing is to be decided, nothing was recorded."
            )
        number = connection.execute(
            select(func.coalesce(func.max(table.c.number), 0) + 1).where(table.c.change_set_id == change_set_id)
        ).scalar_one()
        connection.execute(
            insert(table).values(
                change_set_id=change_set_id,
                number=number,
                decision=decision.decision,
                who=decision.who,
                why=decision.why,
                at=decision.at,
                expires_at=decision.expires_at,
            )
        )
        if decision.decision == "rejected":
            connection.execute(
                update(tables.change_sets)
                .where(cs.id == change_set_id, cs.state == "planned")
                .values(state="superseded", closed_at=decision.at)
            )
    return decision
