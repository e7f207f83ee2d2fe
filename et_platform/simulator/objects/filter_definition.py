"""FilterDefinition: a data filter over a data extension.

What belongs here: its properties, and what is wrong with one. What does not: running it (`automations/filtering.py`).
An Update needs both DataSource and DataFilter [D]. Filters over profile attributes are not simulated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import definitions, envelope, filters, markup, retrieval, schema
from et_platform.simulator.automations import filtering
from et_platform.simulator.definitions import Document
from et_platform.simulator.envelope import Element
from et_platform.simulator.repeated import repeated
from et_platform.simulator.results import Refused
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="FilterDefinition",
    order=(
        *("Client.ID", "PartnerKey", "CreatedDate", "ModifiedDate", "ObjectID", "CustomerKey", "Name", "Description"),
        *("DataSource.ObjectID", "DataSource.CustomerKey", "DataFilter", "CategoryID"),
    ),
    types={**dict.fromkeys(("Client.ID", "CategoryID"), "Number"), "CreatedDate": "Date", "ModifiedDate": "Date"},
    plain=frozenset({"Client"}),
    written=frozenset({"DataFilter"}),
    nested_types={"DataSource": "DataExtension"},
)
_INVALID = 2


def _check(service: Service, connection: Connection, document: Document, element: Element) -> None:
    properties = document["properties"]
    definitions.replace(properties, element, "DataSource")
    part = envelope.child(element, "DataFilter")
    if part is None or envelope.child(element, "DataSource") is None:
        raise Refused(_INVALID, "FilterDefinition: both DataSource and DataFilter are required.")
    object_id, key = (properties.get(f"DataSource.{name}", "") for name in ("ObjectID", "CustomerKey"))
    found = (
        schema.by_object_id(connection, object_id) if object_id else schema.by_property(connection, "CustomerKey", key)
    )
    if found is None:
        raise Refused(_INVALID, "FilterDefinition: the DataSource was not found; it must be a data extension.")
    properties |= {"DataSource.ObjectID": found.object_id, "DataSource.CustomerKey": found.customer_key}
    try:
        wanted = filters.read(part)
        filtering.condition(connection, found, wanted)
        if service.behaviour.filter_definition_operators == "documented":
            filters.check_for_definition(wanted, filtering.columns(found))
    except filters.FilterError as error:
        raise Refused(_INVALID, f"FilterDefinition: {error}") from error
    document["filter"], document["source"] = filtering.kept(wanted), found.object_id
    properties["DataFilter"] = markup.element("DataFilter", repeated(part), type=envelope.type_of(part))


_KIND = definitions.Kind(
    SHAPE,
    "filter_definition",
    texts=("CustomerKey", "Name", "Description", "CategoryID"),
    words=("FilterDefinition created", "FilterDefinition updated", "FilterDefinition deleted"),  # [K]
    rule=_check,
    content_type="filterdefinition",
    fixed=frozenset({"CustomerKey"}),
)
retrieve, save, delete = _KIND.retrieve, _KIND.save, _KIND.delete
