"""Windows: which days of events there are, when to ask for one (again), and which day a file belongs to.

What belongs here: days of server time as half-open windows, and what the ledger's requests say of them. What does
not: the request itself (request.py), and how Dagster shows days (defs/extract.py).
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta, timezone

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.extract import Extract
from et_platform.catalog.tracking import SERVER_TIME_HOURS
from et_platform.inbound.errors import InboundError
from et_platform.inbound.request import asked_by, request_window
from et_platform.inbound.road import InboundRoad
from et_platform.ledger.inbound_records import ExtractFile, ExtractRequest

SERVER_ZONE = timezone(timedelta(hours=SERVER_TIME_HOURS))
_PENDING = ("seen", "fetched", "failed")


def window_of(day: date, *, now: datetime) -> tuple[datetime, datetime]:
    """The half-open window of a server day (aware, UTC); a day that is not over ends with the last whole minute.

    Raises InboundError for a day of which no minute has passed.
    """
    start = datetime.combine(day, time(), SERVER_ZONE).astimezone(UTC)
    end = min(start + timedelta(days=1), now.astimezone(UTC).replace(second=0, microsecond=0))
    if end <= start:
        raise InboundError(
            f"The day {day} (server time, UTC{SERVER_TIME_HOURS}) has not begun: there is nothing to ask for. "
            "Choose an earlier day; nothing was asked for."
        )
    return start, end


def request_day(road: InboundRoad, declared: Declared[Extract], day: date, *, again: bool = False) -> ExtractRequest:
    """Ask for the events of a server day; returns the request, which may be an earlier one that is still waited for.

    A window that was answered is asked for again, as another attempt: late events come with it, and those that are
    known already change nothing. `again` does not wait for an answer that is due. Raises what request_window raises.
    """
    now = datetime.now(UTC)
    start, end = window_of(day, now=now)
    earlier = road.inbound.requests_of(road.mid, declared.name, start, end)
    patience = timedelta(hours=declared.is_.ask_again_after_hours)
    attempt = 1 if not earlier else earlier[-1].attempt + _is_over(earlier[-1], now=now, patience=patience, again=again)
    return request_window(road, name=declared.name, start=start, end=end, types=declared.is_.events, attempt=attempt)


def _is_over(request: ExtractRequest, *, now: datetime, patience: timedelta, again: bool) -> bool:
    """Whether another file must be asked for: this one came, or is not waited for any longer."""
    if request.state == "asking":
        return False  # perhaps it was never asked for; asking under the same name is harmless
    return again or request.state != "requested" or now - request.asked_at > patience


def unaccounted(requests: Collection[ExtractRequest], *, now: datetime, patience: timedelta) -> list[tuple[date, str]]:
    """The server days, from the first that was asked for to yesterday, whose events are not all here, and why.

    A day is accounted for once a file that answers for it up to its end is loaded; a call that returned is not enough.
    A file that is waited for within `patience` is no gap yet.
    """
    by_day: dict[date, list[ExtractRequest]] = {}
    for one in requests:
        by_day.setdefault(one.window_start.astimezone(SERVER_ZONE).date(), []).append(one)
    if not by_day:
        return []
    today, day, gaps = now.astimezone(SERVER_ZONE).date(), min(by_day), []
    while day < today:
        why = _gap(by_day.get(day, []), window_of(day, now=now)[1], now - patience)
        if why is not None:
            gaps.append((day, why))
        day += timedelta(days=1)
    return gaps


def _gap(requests: list[ExtractRequest], end: datetime, overdue_before: datetime) -> str | None:
    whole = [one for one in requests if one.window_end == end]
    if any(one.state == "loaded" for one in whole):
        return None
    if whole:
        last = whole[-1]
        what = "came, and is not loaded" if last.state == "arrived" else f"did not come ({last.state})"
        return f"{last.output_name} {what}" if last.asked_at < overdue_before else None
    if requests:
        return f"asked for only up to {max(one.window_end for one in requests):%Y-%m-%d %H:%M} UTC"
    return "never asked for"


def extract_of(catalog: Catalog, file_name: str) -> Declared[Extract] | None:
    """The declared extract that a file of this name belongs to; None for a file that is not ours to take."""
    asked = asked_by(file_name)
    if asked is not None:
        return catalog.extracts.get(asked.name)
    return next((one for one in catalog.extracts.values() if one.is_.takes(file_name)), None)


def day_of(file_name: str, mtime: datetime) -> date:
    """The server day under which a file is shown: its window's, or, if it has none, the day when it was written."""
    asked = asked_by(file_name)
    return (asked.start if asked is not None else mtime).astimezone(SERVER_ZONE).date()


def pending_files(road: InboundRoad, catalog: Catalog, extract: str, day: date) -> list[ExtractFile]:
    """The complete files of an extract's day that are not loaded, the oldest first."""
    return [
        file
        for file in road.inbound.files_in(road.mid, _PENDING)
        if (declared := extract_of(catalog, file.name)) is not None
        and declared.name == extract
        and day_of(file.name, file.mtime) == day
    ]
