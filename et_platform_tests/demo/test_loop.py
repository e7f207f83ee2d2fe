"""The day that the demo asks for, at any time of the day."""

from datetime import UTC, datetime, timedelta

from et_platform.demo.loop import moment_and_day
from et_platform.inbound.windows import window_of


def test_what_people_did_lies_in_the_window_that_is_asked_for_also_when_the_server_s_day_changes():
    first = datetime(2026, 11, 25, 5, 50, tzinfo=UTC)  # ExactTarget's day begins at 06:00 UTC
    days = []
    for second in range(0, 20 * 60, 5):
        now = first + timedelta(seconds=second)
        at, day = moment_and_day(now)
        # Asked for right then, and after the world has taken its time
        for later in (timedelta(), timedelta(seconds=59), timedelta(minutes=30)):
            start, end = window_of(day, now=now + later)
            assert start <= at < end, now
        assert at < now
        days.append(day.day)
    assert days == sorted(days)
    assert set(days) == {24, 25}
