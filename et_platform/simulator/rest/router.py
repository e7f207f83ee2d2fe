"""Which REST path answers what, to whom.

What belongs here: paths (in any case, keys apart), bearer tokens, scopes, rates, and turning errors into answers.
What does not: HTTP plumbing (`http.py`), what an endpoint does.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

from et_platform.simulator import tokens
from et_platform.simulator.rest import (
    absent,
    activities,
    answers,
    async_rows,
    automations,
    data_events,
    platform,
    rowset,
)
from et_platform.simulator.rest.answers import Answer, RestError
from et_platform.simulator.service import Service, Units
from et_platform.simulator.units import NoAccess

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """One REST request: `path` as it came, still encoded; names of `query` and `headers` in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    addresses: dict[str, str]


@dataclass(frozen=True)
class _Route:
    methods: tuple[str, ...]
    path: str
    pattern: re.Pattern[str]
    scope: str
    handle: Callable[[Service, Call, tuple[str, ...]], Answer]


def _route(methods: str, path: str, scope: str, handle: Callable[[Service, Call, tuple[str, ...]], Answer]) -> _Route:
    """`{}` in the path stands for one part of it."""
    pattern = re.escape(path).replace(r"\{\}", "([^/]+)")
    return _Route(tuple(methods.split()), path, re.compile(f"/*{pattern}/?", re.IGNORECASE), scope, handle)


def _family(name: str, service: Service, call: Call, found: tuple[str, ...]) -> Answer:
    return activities.family(service, name, call.query)


def _member(name: str, service: Service, call: Call, found: tuple[str, ...]) -> Answer:
    return activities.member(service, name, found[0])


def _absent(section: absent.Absent, service: Service, call: Call, found: tuple[str, ...]) -> Answer:
    return section.answer(call.query)


_AUTOMATIONS = "automations_read"
_READ, _WRITE = "data_extensions_read", "data_extensions_write"

# Scopes as the vendor lists them [D]; for reading rows it lists none, so its neighbours' is taken [K].
_ROUTES = (
    _route("GET", "platform/v1/endpoints", "", lambda service, call, _: platform.endpoints(call.addresses)),
    _route(
        "GET", "platform/v1/endpoints/{}", "", lambda service, call, found: platform.endpoint(call.addresses, found[0])
    ),
    _route("GET", "platform/v1/setup/quickflow/data", "", lambda service, call, _: platform.quick_flow(service)),
    _route("GET", "platform/v1/tokenContext", "", lambda service, call, _: platform.token_context(service)),
    _route(
        "GET",
        "data/v1/customobjectdata/key/{}/rowset",
        _READ,
        lambda service, call, found: rowset.by_key(service, found[0], call.query),
    ),
    _route(
        "GET",
        "data/v1/customobjectdata/token/{}/rowset",
        _READ,
        lambda service, call, found: rowset.by_token(service, found[0], call.query),
    ),
    _route(
        "POST",
        "hub/v1/dataevents/{}/rowset",
        _WRITE,
        lambda service, call, found: data_events.rowset(service, found[0], call.body),
    ),
    _route(
        "PUT",
        "hub/v1/dataevents/{}/rows/{}",
        _WRITE,
        lambda service, call, found: data_events.row(service, found[0], found[1], call.body),
    ),
    _route(
        "PUT",
        "hub/v1/dataevents/{}/rows/{}/column/{}/increment",
        _WRITE,
        lambda service, call, found: data_events.increment(
            service, found[0], found[1], found[2], call.query.get("step", "")
        ),
    ),
    _route(
        "POST",
        "hub/v1/dataeventsasync/{}/rowset",
        _WRITE,
        lambda service, call, found: data_events.rowset_later(service, found[0], call.body),
    ),
    _route(
        "PUT",
        "hub/v1/dataeventsasync/{}/rows/{}",
        _WRITE,
        lambda service, call, found: data_events.row_later(service, found[0], found[1], call.body),
    ),
    _route(
        "POST PUT",
        "data/v1/async/dataextensions/{}/rows",
        _WRITE,
        lambda service, call, found: async_rows.accept(service, found[0], call.body, insert=call.method == "POST"),
    ),
    _route("GET", "data/v1/async/{}/status", _READ, lambda service, call, found: async_rows.status(service, found[0])),
    _route(
        "GET",
        "data/v1/async/{}/results",
        _READ,
        lambda service, call, found: async_rows.results(service, found[0], rowset.number(call.query, "$page", 1)),
    ),
    _route(
        "GET",
        "automation/v1/automations",
        _AUTOMATIONS,
        lambda service, call, _: automations.automations(service, call.query),
    ),
    _route(
        "GET",
        "automation/v1/automations/{}",
        _AUTOMATIONS,
        lambda service, call, found: automations.automation(service, found[0]),
    ),
    _route(
        "GET", "automation/v1/queries", _AUTOMATIONS, lambda service, call, _: automations.queries(service, call.query)
    ),
    _route(
        "GET",
        "automation/v1/queries/{}",
        _AUTOMATIONS,
        lambda service, call, found: automations.query(service, found[0]),
    ),
    *(_route("GET", f"automation/v1/{name}", _AUTOMATIONS, partial(_family, name)) for name in activities.FAMILIES),
    *(
        _route("GET", f"automation/v1/{name}/{{}}", _AUTOMATIONS, partial(_member, name))
        for name in activities.FAMILIES
    ),
    _route(
        "GET",
        "legacy/v1/beta/bulk/automations/automation/definition",
        _AUTOMATIONS,
        lambda service, call, _: automations.legacy(service, call.query),
    ),
    _route(
        "GET",
        "legacy/v1/beta/bulk/automations/automation/definition/{}",
        _AUTOMATIONS,
        lambda service, call, found: automations.legacy_automation(service, found[0]),
    ),
    _route(
        "GET",
        "legacy/v1/beta/automations/notifications/{}",
        _AUTOMATIONS,
        lambda service, call, found: automations.notifications(service, found[0]),
    ),
    *(_route(one.methods, path, one.scope, partial(_absent, one)) for path, one in absent.SECTIONS.items()),
)
_SECTIONS = ("platform/", "data/", "hub/", "automation/", "legacy/", "asset/", "interaction/", "messaging/")


def paths() -> list[str]:
    """The paths that are answered; `{}` stands for one part."""
    return [route.path for route in _ROUTES]


def is_rest(path: str) -> bool:
    """Whether a path is REST's."""
    return path.lower().lstrip("/").startswith(_SECTIONS)


def answer(account: Units, call: Call) -> Answer:
    """Answer one request. Never raises."""
    try:
        return _answer(account, call)
    except RestError as refused:
        return refused.answer
    except Exception:  # noqa: BLE001 - here a defect becomes an answer instead of a dropped connection
        _log.exception("a REST request failed")
        return answers.error(500, 0, "Internal Server Error", answers.DOCUMENTATION).answer


def _answer(account: Units, call: Call) -> Answer:
    matching = [(route, found) for route in _ROUTES if (found := route.pattern.fullmatch(call.path))]
    if not matching:
        raise answers.not_found()
    try:
        grant = tokens.read(account.account, _token(call))
        service = account.service(grant.mid)
    except (tokens.Unreadable, tokens.Expired, NoAccess) as refused:
        raise answers.not_authorized() from refused
    if account.behaviour.system_status != "OK":
        raise answers.out_of_service()
    if not account.rest_rate.admits(grant.mid):
        raise answers.throttled(account.behaviour.rest_rate_answer == "50200")
    for route, found in matching:
        if call.method in route.methods:
            if route.scope and account.behaviour.check_scopes and not grant.allows(route.scope):
                raise answers.not_allowed()
            return route.handle(service, call, tuple(unquote(part) for part in found.groups()))
    allowed = ", ".join(method for route, _ in matching for method in route.methods)
    return Answer(405, {"message": "Method Not Allowed", "errorcode": 0, "documentation": ""}, {"Allow": allowed})


def _token(call: Call) -> str:
    """`Authorization: Bearer`, or the query's `access_token` of the oldest SDKs [R]."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else call.query.get("access_token", "")
