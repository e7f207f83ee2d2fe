"""Imports to a list, which is named by its number."""

from __future__ import annotations

from et_platform_tests.simulator.importing import NOTIFY, mail, new_list, on_list, put, rejected, to_list
from et_platform_tests.simulator.soap import Soap, equals, figures, import_definition
from et_platform_tests.simulator.test_subscribers import place, shown, status_of, subscriber


def attributes(soap: Soap, key: str) -> dict[str, str]:
    reply = soap.retrieve("Subscriber", ["SubscriberKey"], equals("SubscriberKey", key))
    names, values = (reply.texts(f"Results/Attributes/{one}") for one in ("Name", "Value"))
    return dict(zip(names, values, strict=True))


def test_rows_become_subscribers_on_the_list(soap: Soap, key: str) -> None:
    number = new_list(soap, key)
    soap.good("Create", subscriber(f"{key}-old", "old@b.example"))
    content = (
        "Subscriber Key,Email Address,First Name,Status\n"
        f"{key}-new,new@b.example,Ann,\n{key}-OLD ,older@b.example,Ben,Unsubscribed\n"
        f",mail-{key}@b.example,,\n{key}-bad,nobody,,\n{key}-odd,o@b.example,,Sleeping\n,,x,\n"
    )
    to_list(soap, key, number, content, NOTIFY.format(""))
    summary = soap.run(key)
    assert figures(summary) == ("Completed", 3, 0, 3, 6)
    assert (summary["ImportType"], summary["DestinationID"]) == ("Subscriber List", number)
    assert on_list(soap, number) == {
        f"{key}-new": "Active",
        f"{key}-old": "Unsubscribed",
        f"mail-{key}@b.example": "Active",
    }
    assert attributes(soap, f"{key}-new") == {"First Name": "Ann"}
    assert shown(soap, f"{key}-old")[0]["EmailAddress"] == "older@b.example"
    assert status_of(soap, f"{key}-old") == "Active"  # only the list's own status was given
    assert rejected(mail(soap.simulator, summary["TaskResultID"]))[1:] == [
        ["4", "Email Address is not an e-mail address"],
        ["5", "Status must be one of Active, Bounced, Held, Unsubscribed"],
        ["6", "Email Address or Subscriber Key is required"],
    ]


def test_update_types_on_a_list_and_copies(soap: Soap, key: str) -> None:
    number = new_list(soap, key)
    soap.good("Create", subscriber(f"{key}-on", "on@b.example", place(number)))
    soap.good("Create", subscriber(f"{key}-off", "off@b.example"))
    rows = f"{key}-on,a@b.example\n{key}-off,b@b.example\n{key}-new,c@b.example\n{key}-NEW,d@b.example\n"
    content = f"SubscriberKey,EmailAddress\n{rows}"

    def address(name: str) -> str:
        return shown(soap, f"{key}-{name}")[0]["EmailAddress"]

    to_list(soap, f"{key}-u", number, content, UpdateType="UpdateButDoNotAdd")
    assert figures(soap.run(f"{key}-u")) == ("Completed", 1, 1, 2, 4)
    assert (address("on"), address("off")) == ("a@b.example", "off@b.example")
    assert on_list(soap, number) == {f"{key}-on": "Active"}

    to_list(soap, f"{key}-a", number, content.replace("a@b", "z@b"), UpdateType="AddAndDoNotUpdate")
    assert figures(soap.run(f"{key}-a")) == ("Completed", 2, 2, 0, 4)
    assert (address("on"), address("off"), address("new")) == ("a@b.example", "off@b.example", "c@b.example")
    assert set(on_list(soap, number)) == {f"{key}-on", f"{key}-off", f"{key}-new"}


def test_who_unsubscribed_stays_so(soap: Soap, key: str) -> None:
    number = new_list(soap, key)
    soap.good("Create", subscriber(f"{key}-a", "a@b.example", place(number, status="Unsubscribed")))
    soap.good("Create", subscriber(f"{key}-b", "b@b.example", Status="Unsubscribed"))
    content = f"Subscriber Key,Status\n{key}-a,Active\n{key}-b,Active\n"
    to_list(soap, key, number, content)
    assert figures(soap.run(key)) == ("Completed", 2, 0, 0, 2)
    assert on_list(soap, number)[f"{key}-a"] == "Unsubscribed"
    to_list(soap, f"{key}-all", "1", content.replace("-a,Active", "-a,Held"))
    assert figures(soap.run(f"{key}-all")) == ("Completed", 2, 0, 0, 2)
    assert (status_of(soap, f"{key}-a"), status_of(soap, f"{key}-b")) == ("Held", "Unsubscribed")


def test_by_ordinal_as_the_documented_sample_and_more_rows_than_a_batch(soap: Soap, key: str) -> None:
    number = new_list(soap, key)
    maps = "".join(
        f"<FieldMap><SourceOrdinal>{place}</SourceOrdinal><DestinationName>{name}</DestinationName></FieldMap>"
        for place, name in ((1, "NAME_FIRST"), (2, "Email Address"))
    )
    content = "".join(f"Name {i},{key}-{i}@b.example\n" for i in range(1100))
    changed = {"FieldMappingType": "MapByOrdinal", "HeaderLines": "0"}
    to_list(soap, key, number, content, f"<FieldMaps>{maps}</FieldMaps>", **changed)
    assert figures(soap.run(key)) == ("Completed", 1100, 0, 0, 1100)
    assert len(on_list(soap, number)) == 1100
    assert attributes(soap, f"{key}-1099@b.example") == {"NAME_FIRST": "Name 1099"}


def test_what_a_list_does_not_take(soap: Soap, key: str) -> None:
    number = new_list(soap, key)

    def code(list_id: str, **changed: str) -> str:
        made = import_definition(key, key, "a.csv", **changed).replace('"DataExtension"', '"List"')
        made = made.replace(f"<CustomerKey>{key}</CustomerKey></Dest", f"<ID>{list_id}</ID></Dest")
        return soap.write("Create", made).text("Results/ErrorCode")

    assert code("") == "43060"
    assert code("999999") == "43060"
    for update_type in ("Overwrite", "ColumnBased"):
        assert code(number, UpdateType=update_type, ControlColumn="x") == "43060"
    to_list(soap, key, number, "First Name\nAnn\n")
    assert figures(soap.run(key)) == ("Error", 0, 0, 0, 0)
    put(soap.simulator, f"{key}.csv", "")
    assert figures(soap.run(key)) == ("Error", 0, 0, 0, 0)
    asked = ["DestinationObject.ID", "DestinationObject.CustomerKey"]
    reply = soap.retrieve("ImportDefinition", asked, equals("CustomerKey", key))
    assert reply.text("Results/DestinationObject/ID") == number
    kind = "{http://www.w3.org/2001/XMLSchema-instance}type"
    assert reply.results[0].find("{*}DestinationObject").get(kind) == "List"
