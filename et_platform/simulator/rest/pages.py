"""Lists of definitions over REST: pages, a filter by one property, and a single one by id or key.

What belongs here: those. What does not: what an item shows (`automations.py`, `activities.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from et_platform.simulator import store
from et_platform.simulator.rest import answers
from et_platform.simulator.rest.answers import Answer

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

Item = dict[str, Any]
_USUAL = 50
_EQUALS = re.compile(r"\s*(\w+)\s+eq\s+'?(.*?)'?\s*", re.IGNORECASE)


def listed(items: Iterable[Item], query: Mapping[str, str]) -> Answer:
    """A page of items, `$page` from 1, of `$pageSize`; those alone that `$filter=name eq X` picks [R]."""
    picked = _picked(list(items), query.get("$filter", ""))
    page, size = number(query, "$page", 1), number(query, "$pagesize", _USUAL)
    shown = picked[(page - 1) * size : page * size]
    return Answer(200, {"count": len(picked), "page": page, "pageSize": size, "links": {}, "items": shown})


def entries(items: Iterable[Item], query: Mapping[str, str]) -> Answer:
    """A page as the oldest endpoints give it [R]: `$skip` counts pages from 0, of at most 50 (`$top`)."""
    found = list(items)
    skip, top = query.get("$skip", ""), min(number(query, "$top", _USUAL), _USUAL)
    page = int(skip) if skip.isdecimal() else 0
    shown = found[page * top : (page + 1) * top]
    return Answer(
        200, {"startIndex": page * top, "itemsPerPage": top, "totalResults": len(found), "links": [], "entry": shown}
    )


def documents(service: Service, kind: str) -> list[Item]:
    """All definitions of a kind, oldest first."""
    with service.store.connect() as connection:
        return store.find(connection, kind)


def one(service: Service, kind: str, reference: str) -> Item:
    """A definition by its id, or by `key:` and its key. Raises RestError."""
    head, colon, key = reference.partition(":")
    with service.store.connect() as connection:
        if colon and head.lower() == "key":
            found = store.find(connection, kind, "body->>'$.properties.CustomerKey' = ?", [key])
        else:
            found = store.find(connection, kind, "body->>'$.object_id' = ?", [reference])
    if not found:
        raise answers.not_found()
    return found[0]


def page_of(service: Service, kind: str, query: Mapping[str, str], shown: Callable[[Item], Item]) -> Answer:
    """A page of the definitions of a kind."""
    return listed(map(shown, documents(service, kind)), query)


def number(query: Mapping[str, str], name: str, usual: int) -> int:
    """A number of the query; the usual one where none of at least 1 is given."""
    text = query.get(name, "")
    return int(text) if text.isdecimal() and int(text) > 0 else usual


def _picked(items: list[Item], condition: str) -> list[Item]:
    """Those whose property is that, in any case; another condition is a bad request [K]."""
    if not condition:
        return items
    found = _EQUALS.fullmatch(condition)
    if found is None:
        raise answers.error(400, 10001, f"The filter {condition} is not supported.", answers.DOCUMENTATION)
    name, value = found[1].lower(), found[2].lower()
    return [one for one in items if any(key.lower() == name and str(one[key]).lower() == value for key in one)]
