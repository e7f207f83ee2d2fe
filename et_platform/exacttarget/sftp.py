"""The Enhanced FTP site: putting, listing and getting files over one connection.

Belongs here: transfers that never leave a half file under its final name. Does not: the login (`ssh.py`), what a
file holds. The site is transit: files go after about 21 days [D]. At most ten connections are allowed for an
account [D], so one object uses one, and threads must not share it.

A file is uploaded as `part-<hex>.tmp` in the folder of its target, a name that no file trigger waits for; its size is
compared; then it is renamed. After a kill such a file may stay behind: it may be removed at any time.
"""

import contextlib
import os
import re
import secrets
import stat as modes
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import paramiko

from et_platform.exacttarget.connection import SftpConnection, Timeouts
from et_platform.exacttarget.errors import InvalidDefinition, NotFound, PermissionDenied, TransferInterrupted
from et_platform.exacttarget.models import RemoteFile
from et_platform.exacttarget.ssh import BLOCK, open_transport

SMALL_BLOCK = 32_768
"""Bytes in one request that every server takes."""

Progress = Callable[[int, int], None]
"""Told the bytes done and the bytes in all."""

_FORBIDDEN = re.compile(r'[\\:*<>|?"\x00-\x1f]')  # [D]
_BROKEN = (paramiko.SSHException, EOFError, OSError)


class EnhancedFtp:
    """One connection to the site; made by `ExactTarget.ftp`, closed by its context manager.

    Paths are `Folder/name`. Every method raises TransferInterrupted when the connection breaks (nothing is left
    under a final name; open a new one), PermissionDenied, and InvalidDefinition for names the site forbids.
    """

    def __init__(self, connection: SftpConnection, *, timeouts: Timeouts):
        self._connection = connection
        self._timeouts = timeouts
        self._block = BLOCK
        self._proven_block = False
        self._open()

    def _open(self) -> None:
        self._transport = open_transport(self._connection, self._timeouts)
        try:
            sftp = paramiko.SFTPClient.from_transport(self._transport)
            assert sftp is not None
            channel = sftp.get_channel()
            assert channel is not None
            channel.settimeout(self._timeouts.ftp)
        except _BROKEN as error:
            self._transport.close()
            raise TransferInterrupted(
                "The SSH server accepted the login but opens no SFTP session: it may be busy. Try again later."
            ) from error
        self._sftp = sftp

    def close(self) -> None:
        """Close the connection; more than once is fine."""
        self._transport.close()

    def put(
        self, local: Path, remote: str, *, temporary: str | None = None, progress: Progress | None = None
    ) -> RemoteFile:
        """Upload a file, replacing one of that name; returns it as the site shows it.

        It travels under `temporary` (any free name in its folder by default); whoever must be able to clean up
        after a process that was killed chooses that name. Raises TransferInterrupted if the file did not arrive
        whole: then there is no new file under the name.
        """
        path = _checked(remote)
        folder = path.rpartition("/")[0]
        under = _checked(temporary) if temporary else f"{folder}/part-{secrets.token_hex(6)}.tmp".lstrip("/")
        return self._with_smaller_blocks(lambda: self._put(local, path, under, progress))

    def get(self, remote: str, local: Path, *, progress: Progress | None = None) -> RemoteFile:
        """Download a file to `local`, which appears only when it is whole, readable by its owner alone.

        Raises NotFound, and TransferInterrupted if it could not be read whole or changed meanwhile.
        """
        path = _checked(remote)
        return self._with_smaller_blocks(lambda: self._get(path, local, progress))

    def list(self, folder: str) -> list[RemoteFile]:
        """The files of a folder, by name; sub-folders are left out. Raises NotFound."""
        path = _checked(folder)
        with self._asking(f"Listing {path}"):
            entries = self._sftp.listdir_attr(path)
        files = [_remote_file(path, e.filename, e) for e in entries if not modes.S_ISDIR(e.st_mode or 0)]
        return sorted(files, key=lambda file: file.name)

    def stat(self, remote: str) -> RemoteFile | None:
        """The file, or None."""
        path = _checked(remote)
        try:
            return self._stat(path)
        except NotFound:
            return None

    def remove(self, remote: str) -> bool:
        """Remove the file; returns whether it was there."""
        path = _checked(remote)
        try:
            with self._asking(f"Removing {path}"):
                self._sftp.remove(path)
        except NotFound:
            return False
        return True

    def _put(self, local: Path, path: str, temporary: str, progress: Progress | None) -> RemoteFile:
        name = path.rpartition("/")[2]
        size = local.stat().st_size
        try:
            with self._asking(f"Uploading {path}"):
                self._write(local, temporary, size, progress)
            arrived = self._stat(temporary)
            if arrived.size != size:
                raise TransferInterrupted(
                    f"Uploading {path}: {size} bytes were sent and {arrived.size} arrived. The name {name} was not "
                    "given to them. Try again; if it lasts, look at the site's free space."
                )
            with self._asking(f"Renaming the upload to {path}"):
                self._rename(temporary, path)
        except BaseException as error:
            self._discard(temporary, error)
            raise
        return self._stat(path)

    def _write(self, local: Path, temporary: str, size: int, progress: Progress | None) -> None:
        done = 0
        with local.open("rb") as source, self._sftp.open(temporary, "wb") as target:
            target.MAX_REQUEST_SIZE = self._block  # pyright: ignore[reportAttributeAccessIssue]
            target.set_pipelined(True)
            while block := source.read(self._block):
                target.write(block)
                done += len(block)
                if progress is not None:
                    progress(done, size)

    def _rename(self, temporary: str, path: str) -> None:
        try:
            self._sftp.posix_rename(temporary, path)  # replaces in one step; an extension, so it may be missing
            return
        except OSError as error:
            if isinstance(error, FileNotFoundError | PermissionError | TimeoutError | ConnectionError):
                raise
        aside = f"{temporary}.old"
        try:
            self._sftp.rename(path, aside)  # the plain rename does not replace
        except FileNotFoundError:
            self._sftp.rename(temporary, path)
            return
        try:
            self._sftp.rename(temporary, path)
        except BaseException:
            self._sftp.rename(aside, path)
            raise
        self._sftp.remove(aside)

    def _get(self, path: str, local: Path, progress: Progress | None) -> RemoteFile:
        before = self._stat(path)
        temporary = local.with_name(f".{local.name}.{secrets.token_hex(6)}.part")
        done = 0
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with (
                os.fdopen(descriptor, "wb") as target,
                self._asking(f"Downloading {path}"),
                self._sftp.open(path, "rb") as source,
            ):
                source.MAX_REQUEST_SIZE = self._block  # pyright: ignore[reportAttributeAccessIssue]
                # No more than 64 requests under way: without a bound, transfers hang (measured).
                source.prefetch(before.size, max_concurrent_requests=64)
                # Never beyond that size: a file that somebody still writes has no end.
                while block := source.read(min(self._block, before.size - done)):
                    target.write(block)
                    done += len(block)
                    if progress is not None:
                        progress(done, before.size)
            after = self._stat(path)
            if done != before.size or (after.size, after.mtime) != (before.size, before.mtime):
                raise TransferInterrupted(
                    f"Downloading {path}: {done} of {before.size} bytes came, or the file changed meanwhile. Nothing "
                    "was kept. Try again when it is complete."
                )
            temporary.replace(local)
        finally:
            temporary.unlink(missing_ok=True)
        return before

    def _stat(self, path: str) -> RemoteFile:
        with self._asking(f"Looking for {path}"):
            found = self._sftp.stat(path)
        folder, _, name = path.rpartition("/")
        return _remote_file(folder, name, found)

    def _with_smaller_blocks(self, transfer: Callable[[], RemoteFile]) -> RemoteFile:
        """Transfer; if the first one with large blocks breaks, once more with small ones on a new connection.

        A server whose limit is smaller hangs up on a large block, or answers with less than was asked for.
        """
        try:
            done = transfer()
        except TransferInterrupted:
            if self._proven_block or self._block == SMALL_BLOCK:
                raise
            self._block = SMALL_BLOCK
            self.close()
            self._open()
            done = transfer()
        self._proven_block = True
        return done

    def _discard(self, temporary: str, cause: BaseException) -> None:
        """Remove what a failed upload left, over a new connection if the old one is gone; else say so."""
        for is_last in (False, True):
            try:
                if not self._transport.is_active():
                    self._open()
                self._sftp.remove(temporary)
                return
            except FileNotFoundError:
                return
            except Exception as error:  # noqa: BLE001 - the upload's own error matters; this one is told with it
                if is_last:
                    cause.add_note(
                        f"{temporary} may be left on the site ({type(error).__name__}); remove it when it is reachable."
                    )
                self._transport.close()

    @contextlib.contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turns paramiko's errors into the client's."""
        try:
            yield
        except FileNotFoundError as error:
            raise NotFound(f"{what}: there is no such file or folder on the site. Check folder and name.") from error
        except PermissionError as error:
            raise PermissionDenied(f"{what}: the site does not allow it. Check the SFTP user's rights.") from error
        except _BROKEN as error:
            raise TransferInterrupted(
                f"{what} broke off ({type(error).__name__}: {error or 'connection lost'}). Nothing has the final name. "
                "Try again later, with a new connection."
            ) from error


def _checked(path: str) -> str:
    parts = path.strip("/").split("/")
    if _FORBIDDEN.search(path) or any(part in ("", ".", "..") for part in parts):
        raise InvalidDefinition(
            f"{path!r} is no name for the Enhanced FTP site: folder and name with one slash between, and none of "
            r'\ : * < > | ? " in it.'
        )
    return "/".join(parts)


def _remote_file(folder: str, name: str, attributes: paramiko.SFTPAttributes) -> RemoteFile:
    return RemoteFile(
        name=name,
        size=attributes.st_size or 0,
        mtime=datetime.fromtimestamp(attributes.st_mtime or 0, UTC),
        folder=folder,
    )
