"""Rows over REST: on the local ExactTarget, and on a script for what a well-behaved service never does."""

import json

import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.models import DataExtension, Field, FieldType
from et_platform_tests.exacttarget.scripted import (
    AT_ONCE,
    HANG_UP,
    QUICK,
    scripted_service,
    simulated_connection,
    until,
)

FIELDS = (
    Field(name="Id", type=FieldType.Text, max_length=20, is_primary_key=True, is_required=True),
    Field(name="Name", type=FieldType.Text, max_length=5),
)


@pytest.fixture(scope="module")
def exacttarget(exacttarget_info):
    with ExactTarget(simulated_connection(exacttarget_info)) as client:
        yield client


@pytest.fixture
def key(exacttarget: ExactTarget, request: pytest.FixtureRequest) -> str:
    key = f"rest/{request.node.name}"[:36]  # a slash must be encoded
    exacttarget.data_extensions.create(
        data_extension=DataExtension(customer_key=key, name=key.replace("/", " "), fields=FIELDS)
    )
    return key


def test_rows_are_upserted_and_read_in_pages(exacttarget: ExactTarget, key: str):
    rest = exacttarget.rest
    rows = [{"Id": str(n), "Name": None if n == 3 else f"n{n}"} for n in range(5)]
    rest.upsert(customer_key=key, rows=rows, keys=["Id"])
    rest.upsert(customer_key=key, rows=[{"Id": "4", "Name": "z&é"}], keys=["Id"])
    rest.upsert(customer_key=key, rows=[], keys=["Id"])
    pages = list(rest.read(customer_key=key, page_size=2))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {one["id"]: one["name"] for page in pages for one in page} == {
        **{str(n): f"n{n}" for n in range(3)},
        "3": "",
        "4": "z&é",
    }
    (found,) = rest.read(customer_key=key, fields=["Id"], where="Name eq 'n1'")
    assert found == [{"id": "1"}]
    assert list(rest.read(customer_key=key, where="Name eq 'nobody'")) == []


def test_rows_come_in_the_order_that_is_asked_for(exacttarget: ExactTarget, key: str):
    rest = exacttarget.rest
    rest.upsert(customer_key=key, rows=[{"Id": id_, "Name": name} for id_, name in ("1b", "2c", "3a")], keys=["Id"])
    pages = rest.read(customer_key=key, fields=["Name"], order_by="Name desc", page_size=2)
    assert [one["name"] for page in pages for one in page] == ["c", "b", "a"]


def test_a_number_is_added_to_once(exacttarget: ExactTarget):
    key = "rest-increment"
    fields = (*FIELDS[:1], Field(name="Points", type=FieldType.Number))
    exacttarget.data_extensions.create(data_extension=DataExtension(customer_key=key, name=key, fields=fields))
    rest = exacttarget.rest
    rest.increment(customer_key=key, keys={"Id": "a b/ü"}, field="Points", step=5)
    rest.increment(customer_key=key, keys={"Id": "a b/ü"}, field="Points", step=-2)
    assert list(rest.read(customer_key=key)) == [[{"id": "a b/ü", "points": "3"}]]
    with pytest.raises(errors.InvalidDefinition, match="error 10000"):
        rest.increment(customer_key=key, keys={"Id": "a"}, field="Id")
    with pytest.raises(errors.InvalidDefinition, match="was not sent"):
        rest.increment(customer_key=key, keys={"Id": "a,b"}, field="Points")
    with scripted_service(HANG_UP) as service:
        client = ExactTarget(service.connection(), timeouts=QUICK, retries=AT_ONCE)
        with pytest.raises(errors.InDoubt, match="Look before you repeat"):
            client.rest.increment(customer_key="k", keys={"Id": "1"}, field="Points")
        assert len(service.calls) == 1


def test_the_token_says_whose_it_is(exacttarget: ExactTarget, exacttarget_info):
    context = exacttarget.rest.token_context()
    assert context.mid == context.enterprise_mid == int(exacttarget_info["mid"])
    with scripted_service((200, b"{}")) as service:
        client = ExactTarget(service.connection(), timeouts=QUICK, retries=AT_ONCE)
        with pytest.raises(errors.MalformedReply, match="names no enterprise"):
            client.rest.token_context()


def test_rows_are_handed_over_and_asked_for(exacttarget: ExactTarget, key: str):
    rest = exacttarget.rest
    first = rest.insert_later(customer_key=key, rows=[{"Id": "1", "Name": "a"}])
    assert not until(lambda: ((state := rest.state_of(request_id=first)).is_done and state) or None).has_errors
    second = rest.upsert_later(customer_key=key, rows=[{"Id": "1", "Name": "b"}, {"Id": "2", "Name": "too long"}])
    state = until(lambda: ((state := rest.state_of(request_id=second)).is_done and state) or None)
    assert state.has_errors
    assert len(state.errors) == 1
    assert "Name" not in repr(state)
    assert list(rest.read(customer_key=key)) == [[{"id": "1", "name": "b"}]]
    with pytest.raises(errors.NotFound):
        rest.state_of(request_id="nobody")
    with pytest.raises(errors.NotFound, match="CustomObjectNotFound"):
        rest.upsert_later(customer_key="nobody", rows=[{"Id": "1"}])


def test_what_is_refused_names_no_value(exacttarget: ExactTarget, key: str):
    with pytest.raises(errors.InvalidDefinition) as caught:
        exacttarget.rest.upsert(customer_key=key, rows=[{"Id": "1", "Name": "private"}], keys=["Id"])
    assert caught.value.code == 10006
    assert "private" not in str(caught.value)
    with pytest.raises(errors.NotFound):
        list(exacttarget.rest.read(customer_key="nobody"))
    assert {"soap", "rest"} <= exacttarget.rest.endpoints().keys()


def scripted(service) -> ExactTarget:
    return ExactTarget(service.connection(), timeouts=QUICK, retries=AT_ONCE)


DENIED = (401, b'{"message": "Not Authorized", "errorcode": 0}')
TAKEN = (202, json.dumps({"requestId": "r1", "resultMessages": []}).encode())
ROWS = [{"Id": "1"}]


def test_an_expired_token_is_renewed_once():
    with scripted_service(DENIED, TAKEN) as service, scripted(service) as exacttarget:
        assert exacttarget.rest.insert_later(customer_key="k", rows=ROWS) == "r1"
        assert (service.tokens, len(service.calls)) == (2, 2)
    with (
        scripted_service(DENIED, DENIED) as service,
        scripted(service) as exacttarget,
        pytest.raises(errors.AuthenticationFailed),
    ):
        exacttarget.rest.insert_later(customer_key="k", rows=ROWS)


def test_a_lost_answer_is_asked_for_again_only_where_that_changes_nothing():
    with scripted_service(HANG_UP, (200, b"[]")) as service, scripted(service) as exacttarget:
        exacttarget.rest.upsert(customer_key="k", rows=ROWS, keys=["Id"])
        assert len(service.calls) == 2
    with scripted_service(HANG_UP, TAKEN) as service, scripted(service) as exacttarget:
        with pytest.raises(errors.InDoubt):
            exacttarget.rest.insert_later(customer_key="k", rows=ROWS)
        assert len(service.calls) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((429, b'{"errorcode": 50100}'), errors.Throttled),
        ((503, b"<html/>"), errors.ServiceUnavailable),
        ((403, b"{}"), errors.PermissionDenied),
        ((200, b"<html/>"), errors.MalformedReply),
        ((200, b'{"items": [1]}'), errors.MalformedReply),
        ((400, b'{"errorcode": 10001, "message": "private"}'), errors.InvalidDefinition),
    ],
)
def test_every_other_answer_has_its_error(answer: tuple[int, bytes], expected: type[errors.ExactTargetError]):
    with scripted_service(answer, answer, answer) as service, scripted(service) as exacttarget:
        with pytest.raises(expected) as caught:
            list(exacttarget.rest.read(customer_key="k"))
        assert "private" not in str(caught.value)
