"""DataExtension: create, update, delete, retrieve.

What belongs here: identity, and error codes 310001-310007 [D]. What does not: what its properties may be
(`data_extension_properties.py`), rules of fields (`field_rules.py`) and rows (`data_extension_object.py`).
"""

from __future__ import annotations

import uuid
from copy import deepcopy
from typing import TYPE_CHECKING

from et_platform.simulator import clock, envelope, markup, retrieval, rows, schema, store
from et_platform.simulator.envelope import Element
from et_platform.simulator.objects import data_extension_properties, data_extension_template, field_rules
from et_platform.simulator.results import Refused, Result, SaveMode, refusal
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="DataExtension",
    order=(
        "Client.ID",
        "PartnerKey",
        "CreatedDate",
        "ModifiedDate",
        "ObjectID",
        "CustomerKey",
        "Name",
        "Description",
        "IsSendable",
        "IsTestable",
        "SendableDataExtensionField.Name",
        "SendableSubscriberField.Name",
        "Template.CustomerKey",
        "DataRetentionPeriodLength",
        "DataRetentionPeriodUnitOfMeasure",
        "RowBasedRetention",
        "ResetRetentionPeriodOnImport",
        "DeleteAtEndOfRetentionPeriod",
        "RetainUntil",
        "DataRetentionPeriod",
        "CategoryID",
        "Status",
    ),
    types={"CreatedDate": "Date", "ModifiedDate": "Date", "CategoryID": "Number", "Client.ID": "Number"},
    plain=frozenset({"Client", "SendableSubscriberField"}),
)
_NOT_ECHOED = {"Client.ID", "CreatedDate", "ModifiedDate", "DataRetentionPeriod", "Status"}


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of data extensions, oldest first."""
    source = f"SELECT seq, body->'$.properties' AS shown FROM documents WHERE kind = '{schema.KIND}'"
    return retrieval.documents(service, query, SHAPE, source, "shown->>'$.\"{}\"'", "seq")


def save(service: Service, objects: list[Element], mode: SaveMode, operation: str) -> list[Result]:
    """Create, update or upsert data extensions, each on its own."""
    return [_saved(service, one, mode) for one in objects]


def delete(service: Service, objects: list[Element]) -> list[Result]:
    """Delete data extensions; one that names Fields loses only these [R]."""
    return [_deleted(service, one) for one in objects]


def clear_data(service: Service, element: Element) -> Result:
    """Perform ClearData [R]: all rows go. It takes the unit that owns the data extension [D]; the words are [K]."""
    try:
        with service.store.connect() as connection:
            found = identified(connection, element)
        missing = Refused(310002, "The data extension to clear was not found.")
        if found is None:
            raise missing
        with service.store.lock(found.object_id), service.store.transaction() as connection:
            current = schema.by_object_id(connection, found.object_id)
            if current is None:
                raise missing
            rows.clear(connection, current)
    except Refused as refused:
        return refusal(refused, _named(element))
    shown = SHAPE.render(current.properties, {"ObjectID", "CustomerKey"}, tag="Object")
    return Result("Data Extension cleared.", shown)


def identified(connection: Connection, element: Element) -> DataExtension | None:
    """The data extension that an element means: by ObjectID, CustomerKey, else Name. Raises Refused 310001."""
    object_id = (envelope.value(element, "ObjectID") or "").strip()
    if object_id:
        return schema.by_object_id(connection, object_id)
    key = (envelope.value(element, "CustomerKey") or "").strip()
    if key:
        return schema.by_property(connection, "CustomerKey", key)
    name = (envelope.value(element, "Name") or "").strip()
    if name:
        return schema.by_property(connection, "Name", name)
    raise Refused(310001, "The ObjectID, CustomerKey or Name of the data extension must be given.")


def _saved(service: Service, element: Element, mode: SaveMode) -> Result:
    try:
        with service.store.connect() as connection:
            existing = identified(connection, element)
        key = (envelope.value(element, "CustomerKey") or envelope.value(element, "Name") or "").strip()
        if existing is None:
            if not mode.add:
                raise Refused(
                    310004, f"The data extension does not exist, and the operation is update-only. CustomerKey: {key}"
                )
            with service.store.definitions, service.store.transaction() as connection:
                return create(service, connection, element)
        if not mode.change:
            # By name alone another data extension is meant: the name is taken.
            _check_free(service, existing, element)
        with (
            service.store.lock(existing.object_id),
            service.store.definitions,
            service.store.transaction() as connection,
        ):
            current = schema.by_object_id(connection, existing.object_id)
            if current is None:
                raise Refused(310004, f"The data extension does not exist any more. CustomerKey: {key}")
            return _update(service, connection, current, element)
    except Refused as refused:
        return refusal(refused, _named(element))


def _check_free(service: Service, existing: DataExtension, element: Element) -> None:
    key = (envelope.value(element, "CustomerKey") or "").strip()
    if key and schema.folded(existing.customer_key) == schema.folded(key):
        raise Refused(
            310003,
            "Updating an existing Data Extension definition when doing an add-only operation is not allowed."
            f" CustomerKey: {key}",
        )
    raise data_extension_properties.name_taken(service, existing.name)


def _named(element: Element) -> str:
    """The object of a refused request: as far as it named itself."""
    known = {
        name: text
        for name in ("ObjectID", "CustomerKey", "Name")
        if (text := (envelope.value(element, name) or "").strip())
    }
    return SHAPE.render(known, set(known), tag="Object")


def create(service: Service, connection: Connection, element: Element) -> Result:
    """Create a data extension, in a transaction and under the lock of definitions. Raises Refused."""
    if (envelope.value(element, "ObjectID") or "").strip():
        raise Refused(310005, "An ObjectID cannot be given when a data extension is added.")
    properties = data_extension_properties.new(service)
    template = data_extension_template.named(element)
    key = (envelope.value(element, "CustomerKey") or "").strip()
    if len(key) > service.behaviour.customer_key_length:
        raise Refused(field_rules.INVALID, f"The CustomerKey is longer than {service.behaviour.customer_key_length}.")
    properties["CustomerKey"] = key or str(uuid.uuid4())
    data_extension = DataExtension(properties["ObjectID"], properties)
    wanted = [field_rules.read(one) for one in envelope.children(envelope.child(element, "Fields"), "Field")]
    if template:
        properties |= template.properties
        given = {schema.folded(one.name) for one in wanted if one.name}
        wanted = [one for one in template.fields if schema.folded(one.name or "") not in given] + wanted
    if not wanted:
        raise Refused(field_rules.INVALID, "A data extension needs at least one field.")
    for field in wanted:
        field_rules.add(connection, data_extension, field, has_rows=False)
    data_extension_properties.take_over(service, connection, data_extension, element)
    schema.save(connection, data_extension)
    rows.create(connection, data_extension)
    return Result(
        "Data Extension created.",
        _echo(data_extension, wanted),
        new_object_id=data_extension.object_id,
    )


def _update(service: Service, connection: Connection, data_extension: DataExtension, element: Element) -> Result:
    wanted = [field_rules.read(one) for one in envelope.children(envelope.child(element, "Fields"), "Field")]
    has_rows = rows.count(connection, data_extension) > 0
    before = deepcopy(data_extension)
    for field in wanted:
        existing = field_rules.find(data_extension, field)
        if existing is None:
            field_rules.add(connection, data_extension, field, has_rows)
        else:
            field_rules.change(connection, data_extension, existing, field)
    key = (envelope.value(element, "CustomerKey") or "").strip()
    if key and schema.folded(key) != schema.folded(data_extension.customer_key):
        if schema.by_property(connection, "CustomerKey", key):
            raise Refused(310003, f"The CustomerKey is already in use. CustomerKey: {key}")
        data_extension.properties["CustomerKey"] = key
    data_extension_properties.take_over(service, connection, data_extension, element)
    if data_extension.fields != before.fields:
        rows.rebuild(connection, before, data_extension, clock.now())
    schema.save(connection, data_extension)
    return Result("Data Extension updated.", _echo(data_extension, wanted))


def _echo(data_extension: DataExtension, wanted: list[field_rules.Wanted]) -> str:
    """The object as replies to Create and Update show it [R]: Fields are those of the request."""
    fields = markup.element("Fields", *(field_rules.echo(one) for one in wanted)) if wanted else ""
    asked = set(SHAPE.order) - _NOT_ECHOED
    return SHAPE.render(data_extension.properties, asked, tag="Object", after=("RetainUntil", fields))


def _deleted(service: Service, element: Element) -> Result:
    try:
        with service.store.connect() as connection:
            found = identified(connection, element)
        key = (envelope.value(element, "CustomerKey") or envelope.value(element, "ObjectID") or "").strip()
        missing = Refused(310002, f"The data extension to delete was not found: {key}")
        if found is None:
            raise missing
        named = list(envelope.children(envelope.child(element, "Fields"), "Field"))
        with service.store.lock(found.object_id), service.store.definitions, service.store.transaction() as connection:
            current = schema.by_object_id(connection, found.object_id)
            if current is None:
                raise missing
            shown = SHAPE.render(current.properties, {"ObjectID", "CustomerKey"}, tag="Object")
            if named:
                _remove_fields(connection, current, [field_rules.read(one) for one in named])
                return Result("Data Extension Fields deleted", shown)
            rows.drop(connection, current)
            store.remove(connection, schema.KIND, current.object_id)
            return Result("Data Extension deleted. / Data Extension Fields deleted", shown)
    except Refused as refused:
        return refusal(refused, _named(element))


def _remove_fields(connection: Connection, data_extension: DataExtension, wanted: list[field_rules.Wanted]) -> None:
    before = deepcopy(data_extension)
    for one in wanted:
        field = field_rules.find(data_extension, one)
        if field is None:
            raise Refused(310002, f"The field to delete was not found: {one.name or one.object_id}")
        field_rules.remove(data_extension, field)
    rows.rebuild(connection, before, data_extension, clock.now())
    schema.save(connection, data_extension)
