"""Public third-party clients, unmodified, work against the local ExactTarget; what they did is held against what it holds."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from et_platform_tests.contract.clients import driven
from et_platform_tests.contract.clients.driven import Driver
from et_platform_tests.faults.ordering import Faults
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.importing import put
from et_platform_tests.simulator.soap import KEY_FIELD, Soap, a_field, data_extension, equals, import_definition

CLIENTS = {"fuelsdk": driven.fuelsdk, "sfmc-sdk": driven.sfmc_sdk, "zeep": driven.zeep}
FIELDS = [
    {"Name": "Key", "FieldType": "Text", "MaxLength": "50", "IsPrimaryKey": "true", "IsRequired": "true"},
    {"Name": "Name", "FieldType": "Text", "MaxLength": "50"},
    {"Name": "Age", "FieldType": "Number"},
    {"Name": "Born", "FieldType": "Date"},
]
LEGACY = {"client_id": "oldpackage", "client_secret": "oldsecret"}
IMPORT = {"FileType": "CSV", "FieldMappingType": "InferFromColumnHeadings", "UpdateType": "AddAndUpdate"}
SUMMARY = ["ImportStatus", "NumberSuccessful", "NumberDuplicated", "NumberErrors", "TotalRows", "TaskResultID"]
ROWS = 6001


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder = tmp_path_factory.mktemp("sim")
    (folder / "settings.json").write_text(json.dumps({"packages": [LEGACY | {"legacy": True}]}))
    with running_simulator(folder / "data", "--settings", str(folder / "settings.json")) as running:
        yield running


@pytest.fixture
def soap(simulator: Simulator) -> Soap:
    return Soap(simulator)


@pytest.fixture(scope="session")
def client_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where clients are installed: once for all processes of one run of the tests."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "public_clients"


Driving = Callable[[str], Driver]


@pytest.fixture(scope="module")
def drivers(simulator: Simulator, client_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driving]:
    """A client by name, connected; each is started once."""
    started: dict[str, Driver] = {}
    with ExitStack() as stack:

        def driver(name: str) -> Driver:
            if name not in started:
                command = driven.installed(client_folder / name, CLIENTS[name])
                started[name] = stack.enter_context(driven.driving(command, tmp_path_factory.mktemp(name)))
                assert connect(started[name], simulator, tmp_path_factory.mktemp(name)) == {"ok": True}
            return started[name]

        yield driver


def connect(driver: Driver, simulator: Simulator, folder: Path, **changed: str) -> dict[str, Any]:
    names = ("auth_url", "wsdl_url", "client_id", "client_secret", "mid")
    return driver.connect(**{name: simulator.info[name] for name in names} | {"folder": str(folder)} | changed)


@pytest.fixture(params=CLIENTS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def client(name: str, drivers: Driving) -> Driver:
    return drivers(name)


def row(key: str, name: str, age: str) -> dict[str, str]:
    return {"Key": key, "Name": name, "Age": age}


def test_rows_are_added_updated_upserted_and_deleted(client: Driver, name: str, soap: Soap) -> None:
    key = f"rows-{name}"
    made = client.create_data_extension(key=key, fields=FIELDS)
    assert (made["ok"], made["results"]) == (True, [good("Data Extension created.")])
    held = soap.retrieve(
        "DataExtensionField", ["Name", "FieldType", "IsPrimaryKey"], equals("DataExtension.CustomerKey", key)
    )
    assert held.texts("Results/Name") == [one["Name"] for one in FIELDS]
    assert held.texts("Results/FieldType") == [one["FieldType"] for one in FIELDS]
    assert held.texts("Results/IsPrimaryKey") == ["true", "false", "false", "false"]
    again = client.create_data_extension(key=key, fields=FIELDS)
    assert (again["ok"], again["results"][0]["status"]) == (False, "Error")

    added = client.add(key=key, rows=[row("1", "Ann", "31"), row("2", "Zoë <&>", "32"), row("3", "Cy", "33")])
    assert (added["ok"], [one["status"] for one in added["results"]]) == (True, ["OK"] * 3)
    assert kept(soap, key) == {"1": ("Ann", "31"), "2": ("Zoë <&>", "32"), "3": ("Cy", "33")}

    mixed = client.add(key=key, rows=[row("1", "Again", "1"), row("4", "Di", "34"), row("5", "bad", "old")])
    assert (mixed["ok"], [one["status"] for one in mixed["results"]]) == (False, ["Error", "OK", "Error"])
    assert [one["code"] is None for one in mixed["results"]] == [False, True, False]

    changed = client.update(key=key, rows=[row("4", "Dee", "35"), row("9", "nobody", "1")])
    assert (changed["ok"], [one["status"] for one in changed["results"]]) == (False, ["OK", "Error"])
    put_in = client.upsert(key=key, rows=[row("4", "Dora", "36"), row("6", "Flo", "37")])
    assert (put_in["ok"], [one["status"] for one in put_in["results"]]) == (True, ["OK", "OK"])
    gone = client.remove(key=key, rows=[{"Key": "2"}, {"Key": "3"}])
    assert (gone["ok"], [one["status"] for one in gone["results"]]) == (True, ["OK", "OK"])
    assert kept(soap, key) == {"1": ("Ann", "31"), "4": ("Dora", "36"), "6": ("Flo", "37")}

    assert client.delete_data_extension(key=key)["ok"]
    assert soap.retrieve("DataExtension", ["Name"], equals("CustomerKey", key)).results == []


def good(message: str) -> dict[str, Any]:
    return {"status": "OK", "message": message, "code": None}


def kept(soap: Soap, key: str) -> dict[str, tuple[str, str]]:
    return {one["Key"]: (one["Name"], one["Age"]) for one in soap.rows(key, ["Key", "Name", "Age"])}


def test_an_import_is_performed_polled_and_read_back_in_pages(
    client: Driver, name: str, simulator: Simulator, soap: Soap
) -> None:
    key = f"import-{name}"
    soap.good("Create", data_extension(key, KEY_FIELD, a_field("Name", MaxLength=50), a_field("Age", "Number")))
    people = {f"P{number:05}": (f"Person {number % 7}", str(number % 100)) for number in range(ROWS)}
    lines = [["Key", "Name", "Age"], *([one, *values] for one, values in people.items()), ["bad", "x", "old"]]
    put(simulator, f"{key}.csv", lines)

    made = client.create_import(key=key, data_extension=key, file=f"{key}.csv", AllowErrors="true", **IMPORT)
    assert (made["ok"], made["results"]) == (True, [good("ImportDefinition created.")])
    started = client.perform(key=key)
    assert started["ok"]
    assert started["results"][0]["message"] == f"ImportDefinition performed AsyncID:{started['task']}"
    summary = wait_for(client, started["task"])
    expected = {"ImportStatus": "Completed", "NumberSuccessful": "6001", "NumberDuplicated": "0", "NumberErrors": "1"}
    assert {one: summary[one] for one in SUMMARY} == expected | {"TotalRows": "6002", "TaskResultID": started["task"]}

    read = client.read(key=key, fields=["Key", "Age"])
    assert (read["ok"], read["pages"]) == (True, [2500, 2500, 1001])
    assert {one["Key"]: one["Age"] for one in read["rows"]} == {one: age for one, (_, age) in people.items()}
    assert len(read["rows"]) == ROWS

    assert client.rename_import(key=key, name=f"{key} renamed")["ok"]
    assert (
        soap.retrieve("ImportDefinition", ["Name"], equals("CustomerKey", key)).text("Results/Name") == f"{key} renamed"
    )
    assert client.delete_import(key=key)["ok"]
    assert soap.retrieve("ImportDefinition", ["Name"], equals("CustomerKey", key)).results == []


def wait_for(client: Driver, task: str) -> dict[str, str]:
    """Poll as clients do: no summary at first is normal."""
    deadline = time.monotonic() + 60
    where = {"Property": "TaskResultID", "SimpleOperator": "equals", "Value": task}
    while True:
        found = client.retrieve(object_type="ImportResultsSummary", properties=SUMMARY, where=where)
        assert found["ok"], found
        if found["objects"] and found["objects"][0]["ImportStatus"] in ("Completed", "Error"):
            return found["objects"][0]
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_rows_are_filtered(client: Driver, name: str) -> None:
    key = f"filter-{name}"
    assert client.create_data_extension(key=key, fields=FIELDS)["ok"]
    people = [row(str(number), "even" if number % 2 == 0 else "odd", str(number * 10)) for number in range(1, 7)]
    people[0]["Born"], people[1]["Born"] = "1990-05-17T00:00:00", "2001-01-01T00:00:00"
    assert client.add(key=key, rows=people)["ok"]

    def found(where: dict[str, Any]) -> list[str]:
        read = client.read(key=key, fields=["Key"], where=where)
        assert read["ok"], read
        return sorted(one["Key"] for one in read["rows"])

    even, old = part("Name", "equals", "even"), part("Age", "greaterThan", "30")
    assert found(even) == ["2", "4", "6"]
    assert found(both(even, old)) == ["4", "6"]
    assert found(both(even, old, "OR")) == ["2", "4", "5", "6"]
    assert found(part("Age", "between", ["20", "40"])) == ["2", "3", "4"]
    assert found(part("Key", "IN", ["1", "5", "9"])) == ["1", "5"]
    assert found(part("Born", "lessThan", "2000-01-01T00:00:00Z")) == ["1"]
    assert found(part("Born", "isNull", "")) == ["3", "4", "5", "6"]
    assert found(part("Name", "equals", "none")) == []


def part(property_: str, operator: str, value: Any) -> dict[str, Any]:
    return {"Property": property_, "SimpleOperator": operator, "Value": value}


def both(left: dict[str, Any], right: dict[str, Any], operator: str = "AND") -> dict[str, Any]:
    return {"LeftOperand": left, "LogicalOperator": operator, "RightOperand": right}


@pytest.mark.parametrize("object_type", ["DataExtension", "Subscriber", "ImportDefinition", "DataFolder"])
def test_what_describe_tells(client: Driver, name: str, object_type: str, soap: Soap) -> None:
    told = client.describe(object_type=object_type)
    body = f"<ObjectDefinitionRequest><ObjectType>{object_type}</ObjectType></ObjectDefinitionRequest>"
    reply = soap.call(
        "Describe", f"<DefinitionRequestMsg><DescribeRequests>{body}</DescribeRequests></DefinitionRequestMsg>"
    )
    assert told["properties"] == reply.texts("ObjectDefinition/Properties/Name")
    assert {"CustomerKey", "ObjectID"} <= set(told["properties"])


def test_errors_are_told_in_the_clients_own_words(
    client: Driver, name: str, simulator: Simulator, tmp_path: Path
) -> None:
    unknown_type = client.retrieve(object_type="dataExtension", properties=["Name"])
    assert not unknown_type["ok"]
    assert "Unable to find a handler for object type: dataExtension." in said(unknown_type)
    assert "Object types are case-sensitive, check spelling." in said(unknown_type)
    unknown_property = client.retrieve(object_type="DataExtension", properties=["Name", "Nonsense", "Other"])
    assert not unknown_property["ok"]
    assert "The Request Property(s) Nonsense, Other do not match with the fields of DataExtension retrieve" in said(
        unknown_property
    )
    no_rows_of = client.read(key=f"absent-{name}", fields=["Key"])
    assert not no_rows_of["ok"]
    nothing = client.describe(object_type="Nonsense")
    assert nothing["properties"] == []
    absent = client.delete_data_extension(key=f"absent-{name}")
    assert (absent["ok"], absent["results"][0]["code"]) == (False, "310002")


def said(answer: dict[str, Any]) -> str:
    return answer.get("raised") or answer["status"]


def test_bad_credentials_are_refused(client: Driver, simulator: Simulator, tmp_path: Path) -> None:
    refused = connect(client, simulator, tmp_path, client_secret="not it")
    assert not refused["ok"]
    assert "Client authentication failed." in refused["raised"]
    assert connect(client, simulator, tmp_path) == {"ok": True}


def test_an_expired_token_is_renewed(client: Driver, name: str, simulator: Simulator) -> None:
    """A token that ends before its time, of which the client learns by the fault alone."""
    asked = {"object_type": "DataFolder", "properties": ["Name"]}
    before = client.retrieve(**asked)
    assert before["objects"]
    with Faults(simulator.info).striking("token_expired", operation="Retrieve", object="DataFolder", strikes=1):
        answer = client.retrieve(**asked)
    match name:
        case "sfmc-sdk":  # renews by itself, on exactly these words
            assert (answer["ok"], answer["renewals"]) == (True, before["renewals"] + 1)
        case "fuelsdk":  # gives the HTTP status alone
            assert (answer["ok"], answer["http"], answer["objects"]) == (False, 500, [])
            assert client.renew()["ok"]
        case "zeep":
            assert (answer["ok"], answer["raised"]) == (False, "Fault: Token Expired")
            assert client.renew()["ok"]
    assert client.retrieve(**asked)["objects"] == before["objects"]


def test_the_oldest_login_still_works(drivers: Driving, simulator: Simulator, soap: Soap, tmp_path: Path) -> None:
    """Integrations of the old kind: `/v1/requestToken`, the header `oAuth`, and SOAP's address from REST."""
    info = simulator.info
    soap.good("Create", data_extension("legacy", KEY_FIELD))
    given = LEGACY | {"auth_url": info["auth_url"], "wsdl_url": info["wsdl_url"], "folder": str(tmp_path)}
    answer = drivers("fuelsdk").legacy(**given)
    assert answer["ok"]
    assert "legacy" in [one["CustomerKey"] for one in answer["objects"]]


@pytest.mark.parametrize("object_type", ["DataExtension", "DataExtensionField", "DataFolder", "List", "Subscriber"])
def test_all_that_describe_calls_retrievable_is(drivers: Driving, soap: Soap, object_type: str) -> None:
    """With no properties given the SDK describes the type, and asks for everything that can be retrieved."""
    key = f"all-{object_type}"
    soap.good("Create", data_extension(key, KEY_FIELD))
    person = f"<SubscriberKey>{key}</SubscriberKey><EmailAddress>{key}@a.example</EmailAddress>"
    soap.good("Create", f'<Objects xsi:type="Subscriber">{person}</Objects>')
    answer = drivers("fuelsdk").retrieve(object_type=object_type)
    assert (answer["ok"], answer["status"]) == (True, "OK"), answer
    told = len(soap.retrieve(object_type, ["ObjectID" if object_type != "Subscriber" else "SubscriberKey"]).results)
    assert len(answer["objects"]) == told > 0


def test_all_of_a_definition_and_of_its_summary_is_retrieved(
    drivers: Driving, simulator: Simulator, soap: Soap
) -> None:
    key = "all-imports"
    soap.good("Create", data_extension(key, KEY_FIELD))
    soap.good("Create", import_definition(key, key, f"{key}.csv"))
    put(simulator, f"{key}.csv", "Key\n1\n2\n")
    task = soap.run(key)["TaskResultID"]
    client = drivers("fuelsdk")
    definition = client.retrieve(object_type="ImportDefinition", where=part("CustomerKey", "equals", key))
    assert [one["FileSpec"] for one in definition["objects"]] == [f"{key}.csv"]
    summary = client.retrieve(object_type="ImportResultsSummary", where=part("TaskResultID", "equals", task))
    assert [(one["TotalRows"], one["ImportStatus"]) for one in summary["objects"]] == [("2", "Completed")]


def test_rows_over_rest(drivers: Driving, simulator: Simulator, soap: Soap) -> None:
    client, key = drivers("sfmc-sdk"), "rest-rows"
    soap.good("Create", data_extension(key, KEY_FIELD, a_field("Name", MaxLength=50)))
    soap.good("Create", import_definition(key, key, f"{key}.csv"))
    people = {f"P{number:05}": f"Person {number}" for number in range(ROWS - 2)}
    put(simulator, f"{key}.csv", [["Key", "Name"], *([one, who] for one, who in people.items())])
    assert soap.run(key)["ImportStatus"] == "Completed"
    more = {"P00000": "Nobody", "New": "Somebody", "Other": "Zoë"}
    rows = [{"keys": {"Key": one}, "values": {"Name": who}} for one, who in more.items()]
    saved = client.rest_upsert(key=key, rows=rows)
    assert saved == {"ok": True, "rows": rows}
    read = client.rest_rows(key=key, page_size=2500)
    assert {one["key"]: one["name"] for one in read["rows"]} == people | more
    assert len(read["rows"]) == ROWS
    unknown = client.rest_rows(key="rest-absent", page_size=50)
    assert (unknown["ok"], unknown["http"]) == (False, 404)
    refused = client.rest_upsert(key="rest-absent", rows=rows)
    assert (refused["http"], refused["code"]) == (400, 10001)
