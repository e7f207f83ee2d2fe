"""Windows: days of server time, when one is asked for again, and which days are not accounted for."""

from datetime import UTC, date, datetime, timedelta

import pytest

from et_platform.inbound.errors import InboundError
from et_platform.inbound.request import output_name
from et_platform.inbound.windows import day_of, unaccounted, window_of
from et_platform.ledger.inbound_records import ExtractRequest, RequestState

NOW = datetime(2026, 11, 5, 15, 30, 40, tzinfo=UTC)
PATIENCE = timedelta(hours=6)


def request(day: int, state: RequestState, *, end: datetime | None = None, asked: datetime = NOW) -> ExtractRequest:
    start = datetime(2026, 11, day, 6, tzinfo=UTC)
    end = end or start + timedelta(days=1)
    return ExtractRequest(
        mid=1,
        name="tracking",
        window_start=start,
        window_end=end,
        attempt=1,
        output_name=output_name("tracking", start, end, 1),
        types=["open"],
        state=state,
        run_id="test",
        asked_at=asked,
    )


def test_promise_11_a_window_is_a_server_day_half_open_and_today_ends_with_the_last_whole_minute():
    assert window_of(date(2026, 11, 1), now=NOW) == (
        datetime(2026, 11, 1, 6, tzinfo=UTC),
        datetime(2026, 11, 2, 6, tzinfo=UTC),
    )
    assert window_of(date(2026, 11, 5), now=NOW)[1] == datetime(2026, 11, 5, 15, 30, tzinfo=UTC)
    with pytest.raises(InboundError, match="has not begun"):
        window_of(date(2026, 11, 6), now=NOW)


def test_promise_11_a_day_is_accounted_for_once_a_file_that_answers_for_all_of_it_is_loaded():
    early = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
    requests = [
        request(1, "loaded"),
        request(2, "loaded", end=early),  # that day's events were asked for only so far
        request(4, "requested", asked=NOW - PATIENCE + timedelta(minutes=1)),
        request(5, "loaded", end=datetime(2026, 11, 5, 15, tzinfo=UTC)),
    ]
    assert unaccounted(requests, now=NOW, patience=PATIENCE) == [
        (date(2026, 11, 2), "asked for only up to 2026-11-02 10:00 UTC"),
        (date(2026, 11, 3), "never asked for"),
    ]
    later = [*requests, request(2, "loaded"), request(3, "requested", asked=NOW - timedelta(days=1))]
    ((day, why),) = unaccounted(later, now=NOW, patience=PATIENCE)
    assert day == date(2026, 11, 3)
    assert why == "etp_tracking_20261103T0600Z_20261104T0600Z_a1.zip did not come (requested)"
    assert unaccounted([], now=NOW, patience=PATIENCE) == []


def test_a_file_is_shown_on_the_day_of_its_window_or_else_on_that_when_it_was_written():
    assert day_of("etp_tracking_20261101T0600Z_20261102T0600Z_a3.zip", NOW) == date(2026, 11, 1)
    assert day_of("by_hand.zip", datetime(2026, 11, 2, 5, 59, tzinfo=UTC)) == date(2026, 11, 1)
