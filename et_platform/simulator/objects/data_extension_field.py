"""DataExtensionField: create, update, delete, retrieve, each below its data extension.

What belongs here: naming the data extension and the field that are meant. What does not: what may be done to a
field (`field_rules.py`). Changing fields through the data extension is the documented way; both end in the same rules.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from et_platform.simulator import clock, envelope, retrieval, rows, schema
from et_platform.simulator.envelope import Element
from et_platform.simulator.objects import data_extension, field_rules
from et_platform.simulator.results import Refused, Result, SaveMode, refusal
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="DataExtensionField",
    order=(
        "Client.ID",
        "PartnerKey",
        "CreatedDate",
        "ModifiedDate",
        "ObjectID",
        "CustomerKey",
        "Name",
        "Scale",
        "DefaultValue",
        "MaxLength",
        "IsRequired",
        "Ordinal",
        "IsPrimaryKey",
        "FieldType",
        "DataExtension.CustomerKey",
        "StorageType",
    ),
    types={
        "CreatedDate": "Date",
        "ModifiedDate": "Date",
        "Scale": "Number",
        "MaxLength": "Number",
        "Ordinal": "Number",
    },
    plain=frozenset({"Client"}),
)

# MaxLength is absent for types without one [R]; the key has the form [DEKey].[Field] [R].
_SOURCE = f"""
SELECT seq, CAST(one.key AS INTEGER) AS place, json_object(
    'Client.ID', body->>'$.properties."Client.ID"',
    'CreatedDate', body->>'$.properties.CreatedDate',
    'ModifiedDate', body->>'$.properties.ModifiedDate',
    'ObjectID', one.value->>'object_id',
    'CustomerKey', '[' || (body->>'$.properties.CustomerKey') || '].[' || (one.value->>'name') || ']',
    'Name', one.value->>'name',
    'Scale', one.value->>'scale',
    'DefaultValue', one.value->>'default',
    'MaxLength', one.value->>'max_length',
    'IsRequired', one.value->>'required',
    'Ordinal', one.value->>'ordinal',
    'IsPrimaryKey', one.value->>'key',
    'FieldType', one.value->>'type',
    'DataExtension.CustomerKey', body->>'$.properties.CustomerKey',
    'StorageType', 'Plain'
) AS shown
FROM documents, json_each(body, '$.fields') AS one WHERE kind = '{schema.KIND}'
"""


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of fields: of one data extension, or of all without a filter [R]."""
    return retrieval.documents(service, query, SHAPE, _SOURCE, "shown->>'$.\"{}\"'", "seq, place")


def save(service: Service, objects: list[Element], mode: SaveMode, operation: str) -> list[Result]:
    """Create, update or upsert fields."""
    return [_changed(service, one, mode) for one in objects]


def delete(service: Service, objects: list[Element]) -> list[Result]:
    """Delete fields with their values."""
    return [_changed(service, one, None) for one in objects]


def _changed(service: Service, element: Element, mode: SaveMode | None) -> Result:
    """Save the field (or delete it, without a mode)."""
    try:
        wanted = field_rules.read(element)
        with service.store.connect() as connection:
            owner = _owner(connection, element, wanted)
        with (
            service.store.lock(owner.object_id),
            service.store.definitions,
            service.store.transaction() as connection,
        ):
            current = schema.by_object_id(connection, owner.object_id)
            if current is None:
                raise Refused(310002, "The data extension does not exist any more.")
            before = deepcopy(current)
            if mode is None:
                _delete(current, wanted)
                message, new_object_id = "Data Extension Field deleted.", None
            else:
                message, new_object_id = _save(connection, current, wanted, mode)
            if current.fields != before.fields:
                rows.rebuild(connection, before, current, clock.now())
            current.properties["ModifiedDate"] = clock.iso(clock.now())
            schema.save(connection, current)
        return Result(message, _named(element, wanted), new_object_id=new_object_id)
    except Refused as refused:
        return refusal(refused, _named(element, None))


def _owner(connection: Connection, element: Element, wanted: field_rules.Wanted) -> DataExtension:
    parent = envelope.child(element, "DataExtension")
    if parent is not None:
        owner = data_extension.identified(connection, parent)
    else:
        # [DEKey].[Field] names the data extension too.
        key = (envelope.value(element, "CustomerKey") or "").partition("].[")[0].lstrip("[")
        if not key:
            raise Refused(310001, "The data extension of the field must be given.")
        owner = schema.by_property(connection, "CustomerKey", key)
    if owner is None:
        raise Refused(310002, "The data extension of the field was not found.")
    return owner


def _save(
    connection: Connection, owner: DataExtension, wanted: field_rules.Wanted, mode: SaveMode
) -> tuple[str, str | None]:
    existing = field_rules.find(owner, wanted)
    if existing is None:
        if not mode.add:
            raise Refused(310004, f"The field does not exist: {wanted.name or wanted.object_id}")
        new = field_rules.add(connection, owner, wanted, rows.count(connection, owner) > 0)
        return "Data Extension Field created.", new.object_id
    if not mode.change:
        raise Refused(310003, f"The field exists already: {existing.name}")
    field_rules.change(connection, owner, existing, wanted)
    return "Data Extension Field updated.", None


def _delete(owner: DataExtension, wanted: field_rules.Wanted) -> None:
    existing = field_rules.find(owner, wanted)
    if existing is None:
        raise Refused(310002, f"The field to delete was not found: {wanted.name or wanted.object_id}")
    field_rules.remove(owner, existing)


def _named(element: Element, wanted: field_rules.Wanted | None) -> str:
    key = (envelope.value(envelope.child(element, "DataExtension"), "CustomerKey") or "").strip()
    known = {"Name": (envelope.value(element, "Name") or "").strip(), "DataExtension.CustomerKey": key}
    if wanted and wanted.type:
        known["FieldType"] = wanted.type
    return SHAPE.render({name: text for name, text in known.items() if text}, set(known), tag="Object")
