"""Decisions that only a person can take: whether an import that is in doubt took place.

What belongs here: asking, answering and looking up, each one transaction. What does not: when a decision is needed
(outbound/doubt.py).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import insert, or_, select, update

from et_platform.ledger import tables
from et_platform.ledger.decision_tables import decisions
from et_platform.ledger.ledger import Ledger, LedgerError
from et_platform.ledger.records import ImportFile

Verdict = Literal["imported", "not-imported"]


@dataclass(frozen=True)
class Decision:
    """One question, and its answer once there is one. `definition_key` names the file."""

    definition_key: str
    attempt_id: str
    reason: str
    asked_at: datetime
    verdict: Verdict | None = None
    who: str | None = None
    why: str | None = None
    decided_at: datetime | None = None


def ask(ledger: Ledger, file: ImportFile, reason: str) -> None:
    """Record that a decision on the file is needed, or why it still is; an answer that was given stays."""
    d = decisions.c
    with ledger.engine.begin() as connection:
        known = connection.execute(select(d.definition_key).where(d.definition_key == file.definition_key)).first()
        if known is None:
            connection.execute(
                insert(decisions).values(
                    definition_key=file.definition_key,
                    attempt_id=file.attempt_id,
                    reason=reason,
                    asked_at=datetime.now(UTC),
                )
            )
        else:
            connection.execute(
                update(decisions)
                .where(d.definition_key == file.definition_key, d.verdict.is_(None))
                .values(reason=reason)
            )


def decision_on(ledger: Ledger, file: ImportFile) -> Decision | None:
    """The decision on the file, asked for or taken."""
    found = [one for one in decisions_of(ledger, file.attempt_id) if one.definition_key == file.definition_key]
    return found[0] if found else None


def decisions_of(ledger: Ledger, attempt_id: str) -> list[Decision]:
    """Every decision of an attempt, in the order in which they were asked for."""
    d = decisions.c
    query = select(decisions).where(d.attempt_id == attempt_id).order_by(d.asked_at, d.definition_key)
    with ledger.engine.connect() as connection:
        return [_decision(row) for row in connection.execute(query)]


def decide(ledger: Ledger, id_: str, verdict: Verdict, *, who: str, why: str) -> list[Decision]:
    """Answer every open question of the attempt that is meant; `id_` begins its id, or its change set's.

    Raises LedgerError when nothing, or more than one attempt, is meant. Who answers first is heard.
    """
    d, a = decisions.c, tables.attempts.c
    text = id_.strip().lower()
    if not text.isalnum():
        raise LedgerError(f"{id_!r} is no id of an attempt or a change set. {_OPEN}")
    now = datetime.now(UTC)
    with ledger.engine.begin() as connection:
        query = (
            select(d.attempt_id)
            .join(tables.attempts, a.id == d.attempt_id)
            .where(d.verdict.is_(None), or_(a.id.startswith(text), a.change_set_id.startswith(text)))
            .distinct()
        )
        attempts = connection.execute(query).scalars().all()
        if len(attempts) != 1:
            many = f"fits {len(attempts)} attempts" if attempts else "is no attempt or change set that needs a decision"
            raise LedgerError(f"{id_!r} {many}; nothing was decided. {_OPEN}")
        connection.execute(
            update(decisions)
            .where(d.attempt_id == attempts[0], d.verdict.is_(None))
            .values(verdict=verdict, who=who, why=why, decided_at=now)
        )
    return decisions_of(ledger, attempts[0])


_OPEN = "`etp ledger list` shows what is open."


def close(ledger: Ledger, file: ImportFile, verdict: Verdict, *, who: str, why: str) -> None:
    """Answer an open question about one file, because the answer has been found."""
    d = decisions.c
    with ledger.engine.begin() as connection:
        connection.execute(
            update(decisions)
            .where(d.definition_key == file.definition_key, d.verdict.is_(None))
            .values(verdict=verdict, who=who, why=why, decided_at=datetime.now(UTC))
        )


def _decision(row: Any) -> Decision:
    return Decision(**row._mapping)
