"""TriggeredSend: Create sends a triggered send definition's message to subscribers.

What belongs here: reading the request, and telling which subscribers failed. What does not: sending
(`sending/triggered.py`).

The result of a TriggeredSend is OK though some of its subscribers failed: they are its SubscriberFailures [R].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import envelope, markup, retrieval
from et_platform.simulator.definitions import text
from et_platform.simulator.envelope import Element
from et_platform.simulator.objects import triggered_send_definition
from et_platform.simulator.results import Refused, Result, SaveMode, refusal
from et_platform.simulator.sending import triggered
from et_platform.simulator.sending.triggered import Asked, Failure

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(object_type="TriggeredSend", order=(), types={})
CREATED_ONLY = True
"""Neither Update nor Delete takes one."""

_NO_OBJECT, _NOT_THERE, _NO_SUBSCRIBERS, _FAILED = 18000, 18002, 18001, 18003
_DEFINITION = "TriggeredSendDefinition"


def save(service: Service, objects: list[Element], mode: SaveMode, operation: str) -> list[Result]:
    """Send each; only Create can [D]."""
    if operation != "Create":
        refused = Refused(5, f"Cannot perform {operation} on objects of type TriggeredSend")
        return [refusal(refused, _shown(one)) for one in objects]
    return [_sent(service, one) for one in objects]


def _sent(service: Service, element: Element) -> Result:
    try:
        named = envelope.child(element, _DEFINITION)
        if named is None:
            raise Refused(_NO_OBJECT, "The TriggeredSend has no TriggeredSendDefinition.")
        with service.store.connect() as connection:
            try:
                definition = triggered_send_definition.find(connection, named)
            except Refused as refused:
                raise Refused(_NOT_THERE, "The TriggeredSendDefinition was not found.") from refused
        asked = [_asked(one) for one in envelope.children(element, "Subscribers")]
        if not asked:
            raise Refused(_NO_SUBSCRIBERS, "The TriggeredSend has no Subscribers.")
        failures = triggered.send(service, definition["object_id"], asked)
    except Refused as refused:
        return refusal(refused, _shown(element))
    told = "".join(_failure(one, asked[one.ordinal]) for one in failures)
    kind = "TriggeredSendCreateResult"
    if len(failures) == len(asked) and service.behaviour.triggered_all_failed == "error":
        none = Refused(_FAILED, "Unable to queue Triggered Send request. There are no valid subscribers.")
        return refusal(none, _shown(element), kind, told)
    return Result("Created TriggeredSend", _shown(element), details=told, type=kind)  # [R]


def _asked(element: Element) -> Asked:
    attributes = {
        text(one, "Name"): envelope.value(one, "Value") or "" for one in envelope.children(element, "Attributes")
    }
    email = text(element, "EmailAddress")
    return Asked(text(element, "SubscriberKey") or email, email, attributes)


def _shown(element: Element) -> str:
    named = envelope.child(element, _DEFINITION)
    key = text(named, "CustomerKey") if named is not None else ""
    definition = markup.element(
        _DEFINITION, markup.nil("PartnerKey"), markup.nil("ObjectID"), markup.text("CustomerKey", key) if key else ""
    )
    subscribers = "".join(_subscriber("Subscribers", _asked(one)) for one in envelope.children(element, "Subscribers"))
    return markup.element(
        "Object",
        markup.nil("PartnerKey"),
        markup.nil("ObjectID"),
        definition,
        subscribers,
        type="TriggeredSend",
    )


def _subscriber(name: str, one: Asked) -> str:
    return markup.element(
        name,
        markup.nil("PartnerKey"),
        markup.nil("ObjectID"),
        markup.text("EmailAddress", one.email),
        markup.text("SubscriberKey", one.key),
    )


def _failure(failure: Failure, asked: Asked) -> str:
    return markup.element(
        "SubscriberFailures",
        _subscriber("Subscriber", asked),
        markup.text("ErrorCode", failure.code),
        markup.text("ErrorDescription", failure.description),
        markup.text("Ordinal", failure.ordinal),
    )
