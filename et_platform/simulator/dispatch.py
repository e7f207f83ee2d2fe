"""From a SOAP action to its answer.

What belongs here: which operation a request asks for, whether it is on, and the small operations' own messages.
What does not: envelopes, HTTP, what happens to objects (`operations.py`).
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime

from et_platform.simulator import (
    clock,
    describe,
    envelope,
    execute,
    login,
    markup,
    operations,
    permissions,
    retrieval,
    schedules,
    soap_faults,
)
from et_platform.simulator.asynchronous import accept
from et_platform.simulator.envelope import Element
from et_platform.simulator.extracts import operation as extract
from et_platform.simulator.service import Service, Units
from et_platform.simulator.units import NoAccess

_VERSION_DATE = datetime(2017, 11, 16)  # noqa: DTZ001 - server time; when the public WSDL last changed

_log = logging.getLogger(__name__)

MESSAGES = {
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
"""The operations, and the message that each takes."""


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
    expected = MESSAGES.get(action)
    if expected is None:
        raise soap_faults.client(f"The action {action} is not supported")
    if envelope.local(message) != expected:
        raise soap_faults.client(f"The action {action} needs a {expected}, not a {envelope.local(message)}")
    status = service.behaviour.system_status
    if action == "GetSystemStatus":  # always on [D]
        return system_status(status)
    if accept.meant(action, message):  # accepted in maintenance too [D]
        return accept.answer(service, action, message)
    on = action in ("Describe", "VersionInfo") and service.behaviour.always_on == "metadata"
    if status != "OK" and not on:
        raise soap_faults.in_maintenance() if status == "InMaintenance" else soap_faults.outage()
    match action:
        case "Retrieve":
            return retrieval.answer(service, message)
        case "Extract":
            return extract.answer(service, message)
        case "Execute":
            return execute.answer(service, message)
        case "Describe":
            return describe.answer(service, message)
        case "Schedule":
            return schedules.schedule(service, message)
        case "Configure":
            return schedules.configure(message)
        case "VersionInfo":
            return _version_info(service, message)
        case "Create" | "Update" | "Delete" | "Perform":
            return operations.replied(action, operations.outcome(service, action, message))
    raise AssertionError(action)


def system_status(status: str) -> str:
    """The answer to GetSystemStatus: OK, InMaintenance or UnplannedOutage [D]."""
    result = markup.element(
        "Result",
        markup.text("StatusCode", "OK"),
        markup.text("StatusMessage", "System Status Retrieved"),
        markup.text("SystemStatus", status),
    )
    return operations.performed("SystemStatusResponseMsg", "OK", result)


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
