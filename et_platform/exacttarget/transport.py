"""What the Enhanced FTP needs of whatever carries its files: a small protocol.

Belongs here: the protocol. Does not: how a transfer is made safe (`sftp.py`), the transport that is used unless
another is given (`ssh.py`). One object is one connection, for one thread. Paths are `Folder/name`; `what` names the
operation in errors. Every method raises NotFound, PermissionDenied, and TransferInterrupted for all that may pass;
what `take`, `give` or `arrived` raise goes through unchanged.
"""

from collections.abc import Callable
from typing import Protocol

from et_platform.exacttarget.models import RemoteFile

BLOCK = 261_120
"""Bytes in one request: 255 KiB, the largest that OpenSSH accepts. Measured at twice the speed of 32 KiB."""

SMALL_BLOCK = 32_768
"""Bytes in one request that every server takes."""


class Transport(Protocol):
    """One open connection to an SFTP site."""

    @property
    def is_open(self) -> bool:
        """Whether the connection still stands, as far as this side knows."""
        ...

    def close(self) -> None:
        """Close it; more than once is fine."""
        ...

    def list(self, *, folder: str, what: str) -> list[RemoteFile]:
        """The files of a folder, without its sub-folders, in any order."""
        ...

    def stat(self, *, path: str, what: str) -> RemoteFile:
        """One file."""
        ...

    def remove(self, *, path: str, what: str) -> None:
        """Remove one file."""
        ...

    def rename(self, *, old: str, new: str, what: str) -> None:
        """Rename; a file of the new name is an error, or is replaced, as the server likes it."""
        ...

    def replace(self, *, old: str, new: str, what: str) -> bool:
        """Rename and replace in one step; False if the server cannot, or would not."""
        ...

    def read(self, *, path: str, start: int, end: int, block: int, take: Callable[[bytes], None], what: str) -> None:
        """Give `take` the bytes from `start` to `end` in order, asking for `block` at once; fewer if the file ends."""
        ...

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
        """Write what `give(block)` returns, until that is nothing, from `start` on; a start of 0 makes a new file.

        `arrived` is told the number of bytes that the server has confirmed since it was last told.
        """
        ...
