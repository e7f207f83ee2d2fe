"""From a SOAP action to its answer.

What belongs here: the operations' own messages and options, and handing objects to their type's module.
What does not: envelopes, HTTP, the rules of single types.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime
from itertools import groupby

from et_platform.simulator import (
    clock,
    describe,
    envelope,
    execute,
    login,
    markup,
    permissions,
    retrieval,
    schedules,
    soap_faults,
    units,
)
from et_platform.simulator.envelope import Element
from et_platform.simulator.extracts import operation as extract
from et_platform.simulator.results import Operation, Refused, Result, SaveMode, overall_status, refusal, reply
from et_platform.simulator.service import Service, Units
from et_platform.simulator.units import NoAccess

_VERSION_DATE = datetime(2017, 11, 16)  # noqa: DTZ001 - server time; when the public WSDL last changed

_log = logging.getLogger(__name__)

_MESSAGES = {
    "Create": "CreateRequest",
    "Update": "UpdateRequest",
    "Delete": "DeleteRequest",
    "Retrieve": "RetrieveRequestMsg",
    "Perform": "PerformRequestMsg",
    "Extract": "ExtractRequestMsg",
    "Execute": "ExecuteRequestMsg",
    "Describe": "DefinitionRequestMsg",
    "Schedule": "ScheduleRequestMsg",
    "Configure": "ConfigureRequestMsg",
    "VersionInfo": "VersionInfoRequestMsg",
    "GetSystemStatus": "SystemStatusRequestMsg",
}


def answer(account: Units, content: bytes, soap_action: str | None, address: str) -> tuple[int, bytes]:
    """Answer one SOAP request: HTTP status and the reply. Never raises: what goes wrong is a fault."""
    relates_to = f"urn:uuid:{uuid.uuid4()}"
    try:
        request = envelope.read(content, soap_action)
        relates_to = request.message_id
        grant = login.grant(account.account, request)
        if not account.soap_rate.admits(grant.mid):
            raise soap_faults.throttled()
        body = permissions.refused(grant, request, account.behaviour)
        if body is None:
            body = _operation(account.service(grant.mid), request.action, request.message)
        return 200, envelope.write(_reply_action(request.action), relates_to, body)
    except NoAccess:
        # The token is good, but its unit is gone.
        return 500, envelope.write(soap_faults.ACTION, relates_to, soap_faults.login_failed().body(address))
    except soap_faults.Fault as fault:
        return 500, envelope.write(soap_faults.ACTION, relates_to, fault.body(address))
    except Exception:  # noqa: BLE001 - here a defect becomes an answer instead of a dropped connection
        _log.exception("a SOAP request failed")
        return 500, envelope.write(soap_faults.ACTION, relates_to, soap_faults.internal().body(address))


def _reply_action(action: str) -> str:
    return "GetSystemStatusResponse" if action == "GetSystemStatus" else f"{action}Response"


def _operation(service: Service, action: str, message: Element) -> str:
    expected = _MESSAGES.get(action)
    if expected is None:
        raise soap_faults.client(f"The action {action} is not supported")
    if envelope.local(message) != expected:
        raise soap_faults.client(f"The action {action} needs a {expected}, not a {envelope.local(message)}")
    status = service.behaviour.system_status
    if action == "GetSystemStatus":  # always on [D]
        return system_status(status)
    on = action in ("Describe", "VersionInfo") and service.behaviour.always_on == "metadata"
    if status != "OK" and not on:
        raise soap_faults.in_maintenance() if status == "InMaintenance" else soap_faults.outage()
    match action:
        case "Retrieve":
            return retrieval.answer(service, message)
        case "Perform":
            return _perform(service, message)
        case "Extract":
            return extract.answer(service, message)
        case "Execute":
            return execute.answer(service, message)
        case "Describe":
            return describe.answer(service, message)
        case "Schedule":
            return schedules.schedule(message)
        case "Configure":
            return schedules.configure(message)
        case "VersionInfo":
            return _version_info(service, message)
        case "Create" | "Update" | "Delete":
            return reply(action, _write(service, action, message))
    raise AssertionError(action)


def system_status(status: str) -> str:
    """The answer to GetSystemStatus: OK, InMaintenance or UnplannedOutage [D]."""
    result = markup.element(
        "Result",
        markup.text("StatusCode", "OK"),
        markup.text("StatusMessage", "System Status Retrieved"),
        markup.text("SystemStatus", status),
    )
    return _performed("SystemStatusResponseMsg", "OK", result)


def _version_info(service: Service, message: Element) -> str:
    version = "".join(
        (
            markup.text("Version", service.behaviour.version),
            markup.text("VersionDate", clock.iso(_VERSION_DATE)),
            markup.text("Notes", ""),  # deprecated [D]
        )
    )
    history = (envelope.value(message, "IncludeVersionHistory") or "").strip().lower() in ("true", "1")
    return envelope.message(
        "VersionInfoResponseMsg",
        markup.element("VersionInfo", version, markup.element("VersionHistory", version) if history else ""),
        markup.text("RequestID", str(uuid.uuid4())),
    )


def _performed(name: str, status: str, *results: str) -> str:
    """The shape of Perform and GetSystemStatus: Results wraps Result [R]."""
    return envelope.message(
        name,
        markup.element("Results", *results),
        markup.text("OverallStatus", status),
        markup.text("OverallStatusMessage", ""),
        markup.text("RequestID", str(uuid.uuid4())),
    )


def _client(element: Element) -> str:
    """The MID that an object names as its own; it goes before that of Options."""
    return (envelope.value(envelope.child(element, "Client"), "ID") or "").strip()


def _write(caller: Service, operation: Operation, message: Element) -> list[Result]:
    objects = list(envelope.children(message, "Objects"))
    if not objects:
        raise soap_faults.client(f"The {operation}Request has no Objects")
    results: list[Result] = []
    options = envelope.child(message, "Options")
    # Objects of one type and unit go to its module together; rows are far quicker so.
    for (object_type, mid), group in groupby(objects, key=lambda one: (envelope.type_of(one) or "", _client(one))):
        members = list(group)
        try:
            service = units.of(caller, members[0] if mid else options)
        except NoAccess as error:
            results += [refusal(Refused(4, str(error)), _empty(object_type))] * len(members)
            continue
        handler = service.handler(object_type)
        if handler is None or not hasattr(handler, "delete" if operation == "Delete" else "save"):
            refused = Refused(8, f"The type {object_type or '(none)'} does not support {operation}.")
            results += [refusal(refused, _empty(object_type))] * len(members)
        elif operation == "Delete":
            results += handler.delete(service, members)
        else:
            try:
                mode = _save_mode(operation, message)
            except Refused as refused:
                results += [refusal(refused, _empty(object_type))] * len(members)
            else:
                results += handler.save(service, members, mode, operation)
    return results


def _empty(object_type: str) -> str:
    return markup.element("Object", markup.nil("PartnerKey"), markup.nil("ObjectID"), type=object_type or "APIObject")


def _save_mode(operation: Operation, message: Element) -> SaveMode:
    """SaveOptions may turn a Create or an Update into an upsert [D]."""
    options = envelope.child(message, "Options")
    action = "Default"
    for option in envelope.children(envelope.child(options, "SaveOptions"), "SaveOption"):
        action = (envelope.value(option, "SaveAction") or "Default").strip()
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


def _perform(caller: Service, message: Element) -> str:
    action = (envelope.value(message, "Action") or "").strip()
    results: list[tuple[Result, str]] = []
    for definition in envelope.children(envelope.child(message, "Definitions"), "Definition"):
        object_type = envelope.type_of(definition) or ""
        try:
            service = units.of(caller, definition if _client(definition) else envelope.child(message, "Options"))
        except NoAccess as error:
            results.append((refusal(Refused(4, str(error)), _empty(object_type)), ""))
            continue
        handler = service.handler(object_type)
        if action.lower() != "start":  # in any case [R]
            refused = Refused(5, f"The action {action or '(none)'} is not supported.")
            results.append((refusal(refused, _empty(object_type)), ""))
        elif handler is None or not hasattr(handler, "start"):
            refused = Refused(8, f"The type {object_type or '(none)'} does not support Perform.")
            results.append((refusal(refused, _empty(object_type)), ""))
        else:
            result = handler.start(service, definition)
            results.append((result, result.details))
    status = overall_status([result for result, _ in results])
    return _performed("PerformResponseMsg", status, *(_perform_result(*one) for one in results))


def _perform_result(result: Result, task: str) -> str:
    content = [
        markup.text("StatusCode", "OK" if result.ok else "Error"),
        markup.text("StatusMessage", result.message),
    ]
    if result.error_code is not None:
        content.append(markup.text("ErrorCode", result.error_code))
    return markup.element("Result", *content, result.object, task)
