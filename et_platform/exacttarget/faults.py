"""Reading replies safely, and deciding which error a fault, a status or a result means.

Belongs here: bytes to message element, faults and codes to errors. Does not: sending (`soap.py`).
"""

import re
import threading
from dataclasses import dataclass

import lxml.etree as etree

from et_platform.exacttarget.errors import (
    AlreadyExists,
    AuthenticationFailed,
    ExactTargetError,
    InMaintenance,
    InvalidDefinition,
    MalformedReply,
    Misconfigured,
    NameTaken,
    NotFound,
    PermissionDenied,
    ServiceUnavailable,
    Throttled,
    UnsafeReply,
)
from et_platform.exacttarget.explained import CODES, code_in_words, fault_in_words
from et_platform.exacttarget.http import Reply

API = "http://exacttarget.com/wsdl/partnerAPI"
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
# Whatever may stand before the root element, and then a document type. Replies are read as UTF-8 whatever they
# declare, so no other encoding can hide one. The groups are atomic: a hostile reply cannot make matching slow.
_DOCUMENT_TYPE = re.compile(rb"\s*(?>(?:<\?.*?\?>|<!--.*?-->)\s*)*+<!DOCTYPE", re.DOTALL)

_CODES: dict[int, type[ExactTargetError]] = {  # [D], except where marked
    1: NameTaken,
    2: ServiceUnavailable,
    4: PermissionDenied,
    9: InMaintenance,
    11: PermissionDenied,
    12001: NotFound,
    12012: NotFound,  # of LogUnsubEvent; documented without its meaning [K]
    12014: AlreadyExists,
    13000: NotFound,  # lists
    43010: NotFound,
    43030: AlreadyExists,
    396002: AlreadyExists,  # folders
    396009: NotFound,
    310002: NotFound,
    310003: AlreadyExists,
    310004: NotFound,
}
PERMISSION_CODES = frozenset(code for code, kind in _CODES.items() if kind is PermissionDenied)
_ADVICE: dict[type[ExactTargetError], str] = {
    AlreadyExists: "Use another customer key, or update the object that is there.",
    NameTaken: "Names are unique in an account: use another name, or find the object that has it.",
    NotFound: "Check the customer key and the business unit (MID).",
    PermissionDenied: "Give the installed package the permission, in the business unit that is used.",
    InMaintenance: "Queue the work and ask the system status, at most once a minute, until it is OK.",
    ServiceUnavailable: "Try again later, and ask the system status.",
    Throttled: "Make fewer calls and try again later.",
    InvalidDefinition: "Correct the request: nothing was done for this object.",
}


@dataclass(frozen=True)
class Fault:
    """A SOAP fault. `code` is ExactTarget's own number: only server faults carry one [D]."""

    kind: str
    message: str
    code: int | None

    @property
    def is_token_expired(self) -> bool:
        """Whether a new token and one repeat are asked for: exactly this text [R]."""
        return self.message == "Token Expired"

    @property
    def is_security(self) -> bool:
        """Whether the request was refused at the door. Nothing was done."""
        return self.kind == "Security"


def read_message(content: bytes) -> etree._Element:
    """The one element in the reply's Body. Raises UnsafeReply and MalformedReply."""
    body = read_document(content).find(f"{{{_ENVELOPE}}}Body")
    if body is None or len(body) == 0:
        raise MalformedReply("The reply is XML, but not a SOAP envelope with a message. Check the SOAP address.")
    return body[0]


def read_document(content: bytes) -> etree._Element:
    """The root of a document that comes from the service. Raises UnsafeReply and MalformedReply."""
    if _DOCUMENT_TYPE.match(content.removeprefix(b"\xef\xbb\xbf")):
        raise UnsafeReply(
            "The reply declares a document type, which the SOAP protocol forbids and an attacker needs; it was not "
            "read. Check the service's address, and what stands between here and there."
        )
    try:
        return etree.fromstring(content, _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MalformedReply(
            f"The reply ({len(content)} bytes) is not well-formed XML: it was cut short, or it is not the service that "
            "answered. Try again later; if it lasts, check the SOAP address."
        ) from error


_threads = threading.local()


def _parser() -> etree.XMLParser:
    """This thread's parser: a new one for each reply would learn all names again, a shared one would queue."""
    if not hasattr(_threads, "parser"):
        # A page of long texts is larger than the parser's default limits allow; without a document type that is safe.
        _threads.parser = etree.XMLParser(
            encoding="utf-8", huge_tree=True, resolve_entities=False, remove_comments=True, remove_pis=True
        )
    return _threads.parser


def read_response(response: Reply, what: str) -> etree._Element:
    """The message of an HTTP answer: 200 or 500 with an envelope. Raises what any other answer means."""
    status = response.status_code
    if status == 200:
        return read_message(response.content)
    if status >= 500:
        try:
            return read_message(response.content)
        except MalformedReply as error:
            raise ServiceUnavailable(
                f"{what} was answered by HTTP {status} and no SOAP message; throttling looks like this too. "
                "Make fewer calls and try again later."
            ) from error
    if status == 429:
        raise Throttled(f"{what} was answered by HTTP 429. Make fewer calls and try again later.")
    if status in (401, 403):
        raise PermissionDenied(
            f"{what} was answered by HTTP {status}: something before the service, a proxy or an address rule, "
            "refused it. Check what stands in between, and the account's list of allowed addresses."
        )
    raise Misconfigured(
        f"{what} was answered by HTTP {status}: {response.url} is not the SOAP service. Check the auth address; the "
        "SOAP address follows from it."
    )


def read_fault(message: etree._Element) -> Fault | None:
    """The fault, if the message is one."""
    if message.tag != f"{{{_ENVELOPE}}}Fault":
        return None
    code = message.findtext(".//{*}apifault/{*}Code") or message.findtext(".//{*}Fault/{*}Code") or ""
    return Fault(
        kind=(message.findtext("{*}faultcode") or "").strip().rpartition(":")[2],
        message=(message.findtext("{*}faultstring") or "").strip(),
        code=int(code) if code.strip().isdigit() else None,
    )


def fault_error(fault: Fault, what: str) -> ExactTargetError:
    """The error that a fault means. `what` names operation and object, as the subject of the sentence."""
    if fault.is_security:
        return AuthenticationFailed(
            f"{what} was refused at the door: {fault.message}. Nothing was done. Check the credentials and the "
            "MID; a later call asks for a new token, where there is one.",
            code=fault.code,
        )
    text = fault.message.lower()
    if "throttl" in text or "too many" in text:  # the wording is not documented; the HTTP status is 500 [D]
        kind: type[ExactTargetError] = Throttled
    elif "authorizationfailure" in text:
        kind = PermissionDenied
    elif fault.code in _CODES:
        kind = _CODES[fault.code]
    else:
        kind = InvalidDefinition if fault.kind == "Client" else ServiceUnavailable
    code = "" if fault.code is None else f", code {fault.code}"
    advice = _advice(fault_in_words(fault.code, fault.message), fault.code, kind)
    return kind(f"{what} failed: {fault.message or 'no reason given'}{code}. {advice}", code=fault.code)


def result_error(what: str, *, message: str, code: int | None, request_id: str | None) -> ExactTargetError:
    """The error that the result of one object means, from its ErrorCode and StatusMessage."""
    kind = _CODES.get(code, InvalidDefinition) if code is not None else InvalidDefinition
    number = "" if code is None else f" (code {code})"
    return kind(
        f"{what} was refused{number}: {message.strip().rstrip('.')[:600]}. {_advice(code_in_words(code), code, kind)} "
        f"RequestID {request_id}.",
        code=code,
        request_id=request_id,
    )


def _advice(words: str, code: int | None, kind: type[ExactTargetError]) -> str:
    """What the code means with its remedy; the class's own advice where nobody knows one."""
    return words if code in CODES else " ".join(filter(None, (words, _ADVICE[kind])))


def retrieve_error(what: str, *, status: str, request_id: str | None, hide: bool) -> ExactTargetError:
    """The error that the OverallStatus of a Retrieve means: failures come as its text, with HTTP 200 [R].

    `hide` masks what stands in quotes, for it may be a row's value.
    """
    text = status.lower()
    if "permission" in text:
        kind: type[ExactTargetError] = PermissionDenied
    elif "not found" in text or "does not exist" in text:
        kind = NotFound
    elif re.search(r"time[d-]? ?out|deadlock|system exception|unavailable|outage|try again", text):  # [K]
        kind = ServiceUnavailable
    else:
        kind = InvalidDefinition
    shown = re.sub(r"""(['"]).*?\1""", r"\1…\1", status) if hide else status
    return kind(
        f"{what} failed: {shown.strip().rstrip('.')[:600]}. {_ADVICE[kind]} RequestID {request_id}.",
        request_id=request_id,
    )
