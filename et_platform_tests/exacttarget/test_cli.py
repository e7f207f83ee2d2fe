import os
import subprocess
import sys

import pytest

from et_platform.exacttarget.__main__ import VARIABLES

SECRETS = ("ET_CLIENT_SECRET", "ET_SFTP_PASSWORD")


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "et_platform.exacttarget", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def environment(exacttarget_info) -> dict[str, str]:
    return {name: str(exacttarget_info[name.removeprefix("ET_").lower()]) for name in VARIABLES}


def test_status_of_a_working_account(environment):
    done = run(environment, "status")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["token: ok", "system status: OK"]
    assert [line.split(":")[0] for line in lines[2:]] == ["Import", "Export", "Reports"]


def test_all_missing_variables_are_named_together(environment):
    kept = {name: value for name, value in environment.items() if name not in ("ET_MID", "ET_SFTP_HOST")}
    done = run(kept, "status")
    assert done.returncode == 1
    assert done.stderr.startswith("Not set: ET_MID, ET_SFTP_HOST. ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ET_MID", "seven", "ET_MID"),
        ("ET_AUTH_URL", "example.org", "ET_AUTH_URL"),
        ("ET_SFTP_HOST_KEY", "none", "ET_SFTP_HOST_KEY"),
        ("ET_CLIENT_SECRET", "wrong-one", "Check client id"),
        ("ET_SFTP_PASSWORD", "wrong-one", "30 minutes"),
        ("ET_AUTH_URL", "http://127.0.0.1:9", "no connection"),
    ],
)
def test_what_is_wrong_is_told_in_one_paragraph_without_secrets(environment, name, value, expected):
    done = run({**environment, name: value}, "status")
    assert done.returncode == 1
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1
    for secret in (*(environment[one] for one in SECRETS), "wrong-one"):
        assert secret not in done.stderr + done.stdout


def test_usage():
    assert run({}, "nonsense").returncode == 2
