"""Subscribers, lists, status events and LogUnsubEvent over SOAP."""

from __future__ import annotations

from xml.sax.saxutils import escape

import lxml.etree as etree
import pytest

from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.extracting import arrived, extract, tables, tracking
from et_platform_tests.simulator.soap import NIL, UPSERT, Reply, Soap, equals, local, simple
from et_platform_tests.simulator.test_act import good as act

ASKED = ["ID", "SubscriberKey", "EmailAddress", "Status", "UnsubscribedDate", "EmailTypePreference", "CreatedDate"]


def subscriber(key: str = "", email: str = "", more: str = "", **properties: str) -> str:
    given = {"EmailAddress": email, "SubscriberKey": key} | properties
    listed = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in given.items() if text)
    return f'<Objects xsi:type="Subscriber">{listed}{more}</Objects>'


def place(list_id: str | int, action: str = "", status: str = "") -> str:
    parts = {"ID": str(list_id), "Status": status, "Action": action}
    return f"<Lists>{''.join(f'<{name}>{text}</{name}>' for name, text in parts.items() if text)}</Lists>"


def a_list(name: str, more: str = "") -> str:
    return f'<Objects xsi:type="List"><ListName>{name}</ListName>{more}</Objects>'


def execute(soap: Soap, name: str = "LogUnsubEvent", **parameters: str) -> Reply:
    listed = "".join(
        f"<Parameters><Name>{n}</Name><Value>{escape(v)}</Value></Parameters>" for n, v in parameters.items()
    )
    request = f"<Requests><Name>{name}</Name>{listed}</Requests>"
    return soap.call("Execute", f"<ExecuteRequestMsg>{request}</ExecuteRequestMsg>")


def shown(soap: Soap, *keys: str) -> list[dict[str, str]]:
    reply = soap.retrieve("Subscriber", ASKED, simple("SubscriberKey", "IN", *keys))
    assert reply.text("OverallStatus") == "OK", etree.tostring(reply.message)
    return [{local(one): one.text or "" for one in result if one.get(NIL) != "true"} for result in reply.results]


def status_of(soap: Soap, key: str) -> str:
    return shown(soap, key)[0]["Status"]


def changes_of(soap: Soap, key: str) -> list[tuple[str, str, str]]:
    asked = ["SubscriberKey", "PreviousStatus", "CurrentStatus", "ReasonUnsub", "CreatedDate", "Client.ID"]
    rows = soap.retrieve("SubscriberStatusEvent", asked, equals("SubscriberKey", key)).rows
    return [(row["PreviousStatus"], row["CurrentStatus"], row["ReasonUnsub"]) for row in rows]


def error(reply: Reply) -> tuple[str, str]:
    return reply.text("Results/StatusCode"), reply.text("Results/ErrorCode")


def test_create_reads_as_the_recorded_one_and_a_second_time_is_refused(soap: Soap, key: str) -> None:
    created = soap.good("Create", subscriber(key, f"{key}@example.com"))
    assert created.text("Results/StatusMessage") == "Created Subscriber."
    number = created.text("Results/NewID")
    result = created.message.find("{*}Results/{*}Object")
    names = ["PartnerKey", "ID", "ObjectID", "EmailAddress", "SubscriberKey"]
    assert [local(one) for one in result] == names
    assert [one.text for one in result] == [None, number, None, f"{key}@example.com", key]

    again = soap.write("Create", subscriber(key.upper() + " ", "other@example.com"))
    assert error(again) == ("Error", "12014")
    assert again.text("Results/StatusMessage") == "The subscriber is already on the list"
    assert (again.text("Results/NewID"), again.text("OverallStatus")) == ("0", "Error")
    (row,) = shown(soap, key)
    assert (row["ID"], row["Status"], row["EmailAddress"]) == (number, "Active", f"{key}@example.com")
    assert "UnsubscribedDate" not in row


def test_update_needs_somebody_to_update_and_update_add_needs_an_address(soap: Soap, key: str) -> None:
    assert error(soap.write("Update", subscriber(key, f"{key}@x.org", Status="Unsubscribed"))) == ("Error", "12001")
    assert error(soap.write("Update", subscriber(key, Status="Unsubscribed"), options=UPSERT)) == ("Error", "12000")
    assert shown(soap, key) == []
    done = soap.good("Update", subscriber(key, f"{key}@x.org", Status="Unsubscribed"), options=UPSERT)
    assert done.text("Results/StatusMessage") == "Updated Subscriber."
    (row,) = shown(soap, key)
    assert row["Status"] == "Unsubscribed"
    assert row["UnsubscribedDate"] == row["CreatedDate"]
    soap.good("Update", subscriber(key, Status="Active"))  # by key alone, once there is somebody
    assert "UnsubscribedDate" not in shown(soap, key)[0]
    assert changes_of(soap, key) == [("normal", "unsub", "Unsubscribed via API"), ("unsub", "normal", "")]


def test_a_batch_is_not_atomic_and_each_object_has_its_result(soap: Soap, key: str) -> None:
    reply = soap.write(
        "Update",
        subscriber(f"{key}a", "a@x.org"),
        subscriber(f"{key}b", "not an address"),
        subscriber(f"{key}c", "c@x.org", Status="Sleeping"),
        subscriber(f"{key}a", Status="Held"),  # the same one again: what came before counts
        options=UPSERT,
    )
    assert reply.text("OverallStatus") == "Has Errors"
    assert reply.texts("Results/StatusCode") == ["OK", "Error", "Error", "OK"]
    assert reply.texts("Results/ErrorCode") == ["12000", "12004"]
    assert [row["Status"] for row in shown(soap, f"{key}a", f"{key}b", f"{key}c")] == ["Held"]


def test_an_address_finds_its_subscriber_unless_two_have_it(soap: Soap, key: str) -> None:
    soap.good("Create", subscriber("", f"{key}@x.org"))  # without a key the address is the key
    soap.good("Update", subscriber("", f"{key}@x.org", EmailTypePreference="Text"))
    (row,) = shown(soap, f"{key}@x.org")
    assert row["EmailTypePreference"] == "Text"
    soap.good("Create", subscriber(key, f"{key}@x.org"))
    assert error(soap.write("Update", subscriber("", f"{key}@x.org", Status="Held"))) == ("Error", "12001")


def test_attributes_come_back_unasked_after_the_address(soap: Soap, key: str) -> None:
    attribute = "<Attributes><Name>First Name</Name><Value>Zoë</Value></Attributes>"
    soap.good("Create", subscriber(key, "z@x.org", attribute))
    reply = soap.retrieve("Subscriber", ["SubscriberKey", "EmailAddress"], equals("SubscriberKey", key))
    names = [local(one) for one in reply.results[0]]
    assert names == ["PartnerKey", "ObjectID", "EmailAddress", "Attributes", "SubscriberKey"]
    assert reply.text("Results/Attributes/Value") == "Zoë"
    refused = soap.retrieve("Subscriber", ["Attributes", "Lists", "SubscriberKey"])
    assert refused.text("OverallStatus") == (
        "Error: The Request Property(s) Attributes, Lists do not match with the fields of Subscriber retrieve"
    )


def test_a_deleted_subscriber_is_gone_and_its_key_is_free(soap: Soap, key: str) -> None:
    soap.good("Create", subscriber(key, "d@x.org"))
    (before,) = shown(soap, key)
    deleted = soap.good("Delete", subscriber(key))
    assert [local(one) for one in deleted.results[0]] == ["StatusCode", "StatusMessage", "OrdinalID"]
    assert deleted.text("Results/StatusMessage") == "Subscriber deleted"
    assert shown(soap, key) == []
    assert error(soap.write("Delete", subscriber(key))) == ("Error", "12001")
    soap.good("Create", subscriber(key, "d@x.org"))
    assert shown(soap, key)[0]["ID"] != before["ID"]


def test_all_subscribers_is_a_list_and_others_can_be_made(soap: Soap, key: str) -> None:
    asked = ["ID", "ListName", "Type", "ListClassification", "CustomerKey", "Category"]
    (found,) = soap.retrieve("List", asked, equals("ListName", "All Subscribers")).results
    assert [found.findtext(f"{{*}}{name}") for name in asked[:3]] == ["1", "All Subscribers", "Private"]
    created = soap.good("Create", a_list(key, "<Category>7</Category>"))
    number = created.text("Results/NewID")
    (mine,) = soap.retrieve("List", asked, equals("ID", number)).results
    assert mine.findtext("{*}CustomerKey") == f"{key} - 7"
    soap.good("Update", f'<Objects xsi:type="List"><ID>{number}</ID><Description>d</Description></Objects>')
    assert soap.retrieve("List", ["Description"], equals("ID", number)).text("Results/Description") == "d"
    assert error(soap.write("Create", a_list("x" * 51)))[1] == "13010"
    assert error(soap.write("Update", '<Objects xsi:type="List"><ID>999999</ID></Objects>'))[1] == "13000"
    assert error(soap.write("Delete", '<Objects xsi:type="List"><ID>1</ID></Objects>'))[1] == "13012"
    soap.good("Delete", f'<Objects xsi:type="List"><ID>{number}</ID></Objects>')
    assert soap.retrieve("List", asked, equals("ID", number)).results == []


def test_each_list_has_its_own_status(soap: Soap, key: str) -> None:
    number = soap.good("Create", a_list(key)).text("Results/NewID")

    def members() -> list[tuple[str, str]]:
        reply = soap.retrieve("ListSubscriber", ["ListID", "SubscriberKey", "Status"], equals("SubscriberKey", key))
        return [(one.findtext("{*}ListID") or "", one.findtext("{*}Status") or "") for one in reply.results]

    soap.good("Create", subscriber(key, "l@x.org", place(number)))
    assert members() == [("1", "Active"), (number, "Active")]
    again = soap.write("Update", subscriber(key, more=place(number, "create")))
    assert error(again) == ("Error", "12014")
    soap.good("Update", subscriber(key, more=place(number, "update", "Unsubscribed")))
    assert members() == [("1", "Active"), (number, "Unsubscribed")]
    soap.good("Update", subscriber(key, more=place(number)))  # no status: it stays what it is
    assert members() == [("1", "Active"), (number, "Unsubscribed")]
    soap.good("Update", subscriber(key, more=place(1, "update", "Unsubscribed")))
    assert status_of(soap, key) == "Unsubscribed"
    soap.good("Update", subscriber(key, more=place(1)))
    assert status_of(soap, key) == "Unsubscribed"
    soap.good("Update", subscriber(key, more=place(number, "delete")))
    assert members() == [("1", "Unsubscribed")]
    assert error(soap.write("Update", subscriber(key, more=place(number, "update"))))[1] == "13007"
    assert error(soap.write("Update", subscriber(key, more=place(999999))))[1] == "13000"


def test_log_unsub_event_without_a_job_opts_out_of_everything_and_records_no_event(
    simulator: Simulator, soap: Soap, key: str
) -> None:
    soap.good("Create", subscriber(key, f"{key}@x.org"))
    reply = execute(soap, SubscriberKey=key, BatchID="0")
    assert [local(one) for one in reply.results[0]] == ["StatusCode", "StatusMessage"]
    assert (reply.text("OverallStatus"), reply.text("Results/StatusMessage")) == ("OK", "Event posted")
    assert status_of(soap, key) == "Unsubscribed"
    assert changes_of(soap, key) == [("normal", "unsub", "Unsubscribed via Log Unsub Event Execute call")]
    assert unsubscribes(simulator, soap, f"{key}.zip", key) == []


def test_log_unsub_event_against_a_job_leaves_its_list_and_records_the_event(
    simulator: Simulator, soap: Soap, key: str
) -> None:
    number = soap.good("Create", a_list(key)).text("Results/NewID")
    soap.good("Create", subscriber(key, f"{key}@x.org", place(number)))
    act(simulator, "--sent", key, "--send-id", "7", "--batch-id", "3", "--list-id", number)
    assert error(execute(soap, SubscriberKey=key, JobID="8")) == ("Error", "400")
    execute(soap, SubscriberKey=key, JobID="7", Reason="enough")
    assert status_of(soap, key) == "Active"
    again = execute(soap, SubscriberKey=key, ListID=number)
    assert error(again) == ("Error", "401")
    found = unsubscribes(simulator, soap, f"{key}.zip", key)
    assert [(row["SendID"], row["BatchID"], row["ListID"], row["UnsubReason"]) for row in found] == [
        ("7", "3", number, "enough")
    ]
    act(simulator, "--sent", key, "--send-id", "9")  # to All Subscribers, as data extensions are sent to
    execute(soap, SubscriberKey=key, JobID="9")
    assert status_of(soap, key) == "Unsubscribed"


def unsubscribes(simulator: Simulator, soap: Soap, file: str, key: str) -> list[dict[str, str]]:
    """What the tracking extract tells of the key's unsubscribes, whenever they were."""
    window = {"StartDate": now(soap, days=-1), "EndDate": now(soap, days=1)}
    extract(soap, tracking(file, "ExtractUnsubs", IncludeUnsubReason="True", **window))
    return [row for row in tables(arrived(simulator, file))["Unsubs.csv"] if row["SubscriberKey"] == key]


def now(soap: Soap, days: int) -> str:
    from datetime import timedelta

    from et_platform.simulator import clock

    return clock.american(clock.now() + timedelta(days=days))


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "402"),
        ({"JobID": "7"}, "403"),
        ({"EmailAddress": "n@x.org"}, "404"),
        ({"SubscriberKey": "nobody at all"}, "12012"),
        ({"SubscriberKey": "log_refused", "EmailAddress": "other@x.org"}, "406"),
        ({"SubscriberKey": "log_refused", "ListID": "999999"}, "13000"),
    ],
)
def test_log_unsub_event_refuses_by_number(soap: Soap, parameters: dict[str, str], code: str) -> None:
    soap.write("Create", subscriber("log_refused", "log_refused@x.org"))
    assert error(execute(soap, **parameters)) == ("Error", code)
    assert status_of(soap, "log_refused") == "Active"


def test_execute_of_another_name_is_refused(soap: Soap) -> None:
    reply = execute(soap, "Refresh")
    assert (reply.text("OverallStatus"), error(reply)) == ("Error", ("Error", "5"))


def test_an_act_changes_the_status_that_soap_shows(simulator: Simulator, soap: Soap, key: str) -> None:
    soap.good("Create", subscriber(key, f"{key}@x.org"))
    act(simulator, "--bounce", key)
    assert status_of(soap, key) == "Bounced"
    act(simulator, "--unsubscribe", key)
    assert status_of(soap, key) == "Unsubscribed"
    assert changes_of(soap, key) == [("normal", "unsub", "unsub by email")]


def test_pages_of_subscribers_go_on_where_they_ended(soap: Soap, key: str) -> None:
    soap.good("Create", *(subscriber(f"{key}-{n:02}", f"{n}@x.org") for n in range(30)))
    where = simple("SubscriberKey", "beginsWith", f"{key}-")
    found, reply = (
        [],
        soap.retrieve("Subscriber", ["SubscriberKey"], where, "<Options><BatchSize>12</BatchSize></Options>"),
    )
    while True:
        found += reply.texts("Results/SubscriberKey")
        if reply.text("OverallStatus") == "OK":
            break
        more = f"<ContinueRequest>{reply.text('RequestID')}</ContinueRequest>"
        reply = soap.retrieve("Subscriber", [], more=more)
    assert found == [f"{key}-{n:02}" for n in range(30)]


def test_subscribers_outlive_a_restart(tmp_path) -> None:
    with running_simulator(tmp_path / "data") as running:
        soap = Soap(running)
        soap.good("Create", subscriber("stays", "s@x.org", Status="Unsubscribed"))
        running.restart()
        assert status_of(Soap(running), "stays") == "Unsubscribed"
