"""Writes that are handed over and done later.

Belongs here: handing over, and asking what came of it. Does not: what is written (`rows.py`, `subscribers.py`,
`later.py`).

Each call carries a ConversationID of ours, with one call to the conversation. So it may be repeated when its answer
was lost: the service does not take a conversation twice [D]; and it is the handle to ask by, chosen before anything is
sent.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

import lxml.etree as etree

from et_platform.exacttarget.errors import MalformedReply
from et_platform.exacttarget.faults import read_document, result_error
from et_platform.exacttarget.models import SERVER_TIME, AsyncWrite
from et_platform.exacttarget.soap import Repeat, Soap

T = TypeVar("T")
QueuePriority = Literal["Low", "Medium", "High"]
ReadResult = Callable[[int, Any], T]
"""The outcome of the object at a position, from its result as zeep reads it."""

MOST_OBJECTS = 100
"""Objects in one asynchronous call; more are taken, and not recommended [D]."""

_TAKEN = (211, 215)
"""The conversation is complete, or closed: an earlier try arrived [D]."""
_MESSAGE = ("ConversationID", "OverallStatusCode", "StatusMessage", "ErrorCode", "RequestID", "ResultDetailXML")
_ITEM = ("OrdinalID", "StatusCode", "StatusMessage", "ErrorCode")


def submit(
    soap: Soap,
    operation: str,
    objects: Sequence[Any],
    *,
    what: str,
    options: Mapping[str, Any] | None = None,
    priority: QueuePriority = "Medium",
    not_before: datetime | None = None,
) -> AsyncWrite:
    """Hand over objects, in calls of 100. Raises what `Soap.call` raises, and the error of a call that is refused.

    What earlier calls handed over is then done all the same; a note tells their handles. `not_before` is aware; 226 is
    the service's code for one that is more than 30 days ahead [D].
    """
    queued: dict[str, Any] = {"RequestType": "Asynchronous", "QueuePriority": priority}
    if not_before is not None:
        if not_before.tzinfo is None:
            raise ValueError("not_before must be aware: without a time zone nobody knows when that is")
        queued["ScheduledTime"] = not_before.astimezone(SERVER_TIME)
    done: list[str] = []
    sizes: list[int] = []
    for start in range(0, len(objects), MOST_OBJECTS):
        part = list(objects[start : start + MOST_OBJECTS])
        conversation = str(uuid.uuid4())
        told = {
            **(options or {}),
            **queued,
            "ConversationID": conversation,
            "SequenceCode": 1,
            "CallsInConversation": 1,
        }
        try:
            message = soap.call(operation, what=what, repeat=Repeat.SAFE, Options=told, Objects=part)
            reply = soap.parse(operation, message)
            refused = next((one for one in reply.Results if one.StatusCode == "Error"), None)
            if refused is not None and refused.ErrorCode not in _TAKEN:
                text = refused.StatusMessage or ""
                raise result_error(what, message=text, code=refused.ErrorCode, request_id=reply.RequestID)
        except Exception as error:
            if done:
                error.add_note(f"{sum(sizes)} objects were handed over before, as conversations {', '.join(done)}.")
            raise
        done.append(conversation)
        sizes.append(len(part))
    return AsyncWrite(conversations=tuple(done), rows=tuple(sizes))


def results_of(soap: Soap, write: AsyncWrite, read: ReadResult[T]) -> list[T] | None:
    """The result of each object, in their order; None while any part is not done. Raises MalformedReply."""
    results: list[T] = []
    for conversation, objects in zip(write.conversations, write.rows, strict=True):
        what = f"Asking for the results of conversation {conversation}"
        where = soap.equals("ConversationID", conversation)
        messages = soap.objects("ResultMessage", _MESSAGE, what=what, where=where)
        if not messages:
            return None
        found = _detailed(soap, messages[0].ResultDetailXML, objects)
        if found is None:
            found = _itemised(soap, what, where, objects)
        results += [read(len(results) + ordinal, one) for ordinal, one in enumerate(found)]
    return results


def _detailed(soap: Soap, text: str | None, objects: int) -> list[Any] | None:
    """From the reply that the service would have given at once, which it keeps as a text; None if it is none [K]."""
    try:
        document = read_document((text or "").encode())
    except MalformedReply:
        return None
    operation = etree.QName(document).localname.removesuffix("Response")
    if operation not in ("Create", "Update", "Delete"):
        return None
    try:
        found = soap.parse(operation, document).Results
    except MalformedReply:
        return None
    return _in_order(found, objects)


def _itemised(soap: Soap, what: str, where: Any, objects: int) -> list[Any]:
    """From the result items, which do not tell single fields."""
    found = _in_order(soap.objects("ResultItem", _ITEM, what=what, where=where), objects)
    if found is None:
        raise MalformedReply(f"{what}: the results do not name each of {objects} objects once. Read them back.")
    return found


def _in_order(found: Sequence[Any], objects: int) -> list[Any] | None:
    ordered = {index if one.OrdinalID is None else one.OrdinalID: one for index, one in enumerate(found)}
    if ordered.keys() != set(range(objects)):
        return None
    return [ordered[ordinal] for ordinal in range(objects)]
