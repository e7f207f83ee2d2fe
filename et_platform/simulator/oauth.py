"""The endpoints that give access tokens: `/v2/token`, and `/v1/requestToken` of the old packages.

What belongs here: reading their bodies, proving packages, scopes and business units, the JSON of their answers.
What does not: HTTP plumbing (`http.py`), the token itself (`tokens.py`).
"""

from __future__ import annotations

import hmac
import json
import secrets
from typing import Any
from urllib.parse import parse_qsl

from et_platform.simulator import tokens
from et_platform.simulator.account import Account, Package
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.rate import Rate
from et_platform.simulator.tokens import Grant

Answer = tuple[int, dict[str, object]]
"""HTTP status and JSON."""

# The scopes of a package that was granted everything, in the order of a recorded reply [R].
_ALL = (
    "offline documents_and_images_read documents_and_images_write saved_content_read saved_content_write "
    "automations_execute automations_read automations_write journeys_execute journeys_read journeys_write "
    "email_read email_send email_write push_read push_send push_write sms_read sms_send sms_write audiences_read "
    "audiences_write list_and_subscribers_read list_and_subscribers_write data_extensions_read "
    "data_extensions_write file_locations_read file_locations_write tracking_events_read tracking_events_write "
    "calendar_read calendar_write campaign_read campaign_write accounts_read accounts_write users_read "
    "users_write webhooks_read webhooks_write"
)
SCOPES = tuple(_ALL.split())

_DOCUMENTATION = "https://developer.salesforce.com/docs"
# The wordings of these three are recorded [R].
_NOT_PROVEN = (
    "Client authentication failed. Make sure that the client ID and client secret are valid and that the package is"
    " installed and enabled."
)
_BLOCKED = "Your requests are temporarily blocked."  # to somebody who asked for too many tokens [R]
_NEW_PACKAGE = (
    "This integration is not eligible to use the legacy /v1/requestToken endpoint because the integration uses"
    " enhanced OAuth 2.0 functionality. To obtain a token for this integration, use the applicable Marketing Cloud"
    " OAuth 2.0 endpoint for authentication. For a web or public app, use /v2/authorize and then /v2/token. For a"
    " server-to-server integration, use /v2/token."
)
_OLD_PACKAGE = (
    "This integration is not eligible to use the /v2/token endpoint because the integration was created in a legacy"
    " package. To obtain a token for this integration, use the /v1/requestToken endpoint."
)


def token_reply(
    account: Account, base_url: str, behaviour: Behaviour, content_type: str, body: bytes, rate: Rate
) -> Answer:
    """Answer POST /v2/token, JSON or form body [R]."""
    fields = _fields(content_type, body)
    if fields is None:
        return _refusal(400, "invalid_request", "The request body cannot be parsed.")
    if fields.get("grant_type") != "client_credentials":
        return _refusal(400, "unsupported_grant_type", "The grant type is not supported by this application.")
    package = _proven(account, fields.get("client_id"), fields.get("client_secret"))
    if package is None:
        return _refusal(401, "invalid_client", _NOT_PROVEN)
    if package.legacy:
        return _refusal(401, "invalid_client", _OLD_PACKAGE)
    if not rate.admits(package.client_id):
        return error(429, 50200, _BLOCKED, _DOCUMENTATION)
    allowed = package.business_units or tuple(unit.mid for unit in account.units)
    # Clients send account_id as a string or as a number [R]; without it the package's own unit is meant [D].
    given = fields.get("account_id")
    mid = allowed[0] if given is None or given == "" else str(given)
    if mid not in allowed:
        return _refusal(400, "invalid_request", "The application is not granted access to that account_id.")
    granted = package.scopes if package.scopes is not None else SCOPES
    scopes = granted
    if fields.get("scope") is not None:
        # An empty scope gives a token that may do nothing [D].
        asked = str(fields["scope"]).split()
        if not set(asked) <= set(granted):
            return _refusal(400, "invalid_scope", "The requested scope is invalid, unknown, or not granted.")
        scopes = tuple(asked)
    everything = package.scopes is None and fields.get("scope") is None
    grant = Grant(mid, None if everything else frozenset(scopes), package.client_id)
    return 200, {
        "access_token": tokens.issue(account, grant, behaviour.token_seconds),
        "token_type": "Bearer",
        "expires_in": behaviour.token_seconds,
        "scope": " ".join(scopes),
        "soap_instance_url": base_url,
        "rest_instance_url": base_url,
    }


def legacy_reply(
    account: Account, behaviour: Behaviour, legacy: bool, content_type: str, body: bytes, rate: Rate
) -> Answer:
    """Answer POST /v1/requestToken [D]; with `?legacy=1` also a token for the SOAP header `oAuth`."""
    fields = _fields(content_type, body)
    if fields is None:
        return error(400, 0, "Bad Request")
    package = _proven(account, fields.get("clientId"), fields.get("clientSecret"))
    if package is None:
        return error(401, 1, "Unauthorized")  # [R]
    if not package.legacy and behaviour.legacy_token_for_v2_package == "refuse":
        return error(400, 10007, _NEW_PACKAGE)  # [R]
    if not rate.admits(package.client_id):
        return error(429, 50200, _BLOCKED, _DOCUMENTATION)
    mid = package.business_units[0] if package.business_units else account.mid
    grant = Grant(mid, None if package.scopes is None else frozenset(package.scopes), package.client_id)
    answer: dict[str, object] = {"accessToken": tokens.issue(account, grant, behaviour.legacy_token_seconds)}
    if legacy:
        answer["legacyToken"] = tokens.issue(account, grant, behaviour.legacy_token_seconds)
    answer["expiresIn"] = behaviour.legacy_token_seconds
    if fields.get("accessType") == "offline" or fields.get("refreshToken"):
        answer["refreshToken"] = secrets.token_urlsafe(24)  # keys are asked for again with it, so nothing is kept of it
    return 200, answer


def error(status: int, code: int, message: str, documentation: str = "") -> Answer:
    """An error as REST answers it [R]."""
    return status, {"message": message, "errorcode": code, "documentation": documentation}


def _fields(content_type: str, body: bytes) -> dict[str, Any] | None:
    """The fields of a body; None when it cannot be read."""
    try:
        fields = json.loads(body) if "json" in content_type else dict(parse_qsl(body.decode(), keep_blank_values=True))
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _proven(account: Account, client_id: object, client_secret: object) -> Package | None:
    """The package whose id and secret these are. Every package is compared, so that time tells nothing."""
    found = None
    for package in account.packages:
        known = hmac.compare_digest(str(client_id or "").encode(), package.client_id.encode())
        proven = hmac.compare_digest(str(client_secret or "").encode(), package.client_secret.encode())
        if known and proven:
            found = package
    return found


def _refusal(status: int, name: str, description: str) -> Answer:
    return status, {"error": name, "error_description": description, "error_uri": _DOCUMENTATION}
