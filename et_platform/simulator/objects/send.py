"""Send: a send that was started, or that a triggered send definition makes as it becomes active.

What belongs here: retrieving them, with what people did counted from the events. What does not: making them
(`sending/jobs.py`). SentDate is there once the send is done [D].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import filters, retrieval
from et_platform.simulator.queries.relations import SEND_KIND

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_NUMBERS = (
    *("Duplicates", "InvalidAddresses", "ExistingUndeliverables", "ExistingUnsubscribes", "HardBounces"),
    *("SoftBounces", "OtherBounces", "UniqueClicks", "UniqueOpens", "NumberSent", "NumberDelivered", "Unsubscribes"),
    *("MissingAddresses", "NumberTargeted", "NumberErrored", "NumberExcluded"),
)
SHAPE = retrieval.Shape(
    object_type="Send",
    order=(
        *("Client.ID", "PartnerKey", "CreatedDate", "ModifiedDate", "ID", "ObjectID", "Email.ID", "Email.ObjectID"),
        *("SendDate", "FromAddress", "FromName", *_NUMBERS[:13], "Subject", "PreviewURL", "SentDate", "EmailName"),
        *("Status", "IsMultipart", *_NUMBERS[13:], "Additional"),
        *("EmailSendDefinition.ObjectID", "EmailSendDefinition.CustomerKey"),
    ),
    types={
        **dict.fromkeys(("Client.ID", "ID", "Email.ID", *_NUMBERS), "Number"),
        **dict.fromkeys(("CreatedDate", "ModifiedDate", "SendDate", "SentDate"), "Date"),
    },
    plain=frozenset({"Client"}),
)
# Each person counts once per send and kind, as the product's own figures do [K].
_SOURCE = f"""
SELECT d.seq, json_merge_patch(d.body->'$.properties', json_object(
    'UniqueOpens', coalesce(e.opens, 0)::VARCHAR, 'UniqueClicks', coalesce(e.clicks, 0)::VARCHAR,
    'Unsubscribes', coalesce(e.unsubscribes, 0)::VARCHAR, 'HardBounces', coalesce(e.hard, 0)::VARCHAR,
    'SoftBounces', coalesce(e.soft, 0)::VARCHAR, 'OtherBounces', coalesce(e.other, 0)::VARCHAR,
    'NumberDelivered', (CAST(d.body->>'$.properties.NumberSent' AS BIGINT)
        - coalesce(e.hard + e.soft + e.other, 0))::VARCHAR)) AS shown
FROM documents d LEFT JOIN (
    SELECT send_id, count(DISTINCT subscriber_id) FILTER (type = 'open') AS opens,
        count(DISTINCT subscriber_id) FILTER (type = 'click') AS clicks,
        count(DISTINCT subscriber_id) FILTER (type = 'unsubscribe') AS unsubscribes,
        count(DISTINCT subscriber_id) FILTER (category LIKE 'hard%') AS hard,
        count(DISTINCT subscriber_id) FILTER (category LIKE 'soft%') AS soft,
        count(DISTINCT subscriber_id) FILTER (category NOT LIKE 'hard%' AND category NOT LIKE 'soft%') AS other
    FROM (SELECT send_id, subscriber_id, type,
        CASE type WHEN 'bounce' THEN lower(details->>'$.BounceCategory') END AS category
        FROM tracking.events WHERE type NOT IN ('sent', 'not_sent'))
    GROUP BY send_id) e ON e.send_id = CAST(d.body->>'$.number' AS BIGINT)
WHERE d.kind = '{SEND_KIND}'
"""


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of sends, oldest first."""
    if isinstance(query.filter, filters.Complex) and service.behaviour.send_complex_filter == "nothing":
        SHAPE.check(query.properties)
        return retrieval.Page(())
    return retrieval.documents(service, query, SHAPE, _SOURCE, "shown->>'$.\"{}\"'", "seq")
