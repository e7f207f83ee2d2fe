"""List: create, update, delete, retrieve; All Subscribers is always there.

What belongs here: properties of lists and their errors (13000-13013 [D]). What does not: who is on them
(`list_subscriber.py`, `tracking/people.py`). The module's name ends in an underscore beside Python's own `list`.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from et_platform.simulator import clock, envelope, retrieval, store, values
from et_platform.simulator.envelope import Element
from et_platform.simulator.results import Refused, Result, SaveMode, refusal
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking.people import ALL_SUBSCRIBERS

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

KIND = "list"

NOT_FOUND, NOT_GIVEN, NAME_TOO_LONG, CANNOT_CHANGE, INVALID = 13000, 13001, 13010, 13012, 13013
_NAME_LENGTH = 50  # [D]
_TEXTS = ("ListName", "Description", "Category", "Type", "ListClassification", "CustomerKey")
_DEFAULTS = {"Type": "Private", "ListClassification": "ExactTargetList", "Description": "", "Category": "0"}
_WORDS = {  # [W]
    "Type": ("Public", "Private", "SalesForce", "GlobalUnsubscribe", "Master"),
    "ListClassification": ("ExactTargetList", "PublicationList", "SuppressionList"),
}

SHAPE = retrieval.Shape(
    object_type="List",
    order=(
        "Client.ID",
        "Client.PartnerClientKey",
        "PartnerKey",
        "CreatedDate",
        "ModifiedDate",
        "ID",
        "ObjectID",
        "CustomerKey",
        "ListName",
        "Category",
        "Type",
        "Description",
        "ListClassification",
        "AutomatedEmail.ID",
    ),
    types={
        "CreatedDate": "Date",
        "ModifiedDate": "Date",
        "ID": "Number",
        "Category": "Number",
        "Client.ID": "Number",
    },
    plain=frozenset({"Client"}),
    # Public clients ask for it with success [R]; no list here sends anything by itself, so nothing is shown.
    untold=frozenset({"AutomatedEmail.ID"}),
)


def all_subscribers(mid: str) -> dict[str, str]:
    """The list that everybody is on, as the recorded one reads [R]; its dates are made up."""
    return {
        "Client.ID": mid,
        "CreatedDate": "2010-01-01T00:00:00",
        "ModifiedDate": "2010-01-01T00:00:00",
        "ID": str(ALL_SUBSCRIBERS),
        "ObjectID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"All Subscribers {mid}")),
        "CustomerKey": "All Subscribers - 0",
        "ListName": "All Subscribers",
        "Category": "0",
        "Type": "Private",
        "Description": "Contains all subscribers",
        "ListClassification": "ExactTargetList",
    }


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of lists, All Subscribers first."""
    fixed = values.quoted(json.dumps(all_subscribers(service.account.mid)))
    source = (
        f"SELECT 0 AS seq, {fixed} AS shown UNION ALL"
        f" SELECT seq, CAST(body->'$.properties' AS VARCHAR) FROM documents WHERE kind = '{KIND}'"
    )
    return retrieval.documents(service, query, SHAPE, source, "shown->>'$.\"{}\"'", "seq")


def numbers(connection: Connection) -> set[int]:
    """The IDs of all lists but All Subscribers."""
    return {int(one["properties"]["ID"]) for one in store.find(connection, KIND)}


def save(service: Service, objects: list[Element], mode: SaveMode, operation: str) -> list[Result]:
    """Create, update or upsert lists, each on its own."""
    results = []
    for element in objects:
        try:
            with service.store.definitions, service.store.transaction() as connection:
                results.append(_saved(service, connection, element, mode))
        except Refused as refused:
            results.append(refusal(refused, _echo(_given(element))))
    return results


def delete(service: Service, objects: list[Element]) -> list[Result]:
    """Delete lists; their members stay subscribers."""
    results = []
    for element in objects:
        try:
            with service.store.definitions, service.store.transaction() as connection:
                found = _identified(connection, element)
                if found is None:
                    raise Refused(NOT_FOUND, "List Not Found")
                connection.execute(
                    "DELETE FROM tracking.list_subscribers WHERE list_id = ?", [int(found["properties"]["ID"])]
                )
                store.remove(connection, KIND, found["properties"]["ObjectID"])
                results.append(Result("List deleted", _echo(found["properties"])))
        except Refused as refused:
            results.append(refusal(refused, _echo(_given(element))))
    return results


def _identified(connection: Connection, element: Element) -> dict | None:
    """The list's document: by ID, ObjectID, else CustomerKey. Raises Refused."""
    for name in ("ID", "ObjectID", "CustomerKey"):
        text = (envelope.value(element, name) or "").strip()
        if not text:
            continue
        if name == "ID" and text == str(ALL_SUBSCRIBERS):
            raise Refused(CANNOT_CHANGE, "List Cannot Be Updated: All Subscribers")
        found = store.find(
            connection, KIND, f"lower(rtrim(body->>'$.properties.{name}', ' ')) = lower(rtrim(?, ' '))", [text]
        )
        return found[0] if found else None
    return None


def _saved(service: Service, connection: Connection, element: Element, mode: SaveMode) -> Result:
    given = _given(element)
    for name, words in _WORDS.items():
        if name in given and given[name] not in words:
            raise Refused(INVALID, f"List Validation Error: {name} {given[name]!r} is none of {', '.join(words)}.")
    if len(given.get("ListName", "")) > _NAME_LENGTH:
        raise Refused(NAME_TOO_LONG, f"List Name Too Long: more than {_NAME_LENGTH} characters.")
    found = _identified(connection, element)
    now = clock.iso(clock.now())
    if found is not None:
        if not mode.change:
            raise Refused(INVALID, "List Validation Error: the list exists already.")
        properties = found["properties"] | given | {"ModifiedDate": now}
        store.put(connection, KIND, properties["ObjectID"], {"properties": properties})
        return Result("Updated List.", _echo(properties))
    if not mode.add:
        identified = any(envelope.value(element, name) for name in ("ID", "ObjectID", "CustomerKey"))
        raise Refused(NOT_FOUND, "List Not Found") if identified else Refused(NOT_GIVEN, "List ID Not Specified")
    if not given.get("ListName"):
        raise Refused(INVALID, "List Validation Error: a ListName is needed.")
    row = connection.execute("SELECT nextval('tracking.list_id')").fetchone()
    assert row is not None
    properties = _DEFAULTS | given
    properties.setdefault("CustomerKey", f"{properties['ListName']} - {properties['Category']}")  # [R]
    if store.find(connection, KIND, "body->>'$.properties.CustomerKey' = ?", [properties["CustomerKey"]]):
        raise Refused(INVALID, "List Validation Error: the CustomerKey is taken.")
    properties |= {
        "Client.ID": service.account.mid,
        "CreatedDate": now,
        "ModifiedDate": now,
        "ID": str(row[0]),
        "ObjectID": str(uuid.uuid4()),
    }
    store.put(connection, KIND, properties["ObjectID"], {"properties": properties})
    return Result("Created List.", _echo(properties), new_object_id=properties["ObjectID"], new_id=row[0])


def _given(element: Element) -> dict[str, str]:
    """The properties that a request names, ID and ObjectID apart: those identify and never change."""
    return {
        name: text.strip()
        for name in _TEXTS
        if (text := envelope.value(element, name)) is not None and (text.strip() or name == "Description")
    }


def _echo(properties: dict[str, str]) -> str:
    shown = {"ID", "ObjectID", "CustomerKey", *_TEXTS}
    known = {name: text for name, text in properties.items() if name in shown}
    return SHAPE.render(known, set(known), tag="Object")
