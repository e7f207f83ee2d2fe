"""An access token that several processes share: the service gives one in 20 minutes to a machine [D].

Belongs here: the file, its lock, who may read it. Does not: asking for tokens (`auth.py`). The file holds a secret: it
is made for its owner alone, and is not used if others may read it. Without a cache, each process asks for itself.
"""

import contextlib
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from et_platform.exacttarget.connection import Connection
from et_platform.exacttarget.errors import Misconfigured


class TokenCache:
    """One file in a folder, for one client id and business unit; the folder is made when it is missing.

    The lock is held while a token is asked for, so that of many processes one asks.
    """

    def __init__(self, folder: Path, connection: Connection):
        names = (connection.auth_url.rstrip("/"), connection.client_id, str(connection.mid))
        self._folder = folder
        self._path = folder / f"token-{hashlib.sha256('|'.join(names).encode()).hexdigest()[:24]}.json"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock between processes."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self._path.with_suffix(".lock"), mode=0o600):
            yield

    def read(self) -> tuple[str, str, str, float] | None:
        """Token, SOAP and REST address and end by the wall clock, if a readable one is there. Raises Misconfigured."""
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
            return str(kept["token"]), str(kept["soap_url"]), str(kept["rest_url"]), float(kept["until"])
        except (ValueError, KeyError, TypeError):
            return None  # written by another version, say: it will be written anew

    def write(self, token: str, soap_url: str, rest_url: str, until: float) -> None:
        """Replace what is there, in one step."""
        kept = {"token": token, "soap_url": soap_url, "rest_url": rest_url, "until": until}
        content = json.dumps(kept).encode()
        temporary = self._path.with_suffix(f".{secrets.token_hex(6)}")
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            temporary.replace(self._path)
        finally:
            temporary.unlink(missing_ok=True)
