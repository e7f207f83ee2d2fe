"""ImportResultsSummary: how import tasks stand.

What belongs here: its properties and when a task begins to show. What does not: running imports (`imports/`).
Summaries outlive their definitions.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from et_platform.simulator import retrieval
from et_platform.simulator.imports import tasks

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="ImportResultsSummary",
    order=(
        "Client.ID",
        "PartnerKey",
        "CreatedDate",
        "ModifiedDate",
        "ID",
        "ObjectID",
        "CustomerKey",
        "ImportDefinitionCustomerKey",
        "StartDate",
        "EndDate",
        "DestinationID",
        "NumberSuccessful",
        "NumberDuplicated",
        "NumberErrors",
        "NumberRestricted",  # documented, though not in the WSDL [D]
        "TotalRows",
        "ImportType",
        "ImportStatus",
        "TaskResultID",
    ),
    types=dict.fromkeys(
        ("ID", "NumberSuccessful", "NumberDuplicated", "NumberErrors", "NumberRestricted", "TotalRows", "TaskResultID"),
        "Number",
    )
    | {"CreatedDate": "Date", "ModifiedDate": "Date"},
    plain=frozenset({"Client"}),
    # Who asks for all that Describe tells reads the reply by the WSDL, which does not have it.
    untold=frozenset({"NumberRestricted"}),
)


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of summaries, oldest first. A young task may not show yet: zero rows are normal [D]."""
    shown_before = time.time() - service.behaviour.summary_delay_seconds
    source = (
        f"SELECT seq, body->'$.properties' AS shown FROM documents WHERE kind = '{tasks.KIND}'"
        f" AND CAST(body->>'$.performed' AS DOUBLE) <= {shown_before!r}"
    )
    return retrieval.documents(service, query, SHAPE, source, "shown->>'$.\"{}\"'", "seq")
