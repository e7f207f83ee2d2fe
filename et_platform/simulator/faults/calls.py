"""From an HTTP request to an occasion: what is asked for, and which customer keys it is about.

What belongs here: reading requests for `web.py`. What does not: answering them. It runs only while a fault for SOAP
or REST is up, so its look-ups cost nothing else.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from et_platform.simulator import envelope, http, login, retrieval, soap_faults
from et_platform.simulator.envelope import Element
from et_platform.simulator.faults.plan import Occasion
from et_platform.simulator.imports import tasks
from et_platform.simulator.objects import import_definition
from et_platform.simulator.service import Service, Units
from et_platform.simulator.units import NoAccess

_SOAP = "service.asmx"
_NAMING = ("TaskResultID", "ID", "Name", "ObjectID")
_IMPORTS = ("ImportDefinition", "ImportResultsSummary")


@dataclass(frozen=True)
class Call:
    """A request as an occasion (before its effect), and the message id that an answer relates to."""

    occasion: Occasion
    relates_to: str = ""


def read(units: Units, method: str, path: str, headers: Mapping[str, str], content: bytes) -> Call:
    """The call that a request makes; what cannot be read stays unknown. `headers` are by lower-case name."""
    if path.strip("/").lower() != _SOAP or method != "POST":
        return Call(Occasion("rest", operation=method, path=path))
    try:
        request = envelope.read(content, http.soap_action(headers))
    except soap_faults.Fault:
        return Call(Occasion("soap"), f"urn:uuid:{uuid.uuid4()}")
    try:
        service = units.service(login.grant(units.account, request).mid)
    except (soap_faults.Fault, NoAccess):
        service = units.enterprise
    message, continued = request.message, False
    if request.action == "Retrieve":
        asked = envelope.child(message, "RetrieveRequest")
        request_id = (envelope.value(asked, "ContinueRequest") or "").strip()
        continued = bool(request_id)
        if continued and not (envelope.value(asked, "ObjectType") or "").strip():
            message = retrieval.continued(service, request_id)
    types = list(dict.fromkeys(_types(message)))
    keys = dict.fromkeys(_keys(message))
    if any(one in _IMPORTS for one in types):
        keys |= dict.fromkeys(_targets(service, list(keys)))
    occasion = Occasion(
        "soap",
        operation=request.action,
        object=types[0] if types else "",
        keys=tuple(keys),
        files=tuple(dict.fromkeys(_files(message))),
        mid=service.account.mid,
        continued=continued,
    )
    return Call(occasion, request.message_id)


def _types(message: Element | None) -> Iterator[str]:
    for one in _elements(message):
        match envelope.local(one):
            case "ObjectType":
                yield (one.text or "").strip().partition("[")[0]
            case "Objects" | "Definition":
                yield envelope.type_of(one) or ""


def _keys(message: Element | None) -> Iterator[str]:
    """Every customer key of the message; names, ids and task numbers of a filter stand beside them."""
    for one in _elements(message):
        match envelope.local(one):
            case "CustomerKey":
                yield (one.text or "").strip()
            case "ObjectType" if "[" in (one.text or ""):
                yield (one.text or "").partition("[")[2].rstrip().removesuffix("]")
            case "Filter" | "LeftOperand" | "RightOperand" | "Operand":
                name = (envelope.value(one, "Property") or "").strip()
                if name.endswith("CustomerKey") or name in _NAMING:
                    yield from ((value.text or "").strip() for value in envelope.children(one, "Value"))
            case "Parameter" if envelope.value(one, "Name") == "DECustomerKey":
                yield (envelope.value(one, "Value") or "").strip()


def _files(message: Element | None) -> Iterator[str]:
    for one in _elements(message):
        if envelope.local(one) == "FileSpec":
            yield (one.text or "").strip()
        elif envelope.local(one) == "Parameter" and envelope.value(one, "Name") == "OutputFileName":
            yield (envelope.value(one, "Value") or "").strip()


def _elements(message: Element | None) -> Iterator[Any]:
    return iter(()) if message is None else (one for one in message.iter() if isinstance(one.tag, str))


def _targets(service: Service, keys: list[str]) -> list[str]:
    """The data extensions into which the imports of these definitions and tasks go."""
    target, folded = "'$.\"DestinationObject.CustomerKey\"'", [key.lower().rstrip(" ") for key in keys]
    with service.store.connect() as connection:
        found = connection.execute(
            f"SELECT body->'$.properties'->>{target} FROM documents WHERE kind = '{import_definition.KIND}'"
            " AND list_contains(?, lower(rtrim(body->>'$.properties.CustomerKey', ' ')))"
            f" UNION SELECT body->'$.definition.properties'->>{target} FROM documents WHERE kind = '{tasks.KIND}'"
            " AND (list_contains(?, body->>'$.properties.TaskResultID')"
            " OR list_contains(?, lower(rtrim(body->>'$.properties.ImportDefinitionCustomerKey', ' '))))",
            [folded, folded, folded],
        ).fetchall()
    return [key for (key,) in found if key]
