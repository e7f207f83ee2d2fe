from __future__ import annotations

import pytest

from et_platform_tests.simulator.soap import (
    KEY_FIELD,
    PERSON,
    UPSERT,
    Reply,
    Soap,
    a_field,
    data_extension,
    equals,
    named,
    row,
    simple,
)

SENDABLE = (
    "<IsSendable>true</IsSendable><SendableDataExtensionField><Name>Key</Name></SendableDataExtensionField>"
    "<SendableSubscriberField><Name>{}</Name></SendableSubscriberField>"
)


def code(reply: Reply) -> int:
    assert reply.text("OverallStatus") == "Error"
    assert reply.text("Results/StatusCode") == "Error"
    assert reply.text("Results/StatusMessage")
    return int(reply.text("Results/ErrorCode"))


def fields(soap: Soap, key: str, *properties: str) -> list[dict[str, str | None]]:
    reply = soap.retrieve("DataExtensionField", list(properties), equals("DataExtension.CustomerKey", key))
    return [{name: one.findtext("{*}" + name) for name in properties} for one in reply.results]


def test_names_and_keys_are_unique_in_any_case(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key + "A", *PERSON, name=f"Name {key}"))
    assert code(soap.write("Create", data_extension(key + "a", *PERSON, name="another"))) == 310003
    assert code(soap.write("Create", data_extension(key + "B", *PERSON, name=f"nAME {key} "))) == 1
    soap.good("Create", data_extension(key + "C", *PERSON, name=f"{key} C"))
    assert code(soap.write("Update", data_extension(key + "C", name=f"name {key}"))) == 1


def test_a_batch_is_not_atomic(soap: Soap, key: str) -> None:
    good, bad = data_extension(key, *PERSON), data_extension(key + "x", a_field("F", "Colour"))
    reply = soap.write("Create", bad, good, bad, '<Objects xsi:type="Unicorn"/>')
    assert reply.text("OverallStatus") == "Has Errors"
    assert reply.texts("Results/StatusCode") == ["Error", "OK", "Error", "Error"]
    assert reply.texts("Results/OrdinalID") == ["0", "1", "2", "3"]
    assert reply.texts("Results/ErrorCode") == ["310007", "310007", "8"]


def test_update_delete_and_upsert_by_key(soap: Soap, key: str) -> None:
    assert code(soap.write("Update", data_extension(key, *PERSON))) == 310004
    soap.good("Update", data_extension(key, *PERSON), options=UPSERT)
    soap.good("Update", data_extension(key.upper(), more="<Description>new</Description>", name=key), options=UPSERT)
    assert soap.retrieve("DataExtension", ["Description"], equals("Name", key)).texts("Results/Description") == ["new"]
    soap.good("Delete", named("DataExtension", key))
    assert code(soap.write("Delete", named("DataExtension", key))) == 310002
    assert code(soap.write("Delete", '<Objects xsi:type="DataExtension"/>')) == 310001
    soap.good("Create", data_extension(key, KEY_FIELD))


def test_an_object_id_names_a_data_extension_and_cannot_be_given_to_a_new_one(soap: Soap, key: str) -> None:
    made = soap.good("Create", data_extension(key, *PERSON)).text("Results/NewObjectID")
    named_by_id = f'<Objects xsi:type="DataExtension"><ObjectID>{made}</ObjectID>'
    soap.good("Update", f"{named_by_id}<CustomerKey>{key}-2</CustomerKey></Objects>")
    assert soap.retrieve("DataExtension", ["CustomerKey"], equals("ObjectID", made)).texts("Results/CustomerKey") == [
        f"{key}-2"
    ]
    assert code(soap.write("Create", f"{named_by_id.replace(made, 'x')}<Name>n{key}</Name></Objects>")) == 310005


@pytest.mark.parametrize(("sent", "read"), [("Subscriber Key", "_SubscriberKey"), ("Email Address", "_EmailAddress")])
def test_the_sendable_subscriber_field_reads_back_with_an_underscore(
    soap: Soap, key: str, sent: str, read: str
) -> None:
    soap.good("Create", data_extension(key, *PERSON, more=SENDABLE.format(sent)))
    reply = soap.retrieve("DataExtension", ["SendableSubscriberField.Name", "IsSendable"], equals("CustomerKey", key))
    assert reply.text("Results/SendableSubscriberField/Name") == read
    assert code(soap.write("Create", data_extension(key + "x", a_field("Other"), more=SENDABLE.format(sent)))) == 310007


@pytest.mark.parametrize(
    "wrong",
    [
        (a_field("F", "Colour"),),
        (a_field("F"), a_field("f ")),
        (a_field("F", MaxLength=4001),),
        (a_field("F", MaxLength="long"),),
        (a_field("F", "Decimal", MaxLength=30),),
        (a_field("F", "Decimal", MaxLength=3, Scale=4),),
        (a_field("F", "Number", DefaultValue="many"),),
        (a_field("F", IsPrimaryKey="true"),),
        (a_field("F", IsRequired="perhaps"),),
        (),
    ],
)
def test_definitions_that_are_refused(soap: Soap, key: str, wrong: tuple[str, ...]) -> None:
    assert code(soap.write("Create", data_extension(key, *wrong))) == 310007


def test_schema_changes_of_a_data_extension_with_rows(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    soap.good("Create", row(key, {"Key": "1", "Name": "Ann", "Worth": "12.34"}))
    for refused in (
        a_field("Name", MaxLength=49),
        a_field("Name", IsRequired="true"),
        a_field("Key", MaxLength=60),
        a_field("Key", IsPrimaryKey="false"),
        a_field("New", IsRequired="true"),
        a_field("New", key=True, DefaultValue="x"),
    ):
        assert code(soap.write("Update", data_extension(key, refused))) == 310007
    soap.good(
        "Update",
        data_extension(
            key,
            a_field("name", "Number", MaxLength=100),  # a type that differs is ignored
            a_field("Worth", "Decimal", MaxLength=12, Scale=4),
            a_field("Extra", IsRequired="true", DefaultValue="yes"),
            a_field("Since", "Date"),
        ),
    )
    shown = {one["Name"]: one for one in fields(soap, key, "Name", "FieldType", "MaxLength", "Scale")}
    assert shown["Name"] == {"Name": "Name", "FieldType": "Text", "MaxLength": "100", "Scale": "0"}
    assert shown["Worth"] == {"Name": "Worth", "FieldType": "Decimal", "MaxLength": "12", "Scale": "4"}
    assert shown["Since"]["MaxLength"] is None
    assert soap.rows(key, ["Key", "Name", "Worth", "Extra", "Since"]) == [
        {"Key": "1", "Name": "Ann", "Worth": "12.3400", "Extra": "yes", "Since": ""}
    ]


def test_fields_by_themselves(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    field = (
        f'<Objects xsi:type="DataExtensionField"><Name>Extra</Name>%s<FieldType>Text</FieldType>'
        f"<DataExtension><CustomerKey>{key}</CustomerKey></DataExtension></Objects>"
    )
    soap.good("Create", field % "<MaxLength>5</MaxLength>")
    assert code(soap.write("Create", field % "")) == 310003
    soap.good("Update", field % "<MaxLength>9</MaxLength>")
    assert {"Name": "Extra", "MaxLength": "9"} in fields(soap, key, "Name", "MaxLength")
    soap.good("Delete", field % "")
    assert code(soap.write("Delete", field % "")) == 310002
    assert code(soap.write("Update", field % "")) == 310004
    of_extension = data_extension(key, a_field("Tier"))
    assert soap.good("Delete", of_extension).text("Results/StatusMessage") == "Data Extension Fields deleted"
    assert "Tier" not in [one["Name"] for one in fields(soap, key, "Name")]
    assert code(soap.write("Delete", data_extension(key, a_field("Key")))) == 310007


def test_all_fields_can_be_retrieved_without_a_filter(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    reply = soap.retrieve("DataExtensionField", ["CustomerKey"])
    assert f"[{key}].[Worth]" in reply.texts("Results/CustomerKey")


def test_filters_dates_and_pages_of_definitions(soap: Soap, key: str) -> None:
    for number in range(5):
        soap.good("Create", data_extension(f"{key}-{number}", KEY_FIELD))
    mine = simple("Name", "beginsWith", key)
    first = soap.retrieve("DataExtension", ["Name"], mine, "<Options><BatchSize>3</BatchSize></Options>")
    assert first.text("OverallStatus") == "MoreDataAvailable"
    again = f"<ContinueRequest>{first.text('RequestID')}</ContinueRequest>"
    second = soap.retrieve("", [], "", again)
    assert second.text("OverallStatus") == "OK"
    assert [*first.texts("Results/Name"), *second.texts("Results/Name")] == [f"{key}-{n}" for n in range(5)]
    later = simple("CreatedDate", "greaterThan", "2999-01-01T00:00:00Z", value_tag="DateValue")
    assert soap.retrieve("DataExtension", ["Name"], later).results == []


@pytest.mark.parametrize(
    ("object_type", "properties", "status"),
    [
        (
            "dataextension",
            ["Name"],
            "Error: Unable to find a handler for object type: dataextension."
            " Object types are case-sensitive, check spelling.",
        ),
        (
            "DataExtension",
            ["Name", "Colour", "Smell"],
            "Error: The Request Property(s) Colour, Smell do not match with the fields of DataExtension retrieve",
        ),
        ("DataExtensionObject[nowhere]", ["Key"], "Error: The data extension was not found: nowhere"),
    ],
)
def test_retrieve_errors_come_with_http_200(soap: Soap, object_type: str, properties: list[str], status: str) -> None:
    reply = soap.retrieve(object_type, properties)
    assert (reply.status, reply.text("OverallStatus"), reply.results) == (200, status, [])


RETENTION = ("DataRetentionPeriodLength", "DataRetentionPeriodUnitOfMeasure", "DataRetentionPeriod", "RetainUntil")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (
            "<DataRetentionPeriodLength>2</DataRetentionPeriodLength><DataRetentionPeriod>Weeks</DataRetentionPeriod>",
            ["2", "4", "Weeks", ""],
        ),
        (
            "<DataRetentionPeriodLength>6</DataRetentionPeriodLength>"
            "<DataRetentionPeriodUnitOfMeasure>5</DataRetentionPeriodUnitOfMeasure>",
            ["6", "5", "Months", ""],
        ),
        ("<RetainUntil>2099-05-09</RetainUntil>", [None, None, None, "5/9/2099 12:00:00 AM"]),
        ("<RetainUntil>5/9/2099 3:04:05 PM</RetainUntil>", [None, None, None, "5/9/2099 3:04:05 PM"]),
    ],
)
def test_retention_reads_back_in_the_services_own_spelling(
    soap: Soap, key: str, sent: str, shown: list[str | None]
) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD, more=sent))
    (found,) = soap.retrieve("DataExtension", list(RETENTION), equals("CustomerKey", key)).results
    assert [found.findtext("{*}" + name) for name in RETENTION] == shown


@pytest.mark.parametrize(
    "wrong",
    [
        "<DataRetentionPeriodLength>long</DataRetentionPeriodLength>",
        "<DataRetentionPeriod>Fortnights</DataRetentionPeriod>",
        "<DataRetentionPeriodUnitOfMeasure>7</DataRetentionPeriodUnitOfMeasure>",
        "<RetainUntil>soon</RetainUntil>",
    ],
)
def test_retention_that_is_refused(soap: Soap, key: str, wrong: str) -> None:
    assert code(soap.write("Create", data_extension(key, KEY_FIELD, more=wrong))) == 310007


def test_a_field_is_renamed_by_its_object_id(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD, a_field("Old")))
    soap.good("Create", row(key, {"Key": "1", "Old": "kept"}))
    (old,) = (one for one in fields(soap, key, "Name", "ObjectID") if one["Name"] == "Old")
    renamed = f"<Field><ObjectID>{old['ObjectID']}</ObjectID><Name>New</Name></Field>"
    soap.good("Update", data_extension(key, renamed))
    assert soap.rows(key, ["New"]) == [{"New": "kept"}]
