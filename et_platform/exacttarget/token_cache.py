"""An access token that several clients or processes share: the service gives one in 20 minutes to a machine [D].

Belongs here: where it is kept, the lock, who may read it. Does not: asking for tokens (`auth.py`). A file holds a
secret: it is made for its owner alone, and is not used if others may read it. Without a folder for it, the clients that
a process has open together share a token in its memory, and each process asks for itself.
"""

import contextlib
import hashlib
import json
import os
import secrets
import stat
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, Self

from filelock import FileLock

from et_platform.exacttarget.connection import Connection, LegacyPackageLogin, PackageLogin
from et_platform.exacttarget.errors import Misconfigured
from et_platform.exacttarget.in_process import InProcess


@dataclass(frozen=True)
class Kept:
    """A token as it is kept, with the addresses that came with it and its end by the wall clock."""

    token: str = field(repr=False)
    soap_url: str
    rest_url: str
    until: float
    legacy_token: str = field(default="", repr=False)


class TokenCache(Protocol):
    """Where a token is kept. Who asks for a new one holds the lock, so that of many one asks."""

    def locked(self) -> AbstractContextManager[object]:
        """Hold the lock."""
        ...

    def read(self) -> Kept | None:
        """What is kept, if it can be read. Raises Misconfigured."""
        ...

    def write(self, kept: Kept) -> None:
        """Replace it, in one step."""
        ...


class TokenMemory:
    """In memory, for the clients of the same credentials that this process has open together; the last forgets it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Kept | None = None
        self._holders = 0
        self._counting = threading.Lock()

    def join(self) -> Self:
        """Take part; see `leave`."""
        with self._counting:
            self._holders += 1
        return self

    def leave(self) -> None:
        """Take part no longer. A memory that nobody takes part in is empty, whatever may still refer to it."""
        with self._counting:
            self._holders -= 1
            if not self._holders:
                self._kept = None

    def locked(self) -> AbstractContextManager[object]:
        """See TokenCache."""
        return self._lock

    def read(self) -> Kept | None:
        """See TokenCache."""
        return self._kept

    def write(self, kept: Kept) -> None:
        """See TokenCache."""
        self._kept = kept


_memories: InProcess[TokenMemory] = InProcess()


def memory_of(connection: Connection, login: PackageLogin | LegacyPackageLogin) -> TokenMemory:
    """The memory of these very credentials, joined; to be left."""
    keys = (type(login).__name__, login.client_id, login.client_secret)
    whose = (connection.auth_url, connection.soap_url, connection.rest_url, connection.mid, *keys)
    return _memories.get(whose, TokenMemory).join()


class TokenFile:
    """In a file, for the processes of one machine; one for a client id and business unit. The folder is made."""

    def __init__(self, folder: Path, connection: Connection, login: PackageLogin | LegacyPackageLogin):
        names = (connection.service, login.client_id, str(connection.mid))
        self._folder = folder
        self._path = folder / f"token-{hashlib.sha256('|'.join(names).encode()).hexdigest()[:24]}.json"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock between processes."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self._path.with_suffix(".lock"), mode=0o600):
            yield

    def read(self) -> Kept | None:
        """See TokenCache. Raises Misconfigured if others may read or write the file."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            if os.name == "posix":
                found = os.fstat(file.fileno())
                if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
                    raise Misconfigured(
                        f"The token cache {self._path.name} in {self._folder} can be read or written by others. It was "
                        "not used. Remove it, and find out who made it so."
                    )
            content = file.read()
        try:
            kept = json.loads(content)
            return Kept(
                str(kept["token"]),
                str(kept["soap_url"]),
                str(kept["rest_url"]),
                float(kept["until"]),
                str(kept.get("legacy_token", "")),
            )
        except (ValueError, KeyError, TypeError):
            return None  # written by another version, say: it will be written anew

    def write(self, kept: Kept) -> None:
        """See TokenCache."""
        content = json.dumps(asdict(kept)).encode()
        temporary = self._path.with_suffix(f".{secrets.token_hex(6)}")
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            temporary.replace(self._path)
        finally:
            temporary.unlink(missing_ok=True)
