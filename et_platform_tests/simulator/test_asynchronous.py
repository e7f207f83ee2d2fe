"""Asynchronous requests over SOAP: queued, worked off, their results retrieved."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
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


def respond_to(kind: str, address: str = "", when: str = "") -> str:
    asked = f"<RespondWhen>{when}</RespondWhen>" if when else ""
    return (
        f"<SendResponseTo><ResponseType>{kind}</ResponseType><ResponseAddress>{address}</ResponseAddress>"
        f"{asked}</SendResponseTo>"
    )


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """A server that takes posts: its address, and what was posted."""
    posted: list[bytes] = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            """Tests are quiet."""

    server = HTTPServer(("127.0.0.1", 0), Taking)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/results?of=1", posted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_whoever_is_named_is_told_of_the_results(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--set", "insecure_callbacks=accept") as simulator, listening() as there:
        address, posted = there
        soap, mid = Soap(simulator), simulator.info["mid"]
        soap.good("Create", data_extension("k", *SMALL))
        # An address where nobody is keeps none of the others from being told.
        asked = (
            respond_to("HTTPPost", "http://127.0.0.1:9/")
            + respond_to("email", "ops@a.example", "OnError")
            + respond_to("FTP")
            + respond_to("HTTPPost", address, "OnCallComplete")
            + respond_to("FTP", when="Never")
        )
        bad = row("k", {"Key": "1", "Name": "too long"})
        failed = soap.write("Create", row("k", {"Key": "2"}), bad, options=options(more=asked)).text("RequestID")
        until(lambda: len(posted) == 1)
        told = etree.fromstring(posted[0])
        assert [one.text for one in told.iterfind("{*}Results/{*}StatusCode")] == ["OK", "Error"]
        assert told.findtext("{*}RequestID") == failed
        (mail,) = (simulator.data_dir / "outbox" / mid).glob(f"{failed}*.eml")
        message = message_from_bytes(mail.read_bytes(), policy=policy.default)
        assert (message["To"], message["Subject"]) == ("ops@a.example", f"Create Has Errors: {failed}")
        (laid,) = (simulator.ftp_folder / "Export").iterdir()
        assert (laid.name, laid.read_bytes()) == (f"{failed}-2.xml", posted[0])

        # OnError is silent when all went well; a conversation is told of with its last part.
        well = respond_to("email", "ops@a.example", "OnError") + respond_to(
            "HTTPPost", address, "OnConversationComplete"
        )
        for number in (1, 2):
            one = row("k", {"Key": f"part {number}"})
            soap.good("Create", one, options=options("whole", number, 2, more=well))
        until(lambda: len(posted) == 2)
        assert list((simulator.data_dir / "outbox" / mid).iterdir()) == [mail]
        assert len(soap.rows("k", ["Key"])) == 3
