"""`GET /data/v1/customobjectdata/...`: the rows of a data extension, page by page.

What belongs here: query parameters, pages and their tokens, and how rows read [R]. What does not: the language of
filters (`expressions.py`).
A read by key answers a `requestToken`; its pages are then read under that, and `links.next` says where, without the
`/data` that goes before it [R]. Names of fields come in lower case, every value is a text, a null is an empty one [R].
Without any row there are no `items` [R].
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from et_platform.simulator import filters, rows, schema, store, units, values
from et_platform.simulator.rest import expressions
from et_platform.simulator.rest.answers import Answer, error, not_found
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_KIND = "rowset"
MOST_ROWS = 2500

Query = Mapping[str, str]
"""Query parameters by lower-case name."""


def by_key(service: Service, key: str, query: Query) -> Answer:
    """The first page that is asked for, or any; the key is the customer key, never the name [R]. Raises RestError."""
    unit, name = units.owner(service, key)
    request = {
        "mid": unit.account.mid,
        "key": name,
        "filter": query.get("$filter", ""),
        "order": query.get("$orderby", ""),
        "fields": query.get("$fields", ""),
        "top": number(query, "$top", 0),
        "size": min(number(query, "$pagesize", MOST_ROWS) or MOST_ROWS, MOST_ROWS),
    }
    token = str(uuid.uuid4())
    until = time.time() + service.behaviour.rowset_token_minutes * 60
    answer = _page(unit, token, request, max(1, number(query, "$page", 1)), until)
    with service.store.transaction() as connection:
        store.put(connection, _KIND, token, {"request": request, "until": until})
    return answer


def by_token(service: Service, token: str, query: Query) -> Answer:
    """A page of what was asked before. Raises RestError."""
    with service.store.connect() as connection:
        kept = store.get(connection, _KIND, token)
    if kept is None or kept["until"] < time.time():
        raise error(400, 10001, f"Parameter {token} is invalid.")
    unit = service.units.service(kept["request"]["mid"])
    return _page(unit, token, kept["request"], max(1, number(query, "$page", 1)), kept["until"])


def forget_expired(service: Service) -> None:
    """Drop the tokens whose time is over."""
    with service.store.transaction() as connection:
        connection.execute(
            "DELETE FROM documents WHERE kind = ? AND CAST(body->>'$.until' AS DOUBLE) < ?", [_KIND, time.time()]
        )


def _page(service: Service, token: str, request: dict[str, Any], page: int, until: float) -> Answer:
    size, top = request["size"], request["top"]
    with service.store.transaction() as connection:
        found = schema.by_property(connection, "CustomerKey", request["key"])
        if found is None:
            raise not_found()
        try:
            condition, order, fields = _asked(connection, found, request)
        except filters.FilterError as refused:
            raise error(400, 10000, str(refused)) from refused
        table = rows.table(found)
        counted = connection.execute(
            f"SELECT count(*) FROM {table} WHERE {condition.sql}", condition.parameters
        ).fetchone()
        count = int(counted[0]) if counted else 0
        count = min(count, top) if top else count
        offset = (page - 1) * size
        shown = ", ".join(values.rendered(field, field.column) for field in fields)
        listed = connection.execute(
            f"SELECT {shown} FROM {table} WHERE {condition.sql} ORDER BY {order} LIMIT ? OFFSET ?",
            [*condition.parameters, max(0, min(size, count - offset)), offset],
        ).fetchall()
    links = {"self": f"/v1/customobjectdata/token/{token}/rowset?$page={page}"}
    if offset + size < count:
        links["next"] = f"/v1/customobjectdata/token/{token}/rowset?$page={page + 1}"
    if page > 1:
        links["previous"] = f"/v1/customobjectdata/token/{token}/rowset?$page={page - 1}"
    answer = {
        "links": links,
        "requestToken": token,
        "tokenExpireDateUtc": datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3],
        "customObjectId": found.object_id,
        "customObjectKey": found.customer_key,
        "pageSize": size,
        "page": page,
        "count": count,
        "top": top,
    }
    names = [(field.name.lower(), field.key) for field in fields]
    items = [
        {
            "keys": {name: text or "" for (name, key), text in zip(names, row, strict=True) if key},
            "values": {name: text or "" for (name, key), text in zip(names, row, strict=True) if not key},
        }
        for row in listed
    ]
    return Answer(200, answer | ({"items": items} if items else {}))


def _asked(
    connection: Connection, found: DataExtension, request: dict[str, Any]
) -> tuple[filters.Condition, str, list[schema.Field]]:
    """Condition, order and fields of a request. Raises FilterError."""
    condition = filters.Condition("true")
    if request["filter"].strip():
        columns = {}
        for field in found.fields:
            kind = "Text" if field.type in schema.TEXT_TYPES else field.type
            columns[field.name.lower()] = filters.Column(field.column, kind)
        condition = filters.condition(connection, expressions.read_filter(request["filter"]), columns)
    # The key comes last, so that pages stay apart whatever is asked.
    order = [
        f"{_field(found, name).column}{' DESC NULLS LAST' if down else ' NULLS FIRST'}"
        for name, down in expressions.read_order(request["order"])
    ]
    order.append(rows.KEY if found.keys else rows.ID)
    named = [one.strip() for one in request["fields"].split(",") if one.strip()]
    fields = [_field(found, name) for name in named] or sorted(found.fields, key=lambda field: field.ordinal)
    return condition, ", ".join(order), fields


def _field(found: DataExtension, name: str) -> schema.Field:
    field = found.field(name)
    if field is None:
        raise filters.FilterError(f"Invalid column name '{name}'.")
    return field


def number(query: Query, name: str, default: int) -> int:
    """A query parameter that is a number. Raises RestError."""
    text = query.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()):
        raise error(400, 10001, f"Parameter {name} is invalid.")
    return int(text)
