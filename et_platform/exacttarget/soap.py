"""SOAP: one call, its repeats, and reading many pages.

Belongs here: building messages from our WSDL (zeep), the token header, sending, repeats, paging. Does not: what
objects mean (`data_extensions.py`, `rows.py`, `imports.py`), which error a reply means (`faults.py`).

zeep builds every request and reads every reply but those with rows, which are read by lxml: that is more than ten
times as fast. The service is newer than the published WSDL and answers with elements and types that it lacks
[R], so replies are read leniently: unknown elements are skipped and unknown `xsi:type`s ignored.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import cache, cached_property
from typing import Any

import lxml.etree as etree
import requests
import zeep
import zeep.exceptions
from zeep.transports import Transport

from et_platform.exacttarget import paging
from et_platform.exacttarget.auth import Logins, Token
from et_platform.exacttarget.connection import Retries, Timeouts
from et_platform.exacttarget.errors import (
    AuthenticationFailed,
    ExactTargetError,
    InDoubt,
    InMaintenance,
    InvalidDefinition,
    MalformedReply,
    Misconfigured,
    ServiceUnavailable,
    Unreachable,
    UnsafeReply,
)
from et_platform.exacttarget.faults import (
    API,
    Fault,
    fault_error,
    read_fault,
    read_response,
    result_error,
)
from et_platform.exacttarget.http import open_session, post
from et_platform.exacttarget.limits import Limits, LocalLimits
from et_platform.exacttarget.soap_login import login_elements
from et_platform.wsdl import wsdl_path

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_PASSING = paging.PASSING

MOST_RESULTS = 2500
"""Results in one page of a Retrieve; a smaller BatchSize is respected, a larger one is not [D]."""


class Repeat(Enum):
    """When a call may be made again by itself."""

    SAFE = "after any passing failure: a second effect would be the first one's"
    UNSENT = "only if it cannot have arrived"
    NEVER = "not at all; a lost answer leaves the effect in doubt"


class _NoNetwork(Transport):
    """The WSDL lies on disk; nothing else is ever loaded."""

    def _load_remote_data(self, url: str) -> bytes:
        raise Misconfigured(f"The WSDL refers to {url}; it must be complete on disk.")


_LOADING = threading.Lock()


@cache
def _service() -> zeep.Client:
    """The service's description, loaded once for all clients of a process; it holds no address and no session."""
    settings = zeep.Settings(strict=False, xsd_ignore_sequence_order=True)  # pyright: ignore[reportCallIssue]
    return zeep.Client(str(wsdl_path()), transport=_NoNetwork(), settings=settings)


class Soap:
    """Calls the SOAP service; threads may share it. Loads and opens nothing until the first call."""

    def __init__(
        self,
        *,
        tokens: Logins,
        session: requests.Session,
        timeouts: Timeouts,
        retries: Retries,
        limits: Limits | None = None,
        wait_out: Callable[[ExactTargetError], None],
    ):
        """`wait_out` returns once a maintenance or an outage is over, and raises what it is given if there is none."""
        self._tokens = tokens
        self._session = session
        self._timeouts = timeouts
        self._retries = retries
        self._limits = limits or LocalLimits()
        self._wait_out = wait_out

    @cached_property
    def _known_types(self) -> frozenset[str]:
        return frozenset(kind.qname.localname for kind in self._service.wsdl.types.types if kind.qname)

    @property
    def _service(self) -> zeep.Client:
        with _LOADING:  # the cache alone would let several threads load it
            return _service()

    @property
    def types(self) -> Any:
        """The factory of the WSDL's types: `types.DataExtension(CustomerKey=…)`."""
        return self._service.type_factory(API)

    def call(
        self,
        operation: str,
        *,
        what: str,
        repeat: Repeat,
        timeout: float | None = None,
        is_patient: bool = True,
        **message: Any,
    ) -> etree._Element:
        """Make a call; returns the reply's message element, which is no fault.

        A call that may be made again waits while ExactTarget is in maintenance or has an outage, unless `is_patient`
        says otherwise. `what` names the call in errors ("Creating data extension x"). Raises the errors of `faults`,
        Unreachable, Misconfigured, InvalidDefinition for content that XML cannot carry, and, with Repeat.NEVER, InDoubt
        whenever the request may have taken effect. Where the service gave no RequestID, an error's `request_id` is the
        MessageID that this side gave the request.
        """
        message_id = f"urn:uuid:{uuid.uuid4()}"
        envelope = self._envelope(operation, what, message, message_id)
        while True:
            try:
                return self._repeatedly(operation, envelope, what, timeout or self._timeouts.sync, repeat)
            except ExactTargetError as error:
                error.request_id = error.request_id or message_id
                was_refused = isinstance(error, InMaintenance) and repeat is not Repeat.NEVER
                failed = isinstance(error, ServiceUnavailable) and repeat is Repeat.SAFE
                if not (is_patient and (was_refused or failed)):
                    raise
                self._wait_out(error)

    def _repeatedly(
        self, operation: str, envelope: etree._Element, what: str, seconds: float, repeat: Repeat
    ) -> etree._Element:
        for attempt in range(1, self._retries.attempts + 1):
            try:
                return self._with_renewal(operation, envelope, what, seconds, repeat)
            except _PASSING as error:
                may_repeat = repeat is Repeat.SAFE or (
                    repeat is Repeat.UNSENT and isinstance(error, Unreachable) and not error.sent
                )
                if not may_repeat or attempt == self._retries.attempts:
                    raise
            time.sleep(self._retries.first_wait * 2 ** (attempt - 1))
        raise AssertionError("the last attempt returns or raises")

    def parse(self, operation: str, message: etree._Element) -> Any:
        """The reply's message as zeep's object, read leniently."""
        for element in message.iter():
            kind = element.get(_TYPE)
            if kind is not None and kind.rpartition(":")[2] not in self._known_types:
                del element.attrib[_TYPE]
        envelope = etree.Element(f"{{{_ENVELOPE}}}Envelope")
        etree.SubElement(envelope, f"{{{_ENVELOPE}}}Body").append(message)
        binding: Any = self._service.service._binding
        try:
            return binding.get(operation).process_reply(envelope)
        except (zeep.exceptions.Error, ValueError, TypeError) as error:
            raise MalformedReply(
                f"The reply to {operation} has not the shape that the service's description gives it "
                f"({type(error).__name__}). If it lasts, compare it with et_platform/wsdl/etframework.wsdl."
            ) from error

    def pages(
        self,
        object_type: str,
        properties: Sequence[str],
        *,
        what: str,
        where: Any = None,
        batch_size: int = MOST_RESULTS,
        hide_values: bool = False,
        all_units: bool = False,
    ) -> Iterator[etree._Element]:
        """Retrieve page by page; each is a RetrieveResponseMsg. See `paging.pages` for what a break raises.

        The first page is asked for again after a passing failure, a later one only if it cannot have arrived.
        `all_units` asks the whole enterprise, which only its own business unit may do [K].
        """
        request: dict[str, Any] = {"ObjectType": object_type, "Properties": list(properties)}
        if batch_size < MOST_RESULTS:
            request["Options"] = {"BatchSize": batch_size}
        if all_units:
            request["QueryAllAccounts"] = True
        beginning = request if where is None else {**request, "Filter": where}
        return paging.pages(
            first=lambda: self._retrieve(beginning, what, Repeat.SAFE),
            after=lambda last: self._retrieve({**request, "ContinueRequest": last}, what, Repeat.UNSENT, False),
            what=what,
            hide_values=hide_values,
        )

    def _retrieve(self, request: dict[str, Any], what: str, repeat: Repeat, is_patient: bool = True) -> etree._Element:
        seconds = self._timeouts.retrieve
        return self.call(
            "Retrieve", what=what, repeat=repeat, timeout=seconds, is_patient=is_patient, RetrieveRequest=request
        )

    def objects(
        self, object_type: str, properties: Sequence[str], *, what: str, where: Any = None, all_units: bool = False
    ) -> list[Any]:
        """Everything that a Retrieve finds, as zeep's objects; for small results."""
        pages = self.pages(object_type, properties, what=what, where=where, all_units=all_units)
        return [one for page in pages for one in self.parse("Retrieve", page).Results]

    def equals(self, name: str, value: str | int) -> Any:
        """The filter `name equals value`."""
        return self.types.SimpleFilterPart(Property=name, SimpleOperator="equals", Value=[str(value)])

    def write(self, operation: str, one: Any, *, what: str, repeat: Repeat = Repeat.SAFE) -> Any:
        """Create, Update or Delete one object; returns its result, which is OK.

        Raises what `call` raises, and the error that the result's code means.
        """
        message = self.call(operation, what=what, repeat=repeat, Options={}, Objects=[one])
        reply = self.parse(operation, message)
        if not reply.Results:
            raise MalformedReply(f"{what}: the reply ({reply.OverallStatus}) has no result. Look whether it was done.")
        result = reply.Results[0]
        if result.StatusCode != "OK":
            raise result_error(
                what, message=result.StatusMessage or "", code=result.ErrorCode, request_id=reply.RequestID
            )
        return result

    def _envelope(self, operation: str, what: str, message: dict[str, Any], message_id: str) -> etree._Element:
        client = self._service
        try:
            envelope = client.create_message(client.service, operation, **message)
        except (ValueError, zeep.exceptions.Error) as error:
            # zeep quotes no value; lxml's complaint about characters names none either.
            raise InvalidDefinition(
                f"{what} cannot be written as a message: {error}. Nothing was sent. Remove control characters, and "
                "check the values' types."
            ) from error
        header = etree.Element(f"{{{_ENVELOPE}}}Header")
        etree.SubElement(header, f"{{{_ADDRESSING}}}MessageID").text = message_id
        envelope.insert(0, header)
        return envelope

    def _with_renewal(
        self, operation: str, envelope: etree._Element, what: str, timeout: float, repeat: Repeat
    ) -> etree._Element:
        """One call; once more with a new token if the service says that the token expired: it did nothing then."""
        with self._tokens.admitted():
            token = self._tokens.current()
            message, fault = self._send(operation, envelope, token, what, timeout, repeat)
            if fault is not None and fault.is_token_expired:
                token = self._tokens.renew(token)
                message, fault = self._send(operation, envelope, token, what, timeout, repeat)
            if fault is None:
                return message
            error = fault_error(fault, what)
            if isinstance(error, AuthenticationFailed):
                self._tokens.forget(token)
                raise error
        if repeat is Repeat.NEVER and isinstance(error, _PASSING):
            raise _doubt(what, error) from error
        raise error

    def _send(
        self, operation: str, envelope: etree._Element, token: Token, what: str, timeout: float, repeat: Repeat
    ) -> tuple[etree._Element, Fault | None]:
        header = envelope[0]
        header[:] = [*login_elements(token), header[-1]]  # the MessageID stays
        content = etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
        base = token.soap_url.rstrip("/")
        url = base if base.lower().endswith(".asmx") else f"{base}/Service.asmx"
        # A kept connection that the service has just closed looks like a lost answer; where that would leave the
        # effect in doubt, a new connection is worth its price.
        session = open_session() if repeat is Repeat.NEVER else self._session
        try:
            with self._limits.call():
                response = post(
                    session,
                    url,
                    timeout=(self._timeouts.connect, timeout),
                    what=what,
                    data=content,
                    headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{operation}"'},
                )
            message = read_response(response, what)
        except (*_PASSING, UnsafeReply) as error:
            if repeat is Repeat.NEVER and not (isinstance(error, Unreachable) and not error.sent):
                raise _doubt(what, error) from error
            raise
        finally:
            if session is not self._session:
                session.close()
        return message, read_fault(message)


def _doubt(what: str, error: ExactTargetError) -> InDoubt:
    return InDoubt(
        f"{what} is in doubt: {error} It may have taken effect. Do not repeat it before you have looked.",
        code=error.code,
        request_id=error.request_id,
    )
