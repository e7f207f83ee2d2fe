"""ListSend: what a send did to each list it went to, counted from its events [W].

What belongs here: retrieving them. What does not: sends themselves (`send.py`). Mail to a data extension counts for the
list that its send definition names with it. Those who were never asked (duplicates, bad addresses) belong to no list
that is known, so they are counted for the send alone, and 0 here [K].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import retrieval, table
from et_platform.simulator.objects.list_ import KIND
from et_platform.simulator.queries.relations import SEND_KIND
from et_platform.simulator.sending.judging import REASONS
from et_platform.simulator.tracking.people import ALL_SUBSCRIBERS
from et_platform.simulator.values import quoted

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_NUMBERS = (
    *("Duplicates", "InvalidAddresses", "ExistingUndeliverables", "ExistingUnsubscribes", "HardBounces"),
    *("SoftBounces", "OtherBounces", "ForwardedEmails", "UniqueClicks", "UniqueOpens", "NumberSent"),
    *("NumberDelivered", "Unsubscribes", "MissingAddresses"),
)
SHAPE = retrieval.Shape(
    object_type="ListSend",
    order=(
        *("Client.ID", "PartnerKey", "CreatedDate", "ModifiedDate", "ID", "ObjectID", "CustomerKey", "SendID"),
        *("List.ID", "List.ListName", *_NUMBERS, "PreviewURL"),
    ),
    types={
        **dict.fromkeys(("Client.ID", "ID", "SendID", "List.ID", *_NUMBERS), "Number"),
        **dict.fromkeys(("CreatedDate", "ModifiedDate"), "Date"),
    },
    plain=frozenset({"Client"}),
)
_CATEGORY = "lower(e.details->>'$.BounceCategory')"
_REASON = "(e.details->>'$.Reason')"
# Each person counts once per send, list and kind, as on the Send itself.
_RELATION = f"""
SELECT row_number() OVER (ORDER BY c.send_id, c.list_id) AS position, c.*, s.body->>'$.properties.CreatedDate' AS made,
    s.body->>'$.properties.ModifiedDate' AS changed,
    CASE c.list_id WHEN {ALL_SUBSCRIBERS} THEN 'All Subscribers' ELSE l.body->>'$.properties.ListName' END AS list_name
FROM (SELECT e.send_id, e.list_id,
        count(*) FILTER (e.type = 'sent') AS sent,
        count(*) FILTER (e.type = 'not_sent' AND {_REASON} = {quoted(REASONS["held"])}) AS held,
        count(*) FILTER (e.type = 'not_sent' AND {_REASON} = {quoted(REASONS["unsubscribed"])}) AS unsubscribed,
        count(DISTINCT e.subscriber_id) FILTER (e.type = 'bounce' AND {_CATEGORY} LIKE 'hard%') AS hard,
        count(DISTINCT e.subscriber_id) FILTER (e.type = 'bounce' AND {_CATEGORY} LIKE 'soft%') AS soft,
        count(DISTINCT e.subscriber_id) FILTER (e.type = 'bounce') AS bounced,
        count(DISTINCT e.subscriber_id) FILTER (e.type = 'click') AS clicks,
        count(DISTINCT e.subscriber_id) FILTER (e.type = 'open') AS opens,
        count(DISTINCT e.subscriber_id) FILTER (e.type = 'unsubscribe') AS leaves
    FROM tracking.events e GROUP BY e.send_id, e.list_id) c
JOIN documents s ON s.kind = '{SEND_KIND}' AND CAST(s.body->>'$.number' AS BIGINT) = c.send_id
LEFT JOIN documents l ON l.kind = '{KIND}' AND CAST(l.body->>'$.properties.ID' AS BIGINT) = c.list_id
"""


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of the lists of sends, oldest send first."""
    columns = {
        "Client.ID": service.account.mid,
        "CreatedDate": "CAST(made AS TIMESTAMP)",
        "ModifiedDate": "CAST(changed AS TIMESTAMP)",
        "SendID": "send_id",
        "List.ID": "list_id",
        "List.ListName": "list_name",
        **dict.fromkeys(_NUMBERS, "0"),
        "ExistingUndeliverables": "held",
        "ExistingUnsubscribes": "unsubscribed",
        "HardBounces": "hard",
        "SoftBounces": "soft",
        "OtherBounces": "bounced - hard - soft",
        "UniqueClicks": "clicks",
        "UniqueOpens": "opens",
        "NumberSent": "sent",
        "NumberDelivered": "sent - bounced",
        "Unsubscribes": "leaves",
    }
    found, following = table.page(service, query, SHAPE, _RELATION, columns)
    return retrieval.Page([SHAPE.render(one, set(query.properties)) for one in found], following)
