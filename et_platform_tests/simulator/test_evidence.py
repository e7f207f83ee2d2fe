"""The table of objects, operations and properties says what the code does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from et_platform.simulator import envelope, evidence, operations, retrieval
from et_platform.simulator.account import Folder
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.evidence import EVIDENCE
from et_platform.simulator.faults.board import Board
from et_platform.simulator.objects.handlers import HANDLERS
from et_platform.simulator.service import Service, Units
from et_platform.simulator.store import Store
from et_platform_tests.simulator.sending import active, triggered
from et_platform_tests.simulator.soap import KEY_FIELD, Reply, Soap, a_field, data_extension, equals, row, simple

PAGE = Path(__file__).parents[2] / "docs" / "simulator" / "objects.md"
SETTABLE = [kind for kind, known in EVIDENCE.items() if known.settable]
FLAGS = (
    "IsSendable",
    "IsTestable",
    "RowBasedRetention",
    "ResetRetentionPeriodOnImport",
    "DeleteAtEndOfRetentionPeriod",
)
PROBES = {"CreatedDate": "2001-02-03T04:05:06", "ModifiedDate": "2001-02-03T04:05:06"}
READ_BACK = {"Subscriber Key": "_SubscriberKey", "Email Address": "_EmailAddress"}
IDENTITY = {"DataExtensionField": "Name", "List": "ListName", "Subscriber": "SubscriberKey"}

# What a new object of each type is given, and to what it is changed then. {key} is the test's own.
NEW: dict[str, dict[str, str]] = {
    "Automation": {
        "CustomerKey": "{key}",
        "Name": "{key}",
        "Description": "d",
        "IsActive": "true",
        "AutomationType": "scheduled",
        "CategoryID": "7",
    },
    "DataExtension": {
        "CustomerKey": "{key}",
        "Name": "{key}",
        "Description": "d & e",
        **dict.fromkeys(FLAGS, "true"),
        "SendableDataExtensionField.Name": "Key",
        "SendableSubscriberField.Name": "Subscriber Key",
        "Template.CustomerKey": "086D14D3-5057-462B-AF33-01CA8D1FE87A",
        "DataRetentionPeriodLength": "6",
        "DataRetentionPeriodUnitOfMeasure": "5",
        "DataRetentionPeriod": "Months",
        "RetainUntil": "5/9/2099 12:00:00 AM",
        "CategoryID": "2",
    },
    "DataExtensionField": {
        "Name": "Worth",
        "FieldType": "Decimal",
        "MaxLength": "8",
        "Scale": "2",
        "DefaultValue": "1.5",
        "IsRequired": "true",
        "IsPrimaryKey": "false",
        "DataExtension.CustomerKey": "{key}",
    },
    "DataFolder": {
        "CustomerKey": "{key}",
        "ParentFolder.ID": "2",
        "Name": "{key}",
        "Description": "d",
        "ContentType": "dataextension",
        "IsActive": "true",
        "IsEditable": "false",
        "AllowChildren": "false",
    },
    "Email": {
        "CustomerKey": "{key}",
        "Name": "{key}",
        "CategoryID": "7",
        "HTMLBody": "<p>Hello & welcome</p>",
        "TextBody": "Hello",
        "Subject": "Welcome",
        "IsHTMLPaste": "true",
        "EmailType": "HTML",
        "CharacterSet": "UTF-8",
        "SyncTextWithHTML": "true",
        "PreHeader": "p",
    },
    "EmailSendDefinition": {
        "CustomerKey": "{key}",
        "Name": "{key}",
        "Description": "d",
        "CategoryID": "7",
        "SendClassification.CustomerKey": "Default Commercial",
        "SenderProfile.CustomerKey": "Default",
        "FromName": "Ada",
        "FromAddress": "ada@b.example",
        **dict.fromkeys(("SuppressTracking", "IsSendLogging", "IsMultipart", "IsWrapped"), "true"),
        "DeduplicateByEmail": "true",
        "BccEmail": "a@b.example",
        "AutoBccEmail": "a@b.example",
        "TestEmailAddr": "a@b.example",
        "EmailSubject": "s",
        "DynamicEmailSubject": "s",
        "ExclusionFilter": "f",
        "Additional": "a",
        "CCEmail": "c@b.example",
        "PreHeader": "p",
    },
    "FilterActivity": {"CustomerKey": "{key}", "Name": "{key}", "Description": "d"},
    "FilterDefinition": {
        "CustomerKey": "{key}",
        "Name": "{key}",
        "Description": "d",
        "CategoryID": "7",
        "DataSource.CustomerKey": "{key}",
    },
    "ImportDefinition": {
        "CustomerKey": "{key}",
        "Name": "{key}",
        "Description": "d",
        "AllowErrors": "true",
        "DestinationObject.CustomerKey": "{key}",
        "FieldMappingType": "InferFromColumnHeadings",
        "FileSpec": "a.csv",
        "FileType": "CSV",
        "Notification.ResponseType": "email",
        "Notification.ResponseAddress": "a@b.example",
        "Notification.RespondWhen": "Always",
        "DestinationType": "2",
        "RetrieveFileTransferLocation.CustomerKey": "ExactTarget Enhanced FTP",
        "SubscriberImportType": "Email",
        "UpdateType": "AddAndUpdate",
        "MaxFileAge": "1",
        "MaxFileAgeScheduleOffset": "1",
        "MaxImportFrequency": "1",
        "HeaderLines": "1",
        "EndOfLineRepresentation": "\\n",
        "NullRepresentation": "NULL",
        "StandardQuotedStrings": "true",
        "DateFormattingLocale.LocaleCode": "en-US",
        "DeleteFile": "false",
        "EncodingCodePage": "65001",
    },
    "List": {
        "CustomerKey": "{key}",
        "ListName": "{key}",
        "Category": "7",
        "Type": "Private",
        "Description": "d",
        "ListClassification": "ExactTargetList",
    },
    "QueryDefinition": {
        "CustomerKey": "{key}",
        "Name": "{key}",
        "Description": "d",
        "QueryText": "SELECT Key FROM [{key}]",
        "TargetType": "DE",
        "DataExtensionTarget.CustomerKey": "{key}",
        "TargetUpdateType": "Overwrite",
        "CategoryID": "0",
        "FileSpec": "f",
        "FileType": "CSV",
    },
    "SendClassification": {
        "CustomerKey": "{key}",
        "SendClassificationType": "Operational",
        "Name": "{key}",
        "Description": "d",
        "SenderProfile.CustomerKey": "Default",
        "HonorPublicationListOptOutsForTransactionalSends": "true",
    },
    "SenderProfile": {
        "CustomerKey": "{key}",
        "Name": "{key}",
        "Description": "d",
        "FromName": "Ada",
        "FromAddress": "ada@b.example",
        "UseDefaultRMMRules": "true",
        "SenderHeaderEmailAddress": "h@b.example",
        "SenderHeaderName": "h",
        "ReplyToAddress": "r@b.example",
        "ReplyToDisplayName": "r",
    },
    "Subscriber": {
        "EmailAddress": "a@b.example",
        "SubscriberKey": "{key}",
        "Status": "Active",
        "EmailTypePreference": "HTML",
    },
    "TriggeredSendDefinition": {
        "CustomerKey": "{key}",
        "Name": "{key}",
        "Description": "d",
        "CategoryID": "7",
        "SendClassification.CustomerKey": "Default Commercial",
        "SenderProfile.CustomerKey": "Default",
        "FromName": "Ada",
        "FromAddress": "ada@b.example",
        **dict.fromkeys(("SuppressTracking", "IsSendLogging", "IsMultipart", "IsWrapped", "RefreshContent"), "true"),
        **dict.fromkeys(("AutoAddSubscribers", "AutoUpdateSubscribers"), "false"),
        "TriggeredSendType": "Continuous",
        "List.ID": "1",
        "BatchInterval": "5",
        "BccEmail": "a@b.example",
        "EmailSubject": "s",
        "DynamicEmailSubject": "s",
        "ExclusionFilter": "f",
        "Priority": "High",
        "CCEmail": "c@b.example",
        "PreHeader": "p",
    },
}
CHANGED: dict[str, dict[str, str]] = {
    "Automation": {"Name": "{key} new", "Description": "e", "CategoryID": "8", "IsActive": "false"},
    "FilterActivity": {"Name": "{key} new", "Description": "e"},
    "FilterDefinition": {"Name": "{key} new", "Description": "e", "DataSource.CustomerKey": "{key}"},
    "DataExtension": {
        "Name": "{key} new",
        "Description": "",
        **dict.fromkeys(FLAGS, "false"),
        "SendableDataExtensionField.Name": "Mail",
        "SendableSubscriberField.Name": "Email Address",
        "DataRetentionPeriodLength": "7",
        "DataRetentionPeriodUnitOfMeasure": "4",
        "DataRetentionPeriod": "Weeks",
        "RetainUntil": "",
    },
    "DataExtensionField": {"MaxLength": "10", "Scale": "3", "DefaultValue": "2", "IsRequired": "false"},
    "DataFolder": {
        "Name": "{key} new",
        "Description": "e",
        "IsActive": "false",
        "IsEditable": "true",
        "AllowChildren": "true",
    },
    "Email": {"Name": "{key} new", "HTMLBody": "<p>Bye</p>", "Subject": "Farewell", "EmailType": "Text"},
    "EmailSendDefinition": {
        "Name": "{key} new",
        "SendClassification.CustomerKey": "Default Transactional",
        "FromName": "Bob",
        "DeduplicateByEmail": "false",
    },
    "ImportDefinition": {
        "Name": "{key} new",
        "Description": "e",
        "AllowErrors": "false",
        "FileSpec": "b.tab",
        "FileType": "TAB",
        "Notification.ResponseAddress": "c@d.example",
        "UpdateType": "AddAndDoNotUpdate",
        "MaxFileAge": "2",
        "HeaderLines": "0",
        "NullRepresentation": "-",
        "StandardQuotedStrings": "false",
        "DateFormattingLocale.LocaleCode": "de-DE",
        "DeleteFile": "true",
    },
    "QueryDefinition": {
        "Name": "{key} new",
        "Description": "e",
        "QueryText": "SELECT UPPER(Key) AS Key FROM [{key}]",
        "TargetUpdateType": "Update",
        "CategoryID": "7",
    },
    "List": {"Category": "8", "Type": "Public", "Description": "e", "ListClassification": "PublicationList"},
    "SendClassification": {"Name": "{key} new", "SendClassificationType": "Marketing", "Description": "e"},
    "SenderProfile": {"Name": "{key} new", "FromName": "Bob", "FromAddress": "bob@b.example"},
    "Subscriber": {"EmailAddress": "c@d.example", "Status": "Unsubscribed", "EmailTypePreference": "Text"},
    "TriggeredSendDefinition": {"Name": "{key} new", "Priority": "Low", "AutoAddSubscribers": "true"},
}


def written(kind: str, properties: dict[str, str], more: str = "") -> str:
    """An object with these properties, in the order of its shape; dots lead into sub-objects."""
    content, seen = "", set()
    for name in HANDLERS[kind].SHAPE.order:
        head = name.partition(".")[0]
        inner = {one.partition(".")[2]: text for one, text in properties.items() if one.startswith(f"{name}.")}
        if name in properties and "." not in name:
            content += f"<{name}>{escape(properties[name])}</{name}>"
        elif head not in seen and "." in name:
            seen.add(head)
            inner = {one.partition(".")[2]: text for one, text in properties.items() if one.startswith(f"{head}.")}
            listed = "".join(f"<{one}>{escape(text)}</{one}>" for one, text in inner.items())
            kind_of = ' xsi:type="DataExtension"' if head in ("DestinationObject", "DataSource") else ""
            content += f"<{head}{kind_of}>{listed}</{head}>" if inner else ""
    return f'<Objects xsi:type="{kind}">{content}{more}</Objects>'


def shown(soap: Soap, kind: str, identity: str, names: Iterable[str] = ()) -> dict[str, str]:
    """The settable properties of an object as a Retrieve shows them; those that read back otherwise as they were set."""
    names = sorted(names or EVIDENCE[kind].settable)
    (result,) = soap.retrieve(kind, names, equals(IDENTITY.get(kind, "CustomerKey"), identity)).results
    found = {name: result.findtext("/".join(f"{{*}}{part}" for part in name.split("."))) or "" for name in names}
    back = {read: sent for sent, read in READ_BACK.items()}
    return {name: back.get(text, text) for name, text in found.items()}


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == evidence.table(), "run `python -m et_platform.simulator.evidence`"


@pytest.mark.parametrize("kind", HANDLERS)
def test_levels_are_given_for_what_is_there_and_nothing_else(kind: str) -> None:
    known = EVIDENCE[kind]
    assert list(known.verbs) == evidence.verbs(kind)
    assert {*known.verbs.values(), known.fields, *known.other.values()} <= set("DRW3K")
    if kind != "DataExtensionObject":
        retrievable = set(HANDLERS[kind].SHAPE.retrievable)
        assert set(known.other) | known.settable | known.fixed <= retrievable
    assert bool(known.settable) == ("Create" in known.verbs and kind not in ("DataExtensionObject", "TriggeredSend"))
    assert list(EVIDENCE) == list(HANDLERS)


def what_is_sent(soap: Soap, kind: str, key: str) -> str:
    """The list and the e-mail of a send definition, which have forms of their own."""
    number = soap.good("Create", written("Email", {"CustomerKey": key, "Name": key})).text("Results/NewID")
    everybody = "<List><ID>1</ID></List><DataSourceTypeID>List</DataSourceTypeID>"
    lists = f"<SendDefinitionList>{everybody}</SendDefinitionList>" if kind == "EmailSendDefinition" else ""
    return f"{lists}<Email><ID>{number}</ID></Email>"


DATA_FILTER = simple("Key", "equals", "a", tag="DataFilter")


def what_is_filtered(soap: Soap, key: str) -> str:
    """The filter of an activity and where its rows go."""
    named = {"CustomerKey": key, "Name": key, "DataSource.CustomerKey": key}
    number = soap.good("Create", written("FilterDefinition", named, DATA_FILTER)).text("Results/NewObjectID")
    into = soap.good("Create", data_extension(f"{key}i", KEY_FIELD)).text("Results/NewObjectID")
    return f"<FilterDefinitionID>{number}</FilterDefinitionID><DestinationObjectID>{into}</DestinationObjectID>"


def what_goes_along(soap: Soap, kind: str, key: str) -> str:
    """Make what a new object of a type needs; the parts of it that have forms of their own."""
    if kind in ("DataExtensionField", "FilterActivity", "FilterDefinition", "ImportDefinition", "QueryDefinition"):
        soap.good("Create", data_extension(key, KEY_FIELD))
    if kind in ("EmailSendDefinition", "TriggeredSendDefinition"):
        return what_is_sent(soap, kind, key)
    if kind == "FilterActivity":
        return what_is_filtered(soap, key)
    fields = f"<Fields>{KEY_FIELD}{a_field('Mail', 'EmailAddress')}</Fields>"
    return {"DataExtension": fields, "FilterDefinition": DATA_FILTER}.get(kind, "")


def naming(new: dict[str, str]) -> dict[str, str]:
    """Those properties of a new object by which it is found again."""
    names = ("CustomerKey", "Name", "DataExtension.CustomerKey", "SubscriberKey")
    return {name: new[name] for name in names if name in new}


@pytest.mark.parametrize("kind", SETTABLE)
def test_what_is_settable_is_kept_changed_and_shown(soap: Soap, key: str, kind: str) -> None:
    new = {name: text.format(key=key) for name, text in NEW[kind].items()}
    assert set(new) == EVIDENCE[kind].settable
    more = what_goes_along(soap, kind, key)
    soap.good("Create", written(kind, new, more))
    identity = new[IDENTITY.get(kind, "CustomerKey")]
    assert shown(soap, kind, identity) == new

    changed = {name: text.format(key=key) for name, text in CHANGED[kind].items()}
    assert not changed.keys() & EVIDENCE[kind].fixed
    soap.good("Update", written(kind, naming(new) | changed, more if kind == "FilterDefinition" else ""))
    assert shown(soap, kind, identity) == new | changed


class Inside(Soap):
    """A caller of a business unit in this process, whose reading of what is written can be watched."""

    def __init__(self, service: Service) -> None:
        self.service, self.read = service, dict[str, set[str]]()

    def call(self, action: str, body: str, token: str | None = None) -> Reply:
        message = envelope.parse(
            f'<{action} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{body}</{action}>'.encode()
        )[0]
        if action == "Retrieve":
            answer = retrieval.answer(self.service, message)
        else:
            answer = operations.replied(action, operations.outcome(self.service, action, message))
        return Reply(200, envelope.parse(envelope.write(action, "", answer)))

    def note(self, parent: Any, name: str) -> None:
        """That somebody looks for a child of that name; what matters are the members of objects."""
        path = [name]
        while parent is not None and envelope.local(parent) != "Objects":
            path.insert(0, envelope.local(parent))
            parent = parent.getparent()
        if parent is not None:
            self.read.setdefault(envelope.type_of(parent) or "", set()).add(".".join(path))


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    folder = Folder(tmp_path_factory.mktemp("unit"))
    store = Store(folder.database)
    units = Units(folder, folder.account(None, None, "1000001"), Behaviour(), store, Board())
    yield Inside(units.enterprise)
    for worker in units.enterprise.workers:
        worker.stop()
    store.close()


def watch(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = envelope.children

    def watched(parent: Any, name: str) -> Iterator[Any]:
        inside.note(parent, name)
        return plain(parent, name)

    monkeypatch.setattr(envelope, "children", watched)


def unlisted_of(inside: Inside, kind: str) -> set[str]:
    """What was read of objects of a type and is neither listed, nor on the way to, nor inside of what is listed."""
    listed = EVIDENCE[kind].settable | EVIDENCE[kind].forms.keys() | evidence.IDENTITY
    return {
        path
        for path in inside.read[kind]
        if not any(f"{path}.".startswith(f"{one}.") or one.startswith(f"{path}.") for one in listed)
    }


def test_nothing_of_rows_and_triggered_sends_is_read_that_the_table_does_not_list(
    inside: Inside, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside.good("Create", data_extension(key, KEY_FIELD, a_field("Name", MaxLength=50)))
    active(inside, key)
    watch(inside, monkeypatch)
    inside.good("Create", row(key, {"Key": "1", "Name": None}))
    inside.good("Update", row(key, {"Name": "n"}, {"Key": "1"}))
    inside.good("Delete", row(key, {}, {"Key": "1"}))
    inside.good("Create", triggered(key, {"SubscriberKey": key, "EmailAddress": f"{key}@x.example", "Name": "n"}))
    for kind in ("DataExtensionObject", "TriggeredSend"):
        assert inside.read[kind] >= EVIDENCE[kind].forms.keys() - {"Name"}
        assert unlisted_of(inside, kind) == set()


@pytest.mark.parametrize("kind", SETTABLE)
def test_nothing_of_an_object_is_read_that_the_table_does_not_list(
    inside: Inside, key: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a type's module looks for in an object is settable, names the object, or is listed as of another form."""
    watch(inside, monkeypatch)
    test_what_is_settable_is_kept_changed_and_shown(inside, key, kind)
    known = EVIDENCE[kind]
    assert known.settable <= inside.read[kind], "what is settable was not seen to be read"
    unlisted = unlisted_of(inside, kind)
    # What is read only to be repeated in the reply is not kept: a value that is sent does not come back.
    named = {**naming({name: text.format(key=key) for name, text in NEW[kind].items()})}
    repeated = unlisted & set(HANDLERS[kind].SHAPE.retrievable)
    assert unlisted - repeated <= {"PartnerKey"}
    for name in sorted(repeated):
        inside.write("Update", written(kind, named | {name: PROBES.get(name, "probe")}))
        assert PROBES.get(name, "probe") not in shown(inside, kind, named["CustomerKey"], [name]).values(), name
