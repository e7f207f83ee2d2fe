"""The client's limits, shared by every process that has the same ledger.

What belongs here: connections to the Enhanced FTP, counted by leases. What does not: the client's own count (limits.py
there), and imports at once (ledger).
"""

import contextlib
import secrets
import time
from collections.abc import Iterator

from et_platform.exacttarget.connection import Connection
from et_platform.exacttarget.limits import SFTP_CONNECTIONS, LocalLimits
from et_platform.ledger.leases import LeaseTaken, lease
from et_platform.ledger.ledger import Ledger


class SharedLimits(LocalLimits):
    """Calls of a business unit are counted in this process, connections of an FTP login everywhere."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        account: str,
        connection: Connection | None = None,
        at_most: int = SFTP_CONNECTIONS,
        wait_seconds: float = 600.0,
    ):
        super().__init__(sftp_connections=at_most, connection=connection)
        self._ledger, self._account = ledger, account
        self._at_most, self._wait_seconds = at_most, wait_seconds

    @contextlib.contextmanager
    def sftp(self) -> Iterator[None]:
        """A slot for one connection; raises LeaseTaken when there was none for too long."""
        deadline = time.monotonic() + self._wait_seconds
        number = secrets.randbelow(self._at_most)  # so that those who come at once rarely ask for the same one
        with super().sftp(), contextlib.ExitStack() as stack:
            while True:
                name = f"connection {number + 1} of {self._at_most} to the Enhanced FTP of {self._account}"
                try:
                    stack.enter_context(lease(self._ledger, name, wait_seconds=0))
                    break
                except LeaseTaken:
                    if time.monotonic() > deadline:
                        raise
                number = (number + 1) % self._at_most
                time.sleep(0.05)  # the ledger has other readers
            yield
