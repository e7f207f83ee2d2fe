"""Asking for windows: names that carry them, once for each attempt, and a file that really comes."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from et_platform.catalog.tracking import EVENT_TYPES
from et_platform.inbound.errors import InboundError
from et_platform.inbound.load import take
from et_platform.inbound.request import Asked, asked_by, output_name, request_window
from et_platform_tests.inbound.archives import event, tracking
from et_platform_tests.inbound.world import World

DAY = timedelta(days=1)
START = datetime(2024, 7, 1, tzinfo=UTC)

minutes = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda one: one.replace(second=0, microsecond=0, tzinfo=UTC)
)


@given(
    st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True), minutes, minutes, st.integers(1, 99), st.none() | st.integers(1)
)
def test_an_output_name_carries_window_attempt_and_business_unit(name, start, end, attempt, mid):
    assert asked_by(output_name(name, start, end, attempt, mid)) == Asked(name, start, end, attempt, mid)


def test_the_name_is_as_designed_whatever_the_zone():
    central = timezone(timedelta(hours=-6))
    start = datetime(2026, 10, 31, 18, 0, tzinfo=central)
    assert output_name("tracking", start, start + DAY, 1, 7) == "etp_tracking_20261101T0000Z_20261102T0000Z_a1_m7.zip"


@pytest.mark.parametrize("name", ["x.zip", "etp_t_20261301T0000Z_20261102T0000Z_a1.zip", "etp_t_a1.zip"])
def test_other_names_ask_for_nothing(name):
    assert asked_by(name) is None


@pytest.mark.parametrize(("name", "start"), [("Tracking/x", START), ("t", START + timedelta(seconds=1))])
def test_what_no_name_can_carry_is_refused(name, start):
    with pytest.raises(InboundError, match="nothing was asked for"):
        output_name(name, start, start + DAY, 1)


@pytest.fixture
def world(tmp_path, exacttarget_info):
    return World(tmp_path / "world", exacttarget_info)


def until_complete(world: World, name: str) -> str:
    world.prefix = name
    deadline = time.monotonic() + 30
    while not (found := world.look()).complete:
        assert time.monotonic() < deadline, found.waiting
        time.sleep(0.1)
    return found.complete[0].identity


def test_a_window_is_asked_for_once_and_its_file_settles_it(world):
    extract = f"{world.prefix}x"
    asked = {"name": extract, "start": START, "end": START + DAY, "types": EVENT_TYPES}
    first = request_window(world.road, **asked)
    assert (first.state, first.attempt) == ("requested", 1)
    again = request_window(world.road, **asked)
    assert again == first
    loaded = take(world.road, until_complete(world, first.output_name))
    assert (loaded.file.window_start, loaded.file.window_end) == (START, START + DAY)
    assert (loaded.absent, loaded.rejected) == ((), 0)
    assert request_window(world.road, **asked).state == "loaded"
    second = request_window(world.road, **asked, attempt=2)
    assert second.output_name == first.output_name.replace("_a1_", "_a2_")
    attempts = world.road.inbound.requests_of(world.road.mid, extract, START, START + DAY)
    assert [(one.attempt, one.state) for one in attempts] == [(1, "loaded"), (2, "requested")]


def test_other_types_in_the_same_attempt_are_an_error_that_says_what_to_do(world):
    asked = {"name": f"{world.prefix}x", "start": START, "end": START + DAY}
    request_window(world.road, **asked, types=["open"])
    with pytest.raises(InboundError, match="with attempt 2; nothing was asked for"):
        request_window(world.road, **asked, types=["click"])


def test_a_lost_answer_leaves_the_request_asking_and_the_file_settles_it(world, monkeypatch):
    from et_platform.exacttarget.errors import InDoubt
    from et_platform.exacttarget.extracts import Extracts

    original = Extracts.request_tracking

    def lost(self, **given):
        original(self, **given)
        raise InDoubt("the answer was lost")

    monkeypatch.setattr(Extracts, "request_tracking", lost)
    request = request_window(world.road, name=f"{world.prefix}x", start=START, end=START + DAY, types=EVENT_TYPES)
    assert request.state == "asking"
    take(world.road, until_complete(world, request.output_name))
    settled = world.road.inbound.request_for(request.output_name)
    assert settled is not None
    assert settled.state == "loaded"


def test_the_same_window_twice_brings_no_event_twice(world):
    rows = [event("K1"), event("K2")]
    world.deliver("a.zip", tracking(Opens=rows))
    world.take()
    world.deliver("b.zip", tracking(Opens=[*rows, event("K3")]))
    assert (world.take().figures["open"].new, world.events()["open"]) == (1, ["K1", "K2", "K3"])
