"""FilterActivity: runs a FilterDefinition into a data extension.

What belongs here: its properties, and Perform start [K]. What does not: running it (`automations/`). A type ID of 2
means a data extension [R]; others are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import definitions, retrieval, schema, store
from et_platform.simulator.automations import worker
from et_platform.simulator.definitions import Document
from et_platform.simulator.envelope import Element
from et_platform.simulator.results import Refused, Result, refusal
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="FilterActivity",
    order=(
        *("Client.ID", "PartnerKey", "CreatedDate", "ModifiedDate", "ObjectID", "CustomerKey", "Name", "Description"),
        *("FilterActivityID", "FilterDefinitionID", "DestinationObjectID", "DestinationTypeID", "SourceObjectID"),
        "SourceTypeID",
    ),
    types={
        **dict.fromkeys(("Client.ID", "DestinationTypeID", "SourceTypeID"), "Number"),
        **dict.fromkeys(("CreatedDate", "ModifiedDate"), "Date"),
    },
    plain=frozenset({"Client"}),
)
_INVALID, _DATA_EXTENSION = 2, "2"


def _check(service: Service, connection: Connection, document: Document, element: Element) -> None:
    properties = document["properties"]
    definition = store.get(connection, "filter_definition", properties.get("FilterDefinitionID", ""))
    if definition is None:
        raise Refused(_INVALID, "FilterActivity: the FilterDefinitionID was not found.")
    properties.setdefault("SourceObjectID", definition["source"])
    for end in ("Source", "Destination"):
        if properties[f"{end}TypeID"] != _DATA_EXTENSION:
            raise Refused(_INVALID, f"FilterActivity: a {end}TypeID other than {_DATA_EXTENSION} is not simulated.")
        if schema.by_object_id(connection, properties.get(f"{end}ObjectID", "")) is None:
            raise Refused(_INVALID, f"FilterActivity: the {end}ObjectID was not found.")
    properties["FilterActivityID"] = document["object_id"]  # [R]


_KIND = definitions.Kind(
    SHAPE,
    worker.KINDS[worker.FILTER],
    texts=(
        *("CustomerKey", "Name", "Description", "FilterDefinitionID", "DestinationObjectID", "DestinationTypeID"),
        *("SourceObjectID", "SourceTypeID"),
    ),
    words=("FilterActivity Created", "FilterActivity Updated", "FilterActivity deleted"),  # the first is [R]
    rule=_check,
    defaults={"DestinationTypeID": _DATA_EXTENSION, "SourceTypeID": _DATA_EXTENSION},
    fixed=frozenset({"CustomerKey"}),
    told=frozenset({"CustomerKey", "FilterActivityID"}),  # [R]
)
retrieve, save, delete = _KIND.retrieve, _KIND.save, _KIND.delete


def start(service: Service, element: Element) -> Result:
    """Queue one run [K]; as an automation's it has no Task [R]."""
    try:
        with service.store.definitions, service.store.transaction() as connection:
            found = _KIND.existing(connection, element)
            run = worker.new(connection, [[[worker.FILTER, found["object_id"]]]])
    except Refused as refused:
        return refusal(refused, _KIND.named(element))
    service.automations.submit(run)
    return Result("Performed Activity", _KIND.named(element))
