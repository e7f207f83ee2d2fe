"""TriggeredSendDefinition: a message that is sent to single subscribers as each is asked for.

What belongs here: its properties, and its status. What does not: sending (`sending/triggered.py`).

It begins as New; an Update makes it Active, and Inactive again [D]. As it first becomes active it gets the Send that
its events name [K]. A definition that was canceled or deleted comes back no more [K].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import definitions, envelope, retrieval, schema
from et_platform.simulator.definitions import Codes, Document, text
from et_platform.simulator.envelope import Element
from et_platform.simulator.objects import list_
from et_platform.simulator.results import Refused, Result, SaveMode
from et_platform.simulator.sending import jobs, profiles, triggered
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking.people import ALL_SUBSCRIBERS

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="TriggeredSendDefinition",
    order=(
        *("Client.ID", "PartnerKey", "CreatedDate", "ModifiedDate", "ObjectID", "CustomerKey", "Name", "Description"),
        *("CategoryID", "SendClassification.ObjectID", "SendClassification.CustomerKey", "SenderProfile.ObjectID"),
        *("SenderProfile.CustomerKey", "FromName", "FromAddress", "SuppressTracking", "IsSendLogging"),
        *("TriggeredSendType", "TriggeredSendStatus", "Email.ID", "Email.ObjectID", "List.ID", "AutoAddSubscribers"),
        *("AutoUpdateSubscribers", "BatchInterval", "BccEmail", "EmailSubject", "DynamicEmailSubject", "IsMultipart"),
        *("IsWrapped", "RefreshContent", "ExclusionFilter", "Priority", "CCEmail"),
        *("SendSourceDataExtension.ObjectID", "SendSourceDataExtension.CustomerKey", "PreHeader"),
        # Asked for by public tools [R]; empty here.
        *("AllowedSlots", "DeliveryProfile.CustomerKey", "DeliveryProfile.ObjectID", "FooterContentArea.ID"),
        *("HeaderContentArea.ID", "Keyword", "NewSlotTrigger", "PrivateDomain.ObjectID", "PrivateIP.ID", "SendLimit"),
        *("SendWindowOpen", "SendWindowClose", "TestEmailAddr", "IsPlatformObject"),
    ),
    types={
        **dict.fromkeys(("Client.ID", "CategoryID", "Email.ID", "List.ID", "BatchInterval"), "Number"),
        **dict.fromkeys(("CreatedDate", "ModifiedDate"), "Date"),
    },
    plain=frozenset({"Client"}),
)
_CANNOT = {"Active": 17000, "Canceled": 17001, "Inactive": 17002, "Deleted": 17004}
"""The codes of statuses that cannot be reached [D]."""
_UPDATE, _CLASSIFICATION, _EMAIL, _LIST = 17003, 17014, 17016, 17017  # [D]


def _check(service: Service, connection: Connection, document: Document, element: Element) -> None:
    properties = document["properties"]
    for name, kind, code, needed in (
        ("SendClassification", profiles.SEND_CLASSIFICATION, _CLASSIFICATION, True),
        ("SenderProfile", profiles.SENDER_PROFILE, _UPDATE, False),
        ("Email", profiles.EMAIL, _EMAIL, True),
    ):
        definitions.replace(properties, element, name)
        profiles.follow(connection, properties, name, kind, code, needed=needed)
    numbers = {str(one) for one in (ALL_SUBSCRIBERS, *list_.numbers(connection))}
    if properties["List.ID"] not in numbers:
        raise Refused(_LIST, f"The list {properties['List.ID']} was not found.")
    _source(connection, properties, element)
    if document.setdefault("status_given", False):
        _become(service, connection, document, text(element, "TriggeredSendStatus"))
    document["status_given"] = True  # whatever Create says, a definition begins as New [D]


def _source(connection: Connection, properties: dict[str, str], element: Element) -> None:
    """The data extension that takes a row of every request, by ObjectID or CustomerKey. Raises Refused."""
    definitions.replace(properties, element, "SendSourceDataExtension")
    object_id, key = (properties.get(f"SendSourceDataExtension.{name}", "") for name in ("ObjectID", "CustomerKey"))
    if not (object_id or key):
        return
    found = (
        schema.by_object_id(connection, object_id) if object_id else schema.by_property(connection, "CustomerKey", key)
    )
    if found is None:
        raise Refused(_UPDATE, "The SendSourceDataExtension was not found.")
    properties["SendSourceDataExtension.ObjectID"] = found.object_id
    properties["SendSourceDataExtension.CustomerKey"] = found.customer_key


def _become(service: Service, connection: Connection, document: Document, wanted: str) -> None:
    properties = document["properties"]
    current = properties["TriggeredSendStatus"]
    if wanted in ("", current):
        return
    if wanted not in _CANNOT:
        raise Refused(_UPDATE, f"A TriggeredSendDefinition cannot become {wanted}.")
    if current in ("Canceled", "Deleted"):
        raise Refused(_CANNOT[wanted], f"A TriggeredSendDefinition that is {current} cannot become {wanted}.")
    if wanted == "Inactive" and current == "New":
        raise Refused(_CANNOT[wanted], "A TriggeredSendDefinition that is New cannot be deactivated.")
    properties["TriggeredSendStatus"] = wanted
    content = profiles.content(connection, properties)
    document["operational"] = content.operational
    if wanted == "Active" and "job" not in document:
        told = content.told | {"Status": triggered.SENDING}
        job = jobs.new(connection, service.account.mid, told, state=triggered.OPEN, batches=0)
        document["job"] = job["id"]


_KIND = definitions.Kind(
    SHAPE,
    triggered.DEFINITION,
    texts=(
        *("CustomerKey", "Name", "Description", "CategoryID", "FromName", "FromAddress", "SuppressTracking"),
        *("IsSendLogging", "TriggeredSendType", "List.ID", "AutoAddSubscribers", "AutoUpdateSubscribers"),
        *("BatchInterval", "BccEmail", "EmailSubject", "DynamicEmailSubject", "IsMultipart", "IsWrapped"),
        *("RefreshContent", "ExclusionFilter", "Priority", "CCEmail", "PreHeader"),
    ),
    words=(
        *("TriggeredSendDefinition created", "TriggeredSendDefinition updated"),  # [R], [K]
        "TriggeredSendDefinition deleted",  # [R]
    ),
    codes=Codes(no_key=17010, not_found=17015, exists=1, invalid=_UPDATE),  # [D], but for the third
    rule=_check,
    content_type="triggered_send",
    defaults={
        "TriggeredSendType": "Continuous",
        "TriggeredSendStatus": "New",
        "List.ID": str(ALL_SUBSCRIBERS),
        "AutoAddSubscribers": "true",
        "AutoUpdateSubscribers": "true",
        "Priority": "4",  # medium, as recorded [R]
    },
    fixed=frozenset({"CustomerKey"}),
)
retrieve, delete = _KIND.retrieve, _KIND.delete
find = _KIND.existing
"""The definition that an element names. Raises Refused."""


def save(service: Service, objects: list[Element], mode: SaveMode, operation: str) -> list[Result]:
    """Create, update or upsert; whoever waited for a definition that became active is sent to."""
    results = _KIND.save(service, objects, mode, operation)
    if any(envelope.child(one, "TriggeredSendStatus") is not None for one in objects):
        triggered.release(service)
    return results
