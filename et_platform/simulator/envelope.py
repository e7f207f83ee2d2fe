"""SOAP envelopes: reading any that real clients send, writing the one that the service sends.

What belongs here: envelope, headers, namespaces, safe parsing, QNames. What does not: what messages mean.
Clients put Body before Header, use any prefix or none, leave Options out or empty, and write `xsi:type` with or
without a prefix; children are therefore found by local name.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import lxml.etree as etree

from et_platform.simulator import clock, markup, soap_faults

Element = Any
"""An lxml element; lxml brings no types."""

PARTNER_API = "http://exacttarget.com/wsdl/partnerAPI"
_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_ENVELOPES = (
    "http://schemas.xmlsoap.org/soap/envelope/",
    "http://www.w3.org/2003/05/soap-envelope",  # WCF samples send SOAP 1.2 [D]; answers are SOAP 1.1 [R]
)
_OPENING = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
    ' xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"'
    ' xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">'
)
_ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"


@dataclass(frozen=True)
class Request:
    """One SOAP request: its action (`Create`, `Retrieve` ...), credentials, message id and the message element."""

    action: str
    token: str | None
    message_id: str
    message: Element
    username: str | None = None
    password: str | None = None


def local(element: Element) -> str:
    """An element's name without namespace."""
    return etree.QName(element).localname


def children(parent: Element | None, name: str) -> Iterator[Element]:
    """The direct children of that local name, in order."""
    if parent is not None:
        yield from (child for child in parent if local(child) == name)


def child(parent: Element | None, name: str) -> Element | None:
    """The first direct child of that local name."""
    return next(children(parent, name), None)


def value(parent: Element | None, name: str) -> str | None:
    """The text of the first child of that name; an empty element gives '', an absent one None."""
    found = child(parent, name)
    return None if found is None else (found.text or "")


def type_of(element: Element) -> str | None:
    """The local name in `xsi:type`, prefixed or not; None without one."""
    declared = element.get(_XSI_TYPE)
    return declared.rpartition(":")[2].strip() if declared else None


def parse(content: bytes) -> Element:
    """Parse XML that a stranger sent: no entities, no DTD, no network. Raises a client Fault."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise soap_faults.client(f"The request is not well-formed XML: {error.msg}") from error
    if root.getroottree().docinfo.doctype:
        raise soap_faults.client("A document type declaration is not allowed in a SOAP request")
    return root


def read(content: bytes, soap_action: str | None) -> Request:
    """Read a request. `soap_action` is the HTTP header, quoted or bare. Raises a client Fault."""
    root = parse(content)
    if etree.QName(root).namespace not in _ENVELOPES or local(root) != "Envelope":
        raise soap_faults.client("The request is not a SOAP envelope")
    header, body = child(root, "Header"), child(root, "Body")
    if body is None or len(body) == 0:
        raise soap_faults.client("The SOAP body is empty")
    action = (soap_action or "").strip().strip('"').strip() or (value(header, "Action") or "").strip()
    if not action:
        raise soap_faults.client("Neither a SOAPAction header nor a wsa:Action was given")
    login = child(child(header, "Security"), "UsernameToken")
    return Request(
        action=action.rpartition("/")[2],
        token=_token(header),
        message_id=(value(header, "MessageID") or "").strip() or f"urn:uuid:{uuid.uuid4()}",
        message=body[0],
        username=value(login, "Username"),
        password=value(login, "Password"),
    )


def _token(header: Element | None) -> str | None:
    """`fueloauth`, or the older SDK's `oAuth/oAuthToken` whose child is in no namespace [R]."""
    token = value(header, "fueloauth")
    if token is None:
        token = value(child(header, "oAuth"), "oAuthToken")
    return token.strip() if token else None


def write(action: str, relates_to: str, body: str) -> bytes:
    """The reply's envelope with the headers, in the order, of recorded replies [R]."""
    created = clock.utc(clock.now())
    expires = created + timedelta(minutes=5)
    header = (
        f"<wsa:Action>{action}</wsa:Action><wsa:MessageID>urn:uuid:{uuid.uuid4()}</wsa:MessageID>"
        f"{markup.text('wsa:RelatesTo', relates_to)}<wsa:To>{_ANONYMOUS}</wsa:To><wsse:Security>"
        f'<wsu:Timestamp wsu:Id="Timestamp-{uuid.uuid4()}"><wsu:Created>{clock.zulu(created)}</wsu:Created>'
        f"<wsu:Expires>{clock.zulu(expires)}</wsu:Expires></wsu:Timestamp></wsse:Security>"
    )
    reply = f"{_OPENING}<soap:Header>{header}</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"
    return reply.encode()


def message(name: str, *content: str) -> str:
    """A reply's message element, unprefixed under the default namespace, as some clients expect [R]."""
    return f'<{name} xmlns="{PARTNER_API}">{"".join(content)}</{name}>'


def standalone(written: str) -> str:
    """A message that can be read outside of an envelope, which would declare the prefix of `xsi:type`."""
    return written.replace(" xmlns=", ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns=', 1)
