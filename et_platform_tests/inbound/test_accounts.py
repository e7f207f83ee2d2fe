"""The account of windows: what is known of each day, what is to be asked for, and the count that is made a second way."""

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from click.testing import CliRunner

from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.extract import Extract
from et_platform.inbound.accounts import DayAccount, accounts, days_to_ask, left_out, told_of_left_out
from et_platform.inbound.counts import count_windows, due
from et_platform.inbound.load import take
from et_platform.inbound.request import output_name, request_window
from et_platform.inbound.windows import SERVER_ZONE, window_of
from et_platform.ledger.inbound_records import ExtractRequest, RequestState
from et_platform.ledger.windows import WindowCount, counts_named
from et_platform.simulator.act import act
from et_platform_tests.inbound.world import World
from et_platform_tests.scenario import write_catalog
from et_platform_tests.simulated import running_simulator

NOW = datetime(2026, 11, 5, 15, 30, tzinfo=UTC)
EXTRACT = Extract(
    description="x",
    kind="tracking",
    events=("sent", "open"),
    first_window=date(2026, 11, 1),
    overlap_days=1,
    due_after_hours=8,
)
HOUR = timedelta(hours=1)


def request(
    day: int,
    state: RequestState,
    *,
    asked: datetime = NOW - HOUR,
    arrived: datetime | None = None,
    loaded: datetime | None = None,
    attempt: int = 1,
) -> ExtractRequest:
    start, end = window_of(date(2026, 11, day), now=NOW)
    return ExtractRequest(
        mid=1,
        name="t",
        window_start=start,
        window_end=end,
        attempt=attempt,
        output_name=output_name("t", start, end, attempt),
        types=["open", "sent"],
        state=state,
        run_id="test",
        asked_at=asked,
        arrived_at=arrived,
        loaded_at=loaded or (asked if state == "loaded" else None),
    )


def counted(day: int, *, at: datetime = NOW, **figures: tuple[int | None, int]) -> list[WindowCount]:
    start, end = window_of(date(2026, 11, day), now=NOW)
    return [
        WindowCount(1, "t", start, end, name, told, held, at, "test", None if told is not None else "too many")
        for name, (told, held) in figures.items()
    ]


def of(day: int, requests: list[ExtractRequest], counts: list[WindowCount] = []) -> DayAccount:  # noqa: B006
    return {one.day.day: one for one in accounts(requests, counts, EXTRACT, now=NOW)}[day]


def test_promise_11_a_day_is_confirmed_or_empty_by_a_count_of_its_own_and_unknown_without_one():
    loaded = [request(3, "loaded")]
    states = {
        "confirmed": counted(3, sent=(5, 5), open=(0, 0)),
        "empty": counted(3, sent=(0, 0), open=(0, 0)),
        "differs": counted(3, sent=(5, 5), open=(3, 2)),
        "unknown": counted(3, sent=(5, 5), open=(None, 2)),
    }
    assert {name: of(3, loaded, counts).state for name, counts in states.items()} == {name: name for name in states}
    assert of(3, loaded, states["differs"]).why == "open: 3 told, 2 here"
    assert of(3, loaded, states["unknown"]).why == "open: too many"
    assert of(3, loaded).why == "sent: not counted since it was loaded; open: not counted since it was loaded"
    stale = counted(3, at=NOW - 2 * HOUR, sent=(5, 5), open=(0, 0))
    assert of(3, loaded, stale).state == "unknown", "a count from before the day was loaded again says nothing"
    both = [request(3, "loaded"), request(3, "loaded", attempt=2)]
    assert (of(3, loaded).reads, of(3, both).reads) == (1, 2)


def test_promise_11_a_gap_between_two_days_is_missing_and_a_file_that_is_due_is_overdue():
    requests = [request(1, "loaded"), request(3, "requested", asked=NOW - 9 * HOUR), request(4, "requested")]
    found = {one.day.day: (one.state, one.is_overdue) for one in accounts(requests, [], EXTRACT, now=NOW)}
    assert found == {1: ("unknown", False), 2: ("missing", True), 3: ("requested", True), 4: ("requested", False)}
    part = replace(request(2, "loaded"), window_end=datetime(2026, 11, 2, 10, tzinfo=UTC))
    assert of(2, [part]).why == "asked for only up to 2026-11-02 10:00 UTC"


def test_promise_11_days_from_before_the_first_that_was_asked_for_are_missing_and_told_of_and_not_overdue():
    def left(*requests: ExtractRequest, extract: Extract = EXTRACT) -> list[int]:
        return [day.day for day in left_out(requests, extract, now=NOW)]

    days = accounts([], [], EXTRACT, now=NOW)
    assert [(one.day.day, one.state, one.why, one.is_overdue) for one in days] == [
        (number, "missing", "never asked for", False) for number in (1, 2, 3, 4)
    ]
    assert left() == [1, 2, 3], "yesterday is asked for by itself"
    days = accounts([request(3, "loaded"), request(4, "requested")], [], EXTRACT, now=NOW)
    assert [(one.day.day, one.state, one.is_overdue) for one in days] == [
        (1, "missing", False),
        (2, "missing", False),
        (3, "unknown", False),
        (4, "requested", False),
    ]
    assert left(request(3, "loaded")) == [1, 2]
    assert left(request(1, "requested")) == [], "the sensor fills what follows"
    later = EXTRACT.model_copy(update={"first_window": date(2026, 11, 9)})
    assert (left(extract=later), accounts([], [], later, now=NOW)) == ([], [])
    assert [one.day.day for one in accounts([request(3, "loaded")], [], later, now=NOW)] == [3, 4], (
        "what is known stays"
    )

    told = told_of_left_out(left_out([request(3, "loaded")], EXTRACT, now=NOW), "t")
    assert told.startswith("2 days since `first_window`, 2026-11-01 to 2026-11-02, were never asked for")
    assert "materialize extract_request/t" in told
    assert "set `first_window` to 2026-11-03" in told
    assert told_of_left_out([], "t") == ""


def test_promise_11_a_day_whose_file_came_and_cannot_be_loaded_is_asked_for_again_however_old_it_is():
    def asked(*requests: ExtractRequest, overlap_days: int) -> dict[int, str]:
        extract = EXTRACT.model_copy(update={"overlap_days": overlap_days})
        return {day.day: why for day, why in days_to_ask(requests, extract, now=NOW)}

    known = [request(day, "loaded") for day in (2, 3, 4)]
    stuck = request(1, "arrived", asked=NOW - 50 * HOUR, arrived=NOW - 7 * HOUR)
    for overlap_days in (0, 2):
        assert asked(stuck, *known, overlap_days=overlap_days) == {
            1: "etp_t_20261101T0600Z_20261102T0600Z_a1.zip came, and is not loaded"
        }
    fresh = request(1, "arrived", asked=NOW - 50 * HOUR, arrived=NOW - 5 * HOUR)
    assert asked(fresh, *known, overlap_days=0) == {}, "it came late, and is being loaded"
    assert asked(stuck, request(1, "requested", attempt=2), *known, overlap_days=0) == {}, "the next file is waited for"


def test_promise_11_days_are_asked_for_until_they_are_answered_and_the_last_ones_again_each_day():
    def asked(*requests: ExtractRequest, at: datetime = NOW) -> dict[int, str]:
        return {day.day: why for day, why in days_to_ask(requests, EXTRACT, now=at)}

    yesterday = NOW - timedelta(days=1)
    assert asked() == {4: "it was not asked for"}
    assert asked(at=datetime(2026, 11, 5, 6, 20, tzinfo=UTC)) == {}, "clicks are shown late"
    waiting = request(4, "requested", asked=NOW - 7 * HOUR)
    assert asked(waiting) == {4: "etp_t_20261104T0600Z_20261105T0600Z_a1.zip did not come"}
    assert asked(request(4, "requested")) == {}
    assert asked(request(4, "loaded"), request(2, "loaded", asked=yesterday)) == {3: "it was not asked for"}
    again = asked(request(4, "loaded"), request(3, "loaded", asked=yesterday), request(2, "loaded", asked=yesterday))
    assert again == {3: "events may have come late"}, "one day of overlap, and not two"
    assert asked(request(4, "loaded"), request(3, "loaded", asked=yesterday), request(3, "requested", attempt=2)) == {}
    long = [request(1, "loaded", asked=yesterday)]
    assert sorted(asked(*long)) == [2, 3, 4]


def test_windows_are_counted_that_were_not_yet_then_those_that_differ_or_could_not_be_asked_about():
    windows = {day: window_of(date(2026, 11, day), now=NOW) for day in (1, 2, 3, 4)}
    loaded = dict.fromkeys(windows.values(), NOW - HOUR)
    counts = [
        *counted(4, sent=(5, 5), open=(3, 2)),
        *counted(3, sent=(5, 5), open=(1, 1)),
        *counted(2, sent=(5, 5)),
        *(
            replace(one, reason="more than 1 events (`count_up_to`)")
            for one in counted(1, sent=(None, 5), open=(None, 2))
        ),
    ]
    assert due(loaded, counts, ("sent", "open")) == [windows[2], windows[4]]
    lost = [replace(one, reason="ExactTarget did not tell (Throttled)") for one in counts]
    assert due(loaded, lost, ("sent", "open")) == [windows[2], windows[4], windows[1]]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    with running_simulator(tmp_path_factory.mktemp("sim") / "data") as running:
        yield running


def test_promise_11_a_late_event_is_seen_by_the_count_and_brought_by_the_next_file_repeats_as_well(tmp_path, simulator):
    def acted(*words: str) -> None:
        done = CliRunner().invoke(act, ["--data", str(simulator.data_dir), *words])
        assert done.exit_code == 0, done.output

    def loaded(attempt: int) -> None:
        asked = request_window(world.road, name="t", start=start, end=end, types=declared.is_.events, attempt=attempt)
        deadline = time.monotonic() + 30
        while not (mine := [one for one in world.look().complete if one.file.name == asked.output_name]):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        take(world.road, mine[0].identity)

    def told() -> dict[str, tuple[int | None, int]]:
        return {one.type: (one.told, one.held) for one in count_windows(world.road, declared, now=later)}

    catalog = write_catalog(tmp_path / "catalog")
    (catalog / "extracts").mkdir()
    now = datetime.now(UTC)
    today = now.astimezone(SERVER_ZONE).date()
    text = f'description: x\nowners: ["team:tests"]\nkind: tracking\nfirst_window: {today}\n'
    (catalog / "extracts" / "t.yaml").write_text(text, encoding="utf-8")
    declared = load_catalog(catalog).extracts["t"]
    world = World(tmp_path / "world", simulator.info | {"ftp_folder": simulator.ftp_folder}, prefix="etp_t_")
    acted("--sent", "K1", "K2", "--open", "K1", "--unsubscribe", "K2")
    link = ("--link", "https://x.example/", "--at", f"{now:%FT%TZ}")
    acted("--click", "K1", "K1", "--alias", "top", *link)
    acted("--click", "K1", "--alias", "bottom", *link)
    later = now + timedelta(days=2)
    start, end = window_of(today, now=later)
    loaded(1)
    acted("--open", "K2", "K2")
    assert told() == {"unsubscribe": (1, 1), "open": (3, 1), "click": (3, 3), "bounce": (0, 0), "sent": (2, 2)}
    (day, *_) = accounts(world.road.inbound.requests_named(world.road.mid, "t"), kept(world), declared.is_, now=later)
    assert (day.state, day.why) == ("differs", "open: 3 told, 1 here")
    loaded(2)
    assert told()["open"] == (3, 3)
    (day, *_) = accounts(world.road.inbound.requests_named(world.road.mid, "t"), kept(world), declared.is_, now=later)
    assert (day.state, day.reads) == ("confirmed", 2)
    assert told() == {}, "what is alike is not counted again"
    capped = replace(declared, is_=declared.is_.model_copy(update={"count_up_to": 1}))
    loaded(3)
    assert {one.type: one.reason for one in count_windows(world.road, capped, now=later)} == {
        "sent": "more than 1 events (`count_up_to`)",
        "open": "more than 1 events (`count_up_to`)",
        "click": "more than 1 events (`count_up_to`)",
        **dict.fromkeys(("unsubscribe", "bounce")),
    }


def kept(world: World) -> list[WindowCount]:
    return counts_named(world.road.ledger, world.road.mid, "t")
