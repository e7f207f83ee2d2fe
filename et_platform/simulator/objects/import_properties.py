"""The properties of an ImportDefinition: which there are, and taking them over from a request.

What belongs here: reading a request into a definition's document, and finding or making its destination. What does
not: the operations (`import_definition.py`), what is wrong with a definition (`imports/rules.py`).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from et_platform.simulator import clock, envelope, markup, retrieval, schema, units
from et_platform.simulator.envelope import Element
from et_platform.simulator.imports import lists
from et_platform.simulator.objects import data_extension, list_
from et_platform.simulator.results import Refused
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking.people import ALL_SUBSCRIBERS

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

BAD_TYPE, INVALID = 43020, 43060  # [D]
_TYPE = "DestinationObject.Type"

_VERBATIM = ("Delimiter", "NullRepresentation", "EndOfLineRepresentation")  # these may be blanks
_TEXTS = (
    "Name",
    "Description",
    "AllowErrors",
    "FieldMappingType",
    "FileSpec",
    "FileType",
    "SubscriberImportType",
    "UpdateType",
    "MaxFileAge",
    "MaxFileAgeScheduleOffset",
    "MaxImportFrequency",
    "Delimiter",
    "HeaderLines",
    "ControlColumn",
    "ControlColumnDefaultAction",
    "EndOfLineRepresentation",
    "NullRepresentation",
    "StandardQuotedStrings",
    "Filter",
    "DeleteFile",
    "DestinationType",
    "EncodingCodePage",
)

SHAPE = retrieval.Shape(
    object_type="ImportDefinition",
    order=(
        "Client.ID",
        "PartnerKey",
        "CreatedDate",
        "ModifiedDate",
        "ObjectID",
        "CustomerKey",
        "Name",
        "Description",
        "AllowErrors",
        "DestinationObject.ID",
        "DestinationObject.ObjectID",
        "DestinationObject.CustomerKey",
        "FieldMappingType",
        "FieldMaps",
        "FileSpec",
        "FileType",
        "Notification.ResponseType",
        "Notification.ResponseAddress",
        "Notification.RespondWhen",
        "RetrieveFileTransferLocation.ObjectID",
        "RetrieveFileTransferLocation.CustomerKey",
        "SubscriberImportType",
        "UpdateType",
        "MaxFileAge",
        "MaxFileAgeScheduleOffset",
        "MaxImportFrequency",
        "Delimiter",
        "HeaderLines",
        "ControlColumn",
        "ControlColumnDefaultAction",
        "ControlColumnActions",
        "EndOfLineRepresentation",
        "NullRepresentation",
        "StandardQuotedStrings",
        "Filter",
        "DateFormattingLocale.LocaleCode",
        "DeleteFile",
        "DestinationType",
        "EncodingCodePage",
    ),
    types={"CreatedDate": "Date", "ModifiedDate": "Date"},
    plain=frozenset({"Client", "Notification", "DateFormattingLocale"}),
    raw=frozenset({"FieldMaps", "ControlColumnActions"}),
    nested_types={"DestinationObject": "DataExtension"},
    typed_by={"DestinationObject": _TYPE},
)


def new(service: Service, element: Element) -> dict[str, Any]:
    """The document of a definition that does not exist yet."""
    object_id = str(uuid.uuid4())
    properties = {
        "Client.ID": service.account.mid,
        "ObjectID": object_id,
        "CustomerKey": (envelope.value(element, "CustomerKey") or "").strip(),
        "CreatedDate": clock.iso(clock.now()),
    }
    return {"object_id": object_id, "destination": "", "properties": properties, "maps": [], "actions": []}


def take_over(service: Service, connection: Connection, definition: dict[str, Any], element: Element) -> None:
    """Take over what the request gives; what it leaves out stays [D]. Raises Refused."""
    properties = definition["properties"]
    properties["ModifiedDate"] = clock.iso(clock.now())
    for name in _TEXTS:
        text = envelope.value(element, name)
        if text is not None:
            properties[name] = text if name in _VERBATIM else text.strip()
    for outer, inner in (
        ("RetrieveFileTransferLocation", "CustomerKey"),
        ("DateFormattingLocale", "LocaleCode"),
        ("Notification", "ResponseType"),
        ("Notification", "ResponseAddress"),
        ("Notification", "RespondWhen"),
    ):
        text = envelope.value(envelope.child(element, outer), inner)
        if text is not None:
            properties[f"{outer}.{inner}"] = text.strip()
    if envelope.child(element, "SourceObject") is not None:
        raise Refused(BAD_TYPE, "ImportDefinition Object Not Supported: only files can be imported here.")
    _take_destination(service, connection, definition, element)
    for outer, tag, names, kept in (
        ("FieldMaps", "FieldMap", ("SourceName", "SourceOrdinal", "DestinationName"), "maps"),
        ("ControlColumnActions", "ControlColumnAction", ("Value", "Action"), "actions"),
    ):
        given = envelope.child(element, outer)
        if given is not None:
            definition[kept] = [
                {name: envelope.value(one, name) for name in names} for one in envelope.children(given, tag)
            ]
            properties[outer] = _written(tag, definition[kept])


def _take_destination(service: Service, connection: Connection, definition: dict[str, Any], element: Element) -> None:
    given, generated = envelope.child(element, "DestinationObject"), envelope.child(element, "AutoGenerateDestination")
    if given is not None and generated is not None:
        raise Refused(INVALID, invalid("DestinationObject and AutoGenerateDestination exclude each other."))
    owner, key = service, ""
    if generated is not None:
        found = _generated(service, connection, generated)
    elif given is not None:
        kind = envelope.type_of(given)
        if kind == "List":
            _take_list(connection, definition, (envelope.value(given, "ID") or "").strip())
            return
        if kind != "DataExtension":
            raise Refused(BAD_TYPE, f"ImportDefinition Object Not Supported: {kind or 'a destination without a type'}.")
        key = (envelope.value(given, "CustomerKey") or "").strip()
        owner, rest = units.owner(service, key)
        if owner is service:
            found = _identified(connection, given)
        else:
            with owner.store.connect() as shared:
                found = schema.by_key_or_name(shared, rest)
    else:
        return
    if found is None:
        raise Refused(INVALID, invalid("The DestinationObject was not found."))
    definition["destination"] = found.object_id
    definition["owner"] = "" if owner is service else owner.account.mid
    definition["properties"].pop("DestinationObject.ID", None)
    definition["properties"] |= {
        _TYPE: "DataExtension",
        "DestinationObject.ObjectID": found.object_id,
        "DestinationObject.CustomerKey": found.customer_key if owner is service else key,
    }


def _take_list(connection: Connection, definition: dict[str, Any], number: str) -> None:
    """A list is named by its number; ObjectID and CustomerKey are not supported [D]."""
    if not number.isdecimal() or int(number) not in {ALL_SUBSCRIBERS, *list_.numbers(connection)}:
        raise Refused(INVALID, invalid(f"The List was not found: ID {number or 'is required'}."))
    for name in ("DestinationObject.ObjectID", "DestinationObject.CustomerKey"):
        definition["properties"].pop(name, None)
    definition["properties"] |= {_TYPE: "List", "DestinationObject.ID": number}
    definition |= {"destination": f"{lists.PREFIX}{number}", "owner": ""}


def _identified(connection: Connection, element: Element) -> DataExtension | None:
    try:
        return data_extension.identified(connection, element)
    except Refused as refused:
        raise Refused(INVALID, invalid(refused.message)) from refused


def _generated(service: Service, connection: Connection, element: Element) -> DataExtension | None:
    """The data extension that AutoGenerateDestination describes: made now unless it exists [D; when it is made: K]."""
    target = envelope.child(element, "DataExtensionTarget")
    if target is None:
        raise Refused(INVALID, invalid("AutoGenerateDestination needs a DataExtensionTarget."))
    existing = _identified(connection, target)
    if existing is None:
        try:
            made = data_extension.create(service, connection, target)
        except Refused as refused:
            raise Refused(INVALID, invalid(refused.message)) from refused
        return schema.by_object_id(connection, made.new_object_id or "")
    if (envelope.value(element, "ErrorIfExists") or "").strip().lower() in ("true", "1"):
        raise Refused(INVALID, invalid("The DataExtensionTarget exists already."))
    return existing


def echo(definition: dict[str, Any], element: Element) -> str:
    """The object as replies to Create and Update show it: what the request gave, and its ObjectID [D]."""
    given = {name for name in SHAPE.order if _gave(element, name)}
    return SHAPE.render(definition["properties"], given | {"ObjectID", "CustomerKey"}, tag="Object")


def _gave(element: Element, name: str) -> bool:
    *outer, inner = name.split(".")
    parent = envelope.child(element, outer[0]) if outer else element
    return envelope.child(parent, inner) is not None


def invalid(reason: str) -> str:
    """The message of error 43060 [D] with its reason."""
    return f"ImportDefinition Validation Error: {reason}"


def _written(tag: str, members: list[dict[str, str | None]]) -> str:
    return "".join(
        markup.element(tag, *(markup.text(name, text) for name, text in one.items() if text is not None))
        for one in members
    )
