"""How sure each type of object is, and what a request can set of it: the levels behind `docs/simulator/objects.md`.

What belongs here: levels by operation and property, what is settable. What does not: writing the table, and what the
levels mean (`evidence.py`), operations that are of no type (`evidence_of_operations.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Evidence:
    """What is known of a type. `verbs` gives levels by operation, `fields` that of every property but `other`.

    `settable` are the properties that Create takes and Retrieve shows, of which `fixed` do not change by Update;
    `forms` are what else it takes, in a form of its own, with what that is.
    """

    verbs: Mapping[str, str]
    fields: str
    other: Mapping[str, str] = field(default_factory=dict)
    settable: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    note: str = ""
    forms: Mapping[str, str] = field(default_factory=dict)


IDENTITY = frozenset({"ObjectID", "ID", "CustomerKey", "Client.ID", "Client.ClientID"})
"""What names an object, or the business unit that it is in; a request may give it for every type."""


def _each(letters: str, verbs: str) -> dict[str, str]:
    """`_each("R D", "Retrieve Describe")`: levels by operation."""
    return dict(zip(verbs.split(), letters.split(), strict=True))


def _forms(names: str, form: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), form)


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
    "AccountUser": Evidence(
        _each("R W", "Retrieve Describe"),
        "R",
        note="An administrator, the settings file's users, and one for each package: `... app user`, no address [R].",
    ),
    "AccountUserAccount": Evidence(
        _each("R K", "Retrieve Describe"), "R", note="Who may work in which unit; the enterprise tells it of all [K]."
    ),
    "Automation": Evidence(
        _each("K R K R R D", "Create Retrieve Update Delete Perform Describe"),
        "W",
        {"Status": "R"},
        _names("CustomerKey Name Description AutomationType CategoryID IsActive"),
        _names("CustomerKey"),
        note="Retrieve answers Program [R]. Perform takes Start, Schedule takes Start too. Also settable:"
        " AutomationTasks, whose activities are queries, filters, imports and sends.",
        forms=_forms("AutomationTasks", "steps of activities"),
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
        forms=_forms("Fields", "Field, by the rules of DataExtensionField") | _forms("Template", "by CustomerKey"),
    ),
    "DataExtensionField": Evidence(
        _each("K R K K D", _WRITTEN),
        "R",
        {"StorageType": "R"},
        _names("Name FieldType MaxLength Scale DefaultValue IsRequired IsPrimaryKey DataExtension.CustomerKey"),
        _names("Name FieldType IsPrimaryKey DataExtension.CustomerKey"),
        note="The documented way to change fields is through the DataExtension; both end in the same rules.",
        forms=_forms("DataExtension", "by CustomerKey"),
    ),
    "DataExtensionObject": Evidence(
        _each("D D D D K", _WRITTEN),
        "D",
        note="Rows: `DataExtensionObject[key or name]`; the properties are the fields, and `_CustomObjectKey` [R].",
        forms=_forms("Name", "the data extension's, where no CustomerKey is given")
        | _forms("Keys", "Key: Name, Value")
        | _forms("Properties", "Property: Name, Value; of type NullAPIProperty it is null"),
    ),
    "DataExtensionTemplate": Evidence(_each("R D", "Retrieve Describe"), "R"),
    "DataFolder": Evidence(
        _each("R R D D R", _WRITTEN),
        "R",
        {"Client.CreatedBy": "R", "Client.ModifiedBy": "R"},
        _names("CustomerKey ParentFolder.ID Name Description ContentType IsActive IsEditable AllowChildren"),
        _names("ContentType"),
        note="The roots of every content type are there from the start.",
        forms=_forms("ParentFolder", "by ID, ObjectID or CustomerKey"),
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
        forms=_forms("Email SendClassification SenderProfile", "by ID, ObjectID or CustomerKey")
        | _forms("SendDefinitionList", "a list or a sendable data extension"),
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
        forms=_forms("FilterDefinitionID SourceObjectID DestinationObjectID", "an ObjectID")
        | _forms("SourceTypeID DestinationTypeID", "2, a data extension"),
    ),
    "FilterDefinition": Evidence(
        _each("D R D K D", _WRITTEN),
        "D",
        {},
        _names("CustomerKey Name Description CategoryID DataSource.CustomerKey"),
        _names("CustomerKey"),
        note="Also settable: DataFilter. An Update needs DataSource and DataFilter [D].",
        forms=_forms("DataFilter", "SimpleFilterPart or ComplexFilterPart") | _forms("DataSource", "a DataExtension"),
    ),
    "ImportDefinition": Evidence(
        _each("D D D D D D", "Create Retrieve Update Delete Perform Describe"),
        "D",
        dict.fromkeys(("MaxFileAgeScheduleOffset", "DestinationType", "EncodingCodePage", "Filter"), "W"),
        _names(
            "CustomerKey Name Description AllowErrors DestinationObject.CustomerKey FieldMappingType FileSpec FileType"
            " Notification.ResponseType Notification.ResponseAddress Notification.RespondWhen"
            " RetrieveFileTransferLocation.CustomerKey DestinationType"
            " SubscriberImportType UpdateType MaxFileAge MaxFileAgeScheduleOffset MaxImportFrequency HeaderLines"
            " EndOfLineRepresentation NullRepresentation StandardQuotedStrings DateFormattingLocale.LocaleCode"
            " DeleteFile EncodingCodePage"
        ),
        note="Perform takes Start. Also settable, in forms of their own: FieldMaps, ControlColumn and its actions.",
        forms=_forms("FieldMaps", "FieldMap")
        | _forms("ControlColumn ControlColumnDefaultAction", "of UpdateType ColumnBased")
        | _forms("ControlColumnActions", "ImportDefinitionColumnBasedAction")
        | _forms("DestinationObject", "DataExtension or List")
        | _forms("AutoGenerateDestination", "DataExtensionTarget, ErrorIfExists")
        | _forms("Delimiter", "of FileType Other")
        | _forms("SourceObject Filter", "refused"),
    ),
    "ImportResultsSummary": Evidence(_each("D D", "Retrieve Describe"), "D", {"CustomerKey": "W"}),
    "List": Evidence(
        _each("D R D D R", _WRITTEN),
        "R",
        {},
        _names("CustomerKey ListName Category Type Description ListClassification"),
    ),
    "ListSend": Evidence(
        _each("W K", "Retrieve Describe"),
        "W",
        note="What a send did to each of its lists, counted from events; who was of none counts on the Send alone [K].",
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
            " CategoryID FileSpec FileType"
        ),
        _names("CustomerKey"),
        note="Perform takes Start; completion cannot be retrieved [D]. What a query may say: queries.md.",
        forms=_forms("DataExtensionTarget", "by CustomerKey or Name"),
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
        forms=_forms("SenderProfile", "by ID, ObjectID or CustomerKey"),
        note="`Default Commercial` (Marketing) and `Default Transactional` (Operational) are there from the start [K].",
    ),
    "SenderProfile": Evidence(
        _each("K D K K D", _WRITTEN),
        "W",
        dict.fromkeys(
            ("Client.CreatedBy", "Client.ModifiedBy", "FallbackFromAddress", "RMMRuleCollection.ObjectID"), "R"
        ),
        _names(
            "CustomerKey Name Description FromName FromAddress UseDefaultRMMRules SenderHeaderEmailAddress"
            " SenderHeaderName ReplyToAddress ReplyToDisplayName"
        ),
        _names("CustomerKey"),
        note="`Default` is there from the start [K]. Replies go nowhere: their properties are asked for by tools [R].",
    ),
    "SentEvent": _event(
        {"ListID": "R", "TriggeredSendDefinitionObjectID": "R"},
        "ListID is retrievable though the WSDL lacks it [R]. Every event knows RetrieveAllSinceLastBatch, with a mark"
        " per unit and type (`since_last_batch`) [D, K].",
    ),
    "Subscriber": Evidence(
        _each("R D R R D", _WRITTEN),
        "D",
        {},
        _names("EmailAddress SubscriberKey Status EmailTypePreference"),
        _names("SubscriberKey"),
        note="Attributes and Lists are settable too, and are not retrieved.",
        forms=_forms("Attributes", "Name, Value") | _forms("Lists", "ID, Status, Action"),
    ),
    "SubscriberStatusEvent": Evidence(_each("D D", "Retrieve Describe"), "D"),
    "TriggeredSend": Evidence(
        _each("R D", "Create Describe"),
        "R",
        note="Takes TriggeredSendDefinition (CustomerKey or ObjectID) and Subscribers (SubscriberKey, EmailAddress,"
        " Attributes). OK though subscribers failed: they are its SubscriberFailures [R], with codes that are [K].",
        forms=_forms("TriggeredSendDefinition", "by CustomerKey or ObjectID")
        | _forms("Subscribers", "SubscriberKey, EmailAddress, Attributes"),
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
        forms=_forms("Email SendClassification SenderProfile List", "by ID, ObjectID or CustomerKey")
        | _forms("SendSourceDataExtension", "by ObjectID or CustomerKey")
        | _forms("TriggeredSendStatus", "by Update"),
    ),
    "TriggeredSendSummary": Evidence(_each("R D", "Retrieve Describe"), "R"),
    "UnsubEvent": _event({"IsMasterUnsubscribed": "R"}, "ListID, UnsubscribeType and OptOut are refused [R]."),
}
