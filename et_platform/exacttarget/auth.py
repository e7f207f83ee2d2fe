"""OAuth: one access token for everyone, renewed in time, asked for once.

Belongs here: the token request, its cache, what a refusal means. Does not: how a token travels (`soap.py`).
Credentials that were refused are not sent again by the same object, however often it is asked: the service
counts failures, and asks for no more than one token request in 20 minutes per client [D].
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests
from pydantic import SecretStr

from et_platform.exacttarget.connection import Connection, Timeouts
from et_platform.exacttarget.errors import (
    AuthenticationFailed,
    ExactTargetError,
    MalformedReply,
    Misconfigured,
    ServiceUnavailable,
    Throttled,
)
from et_platform.exacttarget.http import Reply, post
from et_platform.exacttarget.token_cache import Kept, TokenCache, TokenMemory

MARGIN_SECONDS = 60.0
"""A token is renewed so long before its end, or a tenth of its life before when that is less."""


@dataclass(frozen=True)
class Token:
    """An access token, where the services are, and until when (by the clock of `Tokens`) the token is used."""

    value: SecretStr
    soap_url: str
    rest_url: str
    """Empty if the token reply named none."""
    use_until: float


class Tokens:
    """Hands out the current token; threads may share it, and only one of them asks for a new one."""

    def __init__(
        self,
        connection: Connection,
        *,
        session: requests.Session,
        timeouts: Timeouts,
        cache: TokenCache | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ):
        """`clock` measures spans in this process, `wall_clock` is what processes share through the cache."""
        self._connection = connection
        self._session = session
        self._timeouts = timeouts
        self._cache = cache
        self._clock = clock
        self._wall_clock = wall_clock
        self._stale: set[str] = set()
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._refusal: AuthenticationFailed | None = None

    def current(self) -> Token:
        """A token that is still good; asks for one if need be.

        Raises AuthenticationFailed, Misconfigured, or a Retriable error; nothing but the token request was sent.
        """
        with self._lock:
            if self._token is None or self._clock() >= self._token.use_until:
                self._token = self._ask() if self._cache is None else self._shared(self._cache)
            return self._token

    def renew(self, stale: Token) -> Token:
        """A token other than `stale`, which the service called expired; another thread may have fetched it."""
        self.forget(stale)
        return self.current()

    def forget(self, stale: Token) -> None:
        """Use `stale` no longer."""
        with self._lock:
            self._stale.add(stale.value.get_secret_value())  # so that the cache cannot bring it back
            if self._token is stale:
                self._token = None

    def leave(self) -> None:
        """Share the token no longer with what is open in this process; the one at hand stays good."""
        with self._lock:
            if isinstance(self._cache, TokenMemory):
                self._cache.leave()
                self._cache = None

    def _shared(self, cache: TokenCache) -> Token:
        with cache.locked():
            kept = cache.read()
            if kept is not None:
                left = kept.until - self._wall_clock()
                if left > 0 and kept.token not in self._stale:
                    return Token(SecretStr(kept.token), kept.soap_url, kept.rest_url, self._clock() + left)
            token = self._ask()
            until = self._wall_clock() + token.use_until - self._clock()
            cache.write(Kept(token.value.get_secret_value(), token.soap_url, token.rest_url, until))
            return token

    def _ask(self) -> Token:
        if self._refusal is not None:
            raise AuthenticationFailed(f"{self._refusal} (Not sent again: these credentials were refused before.)")
        url = f"{self._connection.auth_url.rstrip('/')}/v2/token"
        asked_at = self._clock()
        response = post(
            self._session,
            url,
            timeout=(self._timeouts.connect, self._timeouts.token),
            what="The token request",
            json={
                "grant_type": "client_credentials",
                "client_id": self._connection.client_id,
                "client_secret": self._connection.client_secret.get_secret_value(),
                "account_id": self._connection.mid,
            },
        )
        if response.status_code != 200:
            raise self._refused(response, url)
        try:
            reply = response.json()
            value, life = str(reply["access_token"]), float(reply["expires_in"])
            soap_url = self._connection.soap_url or str(reply["soap_instance_url"])
            rest_url = str(reply.get("rest_instance_url") or "")
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedReply(
                f"The token service at {url} answered HTTP 200, but not with JSON that has access_token, expires_in "
                "and soap_instance_url. Check that the address is the tenant's auth address; if it is, try again later."
            ) from error
        if url.startswith("https:") and not soap_url.startswith("https:"):
            raise Misconfigured(
                f"The token service at {url} names a SOAP address without HTTPS. The token was not sent there. "
                "Check the auth address, or set the SOAP address."
            )
        if url.startswith("https:") and not rest_url.startswith("https:"):
            rest_url = ""  # who asks for REST is told
        margin = min(MARGIN_SECONDS, life / 10)
        return Token(SecretStr(value), soap_url, rest_url, asked_at + life - margin)

    def _refused(self, response: Reply, url: str) -> ExactTargetError:
        status = response.status_code
        said = self._reason(response)
        if status == 429:
            return Throttled(
                f"The token service at {url} answered HTTP 429: too many token requests. Wait, then go on."
            )
        if status >= 500:
            return ServiceUnavailable(f"The token service at {url} answered HTTP {status}{said}. Try again later.")
        if status in (400, 401, 403):
            self._refusal = AuthenticationFailed(
                f"The token service at {url} refused the credentials of MID {self._connection.mid} with HTTP "
                f"{status}{said}. Check client id, client secret and MID, and that the installed package is "
                "server-to-server and has this business unit."
            )
            return self._refusal
        return Misconfigured(
            f"The token service at {url} answered HTTP {status}. Check the auth address: it is the tenant's own, "
            "https://<subdomain>.auth.marketingcloudapis.com/."
        )

    def _reason(self, response: Reply) -> str:
        """The service's own words for a refusal, as `: words`; a server that echoes the secret is not quoted."""
        try:
            reply = response.json()
        except ValueError:
            return ""
        if not isinstance(reply, dict) or "error" not in reply:
            return ""
        words = ": ".join(str(reply[name]) for name in ("error", "error_description") if reply.get(name))[:300]
        return "" if self._connection.client_secret.get_secret_value() in words else f": {words.rstrip('.')}"
