"""The Execute operation: its message, and the named requests.

What belongs here: parameters, results, and finding a request by its name. What does not: what a request does
(`objects/log_unsub_event.py`, `objects/user_token.py`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from et_platform.simulator import envelope, markup, soap_faults, units
from et_platform.simulator.envelope import Element
from et_platform.simulator.objects import log_unsub_event, user_token
from et_platform.simulator.results import Refused, Result, overall_status

if TYPE_CHECKING:
    from et_platform.simulator.service import Service


@dataclass(frozen=True)
class Executed:
    """A request that went well: its StatusMessage, and what it answers beside it, by name."""

    message: str
    results: tuple[tuple[str, str], ...] = ()


Request = Callable[["Service", dict[str, str]], Executed]
"""What answers one name: given the parameters by name. Raises Refused."""


def _log_unsub_event(service: Service, parameters: dict[str, str]) -> Executed:
    return Executed(log_unsub_event.execute(service, parameters))


def _get_user_token(service: Service, parameters: dict[str, str]) -> Executed:
    return Executed("OK", user_token.execute(service, parameters))


REQUESTS: dict[str, Request] = {"LogUnsubEvent": _log_unsub_event, "GetUserToken": _get_user_token}


def answer(service: Service, message: Element) -> str:
    """Answer an ExecuteRequestMsg; each request succeeds or fails on its own."""
    wanted = list(envelope.children(message, "Requests"))
    if not wanted:
        raise soap_faults.client("The ExecuteRequestMsg has no Requests")
    results, written = [], []
    for ordinal, one in enumerate(wanted):
        try:
            executed = _executed(service, one)
        except Refused as refused:
            results.append(Result(refused.message, error_code=refused.code))
            written.append(_refused(ordinal, refused))
        else:
            results.append(Result(executed.message))
            written.append(_done(executed))
    return envelope.message(
        "ExecuteResponseMsg",
        markup.text("OverallStatus", overall_status(results)),
        markup.text("RequestID", str(uuid.uuid4())),
        *written,
    )


def _executed(caller: Service, request: Element) -> Executed:
    """What the request does, in the business unit that it names. Raises Refused."""
    name = (envelope.value(request, "Name") or "").strip()
    if name not in REQUESTS:
        raise Refused(5, f"The request {name or '(none)'} is not supported.")
    try:
        service = units.of(caller, request)
    except units.NoAccess as error:
        raise Refused(4, str(error)) from error  # no access to that account [D]
    parameters = {
        (envelope.value(one, "Name") or "").strip(): envelope.value(one, "Value") or ""
        for one in envelope.children(request, "Parameters")
    }
    return REQUESTS[name](service, parameters)


def _done(executed: Executed) -> str:
    """A good result has neither OrdinalID nor ErrorCode [R]."""
    return markup.element(
        "Results",
        markup.text("StatusCode", "OK"),
        markup.text("StatusMessage", executed.message),
        *(
            markup.element("Results", markup.text("Name", name), markup.text("Value", value))
            for name, value in executed.results
        ),
    )


def _refused(ordinal: int, refused: Refused) -> str:
    return markup.element(
        "Results",
        markup.text("StatusCode", "Error"),
        markup.text("StatusMessage", refused.message),
        markup.text("OrdinalID", ordinal),
        markup.text("ErrorCode", refused.code),
    )
