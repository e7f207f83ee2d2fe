import asyncssh
import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import Timeouts
from et_platform.exacttarget.sftp import EnhancedFtp
from et_platform.exacttarget.ssh_transport import SshTransport
from et_platform_tests.exacttarget.scripted import closed_port, scripted_service
from et_platform_tests.exacttarget.sites import PASSWORD, running_site

QUICK = Timeouts(connect=5, ftp=5)
CONTENT = bytes(range(256)) * 4000 + b"the end"


def open_site(site, **changes) -> EnhancedFtp:
    connection = site.connection(**changes)
    return EnhancedFtp(lambda: SshTransport(connection, QUICK))


def there_and_back(site, local, tmp_path, content: bytes) -> None:
    local.write_bytes(content)
    ftp = open_site(site)
    try:
        assert ftp.put(local=local, remote="Import/x.csv").size == len(content)
        assert ftp.get(remote="Import/x.csv", local=tmp_path / "back").size == len(content)
    finally:
        ftp.close()
    assert (tmp_path / "back").read_bytes() == content
    assert site.names() == ["Import/x.csv"]


@pytest.mark.parametrize("size", [0, 1, 261_120, len(CONTENT), 20_000_000])
def test_a_file_goes_there_and_back(tmp_path, size):
    with running_site(tmp_path / "site") as site:
        there_and_back(site, tmp_path / "local", tmp_path, (CONTENT * 20)[:size])
        assert site.connections == 1
    assert (tmp_path / "back").stat().st_mode & 0o777 == 0o600


def test_progress_is_told_to_the_end(tmp_path):
    told: list[tuple[int, int]] = []
    (tmp_path / "local").write_bytes(CONTENT)
    with running_site(tmp_path / "site") as site:
        ftp = open_site(site)
        ftp.put(local=tmp_path / "local", remote="Import/x.csv", progress=lambda done, size: told.append((done, size)))
        ftp.get(remote="Import/x.csv", local=tmp_path / "back", progress=lambda done, size: told.append((done, size)))
        ftp.close()
    assert told.count((len(CONTENT), len(CONTENT))) == 2
    assert told[0] == (261_120, len(CONTENT))


def test_list_stat_and_remove(tmp_path):
    with running_site(tmp_path / "site") as site:
        (site.root / "Export" / "folder").mkdir()
        for name in ("b.zip", "a.zip"):
            (site.root / "Export" / name).write_bytes(b"12345")
        ftp = open_site(site)
        files = ftp.list(folder="Export")
        assert [(file.name, file.size, file.path) for file in files] == [
            ("a.zip", 5, "Export/a.zip"),
            ("b.zip", 5, "Export/b.zip"),
        ]
        assert files[0].mtime.utcoffset() is not None
        assert ftp.stat(remote="/Export/a.zip") == files[0]
        assert ftp.stat(remote="Export/none") is None
        assert [ftp.remove(remote="Export/a.zip"), ftp.remove(remote="Export/a.zip")] == [True, False]
        with pytest.raises(errors.NotFound, match="Nowhere"):
            ftp.list(folder="Nowhere")
        with pytest.raises(errors.NotFound, match="Export/none"):
            ftp.get(remote="Export/none", local=tmp_path / "back")
        ftp.close()
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("name", ["Import/a:b", "../x", "Import//x", "", "Import/a?b", "Import/a\nb"])
def test_forbidden_names_never_reach_the_site(tmp_path, name):
    with running_site(tmp_path / "site") as site:
        ftp = open_site(site)
        (tmp_path / "local").write_bytes(b"x")
        with pytest.raises(errors.InvalidDefinition, match="no name for"):
            ftp.put(local=tmp_path / "local", remote=name)
        ftp.close()
        assert site.names() == []


@pytest.mark.parametrize("has_posix_rename", [True, False])
def test_a_file_of_the_same_name_is_replaced(tmp_path, has_posix_rename):
    with running_site(tmp_path / "site", has_posix_rename=has_posix_rename) as site:
        (site.root / "Import" / "x.csv").write_bytes(b"old")
        there_and_back(site, tmp_path / "local", tmp_path, CONTENT)
        there_and_back(site, tmp_path / "local", tmp_path, CONTENT)


def test_an_upload_that_is_cut_leaves_nothing_under_its_name_and_no_orphan(tmp_path):
    (tmp_path / "local").write_bytes(CONTENT)
    with running_site(tmp_path / "site") as site:
        ftp = open_site(site)
        ftp.put(local=tmp_path / "local", remote="Import/first.csv")  # large blocks are proven, so they are not blamed
        site.cut_after_bytes = len(CONTENT) + 600_000
        with pytest.raises(errors.TransferInterrupted, match="Uploading Import"):
            ftp.put(local=tmp_path / "local", remote="Import/x.csv")
        assert site.names() == ["Import/first.csv"]
        ftp.put(local=tmp_path / "local", remote="Import/x.csv")  # the connection that cleaned up serves on
        ftp.close()
        assert site.names() == ["Import/first.csv", "Import/x.csv"]


def test_bytes_that_vanish_are_noticed_by_the_size(tmp_path):
    (tmp_path / "local").write_bytes(CONTENT)
    with running_site(tmp_path / "site", drop_bytes_after=300_000) as site:
        ftp = open_site(site)
        with pytest.raises(errors.TransferInterrupted, match=f"{len(CONTENT)} bytes were sent and"):
            ftp.put(local=tmp_path / "local", remote="Import/x.csv")
        ftp.close()
        assert site.names() == []


def test_a_rename_that_fails_keeps_the_old_file_and_no_orphan(tmp_path):
    (tmp_path / "local").write_bytes(CONTENT)
    with running_site(tmp_path / "site", refuse_rename=True) as site:
        (site.root / "Import" / "x.csv").write_bytes(b"old")
        ftp = open_site(site)
        with pytest.raises(errors.TransferInterrupted, match="Renaming"):
            ftp.put(local=tmp_path / "local", remote="Import/x.csv")
        ftp.close()
        assert site.names() == ["Import/x.csv"]
        assert (site.root / "Import" / "x.csv").read_bytes() == b"old"


def test_a_server_that_takes_only_small_blocks_is_served_with_small_blocks(tmp_path):
    with running_site(tmp_path / "site", largest_request=32_768) as site:
        there_and_back(site, tmp_path / "local", tmp_path, CONTENT)


def test_a_server_that_gives_only_small_blocks_is_read_with_small_blocks(tmp_path):
    with running_site(tmp_path / "site", largest_request=32_768) as site:
        (site.root / "Export" / "x.zip").write_bytes(CONTENT)
        ftp = open_site(site)
        ftp.get(remote="Export/x.zip", local=tmp_path / "back")
        ftp.close()
    assert (tmp_path / "back").read_bytes() == CONTENT


@pytest.mark.parametrize("limit", [32_768, 50_000, 65_536])
def test_no_request_is_larger_than_the_limit_that_a_server_announces(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(asyncssh.sftp, "MAX_SFTP_READ_LEN", limit)  # what the server's limits@openssh.com says
    monkeypatch.setattr(asyncssh.sftp, "MAX_SFTP_WRITE_LEN", limit)
    with running_site(tmp_path / "site") as site:
        there_and_back(site, tmp_path / "local", tmp_path, CONTENT)
        assert site.largest_seen == limit
        assert site.connections == 1  # nothing was tried in vain


def test_a_file_that_changes_while_it_is_read_is_not_kept(tmp_path):
    with running_site(tmp_path / "site") as site:
        path = site.root / "Export" / "x.zip"
        path.write_bytes(CONTENT)

        def grow(offset: int) -> None:
            with path.open("ab") as file:
                file.write(b"more")

        site.read_hook = grow
        (tmp_path / "back").write_bytes(b"kept")
        ftp = open_site(site)
        with pytest.raises(errors.TransferInterrupted, match="changed meanwhile"):
            ftp.get(remote="Export/x.zip", local=tmp_path / "back")
        ftp.close()
    assert (tmp_path / "back").read_bytes() == b"kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["back", "site"]


@pytest.mark.parametrize("key_type", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
def test_another_host_key_ends_it_before_the_password(tmp_path, key_type):
    other = asyncssh.generate_private_key(key_type).export_public_key().decode()
    with running_site(tmp_path / "site") as site:
        with pytest.raises(errors.HostKeyMismatch, match="The password was not sent"):
            open_site(site, host_key=other)
        assert site.logins == []


def test_promise_13_a_wrong_password_is_sent_once_however_often_the_client_is_used(tmp_path):
    with running_site(tmp_path / "site") as site, scripted_service() as service:
        wrong = site.connection(password="wrong-" + PASSWORD)
        with ExactTarget(service.connection(sftp=wrong), timeouts=QUICK) as exacttarget:
            for _ in range(3):
                with pytest.raises(errors.SftpAuthenticationFailed, match="30 minutes") as caught, exacttarget.ftp():
                    pass
                assert PASSWORD not in str(caught.value)
        assert site.logins == ["wrong-" + PASSWORD]


def test_nobody_listens_and_nothing_is_configured(tmp_path):
    with running_site(tmp_path / "site") as site, scripted_service() as service:
        with pytest.raises(errors.Unreachable, match="No connection"):
            open_site(site, port=closed_port())
        with ExactTarget(service.connection()) as exacttarget, pytest.raises(errors.Misconfigured), exacttarget.ftp():
            pass
        port = int(service.url.rpartition(":")[2])
        with pytest.raises(errors.Unreachable, match="before the login"):
            SshTransport(site.connection(port=port), Timeouts(connect=1))


def test_the_connection_is_closed_with_its_context(tmp_path):
    with running_site(tmp_path / "site") as site, scripted_service() as service:
        exacttarget = ExactTarget(service.connection(sftp=site.connection()), timeouts=QUICK)
        with exacttarget.ftp() as ftp:
            assert ftp.list(folder="Import") == []
        (tmp_path / "local").write_bytes(CONTENT)
        for call in (lambda: ftp.list(folder="Import"), lambda: ftp.get(remote="Export/x", local=tmp_path / "back")):
            with pytest.raises(errors.TransferInterrupted, match="closed"):
                call()
        with pytest.raises(errors.TransferInterrupted, match="closed"):
            SshTransport.write(
                ftp._transport, path="Import/x", start=0, block=9, give=lambda n: b"", arrived=print, what="Writing"
            )
        assert site.connections == 1
