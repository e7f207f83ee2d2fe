"""Faults of the Enhanced FTP as the real client meets them: a typed error, and never half a file under its name."""

import time

import pytest

from et_platform.exacttarget import errors

SIZE = 700_000


@pytest.fixture
def local(tmp_path):
    path = tmp_path / "local"
    path.write_bytes(bytes(range(256)) * (SIZE // 256))
    return path


@pytest.fixture
def folder(simulator):
    return simulator.ftp_folder / "Import"


def names(folder, key):
    return sorted(path.name for path in folder.iterdir() if key in path.name)


def put(exacttarget, local, key, **how):
    with exacttarget.ftp() as ftp:
        return ftp.put(local=local, remote=f"Import/{key}.csv", temporary=f"Import/{key}.csv.tmp", **how)


def test_a_put_that_is_cut_once_goes_on_over_a_new_connection_if_it_may(faults, exacttarget, local, folder, key):
    with faults.striking("cut", at="sftp", operation="write", file=f"{key}*", at_byte=300_000, strikes=1) as name:
        assert put(exacttarget, local, key, resume=True).size == local.stat().st_size
        assert faults.strikes(name)[0]["files"] == [f"Import/{key}.csv.tmp", f"{key}.csv.tmp"]
    assert (folder / f"{key}.csv").read_bytes() == local.read_bytes()
    assert names(folder, key) == [f"{key}.csv"]


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "cut", "operation": "write", "at_byte": 300_000},
        {"effect": "cut", "operation": "open", "when": "before"},
        {"effect": "disk_full", "at_byte": 300_000},
        {"effect": "lost_bytes", "at_byte": 300_000},
    ],
    ids=lambda fault: f"{fault['effect']}-{fault.get('when', 'during')}",
)
def test_a_put_that_keeps_failing_leaves_nothing_and_says_so(faults, exacttarget, local, folder, key, fault):
    with (
        faults.striking(at="sftp", file=f"{key}*", times="always", **fault),
        pytest.raises(errors.TransferInterrupted),
    ):
        put(exacttarget, local, key)
    assert names(folder, key) == []


def test_an_answer_that_is_lost_after_the_rename_leaves_the_whole_file(faults, exacttarget, local, folder, key):
    with faults.striking("cut", at="sftp", operation="rename", when="after", file=f"{key}*", strikes=1):
        put(exacttarget, local, key)
    assert names(folder, key) == [f"{key}.csv"]
    assert (folder / f"{key}.csv").stat().st_size == local.stat().st_size


@pytest.mark.parametrize("operation", ["open", "rename", "list", "remove"])
def test_what_the_site_does_not_allow_is_no_matter_of_trying_again(faults, exacttarget, local, folder, key, operation):
    (folder / f"{key}.there").write_bytes(b"x")
    acts = {
        "list": lambda ftp: ftp.list(folder="Import"),
        "remove": lambda ftp: ftp.remove(remote=f"Import/{key}.there"),
    }
    pattern = "Import" if operation == "list" else f"{key}*"
    with (
        faults.striking("permission_denied", operation=operation, file=pattern, strikes=1),
        exacttarget.ftp() as ftp,
        pytest.raises(errors.PermissionDenied, match="does not allow"),
    ):
        acts.get(
            operation, lambda ftp: ftp.put(local=local, remote=f"Import/{key}.csv", temporary=f"Import/{key}.csv.tmp")
        )(ftp)
    assert names(folder, key) == [f"{key}.there"]


@pytest.mark.parametrize("fault", ["cut", "stall"])
def test_a_get_that_breaks_or_hangs_keeps_nothing_and_the_next_has_all(
    faults, exacttarget, local, folder, key, tmp_path, fault
):
    (folder / f"{key}.csv").write_bytes(local.read_bytes())
    back = tmp_path / "back"
    more = {"at_byte": 300_000} if fault == "cut" else {"when": "before"}
    with (
        faults.striking(fault, at="sftp", operation="read", file=f"{key}.csv", times="always", **more),
        pytest.raises(errors.TransferInterrupted),
        exacttarget.ftp() as ftp,
    ):
        ftp.get(remote=f"Import/{key}.csv", local=back)
    assert [path.name for path in tmp_path.iterdir()] == ["local"]
    with exacttarget.ftp() as ftp:
        ftp.get(remote=f"Import/{key}.csv", local=back)
    assert back.read_bytes() == local.read_bytes()


def test_a_slow_site_is_borne(faults, exacttarget, local, folder, key):
    began = time.monotonic()
    with faults.striking("slow", bytes_per_second=1_000_000, file=f"{key}*"):
        put(exacttarget, local, key)
    assert time.monotonic() - began >= 0.6
    assert names(folder, key) == [f"{key}.csv"]


def test_promise_13_a_login_that_was_refused_is_not_tried_again(faults, exacttarget):
    with faults.striking("login_failed", at="sftp", times="always", strikes=1):
        for _ in range(3):
            with pytest.raises(errors.SftpAuthenticationFailed), exacttarget.ftp():
                pass


@pytest.mark.parametrize("fault", [{"effect": "cut", "when": "before"}, {"effect": "stall"}])
def test_a_login_that_breaks_or_hangs_may_be_tried_again_later(faults, exacttarget, fault):
    with faults.striking(at="sftp", operation="login", **fault):
        with pytest.raises(errors.Unreachable), exacttarget.ftp():
            pass
        with exacttarget.ftp() as ftp:
            assert ftp.list(folder="Import") is not None
