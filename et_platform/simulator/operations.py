"""Create, Update, Delete and Perform: handing objects to their type's module, and gathering what became of them.

What belongs here: save options, which unit an object is for, codes of the operations themselves [D]. What does not:
the rules of single types (`objects/`), requests that are to be worked off later (`asynchronous/`).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from et_platform.simulator import envelope, markup, soap_faults, units
from et_platform.simulator.envelope import Element
from et_platform.simulator.results import Operation, Refused, Result, SaveMode, overall_status, refusal, reply
from et_platform.simulator.units import NoAccess

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

ACTIONS = {"start": "start", "cleardata": "clear_data"}
"""The actions of Perform, and the function of a type's module that does each."""


def objects(action: str, message: Element) -> list[Element]:
    """The objects that a request is about. Raises a client Fault when there are none."""
    if action == "Perform":
        found = list(envelope.children(envelope.child(message, "Definitions"), "Definition"))
    else:
        found = list(envelope.children(message, "Objects"))
    if not found:
        raise soap_faults.client(f"The {action} request has no objects")
    return found


def outcome(service: Service, action: str, message: Element) -> list[Result]:
    """Do what a CreateRequest, UpdateRequest, DeleteRequest or PerformRequestMsg asks for: a result for each object.

    Raises a client Fault when there is no object.
    """
    if action == "Perform":
        return _perform(service, message)
    assert action in ("Create", "Update", "Delete")
    return _write(service, action, message)


def replied(action: str, results: Sequence[Result], request_id: str = "") -> str:
    """The reply that tells the results."""
    request_id = request_id or str(uuid.uuid4())
    if action == "Perform":
        written = (_perform_result(one) for one in results)
        return performed("PerformResponseMsg", overall_status(results), *written, request_id=request_id)
    assert action in ("Create", "Update", "Delete")
    return reply(action, results, request_id)


def performed(name: str, status: str, *results: str, request_id: str = "") -> str:
    """The shape of Perform and GetSystemStatus: Results wraps Result [R]."""
    return envelope.message(
        name,
        markup.element("Results", *results),
        markup.text("OverallStatus", status),
        markup.text("OverallStatusMessage", ""),
        markup.text("RequestID", request_id or str(uuid.uuid4())),
    )


def _client(element: Element) -> str:
    """The MID that an object names as its own; it goes before that of Options."""
    return (envelope.value(envelope.child(element, "Client"), "ID") or "").strip()


def _type_and_client(element: Element) -> tuple[str, str]:
    return envelope.type_of(element) or "", _client(element)


def _write(caller: Service, operation: Operation, message: Element) -> list[Result]:
    results: list[Result] = []
    options = envelope.child(message, "Options")
    # Objects of one type and unit go to its module together; rows are far quicker so.
    for (object_type, mid), group in groupby(objects(operation, message), key=_type_and_client):
        members = list(group)
        try:
            service = units.of(caller, members[0] if mid else options)
        except NoAccess as error:
            results += [refusal(Refused(4, str(error)), _empty(object_type))] * len(members)
            continue
        handler = service.handler(object_type)
        if handler is None or not hasattr(handler, "delete" if operation == "Delete" else "save"):
            results += [_unsupported(one, len(results) + place) for place, one in enumerate(members)]
        elif operation == "Delete":
            results += handler.delete(service, members)
        else:
            try:
                mode = _save_mode(operation, message, object_type)
            except Refused as refused:
                results += [refusal(refused, _empty(object_type))] * len(members)
            else:
                results += handler.save(service, members, mode, operation)
    return results


def _empty(object_type: str) -> str:
    return markup.element("Object", markup.nil("PartnerKey"), markup.nil("ObjectID"), type=object_type or "APIObject")


def _save_mode(operation: Operation, message: Element, object_type: str) -> SaveMode:
    """SaveOptions may turn a Create or an Update into an upsert [D].

    An option is for the type that its PropertyName names, or for all: `*` [D], or none [K]. The type's own goes first.
    """
    options = envelope.child(message, "Options")
    actions: dict[str, str] = {}
    for option in envelope.children(envelope.child(options, "SaveOptions"), "SaveOption"):
        name = (envelope.value(option, "PropertyName") or "").strip() or "*"
        actions[name] = (envelope.value(option, "SaveAction") or "Default").strip()
    action = actions.get(object_type, actions.get("*", "Default"))
    match action:
        case "Default" | "Nothing":
            return SaveMode(add=operation == "Create", change=operation == "Update")
        case "AddOnly":
            return SaveMode(add=True, change=False)
        case "UpdateOnly":
            return SaveMode(add=False, change=True)
        case "UpdateAdd":
            return SaveMode(add=True, change=True)
    raise Refused(3, f"The save action {action} is not valid.")


def _unsupported(element: Element, index: int) -> Result:
    object_type = envelope.type_of(element) or ""
    if not object_type and len(element) == 0:
        return refusal(Refused(6, f"No object specified at 0-based index {index}"), _empty(object_type))  # [D]
    message = f"This operation does not support the APIObject of type {object_type or '(none)'}"
    return refusal(Refused(8, message), _empty(object_type))  # [D]


def _perform(caller: Service, message: Element) -> list[Result]:
    action = (envelope.value(message, "Action") or "").strip()
    results: list[Result] = []
    for definition in objects("Perform", message):
        object_type = envelope.type_of(definition) or ""
        try:
            service = units.of(caller, definition if _client(definition) else envelope.child(message, "Options"))
            results.append(_performed_on(service, action, object_type, definition))
        except NoAccess as error:
            results.append(refusal(Refused(4, str(error)), _empty(object_type)))
        except Refused as refused:
            results.append(refusal(refused, _empty(object_type)))
    return results


def _performed_on(service: Service, action: str, object_type: str, definition: Element) -> Result:
    handler = service.handler(object_type)
    if handler is None or not any(hasattr(handler, function) for function in ACTIONS.values()):
        raise Refused(100, f"The Perform method is not supported for the {object_type or '(none)'} object")  # [D]
    function = ACTIONS.get(action.lower())  # in any case [R]
    if function is None or not hasattr(handler, function):
        raise Refused(5, f"Cannot perform {action or '(none)'} on objects of type {object_type}")  # [D]
    return getattr(handler, function)(service, definition)


def _perform_result(result: Result) -> str:
    content = [
        markup.text("StatusCode", "OK" if result.ok else "Error"),
        markup.text("StatusMessage", result.message),
    ]
    if result.error_code is not None:
        content.append(markup.text("ErrorCode", result.error_code))
    return markup.element("Result", *content, result.object, result.details)
