"""QueryDefinition: create, update, delete, retrieve, and Perform start.

What belongs here: its properties, and what is wrong with one. What does not: running a query (`queries/`). Its error
codes are not known; the general ones stand here [K].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import definitions, markup, retrieval, schema
from et_platform.simulator.definitions import Codes, Document
from et_platform.simulator.envelope import Element
from et_platform.simulator.queries import worker
from et_platform.simulator.queries.rewrite import QueryError
from et_platform.simulator.queries.target import UPDATE_TYPES
from et_platform.simulator.results import Refused, Result, refusal
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="QueryDefinition",
    order=(
        "Client.ID",
        "PartnerKey",
        "CreatedDate",
        "ModifiedDate",
        "ObjectID",
        "CustomerKey",
        "Name",
        "Description",
        "QueryText",
        "TargetType",
        "DataExtensionTarget.CustomerKey",
        "DataExtensionTarget.Name",
        "TargetUpdateType",
        "FileSpec",
        "FileType",
        "Status",
        "CategoryID",
    ),
    types={"Client.ID": "Number", "CreatedDate": "Date", "ModifiedDate": "Date", "CategoryID": "Number"},
    plain=frozenset({"Client"}),
)
_INVALID = 2


def _check(service: Service, connection: Connection, document: Document, element: Element) -> None:
    properties = document["properties"]
    if not properties.get("QueryText", "").strip():
        raise Refused(_INVALID, "QueryDefinition: a QueryText is required.")
    if properties["TargetType"] != "DE":
        raise Refused(_INVALID, "QueryDefinition: the TargetType must be DE.")
    if properties["TargetUpdateType"] not in UPDATE_TYPES:
        raise Refused(_INVALID, f"QueryDefinition: the TargetUpdateType is none of {', '.join(UPDATE_TYPES)}.")
    into = _target(connection, properties)
    document["target"] = into.object_id
    properties |= {"DataExtensionTarget.CustomerKey": into.customer_key, "DataExtensionTarget.Name": into.name}
    if service.behaviour.query_checked_on_save:
        try:
            worker.check(service, connection, properties["QueryText"], properties["TargetUpdateType"], into)
        except QueryError as error:
            raise Refused(_INVALID, f"QueryDefinition: {error}") from error


def _target(connection: Connection, properties: dict[str, str]) -> DataExtension:
    """The target data extension: by its key, else by its name. Raises Refused."""
    for name in ("CustomerKey", "Name"):
        given = properties.get(f"DataExtensionTarget.{name}", "")
        found = schema.by_property(connection, name, given) if given else None
        if found is not None:
            return found
    raise Refused(_INVALID, "QueryDefinition: the DataExtensionTarget was not found.")


_KIND = definitions.Kind(
    SHAPE,
    "query_definition",
    texts=(
        *("CustomerKey", "Name", "Description", "QueryText", "TargetType", "DataExtensionTarget.CustomerKey"),
        *("DataExtensionTarget.Name", "TargetUpdateType", "FileSpec", "FileType", "CategoryID"),
    ),
    words=("QueryDefinition created", "QueryDefinition updated", "QueryDefinition deleted"),
    codes=Codes(),
    rule=_check,
    defaults={"TargetType": "DE", "TargetUpdateType": "Overwrite", "Status": "Active"},
    content_type="queryactivity",
    fixed=frozenset({"CustomerKey"}),
)
retrieve, save, delete = _KIND.retrieve, _KIND.save, _KIND.delete
find = _KIND.existing
"""The definition that an element names. Raises Refused."""


def start(service: Service, element: Element) -> Result:
    """Queue one run. The Task's ID is of no further use: completion cannot be retrieved [D]."""
    try:
        with service.store.definitions, service.store.transaction() as connection:
            definition = _KIND.existing(connection, element)
            run = worker.new(connection, definition["properties"], definition["target"])
    except Refused as refused:
        return refusal(refused, _KIND.named(element))
    service.queries.submit(run)
    details = markup.element(
        "Task",
        markup.text("StatusCode", "OK"),
        markup.text("StatusMessage", "OK"),
        markup.text("ID", run["id"]),
        markup.text("TblAsyncID", run["id"]),
        markup.text("InteractionObjectID", definition["object_id"]),
    )
    return Result("QueryDefinition perform called successfully", _KIND.named(element), details=details)  # [R]
