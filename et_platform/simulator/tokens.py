"""Access tokens: issuing and reading them.

What belongs here: the token itself and what it grants. What does not: the endpoints that give tokens (`oauth.py`),
and which requests need one (`login.py`, `rest/`).
A token is signed rather than stored: it carries unit, scopes and expiry, so it survives a restart and costs no write.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from dataclasses import dataclass

from et_platform.simulator.account import Account


class Unreadable(Exception):
    """A token that this service never issued."""


class Expired(Exception):
    """A token whose time is over."""


@dataclass(frozen=True)
class Grant:
    """Who calls: for which unit (its MID), with which scopes (None: all). `client` is the package or user."""

    mid: str
    scopes: frozenset[str] | None = None
    client: str = ""

    def allows(self, scope: str) -> bool:
        """Whether it comes with a scope."""
        return self.scopes is None or scope in self.scopes


def issue(account: Account, grant: Grant, seconds: float) -> str:
    """A token that is good for so many seconds."""
    scopes = None if grant.scopes is None else sorted(grant.scopes)
    claims = {"mid": grant.mid, "scopes": scopes, "client": grant.client, "expires": time.time() + seconds}
    body = base64.urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode()).decode().rstrip("=")
    return f"{body}.{_signature(account, body)}"


def read(account: Account, token: str) -> Grant:
    """What a token grants. Raises Unreadable, Expired."""
    body, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(account, body).encode()):
        raise Unreadable
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError) as error:
        raise Unreadable from error
    if claims["expires"] <= time.time():
        raise Expired
    scopes = claims.get("scopes")
    return Grant(str(claims["mid"]), None if scopes is None else frozenset(scopes), claims.get("client", ""))


def _signature(account: Account, body: str) -> str:
    return hmac.new(bytes.fromhex(account.token_key), body.encode(), hashlib.sha256).hexdigest()
