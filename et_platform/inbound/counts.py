"""Counting a window's events a second way: ExactTarget's event objects over SOAP, next to the lake.

What belongs here: the two counts of one window, and which windows have their turn. What does not: what they mean for a
day (accounts.py). An extract file is one way in which ExactTarget tells of events, a Retrieve another: a file that
silently lacks some is seen by the second.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from et_platform.catalog.catalog import Declared
from et_platform.catalog.extract import Extract
from et_platform.catalog.tracking import EventType, may_repeat
from et_platform.exacttarget.errors import ExactTargetError, InMaintenance, Unreachable
from et_platform.inbound.road import InboundRoad
from et_platform.inbound.windows import SERVER_ZONE, window_of
from et_platform.ledger.inbound_records import ExtractRequest
from et_platform.ledger.windows import WindowCount, counts_named, record
from et_platform.warehouse import events

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget
    from et_platform.exacttarget.events import EventKind

KINDS: "dict[EventType, EventKind]" = {
    "sent": "Sent",
    "open": "Open",
    "click": "Click",
    "bounce": "Bounce",
    "unsubscribe": "Unsub",
}
MOST_WINDOWS = 5
"""Windows that one call counts; the newest have their turn first."""
CAP = "`count_up_to`"
"""In the reason of what is not counted because there is too much of it."""

Window = tuple[datetime, datetime]


def whole_windows(requests: Collection[ExtractRequest], *, now: datetime) -> dict[Window, datetime]:
    """The windows of whole server days that were loaded, with the moment when that was last."""
    found: dict[Window, datetime] = {}
    for one in requests:
        day = one.window_start.astimezone(SERVER_ZONE).date()
        window = one.window_start, one.window_end
        is_whole = window_of(day, now=now) == window and window[1] - window[0] == timedelta(days=1)
        if one.state == "loaded" and one.loaded_at is not None and is_whole:
            found[window] = max(one.loaded_at, found.get(window, one.loaded_at))
    return found


def due(loaded: dict[Window, datetime], counts: Collection[WindowCount], types: Sequence[EventType]) -> list[Window]:
    """The windows that are to be counted: first those not counted since they were loaded, then those that differed or
    could not be asked about; of both the newest first.
    """
    known = {(one.window_start, one.window_end, one.type): one for one in counts}

    def is_counted(window: Window, type_: EventType) -> bool:
        one = known.get((*window, type_))
        return one is not None and one.counted_at >= loaded[window]

    def is_settled(window: Window, type_: EventType) -> bool:
        one = known.get((*window, type_))
        is_beyond = one is not None and one.told is None and CAP in (one.reason or "")
        return is_counted(window, type_) and one is not None and (is_beyond or one.told == one.held)

    left = [one for one in loaded if not all(is_settled(one, type_) for type_ in types)]
    left.sort(reverse=True)
    return sorted(left, key=lambda window: all(is_counted(window, type_) for type_ in types))


def count_windows(road: InboundRoad, declared: Declared[Extract], *, now: datetime | None = None) -> list[WindowCount]:
    """Count what has its turn, and record it; returns these counts.

    Raises the client's errors when ExactTarget cannot be reached; what it does not tell is recorded as unknown.
    """
    now = now or datetime.now(UTC)
    requests = road.inbound.requests_named(road.mid, declared.name)
    types = declared.is_.events
    windows = due(whole_windows(requests, now=now), counts_named(road.ledger, road.mid, declared.name), types)
    windows = windows[:MOST_WINDOWS]
    if not windows:
        return []
    with road.open_exacttarget() as exacttarget:
        counted = [one for window in windows for one in _counts(road, exacttarget, declared, window)]
    record(road.ledger, counted)
    return counted


def _counts(
    road: InboundRoad, exacttarget: "ExactTarget", declared: Declared[Extract], window: Window
) -> Iterator[WindowCount]:
    for type_ in declared.is_.events:
        told, reason = _told(exacttarget, type_, window, most=declared.is_.count_up_to)
        with road.lake.read() as connection:
            held = events.count_events(connection, type_, *window, mid=road.mid)
        yield WindowCount(
            mid=road.mid,
            name=declared.name,
            window_start=window[0],
            window_end=window[1],
            type=type_,
            told=told,
            held=held,
            reason=reason,
            counted_at=datetime.now(UTC),
            run_id=road.run_id,
        )


def _told(exacttarget: "ExactTarget", type_: EventType, window: Window, *, most: int) -> tuple[int | None, str | None]:
    """How many events ExactTarget tells of, repeats included as in the lake; None, and why it is not known.

    Equal opt-outs count once, as there. Only how many there are is compared, not which: whether times and URLs are
    written alike in files and in replies is not documented.
    """
    if not most:
        return None, f"not counted: {CAP} is 0"
    count, seen = 0, set[tuple[object, ...]]()
    try:
        for batch in exacttarget.events.read(kind=KINDS[type_], since=window[0], until=window[1]):
            if may_repeat(type_):
                count += batch.num_rows
            else:
                for row in batch.to_pylist():
                    moment = row["EventDate"].replace(microsecond=0)  # files tell seconds
                    seen.add((row["SendID"], row["SubscriberKey"], moment, row["BatchID"]))
                count = len(seen)
            if count > most:
                return None, f"more than {most} events ({CAP})"
    except (Unreachable, InMaintenance):
        raise
    except ExactTargetError as error:
        return None, f"ExactTarget did not tell ({type(error).__name__})"
    return count, None
