"""ResultItem: what became of each object of an asynchronous request.

What belongs here: its properties. What does not: working requests off (`asynchronous/`). There are none until then [D].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import retrieval
from et_platform.simulator.asynchronous import kept

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="ResultItem",
    order=(
        "Client.ID",
        "PartnerKey",
        "CreatedDate",
        "ObjectID",
        "RequestID",
        "ConversationID",
        "StatusCode",
        "StatusMessage",
        "OrdinalID",
        "ErrorCode",
        "RequestType",
        "RequestObjectType",
    ),
    types={"Client.ID": "Number", "CreatedDate": "Date", "OrdinalID": "Number", "ErrorCode": "Number"},
    plain=frozenset({"Client"}),
    # The WSDL requires these [W].
    unasked={"StatusCode": "", "StatusMessage": ""},
)


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of result items, oldest request first."""
    source = f"SELECT seq, body->'$.properties' AS shown FROM documents WHERE kind = '{kept.ITEM}'"
    return retrieval.documents(service, query, SHAPE, source, "shown->>'$.\"{}\"'", "seq")
