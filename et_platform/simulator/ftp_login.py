"""Who may use the Enhanced FTP sites: users, passwords and keys, locks, and the limit on connections.

What belongs here: the login of one connection, and what is counted over all. What does not: files (`ftp_files.py`),
listening (`ftp.py`).
Too many bad passwords lock a user out for a while [D]; how many they are is not said [K]. The lock runs on the
simulator's clock, so setting that forward opens it.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncssh
from asyncssh.constants import DISC_TOO_MANY_CONNECTIONS

from et_platform.simulator import clock
from et_platform.simulator.account import BusinessUnit, FtpUser
from et_platform.simulator.behaviour import Behaviour

PASSWORD, KEY = "password", "key"


@dataclass
class _User:
    """A user as logins see it. `needed` are the factors, all of which must be proven."""

    unit: BusinessUnit
    password: str
    keys: tuple[asyncssh.SSHKey, ...]
    needed: frozenset[str]
    bad_passwords: int = 0
    locked_until: datetime | None = None

    @property
    def locked(self) -> bool:
        """Whether nobody gets in as this user for now."""
        return self.locked_until is not None and clock.now() < self.locked_until


def _user(unit: BusinessUnit, user: FtpUser) -> _User:
    needed = {"password": {PASSWORD}, "key": {KEY}, "both": {PASSWORD, KEY}}[user.login]
    keys = tuple(asyncssh.import_public_key(line) for line in user.authorized_keys)
    return _User(unit, user.password, keys, frozenset(needed))


@dataclass
class Door:
    """What is known over all connections: users, and who is in."""

    units: Iterable[BusinessUnit]
    behaviour: Behaviour
    open: set[asyncssh.SSHServerConnection] = field(default_factory=set)
    logged_in: dict[object, BusinessUnit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._users = {user.user: _user(unit, user) for unit in self.units for user in unit.ftp_users}

    def user(self, name: str) -> _User | None:
        """The user of that name."""
        return self._users.get(name)

    def full(self, unit: BusinessUnit) -> bool:
        """Whether a unit has as many connections as it may."""
        return sum(one is unit for one in self.logged_in.values()) >= self.behaviour.sftp_connections


class Login(asyncssh.SSHServer):
    """The login of one connection."""

    def __init__(self, door: Door):
        self._door = door
        self._own: asyncssh.SSHServerConnection | None = None
        self._user: _User | None = None
        self._proven: set[str] = set()
        self._tried = ""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep the connection in mind, and change how asyncssh answers to logins, for which it has no hooks.

        It lets a user in after one good method; where two are needed, the first is a partial success (RFC 4252, 5.1).
        And paramiko asks for the service again before each further method, which OpenSSH's server accepts.
        """
        self._own = conn
        self._door.open.add(conn)
        enter: Callable[[], Awaitable[None]] = conn.send_userauth_success
        refuse: Callable[[bool], None] = conn.send_userauth_failure

        async def proven() -> None:
            self._proven.add(self._tried)
            if self._user is not None and self._user.needed <= self._proven:
                self._enter(conn, self._user)
                await enter()
            else:
                conn.send_userauth_failure(True)

        def refused(partial: bool) -> None:
            conn._next_service = b"ssh-userauth"
            refuse(partial)

        conn.send_userauth_success = proven  # type: ignore[method-assign]
        conn.send_userauth_failure = refused  # type: ignore[method-assign]

    def _enter(self, conn: asyncssh.SSHServerConnection, user: _User) -> None:
        if self._door.full(user.unit):
            raise asyncssh.DisconnectError(DISC_TOO_MANY_CONNECTIONS, "Too many connections for this account")
        user.bad_passwords, user.locked_until = 0, None
        self._door.logged_in[conn] = user.unit

    def begin_auth(self, username: str) -> bool:
        """Somebody wants to log in, from the beginning. What was proven for another name does not count."""
        self._user, self._proven = self._door.user(username), set()
        return True

    def auth_completed(self) -> None:
        """Somebody is in: from now on a connection that sends nothing for a while is closed [D]."""
        if self._own is not None:
            self._own.set_keepalive(self._door.behaviour.sftp_idle_seconds, 0)

    def password_auth_supported(self) -> bool:
        """Whether a password is (still) needed; users who do not exist are asked for one too."""
        return self._user is None or PASSWORD in self._user.needed - self._proven

    def validate_password(self, username: str, password: str) -> bool:
        """Whether it is the user's; counts bad ones."""
        user = self._user
        if user is None or user.locked:
            return False
        self._tried = PASSWORD
        if hmac.compare_digest(password.encode(), user.password.encode()):
            return True
        user.bad_passwords += 1
        most = self._door.behaviour.sftp_bad_passwords
        if most and user.bad_passwords >= most:
            user.locked_until = clock.now() + timedelta(minutes=self._door.behaviour.sftp_lock_minutes)
            user.bad_passwords = 0
        return False

    def public_key_auth_supported(self) -> bool:
        """Whether a key is (still) needed."""
        return self._user is not None and KEY in self._user.needed - self._proven

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether it is one of the user's; asyncssh then checks the signature."""
        self._tried = KEY
        return self._user is not None and not self._user.locked and key in self._user.keys

    def connection_lost(self, exc: Exception | None) -> None:
        """Somebody went."""
        if self._own is not None:
            self._door.open.discard(self._own)
            self._door.logged_in.pop(self._own, None)
