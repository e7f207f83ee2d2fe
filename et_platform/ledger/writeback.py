"""Write-backs to the CRM: `propose → begin → record → settle`, every step one transaction.

What belongs here: reading and advancing write-back sets. What does not: the CRM (crm/write.py), the rows before and
after (warehouse/writeback_rows.py), and the order in which these are called (inbound/write_back.py).

A set in `writing` is in doubt: its process may have been killed before or after the CRM made the rows last. Writing it
again decides: rows that have their new values come back as `already`.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import and_, insert, or_, select, update

from et_platform.ledger.ledger import Ledger, LedgerError, StaleState
from et_platform.ledger.writeback_tables import writeback_sets

WriteBackState = Literal["proposed", "writing", "written", "settled", "superseded"]
OPEN: tuple[WriteBackState, ...] = ("proposed", "writing", "written")


@dataclass(frozen=True)
class WriteBackSet:
    """The proposed changes of one entity's rows; `path` is the Parquet file that holds them.

    `figures` counts rows by what was proposed or why not; `outcome` by what became of them in the CRM.
    """

    id: str
    entity: str
    state: WriteBackState
    rows: int
    figures: dict[str, int]
    snapshot_id: str
    path: str
    run_id: str
    proposed_at: datetime
    outcome: dict[str, int] | None = None
    writing_at: datetime | None = None
    written_at: datetime | None = None
    closed_at: datetime | None = None


def propose(ledger: Ledger, proposed: WriteBackSet) -> WriteBackSet:
    """Make `proposed` the open set of its entity; one that was proposed and never begun is superseded.

    The same id proposed again is taken up where it stands: an open one stays in its state, a closed one (the CRM was
    put back to what it was) is opened anew. Raises StaleState while another set of the entity is in doubt or not
    settled: it has to be finished first.
    """
    w = writeback_sets.c
    with ledger.engine.begin() as connection:
        former = connection.execute(
            select(writeback_sets).where(w.entity == proposed.entity, w.state.in_(OPEN)).with_for_update()
        ).one_or_none()
        if former is not None and former.id == proposed.id:
            return WriteBackSet(**former._mapping)
        if former is not None and former.state != "proposed":
            raise StaleState(
                f"Write-back {former.id[:12]} of {proposed.entity} is {former.state}; it is settled before a new one."
            )
        if former is not None:
            connection.execute(
                update(writeback_sets)
                .where(w.id == former.id)
                .values(state="superseded", closed_at=proposed.proposed_at)
            )
        values: dict[str, Any] = dataclasses.asdict(proposed)
        if connection.execute(select(w.id).where(w.id == proposed.id)).one_or_none() is None:
            connection.execute(insert(writeback_sets).values(**values))
        else:
            connection.execute(update(writeback_sets).where(w.id == proposed.id).values(**values))
    return proposed


def close_proposal(ledger: Ledger, entity: str) -> None:
    """Supersede the proposed set of the entity, because a newer look found nothing to write."""
    w = writeback_sets.c
    with ledger.engine.begin() as connection:
        connection.execute(
            update(writeback_sets)
            .where(w.entity == entity, w.state == "proposed")
            .values(state="superseded", closed_at=datetime.now(UTC))
        )


def begin(ledger: Ledger, set_: WriteBackSet) -> WriteBackSet:
    """Say that the CRM is about to be written; a set that already was `writing` stays so.

    Raises StaleState if the set is no longer as `set_` says.
    """
    if set_.state == "writing":
        return _advance(ledger, set_, "writing")
    if set_.state != "proposed":
        raise LedgerError(f"A write-back that is {set_.state} cannot be begun.")
    return _advance(ledger, set_, "writing", writing_at=datetime.now(UTC))


def record(ledger: Ledger, set_: WriteBackSet, outcome: Mapping[str, int]) -> WriteBackSet:
    """Note what became of the rows in the CRM, which has made them last. Raises StaleState."""
    if set_.state != "writing":
        raise LedgerError(f"A write-back that is {set_.state} was not written.")
    if sum(outcome.values()) != set_.rows:
        raise LedgerError(f"A write-back of {set_.rows} rows has an outcome of {sum(outcome.values())}.")
    return _advance(ledger, set_, "written", outcome=dict(outcome), written_at=datetime.now(UTC))


def settle(ledger: Ledger, set_: WriteBackSet) -> WriteBackSet:
    """Close a written set. Raises StaleState."""
    if set_.state != "written":
        raise LedgerError(f"A write-back that is {set_.state} cannot be settled; it has to be written first.")
    return _advance(ledger, set_, "settled", closed_at=datetime.now(UTC))


def abandon(ledger: Ledger, set_: WriteBackSet) -> WriteBackSet:
    """Close a set whose rows are gone, and of which the CRM has all, some or none. Raises StaleState."""
    if set_.state != "writing":
        raise LedgerError(f"A write-back that is {set_.state} is not in doubt.")
    return _advance(ledger, set_, "superseded", closed_at=datetime.now(UTC))


def last_touched(ledger: Ledger, entity: str) -> datetime | None:
    """When the CRM's rows of the entity were, or may have been, written last; None if they never were."""
    w = writeback_sets.c
    with ledger.engine.connect() as connection:
        moments = connection.execute(
            select(w.written_at, w.closed_at).where(
                w.entity == entity, or_(w.state == "settled", and_(w.state == "superseded", w.writing_at.is_not(None)))
            )
        ).all()
    return max((written or closed for written, closed in moments), default=None)


def open_set(ledger: Ledger, entity: str) -> WriteBackSet | None:
    """The set of the entity that is not closed, if there is one."""
    return _one(ledger, writeback_sets.c.entity == entity, writeback_sets.c.state.in_(OPEN))


def last_settled(ledger: Ledger, entity: str) -> WriteBackSet | None:
    """The set of the entity that was settled last."""
    return _one(ledger, writeback_sets.c.entity == entity, writeback_sets.c.state == "settled")


def write_back_set(ledger: Ledger, set_id: str) -> WriteBackSet:
    """A set by id; raises LedgerError if there is none."""
    found = _one(ledger, writeback_sets.c.id == set_id)
    if found is None:
        raise LedgerError(f"The ledger has no write-back {set_id}.")
    return found


def forgettable_paths(ledger: Ledger, entity: str, *, closed_before: datetime) -> list[str]:
    """The files of sets that were never written, or were settled before that moment, and are not open again."""
    w = writeback_sets.c
    with ledger.engine.connect() as connection:
        return list(
            connection.execute(
                select(w.path).where(
                    w.entity == entity,
                    or_(w.state == "superseded", and_(w.state == "settled", w.closed_at < closed_before)),
                )
            ).scalars()
        )


def _one(ledger: Ledger, *conditions: Any) -> WriteBackSet | None:
    query = select(writeback_sets).where(*conditions).order_by(writeback_sets.c.closed_at.desc()).limit(1)
    with ledger.engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return WriteBackSet(**row._mapping) if row else None


def _advance(ledger: Ledger, set_: WriteBackSet, state: WriteBackState, **facts: Any) -> WriteBackSet:
    w = writeback_sets.c
    with ledger.engine.begin() as connection:
        done = connection.execute(
            update(writeback_sets).where(w.id == set_.id, w.state == set_.state).values(state=state, **facts)
        )
        if done.rowcount != 1:
            raise StaleState(f"Write-back {set_.id[:12]} is no longer {set_.state}: another run took it over.")
    return dataclasses.replace(set_, state=state, **facts)
