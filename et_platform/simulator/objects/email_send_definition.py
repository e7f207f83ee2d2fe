"""EmailSendDefinition: an e-mail, its classification, and whom it goes to; Perform start makes a Send of it.

What belongs here: its properties, what is wrong with one, and starting it. What does not: running the send
(`sending/worker.py`). Its error codes are not known; the general ones stand here [K].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import definitions, envelope, markup, retrieval, schema
from et_platform.simulator.automations import timetable
from et_platform.simulator.definitions import Document, text
from et_platform.simulator.envelope import Element
from et_platform.simulator.objects import list_
from et_platform.simulator.results import Refused, Result, refusal
from et_platform.simulator.sending import audience, jobs, profiles
from et_platform.simulator.sending.audience import DATA_EXTENSION, EXCLUSION, LIST, SOURCE
from et_platform.simulator.sending.jobs import Job
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking.people import ALL_SUBSCRIBERS

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_DOCUMENTS = "email_send_definition"
_LISTS = "SendDefinitionList"
SHAPE = retrieval.Shape(
    object_type="EmailSendDefinition",
    order=(
        *("Client.ID", "PartnerKey", "CreatedDate", "ModifiedDate", "ObjectID", "CustomerKey", "Name", "Description"),
        *("CategoryID", "SendClassification.ObjectID", "SendClassification.CustomerKey", "SenderProfile.ObjectID"),
        *("SenderProfile.CustomerKey", "FromName", "FromAddress", "SuppressTracking", "IsSendLogging", _LISTS),
        *("Email.ID", "Email.ObjectID", "BccEmail", "AutoBccEmail", "TestEmailAddr", "EmailSubject"),
        *("DynamicEmailSubject", "IsMultipart", "IsWrapped", "DeduplicateByEmail", "ExclusionFilter", "Additional"),
        *("CCEmail", "PreHeader"),
        # Asked for by public tools [R]; empty here, but for IsPlatformObject.
        *("DeliveryProfile.CustomerKey", "DeliveryProfile.PrivateDomain", "DeliveryProfile.PrivateIP"),
        *("IsPlatformObject", "SendLimit", "SendWindowOpen", "SendWindowClose"),
    ),
    types={
        **dict.fromkeys(("Client.ID", "CategoryID", "Email.ID"), "Number"),
        **dict.fromkeys(("CreatedDate", "ModifiedDate"), "Date"),
    },
    plain=frozenset({"Client"}),
    written=frozenset({_LISTS}),
)
_INVALID = 2


def _check(service: Service, connection: Connection, document: Document, element: Element) -> None:
    properties = document["properties"]
    for name, kind, needed in (
        ("SendClassification", profiles.SEND_CLASSIFICATION, True),
        ("SenderProfile", profiles.SENDER_PROFILE, False),
        ("Email", profiles.EMAIL, True),
    ):
        definitions.replace(properties, element, name)
        profiles.follow(connection, properties, name, kind, _INVALID, needed=needed)
    lists = list(envelope.children(element, _LISTS))
    if lists or "sources" not in document:
        document["sources"] = [_source(connection, one) for one in lists]
        properties[_LISTS] = "".join(map(_written, lists))
    if not any(one["kind"] == SOURCE for one in document["sources"]):
        raise Refused(_INVALID, "EmailSendDefinition: a SendDefinitionList of type SourceList is required.")


def _source(connection: Connection, element: Element) -> dict[str, str | int]:
    """A list of the definition as `audience.Source` takes it. Raises Refused."""
    kind = text(element, "SendDefinitionListType") or SOURCE
    if kind not in (SOURCE, EXCLUSION):
        raise Refused(_INVALID, f"EmailSendDefinition: the SendDefinitionListType {kind} is not simulated.")
    origin = text(element, "DataSourceTypeID") or (DATA_EXTENSION if text(element, "CustomObjectID") else LIST)
    list_id = text(envelope.child(element, "List"), "ID") if envelope.child(element, "List") is not None else ""
    if list_id and list_id not in {str(one) for one in (ALL_SUBSCRIBERS, *list_.numbers(connection))}:
        raise Refused(_INVALID, f"EmailSendDefinition: the list {list_id} was not found.")
    number = int(list_id or ALL_SUBSCRIBERS)
    if origin == LIST and list_id:
        return {"kind": kind, "list_id": number}
    if origin != DATA_EXTENSION:
        raise Refused(_INVALID, f"EmailSendDefinition: a list by DataSourceTypeID {origin} is not simulated.")
    found = None
    if text(element, "CustomObjectID"):
        found = schema.by_object_id(connection, text(element, "CustomObjectID"))
    elif text(element, "CustomerKey"):
        found = schema.by_property(connection, "CustomerKey", text(element, "CustomerKey"))
    if found is None:
        raise Refused(_INVALID, "EmailSendDefinition: the data extension of a SendDefinitionList was not found.")
    try:
        audience.check(found)
    except audience.NotSendable as error:
        raise Refused(_INVALID, f"EmailSendDefinition: {error}") from error
    return {"kind": kind, "data_extension": found.object_id, "list_id": number}


def _written(element: Element) -> str:
    """A list as it was given, in the order of the WSDL."""
    member = envelope.child(element, "List")
    number = text(member, "ID") if member is not None else ""
    named = [markup.nil("PartnerKey"), markup.text("ID", number), markup.nil("ObjectID")]
    return markup.element(
        _LISTS,
        markup.nil("PartnerKey"),
        markup.nil("ObjectID"),
        *(markup.text(name, text(element, name)) for name in ("CustomerKey",) if text(element, name)),
        markup.element("List", *named) if number else "",
        *(
            markup.text(name, text(element, name))
            for name in ("SendDefinitionListType", "CustomObjectID", "DataSourceTypeID", "Name")
            if text(element, name)
        ),
    )


_KIND = definitions.Kind(
    SHAPE,
    _DOCUMENTS,
    texts=(
        *("CustomerKey", "Name", "Description", "CategoryID", "FromName", "FromAddress", "SuppressTracking"),
        *("IsSendLogging", "BccEmail", "AutoBccEmail", "TestEmailAddr", "EmailSubject", "DynamicEmailSubject"),
        *("IsMultipart", "IsWrapped", "DeduplicateByEmail", "ExclusionFilter", "Additional", "CCEmail", "PreHeader"),
    ),
    words=("EmailSendDefinition created", "EmailSendDefinition updated", "EmailSendDefinition deleted"),  # [R], [K]
    rule=_check,
    content_type="userinitiatedsends",
    # Tools filter by these [R]: what is not there would compare to nothing.
    shown={"Description": "", "IsPlatformObject": "false"},
    defaults={"DeduplicateByEmail": "false", "IsMultipart": "false", "SuppressTracking": "false"},
    fixed=frozenset({"CustomerKey"}),
)
retrieve, save, delete = _KIND.retrieve, _KIND.save, _KIND.delete
find = _KIND.existing
"""The definition that an element names. Raises Refused."""


def job_of(service: Service, connection: Connection, definition: Document) -> Job:
    """A send of the definition as it is now, still to be submitted. Raises Refused."""
    properties = definition["properties"]
    content = profiles.content(connection, properties)
    told = content.told | {
        "EmailSendDefinition.ObjectID": definition["object_id"],
        "EmailSendDefinition.CustomerKey": properties["CustomerKey"],
        "Additional": properties.get("Additional", ""),
    }
    return jobs.new(
        connection,
        service.account.mid,
        told,
        sources=definition["sources"],
        operational=content.operational,
        deduplicates=properties["DeduplicateByEmail"].lower() in ("true", "1"),
    )


def schedule(service: Service, element: Element, given: Element | None, action: str) -> str:
    """Start or end a schedule of sends; a send definition has no status that tells of it. Raises Refused."""
    table = timetable.read(given) if action == "start" else None
    with service.store.definitions, service.store.transaction() as connection:
        timetable.put(connection, _DOCUMENTS, _KIND.existing(connection, element), table)
    service.timekeeper.wake()
    return "EmailSendDefinition scheduled." if table is not None else f"EmailSendDefinition schedule: {action}"  # [K]


def start(service: Service, element: Element) -> Result:
    """Queue a send. The Task's ID is the ID of the Send [K]."""
    try:
        with service.store.definitions, service.store.transaction() as connection:
            definition = _KIND.existing(connection, element)
            job = job_of(service, connection, definition)
    except Refused as refused:
        return refusal(refused, _KIND.named(element))
    service.sends.submit(job)
    details = markup.element(
        "Task",
        markup.text("StatusCode", "OK"),
        markup.text("StatusMessage", "OK"),
        markup.text("ID", job["number"]),
        markup.text("TblAsyncID", job["number"]),
        markup.text("InteractionObjectID", definition["object_id"]),
    )
    return Result("EmailSendDefinition perform called successfully", _KIND.named(element), details=details)  # [K]
