"""The Enhanced FTP site: putting, listing and getting files over one connection.

Belongs here: transfers that never leave a half file under its final name, and go on where they broke off. Does not: the
connection (`transport.py`, `ssh_transport.py`), what a file holds. The site is transit: files go after about 21 days
[D]. At most ten connections are allowed for an account [D], so one object uses one, and threads must not share it.

A file is uploaded as `part-<hex>.tmp` in the folder of its target, a name that no file trigger waits for; its size is
compared; then it is renamed. After a kill such a file may stay behind: it may be removed at any time.

The protocol has no hash of a remote file. So a part that somebody may have left is never trusted for its name: what an
upload goes on from is read back and compared byte by byte; what a download goes on from has the remote file's size and
time in its name and is compared in samples; and a hash that the caller knows is compared at the end.
"""

import contextlib
import hashlib
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from et_platform.exacttarget.errors import InvalidDefinition, NotFound, TransferInterrupted
from et_platform.exacttarget.models import RemoteFile
from et_platform.exacttarget.parts import Part
from et_platform.exacttarget.transport import BLOCK, SMALL_BLOCK, Transport

Progress = Callable[[int, int], None]
"""Told the bytes done and the bytes in all, in the transport's thread; what it raises ends the transfer."""

_SAMPLE = 65_536
_FORBIDDEN = re.compile(r'[\\:*<>|?"\x00-\x1f]')  # [D]


class _Differs(Exception):
    """Two contents are not the same: no need to read on."""


class EnhancedFtp:
    """One connection to the site; made by `ExactTarget.ftp`, closed by its context manager.

    Paths are `Folder/name`. Every method raises TransferInterrupted when the connection breaks (nothing is left
    under a final name; open a new one), PermissionDenied, and InvalidDefinition for names the site forbids.
    """

    def __init__(self, connect: Callable[[], Transport]):
        """`connect` opens a transport; it is called at once, and again when a transfer goes on after a break."""
        self._connect = connect
        self._transport = connect()
        self._block = BLOCK
        self._proven_block = False

    def close(self) -> None:
        """Close the connection; more than once is fine."""
        self._transport.close()

    def put(
        self,
        *,
        local: Path,
        remote: str,
        temporary: str | None = None,
        resume: bool = False,
        read_back: bool = False,
        progress: Progress | None = None,
    ) -> RemoteFile:
        """Upload a file, replacing one of that name; returns it as the site shows it.

        It travels under `temporary` (a free name in its folder by default; with `resume`, one that follows from target
        and content, so that a later process finds it). Whoever must be able to clean up after a process that was killed
        chooses that name.

        With `resume`, a break leaves the part; the transfer goes on over a new connection as long as each moves it
        forward, and a later call goes on from a part of that name, as far as it is the same byte for byte, for which it
        is read back. Without, a failure leaves nothing. `read_back` compares the whole upload so before it gets its
        name. Raises TransferInterrupted if the file did not arrive whole: then there is no new file under the name.
        """
        path = _checked(remote)
        under = _checked(temporary) if temporary else _part_name(path, local if resume else None)
        return self._put(local, path, under, resume, read_back, progress)

    def get(
        self,
        *,
        remote: str,
        local: Path,
        resume: bool = False,
        sha256: str | None = None,
        progress: Progress | None = None,
    ) -> RemoteFile:
        """Download a file to `local`, which appears only when it is whole, readable by its owner alone.

        With `resume`, a break leaves `.<name>.<size>-<time>.part` beside it; the transfer goes on over a new connection
        as long as each moves it forward, and a later call goes on from there if the remote file is the same. `sha256`
        is the hash that the content must have. Raises NotFound, and TransferInterrupted if it could not be read whole,
        changed meanwhile, or has another hash.
        """
        return self._get(_checked(remote), local, resume, sha256, progress)

    def list(self, *, folder: str) -> list[RemoteFile]:
        """The files of a folder, by name; sub-folders are left out. Raises NotFound."""
        path = _checked(folder)
        return sorted(self._transport.list(folder=path, what=f"Listing {path}"), key=lambda file: file.name)

    def stat(self, *, remote: str) -> RemoteFile | None:
        """The file, or None."""
        try:
            return self._stat(_checked(remote))
        except NotFound:
            return None

    def move(self, *, remote: str, target: str) -> bool:
        """Give the file the name `target`, replacing one of that name; returns whether it was there."""
        path = _checked(remote)
        if self.stat(remote=path) is None:
            return False
        self._name(path, _checked(target))
        return True

    def remove(self, *, remote: str) -> bool:
        """Remove the file; returns whether it was there."""
        path = _checked(remote)
        try:
            self._transport.remove(path=path, what=f"Removing {path}")
        except NotFound:
            return False
        return True

    def _put(
        self, local: Path, path: str, under: str, resume: bool, read_back: bool, progress: Progress | None
    ) -> RemoteFile:
        what, size, done = f"Uploading {path}", local.stat().st_size, 0
        may_stay = resume

        def arrived(count: int) -> None:
            nonlocal done
            done += count
            if progress is not None:
                progress(done, size)

        def upload() -> None:
            nonlocal done
            found = self.stat(remote=under) if done else None
            done = done if found is not None and found.size >= done else 0
            source.seek(done)
            give = lambda most: source.read(min(most, size - source.tell()))  # noqa: E731
            self._transport.write(path=under, start=done, block=self._block, give=give, arrived=arrived, what=what)

        try:
            with local.open("rb") as source:
                if resume:
                    done = self._same_bytes(under, source, size)
                self._carry(upload, lambda: done, resume)
                may_stay = False
                there = self._stat(under)
                if there.size != size:
                    raise TransferInterrupted(
                        f"{what}: {size} bytes were sent and {there.size} arrived. The name was not given to them. Try "
                        "again; if it lasts, look at the site's free space."
                    )
                if read_back and self._same_bytes(under, source, size) != size:
                    raise TransferInterrupted(
                        f"{what}: what arrived is not what was sent, though its size is right. The name was not "
                        "given to it. Try again; if it lasts, the site's disk is damaged."
                    )
            self._name(under, path)
        except BaseException as error:
            if may_stay:
                error.add_note(f"{done} of {size} bytes are kept on the site as {under}, to go on from.")
            else:
                self._discard(under, error)
            raise
        return self._stat(path)

    def _name(self, temporary: str, path: str) -> None:
        """Give the upload its name; if the answer is lost, look whether it has it, and if not, once more."""
        try:
            self._rename(temporary, path)
        except TransferInterrupted:
            self._reconnect()
            if self.stat(remote=temporary) is not None or self.stat(remote=path) is None:
                self._rename(temporary, path)

    def _rename(self, temporary: str, path: str) -> None:
        what = f"Renaming the upload to {path}"
        if self._transport.replace(old=temporary, new=path, what=what):
            return
        aside = f"{temporary}.old"
        if self.stat(remote=path) is None:
            self._transport.rename(old=temporary, new=path, what=what)
            return
        self._transport.rename(old=path, new=aside, what=what)  # the plain rename does not replace
        try:
            self._transport.rename(old=temporary, new=path, what=what)
        except BaseException:
            self._transport.rename(old=aside, new=path, what=what)
            raise
        self._transport.remove(path=aside, what=f"Removing the file that {path} replaced")

    def _get(self, path: str, local: Path, resume: bool, sha256: str | None, progress: Progress | None) -> RemoteFile:
        what, before, done = f"Downloading {path}", self._stat(path), 0
        may_stay = False
        version = f"{before.size}-{int(before.mtime.timestamp())}"

        def take(data: bytes) -> None:
            nonlocal done
            part.file.write(data)
            done += len(data)
            if progress is not None:
                progress(done, before.size)

        def download() -> None:
            # Never beyond that size: a file that somebody still writes has no end.
            self._transport.read(path=path, start=done, end=before.size, block=self._block, take=take, what=what)

        with Part.of(local, version=version if resume else None) as part:
            try:
                done = self._same_samples(path, part.file, before.size)
                part.cut(done)
                may_stay = resume
                self._carry(download, lambda: done, resume)
                may_stay = False
                after = self._stat(path)
                if done != before.size or (after.size, after.mtime) != (before.size, before.mtime):
                    raise TransferInterrupted(
                        f"{what}: {done} of {before.size} bytes came, or the file changed meanwhile. Nothing was kept. "
                        "Try again when it is complete."
                    )
                if sha256 is not None and part.sha256() != sha256.lower():
                    raise TransferInterrupted(
                        f"{what}: its content has not the hash that was told, {sha256[:12]}…. Nothing was kept. Try "
                        "again; if it lasts, the file on the site is another one."
                    )
                part.publish()
            except BaseException:
                if not may_stay:
                    part.discard()
                raise
        return before

    def _carry(self, transfer: Callable[[], None], done: Callable[[], int], resume: bool) -> None:
        """Transfer; go on over a new connection after a break, if that may help.

        A server whose limit is smaller than it says hangs up on a large block: so once more with small ones if none has
        ever arrived. A connection that moved nothing forward is not tried a second time.
        """
        while True:
            before = done()
            try:
                transfer()
                break
            except TransferInterrupted:
                has_moved = done() > before
                self._proven_block |= has_moved
                if not self._proven_block and self._block > SMALL_BLOCK:
                    self._block = SMALL_BLOCK
                elif not (resume and has_moved):
                    raise
                self._reconnect()
        self._proven_block = True

    def _same_bytes(self, path: str, source: BinaryIO, size: int) -> int:
        """How many bytes of a remote file are those of the local one, from the beginning; it is read back."""
        found = self.stat(remote=path)
        if found is None or found.size > size:
            return 0
        same = 0

        def compare(data: bytes) -> None:
            nonlocal same
            own = source.read(len(data))
            if own != data:
                same += next((i for i, (a, b) in enumerate(zip(own, data, strict=False)) if a != b), len(own))
                raise _Differs
            same += len(data)

        source.seek(0)
        with contextlib.suppress(_Differs):
            what = f"Reading {path} back"
            self._transport.read(path=path, start=0, end=found.size, block=self._block, take=compare, what=what)
        return same

    def _same_samples(self, path: str, part: BinaryIO, size: int) -> int:
        """How many bytes of a local part are kept: all, unless it is too long or one of five samples differs."""
        have = part.seek(0, 2)
        if have > size:
            return 0
        last = max(0, have - _SAMPLE)
        for start in sorted({last * nth // 4 for nth in range(5)}) if have else ():
            part.seek(start)
            own, theirs = part.read(_SAMPLE), bytearray()
            what = f"Comparing the part of {path}"
            end = start + len(own)
            self._transport.read(path=path, start=start, end=end, block=SMALL_BLOCK, take=theirs.extend, what=what)
            if own != theirs:
                return 0
        return have

    def _stat(self, path: str) -> RemoteFile:
        return self._transport.stat(path=path, what=f"Looking for {path}")

    def _reconnect(self) -> None:
        self._transport.close()
        self._transport = self._connect()

    def _discard(self, temporary: str, cause: BaseException) -> None:
        """Remove what a failed upload left, over a new connection if the old one is gone; else say so."""
        for is_last in (False, True):
            try:
                if not self._transport.is_open:
                    self._reconnect()
                self._transport.remove(path=temporary, what=f"Removing {temporary}")
                return
            except NotFound:
                return
            except Exception as error:  # noqa: BLE001 - the upload's own error matters; this one is told with it
                if is_last:
                    cause.add_note(
                        f"{temporary} may be left on the site ({type(error).__name__}); remove it when it is reachable."
                    )
                self._transport.close()


def _part_name(path: str, local: Path | None) -> str:
    if local is None:
        token = secrets.token_hex(6)
    else:
        with local.open("rb") as content:
            token = hashlib.file_digest(content, "sha256").hexdigest()
        token = hashlib.sha256(f"{path}\n{token}".encode()).hexdigest()[:24]
    return f"{path.rpartition('/')[0]}/part-{token}.tmp".lstrip("/")


def _checked(path: str) -> str:
    parts = path.strip("/").split("/")
    if _FORBIDDEN.search(path) or any(part in ("", ".", "..") for part in parts):
        raise InvalidDefinition(
            f"{path!r} is no name for the Enhanced FTP site: folder and name with one slash between, and none of "
            r'\ : * < > | ? " in it.'
        )
    return "/".join(parts)
