"""What a send tells beside itself: by list, of those not mailed, as a job; and the mark of RetrieveAllSinceLastBatch."""

from __future__ import annotations

from datetime import datetime, timedelta

from et_platform.simulator import clock
from et_platform_tests.simulated import Simulator
from et_platform_tests.simulator.extracting import arrived, extract, tables, tracking
from et_platform_tests.simulator.sending import (
    a_list_of,
    active,
    email,
    send_definition,
    sendable,
    sending,
    sent,
    triggered,
)
from et_platform_tests.simulator.soap import Soap, equals
from et_platform_tests.simulator.test_extracts import act
from et_platform_tests.simulator.test_subscribers import a_list, place, subscriber

FIGURES = ["NumberSent", "NumberDelivered", "ExistingUndeliverables", "ExistingUnsubscribes", "UniqueOpens"]
FIGURES += ["UniqueClicks", "HardBounces", "SoftBounces", "OtherBounces", "Unsubscribes"]


def a_send(soap: Soap, key: str) -> tuple[str, str, str]:
    """A send to five on a list, of whom two left and one is held: its number, and the list's; its moment."""
    audience = sendable(soap, key, {f"{key}{one}": f"{one}@x.example" for one in "abcde"})
    mailing = soap.good("Create", a_list(key)).text("Results/NewID")
    left = subscriber(f"{key}a", "a@x.example", Status="Unsubscribed")
    held = subscriber(f"{key}b", "b@x.example", Status="Held")
    soap.good("Create", left, held, subscriber(f"{key}d", "d@x.example", place(mailing, status="Unsubscribed")))
    soap.good("Create", send_definition(key, email(soap, key), a_list_of(audience, list_id=mailing)))
    told = sending(soap, key)
    return told["ID"], mailing, told["SentDate"]


def test_a_send_counts_for_its_list(simulator: Simulator, soap: Soap, key: str) -> None:
    job, mailing, _ = a_send(soap, key)
    of = {"send_id": int(job), "list_id": int(mailing)}
    happened = {"open": [f"{key}c", f"{key}e"], "click": [f"{key}c"], "bounce": [f"{key}e"]}
    act(simulator, told=of, **happened)
    act(simulator, told=of, open=[f"{key}c"])
    asked = ["SendID", "List.ID", "List.ListName", *FIGURES, "Duplicates"]
    (found,) = soap.retrieve("ListSend", asked, equals("SendID", job)).results
    assert found.findtext("{*}List/{*}ID") == mailing
    assert found.findtext("{*}List/{*}ListName") == key
    told = {name: int(found.findtext("{*}" + name)) for name in FIGURES}
    assert told == dict.fromkeys(FIGURES, 0) | {
        **{"NumberSent": 2, "NumberDelivered": 1, "ExistingUndeliverables": 1, "ExistingUnsubscribes": 2},
        **{"UniqueOpens": 2, "UniqueClicks": 1, "HardBounces": 1},
    }
    assert soap.retrieve("ListSend", ["SendID"], equals("List.ID", mailing)).text("Results/SendID") == job


def test_extracts_tell_who_was_not_mailed_and_which_sends_there_were(
    simulator: Simulator, soap: Soap, key: str
) -> None:
    job, mailing, moment = a_send(soap, key)
    active(soap, f"{key}t")
    soap.good("Create", triggered(f"{key}t", {"SubscriberKey": f"{key}c", "EmailAddress": "c@x.example"}))
    day = datetime.fromisoformat(moment)
    window = {"StartDate": clock.american(day - timedelta(1)), "EndDate": clock.american(day + timedelta(1))}
    extract(soap, tracking(f"{key}.zip", "ExtractNotSent", "ExtractSendJobs", **window))
    written = tables(arrived(simulator, f"{key}.zip"))
    not_sent = [one for one in written["NotSent.csv"] if one["SendID"] == job]
    assert " ".join(not_sent[0]) == (
        "ClientID SendID EmailAddress SubscriberID ListID EventDate EventType BatchID TriggeredSendExternalKey"
        " SubscriberKey Reason"
    )
    assert {one["SubscriberKey"]: one["Reason"].partition(":")[0] for one in not_sent} == {
        **{f"{key}a": "Opted out", f"{key}d": "Opted out", f"{key}b": "Undeliverable"}
    }
    assert {(one["ListID"], one["EventType"]) for one in not_sent} == {(mailing, "NotSent")}
    jobs = {one["SendID"]: one for one in written["SendJobs.csv"]}
    assert " ".join(jobs[job]) == (
        "ClientID SendID FromName FromEmail SchedTime SentTime Subject EmailName TriggeredSendExternalKey"
        " SendDefinitionExternalKey JobStatus PreviewURL IsMultiPart Additional"
    )
    told = sent(soap, job, ("FromName", "FromAddress", "Subject"))
    assert {"FromName": told["FromName"], "FromEmail": told["FromAddress"], "Subject": told["Subject"]}.items() <= jobs[
        job
    ].items()
    assert jobs[job]["SentTime"] == clock.american(day)
    assert [jobs[job][name] for name in ("SendDefinitionExternalKey", "JobStatus", "TriggeredSendExternalKey")] == [
        *(key, "Complete", ""),
    ]
    assert f"{key}t" in {one["TriggeredSendExternalKey"] for one in jobs.values()}
    later = {"StartDate": clock.american(day + timedelta(1)), "EndDate": clock.american(day + timedelta(2))}
    extract(soap, tracking(f"{key}-later.zip", "ExtractNotSent", "ExtractSendJobs", **later))
    assert tables(arrived(simulator, f"{key}-later.zip")) == {"NotSent.csv": [], "SendJobs.csv": []}


def test_all_since_the_last_batch_is_given_once(simulator: Simulator, soap: Soap, key: str) -> None:
    since = "<RetrieveAllSinceLastBatch>true</RetrieveAllSinceLastBatch>"

    def new(more: str = "") -> tuple[str, list[str]]:
        reply = soap.retrieve("ClickEvent", ["SubscriberKey"], "", more + since)
        return reply.text("OverallStatus"), reply.texts("Results/SubscriberKey")

    new()
    act(simulator, click=[f"{key}a", f"{key}b"])
    assert new() == ("OK", [f"{key}a", f"{key}b"])
    assert new() == ("OK", [])
    everything = soap.retrieve("ClickEvent", ["SubscriberKey"]).texts("Results/SubscriberKey")
    assert everything[-2:] == [f"{key}a", f"{key}b"]
    act(simulator, click=[f"{key}c"], open=[f"{key}c"])
    act(simulator, click=[f"{key}d"])
    assert new() == ("OK", [f"{key}c", f"{key}d"])


def test_pages_since_the_last_batch_move_the_mark(simulator: Simulator, soap: Soap, key: str) -> None:
    since = "<RetrieveAllSinceLastBatch>true</RetrieveAllSinceLastBatch>"
    soap.retrieve("BounceEvent", ["SubscriberKey"], "", since)
    act(simulator, bounce=[f"{key}{one}" for one in "abc"])
    # Options come first in the request [W], the mark near its end.
    wanted = "<ObjectType>BounceEvent</ObjectType><Properties>SubscriberKey</Properties>"
    first = soap.call(
        "Retrieve",
        "<RetrieveRequestMsg><RetrieveRequest><Options><BatchSize>2</BatchSize></Options>"
        f"{wanted}{since}</RetrieveRequest></RetrieveRequestMsg>",
    )
    assert first.text("OverallStatus") == "MoreDataAvailable"
    assert first.texts("Results/SubscriberKey") == [f"{key}a", f"{key}b"]
    rest = soap.retrieve("", [], "", f"<ContinueRequest>{first.text('RequestID')}</ContinueRequest>")
    assert rest.texts("Results/SubscriberKey") == [f"{key}c"]
    assert soap.retrieve("BounceEvent", ["SubscriberKey"], "", since).results == []


def test_a_sub_object_alone_shows_nothing(soap: Soap, key: str) -> None:
    soap.good("Create", a_list(key))
    reply = soap.retrieve("List", ["Client", "ID", "ObjectID"], equals("ListName", key))  # as a public client asks
    assert reply.text("OverallStatus") == "OK"
    assert [reply.texts("Results/Client"), len(reply.texts("Results/ID"))] == [[], 1]
    unknown = soap.retrieve("List", ["Clients"], equals("ListName", key))
    assert (
        unknown.text("OverallStatus")
        == "Error: The Request Property(s) Clients do not match with the fields of List retrieve"
    )
