"""Logging in with a key, and with other transports and servers than the usual ones."""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import paramiko
import pytest
from pydantic import ValidationError

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import SftpConnection, Timeouts
from et_platform.exacttarget.models import RemoteFile
from et_platform.exacttarget.sftp import EnhancedFtp
from et_platform.exacttarget.ssh_transport import SshTransport
from et_platform_tests.exacttarget.scripted import scripted_service
from et_platform_tests.exacttarget.sites import PASSWORD, running_site

QUICK = Timeouts(connect=5, ftp=5)
PASSPHRASE = "passphrase-of-the-test"
CONTENT = os.urandom(3_000_000)


@pytest.fixture(scope="module")
def key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


def private(key: asyncssh.SSHKey, passphrase: str | None = None, form: str = "openssh") -> str:
    return key.export_private_key(form, passphrase, rounds=50).decode()


def there_and_back(connection: SftpConnection, folder: Path, content: bytes = CONTENT) -> None:
    (folder / "local").write_bytes(content)
    ftp = EnhancedFtp(lambda: SshTransport(connection, QUICK))
    try:
        ftp.put(local=folder / "local", remote="Import/x.csv")
        assert [file.name for file in ftp.list(folder="Import")] == ["x.csv"]
        ftp.get(remote="Import/x.csv", local=folder / "back")
    finally:
        ftp.close()
    assert (folder / "back").read_bytes() == content


@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem"])
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_a_key_is_enough_where_the_account_says_so(tmp_path, key, passphrase, form):
    with running_site(tmp_path / "site", authorized=key.export_public_key().decode()) as site:
        connection = site.connection(password=None, private_key=private(key, passphrase, form), passphrase=passphrase)
        there_and_back(connection, tmp_path)
        assert site.logins == []


def test_a_key_that_is_not_known_is_refused_like_a_password(tmp_path, key):
    other = asyncssh.generate_private_key("ssh-ed25519")
    with running_site(tmp_path / "site", authorized=key.export_public_key().decode()) as site:
        with pytest.raises(errors.SftpAuthenticationFailed, match="refused the key of user 7"):
            SshTransport(site.connection(password=None, private_key=private(other)), QUICK)
        assert site.logins == []


@pytest.mark.parametrize("wrong", ["passphrase", "no passphrase", "text"])
def test_a_key_that_cannot_be_read_is_never_quoted(tmp_path, key, wrong, caplog):
    text = private(key, PASSPHRASE)
    if wrong == "text":
        text = text.replace("A", "B")
    passphrase = {"passphrase": "wrong-" + PASSPHRASE, "no passphrase": None, "text": PASSPHRASE}[wrong]
    with running_site(tmp_path / "site") as site:
        connection = site.connection(password=None, private_key=text, passphrase=passphrase)
        with pytest.raises(errors.Misconfigured, match="private key of SFTP user 7 cannot be read") as caught:
            SshTransport(connection, QUICK)
        assert site.connections == 0
    shown = (
        f"{caught.value!r} {caught.getrepr(style='short', showlocals=False)} {connection!r} {connection} {caplog.text}"
    )
    for secret in (PASSPHRASE, text.splitlines()[1]):
        assert secret not in shown


def test_neither_password_nor_key_is_an_error_that_shows_nothing(key):
    line = key.export_public_key().decode().strip()
    with pytest.raises(ValidationError, match="password or private_key must be given"):
        SftpConnection(host="h", user="7", host_key=line)
    with pytest.raises(ValidationError) as caught:
        SftpConnection.model_validate({"host": "h", "user": "7", "host_key": line, "password": PASSWORD, "port": "x"})
    assert PASSWORD not in str(caught.value)


class Both(paramiko.ServerInterface):
    """A server that wants the key and then the password."""

    def __init__(self):
        self.seen: list[str] = []

    def get_allowed_auths(self, username: str) -> str:
        return "password" if "key" in self.seen else "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.seen.append("key")
        return paramiko.AUTH_PARTIALLY_SUCCESSFUL

    def check_auth_password(self, username: str, password: str) -> int:
        self.seen.append(password)
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


def test_both_are_used_where_the_account_wants_both(tmp_path, key):
    wants = Both()
    host_key = paramiko.ECDSAKey.generate()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        transports: list[paramiko.Transport] = []

        def serve() -> None:
            transport = paramiko.Transport(listening.accept()[0])
            transports.append(transport)
            transport.add_server_key(host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, paramiko.SFTPServerInterface)
            transport.start_server(server=wants)

        thread = threading.Thread(target=serve)
        thread.start()
        connection = SftpConnection(
            host="127.0.0.1",
            port=listening.getsockname()[1],
            user="7",
            password=PASSWORD,  # pyright: ignore[reportArgumentType]
            private_key=private(key),  # pyright: ignore[reportArgumentType]
            host_key=f"{host_key.get_name()} {host_key.get_base64()}",
        )
        try:
            EnhancedFtp(lambda: SshTransport(connection, QUICK)).close()
        finally:
            thread.join()
            for transport in transports:
                transport.close()
    assert wants.seen[-1] == PASSWORD
    assert wants.seen.count(PASSWORD) == 1
    assert "key" in wants.seen


def test_a_server_that_falls_silent_is_not_waited_for(tmp_path):
    answer = threading.Event()
    with running_site(tmp_path / "site") as site:
        (site.root / "Export/x.zip").write_bytes(CONTENT)
        connection = site.connection()
        ftp = EnhancedFtp(lambda: SshTransport(connection, Timeouts(connect=5, ftp=0.3)))
        ftp.get(remote="Export/x.zip", local=tmp_path / "back")  # large blocks are proven, so they are not blamed
        site.read_hook = lambda offset: answer.wait(5)
        try:
            with pytest.raises(errors.TransferInterrupted, match="no answer in time"):
                ftp.get(remote="Export/x.zip", local=tmp_path / "back")
        finally:
            answer.set()
            ftp.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["back", "site"]


def test_the_session_keys_change_in_the_middle_of_transfers(tmp_path, caplog):
    caplog.set_level("DEBUG", logger="asyncssh")
    with running_site(tmp_path / "site", rekey_bytes=500_000) as site:
        there_and_back(site.connection(), tmp_path)
    changes = [one for one in caplog.messages if one.endswith("Completed key exchange")]
    assert len(changes) > 5


class FolderTransport:
    """A site that is a folder of this machine."""

    def __init__(self, root: Path):
        self.root = root
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def list(self, *, folder: str, what: str) -> list[RemoteFile]:
        return [self.stat(path=f"{folder}/{path.name}", what=what) for path in (self.root / folder).iterdir()]

    def stat(self, *, path: str, what: str) -> RemoteFile:
        if not (self.root / path).exists():
            raise errors.NotFound(what)
        found = (self.root / path).stat()
        folder, _, name = path.rpartition("/")
        return RemoteFile(
            name=name, size=found.st_size, mtime=datetime.fromtimestamp(int(found.st_mtime), UTC), folder=folder
        )

    def remove(self, *, path: str, what: str) -> None:
        (self.root / path).unlink()

    def rename(self, *, old: str, new: str, what: str) -> None:
        (self.root / old).rename(self.root / new)

    def replace(self, *, old: str, new: str, what: str) -> bool:
        self.rename(old=old, new=new, what=what)
        return True

    def read(self, *, path, start, end, block, take, what) -> None:
        with (self.root / path).open("rb") as file:
            file.seek(start)
            while data := file.read(min(block, end - file.tell())):
                take(data)

    def write(self, *, path, start, block, give, arrived, what) -> None:
        with (self.root / path).open("r+b" if start else "wb") as file:
            file.seek(start)
            while data := give(block):
                arrived(file.write(data))


def test_the_transport_can_be_another_one(tmp_path):
    (tmp_path / "site" / "Import").mkdir(parents=True)
    (tmp_path / "local").write_bytes(CONTENT)
    opened: list[FolderTransport] = []

    def connect() -> FolderTransport:
        opened.append(FolderTransport(tmp_path / "site"))
        return opened[-1]

    with (
        scripted_service() as service,
        ExactTarget(service.connection(), sftp_transport=connect) as exacttarget,
        exacttarget.ftp() as ftp,
    ):
        assert ftp.put(local=tmp_path / "local", remote="Import/x.csv").size == len(CONTENT)
        assert ftp.get(remote="Import/x.csv", local=tmp_path / "back").path == "Import/x.csv"
        assert [file.name for file in ftp.list(folder="Import")] == ["x.csv"]
        assert ftp.remove(remote="Import/x.csv")
    assert (tmp_path / "back").read_bytes() == CONTENT
    assert [one.is_open for one in opened] == [False]


SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def running_sshd(folder: Path, key: asyncssh.SSHKey) -> Iterator[SftpConnection]:
    assert SSHD is not None
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    host_key.write_private_key(folder / "host")
    (folder / "host").chmod(0o600)
    key.write_public_key(folder / "authorized")
    (folder / "site" / "Import").mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\nRekeyLimit 500K\nLogLevel DEBUG\n"
        f"Subsystem sftp internal-sftp -d {folder}/site\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen([SSHD, "-D", "-f", folder / "sshd_config", "-E", folder / "log"]) as server:
        try:
            deadline = time.monotonic() + 20
            while True:
                with socket.socket() as probe:
                    if not probe.connect_ex(("127.0.0.1", port)):
                        break
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
            yield SftpConnection(
                host="127.0.0.1",
                port=port,
                user=os.environ.get("USER") or "root",
                private_key=private(key),  # pyright: ignore[reportArgumentType]
                host_key=host_key.export_public_key().decode().strip(),
            )
        finally:
            server.terminate()


@pytest.mark.skipif(SSHD is None, reason="OpenSSH's server is not installed (Debian: openssh-server)")
@pytest.mark.skipif(os.geteuid() != 0, reason="sshd needs root for the folder it confines itself to")
def test_openssh_server_that_changes_keys_in_the_middle(tmp_path, key):
    with running_sshd(tmp_path, key) as connection:
        there_and_back(connection, tmp_path)
        ftp = EnhancedFtp(lambda: SshTransport(connection, QUICK))
        ftp.put(local=tmp_path / "local", remote="Import/x.csv", resume=True, read_back=True)  # replaces
        assert ftp.stat(remote="Import/none.csv") is None
        with pytest.raises(errors.NotFound):
            ftp.list(folder="None")
        ftp.close()
        changes = (tmp_path / "log").read_text().count("rekeying")
    assert changes > 5
