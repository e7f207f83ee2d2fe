"""Events of mail over SOAP: the client's reads on the local ExactTarget, and what the service refuses of them."""

from collections.abc import Iterator
from datetime import UTC, datetime

import polars
import pytest
import requests

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.events import columns
from et_platform_tests.exacttarget.scripted import message, scripted_service, simulated_connection

SEND = 880088


@pytest.fixture(scope="module")
def exacttarget(exacttarget_info) -> Iterator[ExactTarget]:
    for hour, events in (
        (1, {"sent": ["ev-a", "ev-b", "ev-c"]}),
        (2, {"open": ["ev-a", "ev-b"], "click": ["ev-a"]}),
        (3, {"bounce": ["ev-c"], "unsubscribe": ["ev-b"]}),
    ):
        told = {"events": events, "send_id": SEND, "batch_id": 3, "at": f"2024-07-01T0{hour}:00:00"}
        told["details"] = {"URL": "https://x.example/?a=1&b=2"} if "click" in events else {}
        login = (exacttarget_info["client_id"], exacttarget_info["client_secret"])
        reply = requests.post(exacttarget_info["rest_url"] + "sim/act", json=told, auth=login, timeout=60)
        assert reply.status_code == 200, reply.text
    with ExactTarget(simulated_connection(exacttarget_info)) as client:
        yield client


def read(exacttarget: ExactTarget, kind, **where) -> list[dict]:
    batches = exacttarget.events.read(kind=kind, **where)
    return [row for batch in batches for row in batch.to_pylist()]


def at(hour: int) -> datetime:
    return datetime(2024, 7, 1, hour + 6, tzinfo=UTC)  # what was told is server time, UTC-6


def test_each_kind_comes_with_its_own_columns(exacttarget: ExactTarget):
    (click,) = read(exacttarget, "Click", send_id=SEND)
    assert click == {
        "SubscriberKey": "ev-a",
        "EventDate": at(2),
        "SendID": SEND,
        "BatchID": 3,
        "EventType": "Click",
        "URL": "https://x.example/?a=1&b=2",
    }
    (bounce,) = read(exacttarget, "Bounce", send_id=SEND)
    assert (bounce["EventType"], bounce["BounceCategory"]) == ("HardBounce", "Hard bounce")
    (unsub,) = read(exacttarget, "Unsub", send_id=SEND)
    assert (unsub["SubscriberKey"], unsub["EventType"], unsub["IsMasterUnsubscribed"]) == ("ev-b", "Unsubscribe", True)
    assert {one["ListID"] for one in read(exacttarget, "Sent", send_id=SEND)} == {1}
    assert read(exacttarget, "NotSent", send_id=SEND) == []


def test_windows_are_half_open_and_conditions_join(exacttarget: ExactTarget):
    def keys(kind, **where) -> list[str]:
        return [one["SubscriberKey"] for one in read(exacttarget, kind, send_id=SEND, **where)]

    assert keys("Open", since=at(2), until=at(3)) == ["ev-a", "ev-b"]
    assert keys("Open", since=at(1), until=at(2)) == []
    assert keys("Open", since=at(1), subscriber_key="EV-B ") == ["ev-b"]
    assert keys("Open", until=at(3), subscriber_key="ev-c") == []


def test_pages_stream(exacttarget: ExactTarget):
    batches = list(exacttarget.events.read(kind="Sent", send_id=SEND, batch_size=2))
    assert [one.num_rows for one in batches] == [2, 1]
    assert batches[0].schema == columns("Sent")
    frame = polars.concat([polars.DataFrame(polars.from_arrow(one)) for one in batches])
    assert frame["SubscriberKey"].to_list() == ["ev-a", "ev-b", "ev-c"]


def test_what_is_refused(exacttarget: ExactTarget):
    with pytest.raises(ValueError, match="since must be aware"):
        read(exacttarget, "Open", since=datetime(2024, 7, 1))  # noqa: DTZ001
    for kind, name in (("BounceEvent", "BounceReason"), ("UnsubEvent", "ListID"), ("UnsubEvent", "OptOut")):
        with pytest.raises(errors.InvalidDefinition, match="do not match"):  # as the live service does [R]
            exacttarget.events._soap.objects(kind, ["SendID", name], what="Reading")


def test_an_event_that_cannot_be_read_is_an_error():
    one = "<Results><SubscriberKey>a</SubscriberKey><EventDate>{}</EventDate><SendID>{}</SendID></Results>"
    for date, send in (("someday", "1"), ("2024-07-01T00:00:00", "many")):
        page = "<OverallStatus>OK</OverallStatus><RequestID>r</RequestID>" + one.format(date, send)
        with (
            scripted_service(message("RetrieveResponseMsg", page)) as service,
            ExactTarget(service.connection()) as client,
            pytest.raises(errors.MalformedReply, match="cannot be read"),
        ):
            read(client, "Open")
