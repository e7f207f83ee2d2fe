"""The transport that carries files over SSH, by asyncssh in an event loop in a thread of its own.

Belongs here: requests and runs of requests. Does not: the login (`ssh.py`), what makes a transfer safe (`sftp.py`).
Speed comes from three things (measured, see `benchmarks/`): a cipher that the processor knows, requests of 255 KiB,
and many of them under way.
"""

import asyncio
import contextlib
import stat as modes
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncssh
from asyncssh.constants import FXF_CREAT, FXF_TRUNC, FXF_WRITE

from et_platform.exacttarget.connection import SftpConnection, Timeouts
from et_platform.exacttarget.errors import ExactTargetError, NotFound, PermissionDenied, TransferInterrupted
from et_platform.exacttarget.models import RemoteFile
from et_platform.exacttarget.ssh import READS_UNDER_WAY, WRITES_UNDER_WAY, open_connection
from et_platform.exacttarget.transport import SMALL_BLOCK

_T = TypeVar("_T")


class SshTransport:
    """One logged-in connection with one SFTP session; see `transport.Transport` for its methods."""

    def __init__(self, connection: SftpConnection, timeouts: Timeouts):
        """Log in. Raises what `open_connection` raises, and TransferInterrupted if no SFTP session opens."""
        self._where = f"{connection.host}:{connection.port}"
        self._idle = timeouts.ftp
        self._loop = _Loop()
        try:
            self._connection = self._loop.run(open_connection(connection, timeouts))
            self._sftp = self._loop.run(self._start())
        except BaseException:
            self._loop.end()
            raise

    @property
    def is_open(self) -> bool:
        """Whether the connection still stands, as far as this side knows."""
        return self._loop.is_running and not self._connection.is_closed()

    def close(self) -> None:
        """Close it; more than once is fine."""
        if self._loop.is_running:
            self._connection.abort() if self._connection.is_closed() else self._loop.run(self._leave())
            self._loop.end()

    def list(self, *, folder: str, what: str) -> list[RemoteFile]:
        """See Transport."""
        entries = self._ask(what, lambda: self._sftp.readdir(folder))
        return [
            _remote_file(folder, str(one.filename), one.attrs)
            for one in entries
            if str(one.filename) not in (".", "..") and not modes.S_ISDIR(one.attrs.permissions or 0)
        ]

    def stat(self, *, path: str, what: str) -> RemoteFile:
        """See Transport."""
        folder, _, name = path.rpartition("/")
        return _remote_file(folder, name, self._ask(what, lambda: self._sftp.stat(path)))

    def remove(self, *, path: str, what: str) -> None:
        """See Transport."""
        self._ask(what, lambda: self._sftp.remove(path))

    def rename(self, *, old: str, new: str, what: str) -> None:
        """See Transport."""
        self._ask(what, lambda: self._sftp.rename(old, new))

    def replace(self, *, old: str, new: str, what: str) -> bool:
        """See Transport."""

        async def work() -> bool:
            try:
                await self._sftp.posix_rename(old, new)  # an extension, so it may be missing
            except (asyncssh.SFTPOpUnsupported, asyncssh.SFTPFailure, asyncssh.SFTPBadMessage):
                return False
            return True

        return self._ask(what, work)

    def read(self, *, path: str, start: int, end: int, block: int, take: Callable[[bytes], None], what: str) -> None:
        """See Transport."""
        self._check_open(what)
        block = min(block, self._limit(self._sftp.limits.max_read_len, block))
        self._loop.run(self._read(path, start, end, block, take, what))

    def write(
        self,
        *,
        path: str,
        start: int,
        block: int,
        give: Callable[[int], bytes],
        arrived: Callable[[int], None],
        what: str,
    ) -> None:
        """See Transport."""
        self._check_open(what)
        block = min(block, self._limit(self._sftp.limits.max_write_len, block))
        self._loop.run(self._write(path, start, block, give, arrived, what))

    def _limit(self, told: int, block: int) -> int:
        """What the server says that it takes; a server that says nothing is asked for more than the library would."""
        return block if told < SMALL_BLOCK else told

    async def _start(self) -> asyncssh.SFTPClient:
        try:
            async with asyncio.timeout(self._idle):
                return await self._connection.start_sftp_client()
        except (asyncssh.Error, OSError, EOFError) as error:
            self._connection.abort()
            raise TransferInterrupted(
                f"The SSH server {self._where} accepted the login but opens no SFTP session ({type(error).__name__}): "
                "it may be busy. Try again later."
            ) from error

    async def _leave(self) -> None:
        self._connection.close()
        with contextlib.suppress(TimeoutError, OSError, asyncssh.Error):  # it is gone either way
            async with asyncio.timeout(2):
                await self._connection.wait_closed()
        self._connection.abort()

    def _check_open(self, what: str) -> None:
        if not self.is_open:
            raise TransferInterrupted(f"{what}: the connection is closed. Open a new one.")

    def _ask(self, what: str, request: Callable[[], Awaitable[_T]]) -> _T:
        self._check_open(what)

        async def work() -> _T:
            return await self._wait(what, request())

        return self._loop.run(work())

    async def _wait(self, what: str, answer: Awaitable[_T]) -> _T:
        """The answer, within the time that a silence may last; turns the library's errors into the client's."""
        try:
            async with asyncio.timeout(self._idle):
                return await answer
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise NotFound(f"{what}: there is no such file or folder on the site. Check folder and name.") from error
        except asyncssh.SFTPPermissionDenied as error:
            raise PermissionDenied(f"{what}: the site does not allow it. Check the SFTP user's rights.") from error
        except (asyncssh.Error, OSError, EOFError) as error:
            reason = getattr(error, "reason", "") or ("no answer in time" if isinstance(error, TimeoutError) else "")
            raise TransferInterrupted(
                f"{what} broke off ({type(error).__name__}: {reason or 'connection lost'}). Nothing has the final "
                "name. Try again later, with a new connection."
            ) from error

    @contextlib.asynccontextmanager
    async def _opened(self, path: str, mode: str | int, what: str) -> AsyncIterator[asyncssh.SFTPClientFile]:
        file = await self._wait(what, self._sftp.open(path, mode, encoding=None, block_size=0))
        try:
            yield file
        except BaseException:
            with contextlib.suppress(ExactTargetError):  # the first error is the one to tell
                await self._wait(what, file.close())
            raise
        await self._wait(what, file.close())

    async def _read(
        self, path: str, start: int, end: int, block: int, take: Callable[[bytes], None], what: str
    ) -> None:
        async with self._opened(path, "rb", what) as source:
            waiting: deque[tuple[int, int, asyncio.Task[bytes]]] = deque()
            asked = start
            try:
                while waiting or asked < end:
                    while asked < end and len(waiting) < READS_UNDER_WAY:
                        length = min(block, end - asked)
                        waiting.append((asked, length, asyncio.create_task(source.read(length, asked))))
                        asked += length
                    at, length, answer = waiting.popleft()
                    data = await self._wait(what, answer)
                    if not data:
                        return
                    take(data)
                    if missing := length - len(data):  # the server gives less than it is asked for: ask for less
                        block = min(block, max(len(data), SMALL_BLOCK))
                        at += len(data)
                        waiting.appendleft((at, missing, asyncio.create_task(source.read(missing, at))))
            finally:
                await _drop(answer for _, _, answer in waiting)

    async def _write(
        self, path: str, start: int, block: int, give: Callable[[int], bytes], arrived: Callable[[int], None], what: str
    ) -> None:
        mode = FXF_WRITE | (0 if start else FXF_CREAT | FXF_TRUNC)
        async with self._opened(path, mode, what) as target:
            waiting: deque[tuple[int, asyncio.Task[int]]] = deque()
            try:
                while True:
                    while len(waiting) < WRITES_UNDER_WAY and (data := give(block)):
                        waiting.append((len(data), asyncio.create_task(target.write(data, start))))
                        start += len(data)
                    if not waiting:
                        return
                    length, answer = waiting.popleft()
                    await self._wait(what, answer)
                    arrived(length)
            finally:
                await _drop(answer for _, answer in waiting)


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sftp", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:  # a signal, say: what is under way must not go on
            future.cancel()
            raise

    def end(self) -> None:
        self.run(_drop(None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _drop(tasks: Any) -> None:
    """Cancel the tasks (None: all others) and wait for their end."""
    dropped = list(tasks) if tasks is not None else [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    for task in dropped:
        task.cancel()
    await asyncio.gather(*dropped, return_exceptions=True)


def _remote_file(folder: str, name: str, attributes: asyncssh.SFTPAttrs) -> RemoteFile:
    return RemoteFile(
        name=name,
        size=attributes.size or 0,
        mtime=datetime.fromtimestamp(attributes.mtime or 0, UTC),
        folder=folder,
    )
