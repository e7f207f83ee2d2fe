"""Retrieve: projections, filters and pages, the same for every type.

What belongs here: the request's reading, continuation, OverallStatus of failures, and the flat rendering of
definitions. What does not: which properties a type has (`objects/`).
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import lxml.etree as etree

from et_platform.simulator import envelope, filters, markup, store, units
from et_platform.simulator.envelope import Element

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_CONTINUATION = "continuation"


class RetrieveError(Exception):
    """A Retrieve that fails: answered with HTTP 200 and `Error: ` plus this text as OverallStatus [R]."""


class NotInUnit(RetrieveError):
    """What is asked for is not in this unit; where several are asked, another may have it."""


@dataclass(frozen=True)
class Query:
    """One page that is wanted: of which type, which properties, after which position, at most how many.

    `since_last_batch` asks for what no earlier such call has got; types that keep no such mark give everything.
    """

    object_type: str
    properties: tuple[str, ...]
    filter: filters.Filter | None
    limit: int
    position: Any = None
    since_last_batch: bool = False


@dataclass(frozen=True)
class Page:
    """Rendered `Results`, and the position after which the next page begins (None: there is none)."""

    results: Sequence[str]
    next_position: Any = None


def answer(service: Service, message: Element) -> str:
    """Answer a RetrieveRequestMsg with a RetrieveResponseMsg."""
    request_id = str(uuid.uuid4())
    try:
        page = _page(service, envelope.child(message, "RetrieveRequest"), request_id)
    except (RetrieveError, filters.FilterError) as error:
        return _reply(f"Error: {error}", request_id, ())
    status = "OK" if page.next_position is None else "MoreDataAvailable"
    return _reply(status, request_id, page.results)


def _reply(status: str, request_id: str, results: Sequence[str]) -> str:
    # Here OverallStatus comes first; in the replies of Create, Update and Delete it comes last [R].
    return envelope.message(
        "RetrieveResponseMsg",
        markup.text("OverallStatus", status),
        markup.text("RequestID", request_id),
        *results,
    )


def _page(service: Service, request: Element | None, request_id: str) -> Page:
    if request is None:
        raise RetrieveError("The RetrieveRequest is missing.")
    continued = (envelope.value(request, "ContinueRequest") or "").strip()
    position = None
    if continued:
        # Whether ObjectType and Properties are repeated or left empty makes no difference [R].
        kept = _continuation(service, continued)
        position = kept["position"]
        request = envelope.parse(kept["request"].encode())
    object_type = (envelope.value(request, "ObjectType") or "").strip()
    handler = service.handler(object_type)
    if handler is None or not hasattr(handler, "retrieve"):
        raise RetrieveError(
            f"Unable to find a handler for object type: {object_type}. Object types are case-sensitive, check spelling."
        )
    part = envelope.child(request, "Filter")
    wanted = filters.read(part) if part is not None else None
    if wanted is not None and service.behaviour.data_filter_operators == "refuse":
        filters.check_for_retrieve(wanted)
    if wanted is not None and service.behaviour.one_value_of_in == "split":
        wanted = filters.split(wanted)
    query = Query(
        object_type=object_type,
        properties=_properties(service, handler, request),
        filter=wanted,
        limit=_limit(service, request),
        position=position,
        since_last_batch=service.behaviour.since_last_batch == "bookmark"
        and (envelope.value(request, "RetrieveAllSinceLastBatch") or "").strip().lower() in ("true", "1"),
    )
    try:
        page = _of_units(handler, units.asked(service, request), query)
    except units.NoAccess as error:
        raise RetrieveError(str(error)) from error
    if page.next_position is not None:
        _keep(service, request_id, request, page.next_position)
    return page


def _properties(service: Service, handler: Any, request: Element) -> tuple[str, ...]:
    """What is asked for. A sub-object alone (`Client`) shows nothing: its properties must be named [D]; by setting."""
    named = tuple((one.text or "").strip() for one in envelope.children(request, "Properties") if one.text)
    shape = getattr(handler, "SHAPE", None)
    if shape is None or service.behaviour.bare_sub_objects == "refuse":
        return named
    return tuple(name for name in named if name in shape.order or name not in shape.sub_objects)


def _of_units(handler: Any, services: Sequence[Service], query: Query) -> Page:
    """A page over one unit or several, one after the other; the position then names the unit's place as well."""
    if len(services) == 1:
        return handler.retrieve(services[0], query)
    place, position = query.position or (0, None)
    results: list[str] = []
    lacking: list[NotInUnit] = []
    for number in range(place, len(services)):
        part = replace(query, limit=query.limit - len(results), position=position)
        try:
            page, position = handler.retrieve(services[number], part), None
        except NotInUnit as error:
            lacking.append(error)
            continue
        results += page.results
        if page.next_position is not None:
            return Page(results, [number, page.next_position])
        if len(results) == query.limit and number + 1 < len(services):
            return Page(results, [number + 1, None])
    if len(lacking) == len(services):
        raise lacking[0]
    return Page(results)


def _limit(service: Service, request: Element) -> int:
    """Options/BatchSize only lowers the size of a page [D]."""
    wanted = (envelope.value(envelope.child(request, "Options"), "BatchSize") or "").strip()
    limit = service.behaviour.page_rows
    return min(limit, int(wanted)) if wanted.isdecimal() and int(wanted) > 0 else limit


def _continuation(service: Service, request_id: str) -> dict[str, Any]:
    with service.store.connect() as connection:
        kept = store.get(connection, _CONTINUATION, request_id)
    if kept is None or kept["until"] < time.time():
        raise RetrieveError(f"The request to continue was not found: {request_id}")
    return kept


def continued(service: Service, request_id: str) -> Element | None:
    """The RetrieveRequest that a RequestID continues, or None."""
    try:
        return envelope.parse(_continuation(service, request_id)["request"].encode())
    except RetrieveError:
        return None


def _keep(service: Service, request_id: str, request: Element, position: Any) -> None:
    """Remember how to go on; the same id can be continued again, as after a lost reply."""
    until = time.time() + service.behaviour.continue_minutes * 60
    body = {"request": etree.tostring(request, encoding="unicode"), "position": position, "until": until}
    with service.store.transaction() as connection:
        store.put(connection, _CONTINUATION, request_id, body)


def forget_expired(service: Service) -> None:
    """Drop continuations that can no longer be used."""
    with service.store.transaction() as connection:
        connection.execute(
            "DELETE FROM documents WHERE kind = ? AND CAST(body->>'$.until' AS DOUBLE) < ?",
            [_CONTINUATION, time.time()],
        )


@dataclass(frozen=True)
class Shape:
    """How a type of definition is retrieved: its properties in the order of the vendor's WSDL [W].

    `types` gives properties that are not text; `plain` the sub-objects that carry no PartnerKey and ObjectID [R];
    `raw` properties whose value is the written XML within their element, `written` those whose value is the elements
    themselves; `hidden` those that show without being asked for, and cannot be; `unasked` what shows of others that
    are not asked for; `nested_types` the `xsi:type` of sub-objects, `typed_by` the property (never shown) that has it.
    `required` and `lengths` are what Describe tells; `untold` are properties that can be retrieved though Describe does
    not tell of them.
    """

    object_type: str
    order: tuple[str, ...]
    types: dict[str, str]
    plain: frozenset[str] = frozenset()
    raw: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    unasked: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    lengths: Mapping[str, int] = field(default_factory=dict)
    untold: frozenset[str] = frozenset()
    nested_types: dict[str, str] = field(default_factory=dict)
    typed_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def retrievable(self) -> tuple[str, ...]:
        """The properties that a Retrieve may name."""
        return tuple(name for name in self.order if name not in self.hidden)

    @property
    def sub_objects(self) -> frozenset[str]:
        """The names before the dots: `Client` of `Client.ID`."""
        return frozenset(name.partition(".")[0] for name in self.order if "." in name)

    def check(self, asked: Sequence[str]) -> set[str]:
        """The properties asked for; raises RetrieveError in the service's words [R] when some do not exist."""
        unknown = [name for name in asked if name not in self.order or name in self.hidden]
        if unknown:
            raise RetrieveError(
                f"The Request Property(s) {', '.join(unknown)} do not match with the fields of "
                f"{self.object_type} retrieve"
            )
        return set(asked)

    def columns(self, expression: str) -> dict[str, filters.Column]:
        """Filter columns for all properties; `expression` is the SQL template of one, over its name."""
        columns = {}
        for name in self.order:
            sql, kind = expression.format(name), self.types.get(name, "Text")
            cast = {"Date": "TIMESTAMP", "Number": "BIGINT"}.get(kind)
            columns[name.lower()] = filters.Column(f"TRY_CAST({sql} AS {cast})" if cast else sql, kind)
        return columns

    def render(
        self,
        properties: dict[str, str],
        asked: set[str],
        tag: str = "Results",
        after: tuple[str, str] = ("", ""),
    ) -> str:
        """An object with the properties asked for. PartnerKey and ObjectID are always there, nil when absent [R].

        `after` is a property's name and written XML that follows it.
        """
        unasked = {name: text for name, text in self.unasked.items() if name not in asked}
        properties, asked = properties | unasked, asked | self.hidden | unasked.keys()
        content: list[str] = []
        groups: dict[str, list[str]] = {}
        for name in self.order:
            head, _, rest = name.partition(".")
            if name in ("PartnerKey", "ObjectID"):
                known = properties.get(name) if name in asked else None
                content.append(markup.text(name, known) if known else markup.nil(name))
            elif name not in asked or name not in properties:
                pass
            elif name in self.written:
                content.append(properties[name])
            elif name in self.raw:
                content.append(markup.element(name, properties[name]))
            elif not rest:
                content.append(markup.text(name, properties[name]))
            else:
                if head not in groups:
                    groups[head] = []
                    content.append(head)
                groups[head].append(markup.text(rest, properties[name]))
            if name == after[0]:
                content.append(after[1])
        for index, part in enumerate(content):
            if part in groups:
                kind = properties.get(self.typed_by.get(part, ""), self.nested_types.get(part))
                content[index] = self._nested(part, groups[part], kind)
        return markup.element(tag, *content, type=self.object_type)

    def _nested(self, name: str, inner: list[str], kind: str | None) -> str:
        if name in self.plain:
            return markup.element(name, *inner)
        if not any(part.startswith("<ObjectID") for part in inner):
            place = 1 if inner[0].startswith("<ID>") else 0  # ID goes before ObjectID [W]
            inner = [*inner[:place], markup.nil("ObjectID"), *inner[place:]]
        return markup.element(name, markup.nil("PartnerKey"), *inner, type=kind)


def documents(
    service: Service,
    query: Query,
    shape: Shape,
    source: str,
    expression: str,
    order: str,
) -> Page:
    """A page of definitions. `source` is an SQL relation with `shown`, a JSON object of properties, in `order`."""
    asked = shape.check(query.properties)
    offset = query.position or 0
    with service.store.connect() as connection:
        wanted = filters.Condition("true")
        if query.filter is not None:
            shape.check(list(filters.properties(query.filter)))
            wanted = filters.condition(connection, query.filter, shape.columns(expression))
        rows = connection.execute(
            f"SELECT shown FROM ({source}) WHERE {wanted.sql} ORDER BY {order} LIMIT ? OFFSET ?",
            [*wanted.parameters, query.limit + 1, offset],
        ).fetchall()
    more = len(rows) > query.limit
    results = [shape.render(_shown(row[0]), asked) for row in rows[: query.limit]]
    return Page(results, offset + query.limit if more else None)


def _shown(content: str) -> dict[str, str]:
    return {name: value for name, value in json.loads(content).items() if value is not None}
