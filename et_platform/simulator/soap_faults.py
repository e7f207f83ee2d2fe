"""SOAP faults as the service answers them: the exceptions that carry them and their bodies.

What belongs here: which faults there are, with faultcode, wording and HTTP status.
What does not: failures that are answered inside an ordinary reply (results with StatusCode Error).
Security and client faults have no detail, server faults carry an `apifault` with a code [D].
"""

from __future__ import annotations

from et_platform.simulator import markup

ACTION = "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault"
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_API_FAULT = "urn:fault.partner.exacttarget.com"


class Fault(Exception):
    """A request that is answered by a SOAP fault and HTTP 500."""

    def __init__(self, code: str, message: str, *, security: bool = False, detail: int | None = None):
        super().__init__(message)
        self.code, self.message, self.security, self.detail = code, message, security, detail

    def body(self, actor: str) -> str:
        """The `soap:Fault` element. `actor` is the service's own address."""
        if self.security:
            code = f'<faultcode xmlns:q0="{_SECURITY}">q0:{self.code}</faultcode>'
        else:
            code = f"<faultcode>soap:{self.code}</faultcode>"
        detail = ""
        if self.detail is not None:
            fault = f'<apifault xmlns="{_API_FAULT}"><Code>{self.detail}</Code>{markup.text("Message", self.message)}'
            detail = f"<detail>{fault}</apifault></detail>"
        return (
            f"<soap:Fault>{code}{markup.text('faultstring', self.message)}"
            f"{markup.text('faultactor', actor)}{detail}</soap:Fault>"
        )


def token_expired() -> Fault:
    """Exactly this text makes clients renew their token [D][R]."""
    return Fault("Security", "Token Expired", security=True)


def token_unreadable() -> Fault:
    """A token that this service never issued [D]."""
    return Fault(
        "Security",
        "SOAP Authorization failed for Oauth token. Reason: ParseError",
        security=True,
    )


def login_failed() -> Fault:
    """No usable credentials at all [D]."""
    return Fault("Security", "Login failed", security=True)


def no_api_access() -> Fault:
    """A user or account without the permission to use the web service: AuthorizationFailure, 11 [D].

    Client faults carry no detail [D], so the number shows in the words only.
    """
    return Fault("Client", "AuthorizationFailure: the user may not use the web service (11)")


def client(message: str) -> Fault:
    """A request that cannot be understood."""
    return Fault("Client", message)


def throttled() -> Fault:
    """Too many calls: HTTP 500 like every fault [D]; its words are not documented [K]."""
    return Fault("Server", "Too many requests. The request was throttled.", detail=2)


def in_maintenance() -> Fault:
    """The account is in maintenance: code 9 [D]."""
    return Fault("Server", "Account is in maintenance", detail=9)


def outage() -> Fault:
    """`Unplanned Outage` with code 2 [D]."""
    return Fault("Server", "Unplanned Outage", detail=2)


def internal() -> Fault:
    """The simulator itself failed; the reason is in its log."""
    return Fault("Server", "System exception", detail=2)
