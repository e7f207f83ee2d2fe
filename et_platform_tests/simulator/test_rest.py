"""REST: rows read, written and written later; who may, and what is answered to the others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.filters import Complex, FilterError, Simple
from et_platform.simulator.rest import expressions, router
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.soap import (
    KEY_FIELD,
    PERSON,
    PERSON_FIELDS,
    UPSERT,
    Soap,
    a_field,
    data_extension,
    equals,
    named,
    row,
)

CHILD = "2000001"


@dataclass
class Rest:
    """A caller of REST with a token."""

    simulator: Simulator
    token: str

    def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        url = self.simulator.info["rest_url"] + path
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return requests.request(method, url, json=body, params=query, headers=headers, timeout=60)


def rest_of(simulator: Simulator, **login: Any) -> Rest:
    soap = Soap(simulator)
    assert soap.login(**login).status_code == 200
    return Rest(simulator, soap.token)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    data = tmp_path_factory.mktemp("sim") / "data"
    with running_simulator(data, "--mid", "1000001", "--business-unit", f"{CHILD}:Child") as running:
        yield running


@pytest.fixture(scope="module")
def rest(simulator: Simulator) -> Rest:
    return rest_of(simulator)


@pytest.fixture
def people(soap: Soap, key: str) -> str:
    """The key of a data extension with two persons."""
    soap.good("Create", data_extension(key, *PERSON))
    soap.good(
        "Create",
        row(
            key, {"Key": "1", "Name": "Ann", "Email": "a@b.example", "Age": "30", "Born": "6/23/1994", "Happy": "true"}
        ),
        row(key, {"Key": "2", "Name": "Bob", "Age": "41"}),
    )
    return key


def reading(key: str) -> str:
    return f"data/v1/customobjectdata/key/{key}/rowset"


def test_rows_read_as_recorded(rest: Rest, people: str) -> None:
    reply = rest("GET", reading(people))
    body = reply.json()
    token = body["requestToken"]
    assert reply.status_code == 200
    assert {name: body[name] for name in ("customObjectKey", "pageSize", "page", "count", "top")} == {
        "customObjectKey": people,
        "pageSize": 2500,
        "page": 1,
        "count": 2,
        "top": 0,
    }
    assert body["links"] == {"self": f"/v1/customobjectdata/token/{token}/rowset?$page=1"}
    assert datetime.fromisoformat(body["tokenExpireDateUtc"]).replace(tzinfo=UTC) > datetime.now(UTC)
    assert body["items"][0] == {
        "keys": {"key": "1"},
        "values": {
            "name": "Ann",
            "email": "a@b.example",
            "age": "30",
            "worth": "",
            "born": "6/23/1994 12:00:00 AM",
            "happy": "True",
            "tier": "basic",
        },
    }


def test_pages_go_on_under_the_token(rest: Rest, soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD))
    assert "items" not in rest("GET", reading(key)).json()
    soap.good("Create", *(row(key, {"Key": f"{number:02}"}) for number in range(7)))
    body = rest("GET", reading(key), **{"$pageSize": 3}).json()
    found, links = [one["keys"]["key"] for one in body["items"]], [body["links"]]
    while "next" in body["links"]:
        assert body["links"]["next"].startswith("/v1/customobjectdata/token/")
        body = rest("GET", f"data{body['links']['next']}").json()
        found += [one["keys"]["key"] for one in body["items"]]
        links.append(body["links"])
    assert found == [f"{number:02}" for number in range(7)]
    assert len(links) == 3
    assert "previous" in links[1]
    third = rest("GET", reading(key), **{"$page": 3, "$pagesize": 3}).json()
    assert [one["keys"]["key"] for one in third["items"]] == ["06"]
    assert rest("GET", "data/v1/customobjectdata/token/7/rowset").status_code == 400


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"$filter": "Name eq 'ann'"}, ["1"]),
        ({"$filter": "age gt 35"}, ["2"]),
        ({"$filter": "Age ge 30 and (Name eq 'x' or Name like 'B%')"}, ["2"]),
        ({"$filter": "Born lt 2000-01-01 or Age eq 41"}, ["1", "2"]),
        ({"$orderBy": "Age desc"}, ["2", "1"]),
        ({"$orderby": "Tier,Name DESC"}, ["2", "1"]),
        ({"$top": 1}, ["1"]),
    ],
)
def test_rows_are_filtered_and_ordered(rest: Rest, people: str, query: dict[str, Any], expected: list[str]) -> None:
    body = rest("GET", reading(people), **query).json()
    assert [one["keys"]["key"] for one in body["items"]] == expected
    assert body["count"] == len(expected)


def test_reads_that_cannot_be_answered(rest: Rest, people: str) -> None:
    assert rest("GET", reading("nothing")).status_code == 404
    for query in ({"$filter": "Colour eq 'x'"}, {"$filter": "Age foo 1"}, {"$filter": "(Age eq 1"}, {"$orderBy": "no"}):
        reply = rest("GET", reading(people), **query)
        assert (reply.status_code, reply.json()["errorcode"]) == (400, 10000), query
    assert rest("GET", reading(people), **{"$page": "x"}).json()["errorcode"] == 10001
    one = rest("GET", reading(people), **{"$fields": "Name,Key"}).json()["items"][0]
    assert one == {"keys": {"key": "1"}, "values": {"name": "Ann"}}


def test_rows_are_upserted(rest: Rest, soap: Soap, people: str) -> None:
    sent = [
        {"keys": {"key": "1"}, "values": {"Age": 31, "Happy": False, "Worth": 1.5, "Born": "2013-05-23T14:32:00Z"}},
        {"keys": {"Key": "3"}, "values": {"Name": "Cy", "Email": None}},
    ]
    reply = rest("POST", f"hub/v1/dataevents/key:{people}/rowset", sent)
    assert (reply.status_code, reply.json()) == (200, sent)
    found = {one["Key"]: one for one in soap.rows(people, PERSON_FIELDS)}
    first = {name: found["1"][name] for name in ("Name", "Age", "Happy", "Worth", "Born")}
    assert first == {"Name": "Ann", "Age": "31", "Happy": "False", "Worth": "1.50", "Born": "5/23/2013 8:32:00 AM"}
    assert (found["3"]["Name"], found["3"]["Tier"]) == ("Cy", "basic")
    object_id = soap.retrieve("DataExtension", ["ObjectID"], equals("CustomerKey", people)).text("Results/ObjectID")
    reply = rest("PUT", f"hub/v1/dataevents/{object_id}/rows/Key:4%2C5", {"values": {"Name": "Di"}})
    assert reply.status_code == 400  # a comma separates keys
    reply = rest("PUT", f"hub/v1/dataevents/{object_id}/rows/Key:4", {"values": {"Name": "Di"}})
    assert reply.json() == {"keys": {"Key": "4"}, "values": {"Name": "Di"}}
    for expected in ("10", "20"):
        reply = rest("PUT", f"hub/v1/dataevents/key:{people}/rows/Key:4/column/Age/increment?step=10")
        assert reply.status_code == 200
        assert soap.rows(people, ["Age"], equals("Key", "4")) == [{"Age": expected}]


@pytest.mark.parametrize(
    ("sent", "code", "message"),
    [
        ([{"keys": {"subscriberkey": "1"}, "values": {}}], 10000, "Primary key 'subscriberkey' does not exist."),
        ([{"keys": {"Key": "1"}, "values": {"Colour": "x"}}], 10000, "Column 'Colour' does not exist."),
        ([{"keys": {"Key": "1"}, "values": {"Name": ["x"]}}], 10001, "Parameter values is invalid"),
        ({"keys": {}}, 10001, "Parameter rows is invalid."),
        ([], 10001, "Parameter rows is invalid."),
    ],
)
def test_rows_that_cannot_be_understood(rest: Rest, people: str, sent: Any, code: int, message: str) -> None:
    reply = rest("POST", f"hub/v1/dataevents/key:{people}/rowset", sent)
    assert (reply.status_code, reply.json()["errorcode"]) == (400, code)
    assert reply.json()["message"].startswith(message)


def test_bad_rows_are_named_with_all_their_errors_and_keep_the_others_out(rest: Rest, soap: Soap, people: str) -> None:
    sent = [
        {"keys": {"Key": "8"}, "values": {"Name": "good"}},
        {"keys": {"Key": "9"}, "values": {"Email": "none", "Age": "many"}},
    ]
    reply = rest("POST", f"hub/v1/dataevents/key:{people}/rowset", sent)
    body = reply.json()
    assert (reply.status_code, body["errorcode"]) == (400, 10006)
    assert body["message"].startswith("Unable to save rows for data extension ID ")
    assert [(one["errorcode"], one["message"]) for one in body["additionalErrors"]] == [
        (10000, "Email: The value for column [Email] is not a valid email address. Parse error [InvalidEmailAddress]"),
        (10000, "Age: The value for column [Age] is not a whole number of 32 bits."),
    ]
    assert len(soap.rows(people, ["Key"])) == 2
    reply = rest("POST", "hub/v1/dataevents/key:nothing/rowset", sent)
    assert (reply.status_code, reply.json()["message"]) == (400, "Parameter nothing is invalid.")


def done(rest: Rest, request_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        body = rest("GET", f"data/v1/async/{request_id}/status").json()
        if body["status"]["requestStatus"] != "Pending":
            return body["status"]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_rows_are_written_later(rest: Rest, soap: Soap, people: str) -> None:
    items = {"items": [{"Key": "1", "Name": "New"}, {"Key": "5", "Age": "x"}, {"Key": "6", "Name": "Six"}]}
    reply = rest("PUT", f"data/v1/async/dataExtensions/key:{people}/rows", items)
    assert (reply.status_code, reply.json()["resultMessages"]) == (202, [])
    request_id = reply.json()["requestId"]
    status = done(rest, request_id)
    assert (status["requestStatus"], status["hasErrors"], status["resultStatus"]) == ("Error", True, "Error")
    results = rest("GET", f"data/v1/async/{request_id}/results").json()
    assert (results["count"], results["page"], results["pageSize"]) == (1, 1, 50)
    assert results["items"][0]["status"] == "Error"
    assert "Age is not a whole number" in results["items"][0]["message"]
    assert {one["Key"]: one["Name"] for one in soap.rows(people, ["Key", "Name"])} == {
        "1": "New",
        "2": "Bob",
        "6": "Six",
    }

    reply = rest("POST", f"data/v1/async/dataextensions/key:{people}/rows", {"items": [{"Key": "1", "Name": "Again"}]})
    assert done(rest, reply.json()["requestId"])["requestStatus"] == "Error"  # an insert changes nothing
    assert soap.rows(people, ["Name"], equals("Key", "1")) == [{"Name": "New"}]
    reply = rest("POST", f"data/v1/async/dataextensions/key:{people}/rows", {"items": [{"Key": "7", "Name": "x"}]})
    assert done(rest, reply.json()["requestId"])["requestStatus"] == "Complete"
    sent = [{"keys": {"Key": "7"}, "values": {"Name": "later"}}]
    later = rest("POST", f"hub/v1/dataeventsasync/key:{people}/rowset", sent)
    assert (later.status_code, later.json()) == (202, "")
    deadline = time.monotonic() + 30
    while soap.rows(people, ["Name"], equals("Key", "7")) != [{"Name": "later"}]:
        assert time.monotonic() < deadline


def test_requests_that_do_not_exist_are_answered_as_documented(rest: Rest, people: str) -> None:
    reply = rest("PUT", "data/v1/async/dataextensions/key:nothing/rows", {"items": [{"Key": "1"}]})
    (message,) = reply.json()["resultMessages"]
    assert (reply.status_code, message["resultCode"]) == (200, "CustomObjectNotFound")
    assert message["message"].endswith("Key: nothing].")
    for what in ("status", "results"):
        reply = rest("GET", f"data/v1/async/efd98722-5826-418f-849e-c13a06ad3622/{what}")
        assert reply.json()["resultMessages"][0]["resultCode"] == "AsyncRequestStatusNotFound"
    assert rest("PUT", f"data/v1/async/dataextensions/key:{people}/rows", [{"Key": "1"}]).json()["errorcode"] == 10001


def test_endpoints_and_the_context_of_a_token(simulator: Simulator, rest: Rest) -> None:
    items = {one["type"]: one["url"] for one in rest("GET", "platform/v1/endpoints").json()["items"]}
    soap_url = f"{simulator.info['soap_url']}Service.asmx"
    assert (items["soap"], items["rest"]) == (soap_url, simulator.info["rest_url"])
    assert rest("GET", "platform/v1/endpoints/soap").json() == {"type": "soap", "url": soap_url}
    query = requests.get(
        f"{simulator.info['rest_url']}platform/v1/endpoints/soap?access_token={rest.token}", timeout=30
    )
    assert query.json()["url"] == soap_url
    unknown = rest("GET", "platform/v1/endpoints/foobar")
    assert (unknown.status_code, unknown.json()["errorcode"]) == (404, 30003)
    child = rest_of(simulator, account_id=CHILD)("GET", "platform/v1/tokenContext").json()
    assert (child["enterprise"]["id"], child["organization"]["id"]) == (1000001, int(CHILD))


def test_who_is_not_let_in(simulator: Simulator, people: str) -> None:
    for token in ("", "nonsense"):
        reply = Rest(simulator, token)("GET", reading(people))
        assert (reply.status_code, reply.json()["errorcode"], reply.json()["message"]) == (401, 0, "Not Authorized")
    reader = rest_of(simulator, scope="data_extensions_read")
    assert reader("GET", reading(people)).status_code == 200
    for path in (f"data/v1/async/dataextensions/key:{people}/rows", "data/v1/async/dataextensions/key:nothing/rows"):
        reply = reader("PUT", path, {"items": []})
        assert (reply.status_code, reply.json()) == (
            403,
            {"message": "Insufficient privileges to complete this action."},
        )
    assert Rest(simulator, reader.token)("GET", "data/v1/customobjectdata").status_code == 404
    assert reader("DELETE", reading(people)).status_code == 405


def test_units_and_what_is_shared(simulator: Simulator, soap: Soap, people: str) -> None:
    child = rest_of(simulator, account_id=CHILD)
    assert child("GET", reading(people)).status_code == 404
    soap.good("Update", named("DataExtension", people).replace("</Objects>", "<CategoryID>3</CategoryID></Objects>"))
    first = child("GET", reading(f"ENT.{people}"), **{"$pageSize": 1}).json()
    assert first["count"] == 2
    assert child("GET", f"data{first['links']['next']}").json()["items"][0]["keys"] == {"key": "2"}
    assert rest_of(simulator)("GET", f"data{first['links']['next']}").status_code == 400  # another unit's token
    reply = child("PUT", f"data/v1/async/dataextensions/key:ENT.{people}/rows", {"items": [{"Key": "5"}]})
    assert done(child, reply.json()["requestId"])["requestStatus"] == "Complete"
    assert len(soap.rows(people, ["Key"])) == 3


def test_settings_and_a_kill_before_rows_are_written(tmp_path: Path) -> None:
    slow = ("--set", "async_rows_seconds=30", "--set", "rest_requests_per_minute=5", "--set", "rest_null_values=refuse")
    with running_simulator(tmp_path / "data", *slow) as simulator:
        soap, rest = Soap(simulator), rest_of(simulator)
        soap.good("Create", data_extension("de", KEY_FIELD, a_field("Name", MaxLength=5)), options=UPSERT)
        request = rest("PUT", "data/v1/async/dataextensions/key:de/rows", {"items": [{"Key": "1"}]}).json()
        assert (
            rest("GET", f"data/v1/async/{request['requestId']}/status").json()["status"]["requestStatus"] == "Pending"
        )
        null = rest("POST", "hub/v1/dataevents/key:de/rowset", [{"keys": {"Key": "2"}, "values": {"Name": None}}])
        assert null.json()["errorcode"] == 10006
        statuses = [rest("GET", reading("de")).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        limited = rest("GET", reading("de"))
        assert (limited.headers["Retry-After"], limited.json()["errorcode"]) == ("5", 50100)
        simulator.kill()
        extra = ("--set", "rest_all_or_nothing=false", "--set", "async_rows_all_or_nothing=true")
        simulator.start(*extra, "--set", "soap_requests_per_minute=20", "--set", "token_requests_per_minute=2")
        assert done(rest, request["requestId"])["requestStatus"] == "Complete"
        sent = [{"keys": {"Key": "3"}, "values": {}}, {"keys": {"Key": "4"}, "values": {"Name": "too long"}}]
        assert rest("POST", "hub/v1/dataevents/key:de/rowset", sent).json()["errorcode"] == 10006
        items = {"items": [{"Key": "5"}, {"Key": "6", "Name": "too long"}]}
        request = rest("PUT", "data/v1/async/dataextensions/key:de/rows", items).json()
        assert done(rest, request["requestId"])["requestStatus"] == "Error"
        assert [one["Key"] for one in soap.rows("de", ["Key"])] == ["1", "3"]
        assert [soap.login().status_code for _ in range(3)] == [200, 200, 429]
        soap.token = rest.token
        statuses = [soap.retrieve("DataExtension", ["Name"]).status for _ in range(20)]
        assert (statuses[0], statuses[-1]) == (200, 500)
        simulator.restart("--set", "system_status=InMaintenance")
        assert rest("GET", reading("de")).status_code == 503


def test_filters_are_read() -> None:
    assert expressions.read_filter("Name eq 'O''Hara'") == Simple("Name", "equals", ("O'Hara",))
    assert expressions.read_filter("[First name] eq x") == Simple("First name", "equals", ("x",))
    joined = expressions.read_filter("a eq 1 or b eq 2 and c ne ''")
    assert joined == Complex(
        "OR",
        (
            Simple("a", "equals", ("1",)),
            Complex("AND", (Simple("b", "equals", ("2",)), Simple("c", "notEquals", ("",)))),
        ),
    )
    for bad in ("a eq", "a eq 1 b", "(a eq 1", "a is 1", "'"):
        with pytest.raises(FilterError):
            expressions.read_filter(bad)
    assert expressions.read_order("a desc, b ,c ASC") == [("a", True), ("b", False), ("c", False)]


def test_the_documentation_lists_every_endpoint_and_the_settings_of_access() -> None:
    text = (Path(__file__).parents[2] / "docs" / "simulator" / "rest.md").read_text(encoding="utf-8")
    for path in router.paths():
        head = path.partition("{}")[0].removesuffix("/")
        assert head in text, path
    heads = ("sftp_", "rest_all", "rest_rate", "rest_requests", "soap_requests", "token_requests", "legacy_token_for")
    heads += ("check_scopes", "client_id_", "child_", "shared_prefix")
    for name in Behaviour.model_fields:
        assert not name.startswith(heads) or f"`{name}" in text, name
