"""TriggeredSendSummary: what became of everything that a triggered send definition sent.

What belongs here: retrieving it, by the definition's CustomerKey, counted from the events [R]. What does not: the
events (`sending/triggered.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import retrieval, values
from et_platform.simulator.sending import triggered
from et_platform.simulator.sending.judging import REASONS

if TYPE_CHECKING:
    from et_platform.simulator.service import Service


def _reason(verdict: str) -> str:
    return f"type = 'not_sent' AND (details->>'$.Reason') = {values.quoted(REASONS[verdict])}"


_COUNTED = {
    "Sent": "count(*) FILTER (type = 'sent')",
    "NotSentDueToOptOut": f"count(*) FILTER ({_reason('unsubscribed')})",
    "NotSentDueToUndeliverable": f"count(*) FILTER ({_reason('held')})",
    "Bounces": "count(*) FILTER (type = 'bounce')",
    "Opens": "count(*) FILTER (type = 'open')",
    "Clicks": "count(*) FILTER (type = 'click')",
    "UniqueOpens": "count(DISTINCT subscriber_id) FILTER (type = 'open')",
    "UniqueClicks": "count(DISTINCT subscriber_id) FILTER (type = 'click')",
    "OptOuts": "count(DISTINCT subscriber_id) FILTER (type = 'unsubscribe')",
}
_NEVER = (
    *("SurveyResponses", "FTAFRequests", "FTAFEmailsSent", "FTAFOptIns", "Conversions", "UniqueConversions"),
    "InProcess",
)
SHAPE = retrieval.Shape(
    object_type="TriggeredSendSummary",
    order=(
        *("Client.ID", "PartnerKey", "ObjectID", "CustomerKey", "TriggeredSendDefinition.ObjectID"),
        *("TriggeredSendDefinition.CustomerKey", *_COUNTED, *_NEVER, "NotSentDueToError", "Queued"),
    ),
    types=dict.fromkeys(("Client.ID", *_COUNTED, *_NEVER, "NotSentDueToError", "Queued"), "Number"),
    plain=frozenset({"Client"}),
)
_SHOWN = ", ".join(f"'{name}', coalesce(e.\"{name}\", 0)::VARCHAR" for name in _COUNTED)
_SOURCE = f"""
SELECT d.seq, json_object(
    'Client.ID', d.body->>'$.properties."Client.ID"', 'ObjectID', d.id,
    'CustomerKey', d.body->>'$.properties.CustomerKey', 'TriggeredSendDefinition.ObjectID', d.id,
    'TriggeredSendDefinition.CustomerKey', d.body->>'$.properties.CustomerKey', {_SHOWN},
    {", ".join(f"'{name}', '0'" for name in _NEVER)},
    'NotSentDueToError', coalesce((j.body->>'$.errors'), '0'), 'Queued', coalesce(q.waiting, 0)::VARCHAR) AS shown
FROM documents d
LEFT JOIN documents j ON j.kind = 'send' AND j.id = (d.body->>'$.job')
LEFT JOIN (SELECT send_id, {", ".join(f'{sql} AS "{name}"' for name, sql in _COUNTED.items())}
    FROM tracking.events GROUP BY send_id) e ON e.send_id = CAST(j.body->>'$.number' AS BIGINT)
LEFT JOIN (SELECT body->>'$.definition' AS definition, sum(json_array_length(body->'$.asked')) AS waiting
    FROM documents WHERE kind = '{triggered.WAITING}' GROUP BY ALL) q ON q.definition = d.id
WHERE d.kind = '{triggered.DEFINITION}'
"""


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of summaries, one for each definition, oldest first."""
    return retrieval.documents(service, query, SHAPE, _SOURCE, "shown->>'$.\"{}\"'", "seq")
