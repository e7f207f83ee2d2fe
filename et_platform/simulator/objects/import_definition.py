"""ImportDefinition: create, update, delete, retrieve, and Perform start.

What belongs here: its properties, validation and error codes 43000-43060 [D]. What does not: running an import
(`imports/`).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from et_platform.simulator import clock, envelope, markup, retrieval, schema, store, units
from et_platform.simulator.envelope import Element
from et_platform.simulator.imports import plan, tasks
from et_platform.simulator.objects import data_extension
from et_platform.simulator.results import Refused, Result, SaveMode, refusal
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

KIND = "import_definition"
LOCATION = "ExactTarget Enhanced FTP"
"""The stock location: the Import folder [D]."""

_NO_KEY, _NOT_FOUND, _BAD_TYPE, _EXISTS, _INVALID = 43000, 43010, 43020, 43030, 43060
_KEY_LENGTH = 36  # [R]

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
        "DestinationObject.ObjectID",
        "DestinationObject.CustomerKey",
        "FieldMappingType",
        "FieldMaps",
        "FileSpec",
        "FileType",
        "Notification.ResponseType",
        "Notification.ResponseAddress",
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
)


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of import definitions, oldest first."""
    source = f"SELECT seq, body->'$.properties' AS shown FROM documents WHERE kind = '{KIND}'"
    return retrieval.documents(service, query, SHAPE, source, "shown->>'$.\"{}\"'", "seq")


def save(service: Service, objects: list[Element], mode: SaveMode, operation: str) -> list[Result]:
    """Create, update or upsert import definitions, each on its own."""
    return [_saved(service, one, mode) for one in objects]


def delete(service: Service, objects: list[Element]) -> list[Result]:
    """Delete import definitions; running tasks and summaries stay."""
    results = []
    for element in objects:
        try:
            with service.store.definitions, service.store.transaction() as connection:
                found = _existing(connection, element)
                store.remove(connection, KIND, found["object_id"])
            shown = SHAPE.render(found["properties"], {"ObjectID", "CustomerKey"}, tag="Object")
            results.append(Result("ImportDefinition deleted.", shown))
        except Refused as refused:
            results.append(refusal(refused, _named(element)))
    return results


def start(service: Service, element: Element) -> Result:
    """Queue one run. `details` of the result is the Task element, whose ID is the only handle [D]."""
    try:
        with service.store.definitions, service.store.transaction() as connection:
            found = _existing(connection, element)
            task = tasks.new(connection, found, service.account.mid, service.behaviour)
    except Refused as refused:
        return refusal(refused, _named(element))
    # Only now, as the task is written down: a crash from here on does not lose it.
    service.importer.submit(task)
    details = markup.element(
        "Task",
        markup.text("StatusCode", "OK"),
        markup.text("StatusMessage", "OK"),
        markup.text("ID", task["id"]),
        markup.text("TblAsyncID", task["id"]),
        markup.text("InteractionObjectID", task["properties"]["ObjectID"]),
    )
    shown = SHAPE.render(found["properties"], {"ObjectID", "CustomerKey"}, tag="Object")
    return Result(f"ImportDefinition performed AsyncID:{task['id']}", shown, details=details)


def _find(connection: Connection, element: Element) -> dict[str, Any] | None:
    object_id = (envelope.value(element, "ObjectID") or "").strip()
    if object_id:
        return store.get(connection, KIND, object_id)
    key = (envelope.value(element, "CustomerKey") or "").strip()
    if not key:
        raise Refused(_NO_KEY, "The CustomerKey of the ImportDefinition must be given.")
    found = store.find(
        connection, KIND, "lower(rtrim(body->>'$.properties.CustomerKey', ' ')) = lower(rtrim(?, ' '))", [key]
    )
    return found[0] if found else None


def _existing(connection: Connection, element: Element) -> dict[str, Any]:
    found = _find(connection, element)
    if found is None:
        raise Refused(_NOT_FOUND, "The ImportDefinition was not found.")
    return found


def _named(element: Element) -> str:
    key = (envelope.value(element, "CustomerKey") or "").strip()
    return SHAPE.render({"CustomerKey": key} if key else {}, {"CustomerKey"}, tag="Object")


def _saved(service: Service, element: Element, mode: SaveMode) -> Result:
    try:
        with service.store.definitions, service.store.transaction() as connection:
            found = _find(connection, element)
            if found is None and not mode.add:
                raise Refused(_NOT_FOUND, "The ImportDefinition was not found.")
            if found is not None and not mode.change:
                raise Refused(_EXISTS, "An ImportDefinition with this CustomerKey exists already.")
            definition = found or _new(service, element)
            _take_over(service, connection, definition, element)
            _validate(service, connection, definition)
            store.put(connection, KIND, definition["object_id"], definition)
    except Refused as refused:
        return refusal(refused, _named(element))
    shown = SHAPE.render(
        definition["properties"], set(SHAPE.order) - {"Client.ID", "CreatedDate", "ModifiedDate"}, tag="Object"
    )
    if found is None:
        return Result("ImportDefinition created.", shown, new_object_id=definition["object_id"])
    return Result("ImportDefinition updated.", shown)


def _new(service: Service, element: Element) -> dict[str, Any]:
    object_id = str(uuid.uuid4())
    properties = {
        "Client.ID": service.account.mid,
        "ObjectID": object_id,
        "CustomerKey": (envelope.value(element, "CustomerKey") or "").strip(),
        "CreatedDate": clock.iso(clock.now()),
    }
    return {"object_id": object_id, "destination": "", "properties": properties, "maps": [], "actions": []}


def _take_over(service: Service, connection: Connection, definition: dict[str, Any], element: Element) -> None:
    """Take over what the request gives; what it leaves out stays [D]."""
    properties = definition["properties"]
    properties["ModifiedDate"] = clock.iso(clock.now())
    for name in _TEXTS:
        text = envelope.value(element, name)
        if text is not None:
            # A delimiter or a null's representation may be a blank.
            properties[name] = text if name in ("Delimiter", "NullRepresentation") else text.strip()
    for outer, inner in (
        ("RetrieveFileTransferLocation", "CustomerKey"),
        ("DateFormattingLocale", "LocaleCode"),
        ("Notification", "ResponseType"),
        ("Notification", "ResponseAddress"),
    ):
        text = envelope.value(envelope.child(element, outer), inner)
        if text is not None:
            properties[f"{outer}.{inner}"] = text.strip()
    _take_destination(service, connection, definition, element)
    if envelope.child(element, "FieldMaps") is not None:
        definition["maps"] = [
            {name: envelope.value(one, name) for name in ("SourceName", "SourceOrdinal", "DestinationName")}
            for one in envelope.children(envelope.child(element, "FieldMaps"), "FieldMap")
        ]
        properties["FieldMaps"] = _written("FieldMap", definition["maps"])
    if envelope.child(element, "ControlColumnActions") is not None:
        actions = envelope.child(element, "ControlColumnActions")
        definition["actions"] = [
            {name: envelope.value(one, name) for name in ("Value", "Action")}
            for one in envelope.children(actions, "ControlColumnAction")
        ]
        properties["ControlColumnActions"] = _written("ControlColumnAction", definition["actions"])
    if envelope.child(element, "AutoGenerateDestination") is not None:
        raise Refused(_INVALID, "AutoGenerateDestination is not supported here.")


def _take_destination(service: Service, connection: Connection, definition: dict[str, Any], element: Element) -> None:
    given = envelope.child(element, "DestinationObject")
    if given is None:
        return
    kind = envelope.type_of(given)
    if kind != "DataExtension":
        raise Refused(_BAD_TYPE, f"The destination type {kind or '(none)'} is not supported.")
    key = (envelope.value(given, "CustomerKey") or "").strip()
    owner, rest = units.owner(service, key)
    if owner is service:
        found = data_extension.identified(connection, given)
    else:
        with owner.store.connect() as shared:
            found = schema.by_key_or_name(shared, rest)
    if found is None:
        raise Refused(_INVALID, "The DestinationObject was not found.")
    definition["destination"] = found.object_id
    definition["owner"] = "" if owner is service else owner.account.mid
    definition["properties"] |= {
        "DestinationObject.ObjectID": found.object_id,
        "DestinationObject.CustomerKey": found.customer_key if owner is service else key,
    }


def _written(tag: str, members: list[dict[str, str | None]]) -> str:
    return "".join(
        markup.element(tag, *(markup.text(name, text) for name, text in one.items() if text is not None))
        for one in members
    )


def _validate(service: Service, connection: Connection, definition: dict[str, Any]) -> None:
    """Raises Refused 43060 with the reason."""
    properties = definition["properties"]
    if len(properties["CustomerKey"]) > _KEY_LENGTH:
        raise Refused(_INVALID, f"The CustomerKey is longer than {_KEY_LENGTH} characters.")
    if not definition["destination"]:
        raise Refused(_INVALID, "DestinationObject is required.")
    for name in ("FieldMappingType", "FileType", "FileSpec", "RetrieveFileTransferLocation.CustomerKey"):
        if not properties.get(name):
            raise Refused(_INVALID, f"{name} is required.")
    if schema.folded(properties["RetrieveFileTransferLocation.CustomerKey"]) != schema.folded(LOCATION):
        raise Refused(_INVALID, "The RetrieveFileTransferLocation was not found.")
    if definition.get("owner"):
        with service.units.service(definition["owner"]).store.connect() as shared:
            destination = schema.by_object_id(shared, definition["destination"])
    else:
        destination = schema.by_object_id(connection, definition["destination"])
    if destination is None:
        raise Refused(_INVALID, "The DestinationObject does not exist any more.")
    problem = plan.problem(definition, destination)
    if problem:
        raise Refused(_INVALID, problem)
