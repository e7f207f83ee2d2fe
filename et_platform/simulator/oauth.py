"""OAuth2 client credentials: issuing access tokens and checking them.

What belongs here: `/v2/token` and the token itself. What does not: HTTP plumbing (`http.py`).
A token is signed rather than stored: it carries MID and expiry, so it survives a restart and costs no write.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from urllib.parse import parse_qsl

from et_platform.simulator import faults
from et_platform.simulator.account import Account

_SCOPE = "data_extensions_read data_extensions_write file_locations_read file_locations_write tracking_events_read"


def issue(account: Account, mid: str, seconds: int) -> str:
    """A token for a business unit that is good for so many seconds."""
    claims = json.dumps({"mid": mid, "expires": time.time() + seconds}, separators=(",", ":"))
    body = base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=")
    return f"{body}.{_signature(account, body)}"


def check(account: Account, token: str | None) -> str:
    """The MID of the unit that the token is for.

    Raises the Fault that the service answers when the token is absent, foreign or expired.
    """
    if not token:
        raise faults.login_failed()
    body, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(account, body).encode()):
        raise faults.token_unreadable()
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError) as error:
        raise faults.token_unreadable() from error
    if claims["expires"] <= time.time():
        raise faults.token_expired()
    return str(claims["mid"])


def _signature(account: Account, body: str) -> str:
    return hmac.new(bytes.fromhex(account.token_key), body.encode(), hashlib.sha256).hexdigest()


def token_reply(
    account: Account, base_url: str, token_seconds: int, content_type: str, body: bytes
) -> tuple[int, dict[str, object]]:
    """Answer POST /v2/token, JSON or form body [R]: HTTP status and the JSON reply."""
    try:
        fields = json.loads(body) if "json" in content_type else dict(parse_qsl(body.decode()))
    except ValueError:
        return _refusal(400, "invalid_request", "The request body cannot be parsed.")
    if not isinstance(fields, dict):
        return _refusal(400, "invalid_request", "The request body must be an object.")
    if fields.get("grant_type") != "client_credentials":
        return _refusal(400, "unsupported_grant_type", "The grant type is not supported by this application.")
    known = hmac.compare_digest(str(fields.get("client_id", "")).encode(), account.client_id.encode())
    proven = hmac.compare_digest(str(fields.get("client_secret", "")).encode(), account.client_secret.encode())
    if not (known and proven):
        return _refusal(401, "invalid_client", "Client authentication failed.")
    # Clients send account_id as a string or as a number [R].
    mid = str(fields.get("account_id") or account.mid)
    if mid not in {unit.mid for unit in account.units}:
        return _refusal(400, "invalid_request", "The application is not granted access to that account_id.")
    return 200, {
        "access_token": issue(account, mid, token_seconds),
        "token_type": "Bearer",
        "expires_in": token_seconds,
        "scope": _SCOPE,
        "soap_instance_url": base_url,
        "rest_instance_url": base_url,
    }


def _refusal(status: int, error: str, description: str) -> tuple[int, dict[str, object]]:
    return status, {
        "error": error,
        "error_description": description,
        "error_uri": "https://developer.salesforce.com/docs",
    }
