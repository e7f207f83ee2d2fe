"""Reading and advancing the return road's part of the ledger: every method is one transaction.

What belongs here: queries, and transitions that refuse what the state machine does not allow. What does not:
tables (inbound_tables.py), and deciding when a file is complete (ingest).
"""

import dataclasses
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from et_platform.ledger.inbound_records import ExtractFile, ExtractFileState, ExtractRequest
from et_platform.ledger.inbound_tables import extract_files, extract_requests
from et_platform.ledger.ledger import Ledger, LedgerError, StaleState

_NEXT: dict[ExtractFileState, tuple[ExtractFileState, ...]] = {
    "seen": ("seen", "fetched", "failed"),
    "fetched": ("seen", "loaded", "failed"),
    "failed": ("seen",),
    "loaded": (),
}
_SLICE = 500
"""Values in one IN list."""


class InboundLedger:
    """Extract requests and extract files in the database of `ledger`."""

    def __init__(self, ledger: Ledger):
        self._engine = ledger.engine

    # requests

    def begin_request(self, request: ExtractRequest) -> ExtractRequest:
        """Record that the extract is about to be asked for; the one that is recorded already, if it is, unchanged."""
        with self._engine.begin() as connection:
            known = connection.execute(select(extract_requests).where(*_same_request(request))).one_or_none()
            if known is not None:
                return ExtractRequest(**known._mapping)
            connection.execute(insert(extract_requests).values(**dataclasses.asdict(request)))
        return request

    def requested(self, request: ExtractRequest) -> ExtractRequest:
        """ExactTarget accepted the request; a file that arrived meanwhile has the last word."""
        now = datetime.now(UTC)
        r = extract_requests.c
        with self._engine.begin() as connection:
            connection.execute(
                update(extract_requests)
                .where(*_same_request(request), r.state == "asking")
                .values(state="requested", requested_at=now)
            )
            row = connection.execute(select(extract_requests).where(*_same_request(request))).one()
        return ExtractRequest(**row._mapping)

    def requests_of(self, mid: int, name: str, start: datetime, end: datetime) -> list[ExtractRequest]:
        """Every attempt to ask for exactly this window, the first one first."""
        r = extract_requests.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(extract_requests)
                .where(r.mid == mid, r.name == name, r.window_start == start, r.window_end == end)
                .order_by(r.attempt)
            ).all()
        return [ExtractRequest(**row._mapping) for row in rows]

    def requests_named(self, mid: int, name: str) -> list[ExtractRequest]:
        """Every request of an extract, in order of their windows."""
        r = extract_requests.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(extract_requests).where(r.mid == mid, r.name == name).order_by(r.window_start, r.window_end)
            ).all()
        return [ExtractRequest(**row._mapping) for row in rows]

    def forgettable_paths(self, mid: int, *, loaded_before: datetime) -> list[str]:
        """The fetched copies of files that were loaded before that moment, and that no other file needs."""
        f = extract_files.c
        needed = select(f.path).where(f.path.is_not(None), or_(f.state != "loaded", f.loaded_at >= loaded_before))
        with self._engine.connect() as connection:
            return list(
                connection.execute(
                    select(f.path)
                    .where(f.mid == mid, f.state == "loaded", f.loaded_at < loaded_before, f.path.not_in(needed))
                    .distinct()
                ).scalars()
            )

    def request_for(self, output_name: str) -> ExtractRequest | None:
        """The request that a file of this name answers."""
        with self._engine.connect() as connection:
            return _request_for(connection, output_name)

    # files

    def see(self, files: Iterable[ExtractFile]) -> None:
        """Record complete files that are not known yet; those that are known are left as they are.

        A sensor and a person may look at the same moment: whoever is second changes nothing.
        """
        add = {"sqlite": sqlite_insert, "postgresql": postgresql_insert}[self._engine.dialect.name]
        with self._engine.begin() as connection:
            for file in files:
                connection.execute(add(extract_files).values(**dataclasses.asdict(file)).on_conflict_do_nothing())

    def file(self, identity: str) -> ExtractFile:
        """A file by identity; raises LedgerError if it was never seen."""
        with self._engine.connect() as connection:
            row = connection.execute(select(extract_files).where(extract_files.c.identity == identity)).one_or_none()
        if row is None:
            raise LedgerError(
                f"The ledger has no extract file {identity}: the sensor records a file when it is complete. Let the "
                "sensor look again, and take the identity from it."
            )
        return ExtractFile(**row._mapping)

    def files(self, identities: Collection[str]) -> list[ExtractFile]:
        """Those of the files that are known."""
        wanted = sorted(identities)
        found: list[ExtractFile] = []
        with self._engine.connect() as connection:
            for start in range(0, len(wanted), _SLICE):
                part = wanted[start : start + _SLICE]
                rows = connection.execute(select(extract_files).where(extract_files.c.identity.in_(part))).all()
                found += [ExtractFile(**row._mapping) for row in rows]
        return found

    def files_in(self, mid: int, states: Collection[ExtractFileState]) -> list[ExtractFile]:
        """Every file of the business unit in one of these states, the oldest first."""
        f = extract_files.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(extract_files).where(f.mid == mid, f.state.in_(sorted(states))).order_by(f.mtime, f.name)
            ).all()
        return [ExtractFile(**row._mapping) for row in rows]

    def files_named(self, mid: int, name: str) -> list[ExtractFile]:
        """Every file that was seen under this name, the latest first."""
        f = extract_files.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(extract_files).where(f.mid == mid, f.name == name).order_by(f.seen_at.desc())
            ).all()
        return [ExtractFile(**row._mapping) for row in rows]

    def newest_files(self, mid: int, states: Collection[ExtractFileState], *, limit: int) -> list[ExtractFile]:
        """The files of the business unit in one of these states that were seen last, the latest first."""
        f = extract_files.c
        return self._files(f.mid == mid, f.state.in_(sorted(states)), limit=limit)

    def files_like(self, mid: int, identity: str) -> list[ExtractFile]:
        """The files of the business unit whose identity begins so, the latest first; no more than ten."""
        f = extract_files.c
        return self._files(f.mid == mid, f.identity.startswith(identity, autoescape=True), limit=10)

    def _files(self, *where: ColumnElement[bool], limit: int) -> list[ExtractFile]:
        f = extract_files.c
        query = select(extract_files).where(*where).order_by(f.seen_at.desc(), f.name).limit(limit)
        with self._engine.connect() as connection:
            return [ExtractFile(**row._mapping) for row in connection.execute(query)]

    def begin_take(self, file: ExtractFile, *, run_id: str) -> ExtractFile:
        """One more attempt to take the file."""
        return self._advance(file, "seen", attempts=file.attempts + 1, run_id=run_id, problem=None)

    def fetched(self, file: ExtractFile, *, sha256: str, path: str) -> ExtractFile:
        """The file lies here; its request, if there is one, has arrived."""
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            request = _request_for(connection, file.name)
            window = (request.window_start, request.window_end) if request is not None else (None, None)
            done = _move(
                connection,
                file,
                "fetched",
                now,
                sha256=sha256,
                path=path,
                fetched_at=now,
                window_start=window[0],
                window_end=window[1],
            )
            _answer(connection, file.name, ("asking", "requested"), state="arrived", arrived_at=now)
        return done

    def loaded(self, file: ExtractFile, *, rows: dict[str, Any], duplicate_of: str | None = None) -> ExtractFile:
        """The lake holds the file's events; its request, if there is one, is answered."""
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            done = _move(connection, file, "loaded", now, rows=rows, duplicate_of=duplicate_of, loaded_at=now)
            _answer(connection, file.name, ("asking", "requested", "arrived"), state="loaded", loaded_at=now)
        return done

    def read_again(self, file: ExtractFile, *, rows: dict[str, Any]) -> ExtractFile:
        """The kept copy of a loaded file was read anew; raises StaleState if it is not loaded any more."""
        f = extract_files.c
        with self._engine.begin() as connection:
            done = connection.execute(
                update(extract_files)
                .where(f.identity == file.identity, f.state == "loaded")
                .values(rows=rows, changed_at=datetime.now(UTC))
            )
        if done.rowcount != 1:
            raise StaleState(f"Extract file {file.identity} is no longer loaded.")
        return dataclasses.replace(file, rows=rows)

    def failed(self, file: ExtractFile, *, problem: str) -> ExtractFile:
        """The take did not succeed; `problem` is an error's paragraph, without personal data."""
        return self._advance(file, "failed", problem=problem)

    def _advance(self, file: ExtractFile, state: ExtractFileState, **facts: Any) -> ExtractFile:
        with self._engine.begin() as connection:
            return _move(connection, file, state, datetime.now(UTC), **facts)


def _move(
    connection: Connection, file: ExtractFile, state: ExtractFileState, now: datetime, **facts: Any
) -> ExtractFile:
    if state not in _NEXT[file.state]:
        raise LedgerError(f"An extract file cannot go from {file.state} to {state}.")
    f = extract_files.c
    done = connection.execute(
        update(extract_files)
        .where(f.identity == file.identity, f.state == file.state, f.attempts == file.attempts)
        .values(state=state, changed_at=now, **facts)
    )
    if done.rowcount != 1:
        raise StaleState(f"Extract file {file.identity} is no longer {file.state}: another run took it over.")
    return dataclasses.replace(file, state=state, changed_at=now, **facts)


def _request_for(connection: Connection, output_name: str) -> ExtractRequest | None:
    row = connection.execute(
        select(extract_requests).where(extract_requests.c.output_name == output_name)
    ).one_or_none()
    return ExtractRequest(**row._mapping) if row else None


def _answer(connection: Connection, output_name: str, states: tuple[str, ...], **values: Any) -> None:
    r = extract_requests.c
    connection.execute(
        update(extract_requests).where(r.output_name == output_name, r.state.in_(states)).values(**values)
    )


def _same_request(request: ExtractRequest) -> tuple[Any, ...]:
    r = extract_requests.c
    return (
        r.mid == request.mid,
        r.name == request.name,
        r.window_start == request.window_start,
        r.window_end == request.window_end,
        r.attempt == request.attempt,
    )
