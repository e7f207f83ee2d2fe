"""How sure each part of the SOAP side is: types, operations and properties, as a table for readers.

What belongs here: the level of evidence of each, which properties a request can set, and writing
`docs/simulator/objects.md` (`python -m et_platform.simulator.evidence`). What does not: behaviour. Types, operations
and properties are read from the code; only levels and what is settable stand here, and tests hold both against the
code and a running simulator.

Levels: [D] the vendor's documentation, [R] recorded or verified live by a public project, [W] the WSDL, [3] a
third-party page, [K] background knowledge, unconfirmed: a setting where it matters.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from et_platform.simulator import describe
from et_platform.simulator.evidence_of_operations import OPERATIONS
from et_platform.simulator.objects.handlers import HANDLERS
from et_platform.simulator.operations import ACTIONS

VERBS = ("Create", "Retrieve", "Update", "Delete", "Perform", "Describe")


@dataclass(frozen=True)
class Evidence:
    """What is known of a type. `verbs` gives levels by operation, `fields` that of every property but `other`.

    `settable` are the properties that Create takes, of which `fixed` do not change by Update.
    """

    verbs: Mapping[str, str]
    fields: str
    other: Mapping[str, str] = field(default_factory=dict)
    settable: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    note: str = ""


def _each(letters: str, verbs: str) -> dict[str, str]:
    """`_each("R D", "Retrieve Describe")`: levels by operation."""
    return dict(zip(verbs.split(), letters.split(), strict=True))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WRITTEN = "Create Retrieve Update Delete Describe"


def _event(own: Mapping[str, str] | None = None, note: str = "") -> Evidence:
    live = dict.fromkeys(("SubscriberKey", "EventDate", "SendID", "BatchID", "EventType"), "R")
    return Evidence(_each("R D", "Retrieve Describe"), "W", live | dict(own or {}), note=note)


EVIDENCE: dict[str, Evidence] = {
    "Account": Evidence(
        _each("R R", "Retrieve Describe"),
        "R",
        dict.fromkeys(("CustomerKey", "TimeZone.Name", "Locale.LocaleCode", "LanguageLocale.LocaleCode"), "K"),
        note="The properties are recorded; those with a value are the unit's own, addresses and contracts are absent.",
    ),
    "Automation": Evidence(
        _each("K R K R R D", "Create Retrieve Update Delete Perform Describe"),
        "W",
        {"Status": "R"},
        _names("CustomerKey Name Description AutomationType CategoryID IsActive"),
        _names("CustomerKey"),
        note="Retrieve answers Program [R]. Perform takes Start, Schedule takes Start too. Also settable:"
        " AutomationTasks, whose activities are queries, filters, imports and sends.",
    ),
    "BounceEvent": _event({"BounceType": "R", "BounceCategory": "R"}, "What BounceType says is unconfirmed [K]."),
    "BusinessUnit": Evidence(
        _each("R K", "Retrieve Describe"), "W", {"MasterUnsubscribeBehavior": "R", "AccountType": "R"}
    ),
    "ClickEvent": _event({"URL": "R"}),
    "DataExtension": Evidence(
        _each("R R R R R D", "Create Retrieve Update Delete Perform Describe"),
        "R",
        {"Status": "W", "DataRetentionPeriod": "W"},
        _names(
            "CustomerKey Name Description IsSendable IsTestable SendableDataExtensionField.Name"
            " SendableSubscriberField.Name Template.CustomerKey DataRetentionPeriodLength"
            " DataRetentionPeriodUnitOfMeasure RowBasedRetention ResetRetentionPeriodOnImport"
            " DeleteAtEndOfRetentionPeriod RetainUntil DataRetentionPeriod CategoryID"
        ),
        _names("Template.CustomerKey"),
        note="Perform takes ClearData. Its Fields are created, changed and deleted by the rules of DataExtensionField.",
    ),
    "DataExtensionField": Evidence(
        _each("K R K K D", _WRITTEN),
        "R",
        {"StorageType": "R"},
        _names("Name FieldType MaxLength Scale DefaultValue IsRequired IsPrimaryKey DataExtension.CustomerKey"),
        _names("Name FieldType IsPrimaryKey DataExtension.CustomerKey"),
        note="The documented way to change fields is through the DataExtension; both end in the same rules.",
    ),
    "DataExtensionObject": Evidence(
        _each("D D D D K", _WRITTEN),
        "D",
        note="Rows: `DataExtensionObject[key or name]`; the properties are the fields, and `_CustomObjectKey` [R].",
    ),
    "DataExtensionTemplate": Evidence(_each("R D", "Retrieve Describe"), "R"),
    "DataFolder": Evidence(
        _each("R R D D R", _WRITTEN),
        "R",
        {"Client.CreatedBy": "R", "Client.ModifiedBy": "R"},
        _names("CustomerKey ParentFolder.ID Name Description ContentType IsActive IsEditable AllowChildren"),
        _names("ContentType"),
        note="The roots of every content type are there from the start.",
    ),
    "Email": Evidence(
        _each("K R K K D", _WRITTEN),
        "W",
        {},
        _names(
            "CustomerKey Name CategoryID HTMLBody TextBody Subject IsHTMLPaste EmailType CharacterSet SyncTextWithHTML"
            " PreHeader"
        ),
        _names("CustomerKey"),
    ),
    "EmailSendDefinition": Evidence(
        _each("R D K K D D", "Create Retrieve Update Delete Perform Describe"),
        "W",
        {"SendDefinitionList": "K"},
        _names(
            "CustomerKey Name Description CategoryID SendClassification.CustomerKey SenderProfile.CustomerKey FromName"
            " FromAddress SuppressTracking IsSendLogging BccEmail AutoBccEmail TestEmailAddr EmailSubject"
            " DynamicEmailSubject IsMultipart IsWrapped DeduplicateByEmail ExclusionFilter Additional CCEmail PreHeader"
        ),
        _names("CustomerKey"),
        note="Perform takes Start and makes a Send. Also settable, in forms of their own: Email, SendDefinitionList"
        " (SourceList and ExclusionList, of sendable data extensions and lists).",
    ),
    "ExtractDescription": Evidence(_each("R D", "Retrieve Describe"), "R", {"CustomerKey": "K"}),
    "FileTransferActivity": Evidence(
        _each("D D", "Perform Describe"),
        "D",
        note="Perform takes Start, by CustomerKey; the setting `file_transfers` says which there are.",
    ),
    "FilterActivity": Evidence(
        _each("R D K K K D", "Create Retrieve Update Delete Perform Describe"),
        "R",
        {},
        _names("CustomerKey Name Description"),
        _names("CustomerKey"),
        note="Perform takes Start [K]. Also settable: FilterDefinitionID, and SourceObjectID and DestinationObjectID"
        " with their type IDs, where 2 is a data extension [R].",
    ),
    "FilterDefinition": Evidence(
        _each("D R D K D", _WRITTEN),
        "D",
        {},
        _names("CustomerKey Name Description CategoryID DataSource.CustomerKey"),
        _names("CustomerKey"),
        note="Also settable: DataFilter. An Update needs DataSource and DataFilter [D].",
    ),
    "ImportDefinition": Evidence(
        _each("D D D D D D", "Create Retrieve Update Delete Perform Describe"),
        "D",
        dict.fromkeys(("MaxFileAgeScheduleOffset", "DestinationType", "EncodingCodePage", "Filter"), "W"),
        _names(
            "CustomerKey Name Description AllowErrors DestinationObject.CustomerKey FieldMappingType FileSpec FileType"
            " Notification.ResponseType Notification.ResponseAddress RetrieveFileTransferLocation.CustomerKey"
            " SubscriberImportType UpdateType MaxFileAge MaxFileAgeScheduleOffset MaxImportFrequency HeaderLines"
            " EndOfLineRepresentation NullRepresentation StandardQuotedStrings DateFormattingLocale.LocaleCode"
            " DeleteFile EncodingCodePage"
        ),
        note="Perform takes Start. Also settable, in forms of their own: FieldMaps, ControlColumn and its actions.",
    ),
    "ImportResultsSummary": Evidence(_each("D D", "Retrieve Describe"), "D", {"CustomerKey": "W"}),
    "List": Evidence(
        _each("D R D D R", _WRITTEN),
        "R",
        {},
        _names("CustomerKey ListName Category Type Description ListClassification"),
    ),
    "ListSubscriber": Evidence(_each("D D", "Retrieve Describe"), "D"),
    "NotSentEvent": _event(),
    "OpenEvent": _event(),
    "Program": Evidence(
        _each("R R D", "Retrieve Perform Describe"), "W", {"Status": "R"}, note="The old name of Automation."
    ),
    "QueryDefinition": Evidence(
        _each("D D D D D D", "Create Retrieve Update Delete Perform Describe"),
        "D",
        dict.fromkeys(("FileSpec", "FileType"), "W"),
        _names(
            "CustomerKey Name Description QueryText TargetType DataExtensionTarget.CustomerKey TargetUpdateType"
            " CategoryID"
        ),
        _names("CustomerKey"),
        note="Perform takes Start; completion cannot be retrieved [D]. What a query may say: queries.md.",
    ),
    "ResultItem": Evidence(_each("D D", "Retrieve Describe"), "D"),
    "ResultMessage": Evidence(
        _each("D D", "Retrieve Describe"), "D", note="The form of ResultDetailXML is that of a reply [K]."
    ),
    "Role": Evidence(_each("R D", "Retrieve Describe"), "R"),
    "Send": Evidence(
        _each("R D", "Retrieve Describe"),
        "W",
        dict.fromkeys(("ID", "EmailName", "Subject", "FromName", "SentDate"), "R"),
        note="SentDate is there once a send is done [D]. What people did is counted whenever it is asked for.",
    ),
    "SendClassification": Evidence(
        _each("K D K K D", _WRITTEN),
        "W",
        {},
        _names(
            "CustomerKey SendClassificationType Name Description SenderProfile.CustomerKey"
            " HonorPublicationListOptOutsForTransactionalSends"
        ),
        _names("CustomerKey"),
        note="`Default Commercial` (Marketing) and `Default Transactional` (Operational) are there from the start [K].",
    ),
    "SenderProfile": Evidence(
        _each("K D K K D", _WRITTEN),
        "W",
        {},
        _names(
            "CustomerKey Name Description FromName FromAddress UseDefaultRMMRules SenderHeaderEmailAddress"
            " SenderHeaderName ReplyToAddress ReplyToDisplayName"
        ),
        _names("CustomerKey"),
        note="`Default` is there from the start [K].",
    ),
    "SentEvent": _event(
        {"ListID": "R", "TriggeredSendDefinitionObjectID": "R"},
        "ListID is retrievable though the WSDL lacks it [R]. RetrieveAllSinceLastBatch is read over, for every event.",
    ),
    "Subscriber": Evidence(
        _each("R D R R D", _WRITTEN),
        "D",
        {},
        _names("EmailAddress SubscriberKey Status EmailTypePreference"),
        _names("SubscriberKey"),
        note="Attributes and Lists are settable too, and are not retrieved.",
    ),
    "SubscriberStatusEvent": Evidence(_each("D D", "Retrieve Describe"), "D"),
    "TriggeredSend": Evidence(
        _each("R D", "Create Describe"),
        "R",
        note="Takes TriggeredSendDefinition (CustomerKey or ObjectID) and Subscribers (SubscriberKey, EmailAddress,"
        " Attributes). OK though subscribers failed: they are its SubscriberFailures [R], with codes that are [K].",
    ),
    "TriggeredSendDefinition": Evidence(
        _each("R D D R D", _WRITTEN),
        "W",
        {},
        _names(
            "CustomerKey Name Description CategoryID SendClassification.CustomerKey SenderProfile.CustomerKey FromName"
            " FromAddress SuppressTracking IsSendLogging TriggeredSendType List.ID AutoAddSubscribers"
            " AutoUpdateSubscribers BatchInterval BccEmail EmailSubject DynamicEmailSubject IsMultipart IsWrapped"
            " RefreshContent ExclusionFilter Priority CCEmail PreHeader"
        ),
        _names("CustomerKey"),
        note="Begins as New; Update of TriggeredSendStatus makes it Active [D], Inactive, Canceled or Deleted. Also"
        " settable: Email, SendSourceDataExtension.",
    ),
    "TriggeredSendSummary": Evidence(_each("R D", "Retrieve Describe"), "R"),
    "UnsubEvent": _event({"IsMasterUnsubscribed": "R"}, "ListID, UnsubscribeType and OptOut are refused [R]."),
}


def verbs(kind: str) -> list[str]:
    """The operations that a type's module offers."""
    module = HANDLERS[kind]
    offered = {
        "Create": hasattr(module, "save"),
        "Retrieve": hasattr(module, "retrieve"),
        "Update": hasattr(module, "save") and not getattr(module, "CREATED_ONLY", False),
        "Delete": hasattr(module, "delete"),
        "Perform": any(hasattr(module, function) for function in ACTIONS.values()),
        "Describe": True,
    }
    return [verb for verb in VERBS if offered[verb]]


def table() -> str:
    """The page `docs/simulator/objects.md`."""
    lines = [
        "# The local ExactTarget over SOAP: objects, operations, properties",
        "",
        "Written by `python -m et_platform.simulator.evidence`; a test fails when it is not what the code says.",
        "Every property can be used in a filter. What is unconfirmed and matters is a setting (`etp sim --help`).",
        "",
        "How sure it is: **D** the vendor's documentation · **R** recorded, or verified live by a public project ·",
        "**W** the WSDL · **3** a third-party page · **K** background knowledge, unconfirmed. A dash: not offered.",
        "",
        "## Operations",
        "",
        *_rows(("operation", "", "what of it"), ((name, *told) for name, told in OPERATIONS.items())),
        "",
        "## Objects",
        "",
        *_rows(("object", *VERBS), ((f"[{kind}](#{kind.lower()})", *_levels(kind)) for kind in EVIDENCE)),
    ]
    for kind, known in EVIDENCE.items():
        lines += ["", f"### {kind}", ""]
        if known.note:
            lines += [known.note, ""]
        if kind != "DataExtensionObject" and "Retrieve" in known.verbs:
            lines += _rows(("property", "holds", "", "Retrieve", "Create", "Update"), _properties(kind, known))
    return "\n".join(lines) + "\n"


def _levels(kind: str) -> list[str]:
    offered = verbs(kind)
    return [EVIDENCE[kind].verbs[verb] if verb in offered else "–" for verb in VERBS]


def _properties(kind: str, known: Evidence) -> Iterable[tuple[str, ...]]:
    shape: Any = HANDLERS[kind].SHAPE
    for name in shape.retrievable:
        held = describe.retrievable(shape, name).data_type
        created = "×" if name in known.settable else ""
        updated = "×" if name in known.settable - known.fixed else ""
        yield f"`{name}`", held, known.other.get(name, known.fields), "×", created, updated


def _rows(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    heading = tuple(heading)
    return [_row(heading), _row("---" for _ in heading), *map(_row, rows)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(table())
