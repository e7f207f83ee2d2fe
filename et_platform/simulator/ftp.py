"""The Enhanced FTP sites: one SFTP server for all business units, each confined to its own folder.

What belongs here: listening, and which folder a connection sees. What does not: logins (`ftp_login.py`), files
(`ftp_files.py`), what files mean.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import asyncssh
from asyncssh.sftp import SFTPServerHandler

from et_platform.simulator import ftp_files, ftp_login
from et_platform.simulator.account import BusinessUnit
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.faults.board import Board
from et_platform.simulator.faults.files import Files, Login

_EXTENSIONS = tuple(SFTPServerHandler._extensions)


class Site:
    """The running site; `close` ends it together with every open connection."""

    def __init__(self, acceptor: asyncssh.SSHAcceptor, door: ftp_login.Door):
        self._acceptor, self._door = acceptor, door

    async def close(self) -> None:
        """Stop listening and hang up."""
        self._acceptor.close()
        for connection in list(self._door.open):
            connection.abort()
        await self._acceptor.wait_closed()


async def listen(
    sites: Mapping[BusinessUnit, Path],
    host_key: asyncssh.SSHKey,
    bound: socket.socket,
    behaviour: Behaviour,
    board: Board,
) -> Site:
    """Serve the folders of the units on a bound socket until it is closed."""
    for root in sites.values():
        ftp_files.prepare(root)
    _announce(behaviour)
    door = ftp_login.Door(tuple(sites), behaviour)

    def files(channel: asyncssh.SSHServerChannel) -> Files:
        unit = door.logged_in[channel.get_connection()]
        return Files(ftp_files.Files(channel, sites[unit], behaviour), board, unit.mid)

    acceptor = await asyncssh.listen(
        sock=bound,
        server_factory=lambda: Login(ftp_login.Login(door), board),
        server_host_keys=[host_key],
        sftp_factory=files,
        allow_scp=False,
        agent_forwarding=False,
        x11_forwarding=False,
    )
    return Site(acceptor, door)


def _announce(behaviour: Behaviour) -> None:
    """Which extensions of SFTP clients are told of: they go by that, whatever works. asyncssh has no setting for it."""
    hidden = set()
    if not behaviour.sftp_posix_rename:
        hidden.add(b"posix-rename@openssh.com")
    if not behaviour.sftp_tells_limits:
        hidden.add(b"limits@openssh.com")
    SFTPServerHandler._extensions = [one for one in _EXTENSIONS if one[0] not in hidden]
