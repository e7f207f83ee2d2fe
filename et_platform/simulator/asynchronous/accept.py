"""Accepting asynchronous requests: which ones are, and the rules of Options and conversations.

What belongs here: error codes 200-227 [D], the answer that a request is queued. What does not: working requests off
(`worker.py`), telling whoever SendResponseTo names (`respond.py`).
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import lxml.etree as etree

from et_platform.simulator import clock, envelope, operations
from et_platform.simulator.asynchronous import kept
from et_platform.simulator.asynchronous.kept import Conversation, Request
from et_platform.simulator.envelope import Element
from et_platform.simulator.results import Refused, Result, refusal
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

ACTIONS = ("Create", "Update", "Delete", "Perform")
"""The operations that can be asynchronous [D]."""

_CONVERSATION = ("ConversationID", "SequenceCode", "CallsInConversation")
_MOST_OBJECTS = 32_767
_REQUIRED = "ConversationID, SequenceCode, and CallsInConversation are required for Conversations Requests"


def meant(action: str, message: Element) -> bool:
    """Whether a request is meant to be asynchronous: it says so, or it is part of a conversation [D]."""
    options = envelope.child(message, "Options")
    kind = (envelope.value(options, "RequestType") or "").strip()
    return action in ACTIONS and (kind == "Asynchronous" or any(_given(options, name) for name in _CONVERSATION))


def answer(service: Service, action: str, message: Element) -> str:
    """Queue the request, and say so at once; or say what is wrong with it. Raises a client Fault without objects."""
    objects = operations.objects(action, message)
    request_id = str(uuid.uuid4())
    try:
        _queue(service, request_id, action, message, len(objects))
        results = [Result(service.behaviour.async_queued_message)] * len(objects)
    except Refused as refused:
        results = [refusal(refused)] * len(objects)
    return operations.replied(action, results, request_id)


def _queue(service: Service, request_id: str, action: str, message: Element, objects: int) -> None:
    options = envelope.child(message, "Options")
    if (envelope.value(options, "RequestType") or "").strip() != "Asynchronous":
        raise Refused(209, "Options.RequestType is required to be set to RequestType.Asynchronous")
    if objects >= _MOST_OBJECTS:
        raise Refused(218, "Too many objects")
    _check_callback(service, options)
    request = Request(
        id=request_id,
        mid=service.account.mid,
        action=action,
        accepted=clock.iso(clock.now()),
        conversation=_given(options, "ConversationID"),
        due=_due(options),
        priority=_given(options, "QueuePriority") or "Medium",
        **_numbers(options),
    )
    with service.store.definitions, service.store.transaction() as connection:
        refused = _part(connection, service, request) if request.conversation else None
        if refused is None:
            kept.keep(connection, request, etree.tostring(message, encoding="unicode"))
    if refused is not None:  # after the commit: a wrong part leaves its mark on the conversation
        raise refused
    service.async_requests.wake()


def _given(options: Element | None, name: str) -> str:
    return (envelope.value(options, name) or "").strip()


def _numbers(options: Element | None) -> dict[str, int]:
    """SequenceCode and CallsInConversation; both are 1 when neither is given. Raises Refused."""
    sequence, calls = _given(options, "SequenceCode"), _given(options, "CallsInConversation")
    if not (sequence or calls):
        return {}
    if not _given(options, "ConversationID"):
        raise Refused(207, f"Missing Required Conversation Property ConversationID. {_REQUIRED}")
    if not sequence:
        raise Refused(202, f"Missing Required Conversation Property SequenceCode. {_REQUIRED}")
    if not calls:
        raise Refused(208, f"Missing Required Conversation Property CallsInConversation. {_REQUIRED}")
    if not (calls.isdecimal() and int(calls) > 0):
        text = "CallsInConversation Out Of Bounds. CallsInConversation is expected to be a positive number"
        raise Refused(206, text)
    if not (sequence.isdecimal() and 1 <= int(sequence) <= int(calls)):
        text = "SequenceCode Out Of Bounds. Valid SequenceCode range is 1 to the value of CallsInConversation"
        raise Refused(205, text)
    return {"sequence": int(sequence), "calls": int(calls)}


def _part(connection: Connection, service: Service, request: Request) -> Refused | None:
    """Add a part to its conversation; what refuses it, or None. A wrong part invalidates the conversation [D]."""
    whole = kept.conversation(connection, request.conversation) or Conversation(
        request.conversation, request.calls, kept.OPEN
    )
    match whole.state:
        case kept.COMPLETE:
            return Refused(211, "Invalid ConversationID. ConversationID has already been used")
        case kept.CLOSED:
            return Refused(215, "Conversation is closed and cannot accept more parts")
        case kept.FAILED:
            text = "Conversation is in an error state and is no longer able to accept conversation parts"
            return Refused(213, text)
    failed = Conversation(whole.id, whole.calls, kept.FAILED, whole.parts)
    if request.calls != whole.calls:
        kept.keep_conversation(connection, failed)
        if service.behaviour.calls_mismatch_code == 201:
            return Refused(201, "Async API Collection Total Mismatch")
        text = "CallsInConversation don't match previous value in the Conversation. Conversation has been invalidated"
        return Refused(200, text)
    if request.sequence in whole.parts:
        kept.keep_conversation(connection, failed)
        return Refused(214, "SequenceCode already used for Conversation. Conversation has been invalidated")
    parts = (*whole.parts, request.sequence)
    state = kept.CLOSED if len(parts) == whole.calls else kept.OPEN
    kept.keep_conversation(connection, Conversation(whole.id, whole.calls, state, parts))
    return None


def _due(options: Element | None) -> str:
    text = _given(options, "ScheduledTime")
    if not text:
        return ""
    try:
        moment = clock.server_time(datetime.fromisoformat(text))
    except ValueError as error:
        raise Refused(204, f"ScheduledTime is no date: {text}") from error
    if moment > clock.now() + timedelta(days=30):
        raise Refused(226, "A request may not have ScheduledTime greater than 30 days from now")
    return clock.iso(moment)


def _check_callback(service: Service, options: Element | None) -> None:
    if service.behaviour.insecure_callbacks == "accept":
        return
    for one in envelope.children(options, "SendResponseTo"):
        posted = (envelope.value(one, "ResponseType") or "").strip() == "HTTPPost"
        address = (envelope.value(one, "ResponseAddress") or "").strip().lower()
        if posted and not address.startswith("https://"):
            raise Refused(227, "An unsecure response address specified in the 'SendResponseTo' parameter.")
