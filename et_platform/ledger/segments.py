"""Runs of segments: `begin → starting → started → finished → settle`, or `fail`; every step one transaction.

What belongs here: reading and advancing runs. What does not: ExactTarget, and the order in which these are called
(segments/run.py).
"""

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import func, insert, select, update

from et_platform.ledger.ledger import Ledger, LedgerError, StaleState
from et_platform.ledger.segment_tables import segment_runs

SegmentRunState = Literal["preparing", "starting", "started", "finished", "settled", "failed"]
OPEN: tuple[SegmentRunState, ...] = ("preparing", "starting", "started", "finished")
_NEXT: dict[SegmentRunState, tuple[SegmentRunState, ...]] = {
    "preparing": ("starting", "failed"),
    "starting": ("started", "preparing", "failed"),  # back, once it is certain that nothing was started
    "started": ("finished", "failed"),
    "finished": ("settled", "failed"),
    "settled": (),
    "failed": (),
}
_WHEN: dict[SegmentRunState, str] = {
    "starting": "starting_at",
    "started": "started_at",
    "finished": "finished_at",
    "settled": "closed_at",
    "failed": "closed_at",
}


@dataclass(frozen=True)
class SegmentRun:
    """One run of a segment inside ExactTarget. `rows_told` is ExactTarget's own count, `rows_counted` ours.

    `starting` means that ExactTarget was perhaps asked to start it: its automation tells, and is asked first.
    """

    id: str
    mid: int
    name: str
    customer_key: str
    state: SegmentRunState
    run_id: str
    begun_at: datetime
    rows_told: int | None = None
    rows_counted: int | None = None
    problem: str | None = None
    starting_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def automation_key(self) -> str:
        """The customer key of the automation that runs it, and of the query that marks its end: its own alone."""
        return f"etp-{self.id[:28]}"


def begin(ledger: Ledger, wanted: SegmentRun) -> SegmentRun:
    """The open run of the segment, which is `wanted` unless an earlier one is open."""
    s = segment_runs.c
    with ledger.engine.begin() as connection:
        row = connection.execute(
            select(segment_runs).where(s.mid == wanted.mid, s.name == wanted.name, s.state.in_(OPEN)).with_for_update()
        ).one_or_none()
        if row is not None:
            return SegmentRun(**row._mapping)
        connection.execute(insert(segment_runs).values(**dataclasses.asdict(wanted)))
    return wanted


def advance(ledger: Ledger, run: SegmentRun, state: SegmentRunState, **facts: Any) -> SegmentRun:
    """Move a run to `state`, with `facts` for its other columns; raises StaleState if it moved meanwhile."""
    if state not in _NEXT[run.state]:
        raise LedgerError(f"A run of a segment cannot go from {run.state} to {state}.")
    now = datetime.now(UTC)
    facts = {_WHEN[state]: now, **facts} if state in _WHEN else facts
    s = segment_runs.c
    with ledger.engine.begin() as connection:
        done = connection.execute(
            update(segment_runs).where(s.id == run.id, s.state == run.state).values(state=state, **facts)
        )
    if done.rowcount != 1:
        raise StaleState(f"The run {run.id[:12]} of segment {run.name} is no longer {run.state}: another took it over.")
    return dataclasses.replace(run, state=state, **facts)


def latest(ledger: Ledger, mid: int, name: str, *, limit: int = 10) -> list[SegmentRun]:
    """The last runs of a segment, the latest first."""
    s = segment_runs.c
    with ledger.engine.connect() as connection:
        rows = connection.execute(
            select(segment_runs).where(s.mid == mid, s.name == name).order_by(s.begun_at.desc()).limit(limit)
        ).all()
    return [SegmentRun(**row._mapping) for row in rows]


def has_written(ledger: Ledger, mid: int, customer_key: str) -> bool:
    """Whether a run of a segment was ever started that put its rows into this data extension."""
    s = segment_runs.c
    with ledger.engine.connect() as connection:
        found = connection.execute(
            select(s.id).where(
                s.mid == mid, func.lower(s.customer_key) == customer_key.lower(), s.starting_at.is_not(None)
            )
        ).first()
    return found is not None
