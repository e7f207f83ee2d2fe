"""One object for all of ExactTarget.

Belongs here: putting the parts together. Does not: anything that a part does. Nothing is opened until it is used.

    with ExactTarget(connection) as exacttarget:
        exacttarget.imports.start(customer_key="…")
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from et_platform.exacttarget.auth import Logins, Tokens, Users
from et_platform.exacttarget.automations import Automations
from et_platform.exacttarget.connection import Connection, Patience, Retries, Timeouts, UserLogin
from et_platform.exacttarget.data_extensions import DataExtensions
from et_platform.exacttarget.data_filters import DataFilters
from et_platform.exacttarget.errors import (
    InMaintenance,
    MalformedReply,
    Misconfigured,
    ServiceUnavailable,
    SftpAuthenticationFailed,
    Unreachable,
)
from et_platform.exacttarget.events import Events
from et_platform.exacttarget.execute import user_token
from et_platform.exacttarget.extracts import Extracts
from et_platform.exacttarget.file_transfers import FileTransfers
from et_platform.exacttarget.folders import Folders
from et_platform.exacttarget.http import open_session
from et_platform.exacttarget.imports import Imports
from et_platform.exacttarget.later import Later
from et_platform.exacttarget.limits import Limits, LocalLimits
from et_platform.exacttarget.lists import Lists
from et_platform.exacttarget.metadata import Metadata
from et_platform.exacttarget.models import SystemStatus, UserToken
from et_platform.exacttarget.patience import Outages
from et_platform.exacttarget.queries import Queries
from et_platform.exacttarget.rest import Rest
from et_platform.exacttarget.rows import Rows
from et_platform.exacttarget.soap import Repeat, Soap
from et_platform.exacttarget.subscribers import Subscribers
from et_platform.exacttarget.token_cache import TokenFile, memory_of

if TYPE_CHECKING:
    from et_platform.exacttarget.sftp import EnhancedFtp
    from et_platform.exacttarget.transport import Transport


class ExactTarget:
    """A client of one business unit. A context manager; threads may share it, up to 20 of them [D]."""

    def __init__(
        self,
        connection: Connection,
        *,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        limits: Limits | None = None,
        token_cache: Path | None = None,
        patience: Patience | None = None,
        tell: Callable[[str], None] = lambda line: None,
        sftp_transport: "Callable[[], Transport] | None" = None,
    ):
        """`limits` hands out slots for calls and connections; by default all clients of a business unit in this process
        share a count, see `LocalLimits`.

        `token_cache` is a folder in which processes share the access token, in a file for its owner alone; without it
        those clients of the same credentials share one that a process has open together. `patience` is for maintenance
        and outages, of which `tell` hears; without it calls raise at once. `sftp_transport` opens a connection to the
        Enhanced FTP by other means than SSH from here.
        """
        self._connection = connection
        self._timeouts = timeouts or Timeouts()
        self._session = open_session()
        self._limits = limits or LocalLimits(connection=connection)
        self._tokens = self._logins(token_cache)
        self._outages = Outages(self.system_status, patience or Patience(), tell)
        retries = retries or Retries()
        self._soap = Soap(
            tokens=self._tokens,
            session=self._session,
            timeouts=self._timeouts,
            retries=retries,
            limits=self._limits,
            wait_out=self._outages.wait_out,
        )
        self._sftp_transport = sftp_transport
        self._ftp_lock = threading.Lock()
        self._ftp_refusal: SftpAuthenticationFailed | None = None
        self.data_extensions = DataExtensions(self._soap)
        self.folders = Folders(self._soap)
        self.rows = Rows(self._soap)
        self.imports = Imports(self._soap)
        self.file_transfers = FileTransfers(self._soap)
        self.extracts = Extracts(self._soap)
        self.events = Events(self._soap)
        self.subscribers = Subscribers(self._soap)
        self.lists = Lists(self._soap)
        self.later = Later(self._soap)
        self.queries = Queries(self._soap)
        self.data_filters = DataFilters(self._soap)
        self.automations = Automations(self._soap)
        self.metadata = Metadata(self._soap)
        self.rest = Rest(
            tokens=self._tokens,
            session=self._session,
            timeouts=self._timeouts,
            retries=retries,
            limits=self._limits,
        )

    def _logins(self, token_cache: Path | None) -> Logins:
        connection, login = self._connection, self._connection.login
        if isinstance(login, UserLogin):
            return Users(connection, login)
        cache = memory_of(connection, login) if token_cache is None else TokenFile(token_cache, connection, login)
        return Tokens(connection, login, session=self._session, timeouts=self._timeouts, cache=cache)

    def __repr__(self) -> str:
        return f"ExactTarget(mid={self._connection.mid}, service={self._connection.service!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close kept connections; a later call opens new ones."""
        self._tokens.leave()
        self._session.close()

    def log_in(self) -> None:
        """Ask for an access token unless there is a good one. Every call does so by itself."""
        self._tokens.current()

    def system_status(self) -> SystemStatus:
        """Whether ExactTarget works. Not before each call, and at most once a minute [D].

        A maintenance or outage fault is the answer too. Raises Unreachable, AuthenticationFailed and the like.
        """
        what = "Asking for the system status"
        try:
            message = self._soap.call("GetSystemStatus", what=what, repeat=Repeat.SAFE, is_patient=False)
        except InMaintenance:
            return SystemStatus.InMaintenance
        except ServiceUnavailable as error:
            if "Unplanned Outage" in str(error):
                return SystemStatus.UnplannedOutage
            raise
        reply = self._soap.parse("GetSystemStatus", message)
        results = reply.Results.Result if reply.Results is not None else []
        told = results[0].SystemStatus if results else None
        if told not in SystemStatus.__members__:
            raise MalformedReply(f"{what}: the answer {told!r} is none of the documented ones. Ask again in a minute.")
        return SystemStatus(told)

    def user_token(self, *, user: str | None = None) -> UserToken:
        """A token with which a person's browser enters the application within 30 seconds; see `execute.user_token`."""
        return user_token(self._soap, user=user)

    def wait_out(self, *, error: InMaintenance) -> None:
        """Return once ExactTarget works again after a call was refused with `error`.

        Calls that may be repeated do so by themselves; this is for those whose caller must look first. Raises `error`
        at once without patience, and InMaintenance when it is over.
        """
        self._outages.wait_out(error)

    @contextlib.contextmanager
    def ftp(self) -> "Iterator[EnhancedFtp]":
        """One connection to the Enhanced FTP site, for one thread; ten are allowed for an account [D].

        Raises Misconfigured, Unreachable, HostKeyMismatch, SftpAuthenticationFailed. Once refused, the password is
        not sent again by this client, for the site locks accounts [D].
        """
        from et_platform.exacttarget.sftp import EnhancedFtp

        connect = self._sftp_transport or self._log_in_to_sftp
        with self._limits.sftp():
            try:
                site = EnhancedFtp(connect)
            except Unreachable as error:
                self._outages.wait_out(error)
                site = EnhancedFtp(connect)
            with contextlib.closing(site):
                yield site

    def _log_in_to_sftp(self) -> "Transport":
        from et_platform.exacttarget.ssh_transport import SshTransport

        if self._connection.sftp is None:
            raise Misconfigured("The Enhanced FTP was asked for, but the connection has no SFTP part. Set it.")
        with self._ftp_lock:  # one login at a time: a wrong password goes out once, not once for each thread
            if self._ftp_refusal is not None:
                raise SftpAuthenticationFailed(str(self._ftp_refusal))
            try:
                return SshTransport(self._connection.sftp, self._timeouts)
            except SftpAuthenticationFailed as error:
                self._ftp_refusal = error
                raise
