"""Reading and advancing the ledger: every method is one transaction.

What belongs here: queries, and transitions that refuse what the state machine does not allow. What does not:
tables (tables.py) and leases (leases.py).
"""

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    ExceptionContext,
    and_,
    create_engine,
    event,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from et_platform.ledger import (
    approval_tables,
    decision_tables,
    inbound_tables,
    rejected_rows_table,
    segment_tables,
    tables,
    upgrade,
    window_tables,
    writeback_tables,
)
from et_platform.ledger.records import IMPORTED, Attempt, ChangeSet, FileState, ImportFile, Kind

_PARTS = (
    *(tables, approval_tables, decision_tables, inbound_tables, rejected_rows_table, segment_tables),
    *(window_tables, writeback_tables),
)
"""One metadata; a module's tables are in it once it is imported."""
_UNWRITABLE = ("disk is full", "disk I/O error", "readonly database", "unable to open database")
"""What SQLite says of a disk that takes no more."""
_NEXT: dict[FileState, tuple[FileState, ...]] = {
    "staged": ("uploaded", "dropped"),
    "uploaded": ("starting", "dropped"),
    "starting": ("started", "missing"),
    "started": ("finished",),
    "finished": ("proven",),
    "missing": ("proven",),
    "proven": (),
    "dropped": (),
}


class LedgerError(Exception):
    """The ledger cannot be reached or used; the message says what to do."""


class StaleState(LedgerError):
    """Another process advanced this record first; what was about to be done must not be done."""


class Ledger:
    """The transactional record in the database at `url` (SQLite or PostgreSQL); creates its tables when missing.

    A ledger that an earlier version made is upgraded in place; one that a newer version made is refused.
    """

    def __init__(self, url: str):
        self._engine = _engine(url)
        where = make_url(url).render_as_string(hide_password=True)
        try:
            lacking = upgrade.bring_up(self._engine)
        except upgrade.MadeByNewer as newer:
            raise LedgerError(
                f"The ledger {where} was made by a newer version of the platform: its tables are of version "
                f"{newer.version}, and this one knows them up to {upgrade.VERSION}. Run that newer version here too. "
                "Nothing was changed and nothing sent."
            ) from None
        except OperationalError as error:
            raise LedgerError(
                f"The ledger {where} cannot be opened ({error.orig}). Check that the database runs, that the path "
                "is writable and that no other process holds it locked; then run this again. Nothing was sent."
            ) from None
        if lacking:
            raise LedgerError(
                f"The ledger {where} was made by an earlier version: it lacks {', '.join(lacking)}, which no upgrade "
                "adds. Finish open imports with that version, then move the ledger aside: a new one is made, and what "
                "is acknowledged stays, for the lake keeps it. Nothing was changed and nothing sent."
            )

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, for leases."""
        return self._engine

    # change sets

    def open_change_set(self, mid: int, customer_key: str, kind: Kind = "rows") -> ChangeSet | None:
        """The planned change set of that kind of a data extension, if there is one."""
        cs = tables.change_sets.c
        with self._engine.connect() as connection:
            row = connection.execute(
                select(tables.change_sets).where(_is(mid, customer_key), cs.kind == kind, cs.state == "planned")
            ).one_or_none()
        return _change_set(row) if row else None

    def change_set(self, change_set_id: str) -> ChangeSet:
        """A change set by id; raises LedgerError if there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(
                select(tables.change_sets).where(tables.change_sets.c.id == change_set_id)
            ).one_or_none()
        if row is None:
            raise LedgerError(f"The ledger has no change set {change_set_id}.")
        return _change_set(row)

    def plan(self, change_set: ChangeSet) -> None:
        """Make `change_set` the open one of its kind and data extension; the former open one is superseded.

        The same id planned again (same changes, same base) is reopened. Raises StaleState if an attempt of the
        former one is still open: it has to be settled first.
        """
        cs = tables.change_sets.c
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            former = connection.execute(
                select(cs.id).where(
                    _is(change_set.mid, change_set.customer_key),
                    cs.kind == change_set.kind,
                    cs.state == "planned",
                )
            ).scalar_one_or_none()
            if former is not None and self._open_attempts(connection, former):
                raise StaleState(f"Change set {former[:12]} has an open attempt; it is settled before a new plan.")
            if former is not None and former != change_set.id:
                connection.execute(
                    update(tables.change_sets).where(cs.id == former).values(state="superseded", closed_at=now)
                )
            values = dataclasses.asdict(change_set)
            known = connection.execute(select(cs.id).where(cs.id == change_set.id)).one_or_none()
            if known is None:
                connection.execute(insert(tables.change_sets).values(**values))
            else:
                del values["id"], values["created_at"]
                connection.execute(update(tables.change_sets).where(cs.id == change_set.id).values(**values))

    def close_open_change_set(self, mid: int, customer_key: str, kind: Kind = "rows") -> None:
        """Supersede the open change set of that kind, because a newer plan found nothing to send."""
        cs = tables.change_sets.c
        with self._engine.begin() as connection:
            connection.execute(
                update(tables.change_sets)
                .where(_is(mid, customer_key), cs.kind == kind, cs.state == "planned")
                .values(state="superseded", closed_at=datetime.now(UTC))
            )

    def forgettable_paths(self, mid: int, customer_key: str, *, settled_before: datetime) -> list[str]:
        """The saved rows of change sets that were superseded, or settled before a time."""
        cs = tables.change_sets.c
        old = or_(cs.state == "superseded", and_(cs.state == "settled", cs.closed_at < settled_before))
        with self._engine.connect() as connection:
            return list(connection.execute(select(cs.path).where(_is(mid, customer_key), old)).scalars())

    # attempts

    def begin_attempt(self, *, attempt_id: str, change_set_id: str, run_id: str, files: Iterable[ImportFile]) -> None:
        """Record an attempt with its staged files; the change set must be open and have no open attempt."""
        rows = [dataclasses.asdict(file) for file in files]
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            state = connection.execute(
                select(tables.change_sets.c.state).where(tables.change_sets.c.id == change_set_id)
            ).scalar_one()
            if state != "planned" or self._open_attempts(connection, change_set_id):
                raise StaleState(f"Change set {change_set_id[:12]} was taken by another run; plan again.")
            connection.execute(
                insert(tables.attempts).values(
                    id=attempt_id, change_set_id=change_set_id, state="open", run_id=run_id, created_at=now
                )
            )
            if rows:
                connection.execute(insert(tables.files), rows)

    def open_attempt(self, mid: int, customer_key: str, kinds: Sequence[Kind] = IMPORTED) -> Attempt | None:
        """The attempt at a change set of these kinds that is not closed yet, if there is one; of two, that of opt-outs.

        There are two where opt-outs went while an attempt at rows waits for a person's decision.
        """
        cs, a = tables.change_sets.c, tables.attempts.c
        with self._engine.connect() as connection:
            row = connection.execute(
                select(tables.attempts)
                .join(tables.change_sets, a.change_set_id == cs.id)
                .where(_is(mid, customer_key), cs.kind.in_(kinds), a.state == "open")
                .order_by(cs.kind != "opt_out")
            ).first()
            return _attempt(connection, row) if row else None

    def attempt(self, attempt_id: str) -> Attempt:
        """An attempt by id; raises LedgerError if there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(select(tables.attempts).where(tables.attempts.c.id == attempt_id)).one_or_none()
            if row is None:
                raise LedgerError(f"The ledger has no attempt {attempt_id}.")
            return _attempt(connection, row)

    def advance_file(self, file: ImportFile, state: FileState, **facts: Any) -> ImportFile:
        """Move a file to `state`, with `facts` for its other columns; raises StaleState if it moved meanwhile."""
        if state not in _NEXT[file.state]:
            raise LedgerError(f"A file cannot go from {file.state} to {state}.")
        f = tables.files.c
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            done = connection.execute(
                update(tables.files)
                .where(f.definition_key == file.definition_key, f.state == file.state)
                .values(state=state, changed_at=now, **facts)
            )
            if done.rowcount != 1:
                raise StaleState(f"File {file.remote} is no longer {file.state}: another run took it over.")
        return dataclasses.replace(file, state=state, changed_at=now, **facts)

    def close_attempt(self, attempt_id: str, *, acknowledged: int | None) -> None:
        """Settle the attempt and its change set; with `acknowledged` None (nothing was ever sent) abandon it."""
        a, cs = tables.attempts.c, tables.change_sets.c
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            state = "abandoned" if acknowledged is None else "settled"
            connection.execute(
                update(tables.attempts)
                .where(a.id == attempt_id, a.state == "open")
                .values(state=state, acknowledged=acknowledged, closed_at=now)
            )
            if acknowledged is not None:
                owner = select(a.change_set_id).where(a.id == attempt_id).scalar_subquery()
                connection.execute(
                    update(tables.change_sets)
                    .where(cs.id == owner, cs.state == "planned")
                    .values(state="settled", closed_at=now)
                )

    @staticmethod
    def _open_attempts(connection: Connection, change_set_id: str) -> bool:
        a = tables.attempts.c
        found = connection.execute(select(a.id).where(a.change_set_id == change_set_id, a.state == "open")).first()
        return found is not None


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    patience = {} if "timeout" in parsed.query else {"timeout": 30}
    engine = create_engine(parsed, connect_args=patience)
    where = parsed.render_as_string(hide_password=True)

    @event.listens_for(engine, "handle_error")
    def _explain(context: ExceptionContext) -> None:
        said = str(context.original_exception)
        if "database is locked" in said:
            raise LedgerError(
                f"The ledger {where} is held locked by another process, for longer than was to be waited. Nothing was "
                "half done. End what holds it (a database browser with an open transaction, a backup that copies it), "
                "then run this again."
            ) from None
        if any(word in said for word in _UNWRITABLE):
            raise LedgerError(
                f"The ledger {where} could not be written ({said}). Nothing was half done, and what ExactTarget was "
                "asked is asked for again. Free some disk space, or correct the file's rights, then run this again."
            ) from None

    @event.listens_for(engine, "connect")
    def _durable(connection: Any, _: Any) -> None:
        # WAL lets readers read while one writes; FULL makes a commit survive a power cut.
        connection.isolation_level = None  # the driver must not open transactions of its own kind
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _immediate(connection: Connection) -> None:
        # A transaction that reads before it writes must hold the write lock from its start, or two of them
        # would act on the same state.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _is(mid: int, customer_key: str) -> ColumnElement[bool]:
    """Of this data extension; ExactTarget ignores the case of keys."""
    cs = tables.change_sets.c
    return and_(cs.mid == mid, func.lower(cs.customer_key) == customer_key.lower())


def _change_set(row: Any) -> ChangeSet:
    return ChangeSet(**row._mapping)


def _attempt(connection: Connection, row: Any) -> Attempt:
    f = tables.files.c
    found = connection.execute(select(tables.files).where(f.attempt_id == row.id)).all()
    files = sorted((ImportFile(**r._mapping) for r in found), key=lambda file: file.order)
    return Attempt(**row._mapping, files=tuple(files))
