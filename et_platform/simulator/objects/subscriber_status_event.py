"""SubscriberStatusEvent: how statuses changed, at the level of All Subscribers [D].

What belongs here: retrieving the changes. What does not: recording them (`tracking/`). The results are generic
ObjectExtensions, whose values stand in Properties [D]; the words of a status are others than a Subscriber's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import markup, retrieval, table

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="SubscriberStatusEvent",
    order=(
        "Client.ID",
        "CreatedDate",
        "ObjectID",
        "SubscriberID",
        "SubscriberKey",
        "ReasonUnsub",
        "CurrentStatus",
        "PreviousStatus",
    ),
    types={"Client.ID": "Number", "CreatedDate": "Date", "SubscriberID": "Number"},
)
_RELATION = """
SELECT c.id AS position, c.moment, c.subscriber_id, s.key, c.reason, c.current, c.previous
FROM tracking.status_changes c JOIN tracking.subscribers s ON s.id = c.subscriber_id
"""
_BASE = ("Client.ID", "CreatedDate", "ObjectID")
"""Properties of the object itself; the others are extensions [D]."""


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of changes, oldest first."""
    columns = {
        "Client.ID": service.account.mid,
        "CreatedDate": "moment",
        "ObjectID": "CAST(position AS VARCHAR)",
        "SubscriberID": "subscriber_id",
        "SubscriberKey": "key",
        "ReasonUnsub": "reason",
        "CurrentStatus": "current",
        "PreviousStatus": "previous",
    }
    found, following = table.page(service, query, SHAPE, _RELATION, columns)
    return retrieval.Page([_result(one, set(query.properties)) for one in found], following)


def _result(change: dict[str, str], asked: set[str]) -> str:
    properties = "".join(
        markup.element("Property", markup.text("Name", name), markup.text("Value", change.get(name, "")))
        for name in SHAPE.order
        if name in asked and name not in _BASE
    )
    return markup.element(
        "Results",
        markup.element("Client", markup.text("ID", change["Client.ID"])) if "Client.ID" in asked else "",
        markup.nil("PartnerKey"),
        markup.text("CreatedDate", change["CreatedDate"]) if "CreatedDate" in asked else "",
        markup.text("ObjectID", change["ObjectID"]) if "ObjectID" in asked else markup.nil("ObjectID"),
        markup.text("Type", "SubscriberStatusEvent"),
        markup.element("Properties", properties),
        type="ObjectExtension",
    )
