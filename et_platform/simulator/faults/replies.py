"""The answers that a fault gives in the service's place.

What belongs here: their status, headers and bodies. What does not: when they are given (`web.py`).
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from http.client import responses

from et_platform.simulator import dispatch, envelope, markup, soap_faults
from et_platform.simulator.faults import effects
from et_platform.simulator.faults.calls import Call
from et_platform.simulator.faults.model import Fault

_XML = (("content-type", "text/xml; charset=utf-8"),)
_JSON = (("content-type", "application/json"),)


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; names of headers are in lower case."""

    status: int
    content: bytes
    headers: tuple[tuple[str, str], ...] = ()


def instead(fault: Fault, call: Call, address: str) -> Reply:
    """The answer of a fault that answers. `address` is that of the SOAP service."""
    if isinstance(fault, effects.Status):
        phrase = responses.get(fault.code, "Error")
        wait = () if fault.retry_after is None else (("retry-after", str(fault.retry_after)),)
        return Reply(fault.code, phrase.encode(), (("content-type", "text/plain"), *wait))
    if call.occasion.at == "rest":
        return _rest(fault, call)
    return _soap(fault, call, address)


def _rest(fault: Fault, call: Call) -> Reply:
    match fault:
        case effects.Throttle():
            body = {"message": fault.message, "errorcode": 50100, "documentation": ""}  # [D]
            return Reply(429, json.dumps(body).encode(), (*_JSON, ("retry-after", str(fault.retry_after))))
        case effects.LoginFailed() if call.occasion.path.strip("/").lower() == "v2/token":
            body = {"error": "invalid_client", "error_description": "Client authentication failed.", "error_uri": ""}
            return Reply(401, json.dumps(body).encode(), _JSON)
        case effects.LoginFailed():
            body = {"documentation": "", "errorcode": 0, "message": "Not Authorized"}  # [R]
            return Reply(401, json.dumps(body).encode(), _JSON)
    raise AssertionError(fault)


def _soap(fault: Fault, call: Call, address: str) -> Reply:
    match fault:
        case effects.Maintenance() | effects.Outage() if call.occasion.operation == "GetSystemStatus":
            word = "InMaintenance" if isinstance(fault, effects.Maintenance) else "UnplannedOutage"
            return _message(call, "GetSystemStatusResponse", dispatch.system_status(word))
        case effects.Maintenance():
            return _fault(call, soap_faults.in_maintenance(), address)
        case effects.Outage():
            return _fault(call, soap_faults.outage(), address)
        case effects.Throttle():
            return _fault(call, soap_faults.Fault("Server", fault.message), address)
        case effects.SoapFault():
            return _fault(call, soap_faults.Fault("Server", fault.message, detail=fault.code), address)
        case effects.TokenExpired():
            return _fault(call, soap_faults.token_expired(), address)
        case effects.LoginFailed():
            return _fault(call, soap_faults.login_failed(), address)
        case effects.RetrieveError():
            return _message(call, "RetrieveResponse", _retrieved(f"Error: {fault.message}"))
        case effects.NoResults():
            return _message(call, "RetrieveResponse", _retrieved("OK"))
    raise AssertionError(fault)


def _retrieved(status: str) -> str:
    return envelope.message(
        "RetrieveResponseMsg", markup.text("OverallStatus", status), markup.text("RequestID", str(uuid.uuid4()))
    )


def _message(call: Call, action: str, body: str) -> Reply:
    return Reply(200, envelope.write(action, call.relates_to, body), _XML)


def _fault(call: Call, fault: soap_faults.Fault, address: str) -> Reply:
    return Reply(500, envelope.write(soap_faults.ACTION, call.relates_to, fault.body(address)), _XML)
