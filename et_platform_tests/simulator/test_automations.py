"""Filters and automations over SOAP, and the REST reads of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.sending import a_list_of, email, performed, send_definition, sendable, sent
from et_platform_tests.simulator.soap import KEY_FIELD, Reply, Soap, a_field, data_extension, equals, named, row, simple
from et_platform_tests.simulator.test_queries import query, until
from et_platform_tests.simulator.test_rest import rest_of

PEOPLE = (KEY_FIELD, a_field("City", MaxLength=50), a_field("Born", "Date"))
MADE = {"a": ("Rome", "1/2/2000"), "b": ("rome", "1/2/1990"), "c": ("Oslo", "1/2/2001")}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running_simulator(tmp_path_factory.mktemp("sim") / "data", "--verbose") as running:
        yield running


def people(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PEOPLE))
    soap.good("Create", *(row(key, {"Key": one, "City": city, "Born": born}) for one, (city, born) in MADE.items()))


def filter_definition(key: str, source: str, data_filter: str) -> str:
    origin = f'<DataSource xsi:type="DataExtension"><CustomerKey>{source}</CustomerKey></DataSource>'
    return (
        f'<Objects xsi:type="FilterDefinition"><CustomerKey>{key}</CustomerKey><Name>{key}</Name>'
        f"{origin}{data_filter}</Objects>"
    )


def filter_activity(soap: Soap, key: str, source: str, data_filter: str) -> Reply:
    """A filter of a data extension into a new one that is called by the key."""
    number = soap.good("Create", filter_definition(key, source, data_filter)).text("Results/NewObjectID")
    into = soap.good("Create", data_extension(key, *PEOPLE[:2])).text("Results/NewObjectID")
    return soap.good(
        "Create",
        f'<Objects xsi:type="FilterActivity"><CustomerKey>{key}</CustomerKey><Name>{key}</Name>'
        f"<FilterDefinitionID>{number}</FilterDefinitionID><DestinationObjectID>{into}</DestinationObjectID>"
        "<DestinationTypeID>2</DestinationTypeID></Objects>",
    )


def automation(key: str, *steps: tuple[tuple[str, str], ...]) -> str:
    tasks = ""
    for step in steps:
        activities = "".join(
            f'<Activity><ActivityObject xsi:type="{kind}"><CustomerKey>{one}</CustomerKey></ActivityObject></Activity>'
            for kind, one in step
        )
        tasks += f"<AutomationTask><Name>step</Name><Activities>{activities}</Activities></AutomationTask>"
    return (
        f'<Objects xsi:type="Automation"><CustomerKey>{key}</CustomerKey><Name>{key}</Name>'
        f"<AutomationTasks>{tasks}</AutomationTasks></Objects>"
    )


def status(soap: Soap, key: str, kind: str = "Automation") -> str:
    return soap.retrieve(kind, ["Status"], equals("CustomerKey", key)).text("Results/Status")


def ended(soap: Soap, key: str) -> str:
    """The status of an automation once it runs no more."""
    deadline = time.monotonic() + 30
    while (found := status(soap, key)) == "3":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def schedule(soap: Soap, key: str, kind: str = "Automation") -> Reply:
    pattern = '<Recurrence xsi:type="DailyRecurrence"><DayInterval>1</DayInterval></Recurrence>'
    told = f"{pattern}<RecurrenceType>Daily</RecurrenceType><StartDateTime>2030-01-01T00:00:00</StartDateTime>"
    interaction = f'<Interaction xsi:type="{kind}"><CustomerKey>{key}</CustomerKey></Interaction>'
    body = f"<Action>start</Action><Schedule>{told}</Schedule><Interactions>{interaction}</Interactions>"
    return soap.call("Schedule", f"<ScheduleRequestMsg>{body}</ScheduleRequestMsg>")


def test_a_filter_picks_rows_into_a_data_extension(soap: Soap, key: str) -> None:
    people(soap, f"{key}s")
    city = simple("City", "equals", "ROME", tag="LeftOperand")
    young = simple("Born", "greaterThan", "1995-01-01T00:00:00", tag="RightOperand", value_tag="DateValue")
    both = f'<DataFilter xsi:type="ComplexFilterPart">{city}<LogicalOperator>AND</LogicalOperator>{young}</DataFilter>'
    made = filter_activity(soap, key, f"{key}s", both)
    assert made.text("Results/StatusMessage") == "FilterActivity Created"
    shown = soap.retrieve("FilterActivity", ["FilterActivityID"], equals("CustomerKey", key))
    assert shown.text("Results/FilterActivityID") == made.text("Results/NewObjectID")
    soap.good("Create", row(key, {"Key": "old", "City": "x"}))
    assert performed(soap, "FilterActivity", key).text("OverallStatus") == "OK"
    until(soap, key, ["Key", "City"], [("a", "Rome")])
    kept = soap.retrieve("FilterDefinition", ["DataFilter"], equals("CustomerKey", key))
    assert kept.text("Results/DataFilter/RightOperand/DateValue") == "1995-01-01T00:00:00"


def test_what_is_wrong_with_a_filter_is_told(soap: Soap, key: str) -> None:
    people(soap, key)
    for wrong, part in {
        filter_definition(key, "nobody", simple("City", "equals", "a", tag="DataFilter")): "DataSource was not found",
        filter_definition(key, key, simple("Town", "equals", "a", tag="DataFilter")): "Invalid column name",
        filter_definition(key, key, ""): "DataSource and DataFilter are required",
        filter_definition(
            key, key, simple("City", "contains", "a", tag="DataFilter")
        ): "contains cannot be used on City",
        filter_definition(key, key, simple("Born", "contains", "20", tag="DataFilter")): "used on Born of type Date",
    }.items():
        refused = soap.write("Create", wrong)
        assert refused.text("OverallStatus") == "Error"
        assert part in refused.text("Results/StatusMessage")


def test_an_automation_runs_its_steps_in_order_and_its_status_tells_the_end(soap: Soap, key: str) -> None:
    people(soap, f"{key}s")
    filter_activity(soap, key, f"{key}s", simple("City", "equals", "Rome", tag="DataFilter"))
    audience = sendable(soap, f"{key}t", {})
    soap.good("Create", query(f"{key}q", f"SELECT Key, Key + '@x.example' AS Mail FROM [{key}]", f"{key}t"))
    soap.good("Create", send_definition(f"{key}m", email(soap, f"{key}m"), a_list_of(audience)))
    steps = ((("FilterActivity", key),), (("QueryDefinition", f"{key}q"),), (("EmailSendDefinition", f"{key}m"),))
    soap.good("Create", automation(key, *steps))
    assert status(soap, key) == "2"
    begun = performed(soap, "Automation", key)
    assert begun.text("Results/Result/StatusMessage") == "Performed Activity"
    assert begun.texts("Results/Result/Task") == []
    assert ended(soap, key) == "2"
    assert len(soap.rows(f"{key}t", ["Key"])) == 2
    job = soap.retrieve("Send", ["ID"], equals("EmailName", f"{key}m")).text("Results/ID")
    assert sent(soap, job)["NumberSent"] == "2"


def test_a_failed_step_ends_the_run_in_error(soap: Soap, key: str) -> None:
    people(soap, key)
    soap.good("Create", data_extension(f"{key}t", KEY_FIELD))
    soap.good("Create", query(key, f"SELECT TOP 1 Key FROM [{key}]", f"{key}t"))
    soap.good("Create", automation(key, (("QueryDefinition", key),)))
    soap.good("Delete", named("QueryDefinition", key))
    performed(soap, "Automation", key)
    assert ended(soap, key) == "-1"
    refused = soap.write("Create", automation(f"{key}x", (("QueryDefinition", "nobody"),)))
    assert "was not found" in refused.text("Results/StatusMessage")


def test_programs_are_scheduled_filtered_by_equals_alone_and_deleted(soap: Soap, key: str) -> None:
    soap.good("Create", automation(key))
    told = schedule(soap, key)
    assert [told.text("OverallStatus"), told.text("Results/Result/StatusMessage")] == ["OK", "Program scheduled."]
    assert told.text("Results/Result/Object/RecurrenceType") == "Daily"
    assert status(soap, key, "Program") == "6"
    assert schedule(soap, "nobody").text("OverallStatus") == "Error"
    refused = soap.retrieve("Automation", ["Status"], simple("CustomerKey", "like", key))
    assert refused.text("OverallStatus").startswith("Error:")
    assert soap.good("Delete", named("Automation", key)).text("Results/StatusMessage") == "Program deleted"


def test_rest_reads_automations_and_queries(simulator: Simulator, soap: Soap, key: str) -> None:
    people(soap, key)
    soap.good("Create", data_extension(f"{key}t", KEY_FIELD))
    made = soap.good("Create", query(key, f"SELECT Key FROM [{key}]", f"{key}t")).text("Results/NewObjectID")
    number = soap.good("Create", automation(key, (("QueryDefinition", key),))).text("Results/NewObjectID")
    rest = rest_of(simulator)
    listed: dict[str, Any] = rest("GET", "automation/v1/automations", **{"$pagesize": 500}).json()
    assert {"id": number, "key": key, "status": "Ready"}.items() <= next(
        one for one in listed["items"] if one["key"] == key
    ).items()
    one: dict[str, Any] = rest("GET", f"automation/v1/automations/{number}").json()
    (activity,) = one["steps"][0]["activities"]
    assert [activity[name] for name in ("name", "activityObjectId", "objectTypeId")] == [key, made, 300]
    assert rest("GET", f"automation/v1/automations/key:{key}").json() == one
    assert rest("GET", f"automation/v1/queries/{made}").json()["targetKey"] == f"{key}t"
    assert made in {one["queryDefinitionId"] for one in rest("GET", "automation/v1/queries").json()["items"]}
    assert rest("GET", "automation/v1/automations/nobody").status_code == 404
