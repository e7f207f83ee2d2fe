"""Asynchronous requests, conversations and results as the store keeps them.

What belongs here: their documents, and finding them. What does not: rules (`accept.py`), working (`worker.py`).
A request is a part of a conversation or stands alone; a conversation is ready once all of its parts are there.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import Any

from et_platform.simulator import clock, store
from et_platform.simulator.store import Connection

REQUEST, CONVERSATION, MESSAGE, ITEM = "async_request", "async_conversation", "result_message", "result_item"
_CONTENT = "async_request_content"
OPEN, CLOSED, COMPLETE, FAILED = "open", "closed", "complete", "failed"
"""States of a conversation: parts are missing; all are there; worked off; invalidated by a wrong part [D]."""


@dataclass(frozen=True)
class Request:
    """One accepted request. `due` is the ISO server time before which it waits, empty for at once."""

    id: str
    mid: str
    action: str
    accepted: str
    conversation: str = ""
    sequence: int = 1
    calls: int = 1
    due: str = ""
    priority: str = "Medium"


@dataclass(frozen=True)
class Conversation:
    """A conversation. `parts` are the sequence codes that have come."""

    id: str
    calls: int
    state: str
    parts: tuple[int, ...] = ()


def conversation(connection: Connection, identity: str) -> Conversation | None:
    """The conversation of that id; ids are never used again [D]."""
    found = store.get(connection, CONVERSATION, identity)
    return None if found is None else Conversation(**{**found, "parts": tuple(found["parts"])})


def keep_conversation(connection: Connection, one: Conversation) -> None:
    """Write a conversation down."""
    store.put(connection, CONVERSATION, one.id, asdict(one))


def keep(connection: Connection, request: Request, content: str) -> None:
    """Write a request down, and its message apart: looking through the queue does not read those."""
    store.put(connection, REQUEST, request.id, asdict(request))
    store.put(connection, _CONTENT, request.id, {"message": content})


def message(connection: Connection, request: Request) -> str:
    """The request's message, written XML."""
    found = store.get(connection, _CONTENT, request.id)
    assert found is not None  # kept and forgotten together with the request
    return found["message"]


def waiting(connection: Connection) -> list[Request]:
    """The requests that are next to be worked off: by priority, then oldest first.

    Of a conversation that is its first part that is left, once all parts are there [D].
    """
    heads: dict[str, Request] = {}
    for document in store.find(connection, REQUEST):
        request = Request(**document)
        head = heads.setdefault(request.conversation or request.id, request)
        if request.sequence < head.sequence:
            heads[request.conversation] = request
    closed = {one["id"] for one in store.find(connection, CONVERSATION, "(body->>'$.state') = ?", [CLOSED])}
    ready = [one for one in heads.values() if not one.conversation or one.conversation in closed]
    return sorted(ready, key=lambda one: (_rank(one), one.accepted))


def _rank(request: Request) -> int:
    return {"High": 0, "Medium": 1, "Low": 2}.get(request.priority, 1)


def finish(connection: Connection, request: Request, told: dict[str, str], items: list[dict[str, str]]) -> None:
    """A request is worked off: keep what came of it and forget the request."""
    base = {
        "Client.ID": request.mid,
        "CreatedDate": clock.iso(clock.now()),
        "RequestID": request.id,
        "ConversationID": request.conversation,
        "RequestType": "Asynchronous",
    }
    numbers = {"SequenceCode": str(request.sequence), "CallsInConversation": str(request.calls)}
    own = numbers if request.conversation else {}  # blank without a conversation [D]
    _result(connection, MESSAGE, base | own | told)
    for item in items:
        _result(connection, ITEM, base | item)
    store.remove(connection, REQUEST, request.id)
    store.remove(connection, _CONTENT, request.id)
    if request.conversation and request.sequence == request.calls:
        whole = conversation(connection, request.conversation)
        if whole is not None:
            keep_conversation(connection, Conversation(whole.id, whole.calls, COMPLETE, whole.parts))


def _result(connection: Connection, kind: str, properties: dict[str, str]) -> None:
    identity = str(uuid.uuid4())
    known: dict[str, Any] = {name: text for name, text in properties.items() if text}
    store.put(connection, kind, identity, {"properties": known | {"ObjectID": identity}})


def forget_old(connection: Connection, before: str) -> None:
    """Drop results from before an ISO moment."""
    for kind in (MESSAGE, ITEM):
        connection.execute(
            "DELETE FROM documents WHERE kind = ? AND (body->>'$.properties.CreatedDate') < ?", [kind, before]
        )
