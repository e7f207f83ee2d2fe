"""When a schedule falls due: a ScheduleDefinition as a rule, and its next moment.

What belongs here: reading the schedule [W], what is wrong with one, keeping it with its next moment, computing moments
(by dateutil). What does not: starting things (`timekeeper.py`), the message (`schedules.py`). Moments are server time;
a TimeZone is not followed [K].
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from dateutil import rrule

from et_platform.simulator import clock, envelope, store
from et_platform.simulator.definitions import Document, text
from et_platform.simulator.envelope import Element
from et_platform.simulator.results import Refused
from et_platform.simulator.store import Connection

Timetable = dict[str, Any]
"""A rule as it is kept: `start`, `freq` ('' for once), `interval`, `count`, `until`, and what days it names."""

_INVALID = 2
_FREQUENCIES = {
    "MinutelyRecurrence": (rrule.MINUTELY, "MinuteInterval"),
    "HourlyRecurrence": (rrule.HOURLY, "HourInterval"),
    "DailyRecurrence": (rrule.DAILY, "DayInterval"),
    "WeeklyRecurrence": (rrule.WEEKLY, "WeekInterval"),
    "MonthlyRecurrence": (rrule.MONTHLY, "MonthlyInterval"),
    "YearlyRecurrence": (rrule.YEARLY, ""),
}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November"),
    "December",
)
_WEEKS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}


def read(given: Element | None) -> Timetable:
    """The rule that a Schedule element tells; without any, one start now. Raises Refused."""
    start = _moment(given, "StartDateTime") or clock.now().replace(microsecond=0) + timedelta(seconds=1)
    table: Timetable = {"start": start.isoformat(), "freq": "", "count": None, "until": None}
    pattern = envelope.child(given, "Recurrence")
    kind = envelope.type_of(pattern) or "" if pattern is not None else ""
    told = text(given, "RecurrenceType") if given is not None else ""
    if not kind:
        if told:
            raise Refused(_INVALID, f"Schedule: a RecurrenceType {told} needs a Recurrence of type {told}Recurrence.")
        return table
    if kind not in _FREQUENCIES or (told and kind != f"{told}Recurrence"):
        raise Refused(
            _INVALID, f"Schedule: a Recurrence of type {kind} is not one of RecurrenceType {told or '(none)'}."
        )
    frequency, interval = _FREQUENCIES[kind]
    table |= {"freq": frequency, "interval": _number(pattern, interval) or 1 if interval else 1}
    table |= _days(kind, pattern)
    # The range's type decides; without one, what is given of the two [K].
    ends = text(given, "RecurrenceRangeType")
    if ends in ("", "EndAfter"):
        table["count"] = _number(given, "Occurrences")
    if ends in ("", "EndOn") and table["count"] is None:
        until = _moment(given, "EndDateTime")
        table["until"] = until.isoformat() if until else None
    return table


def following(table: Timetable, moment: datetime, *, at_once: bool = False) -> datetime | None:
    """The first due moment after another one, with `at_once` that one itself too; None when there is none any more."""
    start = datetime.fromisoformat(table["start"])
    if table["freq"] == "":
        return start if start > moment or (at_once and start == moment) else None
    rule = rrule.rrule(
        table["freq"],
        dtstart=start,
        interval=table["interval"],
        count=table["count"],
        until=datetime.fromisoformat(table["until"]) if table["until"] else None,
        byweekday=[rrule.weekday(day, number) for day, number in table["byweekday"]] or None,
        bymonthday=table["bymonthday"],
        bymonth=table["bymonth"],
    )
    return rule.after(moment, inc=at_once)


def put(connection: Connection, kind: str, document: Document, table: Timetable | None) -> None:
    """Give a definition a schedule, or (None) take it away; a start that lies in the past is missed [K]."""
    due = following(table, clock.now(), at_once=True) if table else None
    document["timetable"] = table
    document["due"] = due.isoformat() if due else ""
    store.put(connection, kind, document["object_id"], document)


def _days(kind: str, pattern: Element) -> Timetable:
    """Which days of a week, month or year a pattern names."""
    weekdays: list[tuple[int, int | None]] = []
    day = month = None
    word = text(pattern, f"{kind.removesuffix('Recurrence')}RecurrencePatternType")
    if kind == "DailyRecurrence" and word == "EveryWeekDay":
        weekdays = [(number, None) for number in range(5)]
    elif kind == "WeeklyRecurrence":
        weekdays = [(number, None) for number, name in enumerate(_DAYS) if text(pattern, name).lower() in ("true", "1")]
    elif kind in ("MonthlyRecurrence", "YearlyRecurrence"):
        named = text(pattern, "ScheduledDayOfWeek")
        if named:
            if named not in _DAYS or text(pattern, "ScheduledWeek").lower() not in _WEEKS:
                raise Refused(_INVALID, f"Schedule: {named} of a week {text(pattern, 'ScheduledWeek') or '(none)'}.")
            weekdays = [(_DAYS.index(named), _WEEKS[text(pattern, "ScheduledWeek").lower()])]
        else:
            day = _number(pattern, "ScheduledDay")
        if text(pattern, "ScheduledMonth"):
            if text(pattern, "ScheduledMonth") not in _MONTHS:
                raise Refused(_INVALID, f"Schedule: there is no month {text(pattern, 'ScheduledMonth')}.")
            month = _MONTHS.index(text(pattern, "ScheduledMonth")) + 1
    return {"byweekday": weekdays, "bymonthday": day, "bymonth": month}


def _number(parent: Element | None, name: str) -> int | None:
    given = text(parent, name) if parent is not None else ""
    if not given:
        return None
    if not given.isdecimal() or int(given) < 1:
        raise Refused(_INVALID, f"Schedule: {name} must be a number of at least 1, not {given!r}.")
    return int(given)


def _moment(parent: Element | None, name: str) -> datetime | None:
    """A moment in server time: naive as it is, else converted [D]."""
    given = text(parent, name) if parent is not None else ""
    if not given:
        return None
    try:
        return clock.server_time(datetime.fromisoformat(given))
    except ValueError as error:
        raise Refused(_INVALID, f"Schedule: {name} {given!r} is not a date and time.") from error
