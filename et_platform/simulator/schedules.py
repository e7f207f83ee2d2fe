"""The operations Schedule and Configure: automations and send definitions take a schedule; all else is refused.

What belongs here: their messages, and the words of the refusal. What does not: what a schedule does to a definition
(`objects/`), when it falls due (`automations/timetable.py`). The documentation's table of operations gives no other
simulated type to Schedule or Configure [D].
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from et_platform.simulator import envelope, markup, soap_faults, units
from et_platform.simulator.envelope import Element
from et_platform.simulator.objects import automation, email_send_definition, program
from et_platform.simulator.repeated import repeated
from et_platform.simulator.results import Refused

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SCHEDULABLE = {"Automation": automation, "EmailSendDefinition": email_send_definition, "Program": program}
"""The types that take a schedule [D], and the module of each."""
ACTIONS = ("start", "pause", "stop")
"""What Schedule takes, in any case: the first is documented [D], the others are those of the product's pages [K]."""

_NOT_ALLOWED, _NO_ACCESS = 5, 4


def schedule(service: Service, message: Element) -> str:
    """Answer a ScheduleRequestMsg: automations take a schedule, all else is refused; the reply repeats it [R]."""
    interactions = list(envelope.children(envelope.child(message, "Interactions"), "Interaction"))
    if not interactions:
        raise soap_faults.client("The ScheduleRequestMsg has no Interactions")
    given = envelope.child(message, "Schedule")
    action = (envelope.value(message, "Action") or "").strip().lower()
    written = "" if given is None else repeated(given)
    shown = markup.element("Object", markup.nil("PartnerKey"), markup.nil("ObjectID"), written)
    task = markup.element("Task")
    results, good = [], 0
    for one in interactions:
        module = SCHEDULABLE.get(envelope.type_of(one) or "")
        if module is None or action not in ACTIONS:
            results.append(_refused("schedule", one, shown, task))
            continue
        try:
            told = module.schedule(units.of(service, one), one, given, action)
        except Refused as refused:
            results.append(_told("Error", refused.message, refused.code, shown, task))
        except units.NoAccess as error:
            results.append(_told("Error", str(error), _NO_ACCESS, shown, task))
        else:
            good += 1
            results.append(_told("OK", told, None, shown, task))
    status = "OK" if good == len(results) else "Has Errors" if good else "Error"
    return _answer("Schedule", results, status)


def configure(message: Element) -> str:
    """Answer a ConfigureRequestMsg: each Configuration is refused."""
    configurations = list(envelope.children(envelope.child(message, "Configurations"), "Configuration"))
    if not configurations:
        raise soap_faults.client("The ConfigureRequestMsg has no Configurations")
    return _answer("Configure", (_refused("configure", one, _named(one)) for one in configurations))


def _answer(operation: str, results: Iterable[str], status: str = "Error") -> str:
    return envelope.message(
        f"{operation}ResponseMsg",
        markup.element("Results", *results),
        markup.text("OverallStatus", status),
        markup.text("OverallStatusMessage", ""),
        markup.text("RequestID", str(uuid.uuid4())),
    )


def _refused(method: str, element: Element, *content: str) -> str:
    kind = envelope.type_of(element) or "(none)"
    message = f"Cannot perform {method} on objects of type {kind}"  # [D]
    return _told("Error", message, _NOT_ALLOWED, *content)


def _told(status: str, message: str, code: int | None, *content: str) -> str:
    return markup.element(
        "Result",
        markup.text("StatusCode", status),
        markup.text("StatusMessage", message),
        *([] if code is None else [markup.text("ErrorCode", code)]),
        *content,
    )


def _named(element: Element) -> str:
    key = (envelope.value(element, "CustomerKey") or "").strip()
    return markup.element(
        "Object",
        markup.nil("PartnerKey"),
        markup.nil("ObjectID"),
        markup.text("CustomerKey", key) if key else "",
        type=envelope.type_of(element) or "APIObject",
    )
