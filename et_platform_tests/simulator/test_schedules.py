"""Schedules: when they fall due, and automations and sends that start by them as simulated time passes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner

from et_platform.simulator import envelope
from et_platform.simulator.automations import timetable
from et_platform.simulator.cli import sim
from et_platform.simulator.results import Refused
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.sending import a_list_of, email, send_definition, sendable
from et_platform_tests.simulator.soap import KEY_FIELD, Reply, Soap, a_field, data_extension, equals, row
from et_platform_tests.simulator.test_automations import automation, ended, status
from et_platform_tests.simulator.test_queries import query

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def pattern(kind: str, **parts: object) -> str:
    listed = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items())
    return f'<Recurrence xsi:type="{kind}Recurrence">{listed}</Recurrence><RecurrenceType>{kind}</RecurrenceType>'


def moments(schedule: str, many: int = 4) -> list[str]:
    """The first due moments of a schedule that starts on Thursday, 31 January 2030, at noon."""
    start = "<StartDateTime>2030-01-31T12:00:00</StartDateTime>"
    table = timetable.read(envelope.parse(f"<Schedule {XSI}>{schedule}{start}</Schedule>".encode()))
    due, found = datetime(2030, 1, 1), list[str]()  # noqa: DTZ001 - server time
    while len(found) < many and (due := timetable.following(table, due)) is not None:
        found.append(f"{due:%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("", ["01-31 12:00"]),
        (pattern("Minutely", MinuteInterval=30), ["01-31 12:00", "01-31 12:30", "01-31 13:00", "01-31 13:30"]),
        (pattern("Hourly", HourInterval=8), ["01-31 12:00", "01-31 20:00", "02-01 04:00", "02-01 12:00"]),
        (pattern("Daily", DayInterval=2), ["01-31 12:00", "02-02 12:00", "02-04 12:00", "02-06 12:00"]),
        (
            pattern("Daily", DailyRecurrencePatternType="EveryWeekDay"),
            ["01-31 12:00", "02-01 12:00", "02-04 12:00", "02-05 12:00"],
        ),
        (
            pattern("Weekly", WeekInterval=2, Monday="true", Thursday="true"),
            ["01-31 12:00", "02-11 12:00", "02-14 12:00", "02-25 12:00"],
        ),
        (pattern("Monthly", MonthlyInterval=1, ScheduledDay=15), ["02-15 12:00", "03-15 12:00", "04-15 12:00"]),
        (
            pattern("Monthly", MonthlyInterval=1, ScheduledWeek="last", ScheduledDayOfWeek="Friday"),
            ["02-22 12:00", "03-29 12:00", "04-26 12:00"],
        ),
        (pattern("Yearly", ScheduledDay=1, ScheduledMonth="March"), ["03-01 12:00"]),
        (pattern("Daily", DayInterval=1) + "<Occurrences>2</Occurrences>", ["01-31 12:00", "02-01 12:00"]),
        (
            pattern("Daily", DayInterval=1)
            + "<RecurrenceRangeType>EndOn</RecurrenceRangeType><EndDateTime>2030-02-02T11:00:00</EndDateTime>",
            ["01-31 12:00", "02-01 12:00"],
        ),
    ],
)
def test_when_a_schedule_falls_due(schedule: str, due: list[str]) -> None:
    assert moments(schedule, len(due))[: len(due)] == due
    if "Occurrences" in schedule or "EndOn" in schedule or not schedule:
        assert moments(schedule, 9) == due


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("<RecurrenceType>Daily</RecurrenceType>", "needs a Recurrence of type DailyRecurrence"),
        (
            '<Recurrence xsi:type="DailyRecurrence"/><RecurrenceType>Weekly</RecurrenceType>',
            "not one of RecurrenceType",
        ),
        (pattern("Daily", DayInterval="often"), "DayInterval must be a number"),
        (pattern("Monthly", ScheduledDayOfWeek="Friday"), "Friday of a week (none)"),
        (pattern("Yearly", ScheduledMonth="Brumaire"), "no month Brumaire"),
        ("<EndDateTime>soon</EndDateTime>" + pattern("Daily"), "EndDateTime 'soon' is not a date and time"),
    ],
)
def test_what_is_wrong_with_a_schedule_is_said(schedule: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        moments(schedule)
    assert said in refused.value.message


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running_simulator(tmp_path_factory.mktemp("sim") / "data", "--verbose") as running:
        yield running


def advance(simulator: Simulator, *how_far: str) -> None:
    done = CliRunner().invoke(sim, ["advance", "--data", str(simulator.data_dir), *how_far])
    assert done.exit_code == 0, done.output


def now(soap: Soap, key: str) -> datetime:
    """Server time, as the service tells it of something new."""
    soap.good("Create", data_extension(f"{key}now", KEY_FIELD))
    made = soap.retrieve("DataExtension", ["CreatedDate"], equals("CustomerKey", f"{key}now"))
    return datetime.fromisoformat(made.text("Results/CreatedDate"))


def scheduled(soap: Soap, kind: str, key: str, how: str, action: str = "start") -> Reply:
    interaction = f'<Interaction xsi:type="{kind}"><CustomerKey>{key}</CustomerKey></Interaction>'
    return soap.call(
        "Schedule",
        f"<ScheduleRequestMsg><Action>{action}</Action><Schedule>{how}</Schedule>"
        f"<Interactions>{interaction}</Interactions></ScheduleRequestMsg>",
    )


def counting(soap: Soap, key: str) -> None:
    """An automation whose query adds a row with each of its runs."""
    soap.good("Create", data_extension(f"{key}s", KEY_FIELD), data_extension(key, a_field("Key", MaxLength=50)))
    soap.good("Create", row(f"{key}s", {"Key": "1"}))
    soap.good("Create", query(key, f"SELECT Key FROM [{key}s]", key, "Append"))
    soap.good("Create", automation(key, (("QueryDefinition", key),)))


def test_automations_and_sends_start_by_their_schedules(simulator: Simulator, soap: Soap, key: str) -> None:
    counting(soap, key)
    audience = sendable(soap, f"{key}p", {f"{key}a": "a@x.example"})
    soap.good("Create", send_definition(key, email(soap, key), a_list_of(audience)))
    start = now(soap, key).replace(microsecond=0) + timedelta(days=1)
    daily = f"{pattern('Daily', DayInterval=2)}<StartDateTime>{start.isoformat()}</StartDateTime>"
    told = scheduled(soap, "Automation", key, daily + "<Occurrences>2</Occurrences>")
    assert told.text("Results/Result/StatusMessage") == "Program scheduled."
    assert scheduled(soap, "EmailSendDefinition", key, daily).text("OverallStatus") == "OK"

    advance(simulator, "--hours", "23")
    assert [len(soap.rows(key, ["Key"])), status(soap, key)] == [0, "6"]
    advance(simulator, "--hours", "2")
    assert [len(soap.rows(key, ["Key"])), ended(soap, key)] == [1, "6"]
    advance(simulator, "--days", "6")
    assert [len(soap.rows(key, ["Key"])), ended(soap, key)] == [2, "2"], "two occurrences, then no more"
    sends = soap.retrieve("Send", ["SentDate"], equals("EmailName", key)).texts("Results/SentDate")
    days = [datetime.fromisoformat(one) - start for one in sends]
    assert [one.days for one in days] == [0, 2, 4, 6]
    assert all(one < timedelta(days=one.days, minutes=2) for one in days), "each at its own time"

    assert scheduled(soap, "EmailSendDefinition", key, "", "stop").text("OverallStatus") == "OK"
    advance(simulator, "--days", "4")
    assert len(soap.retrieve("Send", ["ID"], equals("EmailName", key)).results) == 4


def test_a_schedule_is_followed_by_the_clock_on_the_wall_too_and_paused(soap: Soap, key: str) -> None:
    counting(soap, key)
    assert scheduled(soap, "Program", key, "").text("OverallStatus") == "OK"  # once, now
    deadline = time.monotonic() + 30
    while not soap.rows(key, ["Key"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert ended(soap, key) == "2"
    scheduled(soap, "Automation", key, pattern("Daily") + "<StartDateTime>2090-01-01T00:00:00</StartDateTime>")
    scheduled(soap, "Automation", key, "", "pause")
    assert status(soap, key) == "4"
    wrong = scheduled(soap, "Automation", key, "<RecurrenceType>Daily</RecurrenceType>")
    assert "needs a Recurrence" in wrong.text("Results/Result/StatusMessage")
    unknown = scheduled(soap, "Automation", key, "", "repeat")
    assert [unknown.text("OverallStatus"), unknown.text("Results/Result/ErrorCode")] == ["Error", "5"]
