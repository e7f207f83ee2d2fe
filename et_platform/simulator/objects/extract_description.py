"""ExtractDescription: which extracts there are.

What belongs here: retrieving the list. What does not: the list (`extracts/kinds.py`). ObjectID is the ID that an
Extract names [D].
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from et_platform.simulator import retrieval, values
from et_platform.simulator.extracts import kinds

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="ExtractDescription",
    order=("PartnerKey", "ObjectID", "CustomerKey", "Name"),
    types={},
)


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of extract descriptions, in the recorded order [R]. CustomerKey is the id as well [K]."""
    known = ", ".join(
        f"({seq}, {values.quoted(json.dumps({'ObjectID': identity, 'CustomerKey': identity, 'Name': name}))})"
        for seq, (identity, name) in enumerate(kinds.NAMES.items())
    )
    source = f"SELECT * FROM (VALUES {known}) AS known(seq, shown)"
    return retrieval.documents(service, query, SHAPE, source, "shown->>'$.\"{}\"'", "seq")
