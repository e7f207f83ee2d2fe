"""The reads of Automation Studio and of sections that are empty here, in the shapes that a public developer tool reads."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from et_platform.simulator.rest import absent
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.soap import Soap, import_definition, simple
from et_platform_tests.simulator.test_automations import automation, filter_activity, people, schedule
from et_platform_tests.simulator.test_queries import query
from et_platform_tests.simulator.test_rest import rest_of

LOCATION = (
    "<RetrieveFileTransferLocation><CustomerKey>ExactTarget Enhanced FTP</CustomerKey></RetrieveFileTransferLocation>"
)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder = tmp_path_factory.mktemp("sim") / "data"
    with running_simulator(folder, "--set", "file_transfers=unzip=a.zip") as running:
        yield running


@pytest.fixture
def get(simulator: Simulator) -> Callable[..., Any]:
    """The JSON that a path answers; a page of 500 unless the query says otherwise."""
    rest = rest_of(simulator)

    def read(path: str, **query: Any) -> Any:
        reply = rest("GET", path, **{"$pageSize": 500} | query)
        assert reply.status_code == 200, reply.text
        return reply.json()

    return read


def keyed(items: list[dict[str, Any]], key: str, name: str = "customerKey") -> dict[str, Any]:
    (found,) = (one for one in items if one[name] == key)
    return found


def test_imports_are_read_with_their_destination_location_and_maps(
    soap: Soap, key: str, get: Callable[..., Any]
) -> None:
    people(soap, key)
    maps = "<FieldMaps><FieldMap><SourceOrdinal>2</SourceOrdinal><DestinationName>City</DestinationName></FieldMap></FieldMaps>"
    shape = {"FieldMappingType": "MapByOrdinal", "UpdateType": "Overwrite", "HeaderLines": "0", "AllowErrors": "false"}
    made = soap.good("Create", import_definition(key, key, "people.csv", maps + LOCATION, **shape))
    listed = get("automation/v1/imports/")
    one = keyed(listed["items"], key)
    assert (listed["page"], listed["pageSize"], listed["count"]) == (1, 500, len(listed["items"]))
    assert one["importDefinitionId"] == made.text("Results/NewObjectID")
    assert one == get(f"automation/v1/imports/{one['importDefinitionId']}") == get(f"automation/v1/imports/key:{key}")
    destination = soap.retrieve("DataExtension", ["ObjectID"], simple("CustomerKey", "equals", key))
    location = keyed(get("automation/v1/ftplocations/")["items"], "ExactTarget Enhanced FTP", "name")
    expected = {
        "destinationObjectTypeId": 310,
        "destinationObjectId": destination.text("Results/ObjectID"),
        "fileTransferLocationId": location["id"],
        "updateTypeId": 4,
        "fieldMappingType": "MapByOrdinal",
        "fieldMappings": [{"sourceFieldName": "2", "destinationFieldName": "City"}],
        "fileNamingPattern": "people.csv",
        "hasColumnHeader": False,
        "allowErrors": False,
        "subscriberImportTypeId": 255,
        "encodingName": "utf-8",
    }
    assert {name: one[name] for name in expected} == expected
    assert keyed(get("automation/v1/imports", **{"$filter": f"customerKey eq {key}"})["items"], key) == one
    assert get("automation/v1/imports", **{"$filter": "name eq nobody"})["items"] == []


def test_filters_transfers_and_extract_types_are_read(soap: Soap, key: str, get: Callable[..., Any]) -> None:
    people(soap, f"{key}s")
    made = filter_activity(soap, key, f"{key}s", simple("City", "equals", "Rome", tag="DataFilter"))
    one = keyed(get("automation/v1/filters/")["items"], key)
    told = soap.retrieve("FilterActivity", ["DestinationObjectID", "FilterDefinitionID"], simple("Name", "equals", key))
    assert one["filterActivityId"] == made.text("Results/NewObjectID")
    assert one["destinationObjectId"] == told.text("Results/DestinationObjectID")
    assert one["filterDefinitionId"] == told.text("Results/FilterDefinitionID")
    assert (one["sourceTypeId"], one["destinationTypeId"]) == (2, 2)
    transfer = keyed(get("automation/v1/filetransfers/")["items"], "unzip")
    assert get(f"automation/v1/filetransfers/{transfer['id']}")["fileSpec"] == "a.zip"
    types = {one["name"]: one["extractId"] for one in get("automation/v1/dataextracttypes/")}
    assert types["Tracking Extract"] == "c7219016-a7f0-4c72-8657-1ec12c28a0db"


def test_automations_are_read_at_their_older_place_too_with_their_schedule(
    soap: Soap, key: str, get: Callable[..., Any]
) -> None:
    people(soap, key)
    soap.good("Create", query(key, f"SELECT Key FROM [{key}]", key))
    number = soap.good("Create", automation(key, (("QueryDefinition", key),))).text("Results/NewObjectID")
    schedule(soap, key)
    one = get(f"automation/v1/automations/{number}")
    assert one["schedule"]["icalRecur"] == "FREQ=DAILY;INTERVAL=1"
    assert (one["status"], one["schedule"]["startDate"]) == ("Scheduled", "2030-01-01T00:00:00")
    place = "legacy/v1/beta/bulk/automations/automation/definition/"
    listed = get(place, **{"$top": 50, "$skip": 0})
    assert listed["totalResults"] == len(listed["entry"]) > 0
    found = keyed(listed["entry"], key, "key")
    assert base64.b64decode(found["id"] + "==").endswith(b":25:0")
    assert get(place + found["id"]) == found
    assert (found["automationType"], found["scheduleObject"]["iCalRecur"]) == ("scheduled", "FREQ=DAILY;INTERVAL=1")
    assert get(f"legacy/v1/beta/automations/notifications/{found['id']}") == {"programId": found["id"]}
    assert get(place, **{"$skip": 1})["entry"] == []
    picked = get("automation/v1/queries/", **{"$filter": f"Name eq {key}"})["items"]
    assert [one["key"] for one in picked] == [key]


@pytest.mark.parametrize("path", absent.SECTIONS)
def test_sections_of_which_nothing_is_kept_are_empty(simulator: Simulator, path: str) -> None:
    section = absent.SECTIONS[path]
    reply = rest_of(simulator)(section.methods, f"{path}/", **{"$pageSize": 500})
    assert reply.status_code == 200
    lists = [content for content in reply.json().values() if isinstance(content, list)]
    assert lists
    assert not any(lists)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("automation/v1/imports/nobody", {}, 404),
        ("automation/v1/filters/key:nobody", {}, 404),
        ("legacy/v1/beta/automations/notifications/nobody", {}, 404),
        ("automation/v1/imports", {"$filter": "name like 'a'"}, 400),
    ],
)
def test_what_is_not_there_or_not_understood(
    simulator: Simulator, path: str, query: dict[str, str], status: int
) -> None:
    assert rest_of(simulator)("GET", path, **query).status_code == status
