"""Looking back in the ledger: what there was, open or closed.

What belongs here: queries for people and for tracing. What does not: anything that decides what happens next.
"""

from sqlalchemy import func, select

from et_platform.ledger import tables
from et_platform.ledger.ledger import Ledger
from et_platform.ledger.records import Attempt, ChangeSet, ImportFile
from et_platform.ledger.writeback import WriteBackSet
from et_platform.ledger.writeback_tables import writeback_sets


def change_sets_of(ledger: Ledger, mid: int, customer_key: str) -> list[ChangeSet]:
    """Every change set of a data extension, the oldest first."""
    cs = tables.change_sets.c
    with ledger.engine.connect() as connection:
        rows = connection.execute(
            select(tables.change_sets)
            .where(cs.mid == mid, func.lower(cs.customer_key) == customer_key.lower())
            .order_by(cs.created_at)
        ).all()
    return [ChangeSet(**row._mapping) for row in rows]


def attempts_of(ledger: Ledger, change_set_id: str) -> list[Attempt]:
    """Every attempt at a change set with its files, the oldest first."""
    a, f = tables.attempts.c, tables.files.c
    with ledger.engine.connect() as connection:
        found = connection.execute(
            select(tables.attempts).where(a.change_set_id == change_set_id).order_by(a.created_at)
        ).all()
        files = connection.execute(select(tables.files).where(f.attempt_id.in_([row.id for row in found]))).all()
    by_attempt: dict[str, list[ImportFile]] = {}
    for row in files:
        by_attempt.setdefault(row.attempt_id, []).append(ImportFile(**row._mapping))
    return [
        Attempt(**row._mapping, files=tuple(sorted(by_attempt.get(row.id, ()), key=lambda file: file.operation)))
        for row in found
    ]


def write_backs_of(ledger: Ledger, entity: str) -> list[WriteBackSet]:
    """Every write-back to an entity that was begun, the oldest first."""
    w = writeback_sets.c
    with ledger.engine.connect() as connection:
        rows = connection.execute(
            select(writeback_sets)
            .where(w.entity == entity, w.state.in_(("writing", "written", "settled")))
            .order_by(w.proposed_at)
        ).all()
    return [WriteBackSet(**row._mapping) for row in rows]
