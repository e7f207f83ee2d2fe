"""The Enhanced FTP sites: SFTP with password login, each business unit confined to its own folder.

What belongs here: the folders, the login, the limit on connections. What does not: what files mean.
"""

from __future__ import annotations

import errno
import hmac
import logging
import os
import posixpath
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

import asyncssh
from asyncssh.constants import DISC_TOO_MANY_CONNECTIONS

from et_platform.simulator.account import BusinessUnit
from et_platform.simulator.faults.board import Board
from et_platform.simulator.faults.files import Files, Login

FOLDERS = ("Import", "Export", "Reports")
"""Always there, and never to be removed [D]."""

_log = logging.getLogger(__name__)


def prepare(root: Path) -> None:
    """Make the site's folders."""
    for name in FOLDERS:
        (root / name).mkdir(mode=0o700, parents=True, exist_ok=True)


class _Files(asyncssh.SFTPServer):
    """The files of one connection. asyncssh confines every path to `chroot`."""

    def _refuse_fixed(self, path: bytes) -> None:
        place = posixpath.normpath(b"/" + path).strip(b"/").decode(errors="replace")
        if place in ("", *FOLDERS):
            raise asyncssh.SFTPPermissionDenied(f"/{place} must stay")

    def rmdir(self, path: bytes) -> None:
        """Remove a folder that is not one of the fixed ones."""
        self._refuse_fixed(path)
        super().rmdir(path)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename; the plain form never replaces a file, as the protocol says."""
        self._refuse_fixed(oldpath)
        if os.path.lexists(self.map_path(newpath)):
            raise asyncssh.SFTPFailure("the new name exists already")
        super().rename(oldpath, newpath)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename, replacing a file of the new name."""
        self._refuse_fixed(oldpath)
        super().posix_rename(oldpath, newpath)

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """Links could lead out of the site."""
        raise asyncssh.SFTPPermissionDenied(os.strerror(errno.EPERM))

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        """Links could lead out of the site."""
        raise asyncssh.SFTPPermissionDenied(os.strerror(errno.EPERM))


class _Connections:
    """The open connections, and which of them are logged in to which unit."""

    def __init__(self, limit: int):
        self.limit = limit
        self.open: set[asyncssh.SSHServerConnection] = set()
        self.logged_in: dict[object, BusinessUnit] = {}

    def full(self, unit: BusinessUnit) -> bool:
        """Whether a unit has as many connections as it may."""
        return sum(one is unit for one in self.logged_in.values()) >= self.limit


class _Login(asyncssh.SSHServer):
    def __init__(self, units: Iterable[BusinessUnit], connections: _Connections):
        self._units, self._connections = {unit.sftp_user: unit for unit in units}, connections
        self._own: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._own = conn
        self._connections.open.add(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        unit = self._units.get(username)
        if unit is None or not hmac.compare_digest(password.encode(), unit.sftp_password.encode()):
            return False
        if self._connections.full(unit):
            raise asyncssh.DisconnectError(DISC_TOO_MANY_CONNECTIONS, "Too many connections for this account")
        if self._own is not None:
            self._connections.logged_in[self._own] = unit
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._own is not None:
            self._connections.open.discard(self._own)
            self._connections.logged_in.pop(self._own, None)


class Site:
    """The running site; `close` ends it together with every open connection."""

    def __init__(self, acceptor: asyncssh.SSHAcceptor, connections: _Connections):
        self._acceptor, self._connections = acceptor, connections

    async def close(self) -> None:
        """Stop listening and hang up."""
        self._acceptor.close()
        for connection in list(self._connections.open):
            connection.abort()
        await self._acceptor.wait_closed()


async def listen(
    sites: Mapping[BusinessUnit, Path], host_key: asyncssh.SSHKey, bound: socket.socket, limit: int, board: Board
) -> Site:
    """Serve the folders of the units on a bound socket until it is closed."""
    for root in sites.values():
        prepare(root)
    connections = _Connections(limit)

    def files(channel: asyncssh.SSHServerChannel) -> Files:
        unit = connections.logged_in[channel.get_connection()]
        return Files(_Files(channel, chroot=os.fsencode(sites[unit])), board, unit.mid)

    acceptor = await asyncssh.listen(
        sock=bound,
        server_factory=lambda: Login(_Login(sites, connections), board),
        server_host_keys=[host_key],
        sftp_factory=files,
        allow_scp=False,
        agent_forwarding=False,
        x11_forwarding=False,
    )
    return Site(acceptor, connections)
