"""Asking for an access token: `/v2/token` for the keys of a package, `/v1/requestToken` for those of a legacy one.

Belongs here: the requests, their answers, what a refusal means. Does not: when to ask, and not to ask again
(`auth.py`), how a token travels (`soap_login.py`). No error quotes a secret, not even if the service echoes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from pydantic import SecretStr

from et_platform.exacttarget.connection import Connection, LegacyPackageLogin, PackageLogin, Timeouts
from et_platform.exacttarget.errors import (
    AuthenticationFailed,
    ExactTargetError,
    MalformedReply,
    Misconfigured,
    ServiceUnavailable,
    Throttled,
)
from et_platform.exacttarget.http import Reply, post


@dataclass(frozen=True)
class Granted:
    """A token that was given, how many seconds it lives, and where it is good; `rest_url` may be empty."""

    value: SecretStr
    seconds: float
    soap_url: str
    rest_url: str
    legacy_value: SecretStr | None = None
    """Of a legacy package: what SOAP's header `oAuth` carries."""


def ask_for_token(
    connection: Connection, login: PackageLogin | LegacyPackageLogin, *, session: requests.Session, timeouts: Timeouts
) -> Granted:
    """One request, never repeated. Raises AuthenticationFailed for refused credentials, and the errors of `post`,
    Throttled, ServiceUnavailable, MalformedReply, Misconfigured."""
    is_legacy = isinstance(login, LegacyPackageLogin)
    secret = login.client_secret.get_secret_value()
    url = f"{connection.service}/{'v1/requestToken' if is_legacy else 'v2/token'}"
    content: dict[str, object] = {"clientId": login.client_id, "clientSecret": secret}
    if not is_legacy:
        content = {
            "grant_type": "client_credentials",
            "client_id": login.client_id,
            "client_secret": secret,
            "account_id": connection.mid,
        }
    response = post(
        session,
        url,
        timeout=(timeouts.connect, timeouts.token),
        what="The token request",
        params={"legacy": "1"} if is_legacy else None,
        json=content,
    )
    if response.status_code != 200:
        raise _refused(response, url, connection.mid, secret)
    names = ("accessToken", "expiresIn", "legacyToken") if is_legacy else ("access_token", "expires_in")
    try:
        reply = response.json()
        value, seconds = str(reply[names[0]]), float(reply[names[1]])
        legacy_value = SecretStr(str(reply["legacyToken"])) if is_legacy else None
        soap_url = connection.soap_url or str(reply["soap_instance_url"])
        rest_url = connection.rest_url or str(reply.get("rest_instance_url") or "")
    except (ValueError, KeyError, TypeError) as error:
        wanted = ", ".join(names if is_legacy else (*names, "soap_instance_url"))
        raise MalformedReply(
            f"The token service at {url} answered HTTP 200, but not with JSON that has {wanted}. Check that the "
            "address is the tenant's auth address; if it is, try again later."
        ) from error
    if url.startswith("https:") and not soap_url.startswith("https:"):
        raise Misconfigured(
            f"The token service at {url} goes with a SOAP address without HTTPS. The token was not sent there. "
            "Check the auth address, or set the SOAP address."
        )
    if url.startswith("https:") and not rest_url.startswith("https:"):
        rest_url = ""  # who asks for REST is told
    return Granted(SecretStr(value), seconds, soap_url, rest_url, legacy_value)


def _refused(response: Reply, url: str, mid: int, secret: str) -> ExactTargetError:
    status = response.status_code
    said = _reason(response, secret)
    if status == 429:
        return Throttled(f"The token service at {url} answered HTTP 429: too many token requests. Wait, then go on.")
    if status >= 500:
        return ServiceUnavailable(f"The token service at {url} answered HTTP {status}{said}. Try again later.")
    if status in (400, 401, 403):
        return AuthenticationFailed(
            f"The token service at {url} refused the credentials of MID {mid} with HTTP {status}{said}. Check client "
            "id, client secret and MID, and that the installed package is server-to-server and has this business unit."
        )
    return Misconfigured(
        f"The token service at {url} answered HTTP {status}. Check the auth address: it is the tenant's own, "
        "https://<subdomain>.auth.marketingcloudapis.com/."
    )


def _reason(response: Reply, secret: str) -> str:
    """The service's own words for a refusal, as `: words`; a server that echoes the secret is not quoted."""
    try:
        reply: Mapping[str, Any] | Any = response.json()
    except ValueError:
        return ""
    if not isinstance(reply, dict):
        return ""
    words = ": ".join(str(reply[name]) for name in ("error", "error_description", "message") if reply.get(name))[:300]
    return f": {words.rstrip('.')}" if words and secret not in words else ""
