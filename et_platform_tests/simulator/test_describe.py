"""Describe of every type, VersionInfo, Schedule and Configure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from et_platform.simulator import objects
from et_platform.simulator.objects.handlers import HANDLERS
from et_platform_tests.simulated import running_simulator
from et_platform_tests.simulator.soap import PERSON, PERSON_FIELDS, Reply, Soap, data_extension, local, row

MAINTENANCE = ("--set", "system_status=InMaintenance")


def describe(soap: Soap, *types: str) -> Reply:
    asked = "".join(
        f"<ObjectDefinitionRequest><ObjectType>{one}</ObjectType></ObjectDefinitionRequest>" for one in types
    )
    body = f"<DefinitionRequestMsg><DescribeRequests>{asked}</DescribeRequests></DefinitionRequestMsg>"
    return soap.call("Describe", body)


def retrievable(reply: Reply) -> list[str]:
    return [
        one.findtext("{*}Name")
        for one in reply.message.iterfind("{*}ObjectDefinition/{*}Properties")
        if one.findtext("{*}IsRetrievable") == "true"
    ]


def property_named(reply: Reply, name: str) -> dict[str, str | None]:
    (found,) = (
        one for one in reply.message.iterfind("{*}ObjectDefinition/{*}Properties") if one.findtext("{*}Name") == name
    )
    return {local(one): one.text for one in found}


PERFORMED_ONLY = "FileTransferActivity"


def test_a_type_that_can_be_performed_only_has_nothing_to_retrieve(soap: Soap) -> None:
    assert retrievable(describe(soap, PERFORMED_ONLY)) == []
    assert "handler" in soap.retrieve(PERFORMED_ONLY, ["CustomerKey"]).text("OverallStatus")


def test_every_module_of_a_type_is_listed() -> None:
    folder = Path(objects.__file__).parent
    # One type can be performed only, and not retrieved.
    offering = {
        path.stem
        for path in folder.glob("*.py")
        if re.search(
            r"^(    def retrieve\(|def (retrieve|start|save)\(|retrieve\b.* = )", path.read_text(), re.MULTILINE
        )
    }
    # Events are several types of one module, and so objects of a class there.
    modules = (getattr(one, "__name__", type(one).__module__) for one in HANDLERS.values())
    assert offering == {name.rpartition(".")[2] for name in modules}


@pytest.mark.parametrize(
    "kind", [name for name in HANDLERS if name not in ("DataExtensionObject", PERFORMED_ONLY, "TriggeredSend")]
)
def test_what_is_described_as_retrievable_can_be_retrieved(soap: Soap, kind: str) -> None:
    names = retrievable(describe(soap, kind))
    assert names
    assert len(names) == len(set(names))
    assert soap.retrieve(kind, names).text("OverallStatus") in ("OK", "MoreDataAvailable")


def test_what_the_wsdl_lacks_can_be_retrieved_though_describe_does_not_tell_it(soap: Soap) -> None:
    assert "NumberRestricted" not in retrievable(describe(soap, "ImportResultsSummary"))
    assert soap.retrieve("ImportResultsSummary", ["NumberRestricted"]).text("OverallStatus") == "OK"


def test_rows_are_described_by_their_data_extension(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    soap.good("Create", row(key, {"Key": "1"}))
    described = describe(soap, f"DataExtensionObject[{key}]")
    assert retrievable(described) == ["_CustomObjectKey", *PERSON_FIELDS]
    assert property_named(described, "Born")["DataType"] == "DateTime"
    assert property_named(described, "Key")["MaxLength"] == "50"
    assert len(soap.rows(key, retrievable(described))) == 1
    assert retrievable(describe(soap, "DataExtensionObject")) == []


def test_a_definition_reads_as_a_recorded_one(soap: Soap) -> None:
    reply = describe(soap, "DataFolder")
    assert reply.text("ObjectDefinition/ObjectType") == "DataFolder"
    assert property_named(reply, "Name") == {
        "PartnerKey": None,
        "ObjectID": None,
        "Name": "Name",
        "DataType": "String",
        "IsUpdatable": "true",
        "IsRetrievable": "true",
        "MaxLength": "100",
        "IsRequired": "true",
    }
    assert property_named(reply, "ParentFolder.ID")["DataType"] == "Int32"
    # What a request may hold beyond that stands after it, and says nothing of being required.
    told = reply.texts("ObjectDefinition/Properties/Name")
    assert set(told[len(retrievable(reply)) :]) == {
        *("Client", "ParentFolder", "PartnerKey", "PartnerProperties", "Owner", "CorrelationID", "ObjectState"),
    }
    assert "IsRequired" not in property_named(reply, "Owner")
    assert property_named(reply, "PartnerProperties")["DataType"] == "APIProperty[]"
    assert property_named(describe(soap, "DataExtension"), "Fields")["DataType"] == "DataExtensionField[]"
    assert property_named(describe(soap, "Account"), "Roles")["DataType"] == "Role[]"


def test_several_types_and_unknown_ones(soap: Soap) -> None:
    reply = describe(soap, "List", "Unicorn", "Subscriber")
    assert reply.texts("ObjectDefinition/ObjectType") == ["List", "Unicorn", "Subscriber"]
    assert reply.texts("ObjectDefinition/Name") == []
    assert retrievable(describe(soap, "Unicorn")) == []
    assert soap.call("Describe", "<DefinitionRequestMsg/>").status == 500


def test_version_info(soap: Soap) -> None:
    body = "<VersionInfoRequestMsg><IncludeVersionHistory>{}</IncludeVersionHistory></VersionInfoRequestMsg>"
    short, long = (soap.call("VersionInfo", body.format(flag)) for flag in ("false", "true"))
    assert short.text("VersionInfo/Version") == long.text("VersionInfo/VersionHistory/Version") == "1.0"
    assert short.texts("VersionInfo/VersionHistory") == []


def test_schedule_and_configure_are_refused_object_by_object(soap: Soap) -> None:
    scheduled = soap.call(
        "Schedule",
        "<ScheduleRequestMsg><Options/><Action>start</Action><Schedule>"
        '<Recurrence xsi:type="DailyRecurrence"><DayInterval>1</DayInterval></Recurrence>'
        "<RecurrenceType>Daily</RecurrenceType><Occurrences>1</Occurrences></Schedule><Interactions>"
        '<Interaction xsi:type="ImportDefinition"><CustomerKey>k</CustomerKey></Interaction></Interactions>'
        "</ScheduleRequestMsg>",
    )
    assert scheduled.text("Results/Result/ErrorCode") == "5"
    assert scheduled.text("Results/Result/Object/RecurrenceType") == "Daily"
    configured = soap.call(
        "Configure",
        '<ConfigureRequestMsg><Configurations><Configuration xsi:type="DataExtension"><CustomerKey>k</CustomerKey>'
        "</Configuration></Configurations></ConfigureRequestMsg>",
    )
    message = configured.text("Results/Result/StatusMessage")
    assert message == "Cannot perform configure on objects of type DataExtension"
    assert configured.text("OverallStatus") == "Error"


@pytest.mark.parametrize("always_on", ["metadata", "status"])
def test_what_is_always_on_in_maintenance(tmp_path: Path, always_on: str) -> None:
    with running_simulator(tmp_path / "data", *MAINTENANCE, "--set", f"always_on={always_on}") as simulator:
        soap = Soap(simulator)
        status = soap.call("GetSystemStatus", "<SystemStatusRequestMsg/>")
        assert status.text("Results/Result/SystemStatus") == "InMaintenance"
        assert describe(soap, "List").status == (200 if always_on == "metadata" else 500)
        assert soap.retrieve("DataExtension", ["Name"]).status == 500
