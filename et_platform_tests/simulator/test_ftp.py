from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import paramiko
import pytest
from click.testing import CliRunner

from et_platform.simulator import clock, ftp_cleanup, ftp_files
from et_platform.simulator.cli import sim
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


def test_names_have_their_rules(simulator: Simulator) -> None:
    with connected(simulator) as sftp:
        for name in ('a"b', "a?b", "a|b", "a:b", "a*b", "a<b", "a\\b"):
            for action in (
                lambda name=name: sftp.open(f"/Import/{name}", "w"),
                lambda name=name: sftp.mkdir(f"/Import/{name}"),
            ):
                with pytest.raises(OSError, match="a name may not contain"):
                    action()
        sftp.mkdir("/Import/year")
        sftp.mkdir("/Import/year/month")
        sftp.putfo(io.BytesIO(b"x"), "/Import/year/month/täglich 1.csv")
        with pytest.raises(OSError, match="a name may not contain"):
            sftp.rename("/Import/year/month/täglich 1.csv", "/Import/year/what?.csv")
        sftp.rename("/Import/year/month/täglich 1.csv", "/Import/year/x.csv")
        assert sorted(sftp.listdir("/Import/year")) == ["month", "x.csv"]
        with pytest.raises(OSError, match="not empty"):
            sftp.rmdir("/Import/year")
        with pytest.raises(PermissionError):
            sftp.posix_rename("/Import/year", "/Reports")


def test_users_log_in_by_password_key_or_both(tmp_path: Path) -> None:
    keys = [paramiko.ECDSAKey.generate() for _ in range(2)]
    line = f"{keys[0].get_name()} {keys[0].get_base64()} somebody"
    settings = {
        "business_units": [{"mid": 2000001, "name": "Germany"}],
        "ftp_users": [
            {"business_unit": 2000001, "login": "key", "authorized_keys": [line]},
            {"business_unit": 2000001, "login": "both", "password": "second", "authorized_keys": [line]},
            {"business_unit": 1000001, "password": "other"},
        ],
    }
    (tmp_path / "settings.yaml").write_text(json.dumps(settings))
    extra = ("--mid", "1000001", "--settings", str(tmp_path / "settings.yaml"))
    with running_simulator(tmp_path / "data", *extra, "--set", "sftp_bad_passwords=0") as simulator:

        @contextlib.contextmanager
        def transport() -> Iterator[paramiko.Transport]:
            opened = paramiko.Transport((simulator.info["sftp_host"], simulator.info["sftp_port"]))
            try:
                opened.start_client(timeout=30)
                yield opened
            finally:
                opened.close()

        def folders(opened: paramiko.Transport) -> list[str]:
            client = paramiko.SFTPClient.from_transport(opened)
            assert client is not None
            return sorted(client.listdir("/"))

        everything = ["Export", "Import", "Reports"]
        with transport() as opened:
            opened.auth_publickey("2000001_2", keys[0])
            assert folders(opened) == everything
        for user, key in (("2000001_2", keys[1]), ("2000001", keys[0]), ("2000001_3", keys[1])):
            with transport() as opened, pytest.raises(paramiko.SSHException):
                opened.auth_publickey(user, key)
        with transport() as opened, pytest.raises(paramiko.SSHException):
            opened.auth_password("2000001_2", "")
        with transport() as opened:
            assert opened.auth_publickey("2000001_3", keys[0]) == ["keyboard-interactive", "password"]
            assert not opened.is_authenticated()
            with pytest.raises(paramiko.AuthenticationException):
                opened.auth_password("2000001_3", "wrong", fallback=False)
            opened.auth_password("2000001_3", "second", fallback=False)
            assert folders(opened) == everything
        with transport() as opened:
            assert opened.auth_password("2000001_3", "second", fallback=False) == ["publickey"]
            assert not opened.is_authenticated()
        with transport() as opened:
            opened.auth_password("1000001_2", "other")
            client = paramiko.SFTPClient.from_transport(opened)
            assert client is not None
            client.putfo(io.BytesIO(b"x"), "/Export/enterprise.txt")
            assert (simulator.data_dir / "ftp" / "1000001" / "Export" / "enterprise.txt").exists()


def test_bad_passwords_lock_out_and_silence_hangs_up(tmp_path: Path) -> None:
    strict = ("sftp_bad_passwords=2", "sftp_idle_seconds=0.5", "sftp_overwrite=false", "sftp_posix_rename=false")
    extra = [word for one in (*strict, "sftp_rename_replaces=true") for word in ("--set", one)]
    with running_simulator(tmp_path / "data", *extra) as simulator:
        with connected(simulator) as sftp:
            sftp.putfo(io.BytesIO(b"1"), "/Import/a.csv")
            sftp.putfo(io.BytesIO(b"2"), "/Import/b.csv")
            with pytest.raises(OSError, match="exists already"):
                sftp.putfo(io.BytesIO(b"3"), "/Import/a.csv")
            with pytest.raises(OSError, match="posix-rename"):
                sftp.posix_rename("/Import/b.csv", "/Import/a.csv")
            sftp.rename("/Import/b.csv", "/Import/a.csv")
            assert (simulator.ftp_folder / "Import" / "a.csv").read_bytes() == b"2"
            deadline = time.monotonic() + 30
            channel = sftp.get_channel()
            assert channel is not None
            while channel.get_transport().is_active():
                assert time.monotonic() < deadline
                time.sleep(0.02)
        for _ in range(2):
            with pytest.raises(paramiko.AuthenticationException), connected(simulator, "wrong"):
                pass
        with pytest.raises(paramiko.AuthenticationException), connected(simulator):
            pass
        advance = ["advance", "--data", str(simulator.data_dir), "--minutes", "31"]
        done = CliRunner().invoke(sim, advance)
        assert done.exit_code == 0, done.output
        with connected(simulator) as sftp:
            assert sftp.listdir("/Import") == ["a.csv"]


def test_a_running_simulator_removes_what_was_there_for_more_than_21_days(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data") as simulator:

        def later(days: str) -> list[str]:
            """Set the clock forward; the files of the site as a client sees them."""
            arguments = ["advance", "--data", str(simulator.data_dir), "--days", days]
            done = CliRunner().invoke(sim, arguments)
            assert done.exit_code == 0, done.output
            with connected(simulator) as sftp:
                assert sorted(sftp.listdir("/")) == ["Export", "Import", "Reports"]
                assert "sub" in sftp.listdir("/Import")
                return [*sftp.listdir("/Import/sub"), *sftp.listdir("/Export")]

        with connected(simulator) as sftp:
            sftp.mkdir("/Import/sub")
            for name in ("/Import/sub/a.csv", "/Export/b.zip"):
                sftp.putfo(io.BytesIO(b"Key\n1\n"), name)
        assert later("20") == ["a.csv", "b.zip"]
        assert later("3") == []


def test_old_files_are_removed_and_folders_stay(tmp_path: Path) -> None:
    ftp_files.prepare(tmp_path)
    (tmp_path / "Import" / "sub").mkdir()
    old = tmp_path / "Import" / "sub" / "old.csv"
    old.touch()
    os.utime(old, (0, 0))  # what date a client gives it does not matter
    now = clock.now()
    assert ftp_cleanup.sweep(tmp_path, 21, now + timedelta(days=20)) == []
    assert ftp_cleanup.sweep(tmp_path, 0, now + timedelta(days=90)) == []
    assert ftp_cleanup.sweep(tmp_path, 21, now + timedelta(days=22)) == [old]
    assert old.parent.is_dir()
