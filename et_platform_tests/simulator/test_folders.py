"""Folders: the roots, a tree of one's own, and what lies in it."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from et_platform_tests.simulator.soap import KEY_FIELD, NIL, Reply, Soap, data_extension, equals, local, named, simple
from et_platform_tests.simulator.test_recorded import assert_same_frame, read, shape

ROOT = 2
FLAGS = ("IsActive", "IsEditable", "AllowChildren")


def folder(name: str, parent: object = ROOT, kind: str = "dataextension", **more: str) -> str:
    """A folder below the one of that ID; other simple properties by name."""
    properties = {"Name": name, "Description": "d", "ContentType": kind} | more
    first = "".join(f"<{tag}>{properties.pop(tag)}</{tag}>" for tag in ("ID", "CustomerKey") if tag in properties)
    content = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in properties.items())
    above = f"<ParentFolder><ID>{parent}</ID></ParentFolder>" if parent else ""
    return f'<Objects xsi:type="DataFolder">{first}{above}{content}</Objects>'


def made(soap: Soap, name: str, parent: object = ROOT, **more: str) -> str:
    """The ID of a new folder that allows children."""
    return soap.good("Create", folder(name, parent, AllowChildren="true", **more)).text("Results/NewID")


def code(reply: Reply) -> int:
    assert reply.text("OverallStatus") == "Error"
    return int(reply.text("Results/ErrorCode"))


def in_category(key: str, category: str) -> str:
    return data_extension(key, KEY_FIELD, more=f"<CategoryID>{category}</CategoryID>")


def test_every_content_type_has_its_root(soap: Soap) -> None:
    roots = soap.retrieve("DataFolder", ["ID", "Name", "ContentType", "CustomerKey"], equals("ParentFolder.ID", "0"))
    kinds = roots.texts("Results/ContentType")
    assert len(kinds) == len(set(kinds)) >= 60
    assert {"dataextension", "shared_dataextension", "list", "mysubs", "queryactivity", "Hidden", "asset"} <= set(kinds)
    (own,) = soap.retrieve("DataFolder", ["ID", "CustomerKey"], equals("ContentType", "DATAEXTENSION")).results
    assert (own.findtext("{*}ID"), own.findtext("{*}CustomerKey")) == ("2", "dataextension_default")


def test_a_folder_is_made_changed_found_and_deleted(soap: Soap, key: str) -> None:
    created = soap.good("Create", folder(key, CustomerKey=key, Description="ä & b"))
    assert created.text("Results/StatusMessage") == "Folder created successfully."
    assert [local(one) for one in created.results[0]] == [
        "StatusCode",
        "StatusMessage",
        "OrdinalID",
        "NewID",
        "NewObjectID",
    ]
    number, asked = created.text("Results/NewID"), ["Name", "Description", "ObjectID", *FLAGS]
    shown = soap.retrieve("DataFolder", asked, equals("ID", number))
    assert [shown.text(f"Results/{name}") for name in ("Name", "Description", *FLAGS)] == [
        key,
        "ä & b",
        "true",
        "false",  # only what the request says makes a folder editable and a parent
        "false",
    ]
    assert shown.text("Results/ObjectID") == created.text("Results/NewObjectID")
    changed = (
        f'<Objects xsi:type="DataFolder"><ID>{number}</ID><Name>{key} new</Name><IsEditable>1</IsEditable></Objects>'
    )
    assert soap.good("Update", changed).text("Results/StatusMessage") == "Folder updated successfully."
    assert soap.retrieve("DataFolder", ["Name", "IsEditable"], equals("CustomerKey", key.upper())).texts(
        "Results/IsEditable"
    ) == ["true"]
    assert soap.good("Delete", named("DataFolder", key)).text("Results/StatusMessage") == "Folder deleted successfully."
    assert code(soap.write("Delete", named("DataFolder", key))) == 396009


def test_data_extensions_lie_in_folders(soap: Soap, key: str) -> None:
    above = made(soap, key)
    below = made(soap, "below", above)
    soap.good("Create", in_category(key, below))
    found = soap.retrieve("DataExtension", ["CustomerKey", "CategoryID"], equals("CategoryID", below))
    assert found.texts("Results/CustomerKey") == [key]
    for refused in (above, below):  # the one holds a folder, the other a data extension
        assert code(soap.write("Delete", f'<Objects xsi:type="DataFolder"><ID>{refused}</ID></Objects>')) == 396001
    soap.good("Update", data_extension(key, more="<CategoryID>2</CategoryID>"))
    for empty in (below, above):
        soap.good("Delete", f'<Objects xsi:type="DataFolder"><ID>{empty}</ID></Objects>')
    other = soap.retrieve("DataFolder", ["ID"], equals("ContentType", "queryactivity")).text("Results/ID")
    for wrong in (below, other, "7"):
        assert code(soap.write("Update", data_extension(key, more=f"<CategoryID>{wrong}</CategoryID>"))) == 310007


def test_a_data_extension_without_a_category_lies_in_the_root(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD))
    assert soap.retrieve("DataExtension", ["CategoryID"], equals("CustomerKey", key)).text("Results/CategoryID") == "2"


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (folder(""), 396003),
        (folder("x", kind=""), 396004),
        (folder("x", kind="colour"), 396005),
        (folder("x", None), 396007),
        (folder("x", 999), 396007),
        (folder("x", kind="list"), 396007),  # below the data extensions
        (folder("x" * 101), 396012),
        (folder("x", CustomerKey="k" * 37), 396009),
        (folder("x").replace("<Description>d</Description>", ""), 396010),
        (folder("x", CustomerKey="list_default"), 396002),
        (folder("x", IsActive="perhaps"), 396001),
    ],
)
def test_folders_that_are_refused(soap: Soap, wrong: str, expected: int) -> None:
    assert code(soap.write("Create", wrong)) == expected


def test_places_that_a_folder_cannot_take(soap: Soap, key: str) -> None:
    above = made(soap, key)
    closed = soap.good("Create", folder("closed", above)).text("Results/NewID")
    assert code(soap.write("Create", folder("CLOSED ", above))) == 396012
    assert code(soap.write("Create", folder("x", closed))) == 396007
    below = made(soap, "below", above)
    assert code(soap.write("Update", folder(key, below, ID=above))) == 396007  # into itself
    assert code(soap.write("Update", folder("new", None, ID=str(ROOT)))) == 396001
    assert code(soap.write("Delete", f'<Objects xsi:type="DataFolder"><ID>{ROOT}</ID></Objects>')) == 396001
    assert code(soap.write("Delete", '<Objects xsi:type="DataFolder"/>')) == 396008
    assert code(soap.write("Update", folder("nobody", ID="999"))) == 396009
    soap.good("Update", folder("moved", above, ID=below))


def test_retrieve_of_folders_has_the_recorded_shape(soap: Soap, recorded: Path, key: str) -> None:
    old = read(recorded / "datafolder-retrieve.xml")
    asked = ["Client.ID", "CreatedDate", "ModifiedDate", "ID", "CustomerKey", "ParentFolder.ID"]
    asked += ["ParentFolder.CustomerKey", "Name", "Description", "ContentType", *FLAGS]
    child = made(soap, key)
    made(soap, "below", child)
    reply = soap.retrieve("DataFolder", asked)
    assert_same_frame(reply, old)
    # A root; a folder below a root with a key; one below a folder without a key.
    for name in ("Data Extensions", "testExisting_FOLDER", "Version 1"):
        (theirs,) = (one for one in old.results if one.findtext("{*}Name") == name)
        ours = {"testExisting_FOLDER": key, "Version 1": "below"}.get(name, name)
        assert shape(next(one for one in reply.results if one.findtext("{*}Name") == ours)) == shape(theirs)
    root, old_root = reply.results[0], old.results[0]
    for text in ("ID", "CustomerKey", "Name", "Description", "ContentType", *FLAGS):
        assert root.findtext("{*}" + text) == old_root.findtext("{*}" + text)


def test_parents_show_what_is_asked_of_them(soap: Soap, key: str) -> None:
    child = made(soap, key)
    asked = ["ParentFolder.Name", "ParentFolder.ObjectID", "ParentFolder.ContentType"]
    (parent,) = soap.retrieve("DataFolder", asked, equals("ID", child)).results[0].iterfind("{*}ParentFolder")
    assert [local(one) for one in parent] == ["PartnerKey", "ObjectID", "Name", "ContentType"]
    assert parent.findtext("{*}Name") == "Data Extensions"
    assert parent.find("{*}ObjectID").get(NIL) is None
    found = soap.retrieve("DataFolder", ["Name"], simple("ParentFolder.Name", "equals", "data extensions"))
    assert key in found.texts("Results/Name")


def test_templates_are_there_and_shape_data_extensions(soap: Soap, key: str) -> None:
    reply = soap.retrieve("DataExtensionTemplate", ["Name", "CustomerKey", "ObjectID", "Description"])
    assert "TriggeredSendDataExtension" in reply.texts("Results/Name")
    assert len(reply.texts("Results/PartnerProperties/Name")) == 10 * len(reply.results)
    template = "<Template><CustomerKey>{}</CustomerKey></Template>"
    more = template.format("TriggeredSendDataExtension")
    soap.good(
        "Create",
        f'<Objects xsi:type="DataExtension"><CustomerKey>{key}</CustomerKey><Name>{key}</Name>{more}</Objects>',
    )
    fields = soap.retrieve("DataExtensionField", ["Name"], equals("DataExtension.CustomerKey", key))
    assert fields.texts("Results/Name") == ["SubscriberKey", "EmailAddress"]
    shown = soap.retrieve(
        "DataExtension", ["IsSendable", "SendableSubscriberField.Name", "Template.CustomerKey"], equals("Name", key)
    )
    assert shown.text("Results/IsSendable") == "true"
    assert shown.text("Results/SendableSubscriberField/Name") == "_SubscriberKey"
    refused = soap.write("Create", data_extension(key + "x", KEY_FIELD, more=template.format("nothing")))
    assert code(refused) == 310007
