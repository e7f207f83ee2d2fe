"""The operations Schedule and Configure: understood, and refused for every type that is simulated.

What belongs here: their messages, and the words of the refusal. What does not: automations and sends, which can be
scheduled [D], and users, who can be configured [R]; this account has neither yet. The documentation's table of
operations gives none of the simulated types to Schedule or Configure [D].
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from et_platform.simulator import envelope, markup, soap_faults
from et_platform.simulator.envelope import Element

_NOT_ALLOWED = 5


def schedule(message: Element) -> str:
    """Answer a ScheduleRequestMsg: each Interaction is refused; the reply repeats the schedule [R]."""
    interactions = list(envelope.children(envelope.child(message, "Interactions"), "Interaction"))
    if not interactions:
        raise soap_faults.client("The ScheduleRequestMsg has no Interactions")
    given = envelope.child(message, "Schedule")
    repeated = "" if given is None else _repeated(given)
    shown = markup.element("Object", markup.nil("PartnerKey"), markup.nil("ObjectID"), repeated)
    task = markup.element("Task")
    return _answer("Schedule", (_refused("schedule", one, shown, task) for one in interactions))


def configure(message: Element) -> str:
    """Answer a ConfigureRequestMsg: each Configuration is refused."""
    configurations = list(envelope.children(envelope.child(message, "Configurations"), "Configuration"))
    if not configurations:
        raise soap_faults.client("The ConfigureRequestMsg has no Configurations")
    return _answer("Configure", (_refused("configure", one, _named(one)) for one in configurations))


def _answer(operation: str, results: Iterable[str]) -> str:
    return envelope.message(
        f"{operation}ResponseMsg",
        markup.element("Results", *results),
        markup.text("OverallStatus", "Error"),
        markup.text("OverallStatusMessage", ""),
        markup.text("RequestID", str(uuid.uuid4())),
    )


def _refused(method: str, element: Element, *content: str) -> str:
    kind = envelope.type_of(element) or "(none)"
    return markup.element(
        "Result",
        markup.text("StatusCode", "Error"),
        markup.text("StatusMessage", f"Cannot perform {method} on objects of type {kind}"),  # [D]
        markup.text("ErrorCode", _NOT_ALLOWED),
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


def _repeated(parent: Element) -> str:
    """What stands in an element as it came, in the reply's namespace."""
    content = ""
    for one in parent:
        name = envelope.local(one)
        if name not in ("PartnerKey", "ObjectID"):
            inner = _repeated(one) if len(one) else markup.escape(one.text or "")
            content += markup.element(name, inner, type=envelope.type_of(one))
    return content
