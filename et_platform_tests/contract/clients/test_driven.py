"""Where a public client cannot be installed: skipped, failed under CI, and always failed for a package of another hash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from et_platform_tests.contract.clients import driven
from et_platform_tests.contract.clients.driven import NotHere


@pytest.mark.parametrize(
    ("ci", "foreign", "ends_as"),
    [
        ("", False, pytest.skip.Exception),
        ("true", False, pytest.fail.Exception),
        ("", True, pytest.fail.Exception),
    ],
)
def test_a_client_that_cannot_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str, foreign: bool, ends_as: type[BaseException]
) -> None:
    tries = []

    def install(folder: Path) -> list[str]:
        tries.append(folder)
        raise NotHere("no registry", foreign)

    monkeypatch.setenv("CI", ci)
    for _ in range(2):  # the second test process tells the same, without another try
        with pytest.raises(ends_as, match="no registry"):
            driven.installed(tmp_path, install)
    assert tries == [tmp_path]


def test_without_nodejs_the_reason_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(driven, "find_spec", lambda name: None)
    with pytest.raises(NotHere, match=r"Node\.js with npm is not on this machine"):
        driven.sfmc_sdk(tmp_path)


def test_a_package_of_another_hash_is_told_from_an_absent_registry(tmp_path: Path) -> None:
    for said, foreign in (("npm error code EINTEGRITY", True), ("npm error code ENOTFOUND", False)):
        with pytest.raises(NotHere, match=said) as told:
            driven._install(["sh", "-c", f"echo '{said}' >&2; exit 1"], tmp_path, "it")
        assert told.value.foreign is foreign


def test_what_is_installed_is_pinned_by_hash_and_names_no_registry() -> None:
    requirements = (driven.HERE / "python" / "requirements.txt").read_text()
    packages = [block for block in requirements.replace("\\\n", "").splitlines() if "==" in block]
    assert packages
    assert all("--hash=sha256:" in one for one in packages)
    lock = (driven.HERE / "javascript" / "package-lock.json").read_text()
    locked = {name: one for name, one in json.loads(lock)["packages"].items() if name}
    assert "node_modules/sfmc-sdk" in locked
    assert all(one["integrity"].startswith("sha512-") and "resolved" not in one for one in locked.values())
    assert "index-url" not in requirements
    assert "://" not in requirements
