"""Server time: US Central without daylight saving, UTC-6 all year [D].

What belongs here: reading the clock, setting it forward, and writing a moment in each of ExactTarget's spellings.
What does not: parsing dates out of rows and files (`values.py`), keeping the clock over a restart (`advance.py`).
All datetimes of the simulator are naive and in server time.

The clock can be set forward: what took place before the leap (the stamp of a file, say) keeps its old place, so a
file that was uploaded before a leap of 30 days is 30 days old. One process simulates one account, so there is one
clock. Tokens, RequestIDs and settings in seconds run on real time: a leap does not cut callers off.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

SERVER_ZONE = timezone(timedelta(hours=-6))
"""The one time zone of the service [D]."""

Leap = tuple[float, float]
"""A real moment (seconds since 1970) and how many seconds the clock is ahead of real time from then on."""

_leaps: tuple[Leap, ...] = ()


def set_leaps(leaps: Sequence[Leap]) -> None:
    """Set the clock: the leaps of a lifetime, oldest first. Whoever reads meanwhile sees the old or the new ones."""
    global _leaps
    _leaps = tuple(leaps)


def ahead(stamp: float) -> float:
    """How many seconds the clock was ahead at a real moment (seconds since 1970)."""
    return next((seconds for since, seconds in reversed(_leaps) if since <= stamp), 0.0)


def at(stamp: float) -> datetime:
    """Server time at a real moment (seconds since 1970), to the millisecond."""
    return server_time(datetime.fromtimestamp(stamp + ahead(stamp), SERVER_ZONE))


def now() -> datetime:
    """The present moment as naive server time, to the millisecond."""
    return at(time.time())


def iso(moment: datetime) -> str:
    """`2022-04-21T06:56:27.927`: how CreatedDate and ModifiedDate are written [R]. Trailing zeros are dropped."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{moment.microsecond // 1000:03d}".rstrip("0")
    return f"{text}.{fraction}" if fraction else text


def american(moment: datetime) -> str:
    """`5/9/2024 12:00:00 AM`: how row values and string-typed dates are written [R]."""
    hour = moment.hour % 12 or 12
    half = "AM" if moment.hour < 12 else "PM"
    return f"{moment.month}/{moment.day}/{moment.year} {hour}:{moment.minute:02d}:{moment.second:02d} {half}"


def zulu(moment: datetime) -> str:
    """`2022-04-21T06:56:27Z`: how the security timestamp is written [R]. Takes an aware datetime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc(moment: datetime) -> datetime:
    """Naive server time as an aware moment."""
    return moment.replace(tzinfo=SERVER_ZONE).astimezone(UTC)


def server_time(moment: datetime) -> datetime:
    """A moment as naive server time, to the millisecond; a naive one is server time already [D]."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(SERVER_ZONE).replace(tzinfo=None)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
