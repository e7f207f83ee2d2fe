"""SendClassification: whether a send is Marketing, and so honours that people unsubscribed, or Operational.

What belongs here: its properties. What does not: what that means for a send (`sending/judging.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import definitions, retrieval
from et_platform.simulator.definitions import Document
from et_platform.simulator.envelope import Element
from et_platform.simulator.results import Refused
from et_platform.simulator.sending import profiles
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="SendClassification",
    order=(
        *("Client.ID", "PartnerKey", "CreatedDate", "ModifiedDate", "ObjectID", "CustomerKey"),
        *("SendClassificationType", "Name", "Description", "SenderProfile.ObjectID", "SenderProfile.CustomerKey"),
        "HonorPublicationListOptOutsForTransactionalSends",
        # Asked for by public tools [R]; empty here.
        *("ArchiveEmail", "DeliveryProfile.ObjectID", "DeliveryProfile.CustomerKey"),
    ),
    types={"Client.ID": "Number", "CreatedDate": "Date", "ModifiedDate": "Date"},
    plain=frozenset({"Client"}),
)


def _check(service: Service, connection: Connection, document: Document, element: Element) -> None:
    properties = document["properties"]
    if properties["SendClassificationType"] not in profiles.CLASSES:
        raise Refused(2, f"SendClassification: the SendClassificationType is none of {', '.join(profiles.CLASSES)}.")
    definitions.replace(properties, element, "SenderProfile")
    profiles.follow(connection, properties, "SenderProfile", profiles.SENDER_PROFILE, 2, needed=False)


_KIND = definitions.Kind(
    SHAPE,
    profiles.SEND_CLASSIFICATION,
    texts=(
        *("CustomerKey", "SendClassificationType", "Name", "Description"),
        "HonorPublicationListOptOutsForTransactionalSends",
    ),
    words=("SendClassification created", "SendClassification updated", "SendClassification deleted"),  # [K]
    rule=_check,
    defaults={"SendClassificationType": profiles.MARKETING},
    fixed=frozenset({"CustomerKey"}),
)
retrieve, save, delete = _KIND.retrieve, _KIND.save, _KIND.delete
