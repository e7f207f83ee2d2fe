"""The account of event windows, day by day: what is known of each, and what is to be asked for.

What belongs here: values of the ledger in, words and days out. What does not: asking (windows.py, request.py), counting
(counts.py), and how Dagster shows it (defs/extract.py).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from et_platform.catalog.extract import Extract
from et_platform.inbound.windows import SERVER_ZONE, window_of
from et_platform.ledger.inbound_records import ExtractRequest
from et_platform.ledger.windows import WindowCount

State = Literal["missing", "requested", "arrived", "unknown", "differs", "confirmed", "empty"]
SETTLED: tuple[State, ...] = ("confirmed", "empty")
SETTLING = timedelta(minutes=30)
"""Events are shown late, clicks by minutes [3]: a day is asked for once so much of the next has passed."""
MOST_ASKED = 10
"""Days that are asked for at once; the newest have their turn first."""


@dataclass(frozen=True)
class DayAccount:
    """One server day of an extract: `confirmed` and `empty` by an independent count, `unknown` if there is none.

    `is_overdue`: its file should be loaded by now. `reads` counts the files that answered for the whole day: a second
    one is the re-read for late events.
    """

    day: date
    state: State
    why: str
    is_overdue: bool = False
    reads: int = 0


def accounts(
    requests: Collection[ExtractRequest], counts: Collection[WindowCount], extract: Extract, *, now: datetime
) -> list[DayAccount]:
    """Every server day from `first_window`, or from an earlier one that was asked for, to yesterday. What nobody asked
    for before the first day that was is missing, and not overdue: no file of it can come.
    """
    by_day, today = _by_day(requests), now.astimezone(SERVER_ZONE).date()
    first_asked = min(by_day, default=today)
    return [
        _account(day, by_day.get(day, []), counts, extract, now, is_due=day >= first_asked)
        for day in _days(min(extract.first_window, first_asked), today)
    ]


def left_out(requests: Collection[ExtractRequest], extract: Extract, *, now: datetime) -> list[date]:
    """The days since `first_window` that were never asked for and that `days_to_ask` does not tell of: a new
    installation would begin with a year of requests.
    """
    return list(_days(extract.first_window, _first_to_ask(_by_day(requests), now)))


def told_of_left_out(days: list[date], name: str) -> str:
    """Which days of an extract were left out, and how to have them; nothing if there are none."""
    if not days:
        return ""
    return (
        f"{len(days)} days since `first_window`, {days[0]} to {days[-1]}, were never asked for, and are not by "
        f"themselves: in the UI, materialize extract_request/{name} for these days (Materialize, choose the days, "
        f"Launch backfill), or for {days[0]} alone: then the sensor asks for those after it, {MOST_ASKED} at a time. "
        f"If they are not wanted, set `first_window` to {days[-1] + timedelta(days=1)}."
    )


def days_to_ask(requests: Collection[ExtractRequest], extract: Extract, *, now: datetime) -> list[tuple[date, str]]:
    """The days that are to be asked for now, the newest first, and why: never asked for, not answered in time, not
    loaded in time though a file came, or to be read again today because events may have come late. None is before the
    first that was asked for, or before yesterday if none was (`left_out`).
    """
    local = now.astimezone(SERVER_ZONE)
    midnight = datetime.combine(local.date(), time(), SERVER_ZONE)
    if local - midnight < SETTLING:
        return []
    by_day = _by_day(requests)
    yesterday = local.date() - timedelta(days=1)
    first = max(_first_to_ask(by_day, now), extract.first_window)
    last_to_read_again = yesterday - timedelta(days=extract.overlap_days)
    found = []
    day = yesterday
    while day >= first and len(found) < MOST_ASKED:
        whole = _whole(by_day.get(day, []), day, now)
        if not whole:
            found.append((day, "it was not asked for"))
        elif whole[-1].state != "loaded":
            if now - (whole[-1].arrived_at or whole[-1].asked_at) > timedelta(hours=extract.ask_again_after_hours):
                what = "came, and is not loaded" if whole[-1].state == "arrived" else "did not come"
                found.append((day, f"{whole[-1].output_name} {what}"))
        elif day >= last_to_read_again and whole[-1].asked_at < midnight and day < yesterday:
            found.append((day, "events may have come late"))
        day -= timedelta(days=1)
    return found


def _by_day(requests: Collection[ExtractRequest]) -> dict[date, list[ExtractRequest]]:
    by_day: dict[date, list[ExtractRequest]] = {}
    for one in requests:
        by_day.setdefault(one.window_start.astimezone(SERVER_ZONE).date(), []).append(one)
    return by_day


def _first_to_ask(by_day: dict[date, list[ExtractRequest]], now: datetime) -> date:
    return min([*by_day, now.astimezone(SERVER_ZONE).date() - timedelta(days=1)])


def _days(day: date, end: date) -> Iterator[date]:
    while day < end:
        yield day
        day += timedelta(days=1)


def _whole(requests: Collection[ExtractRequest], day: date, now: datetime) -> list[ExtractRequest]:
    """The requests for all of the day, in the order in which they were made."""
    window = window_of(day, now=now)
    return sorted(
        (one for one in requests if (one.window_start, one.window_end) == window), key=lambda one: one.attempt
    )


def _account(
    day: date,
    requests: list[ExtractRequest],
    counts: Collection[WindowCount],
    extract: Extract,
    now: datetime,
    *,
    is_due: bool,
) -> DayAccount:
    start, end = window_of(day, now=now)
    whole = _whole(requests, day, now)
    loaded = [one for one in whole if one.state == "loaded"]
    if loaded:
        mine = [one for one in counts if (one.window_start, one.window_end) == (start, end)]
        latest = max(one.loaded_at for one in loaded if one.loaded_at is not None)
        state, why = _counted([one for one in mine if one.counted_at >= latest], extract)
        return DayAccount(day, state, why, reads=len(loaded))
    asked_first = min((one.asked_at for one in whole), default=end)
    is_overdue = is_due and now > max(end, asked_first) + timedelta(hours=extract.due_after_hours)
    if whole:
        last = whole[-1]
        state = "arrived" if last.state == "arrived" else "requested"
        return DayAccount(day, state, f"{last.output_name} is {last.state}, and not loaded", is_overdue)
    if requests:
        upto = max(one.window_end for one in requests)
        return DayAccount(day, "missing", f"asked for only up to {upto:%Y-%m-%d %H:%M} UTC", is_overdue)
    return DayAccount(day, "missing", "never asked for", is_overdue)


def _counted(counts: list[WindowCount], extract: Extract) -> tuple[State, str]:
    differing = [f"{one.type}: {one.told} told, {one.held} here" for one in counts if one.told not in (None, one.held)]
    if differing:
        return "differs", "; ".join(differing)
    unknown = [f"{one.type}: {one.reason or 'not known'}" for one in counts if one.told is None]
    unknown += [
        f"{name}: not counted since it was loaded"
        for name in extract.events
        if name not in {one.type for one in counts}
    ]
    if unknown:
        return "unknown", "; ".join(unknown)
    if not any(one.told for one in counts):
        return "empty", "ExactTarget tells of no event"
    return "confirmed", ", ".join(f"{one.told} {one.type}" for one in counts if one.told)
