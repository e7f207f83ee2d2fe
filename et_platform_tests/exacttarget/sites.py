"""A real SFTP server (asyncssh) in a thread, with the faults that a test asks for."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from et_platform.exacttarget.connection import SftpConnection

PASSWORD = "p4ssword-of-the-test"


@dataclass
class Site:
    """What the server is told to do wrong, and what it saw."""

    root: Path
    port: int = 0
    host_key: str = ""
    logins: list[str] = field(default_factory=list)
    connections: int = 0
    written: int = 0
    """Bytes that arrived in writes, over all connections."""
    read: int = 0
    """Bytes that were asked for in reads, over all connections."""
    authorized: str = ""
    """A public key that may log in without a password."""
    rekey_bytes: int = 1 << 30
    cut_after_bytes: int | None = None
    """Hang up once so many bytes were written over the connection; then behave."""
    cut_reads_after_bytes: int | None = None
    """Hang up once so many bytes were read over the connection; then behave."""
    flip_byte: int | None = None
    """Store another byte than was sent at this offset: a disk that is damaged."""
    drop_bytes_after: int | None = None
    """Acknowledge writes beyond this offset without storing them: a full disk that nobody notices."""
    largest_request: int | None = None
    """Hang up on larger writes, answer larger reads with only so much."""
    largest_seen: int = 0
    """Bytes of the largest write or read that was asked for."""
    has_posix_rename: bool = True
    refuse_rename: bool = False
    read_hook: object = None

    def connection(self, **changes: object) -> SftpConnection:
        values = {"host": "127.0.0.1", "port": self.port, "user": "7", "password": PASSWORD, "host_key": self.host_key}
        return SftpConnection.model_validate({**values, **changes})

    def names(self) -> list[str]:
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())


def _files(site: Site) -> type[asyncssh.SFTPServer]:
    class Files(asyncssh.SFTPServer):
        written = 0
        read_bytes = 0

        def __init__(self, channel: asyncssh.SSHServerChannel):
            super().__init__(channel, chroot=os.fsencode(site.root))

        def _hang_up(self) -> None:
            self.channel.get_connection().abort()

        def write(self, file_obj: object, offset: int, data: bytes) -> int:
            site.largest_seen = max(site.largest_seen, len(data))
            if site.largest_request and len(data) > site.largest_request:
                self._hang_up()
                return 0
            self.written += len(data)
            site.written += len(data)
            if site.cut_after_bytes is not None and self.written >= site.cut_after_bytes:
                site.cut_after_bytes = None
                self._hang_up()
                return 0
            if site.drop_bytes_after is not None and offset >= site.drop_bytes_after:
                return len(data)
            if site.flip_byte is not None and offset <= site.flip_byte < offset + len(data):
                at = site.flip_byte - offset
                data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            return super().write(file_obj, offset, data)  # pyright: ignore[reportReturnType]

        def read(self, file_obj: object, offset: int, size: int) -> bytes:
            if site.read_hook is not None:
                site.read_hook(offset)  # pyright: ignore[reportCallIssue]
            site.largest_seen = max(site.largest_seen, size)
            size = min(size, site.largest_request or size)
            self.read_bytes += size
            site.read += size
            if site.cut_reads_after_bytes is not None and self.read_bytes >= site.cut_reads_after_bytes:
                site.cut_reads_after_bytes = None
                self._hang_up()
                return b""
            return super().read(file_obj, offset, size)  # pyright: ignore[reportReturnType]

        def rename(self, oldpath: bytes, newpath: bytes) -> None:
            if site.refuse_rename:
                raise asyncssh.SFTPFailure("refused")
            if os.path.lexists(self.map_path(newpath)):
                raise asyncssh.SFTPFailure("exists")
            super().rename(oldpath, newpath)

        def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
            if not site.has_posix_rename:
                raise asyncssh.SFTPOpUnsupported("no such extension")
            if site.refuse_rename:
                raise asyncssh.SFTPFailure("refused")
            super().posix_rename(oldpath, newpath)

    return Files


@contextlib.contextmanager
def running_site(root: Path, **faults: object) -> Iterator[Site]:
    for folder in ("Import", "Export", "Reports"):
        (root / folder).mkdir(parents=True)
    site = Site(root, **faults)  # pyright: ignore[reportArgumentType]
    key = asyncssh.generate_private_key("ssh-ed25519")
    site.host_key = key.export_public_key().decode().strip()

    class Login(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            site.connections += 1

        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def kbdint_auth_supported(self) -> bool:
            return True  # a second way to send the password, which the client must not take

        def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> object:
            return "", "", "", [("Password:", False)]

        def validate_kbdint_response(self, username: str, responses: list[str]) -> bool:
            site.logins += responses
            return False

        def public_key_auth_supported(self) -> bool:
            return bool(site.authorized)

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return key == asyncssh.import_public_key(site.authorized)

        def validate_password(self, username: str, password: str) -> bool:
            site.logins.append(password)
            return password == PASSWORD

    started = threading.Event()
    loop = asyncio.new_event_loop()
    ending = asyncio.Event()

    async def serve() -> None:
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Login,
            server_host_keys=[key],
            sftp_factory=_files(site),
            rekey_bytes=site.rekey_bytes,
        )
        site.port = server.get_port()
        started.set()
        await ending.wait()
        server.close()
        await server.wait_closed()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(30)
        yield site
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
        loop.close()
