"""What happened to a row on its way back: what the person did in ExactTarget, and what was written to the CRM.

What belongs here: events of one folded key with file and line, and write-backs with the columns that they changed.
What does not: the way out (outbound.py).
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from et_platform.catalog.catalog import Declared
from et_platform.catalog.masking import masked
from et_platform.catalog.models import CrmEntity
from et_platform.catalog.tracking import EVENT_TYPES
from et_platform.ledger import history
from et_platform.ledger.ledger import Ledger
from et_platform.sync.folding import folded_key as fold
from et_platform.trace.moment import Moment
from et_platform.warehouse import events, status_changes, writeback_rows
from et_platform.warehouse.lake import Lake


def event_moments(lake: Lake, folded_key: str) -> Iterator[Moment]:
    """Every event of the person, with the file and line that prove it."""
    with lake.read() as connection:
        if not events.are_tables_ready(connection):
            return
        for event_type in EVENT_TYPES:
            rows = connection.execute(
                f'SELECT "EventDate", "SendID", _file, _member, _line, _run_id FROM {events.relation(event_type)} '
                'WHERE _folded_key = ? ORDER BY "EventDate"',
                [folded_key],
            ).fetchall()
            for at, send, file, member, line, run_id in rows:
                of = f" of send {send}" if send is not None else ""
                yield Moment(at, "event", f"{event_type}{of} ({file}/{member}:{line})", run_id)


def status_moments(lake: Lake, folded_key: str) -> Iterator[Moment]:
    """Every change of the person's status on All Subscribers that ExactTarget told."""
    with lake.read() as connection:
        rows = connection.execute(
            "SELECT changed_at, previous, current, _attempt_id, _run_id "
            f"FROM {status_changes.relation(connection)} WHERE _folded_key = ? ORDER BY changed_at",
            [folded_key],
        ).fetchall()
    for at, previous, current, attempt, run_id in rows:
        by = f", by attempt {attempt}" if attempt is not None else ""
        yield Moment(at, "consent", f"status {previous or 'unknown'} → {current} in ExactTarget{by}", run_id)


def write_back_moments(ledger: Ledger, files: Path, entity: Declared[CrmEntity], folded_key: str) -> Iterator[Moment]:
    """Every write-back that held the row, with the columns that it changed."""
    for one in history.write_backs_of(ledger, entity.name):
        path = files / one.path
        if not path.exists():
            continue
        with duckdb.connect() as connection:
            found = connection.execute(
                f"SELECT before, after FROM {writeback_rows.relation(path)} WHERE {fold('_key')} = ?", [folded_key]
            ).fetchone()
        if found is None:
            continue
        before, after = found
        changed = [
            f"{name} {masked(before.get(name), entity.is_.columns[name].pii)} → "
            f"{masked(value, entity.is_.columns[name].pii)}"
            for name, value in after.items()
            if value != before.get(name) and name in entity.is_.columns
        ]
        at = one.closed_at or one.written_at or one.writing_at or one.proposed_at
        missed = {name: n for name, n in (one.outcome or {}).items() if name not in ("written", "already") and n}
        doubt = f"; of its {one.rows} rows {missed}" if missed else ""
        yield Moment(
            at, "write-back", f"{'; '.join(changed)} (write-back {one.id[:12]}, {one.state}{doubt})", one.run_id
        )
