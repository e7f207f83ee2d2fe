"""Which scope a SOAP request needs, and what is answered without it.

What belongs here: object types by scope, and refusing whole requests. What does not: granting scopes (`oauth.py`),
which unit may be reached (`units.py`), REST (`rest/`).

That scopes rule SOAP as well, and the words of a Retrieve without them, are recorded [R]; which type needs which
scope, and how the other operations answer, is not [K].
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from et_platform.simulator import envelope, markup
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.envelope import Element, Request
from et_platform.simulator.results import Refused, refusal, reply
from et_platform.simulator.tokens import Grant

FAILED = "API Permission Failed."
_CODE = 11

_FAMILIES = {
    "DataExtension": "data_extensions",
    "DataExtensionField": "data_extensions",
    "DataExtensionObject": "data_extensions",
    "DataExtensionTemplate": "data_extensions",
    "ImportDefinition": "data_extensions",
    "ImportResultsSummary": "data_extensions",
    "ExtractDescription": "data_extensions",
    "Subscriber": "list_and_subscribers",
    "List": "list_and_subscribers",
    "ListSend": "tracking_events",
    "ListSubscriber": "list_and_subscribers",
    "SubscriberStatusEvent": "list_and_subscribers",
    "SentEvent": "tracking_events",
    "OpenEvent": "tracking_events",
    "ClickEvent": "tracking_events",
    "BounceEvent": "tracking_events",
    "UnsubEvent": "tracking_events",
    "NotSentEvent": "tracking_events",
    "QueryDefinition": "automations",
    "Automation": "automations",
    "Program": "automations",
    "FilterActivity": "automations",
    "TriggeredSendDefinition": "email",
    "TriggeredSend": "email",
    "Account": "accounts",
    "AccountUser": "users",
    "AccountUserAccount": "users",
    "BusinessUnit": "accounts",
}
_EXTRACT = "data_extensions_read"
_EXECUTE = {"LogUnsubEvent": "list_and_subscribers_write"}


def refused(grant: Grant, request: Request, behaviour: Behaviour) -> str | None:
    """The body that answers a request for which a scope is missing, or None when it may go on."""
    if grant.scopes is None or not behaviour.check_scopes:
        return None
    message = request.message
    match request.action:
        case "Retrieve":
            wanted = envelope.value(envelope.child(message, "RetrieveRequest"), "ObjectType") or ""
            if not _missing(grant, [wanted.strip()], "read"):
                return None
            return envelope.message(
                "RetrieveResponseMsg",
                markup.text("OverallStatus", f"Error: {FAILED}"),
                markup.text("RequestID", str(uuid.uuid4())),
            )
        case "Create" | "Update" | "Delete":
            objects = list(envelope.children(message, "Objects"))
            if not objects or not _missing(grant, map(_type, objects), "write"):
                return None
            return reply(request.action, [refusal(Refused(_CODE, FAILED))] * len(objects))
        case "Perform":
            definitions = list(envelope.children(envelope.child(message, "Definitions"), "Definition"))
            if not definitions or not _missing(grant, map(_type, definitions), "write"):
                return None
            result = markup.element("Result", *_error())
            return envelope.message(
                "PerformResponseMsg",
                markup.element("Results", *[result] * len(definitions)),
                markup.text("OverallStatus", "Error"),
                markup.text("OverallStatusMessage", ""),
                markup.text("RequestID", str(uuid.uuid4())),
            )
        case "Extract" | "Execute":
            requests = list(envelope.children(message, "Requests"))
            names = [(envelope.value(one, "Name") or "").strip() for one in requests]
            needed = (
                [_EXTRACT] if request.action == "Extract" else [_EXECUTE[name] for name in names if name in _EXECUTE]
            )
            if not requests or all(map(grant.allows, needed)):
                return None
            return envelope.message(
                f"{request.action}ResponseMsg",
                markup.text("OverallStatus", "Error"),
                markup.text("RequestID", str(uuid.uuid4())),
                *[markup.element("Results", *_error())] * len(requests),
            )
    return None


def _missing(grant: Grant, types: Iterable[str], verb: str) -> bool:
    families = [_FAMILIES.get(name.partition("[")[0]) for name in types]
    return any(family is not None and not grant.allows(_scope(family, verb)) for family in families)


def _scope(family: str, verb: str) -> str:
    if verb == "write" and family == "automations":
        return "automations_execute"
    if verb == "write" and family == "email":
        return "email_send"
    return f"{family}_{verb}"


def _type(element: Element) -> str:
    return envelope.type_of(element) or ""


def _error() -> list[str]:
    return [markup.text("StatusCode", "Error"), markup.text("StatusMessage", FAILED), markup.text("ErrorCode", _CODE)]
