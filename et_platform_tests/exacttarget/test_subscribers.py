"""Subscribers: batches and their results, reading back, LogUnsubEvent; on the local ExactTarget and on a script."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.errors import (
    InvalidDefinition,
    MalformedReply,
    NotFound,
    ReadInterrupted,
    ServiceUnavailable,
)
from et_platform.exacttarget.filters import Condition
from et_platform.exacttarget.lists import ALL_SUBSCRIBERS
from et_platform.exacttarget.models import ListMember, ListStatus, StatusChange, SubscriberChange
from et_platform_tests.exacttarget.scripted import (
    API,
    AT_ONCE,
    HANG_UP,
    QUICK,
    fault,
    message,
    scripted_service,
    simulated_connection,
    until,
)


@pytest.fixture
def exacttarget(exacttarget_info):
    with ExactTarget(simulated_connection(exacttarget_info)) as client:
        yield client


def scripted(service) -> ExactTarget:
    return ExactTarget(service.connection(), timeouts=QUICK, retries=AT_ONCE)


def change(number: int, **more) -> SubscriberChange:
    given = {"email": f"{number}@example.org", "status": "Active", **more}
    return SubscriberChange(key=f"client-{number}", **given)


def out(number: int) -> SubscriberChange:
    return SubscriberChange(key=f"client-{number}", status="Unsubscribed")


def test_many_are_written_in_batches_and_each_has_its_result(exacttarget: ExactTarget):
    results = exacttarget.subscribers.update(changes=[change(n) for n in range(120)], add=True)
    assert [one.position for one in results] == list(range(120))
    assert all(one.ok for one in results)
    results = exacttarget.subscribers.update(changes=[out(0), out(119), out(4711)])
    assert [(one.ok, one.code) for one in results] == [(True, None), (True, None), (False, 12001)]
    found = {one.key: one for one in exacttarget.subscribers.read(keys=[f"CLIENT-{n} " for n in range(121)])}
    assert len(found) == 120
    assert [found[f"client-{n}"].status for n in (0, 1, 119)] == ["Unsubscribed", "Active", "Unsubscribed"]
    moment = found["client-0"].unsubscribed_at
    assert moment is not None
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=5)
    assert found["client-1"].unsubscribed_at is None
    assert found["client-1"].email == "1@example.org"


def test_who_is_to_be_added_needs_an_address(exacttarget: ExactTarget):
    (result,) = exacttarget.subscribers.update(changes=[out(5000)], add=True)
    assert (result.ok, result.code) == (False, 12000)
    (result,) = exacttarget.subscribers.update(changes=[change(5000, status="Unsubscribed")], add=True)
    assert result.ok
    (found,) = exacttarget.subscribers.read(keys=["client-5000"])
    assert found.status == "Unsubscribed"


def test_what_xml_cannot_carry_is_refused_alone(exacttarget: ExactTarget):
    exacttarget.subscribers.update(changes=[change(6000)], add=True)
    results = exacttarget.subscribers.update(changes=[SubscriberChange(key="a\0", status="Unsubscribed"), out(6000)])
    assert [one.ok for one in results] == [False, True]
    assert exacttarget.subscribers.read(keys=["a\0"]) == []


def test_log_unsub_event_opts_out_and_says_when_that_was_done_before(exacttarget: ExactTarget):
    exacttarget.subscribers.update(changes=[change(7000)], add=True)
    assert exacttarget.subscribers.log_unsub_event(key="client-7000", list_id=1, reason="asked for it") is True
    assert exacttarget.subscribers.log_unsub_event(key="client-7000", list_id=1) is False
    (found,) = exacttarget.subscribers.read(keys=["client-7000"])
    assert found.status == "Unsubscribed"
    with pytest.raises(NotFound) as nobody:
        exacttarget.subscribers.log_unsub_event(key="client-7001")
    assert nobody.value.request_id
    with pytest.raises(InvalidDefinition, match="different subscribers") as other:
        exacttarget.subscribers.log_unsub_event(key="client-7000", email="1@example.org")
    assert other.value.code == 406


def result(ordinal: int, status: str = "OK") -> str:
    return (
        f"<Results><StatusCode>{status}</StatusCode><StatusMessage>jane@example.org is out</StatusMessage>"
        f"<OrdinalID>{ordinal}</OrdinalID><Object/></Results>"
    )


def answer(*results: str):
    return message("UpdateResponse", "".join(results) + "<OverallStatus>OK</OverallStatus>")


def test_a_lost_answer_is_asked_for_again_for_the_same_status_twice_has_no_effect():
    with scripted_service(HANG_UP, answer(result(0))) as service, scripted(service) as exacttarget:
        (done,) = exacttarget.subscribers.update(changes=[out(1)])
        assert done.ok
        assert service.actions == ["Update", "Update"]


def test_results_come_back_by_their_ordinals_and_name_nobody():
    reply = answer(result(1), result(0, "Error"))
    with scripted_service(reply) as service, scripted(service) as exacttarget:
        results = exacttarget.subscribers.update(changes=[out(0), out(1)], add=True)
        saved = service.sent(0).findtext(f".//{{{API}}}SaveAction")
    assert [one.ok for one in results] == [False, True]
    assert saved == "UpdateAdd"
    assert "jane" not in repr(results)
    assert "client" not in repr(out(1))


def test_results_that_cannot_be_told_apart_are_an_error():
    with (
        scripted_service(answer(result(0), result(0))) as service,
        scripted(service) as exacttarget,
        pytest.raises(MalformedReply, match="ordinals"),
    ):
        exacttarget.subscribers.update(changes=[out(0), out(1)])


def test_an_outage_is_retriable_and_names_no_key():
    down = fault("Unplanned Outage", code=2)
    with scripted_service(down, down, down) as service, scripted(service) as exacttarget:
        with pytest.raises(ServiceUnavailable) as outage:
            exacttarget.subscribers.update(changes=[out(0)])
        assert "client-0" not in str(outage.value)


def test_a_newer_status_word_is_unknown_not_an_error():
    page = message(
        "RetrieveResponseMsg",
        "<OverallStatus>OK</OverallStatus><RequestID>r</RequestID><Results><SubscriberKey>k</SubscriberKey>"
        "<Status>Snoozed</Status></Results>",
    )
    with scripted_service(page) as service, scripted(service) as exacttarget:
        (found,) = exacttarget.subscribers.read(keys=["k"])
    assert (found.status, found.email, found.id) == ("Unknown", None, None)


def test_lists_are_made_filled_read_and_removed(exacttarget: ExactTarget):
    lists = exacttarget.lists
    number = lists.create(name="Newsletter", description="weekly", customer_key="newsletter")
    made = lists.get(list_id=number)
    assert made is not None
    assert (made.name, made.description, made.customer_key) == ("Newsletter", "weekly", "newsletter")
    assert {ALL_SUBSCRIBERS, "Newsletter"} <= {one.name for one in lists.find_all()}
    on, off = (ListStatus(list_id=number), ListStatus(list_id=number, status="Unsubscribed", action="create"))
    joining = [
        SubscriberChange(key=f"reader-{n}", email=f"r{n}@example.org", status=None, lists=(one,))
        for n, one in enumerate((on, off))
    ]
    assert all(one.ok for one in exacttarget.subscribers.update(changes=joining, add=True))
    assert {one.key: one.status for one in lists.members(list_id=number)} == {
        "reader-0": "Active",
        "reader-1": "Unsubscribed",
    }
    # On All Subscribers nothing changed; and who is on a list already cannot be put on it again.
    assert {one.status for one in exacttarget.subscribers.read(keys=["reader-0", "reader-1"])} == {"Active"}
    again = SubscriberChange(key="reader-0", status=None, lists=(ListStatus(list_id=number, action="create"),))
    (refused,) = exacttarget.subscribers.update(changes=[again])
    assert (refused.ok, refused.code) == (False, 12014)
    assert lists.delete(list_id=number)
    assert not lists.delete(list_id=number)
    assert lists.get(list_id=number) is None
    with pytest.raises(InvalidDefinition, match="code 13010"):
        lists.create(name="x" * 51)


def test_changes_of_statuses_are_read_from_a_moment_on(exacttarget: ExactTarget):
    exacttarget.subscribers.update(changes=[change(7100), change(7101)], add=True)
    moment = datetime.now(UTC) - timedelta(seconds=30)
    exacttarget.subscribers.update(changes=[out(7100)])
    found = [one for one in exacttarget.subscribers.status_changes(since=moment) if one.key == "client-7100"]
    assert [(one.current, one.previous) for one in found] == [("unsub", "normal")]
    assert found[0].at is not None
    assert abs(found[0].at - datetime.now(UTC)) < timedelta(minutes=5)
    assert found[0] in list(exacttarget.subscribers.status_changes())
    assert list(exacttarget.subscribers.status_changes(since=datetime.now(UTC) + timedelta(days=1))) == []


def test_changes_of_statuses_are_read_of_a_window_and_of_one_subscriber(exacttarget: ExactTarget):
    exacttarget.subscribers.update(changes=[change(7200), change(7201)], add=True)
    exacttarget.subscribers.update(changes=[out(7200), out(7201)])
    now = datetime.now(UTC)
    read = exacttarget.subscribers.status_changes
    assert [one.key for one in read(since=now - timedelta(minutes=1), key="CLIENT-7200")] == ["client-7200"]
    assert {"client-7200", "client-7201"} <= {one.key for one in read(until=now + timedelta(minutes=1))}
    assert list(read(since=now - timedelta(days=9), until=now - timedelta(days=8), key="client-7200")) == []
    with pytest.raises(InvalidDefinition, match="a naive datetime"):
        list(read(since=now.replace(tzinfo=None)))


def test_who_is_added_twice_is_told_and_kept(exacttarget: ExactTarget):
    create = exacttarget.subscribers.create
    first, second = create(subscribers=[change(8000), change(8001, email="no address")])
    assert (first.ok, first.code) == (True, None)
    assert (second.ok, second.code) == (False, 12000)
    again, new = create(subscribers=[change(8000, status="Unsubscribed", email="other@example.org"), change(8001)])
    assert (again.ok, again.code, new.ok) == (False, 12014, True)
    (kept,) = exacttarget.subscribers.read(keys=["client-8000"])
    assert (kept.status, kept.email) == ("Active", "8000@example.org")


def test_who_is_deleted_is_on_no_list(exacttarget: ExactTarget):
    number = exacttarget.lists.create(name="Deleted from")
    on = (ListStatus(list_id=number),)
    keys = [f"client-{n}" for n in range(8100, 8160)]
    added = exacttarget.subscribers.create(subscribers=[change(n, lists=on) for n in range(8100, 8160)])
    assert [one.ok for one in added] == [True] * 60
    results = exacttarget.subscribers.delete(keys=[*keys[:55], "nobody", "a\0"])
    assert [one.ok for one in results] == [True] * 55 + [False, False]
    assert [one.position for one in results] == list(range(57))
    assert results[55].code == 12001
    assert {one.key for one in exacttarget.subscribers.read(keys=keys)} == set(keys[55:])
    assert {one.key for one in exacttarget.lists.members(list_id=number)} == set(keys[55:])


def test_attributes_and_the_form_of_mail_are_kept_and_shown_nowhere(exacttarget: ExactTarget):
    wanted = change(8200, attributes={"Town": "Bonn & Ulm", "Shoe": "44"}, email_type="Text")
    assert exacttarget.subscribers.create(subscribers=[wanted])[0].ok
    (found,) = exacttarget.subscribers.read(keys=["client-8200"])
    assert (found.attributes, found.email_type) == ({"Town": "Bonn & Ulm", "Shoe": "44"}, "Text")
    more = SubscriberChange(key="client-8200", status=None, attributes={"Shoe": "45"}, email_type="HTML")
    assert exacttarget.subscribers.update(changes=[more])[0].ok
    (found,) = exacttarget.subscribers.read(keys=["client-8200"])
    assert (found.attributes, found.email_type) == ({"Town": "Bonn & Ulm", "Shoe": "45"}, "HTML")
    assert "Bonn" not in f"{wanted!r}{found!r}"
    assert len({found, wanted}) == 2
    (refused,) = exacttarget.subscribers.update(changes=[change(8200, attributes={"Town": "\x01"})])
    assert not refused.ok


def test_subscribers_are_found_by_conditions(exacttarget: ExactTarget):
    assert all(one.ok for one in exacttarget.subscribers.create(subscribers=[change(n) for n in (8300, 8301, 8302)]))
    exacttarget.subscribers.update(changes=[out(8301)])
    mine = Condition(field="SubscriberKey", operator="between", value=("client-8300", "client-8309"))
    left = mine & Condition(field="status", value="Unsubscribed")
    assert [one.key for one in exacttarget.subscribers.find(where=left)] == ["client-8301"]
    new = mine & Condition(field="CreatedDate", operator="greaterThan", value=datetime.now(UTC) + timedelta(days=1))
    assert list(exacttarget.subscribers.find(where=new)) == []
    assert {"client-8300", "client-8301", "client-8302"} <= {one.key for one in exacttarget.subscribers.find()}
    with pytest.raises(InvalidDefinition, match="there is no field Town"):
        list(exacttarget.subscribers.find(where=Condition(field="Town", value="Bonn")))


def test_subscribers_are_handed_over_and_their_results_fetched_later(exacttarget: ExactTarget):
    subscribers = exacttarget.subscribers
    changes = [change(n) for n in range(8400, 8520)]
    changes[110] = change(8510, email="no address")
    write = subscribers.update_later(changes=changes, add=True, priority="High")
    assert write.rows == (100, 20)
    results = until(lambda: subscribers.results_of(write=write))
    assert [one.position for one in results] == list(range(120))
    assert [(one.position, one.code) for one in results if not one.ok] == [(110, 12000)]
    keys = [one.key for one in changes]
    assert len(subscribers.read(keys=keys)) == 119
    deletion = subscribers.delete_later(keys=[*keys[:2], keys[110]])
    gone = until(lambda: subscribers.results_of(write=deletion))
    assert [(one.ok, one.code) for one in gone] == [(True, None), (True, None), (False, 12001)]
    assert len(subscribers.read(keys=keys)) == 117
    with pytest.raises(InvalidDefinition, match="those at 1 have"):
        subscribers.delete_later(keys=["a", "b\0"])


def test_a_list_changes_and_is_found_by_its_key(exacttarget: ExactTarget):
    lists = exacttarget.lists
    number = lists.create(
        name="Before", customer_key="changing", description="d", type="Public", classification="PublicationList"
    )
    made = lists.find(customer_key="changing")
    assert made is not None
    assert (made.id, made.type, made.classification) == (number, "Public", "PublicationList")
    lists.update(mailing_list=replace(made, name="After", description="", type="Private"))
    after = lists.get(list_id=number)
    assert after == replace(made, name="After", description="", type="Private")
    with pytest.raises(InvalidDefinition) as long:
        lists.update(mailing_list=replace(made, name="x" * 51))
    assert long.value.code == 13010
    with pytest.raises(InvalidDefinition) as everybody:
        lists.update(mailing_list=replace(made, id=1))
    assert everybody.value.code == 13012
    assert lists.delete(list_id=number)
    with pytest.raises(NotFound):
        lists.update(mailing_list=made)
    assert lists.find(customer_key="changing") is None


def test_memberships_are_read_of_subscribers(exacttarget: ExactTarget):
    number = exacttarget.lists.create(name="Some are on it")
    on = (ListStatus(list_id=number, status="Unsubscribed"),)
    assert all(one.ok for one in exacttarget.subscribers.create(subscribers=[change(8600, lists=on), change(8601)]))
    (everybody,) = [one.id for one in exacttarget.lists.find_all() if one.name == ALL_SUBSCRIBERS]
    found = exacttarget.lists.memberships(keys=["Client-8600", "client-8601", "nobody"])
    assert {(one.key, one.list_id, one.status) for one in found} == {
        ("client-8600", everybody, "Active"),
        ("client-8600", number, "Unsubscribed"),
        ("client-8601", everybody, "Active"),
    }


def member_page(key: str, list_id: str, status: str) -> tuple[int, bytes]:
    one = f"<Status>Active</Status><ListID>{list_id}</ListID><SubscriberKey>{key}</SubscriberKey>"
    head = f"<OverallStatus>{status}</OverallStatus><RequestID>r</RequestID>"
    return message("RetrieveResponseMsg", f"{head}<Results>{one}</Results>")


def test_members_come_page_by_page_and_a_lost_page_says_so():
    with scripted_service(member_page("a", "7", "MoreDataAvailable"), HANG_UP) as service, scripted(service) as client:
        members = client.lists.members(list_id=7)
        assert next(members).key == "a"
        with pytest.raises(ReadInterrupted):
            next(members)
        assert len(service.calls) == 2
    with scripted_service(member_page("jane", "", "OK")) as service, scripted(service) as client:
        with pytest.raises(MalformedReply, match="on a list without a number") as caught:
            list(client.lists.memberships(keys=["jane"]))
        assert "jane" not in str(caught.value)


def test_keys_and_reasons_stay_out_of_repr():
    shown = repr([ListMember(key="ann", list_id=1, status="Active"), StatusChange(key="ann", at=None, current="unsub")])
    assert "ann" not in shown
