"""Faults of the Enhanced FTP: between the SFTP server and its files, and at the login.

What belongs here: what goes wrong with one operation of one connection. What does not: logins, folders and files
themselves (`ftp.py`). While no fault is up, operations pass untouched.
"""

from __future__ import annotations

import errno
import inspect
import os
import posixpath
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncssh

from et_platform.simulator.faults import effects
from et_platform.simulator.faults.board import Board, Stopping
from et_platform.simulator.faults.model import Fault, When
from et_platform.simulator.faults.plan import Occasion

_PASSED_ON = {
    # Operations on names: how many of their arguments are names.
    **{"stat": 1, "lstat": 1, "remove": 1, "mkdir": 1, "rmdir": 1},
    **{"rename": 2, "posix_rename": 2},
}
_CALLED = {"lstat": "stat", "posix_rename": "rename"}


@dataclass
class _Open:
    """An open file: its path in the site, the bytes moved so far, and the fault that lies on it from now on."""

    path: str
    moved: int = 0
    fault: Fault | None = None
    since: float = 0.0


class Files:
    """The files of one connection as an `asyncssh.SFTPServer` serves them, with faults in between."""

    def __init__(self, served: asyncssh.SFTPServer, board: Board, mid: str):
        self._served, self._board, self._mid = served, board, mid
        self._open: dict[int, _Open] = {}

    def __getattr__(self, name: str) -> Any:
        action = getattr(self._served, name)
        names = _PASSED_ON.get(name)
        if names is None:
            return action

        def passed_on(*given: Any) -> Any:
            paths = tuple(_path(one) for one in given[:names])
            return self._around(_CALLED.get(name, name), paths, lambda: action(*given))

        return passed_on

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Open a file, and keep in mind which it is."""
        done = self._around("open", (_path(path),), lambda: self._served.open(path, pflags, attrs))
        file = await done if inspect.isawaitable(done) else done
        self._open[id(file)] = _Open(_path(path))
        return file

    def close(self, file_obj: object) -> Any:
        """Close a file."""
        known = self._open.pop(id(file_obj), _Open(""))
        return self._around("close", (known.path,), lambda: self._served.close(file_obj))

    def read(self, file_obj: object, offset: int, size: int) -> Any:
        """Read from a file."""
        return self._moved("read", file_obj, offset, size, lambda: self._served.read(file_obj, offset, size))

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        """Write to a file."""
        return self._moved("write", file_obj, offset, len(data), lambda: self._served.write(file_obj, offset, data))

    async def scandir(self, path: bytes) -> Any:
        """List a folder; asyncssh wants an asynchronous iterator."""

        async def begun() -> None:
            """Nothing is done until the first name is asked for."""

        await self._disturbed("list", (_path(path),), begun)
        async for entry in self._served.scandir(path):
            yield entry

    def _around(self, operation: str, paths: tuple[str, ...], action: Callable[[], Any]) -> Any:
        if not self._board.is_up("sftp"):
            return action()
        return self._disturbed(operation, paths, action)

    async def _disturbed(self, operation: str, paths: tuple[str, ...], action: Callable[[], Any]) -> Any:
        await self._strike(self._meet("before", operation, paths))
        done = action()
        if inspect.isawaitable(done):
            done = await done
        await self._strike(self._meet("after", operation, paths))
        return done

    def _moved(self, operation: str, file_obj: object, offset: int, size: int, action: Callable[[], Any]) -> Any:
        known = self._open.get(id(file_obj))
        if known is None:
            return action()
        known.moved = max(known.moved, offset + size)
        if known.fault is None and not self._board.is_up("sftp"):
            return action()
        return self._disturbed(operation, (known.path,), lambda: self._during(operation, known, offset, size, action))

    async def _during(self, operation: str, known: _Open, offset: int, size: int, action: Callable[[], Any]) -> Any:
        """One block of a transfer. What struck once lies on the file until it is closed: a full disk stays full."""
        if known.fault is None:
            known.fault = self._meet("during", operation, (known.path,), known.moved)
            known.since = time.monotonic()
        match fault := known.fault:
            case effects.Cut():
                self._hang_up()
            case effects.DiskFull() if operation == "write" and offset + size > fault.at_byte:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            case effects.LostBytes() if operation == "write" and offset + size > fault.at_byte:
                return size
            case effects.Slow():
                due = known.since + known.moved / fault.bytes_per_second
                await self._pause(fault, max(0.0, due - time.monotonic()))
        done = action()
        return await done if inspect.isawaitable(done) else done

    def _meet(self, when: When, operation: str, paths: tuple[str, ...], reached: int | None = None) -> Fault | None:
        files = (*paths, *(posixpath.basename(path) for path in paths))
        return self._board.meet(
            Occasion("sftp", when, operation=operation, files=files, mid=self._mid, reached=reached)
        )

    async def _strike(self, fault: Fault | None) -> None:
        match fault:
            case effects.Stall():
                await self._pause(fault, fault.seconds)
            case effects.Cut():
                self._hang_up()
            case effects.PermissionDenied():
                raise asyncssh.SFTPPermissionDenied(os.strerror(errno.EACCES))

    async def _pause(self, fault: Fault, seconds: float | None) -> None:
        try:
            await self._board.pause(fault, seconds)
        except Stopping:
            self._hang_up()

    def _hang_up(self) -> None:
        self._served.channel.get_connection().abort()
        raise asyncssh.SFTPConnectionLost("the connection was cut")


class Login:
    """The login of one connection as an `asyncssh.SSHServer` handles it, with faults in between."""

    def __init__(self, served: asyncssh.SSHServer, board: Board):
        self._served, self._board = served, board
        self._connection: asyncssh.SSHServerConnection | None = None
        self._refused = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._served, name)

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep the connection in mind."""
        self._connection = conn
        self._served.connection_made(conn)

    async def begin_auth(self, username: str) -> bool:
        """Somebody wants to log in; the user's name begins with the MID."""
        fault = self._board.meet(Occasion("sftp", operation="login", mid=username.partition("_")[0]))
        match fault:
            case effects.Stall():
                try:
                    await self._board.pause(fault, fault.seconds)
                except Stopping:
                    self._hang_up()
            case effects.Cut():
                self._hang_up()
            case effects.LoginFailed():
                self._refused = True
        needed = self._served.begin_auth(username)
        return await needed if inspect.isawaitable(needed) else needed

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.abort()

    def validate_password(self, username: str, password: str) -> Any:
        """Whether the password is good, and no fault refuses it."""
        return False if self._refused else self._served.validate_password(username, password)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> Any:
        """Whether the key is good, and no fault refuses it."""
        return False if self._refused else self._served.validate_public_key(username, key)


def _path(name: bytes) -> str:
    return posixpath.normpath(b"/" + name).decode(errors="replace").strip("/")
