"""DataFolder: create, update, delete, retrieve.

What belongs here: the tree of a unit's folders and its error codes 396001-396012 [D]. What does not: the roots that
are there from the start (`folders.py`). A data extension names its folder by CategoryID.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from et_platform.simulator import clock, envelope, folders, retrieval, schema, store
from et_platform.simulator.envelope import Element
from et_platform.simulator.objects.field_rules import boolean
from et_platform.simulator.results import Refused, Result, SaveMode, refusal
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_INVALID_CALL, _KEY_EXISTS, _NAME_REQUIRED, _TYPE_REQUIRED, _TYPE_INVALID = 396001, 396002, 396003, 396004, 396005
_INVALID_PARENT, _NO_KEY, _BAD_KEY, _DESCRIPTION_REQUIRED, _NAME_INVALID = 396007, 396008, 396009, 396010, 396012
_LENGTHS = {"Name": (100, _NAME_INVALID), "Description": (200, _INVALID_CALL), "CustomerKey": (36, _BAD_KEY)}  # [R]
_FLAGS = ("IsActive", "IsEditable", "AllowChildren")
_PARENT = ("CustomerKey", "Name", "Description", "ContentType", *_FLAGS)

SHAPE = retrieval.Shape(
    object_type="DataFolder",
    order=(
        "Client.ID",
        "Client.CreatedBy",
        "Client.ModifiedBy",
        "Client.EnterpriseID",
        "PartnerKey",
        "CreatedDate",
        "ModifiedDate",
        "ID",
        "ObjectID",
        "CustomerKey",
        "ParentFolder.ID",
        "ParentFolder.ObjectID",
        *(f"ParentFolder.{name}" for name in _PARENT),
        "Name",
        "Description",
        "ContentType",
        *_FLAGS,
    ),
    types={
        "CreatedDate": "Date",
        "ModifiedDate": "Date",
        "ID": "Number",
        "ParentFolder.ID": "Number",
        "Client.ID": "Number",
        "Client.EnterpriseID": "Number",
    },
    plain=frozenset({"Client"}),
    hidden=frozenset({"PartnerKey"}),  # [R]
    required=frozenset({"ID", "Client.ID", "Name", "Description", "ContentType", "CreatedDate", "ModifiedDate"}),  # [R]
    lengths={"ContentType": 50} | {name: length for name, (length, _) in _LENGTHS.items()},
)

# What the parent is called is read from the parent; an empty text of it is left out, the folder's own is not [R].
_PARENT_SQL = ", ".join(
    f"'ParentFolder.{name}', nullif(parent.body->>'$.properties.{name}', '')" for name in ("ObjectID", *_PARENT)
)
_SOURCE = f"""
SELECT folder.seq, json_merge_patch(folder.body->'$.properties', json_object({_PARENT_SQL})) AS shown
FROM documents AS folder
LEFT JOIN documents AS parent ON parent.kind = '{folders.KIND}'
    AND parent.id = (folder.body->>'$.properties."ParentFolder.ID"')
WHERE folder.kind = '{folders.KIND}'
"""


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of folders, the roots first."""
    return retrieval.documents(service, query, SHAPE, _SOURCE, "shown->>'$.\"{}\"'", "seq")


def save(service: Service, objects: list[Element], mode: SaveMode, operation: str) -> list[Result]:
    """Create, update or upsert folders; the results show no object [R]."""
    return [_each(service, one, mode) for one in objects]


def delete(service: Service, objects: list[Element]) -> list[Result]:
    """Delete empty folders. What becomes of a folder with content is not documented; here it is refused [K]."""
    return [_each(service, one, None) for one in objects]


def _each(service: Service, element: Element, mode: SaveMode | None) -> Result:
    try:
        with service.store.definitions, service.store.transaction() as connection:
            if mode is None:
                return _deleted(connection, element)
            return _saved(service, connection, element, mode)
    except Refused as refused:
        return refusal(refused)


def _saved(service: Service, connection: Connection, element: Element, mode: SaveMode) -> Result:
    found = _identified(connection, element)
    if found is not None:
        if not mode.change:
            raise Refused(_KEY_EXISTS, "Data Folder Customer Key Exists")
        _change(connection, found["properties"], element)
        _keep(connection, found["properties"])
        return Result("Folder updated successfully.")  # [D]
    if not mode.add:
        _check_named(element)
        raise Refused(_BAD_KEY, "Data Folder Key Field Invalid: there is no such folder.")
    properties = _new(service, connection, element)
    _keep(connection, properties)
    return Result(
        "Folder created successfully.", new_object_id=properties["ObjectID"], new_id=int(properties["ID"])
    )  # [R]


def _check_named(element: Element) -> None:
    if not any((envelope.value(element, name) or "").strip() for name in ("ID", "ObjectID", "CustomerKey")):
        raise Refused(_NO_KEY, "Data Folder Key Field Required: the ID, ObjectID or CustomerKey of the folder.")


def _identified(connection: Connection, element: Element) -> dict[str, Any] | None:
    """The folder that an element means, by ID, ObjectID, else CustomerKey; None when none of them is given or known."""
    number = (envelope.value(element, "ID") or "").strip()
    if number not in ("", "0"):
        return store.get(connection, folders.KIND, number)
    for name in ("ObjectID", "CustomerKey"):
        text = (envelope.value(element, name) or "").strip()
        if text:
            condition = f"lower(rtrim(body->>'$.properties.{name}', ' ')) = lower(rtrim(?, ' '))"
            return next(iter(store.find(connection, folders.KIND, condition, [text])), None)
    return None


def _new(service: Service, connection: Connection, element: Element) -> dict[str, str]:
    given = _given(element)
    for name, code in (
        ("Name", _NAME_REQUIRED),
        ("ContentType", _TYPE_REQUIRED),
        ("Description", _DESCRIPTION_REQUIRED),
    ):
        if name not in given or (name != "Description" and not given[name]):
            raise Refused(code, f"Data Folder {name} Required")
    kind = folders.CONTENT_TYPES.get(given["ContentType"].lower())
    if kind is None:
        raise Refused(_TYPE_INVALID, f"Data Folder Content Type Invalid: {given['ContentType']}")
    row = connection.execute("SELECT nextval('folder_id')").fetchone()
    assert row is not None
    now = clock.iso(clock.now())
    properties = {
        "Client.ID": service.account.mid,
        "Client.EnterpriseID": service.account.parent or service.account.mid,
        "CreatedDate": now,
        "ModifiedDate": now,
        "ID": str(row[0]),
        "ObjectID": str(uuid.uuid4()),
        "CustomerKey": "",
        # Only what the request says makes a folder editable and a parent [D].
        **{"IsActive": "true", "IsEditable": "false", "AllowChildren": "false"},
        **given,
        "ContentType": kind,
    }
    _place(connection, properties, element)
    return properties


def _change(connection: Connection, properties: dict[str, str], element: Element) -> None:
    """Take over what the request gives; what it leaves out stays. A root keeps its name, key and place [K]."""
    given = _given(element)
    kind = given.pop("ContentType", "") or properties["ContentType"]
    if kind.lower() != properties["ContentType"].lower():
        raise Refused(_TYPE_INVALID, f"Data Folder Content Type Invalid: it cannot become {kind}.")
    if "Name" in given and not given["Name"]:
        raise Refused(_NAME_REQUIRED, "Data Folder Name Required")
    root = properties["ParentFolder.ID"] == "0"
    renamed = given.get("Name", properties["Name"]) != properties["Name"]
    if root and (renamed or envelope.child(element, "ParentFolder") is not None):
        raise Refused(_INVALID_CALL, "Data Folder Invalid Call: a root folder cannot be renamed or moved.")
    if root:
        given.pop("CustomerKey", None)
    properties |= given | {"ModifiedDate": clock.iso(clock.now())}
    if not root:
        _place(connection, properties, element)


def _given(element: Element) -> dict[str, str]:
    given = {
        name: text.strip()
        for name in ("CustomerKey", "Name", "Description", "ContentType")
        if (text := envelope.value(element, name)) is not None
    }
    for name, (length, code) in _LENGTHS.items():
        if len(given.get(name, "")) > length:
            raise Refused(code, f"The {name} of a folder is longer than {length} characters.")
    for name in _FLAGS:
        try:
            flag = boolean(envelope.value(element, name), name)
        except Refused as refused:
            raise Refused(_INVALID_CALL, f"Data Folder Invalid Call: {refused.message}") from refused
        if flag is not None:
            given[name] = "true" if flag else "false"
    return given


def _place(connection: Connection, properties: dict[str, str], element: Element) -> None:
    """Put the folder below its parent, with a key and a name that are free. Raises Refused."""
    wanted = envelope.child(element, "ParentFolder")
    if wanted is not None:
        parent = _identified(connection, wanted)
        if parent is None:
            raise Refused(_INVALID_PARENT, "Data Folder Invalid Parent: there is no such folder.")
        above = parent["properties"]
        if above["ContentType"] != properties["ContentType"]:
            raise Refused(_INVALID_PARENT, f"Data Folder Invalid Parent: it is for {above['ContentType']}.")
        if above["AllowChildren"] != "true" and above["ID"] != properties.get("ParentFolder.ID"):
            raise Refused(_INVALID_PARENT, "Data Folder Invalid Parent: it does not allow children.")
        _check_no_circle(connection, properties["ID"], above)
        properties["ParentFolder.ID"] = above["ID"]
    elif "ParentFolder.ID" not in properties:
        raise Refused(_INVALID_PARENT, "Data Folder Invalid Parent: a ParentFolder must be given.")
    for one in store.find(connection, folders.KIND):
        other = one["properties"]
        if other["ID"] == properties["ID"]:
            continue
        if other["CustomerKey"] and schema.folded(other["CustomerKey"]) == schema.folded(properties["CustomerKey"]):
            raise Refused(_KEY_EXISTS, "Data Folder Customer Key Exists")
        beside = other["ParentFolder.ID"] == properties["ParentFolder.ID"]
        if beside and schema.folded(other["Name"]) == schema.folded(properties["Name"]):
            raise Refused(_NAME_INVALID, "Data Folder Name Invalid: a folder of that name lies there already.")  # [K]


def _check_no_circle(connection: Connection, number: str, above: dict[str, str]) -> None:
    while above["ParentFolder.ID"] != "0":
        if above["ID"] == number:
            raise Refused(_INVALID_PARENT, "Data Folder Invalid Parent: it lies in the folder itself.")
        found = store.get(connection, folders.KIND, above["ParentFolder.ID"])
        assert found is not None  # a folder with children is never deleted
        above = found["properties"]


def _keep(connection: Connection, properties: dict[str, str]) -> None:
    store.put(connection, folders.KIND, properties["ID"], {"properties": properties})


def _deleted(connection: Connection, element: Element) -> Result:
    _check_named(element)
    found = _identified(connection, element)
    if found is None:
        raise Refused(_BAD_KEY, "Data Folder Key Field Invalid: there is no such folder.")
    number = found["properties"]["ID"]
    if found["properties"]["ParentFolder.ID"] == "0":
        raise Refused(_INVALID_CALL, "Data Folder Invalid Call: a root folder cannot be deleted.")
    content = "(body->>'$.properties.\"ParentFolder.ID\"') = ? OR (body->>'$.properties.CategoryID') = ?"
    for kind in (folders.KIND, schema.KIND):
        if store.find(connection, kind, content, [number, number]):
            raise Refused(_INVALID_CALL, "Data Folder Invalid Call: the folder is not empty.")
    store.remove(connection, folders.KIND, number)
    return Result("Folder deleted successfully.")  # [D]
