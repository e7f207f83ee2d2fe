"""How many calls and connections may be under way at once; from outside, so that several processes can share a count.

Belongs here: the protocol, and the count of one process. Does not: how many imports run at once (ten in a business unit
[D]): an import goes on after its start has been answered, so that count is the caller's.
"""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from et_platform.exacttarget.connection import Connection
from et_platform.exacttarget.in_process import InProcess

CALLS = 20
"""Synchronous calls at once [D]."""
SFTP_CONNECTIONS = 10
"""Connections of an Enhanced FTP account at once [D]."""

_counts: InProcess[threading.BoundedSemaphore] = InProcess()


class Limits(Protocol):
    """Hands out slots; each method waits until there is one, or raises what it likes."""

    def call(self) -> AbstractContextManager[None]:
        """A slot for one SOAP or REST call, held until its answer has come."""
        ...

    def sftp(self) -> AbstractContextManager[None]:
        """A slot for one connection to the Enhanced FTP, held until it is closed."""
        ...


class LocalLimits:
    """Counts within this process; clients that share one object share the count."""

    def __init__(
        self, *, calls: int = CALLS, sftp_connections: int = SFTP_CONNECTIONS, connection: Connection | None = None
    ):
        """With a `connection`, all objects of this process share the counts that are for the same.

        Calls are counted for a business unit: an MID at a token service, whatever credentials are used. Connections are
        counted for a user of an Enhanced FTP site, whatever unit that is used for (for the unit, where none is named).
        The number is that of the first who counts.
        """
        if connection is None:
            self._calls = threading.BoundedSemaphore(calls)
            self._sftp = threading.BoundedSemaphore(sftp_connections)
            return
        unit, site = (connection.service.lower(), connection.mid), connection.sftp
        login = unit if site is None else (site.host.lower(), site.port, site.user)
        self._calls = _counts.get(("calls", unit), lambda: threading.BoundedSemaphore(calls))
        self._sftp = _counts.get(("sftp", login), lambda: threading.BoundedSemaphore(sftp_connections))

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """See Limits."""
        with self._calls:
            yield

    @contextlib.contextmanager
    def sftp(self) -> Iterator[None]:
        """See Limits."""
        with self._sftp:
            yield
