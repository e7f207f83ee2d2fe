"""Asynchronous requests over SOAP: queued, worked off, their results retrieved."""

from __future__ import annotations

import time
from pathlib import Path

import lxml.etree as etree
import pytest

from et_platform_tests.simulated import running_simulator
from et_platform_tests.simulator.soap import KEY_FIELD, PERSON, Reply, Soap, a_field, data_extension, equals, local, row

ITEM = ["RequestID", "ConversationID", "StatusCode", "StatusMessage", "OrdinalID", "ErrorCode", "RequestObjectType"]
MESSAGE = ["RequestID", "OverallStatusCode", "ErrorCode", "ResultDetailXML", "SequenceCode", "CallsInConversation"]
SMALL = (KEY_FIELD, a_field("Name", MaxLength=5))


def options(conversation: str = "", sequence: object = "", calls: object = "", *, more: str = "") -> str:
    parts = {"ConversationID": conversation, "SequenceCode": sequence, "CallsInConversation": calls}
    listed = "".join(f"<{name}>{text}</{name}>" for name, text in parts.items() if text)
    return f"<Options>{more}{listed}<RequestType>Asynchronous</RequestType></Options>"


def retrieved(soap: Soap, kind: str, properties: list[str], request: str, count: int) -> list[dict[str, str]]:
    """The results of a request, once there are so many."""
    deadline = time.monotonic() + 30
    while True:
        reply = soap.retrieve(kind, properties, equals("RequestID", request))
        if len(reply.results) == count:
            return [{local(one): one.text or "" for one in result} for result in reply.results]
        assert time.monotonic() < deadline, etree.tostring(reply.message)
        time.sleep(0.02)


def code(reply: Reply) -> str:
    assert reply.text("OverallStatus") == "Error"
    return reply.text("Results/ErrorCode")


def test_a_request_is_queued_and_its_results_are_retrieved(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *SMALL))
    accepted = soap.write(
        "Create", row(key, {"Key": "1"}), row(key, {"Key": "2", "Name": "too long"}), options=options()
    )
    assert accepted.text("OverallStatus") == "OK"
    assert accepted.texts("Results/StatusMessage") == ["Queued", "Queued"]
    request = accepted.text("RequestID")
    good, bad = retrieved(soap, "ResultItem", ITEM, request, 2)
    assert (good["StatusCode"], good["OrdinalID"], good["RequestObjectType"]) == ("OK", "0", "DataExtensionObject")
    assert (bad["StatusCode"], bad["ErrorCode"]) == ("Error", "310006")
    (message,) = retrieved(soap, "ResultMessage", MESSAGE, request, 1)
    assert (message["OverallStatusCode"], message["ErrorCode"]) == ("Has Errors", "310006")
    detail = etree.fromstring(message["ResultDetailXML"])
    assert [one.text for one in detail.iterfind("{*}Results/{*}StatusCode")] == ["OK", "Error"]
    assert "SequenceCode" not in message
    assert soap.rows(key, ["Key"]) == [{"Key": "1"}]


def test_updates_deletes_and_performs_are_queued_too(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    soap.good("Create", row(key, {"Key": "1"}), row(key, {"Key": "2"}))
    changed = soap.write("Update", row(key, {"Name": "n"}, {"Key": "1"}), options=options())
    retrieved(soap, "ResultItem", ITEM, changed.text("RequestID"), 1)
    deleted = soap.write("Delete", row(key, {}, {"Key": "2"}), options=options())
    retrieved(soap, "ResultItem", ITEM, deleted.text("RequestID"), 1)
    assert soap.rows(key, ["Key", "Name"]) == [{"Key": "1", "Name": "n"}]
    cleared = soap.call(
        "Perform",
        f"<PerformRequestMsg>{options()}<Action>ClearData</Action><Definitions>"
        f'<Definition xsi:type="DataExtension"><CustomerKey>{key}</CustomerKey></Definition>'
        "</Definitions></PerformRequestMsg>",
    )
    assert cleared.text("Results/Result/StatusMessage") == "Queued"
    (item,) = retrieved(soap, "ResultItem", ITEM, cleared.text("RequestID"), 1)
    assert (item["StatusCode"], item["RequestObjectType"]) == ("OK", "DataExtension")
    assert soap.rows(key, ["Key"]) == []


def test_the_parts_of_a_conversation_are_done_in_their_order_once_all_are_there(soap: Soap, key: str) -> None:
    update = row(key, {"Name": "2"}, {"Key": "1"})
    second = soap.write("Update", update, options=options(key, 2, 3))
    third = soap.write("Update", row(key, {"Name": "3"}, {"Key": "1"}), options=options(key, 3, 3))
    assert soap.retrieve("ResultItem", ITEM, equals("ConversationID", key)).results == []
    made = (data_extension(key, *PERSON), row(key, {"Key": "1", "Name": "1"}))
    first = soap.write("Create", *made, options=options(key, 1, 3))
    retrieved(soap, "ResultItem", ITEM, first.text("RequestID"), 2)
    (item,) = retrieved(soap, "ResultItem", ITEM, third.text("RequestID"), 1)
    assert item["ConversationID"] == key
    (message,) = retrieved(soap, "ResultMessage", MESSAGE, second.text("RequestID"), 1)
    assert (message["SequenceCode"], message["CallsInConversation"]) == ("2", "3")
    assert soap.rows(key, ["Name"]) == [{"Name": "3"}]
    assert code(soap.write("Update", update, options=options(key, 1, 3))) == "211"  # protected from repeats


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (options("c", "", 2), "202"),
        (options("c", 1), "208"),
        (options("", 1, 2), "207"),
        (options("c", 3, 2), "205"),
        (options("c", 1, -1), "206"),
        ("<Options><ConversationID>c</ConversationID></Options>", "209"),
        (options(more="<ScheduledTime>2999-01-01T00:00:00Z</ScheduledTime>"), "226"),
        (
            options(
                more="<SendResponseTo><ResponseType>HTTPPost</ResponseType>"
                "<ResponseAddress>http://here.example</ResponseAddress></SendResponseTo>"
            ),
            "227",
        ),
    ],
)
def test_options_that_are_refused(soap: Soap, key: str, given: str, expected: str) -> None:
    assert code(soap.write("Create", row(key, {"Key": "1"}), options=given)) == expected


@pytest.mark.parametrize(("second", "expected"), [((2, 3), "200"), ((1, 2), "214")])
def test_a_wrong_part_invalidates_its_conversation(
    soap: Soap, key: str, second: tuple[int, int], expected: str
) -> None:
    one = row(key, {"Key": "1"})
    soap.good("Create", one, options=options(key, 1, 2))
    assert code(soap.write("Create", one, options=options(key, *second))) == expected
    assert code(soap.write("Create", one, options=options(key, 2, 2))) == "213"


def test_requests_wait_for_their_time_and_survive_a_restart(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--set", "system_status=InMaintenance") as simulator:
        soap = Soap(simulator)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        later = options(more=f"<ScheduledTime>{moment}</ScheduledTime>")
        # Accepted in maintenance, and done afterwards.
        scheduled = soap.good("Create", row("k", {"Key": "1"}), options=later).text("RequestID")
        queued = soap.good("Create", data_extension("k", *SMALL), row("k", {"Key": "2"}), options=options())
        simulator.restart("--set", "system_status=OK")
        soap = Soap(simulator)
        retrieved(soap, "ResultItem", ITEM, queued.text("RequestID"), 2)
        assert soap.rows("k", ["Key"]) == [{"Key": "2"}]
        assert soap.retrieve("ResultItem", ITEM, equals("RequestID", scheduled)).results == []
