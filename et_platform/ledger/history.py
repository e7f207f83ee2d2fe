"""Looking back in the ledger: what there was, open or closed.

What belongs here: queries for people and for tracing. What does not: anything that decides what happens next.
"""

from sqlalchemy import func, or_, select

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


def newest_change_sets(ledger: Ledger, *, data_extension: str | None = None, limit: int = 50) -> list[ChangeSet]:
    """The newest change sets, of all data extensions or of one (by its name in the catalogue), newest first."""
    cs = tables.change_sets.c
    query = select(tables.change_sets).order_by(cs.created_at.desc(), cs.id).limit(limit)
    if data_extension is not None:
        query = query.where(cs.data_extension == data_extension)
    with ledger.engine.connect() as connection:
        return [ChangeSet(**row._mapping) for row in connection.execute(query)]


def find_change_sets(ledger: Ledger, id_: str) -> list[ChangeSet]:
    """The change sets whose id, or the id of one of whose attempts, begins so, or that have the import task `id_`."""
    cs, a, f = tables.change_sets.c, tables.attempts.c, tables.files.c
    text = id_.strip().lower()
    if not text.isalnum():
        return []
    by_attempt = select(a.change_set_id).where(a.id.startswith(text))
    found = or_(cs.id.startswith(text), cs.id.in_(by_attempt))
    if text.isdigit() and len(text) < 19:
        by_task = select(a.change_set_id).join(tables.files, f.attempt_id == a.id).where(f.task_id == int(text))
        found = or_(found, cs.id.in_(by_task))
    with ledger.engine.connect() as connection:
        rows = connection.execute(select(tables.change_sets).where(found).order_by(cs.created_at)).all()
    return [ChangeSet(**row._mapping) for row in rows]


def definition_keys(ledger: Ledger, mid: int) -> set[str]:
    """The import definitions of every file of a business unit that the ledger knows."""
    a, cs, f = tables.attempts.c, tables.change_sets.c, tables.files.c
    query = (
        select(f.definition_key)
        .join(tables.attempts, f.attempt_id == a.id)
        .join(tables.change_sets, a.change_set_id == cs.id)
        .where(cs.mid == mid)
    )
    with ledger.engine.connect() as connection:
        return set(connection.execute(query).scalars())


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
        Attempt(
            **row._mapping,
            files=tuple(sorted(by_attempt.get(row.id, ()), key=lambda file: file.order)),
        )
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
