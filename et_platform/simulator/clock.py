"""Server time: US Central without daylight saving, UTC-6 all year [D].

What belongs here: reading the clock, and writing a moment in each of ExactTarget's spellings.
What does not: parsing dates out of rows and files (`values.py`).
All datetimes of the simulator are naive and in server time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

SERVER_ZONE = timezone(timedelta(hours=-6))
"""The one time zone of the service [D]."""


def now() -> datetime:
    """The present moment as naive server time, to the millisecond."""
    moment = datetime.now(SERVER_ZONE).replace(tzinfo=None)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


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


def server_time(moment: datetime) -> datetime:
    """A moment as naive server time, to the millisecond; a naive one is server time already [D]."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(SERVER_ZONE).replace(tzinfo=None)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
