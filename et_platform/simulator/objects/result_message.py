"""ResultMessage: what became of an asynchronous request as a whole.

What belongs here: its properties. What does not: working requests off (`asynchronous/`). There is none until then [D].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import retrieval
from et_platform.simulator.asynchronous import kept

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="ResultMessage",
    order=(
        "Client.ID",
        "PartnerKey",
        "CreatedDate",
        "ObjectID",
        "RequestID",
        "ConversationID",
        "OverallStatusCode",
        "StatusCode",
        "StatusMessage",
        "ErrorCode",
        "RequestType",
        "ResultType",
        "ResultDetailXML",
        "SequenceCode",
        "CallsInConversation",
    ),
    types={
        "Client.ID": "Number",
        "CreatedDate": "Date",
        "ErrorCode": "Number",
        "SequenceCode": "Number",
        "CallsInConversation": "Number",
    },
    plain=frozenset({"Client"}),
)


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of result messages, oldest first."""
    source = f"SELECT seq, body->'$.properties' AS shown FROM documents WHERE kind = '{kept.MESSAGE}'"
    return retrieval.documents(service, query, SHAPE, source, "shown->>'$.\"{}\"'", "seq")
