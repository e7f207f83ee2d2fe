"""A file that is being downloaded: hidden and private beside its target until it is whole.

Belongs here: the local side of a download. Does not: what is written into it (`sftp.py`).
"""

import fcntl
import hashlib
import io
import os
import re
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from et_platform.exacttarget.errors import TransferInterrupted


class Part:
    """An open, locked part; use `Part.of`. Neither published nor discarded, it stays, to be found by its version."""

    def __init__(self, path: Path, target: Path, file: io.BufferedRandom):
        self.file = file
        self._path = path
        self._target = target

    @classmethod
    def of(cls, target: Path, *, version: str | None) -> Self:
        """The part of that version, with what is in it already; a new one without. Parts of other versions go.

        Raises TransferInterrupted while another process has it open.
        """
        if version is None:
            path = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
            return cls(path, target, _open(path, os.O_EXCL))
        path = target.with_name(f".{target.name}.{version}.part")
        others = re.compile(re.escape(f".{target.name}.") + r"\d+-\d+\.part")
        for other in target.parent.iterdir():
            if others.fullmatch(other.name) and other != path:
                other.unlink(missing_ok=True)
        while True:
            file = _open(path, 0)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.close()
                raise TransferInterrupted(
                    f"Another process is downloading to {target.name} in this folder. Nothing was done here: wait for "
                    "that one."
                ) from error
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return cls(path, target, file)
            file.close()  # the other process published or discarded it between opening and locking

    def cut(self, size: int) -> None:
        """Keep the first `size` bytes; writing goes on after them."""
        self.file.seek(size)
        self.file.truncate()

    def sha256(self) -> str:
        """The hash of the whole content, in hexadecimal."""
        self.file.seek(0)
        return hashlib.file_digest(self.file, "sha256").hexdigest()

    def publish(self) -> None:
        """Give it the target's name, replacing a file that has it."""
        self.file.flush()
        self._path.replace(self._target)

    def discard(self) -> None:
        """Remove it."""
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.file.close()


def _open(path: Path, extra: int) -> io.BufferedRandom:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | extra, 0o600), "r+b")
