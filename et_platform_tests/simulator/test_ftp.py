from __future__ import annotations

import contextlib
import io
import stat
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from et_platform_tests.simulated import Simulator, running_simulator


@contextlib.contextmanager
def connected(simulator: Simulator, password: str = "") -> Iterator[paramiko.SFTPClient]:
    info = simulator.info
    transport = paramiko.Transport((info["sftp_host"], info["sftp_port"]))
    try:
        kind, text = info["sftp_host_key"].split()[:2]
        transport.connect(username=info["sftp_user"], password=password or info["sftp_password"])
        key = transport.get_remote_server_key()
        assert (key.get_name(), key.get_base64()) == (kind, text)
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        yield client
    finally:
        transport.close()


def test_the_folders_are_there_and_stay(simulator: Simulator) -> None:
    with connected(simulator) as sftp:
        assert sorted(sftp.listdir("/")) == ["Export", "Import", "Reports"]
        for name in ("Import", "/Export", "/Import/../Reports/"):
            with pytest.raises(PermissionError):
                sftp.rmdir(name)
        with pytest.raises(PermissionError):
            sftp.rename("/Import", "/Other")
        with pytest.raises(PermissionError):
            sftp.posix_rename("/Import", "/Other")
        assert sorted(sftp.listdir("/")) == ["Export", "Import", "Reports"]


def test_files_go_up_are_renamed_and_come_back(simulator: Simulator) -> None:
    content = bytes(range(256)) * 5000
    with connected(simulator) as sftp:
        sftp.putfo(io.BytesIO(content), "/Import/.x.part")
        assert sftp.stat("/Import/.x.part").st_size == len(content)
        sftp.rename("/Import/.x.part", "/Import/x.csv")
        sftp.putfo(io.BytesIO(b"new"), "/Import/y.csv")
        with pytest.raises(OSError, match="exists"):
            sftp.rename("/Import/y.csv", "/Import/x.csv")
        back = io.BytesIO()
        sftp.getfo("/Import/x.csv", back)
        assert back.getvalue() == content
        sftp.posix_rename("/Import/y.csv", "/Import/x.csv")
        assert sftp.listdir("/Import") == ["x.csv"]
        on_disk = simulator.ftp_folder / "Import" / "x.csv"
        assert stat.S_IMODE(on_disk.stat().st_mode) == 0o600
        sftp.mkdir("/Import/sub")
        sftp.rmdir("/Import/sub")
        sftp.remove("/Import/x.csv")


def test_nobody_leaves_the_site(simulator: Simulator) -> None:
    with connected(simulator) as sftp:
        assert sorted(sftp.listdir("/../../..")) == ["Export", "Import", "Reports"]
        with pytest.raises(FileNotFoundError):
            sftp.open("/../../account.json")
        with pytest.raises(PermissionError):
            sftp.symlink("/etc/passwd", "/Import/passwd")
        assert sftp.listdir("/Import") == []


def test_a_wrong_password_is_refused(simulator: Simulator) -> None:
    with pytest.raises(paramiko.AuthenticationException), connected(simulator, "wrong"):
        pass


def test_ten_connections_at_once_and_no_more(simulator: Simulator) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(simulator)) for _ in range(10)]
        with pytest.raises(paramiko.SSHException), connected(simulator):
            pass
        assert clients[9].listdir("/Import") == []
    with connected(simulator) as sftp:
        assert "Import" in sftp.listdir("/")


def test_open_connections_do_not_hold_up_the_end(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--set", "sftp_connections=1") as simulator, connected(simulator) as sftp:
        with pytest.raises(paramiko.SSHException), connected(simulator):
            pass
        assert sftp.listdir("/Export") == []
        assert simulator.stop() == 0
