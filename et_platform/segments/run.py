"""One run of a segment: prepared, started once, waited for, counted.

What belongs here: the order, and what is made of what ExactTarget shows. What does not: what is made there (define.py),
reading the result back (count.py).

The ledger says `starting` before ExactTarget is asked. A run that is in doubt is looked for, by its automation and its
mark, before anything is started again; should both runs go all the same, the second writes the rows of the first.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.segment import Segment
from et_platform.exacttarget.activity_models import AutomationState
from et_platform.exacttarget.errors import ExactTargetError, InDoubt, InMaintenance
from et_platform.ledger import segments as ledger
from et_platform.ledger.leases import Lease
from et_platform.ledger.segments import SegmentRun
from et_platform.outbound.road import Road
from et_platform.segments import define
from et_platform.segments.count import Comparison, count
from et_platform.segments.errors import SegmentFailed, SegmentInDoubt, SegmentStillRunning

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget

_RUNNING, _WAITS = "Running", ("Ready", "Scheduled", "Building", "AwaitingTrigger")
_STARTS = 3
"""How often one call starts what shows no trace of an earlier start."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run that is settled; without a `lake` query, no comparison."""

    run: SegmentRun
    comparison: Comparison | None


@dataclass(frozen=True)
class _Seen:
    """One look: the automation, if it is there, and the mark's number of rows, if it is there."""

    automation: AutomationState | None
    picked: int | None

    @property
    def status(self) -> str:
        return self.automation.status if self.automation is not None else "gone"

    @property
    def has_started(self) -> bool:
        """The automation is this run's own, and made to be started: whatever it shows but readiness is the start's."""
        ran = self.automation is not None and self.automation.last_run is not None
        return ran or self.picked is not None or self.status not in (*_WAITS, "gone")


def run_segment(road: Road, catalog: Catalog, declared: Declared[Segment], *, replace: bool = False) -> Outcome:
    """Have ExactTarget pick the segment's rows, and count them; takes up an open run where it stands.

    Raises the errors of errors.py, DeclarationMismatch, LeaseTaken and the client's errors.
    """
    with road.lease(f"segment {declared.name} of MID {road.mid}", wait_seconds=road.pace.turn_deadline) as held:
        run = _open(road, declared)
        with road.open_exacttarget() as exacttarget:
            _tidy(road, exacttarget, declared)
            if run.state == "starting":
                run = _resolve(road, exacttarget, run, held)
            for _ in range(_STARTS):
                if run.state != "preparing":
                    break
                define.prepare(road, exacttarget, catalog, declared, run, replace=replace)
                held.check()
                run = ledger.advance(road.ledger, run, "starting")
                run = _start(road, exacttarget, run, held)
            if run.state == "preparing":
                raise SegmentInDoubt(
                    f"Segment {declared.name} was started {_STARTS} times, no answer came, and ExactTarget shows no "
                    "trace of a start. The rows of its result are as they were, or will be those that are declared. "
                    "Look whether ExactTarget works, and run it again: it looks first."
                )
            if run.state == "started":
                run = _wait(road, exacttarget, declared, run)
            return _settle(road, exacttarget, catalog, declared, run)


def _open(road: Road, declared: Declared[Segment]) -> SegmentRun:
    key = declared.is_.into.customer_key
    wanted = SegmentRun(
        id=uuid4().hex,
        mid=road.mid,
        name=declared.name,
        customer_key=key,
        state="preparing",
        run_id=road.run_id,
        begun_at=datetime.now(UTC),
    )
    run = ledger.begin(road.ledger, wanted)
    if run.customer_key.lower() != key.lower():
        # What it would count is another data extension by now.
        ledger.advance(road.ledger, run, "failed", problem=f"The result was {run.customer_key}, and now is {key}.")
        run = ledger.begin(road.ledger, wanted)
    if run.id != wanted.id:
        road.tell(f"Run {run.id[:12]} of segment {declared.name} is open ({run.state}): it is taken up.")
    return run


def _tidy(road: Road, exacttarget: "ExactTarget", declared: Declared[Segment]) -> None:
    """A failed run's automation stays for people to look at, until the next run."""
    for earlier in ledger.latest(road.ledger, road.mid, declared.name, limit=2):
        if earlier.state == "failed" and earlier.starting_at is not None:
            define.clean_up(exacttarget, earlier)


def _start(road: Road, exacttarget: "ExactTarget", run: SegmentRun, held: Lease) -> SegmentRun:
    """Start the run that the ledger says is `starting`; back to `preparing` where nothing was started."""
    while True:
        try:
            exacttarget.automations.start(customer_key=run.automation_key)
        except InDoubt as doubt:
            road.tell(f"Whether segment {run.name} was started is in doubt; looking. {doubt}")
            return _resolve(road, exacttarget, run, held)
        except ExactTargetError as refusal:  # a definite no: nothing was started
            try:
                if not isinstance(refusal, InMaintenance):
                    raise
                exacttarget.wait_out(error=refusal)
            except ExactTargetError:
                ledger.advance(road.ledger, run, "preparing", starting_at=None)  # so the rows there are not of this run
                raise
            held.check()
            if _look(exacttarget, run).has_started:
                return ledger.advance(road.ledger, run, "started")
        else:
            road.tell(f"Segment {run.name} is started; automation {run.automation_key}.")
            return ledger.advance(road.ledger, run, "started")


def _resolve(road: Road, exacttarget: "ExactTarget", run: SegmentRun, held: Lease) -> SegmentRun:
    """What became of a start in doubt: `started`, or, after looking for as long as a doubt may last, `preparing`."""
    for _ in _pauses(road, road.pace.doubt_deadline):
        seen = _look(exacttarget, run)
        if seen.has_started:
            road.tell(f"Segment {run.name} had been started ({seen.status}): that run is adopted.")
            return ledger.advance(road.ledger, run, "started")
        held.check()
    road.tell(f"Segment {run.name} shows no trace of a start ({seen.status}): it is started again.")
    return ledger.advance(road.ledger, run, "preparing")


def _wait(road: Road, exacttarget: "ExactTarget", declared: Declared[Segment], run: SegmentRun) -> SegmentRun:
    """Wait for the mark; the run is `finished` then. Raises SegmentFailed and SegmentStillRunning."""
    assert run.started_at is not None
    left = (run.started_at + declared.is_.deadline - datetime.now(UTC)).total_seconds()
    # However late this is: what ended meanwhile is to be seen.
    for _ in _pauses(road, max(left, 0)):
        seen = _look(exacttarget, run)
        if seen.picked is not None and (seen.status in _WAITS or seen.status == "gone"):
            return ledger.advance(road.ledger, run, "finished", rows_told=seen.picked)
        if seen.status not in (_RUNNING, *_WAITS):
            _fail(road, run, seen.status)
    if seen.status != _RUNNING:
        _fail(road, run, f"{seen.status}, and no row in {define.MARKS}")
    raise SegmentStillRunning(
        f"{declared.at('deadline')}: segment {run.name} was started at {run.started_at:%Y-%m-%d %H:%M:%S} UTC and is "
        f"not over after {declared.is_.deadline}: automation {run.automation_key} is still {seen.status}. Its rows are "
        "not counted, and what is in the data extension may be the rows of before, or none. Run it again later: this "
        "run is adopted, not started twice. If it hangs, stop or delete the automation in ExactTarget; the next run "
        "says so, and the one after it starts anew."
    )


def _fail(road: Road, run: SegmentRun, why: str) -> None:
    ledger.advance(road.ledger, run, "failed", problem=why)
    raise SegmentFailed(
        f"ExactTarget ended the run of segment {run.name} without success: automation {run.automation_key} is {why}. "
        f"The data extension {run.customer_key} may be empty now: a query that fails while it overwrites leaves "
        "nothing. The reason is shown in ExactTarget alone: Automation Studio has it at the activity of that "
        "automation, which stays until the next run. Correct the declaration or the data (a value too long, a key "
        "twice, a required field without a value), and run it again."
    )


def _look(exacttarget: "ExactTarget", run: SegmentRun) -> _Seen:
    automation = exacttarget.automations.state(customer_key=run.automation_key)
    if automation is None:
        return _Seen(None, _mark_of(exacttarget, run))
    # The mark after the status: one that is there while the automation was still at work is looked at again.
    return _Seen(automation, None if automation.status == _RUNNING else _mark_of(exacttarget, run))


def _mark_of(exacttarget: "ExactTarget", run: SegmentRun) -> int | None:
    batches = exacttarget.rows.read(
        customer_key=define.MARKS, fields=[define.PICKED], keys=(define.RUN, [run.id]), rereads=1
    )
    told = [row[define.PICKED] for batch in batches for row in batch.to_pylist()]
    return int(told[0]) if told else None


def _settle(
    road: Road, exacttarget: "ExactTarget", catalog: Catalog, declared: Declared[Segment], run: SegmentRun
) -> Outcome:
    counted, comparison = count(road, exacttarget, catalog, declared)
    define.clean_up(exacttarget, run)
    run = ledger.advance(road.ledger, run, "settled", rows_counted=counted)
    road.tell(f"Segment {run.name}: ExactTarget told {run.rows_told} rows, and {counted} were read back.")
    return Outcome(run, comparison)


def _pauses(road: Road, seconds: float) -> Iterator[None]:
    """Looks, more and more rarely, until the time is over; one at least, and one at the end."""
    until, pause = time.monotonic() + seconds, road.pace.poll
    while True:
        yield
        left = until - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(pause, left))
        pause = min(pause * 2, road.pace.poll_cap)
