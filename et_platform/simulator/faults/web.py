"""Faults of HTTP: between the server and the application, before, while and after a request is answered.

What belongs here: holding requests and answers back, breaking connections, answering in the application's place.
What does not: which request it is (`calls.py`), what the answers say (`replies.py`). While no fault is up, requests
pass untouched; while one is, answers are read as a whole before they are sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from et_platform.simulator import markup
from et_platform.simulator.faults import calls, effects, replies
from et_platform.simulator.faults.board import Stopping
from et_platform.simulator.faults.calls import Call
from et_platform.simulator.faults.replies import Reply
from et_platform.simulator.service import Units

_CONTROL = "sim/"


class Web:
    """The application with faults around it; what makes things happen in the simulator is never disturbed."""

    def __init__(self, app: ASGIApp, units: Units, base_url: str):
        self._app, self._units, self._address = app, units, f"{base_url}Service.asmx"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI has it."""
        board = self._units.faults
        is_quiet = not (board.is_up("soap") or board.is_up("rest"))
        if is_quiet or scope["type"] != "http" or scope["path"].strip("/").lower().startswith(_CONTROL):
            await self._app(scope, receive, send)
            return
        content = await _content(receive)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        call = await run_in_threadpool(calls.read, self._units, scope["method"], scope["path"], headers, content)
        try:
            reply = await self._reply(call, scope, content)
        except Stopping:
            reply = None
        if reply is None:
            await _hang_up(receive, send)
        elif isinstance(reply, _Broken):
            await _send(send, reply.reply, reply.bytes)
            await _hang_up(receive, send)
        else:
            await _send(send, reply)

    async def _reply(self, call: Call, scope: Scope, content: bytes) -> Reply | _Broken | None:
        """The answer; None for a connection that breaks without one. Raises Stopping."""
        board, occasion = self._units.faults, call.occasion
        match before := board.meet(occasion):
            case None:
                pass
            case effects.Stall():
                # Who asked may be gone by then: the request has arrived, so it has its effect all the same.
                await board.pause(before, before.seconds)
            case effects.Cut():
                return None
            case _:
                return replies.instead(before, call, self._address)
        reply = await _answered(self._app, scope, content)
        match during := board.meet(replace(occasion, when="during")):
            case effects.Cut():
                return _Broken(reply, during.at_byte)
        match after := board.meet(replace(occasion, when="after")):
            case None:
                return reply
            case effects.Stall():
                await board.pause(after, after.seconds)
                return reply
            case effects.Cut():
                return None
            case effects.Alter():
                return replace(reply, content=_altered(reply.content, after))
            case _:
                return replies.instead(after, call, self._address)


@dataclass(frozen=True)
class _Broken:
    """An answer of which only the first bytes are sent."""

    reply: Reply
    bytes: int


def _altered(content: bytes, fault: effects.Alter) -> bytes:
    text = content.decode()
    written = {name: markup.text(name, value) for name, value in fault.elements.items()}
    for name, element in written.items():
        # Elements without children, whatever they say, and empty ones.
        there = rf"<{re.escape(name)}(?:\s[^>]*)?(?:/>|>[^<]*</{re.escape(name)}>)"
        text = re.sub(there, element.replace("\\", r"\\"), text)
    return text.encode()


async def _content(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return b"".join(chunks)


async def _answered(app: ASGIApp, scope: Scope, content: bytes) -> Reply:
    """What the application answers to the request."""
    waiting = [{"type": "http.request", "body": content, "more_body": False}]
    chunks: list[bytes] = []
    start: dict[str, Any] = {}

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            chunks.append(message.get("body", b""))

    await app(scope, receive, send)
    headers = tuple((name.decode(), value.decode("latin-1")) for name, value in start.get("headers", ()))
    return Reply(start["status"], b"".join(chunks), headers)


async def _send(send: Send, reply: Reply, first: int | None = None) -> None:
    """Send the answer, or only its first bytes (never all) under the length of all."""
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers if name != "content-length"]
    headers.append((b"content-length", str(len(reply.content)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if first is None:
        await send({"type": "http.response.body", "body": reply.content})
    else:
        part = reply.content[: min(first, max(len(reply.content) - 1, 0))]
        await send({"type": "http.response.body", "body": part, "more_body": True})


async def _hang_up(receive: Receive, send: Send) -> None:
    """Close the connection as it stands."""
    # ASGI has no word for it; uvicorn's `send` is a method of the request, which has the transport.
    transport: Any = send.__self__.transport  # type: ignore[attr-defined]
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
