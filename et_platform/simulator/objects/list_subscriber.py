"""ListSubscriber: who is on which list, with the status there [D].

What belongs here: retrieving memberships. What does not: changing them, which is a Subscriber's business
(`subscriber.py`). Everybody is on All Subscribers, with the subscriber's own status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import retrieval, table
from et_platform.simulator.tracking.people import ALL_SUBSCRIBERS
from et_platform.simulator.tracking.subscribers import DELETED

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="ListSubscriber",
    order=(
        "Client.ID",
        "Client.PartnerClientKey",
        "PartnerKey",
        "CreatedDate",
        "ModifiedDate",
        "ID",
        "ObjectID",
        "Status",
        "ListID",
        "SubscriberKey",
    ),
    types={
        "Client.ID": "Number",
        "CreatedDate": "Date",
        "ModifiedDate": "Date",
        "ID": "Number",
        "ListID": "Number",
    },
    plain=frozenset({"Client"}),
)
# Positions of All Subscribers' members come first; one subscriber's ID is far below the shift.
_RELATION = f"""
SELECT id AS position, {ALL_SUBSCRIBERS} AS list_id, key, id AS subscriber_id, status, created, created AS modified
FROM tracking.subscribers WHERE status <> '{DELETED}'
UNION ALL
SELECT m.id + (1::BIGINT << 40), m.list_id, s.key, s.id, m.status, m.created, m.modified
FROM tracking.list_subscribers m JOIN tracking.subscribers s ON s.id = m.subscriber_id
"""


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of memberships: those of All Subscribers first, then in the order in which they were made."""
    columns = {
        "Client.ID": service.account.mid,
        "CreatedDate": "created",
        "ModifiedDate": "modified",
        "ID": "subscriber_id",
        "Status": "status",
        "ListID": "list_id",
        "SubscriberKey": "key",
    }
    found, following = table.page(service, query, SHAPE, _RELATION, columns)
    return retrieval.Page([SHAPE.render(one, set(query.properties)) for one in found], following)
