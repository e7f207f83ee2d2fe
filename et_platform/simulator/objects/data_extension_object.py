"""DataExtensionObject: the rows of data extensions over SOAP.

What belongs here: addressing rows, reading pages of them, per-row results with all key and value errors [D].
What does not: what a field accepts (`values.py`), bulk loading (`imports/`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from et_platform.simulator import describe as described
from et_platform.simulator import envelope, filters, markup, retrieval, rows, schema, units, values
from et_platform.simulator.describe import Property
from et_platform.simulator.envelope import Element
from et_platform.simulator.faults import rows as faults
from et_platform.simulator.objects.row_writer import Given, RowRefused, RowWriter
from et_platform.simulator.results import Result, SaveMode
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_ADDRESS = re.compile(r"DataExtensionObject\[(?P<name>.*)\]$", re.DOTALL)
_OPENING = (
    '<Results xsi:type="DataExtensionObject"><PartnerKey xsi:nil="true" /><ObjectID xsi:nil="true" />'
    "<Type>DataExtensionObject</Type><Properties>"
)
_DATA_TYPES = {"Number": "Int32", "Decimal": "Decimal", "Date": "DateTime", "Boolean": "Boolean"}
_REACHES = (4, 64)
"""How many pages far the next rows are looked for before they are looked for everywhere."""
_CLOSING = "</Properties></Results>"


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of rows, oldest first or by key; pages stay in order while rows are written."""
    address = _ADDRESS.match(query.object_type)
    if not address:
        raise retrieval.RetrieveError(f"Invalid object type {query.object_type}: DataExtensionObject[key] is needed.")
    if not query.properties:
        raise retrieval.RetrieveError("The properties of a data extension's rows must be named.")  # no star [D]
    service, name = units.owner(service, address["name"])
    # One transaction, so that the definition fits the rows.
    with service.store.transaction() as connection:
        data_extension = schema.by_key_or_name(connection, name)
        if data_extension is None:
            raise retrieval.NotInUnit(f"The data extension was not found: {address['name']}")
        by_key = bool(data_extension.keys) and service.behaviour.row_order == "key"
        found = _found(connection, data_extension, query, by_key=by_key)
    names = [f"<Property>{markup.text('Name', name)}<Value>" for name in query.properties]
    results = [_row(names, row) for row in found[: query.limit]]
    return retrieval.Page(results, found[query.limit - 1][0] if len(found) > query.limit else None)


def _found(
    connection: Connection, data_extension: DataExtension, query: retrieval.Query, *, by_key: bool
) -> list[tuple[Any, ...]]:
    """The rows of a page and one more, each with its position before its texts.

    The table lies in the order of `$id`. After a position, the next rows are therefore looked for near it first, and
    only then everywhere: so a page costs the same in a table of any size. By key each page looks through all keys.
    """
    condition = filters.Condition("true")
    if query.filter is not None:
        if "like" in filters.operators(query.filter):
            raise filters.FilterError("The operator like is not supported for data extension rows.")  # [D]
        condition = filters.condition(connection, query.filter, _columns(data_extension))
    shown = ", ".join(_shown(data_extension, name) for name in query.properties)
    order = rows.KEY if by_key else rows.ID
    start = f"SELECT {order}, {shown} FROM {rows.table(data_extension)} WHERE ({condition.sql})"
    end = f" ORDER BY {order} LIMIT {query.limit + 1}"
    if query.position is None:
        return connection.execute(start + end, condition.parameters).fetchall()
    for reach in () if by_key else _REACHES:
        near = f" AND {order} > ? AND {order} <= ?"
        limits = [query.position, query.position + reach * query.limit]
        found = connection.execute(start + near + end, [*condition.parameters, *limits]).fetchall()
        if len(found) > query.limit:
            return found
    return connection.execute(f"{start} AND {order} > ?{end}", [*condition.parameters, query.position]).fetchall()


def _row(names: list[str], row: tuple[str | None, ...]) -> str:
    """A row; null and '' both read as an empty Value, since the WSDL's Value is not nillable [W]."""
    properties = "".join(
        f"{name}{markup.escape(value) if value else ''}</Value></Property>"
        for name, value in zip(names, row[1:], strict=True)
    )
    return f"{_OPENING}{properties}{_CLOSING}"


def _columns(data_extension: DataExtension) -> dict[str, filters.Column]:
    keys = data_extension.keys
    columns = {"_customobjectkey": filters.Column(rows.ID, "Number")}
    for field in data_extension.fields:
        kind = "Text" if field.type in schema.TEXT_TYPES else field.type
        # The stored folded key spares folding every row of a big data extension again.
        folded = rows.KEY if kind == "Text" and keys == [field] else None
        columns[field.name.lower()] = filters.Column(field.column, kind, folded)
    return columns


def _shown(data_extension: DataExtension, name: str) -> str:
    if name.lower() == "_customobjectkey":
        return f"CAST({rows.ID} AS VARCHAR)"
    field = data_extension.field(name)
    if field is None:
        raise retrieval.RetrieveError(f"Invalid column name '{name}'.")
    return values.rendered(field, field.column)


def describe(service: Service, object_type: str) -> list[Property]:
    """The fields of the data extension that is named in brackets [K]; of rows as such, what every object has."""
    address = _ADDRESS.match(object_type)
    shown: list[Property] = []
    if address:
        service, name = units.owner(service, address["name"])
        with service.store.connect() as connection:
            found = schema.by_key_or_name(connection, name)
        fields = found.fields if found else []
        shown = [Property("_CustomObjectKey", "Int64")] if found else []
        shown += [
            Property(one.name, _DATA_TYPES.get(one.type, "String"), max_length=one.max_length, required=one.required)
            for one in fields
        ]
    return shown + described.declared("DataExtensionObject")


def save(service: Service, objects: list[Element], mode: SaveMode, operation: str) -> list[Result]:
    """Create, update or upsert rows; each row succeeds or fails on its own [D]."""
    word = "Created" if operation == "Create" else "Updated"
    return _written(service, objects, operation, f"{word} DataExtensionObject", mode)


def delete(service: Service, objects: list[Element]) -> list[Result]:
    """Delete rows by their keys."""
    return _written(service, objects, "Delete", "Deleted DataExtensionObject", None)


def _written(
    service: Service, objects: list[Element], operation: str, message: str, mode: SaveMode | None
) -> list[Result]:
    results: list[Result] = []
    kind = f"DataExtension{operation}Result"
    for address, group in groupby(objects, key=_addressed):
        members = list(group)
        for element, refused in zip(members, _outcomes(service, operation, address, members, mode), strict=True):
            if refused is None:
                results.append(Result(message, _echo(element), type=kind))
            else:
                details = markup.text("ErrorMessage", refused.message) + _errors(refused, with_values=mode is not None)
                results.append(Result(refused.message, _echo(element), refused.code, details=details, type=kind))
    return results


def _addressed(element: Element) -> tuple[str, str]:
    """The data extension that a row names: by its CustomerKey, else by its Name [W][D: 310001 needs one of them]."""
    given = {name: (envelope.value(element, name) or "").strip() for name in ("CustomerKey", "Name")}
    return next(((name, text) for name, text in given.items() if text), ("CustomerKey", ""))


def _outcomes(
    service: Service, operation: str, address: tuple[str, str], members: list[Element], mode: SaveMode | None
) -> Iterator[RowRefused | None]:
    """For each row None, or why it was refused. All of one data extension are written in one transaction."""
    by, key = address
    service, key = units.owner(service, key)
    with service.store.connect() as connection:
        found = schema.by_property(connection, by, key) if key else None
    if found is None:
        missing = RowRefused(310002 if key else 310001, f"The data extension was not found: {key}")
        return iter([missing] * len(members))
    given = [_given(element) for element in members]
    with service.store.lock(found.object_id), service.store.transaction() as connection:
        current = schema.by_object_id(connection, found.object_id)
        if current is None:
            return iter([RowRefused(310002, f"The data extension was not found: {key}")] * len(members))
        writer = RowWriter(connection, current, service.behaviour)
        write = writer.delete if mode is None else partial(writer.save, mode=mode)
        return iter(faults.written(service, operation, key, given, write))


def _given(element: Element) -> Given:
    """The names and values of a row: Properties, and Keys, which go first where both name a field.

    NullAPIProperty is null, an empty Value not [D].
    """
    given: Given = {}
    pairs = [
        *envelope.children(envelope.child(element, "Properties"), "Property"),
        *envelope.children(envelope.child(element, "Keys"), "Key"),
    ]
    for pair in pairs:
        null = envelope.type_of(pair) == "NullAPIProperty"
        given[(envelope.value(pair, "Name") or "").strip()] = None if null else envelope.value(pair, "Value") or ""
    return given


def _echo(element: Element) -> str:
    content = [
        markup.nil("PartnerKey"),
        markup.nil("ObjectID"),
        markup.text("CustomerKey", (envelope.value(element, "CustomerKey") or "").strip()),
    ]
    for outer, inner in (("Properties", "Property"), ("Keys", "Key")):
        pairs = list(envelope.children(envelope.child(element, outer), inner))
        if pairs:
            content.append(markup.element(outer, *(_pair(inner, pair) for pair in pairs)))
    return markup.element("Object", *content, type="DataExtensionObject")


def _pair(tag: str, pair: Element) -> str:
    return markup.element(
        tag,
        markup.text("Name", envelope.value(pair, "Name") or ""),
        markup.text("Value", envelope.value(pair, "Value") or ""),
    )


def _errors(refused: RowRefused, *, with_values: bool) -> str:
    content = ""
    for tag, errors in (("KeyError", refused.key_errors), ("ValueError", refused.value_errors)):
        if errors and (tag == "KeyError" or with_values):
            listed = [
                markup.element(
                    tag,
                    markup.text("Name", name),
                    markup.text("ErrorCode", 310006),
                    markup.text("ErrorMessage", problem),
                )
                for name, problem in errors
            ]
            content += markup.element(f"{tag}s", *listed)
    return content
