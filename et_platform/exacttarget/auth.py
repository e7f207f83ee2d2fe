"""Logging in: one access token for everyone, renewed in time, asked for once; or a user's name and password.

Belongs here: when a token is asked for, who shares it. Does not: the request (`token_request.py`), how what is handed
out travels (`soap_login.py`). Credentials that were refused are not sent again by the same object, however often it is
asked: the service counts failures, and asks for no more than one token request in 20 minutes per client [D].
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import requests
from pydantic import SecretStr

from et_platform.exacttarget.connection import (
    Connection,
    LegacyPackageLogin,
    PackageLogin,
    Timeouts,
    UserLogin,
)
from et_platform.exacttarget.errors import AuthenticationFailed
from et_platform.exacttarget.token_cache import Kept, TokenCache, TokenMemory
from et_platform.exacttarget.token_request import ask_for_token

MARGIN_SECONDS = 60.0
"""A token is renewed so long before its end, or a tenth of its life before when that is less."""


@dataclass(frozen=True)
class Token:
    """An access token, where the services are, and until when (by the clock of `Tokens`) the token is used.

    Or no token, but a user, whose name and password go with every call.
    """

    value: SecretStr
    soap_url: str
    rest_url: str
    """Empty if the token reply named none."""
    use_until: float
    legacy_value: SecretStr | None = None
    """Of a legacy package: what SOAP takes instead."""
    user: UserLogin | None = None


class Logins(Protocol):
    """Hands out what a call proves itself with; threads may share it."""

    def admitted(self) -> AbstractContextManager[None]:
        """Around the calls that are made with what `current` hands out."""
        ...

    def current(self) -> Token:
        """What is good now. Raises AuthenticationFailed, Misconfigured, or a Retriable error."""
        ...

    def renew(self, stale: Token) -> Token:
        """Something other than `stale`, which the service called expired. Raises what `current` raises."""
        ...

    def forget(self, stale: Token) -> None:
        """Use `stale` no longer: it was refused."""
        ...

    def leave(self) -> None:
        """Share nothing any more with what else is open in this process."""
        ...


class Users:
    """A user's name and password, which no request has to be made for.

    Until the service has taken them once, calls go one at a time: a wrong password goes out once, not once for each
    thread, and never again, for accounts get locked.
    """

    def __init__(self, connection: Connection, user: UserLogin):
        self._token = Token(SecretStr(""), connection.soap_url or "", "", float("inf"), user=user)
        self._first = threading.Lock()
        self._is_proven = False
        self._is_refused = False

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """See Logins."""
        if self._is_proven:
            yield
            return
        with self._first:
            yield
            self._is_proven = True

    def current(self) -> Token:
        """See Logins; raises AuthenticationFailed once they were refused."""
        if self._is_refused:
            raise AuthenticationFailed(
                "The call was not made: the user's name and password were refused before, and are not sent again by "
                "this client, for accounts get locked. Correct them and open another."
            )
        return self._token

    def renew(self, stale: Token) -> Token:
        """See Logins."""
        self.forget(stale)
        return self.current()

    def forget(self, stale: Token) -> None:
        """See Logins."""
        self._is_refused = True

    def leave(self) -> None:
        """See Logins: nothing is shared."""


class Tokens:
    """Hands out the current token; threads may share it, and only one of them asks for a new one."""

    def __init__(
        self,
        connection: Connection,
        login: PackageLogin | LegacyPackageLogin,
        *,
        session: requests.Session,
        timeouts: Timeouts,
        cache: TokenCache | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ):
        """`clock` measures spans in this process, `wall_clock` is what processes share through the cache."""
        self._connection = connection
        self._login = login
        self._session = session
        self._timeouts = timeouts
        self._cache = cache
        self._clock = clock
        self._wall_clock = wall_clock
        self._stale: set[str] = set()
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._refusal: AuthenticationFailed | None = None

    def admitted(self) -> AbstractContextManager[None]:
        """See Logins."""
        return contextlib.nullcontext()

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
                    legacy = SecretStr(kept.legacy_token) if kept.legacy_token else None
                    until = self._clock() + left
                    return Token(SecretStr(kept.token), kept.soap_url, kept.rest_url, until, legacy_value=legacy)
            token = self._ask()
            until = self._wall_clock() + token.use_until - self._clock()
            legacy = token.legacy_value.get_secret_value() if token.legacy_value is not None else ""
            cache.write(Kept(token.value.get_secret_value(), token.soap_url, token.rest_url, until, legacy))
            return token

    def _ask(self) -> Token:
        if self._refusal is not None:
            raise AuthenticationFailed(f"{self._refusal} (Not sent again: these credentials were refused before.)")
        asked_at = self._clock()
        try:
            given = ask_for_token(self._connection, self._login, session=self._session, timeouts=self._timeouts)
        except AuthenticationFailed as error:
            self._refusal = error
            raise
        margin = min(MARGIN_SECONDS, given.seconds / 10)
        until = asked_at + given.seconds - margin
        return Token(given.value, given.soap_url, given.rest_url, until, legacy_value=given.legacy_value)
