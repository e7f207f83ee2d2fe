"""Telling what became of an asynchronous request to whoever its SendResponseTo names.

What belongs here: when something is to be told, and the three ways: an e-mail, laid into the outbox as that of an
import; a file on the unit's FTP site; an HTTP POST. What does not: checking addresses (`accept.py`), the results
themselves (`kept.py`), which a caller can always retrieve. What is told is the reply that a synchronous request would
have had; its form, the file's place and name are this simulator's own [K]. It is told once at most: not again after a
crash, nor when the other side does not take it.
"""

from __future__ import annotations

import http.client
import logging
import os
import ssl
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

from et_platform.simulator import envelope
from et_platform.simulator.asynchronous.kept import Request
from et_platform.simulator.envelope import Element

_SENDER = "requests@exacttarget.invalid"
_SECONDS = 10
_CONVERSATION = ("OnConversationError", "OnConversationComplete")

_log = logging.getLogger(__name__)


def tell(message: Element, request: Request, told: dict[str, str], outbox: Path, export: Path) -> None:
    """Tell what became of a request. Never raises: whom it does not reach can retrieve the results."""
    for number, one in enumerate(envelope.children(envelope.child(message, "Options"), "SendResponseTo")):
        if not _wanted(_given(one, "RespondWhen"), request, good=told["OverallStatusCode"] == "OK"):
            continue
        name, address = f"{request.id}-{number}", _given(one, "ResponseAddress")
        try:
            match _given(one, "ResponseType"):
                case "email" if address:
                    _lay(outbox / f"{name}.eml", _email(address, request, told).as_bytes())
                case "FTP":
                    _lay(export / f"{name}.xml", told["ResultDetailXML"].encode())
                case "HTTPPost" if address:
                    _post(address, told["ResultDetailXML"].encode())
        except (OSError, http.client.HTTPException, ValueError) as error:
            _log.error("what became of the asynchronous request %s could not be told: %s", request.id, error)


def _given(element: Element, name: str) -> str:
    return (envelope.value(element, name) or "").strip()


def _wanted(when: str, request: Request, *, good: bool) -> bool:
    """Whether RespondWhen means this request; Always where it is not given [K].

    A conversation is told of with its last part; whether an earlier one failed is not looked up [K].
    """
    if when in _CONVERSATION and request.sequence != request.calls:
        return False
    return when != "Never" and not (good and when in ("OnError", "OnConversationError"))


def _email(address: str, request: Request, told: dict[str, str]) -> EmailMessage:
    message = EmailMessage()
    message["From"] = _SENDER
    message["To"] = " ".join(address.split())
    message["Subject"] = f"{request.action} {told['OverallStatusCode']}: {request.id}"
    message.set_content(f"Request: {request.id}\nStatus: {told['OverallStatusCode']}\n{told['StatusMessage']}\n")
    message.add_attachment(told["ResultDetailXML"], subtype="xml", filename="results.xml")
    return message


def _lay(path: Path, content: bytes) -> None:
    """Lay a file down whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    unfinished.replace(path)


def _post(address: str, content: bytes) -> None:
    """POST to an address; certificates are verified. Raises OSError, HTTPException, ValueError."""
    where = urlsplit(address)
    if where.scheme not in ("http", "https") or not where.hostname:
        raise ValueError("the ResponseAddress is no web address")
    if where.scheme == "https":
        connection = http.client.HTTPSConnection(
            where.hostname, where.port, timeout=_SECONDS, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=_SECONDS)
    try:
        path = (where.path or "/") + (f"?{where.query}" if where.query else "")
        connection.request("POST", path, content, {"Content-Type": "text/xml; charset=utf-8"})
        status = connection.getresponse().status
    finally:
        connection.close()
    if status >= 300:
        raise OSError(f"the address answered HTTP {status}")
