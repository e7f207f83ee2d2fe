"""Sends to audiences over SOAP: who is mailed, who is not and why, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from et_platform.simulator import clock
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.extracting import arrived, extract, tables, tracking
from et_platform_tests.simulator.sending import (
    a_list_of,
    email,
    figures,
    performed,
    send_definition,
    sendable,
    sending,
    sent,
)
from et_platform_tests.simulator.soap import KEY_FIELD, Soap, a_field, data_extension, equals, named, row, simple
from et_platform_tests.simulator.test_queries import query, start, until
from et_platform_tests.simulator.test_subscribers import a_list, place, subscriber


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running_simulator(tmp_path_factory.mktemp("sim") / "data", "--verbose", "--mid", "1000001") as running:
        yield running


def test_a_send_mails_the_audience_and_tells_of_it_everywhere(simulator: Simulator, soap: Soap, key: str) -> None:
    people = {f"{key}a": "a@x.example", f"{key}b": "b@y.example", f"{key}c": None, f"{key}d": ""}
    audience = sendable(soap, key, people)
    number = email(soap, key)
    made = soap.good("Create", send_definition(key, number, a_list_of(audience)))
    assert made.text("Results/StatusMessage") == "EmailSendDefinition created"
    begun = performed(soap, "EmailSendDefinition", key)
    assert begun.text("OverallStatus") == "OK"
    job = begun.text("Results/Result/Task/ID")
    found = sent(soap, job, ("EmailName", "Subject", "FromName", "NumberDelivered", "UniqueOpens"))
    assert figures(found) == {"NumberTargeted": 4, "NumberSent": 2, "MissingAddresses": 2}
    assert found["Status"] == "Complete"
    assert found["SentDate"]
    assert [found[name] for name in ("EmailName", "Subject", "FromName")] == [key, "Hello & welcome", "Sender"]
    assert [found["NumberDelivered"], found["UniqueOpens"]] == ["2", "0"]

    known = soap.retrieve("Subscriber", ["EmailAddress", "Status"], equals("SubscriberKey", f"{key}a"))
    assert [known.text("Results/EmailAddress"), known.text("Results/Status")] == ["a@x.example", "Active"]
    day = datetime.fromisoformat(found["SentDate"])
    window = {"StartDate": clock.american(day - timedelta(1)), "EndDate": clock.american(day + timedelta(1))}
    extract(soap, tracking(f"{key}.zip", "ExtractSent", SendIDs=job, **window))
    written = tables(arrived(simulator, f"{key}.zip"))["Sent.csv"]
    assert [(one["SubscriberKey"], one["EmailAddress"]) for one in written] == [
        (f"{key}a", "a@x.example"),
        (f"{key}b", "b@y.example"),
    ]
    soap.good("Create", data_extension(f"{key}q", KEY_FIELD, a_field("Name", MaxLength=50)))
    text = (
        "SELECT s.SubscriberKey AS [Key], j.EmailName AS Name FROM _Sent s JOIN _Job j ON j.JobID = s.JobID"
        f" WHERE s.JobID = {job}"
    )
    soap.good("Create", query(f"{key}q", text, f"{key}q"))
    start(soap, f"{key}q")
    until(soap, f"{key}q", ["Key", "Name"], [(f"{key}a", key), (f"{key}b", key)])


@pytest.mark.parametrize("operational", [False, True])
def test_who_left_or_is_held_is_not_mailed(soap: Soap, key: str, operational: bool) -> None:
    audience = sendable(soap, key, {f"{key}{one}": f"{one}@x.example" for one in "abcde"})
    mailing = soap.good("Create", a_list(key)).text("Results/NewID")
    soap.good(
        "Create",
        subscriber(f"{key}a", "a@x.example", Status="Unsubscribed"),
        subscriber(f"{key}b", "b@x.example", Status="Held"),
        subscriber(f"{key}c", "c@x.example", Status="Bounced"),
        subscriber(f"{key}d", "d@x.example", place(mailing, status="Unsubscribed")),
    )
    classification = "Default Transactional" if operational else "Default Commercial"
    lists = a_list_of(audience, list_id=mailing)
    soap.good("Create", send_definition(key, email(soap, key), lists, classification))
    found = figures(sending(soap, key))
    if operational:
        assert found == {"NumberTargeted": 5, "NumberSent": 4, "ExistingUndeliverables": 1}
    else:
        assert found == {
            "NumberTargeted": 5,
            "NumberSent": 2,
            "ExistingUndeliverables": 1,
            "ExistingUnsubscribes": 2,
        }


def test_exclusions_copies_and_lists(soap: Soap, key: str) -> None:
    audience = sendable(soap, key, {f"{key}{one}": f"{one}@x.example" for one in "abcd"})
    again = sendable(soap, f"{key}x", {f"{key}A ": "a@x.example", f"{key}e": "B@x.example"})
    left_out = sendable(soap, f"{key}y", {f"{key}c": None, f"{key}z": None})
    lists = a_list_of(audience) + a_list_of(again) + a_list_of(left_out, "ExclusionList")
    deduplicated = "<DeduplicateByEmail>true</DeduplicateByEmail>"
    soap.good("Create", send_definition(key, email(soap, key), lists, more=deduplicated))
    found = figures(sending(soap, key))
    assert found == {"NumberTargeted": 5, "NumberSent": 3, "NumberExcluded": 1, "Duplicates": 1}

    members = soap.good("Create", a_list(key)).text("Results/NewID")
    soap.good("Create", *(subscriber(f"{key}m{one}", f"m{one}@x.example", place(members)) for one in "ab"))
    of_list = f"<SendDefinitionList><List><ID>{members}</ID></List><DataSourceTypeID>List</DataSourceTypeID>"
    of_list += "</SendDefinitionList>"
    soap.good("Create", send_definition(f"{key}l", email(soap, f"{key}l"), of_list))
    assert figures(sending(soap, f"{key}l")) == {"NumberTargeted": 2, "NumberSent": 2}


def test_what_cannot_be_sent_is_refused(soap: Soap, key: str) -> None:
    audience, number = sendable(soap, key, {}), email(soap, key)
    plain = soap.good("Create", data_extension(f"{key}p", KEY_FIELD)).text("Results/NewObjectID")
    for wrong, part in {
        send_definition(key, "1", a_list_of(audience)): "Email was not found",
        send_definition(key, number, a_list_of(plain)): "is not sendable",
        send_definition(key, number, a_list_of("nobody")): "data extension of a SendDefinitionList was not found",
        send_definition(key, number, ""): "SourceList is required",
        send_definition(key, number, a_list_of(audience), "Nothing"): "SendClassification was not found",
    }.items():
        refused = soap.write("Create", wrong)
        assert refused.text("OverallStatus") == "Error"
        assert part in refused.text("Results/StatusMessage")
    assert performed(soap, "EmailSendDefinition", "nobody").text("OverallStatus") == "Error"


def test_a_send_whose_audience_is_gone_fails(soap: Soap, key: str) -> None:
    audience = sendable(soap, key, {f"{key}a": "a@x.example"})
    soap.good("Create", send_definition(key, email(soap, key), a_list_of(audience)))
    soap.good("Delete", named("DataExtension", key))
    found = sending(soap, key)
    assert [found["Status"], found["SentDate"]] == ["Error", ""]
    assert figures(found) == {}


def test_a_complex_filter_of_sends_answers_nothing_silently(soap: Soap, key: str) -> None:
    audience = sendable(soap, key, {f"{key}a": "a@x.example"})
    soap.good("Create", send_definition(key, email(soap, key), a_list_of(audience)))
    job = sending(soap, key)["ID"]
    part = simple("ID", "equals", job, tag="LeftOperand"), simple("ID", "equals", job, tag="RightOperand")
    both = f'<Filter xsi:type="ComplexFilterPart">{part[0]}<LogicalOperator>AND</LogicalOperator>{part[1]}</Filter>'
    reply = soap.retrieve("Send", ["ID"], both)
    assert [reply.text("OverallStatus"), reply.results] == ["OK", []]


def test_a_send_waits_and_runs_after_a_restart(tmp_path) -> None:
    with running_simulator(tmp_path / "data", "--set", "send_delay_seconds=600") as running:
        soap = Soap(running)
        audience = sendable(soap, "k", {"a": "a@x.example"})
        soap.good("Create", row("k", {"Key": "b", "Mail": "b@x.example"}))
        soap.good("Create", send_definition("k", email(soap, "k"), a_list_of(audience)))
        job = performed(soap, "EmailSendDefinition", "k").text("Results/Result/Task/ID")
        assert soap.retrieve("Send", ["Status"], equals("ID", job)).text("Results/Status") == "Scheduled"
    with running_simulator(tmp_path / "data") as running:
        assert figures(sent(Soap(running), job)) == {"NumberTargeted": 2, "NumberSent": 2}
