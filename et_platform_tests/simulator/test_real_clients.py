"""SOAP bodies as public clients send them, and what these look for in the answers."""

from __future__ import annotations

import re

import pytest
import requests

from et_platform_tests.simulator.soap import (
    API,
    KEY_FIELD,
    PERSON,
    Reply,
    Soap,
    a_field,
    data_extension,
    equals,
    import_definition,
    row,
    simple,
)

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


@pytest.fixture(scope="module")
def people(soap: Soap) -> str:
    """A data extension with three rows, under a name that differs from its key."""
    key = "of_real_clients"
    soap.good("Create", data_extension(key, *PERSON, name="Of real clients"))
    born = ("2024-01-02T00:00:00", "2024-02-03T00:00:00Z", "3/4/2024 5:06:07 AM")
    soap.good(
        "Create", *(row(key, {"Key": str(n), "Age": str(n * 10), "Born": date}) for n, date in enumerate(born, 1))
    )
    return key


def raw(soap: Soap, action: str, content: str, **headers: str) -> requests.Response:
    url = soap.simulator.info["soap_url"] + "service.asmx"
    sent = {"soapaction": action, "content-type": "text/xml"} | headers
    return soap.session.post(url, data=content.encode(), headers=sent, timeout=60)


def keys(reply: Reply) -> list[str]:
    assert reply.text("OverallStatus") == "OK"
    return [one["Key"] for one in reply.rows]


def test_body_first_foreign_prefixes_and_no_options(soap: Soap, people: str) -> None:
    """As suds writes envelopes."""
    del people
    content = (
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{SOAP}" xmlns:ns0="{API}" xmlns:xsi="{XSI}"><SOAP-ENV:Body>'
        '<ns0:CreateRequest><ns0:Objects xsi:type="ns0:DataExtension"><ns0:CustomerKey>suds</ns0:CustomerKey>'
        "<ns0:Name>suds</ns0:Name><ns0:Fields><ns0:Field><ns0:Name>F</ns0:Name></ns0:Field></ns0:Fields>"
        "</ns0:Objects></ns0:CreateRequest></SOAP-ENV:Body><SOAP-ENV:Header>"
        f'<fueloauth xmlns="http://exacttarget.com">{soap.token}</fueloauth></SOAP-ENV:Header></SOAP-ENV:Envelope>'
    )
    answer = raw(soap, '"Create"', content)
    assert (answer.status_code, "Data Extension created." in answer.text) == (200, True)


def test_javascript_clients_find_the_literal_prefixes(soap: Soap, people: str) -> None:
    body = (
        f'<Envelope xmlns="{SOAP}" xmlns:xsi="{XSI}"><Header><fueloauth xmlns="http://exacttarget.com">{soap.token}'
        f'</fueloauth></Header><Body><RetrieveRequestMsg xmlns="{API}"><RetrieveRequest>'
        f"<ObjectType>DataExtensionObject[{people}]</ObjectType><Properties>Key</Properties>"
        "</RetrieveRequest></RetrieveRequestMsg></Body></Envelope>"
    )
    answer = raw(soap, "Retrieve", body).text
    for literal in ("<soap:Envelope ", "<soap:Body>", f'<RetrieveResponseMsg xmlns="{API}">', "<OverallStatus>OK</"):
        assert literal in answer
    fault = raw(soap, "Retrieve", body.replace(soap.token, "x" + soap.token))
    assert fault.status_code == 500
    assert "<soap:Fault>" in fault.text


def test_errors_of_retrieve_are_split_at_the_colon(soap: Soap) -> None:
    status = soap.retrieve("DataExtension", ["Colour"]).text("OverallStatus")
    word, _, reason = status.partition(":")
    assert word == "Error"
    assert reason.startswith(" The Request Property(s) Colour do not match")


@pytest.mark.parametrize("address", ["of_real_clients", "Of real clients", "OF_REAL_CLIENTS"])
def test_rows_are_addressed_by_key_or_name(soap: Soap, people: str, address: str) -> None:
    del people
    found = soap.rows(address, ["Key", "_CustomObjectKey"])
    assert [one["Key"] for one in found] == ["1", "2", "3"]
    assert all(re.fullmatch(r"\d+", one["_CustomObjectKey"]) for one in found)


def test_rows_are_found_by_their_custom_object_key(soap: Soap, people: str) -> None:
    (second,) = soap.rows(people, ["_CustomObjectKey"], equals("Key", "2"))
    assert soap.rows(people, ["Key"], equals("_CustomObjectKey", second["_CustomObjectKey"])) == [{"Key": "2"}]


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        (simple("Key", "IN", "1", "3", "nobody"), ["1", "3"]),
        (simple("Age", "between", "15", "30"), ["2", "3"]),
        (simple("Born", "between", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"), ["2"]),
        (simple("Born", "greaterThan", "2024-02-03T00:00:00Z"), ["3"]),
        (simple("Born", "greaterThanOrEqual", "2024-02-03T00:00:00Z", value_tag="DateValue"), ["2", "3"]),
        (simple("Born", "equals", "2024-02-02T18:00:00", value_tag="DateValue"), ["2"]),  # naive is server time
    ],
)
def test_repeated_values_and_dates_of_either_form(soap: Soap, people: str, filter_: str, expected: list[str]) -> None:
    assert keys(soap.retrieve(f"DataExtensionObject[{people}]", ["Key"], filter_)) == expected


@pytest.mark.parametrize("repeats", [True, False])
def test_pages_go_on_with_or_without_type_and_properties(soap: Soap, people: str, repeats: bool) -> None:
    address = f"DataExtensionObject[{people}]"
    seen, more = [], "<Options><BatchSize>1</BatchSize></Options>"
    reply = soap.retrieve(address, ["Key"], "", more)
    while True:
        seen += [one["Key"] for one in reply.rows]
        if reply.text("OverallStatus") == "OK":
            break
        again = f"<ContinueRequest>{reply.text('RequestID')}</ContinueRequest>"
        reply = soap.retrieve(address, ["Key"], "", again) if repeats else soap.retrieve("", [], "", again)
    assert seen == ["1", "2", "3"]


ASKED_BY_SFMC_DEVTOOLS = {
    "DataExtensionTemplate": "CustomerKey ObjectID Name Description IsSendable IsTestable SendableCustomObjectField"
    " SendableSubscriberField DataRetentionPeriodLength DataRetentionPeriodUnitOfMeasure RowBasedRetention"
    " ResetRetentionPeriodOnImport DeleteAtEndOfRetentionPeriod RetainUntil",
    "List": "AutomatedEmail.ID Category Client.PartnerClientKey CreatedDate CustomerKey Description ID"
    " ListClassification ListName ModifiedDate ObjectID Type",
    "DataExtension": "CategoryID CreatedDate CustomerKey DataRetentionPeriodLength DataRetentionPeriodUnitOfMeasure"
    " DeleteAtEndOfRetentionPeriod Description IsSendable IsTestable ModifiedDate Name ObjectID"
    " ResetRetentionPeriodOnImport RetainUntil RowBasedRetention SendableDataExtensionField.Name"
    " SendableSubscriberField.Name Template.CustomerKey",
}


@pytest.mark.parametrize("object_type", ASKED_BY_SFMC_DEVTOOLS)
def test_what_a_deployment_tool_asks_of_definitions_is_answered(soap: Soap, people: str, object_type: str) -> None:
    del people
    reply = soap.retrieve(object_type, ASKED_BY_SFMC_DEVTOOLS[object_type].split())
    assert reply.text("OverallStatus") == "OK"
    assert all(reply.texts("Results/CustomerKey"))


def test_rows_are_deleted_by_keys_alone(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD))
    soap.good("Create", row(key, {"Key": "1"}))
    deleted = (
        f'<Objects xsi:type="DataExtensionObject"><CustomerKey>{key}</CustomerKey>'
        "<Keys><Key><Name>Key</Name><Value>1</Value></Key></Keys></Objects>"
    )
    soap.good("Delete", deleted, options="")
    assert soap.rows(key, ["Key"]) == []


@pytest.mark.parametrize("tag", ["CustomerKey", "Name"])
def test_rows_are_written_under_the_key_or_the_name_of_their_data_extension(soap: Soap, key: str, tag: str) -> None:
    """The vendor's Node.js SDK sends DataExtensionObject/Name where it was given no key."""
    soap.good("Create", data_extension(key, KEY_FIELD, a_field("Name", MaxLength=9), name=f"Named {key}"))
    address = {"CustomerKey": key, "Name": f"Named {key}"}[tag]

    def sent(value: str, keys: str) -> str:
        properties = f"<Properties><Property><Name>Name</Name><Value>{value}</Value></Property></Properties>"
        return f'<Objects xsi:type="DataExtensionObject"><{tag}>{address}</{tag}>{properties}{keys}</Objects>'

    keys = "<Keys><Key><Name>Key</Name><Value>1</Value></Key></Keys>"
    soap.good("Create", sent("a", keys))
    soap.good("Update", sent("b", keys))
    assert soap.rows(key, ["Key", "Name"]) == [{"Key": "1", "Name": "b"}]
    soap.good("Delete", f'<Objects xsi:type="DataExtensionObject"><{tag}>{address}</{tag}>{keys}</Objects>')
    assert soap.rows(key, ["Key"]) == []
    nowhere = f'<Objects xsi:type="DataExtensionObject"><{tag}>x{address}</{tag}>{keys}</Objects>'
    assert soap.write("Delete", nowhere).text("Results/ErrorCode") == "310002"


def test_an_import_is_started_in_any_case_and_polled_by_task_or_definition(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD, a_field("Name")))
    soap.good("Create", import_definition(key, key, f"{key}.csv"))
    (soap.simulator.ftp_folder / "Import" / f"{key}.csv").write_text("Key,Name\n1,a\n")
    reply = soap.call(
        "Perform",
        f'<PerformRequestMsg xmlns:t="{API}"><Options/><Action>start</Action><Definitions>'
        f'<Definition xsi:type="t:ImportDefinition"><CustomerKey>{key}</CustomerKey></Definition></Definitions>'
        "</PerformRequestMsg>",
    )
    assert reply.text("Results/Result/StatusCode") == "OK"
    task = reply.text("Results/Result/Task/ID")
    assert soap.wait(task)["ImportStatus"] == "Completed"
    by_definition = soap.retrieve("ImportResultsSummary", ["TaskResultID"], equals("ImportDefinitionCustomerKey", key))
    assert by_definition.texts("Results/TaskResultID") == [task]
