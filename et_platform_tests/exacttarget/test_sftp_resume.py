"""Transfers that go on where they broke off, and what they trust of what was left."""

import hashlib
import os
from pathlib import Path

import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.connection import Timeouts
from et_platform.exacttarget.parts import Part
from et_platform.exacttarget.sftp import EnhancedFtp
from et_platform.exacttarget.ssh_transport import SshTransport
from et_platform_tests.exacttarget.sites import Site, running_site

CONTENT = os.urandom(12_000_000)  # longer than what is under way at once
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PART = "Import/kept.tmp"


class Broken(Exception):
    """What a test raises from within a transfer, as a process that is stopped there."""


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local"
    path.write_bytes(CONTENT)
    return path


def open_site(site: Site) -> EnhancedFtp:
    connection = site.connection()
    return EnhancedFtp(lambda: SshTransport(connection, Timeouts(connect=5, ftp=5)))


def break_at(limit: int):
    def progress(done: int, size: int) -> None:
        if done >= limit:
            raise Broken

    return progress


def test_an_upload_that_is_cut_goes_on_over_a_new_connection(tmp_path, local):
    with running_site(tmp_path / "site", cut_after_bytes=9_000_000) as site:
        ftp = open_site(site)
        assert ftp.put(local=local, remote="Import/x.csv", resume=True).size == len(CONTENT)
        ftp.close()
        assert site.connections == 2
        assert site.names() == ["Import/x.csv"]
        assert site.written < len(CONTENT) + 5_000_000  # what was confirmed is not sent again
        assert (site.root / "Import/x.csv").read_bytes() == CONTENT


def test_an_upload_goes_on_in_a_later_process_from_what_is_the_same(tmp_path, local):
    with running_site(tmp_path / "site") as site:
        ftp = open_site(site)
        with pytest.raises(Broken) as caught:
            ftp.put(local=local, remote="Import/x.csv", resume=True, progress=break_at(7_000_000))
        assert "are kept on the site as Import/part-" in caught.value.__notes__[0]
        ftp.close()
        (part,) = site.names()
        before = site.written
        told: list[int] = []
        ftp = open_site(site)
        ftp.put(local=local, remote="Import/x.csv", resume=True, progress=lambda done, size: told.append(done))
        ftp.close()
        assert part.startswith("Import/part-")
        assert site.names() == ["Import/x.csv"]
        assert told[0] > 7_000_000
        assert site.written - before <= len(CONTENT) - 7_000_000
        assert (site.root / "Import/x.csv").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (CONTENT[:5_000_000], 5_000_000),
        (CONTENT[:3_000_000] + b"\x00" + CONTENT[3_000_001:5_000_000], 3_000_000),
        (CONTENT, len(CONTENT)),
        (CONTENT + b"x", 0),
        (b"", 0),
        (os.urandom(1_000_000), 0),
    ],
    ids=["a true part", "a hole", "all of it", "longer", "empty", "of another file"],
)
def test_a_part_of_an_upload_is_kept_as_far_as_it_is_the_same_byte_for_byte(tmp_path, local, left, kept):
    with running_site(tmp_path / "site") as site:
        (site.root / PART).write_bytes(left)
        ftp = open_site(site)
        ftp.put(local=local, remote="Import/x.csv", temporary=PART, resume=True)
        ftp.close()
        assert len(CONTENT) - site.written == pytest.approx(kept, abs=1)  # two random bytes may be the same
        assert site.names() == ["Import/x.csv"]
        assert (site.root / "Import/x.csv").read_bytes() == CONTENT


def test_another_content_for_the_same_name_has_another_part(tmp_path, local):
    other = tmp_path / "other"
    other.write_bytes(CONTENT[::-1])
    with running_site(tmp_path / "site") as site:
        ftp = open_site(site)
        for path in (local, other):
            with pytest.raises(Broken):
                ftp.put(local=path, remote="Import/x.csv", resume=True, progress=break_at(1))
        ftp.close()
        assert len(site.names()) == 2


def test_bytes_that_changed_on_the_site_are_found_by_reading_back(tmp_path, local):
    with running_site(tmp_path / "site", flip_byte=6_000_000) as site:
        ftp = open_site(site)
        with pytest.raises(errors.TransferInterrupted, match="is not what was sent"):
            ftp.put(local=local, remote="Import/x.csv", read_back=True)
        assert site.names() == []
        site.flip_byte = None
        ftp.put(local=local, remote="Import/x.csv", read_back=True)
        ftp.close()
        assert site.names() == ["Import/x.csv"]


def test_a_download_that_is_cut_goes_on_over_a_new_connection(tmp_path):
    with running_site(tmp_path / "site", cut_reads_after_bytes=9_000_000) as site:
        (site.root / "Export/x.zip").write_bytes(CONTENT)
        ftp = open_site(site)
        ftp.get(remote="Export/x.zip", local=tmp_path / "back", resume=True, sha256=SHA256.upper())
        ftp.close()
        assert site.connections == 2
        assert site.read < len(CONTENT) + 5_000_000
    assert (tmp_path / "back").read_bytes() == CONTENT
    assert (tmp_path / "back").stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["back", "site"]


def part_of(tmp_path: Path, site: Site) -> Path:
    """The part that a process leaves which is stopped while it downloads."""
    ftp = open_site(site)
    with pytest.raises(Broken):
        ftp.get(remote="Export/x.zip", local=tmp_path / "back", resume=True, progress=break_at(7_000_000))
    ftp.close()
    (part,) = tmp_path.glob(".back.*.part")
    return part


@pytest.mark.parametrize(
    ("damage", "is_kept"),
    [
        (None, True),
        (lambda part: part[:-1] + bytes([part[-1] ^ 1]), False),
        (lambda part: bytes([part[0] ^ 1]) + part[1:], False),
        (lambda part: CONTENT + b"x", False),
        (lambda part: b"", False),
    ],
    ids=["whole", "last byte", "first byte", "too long", "empty"],
)
def test_a_download_goes_on_in_a_later_process_if_what_is_there_can_be_true(tmp_path, damage, is_kept):
    with running_site(tmp_path / "site") as site:
        (site.root / "Export/x.zip").write_bytes(CONTENT)
        part = part_of(tmp_path, site)
        if damage is not None:
            part.write_bytes(damage(part.read_bytes()))
        before = site.read
        ftp = open_site(site)
        ftp.get(remote="Export/x.zip", local=tmp_path / "back", resume=True)
        ftp.close()
        assert (site.read - before < len(CONTENT) - 6_000_000) is is_kept
    assert (tmp_path / "back").read_bytes() == CONTENT
    assert sorted(p.name for p in tmp_path.iterdir()) == ["back", "site"]


def test_the_part_of_another_version_of_the_file_is_not_used(tmp_path):
    with running_site(tmp_path / "site") as site:
        (site.root / "Export/x.zip").write_bytes(CONTENT)
        part_of(tmp_path, site)
        (site.root / "Export/x.zip").write_bytes(CONTENT[:-1])
        ftp = open_site(site)
        ftp.get(remote="Export/x.zip", local=tmp_path / "back", resume=True)
        ftp.close()
    assert (tmp_path / "back").read_bytes() == CONTENT[:-1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["back", "site"]


@pytest.mark.parametrize("resume", [True, False])
def test_content_with_another_hash_is_not_kept(tmp_path, resume):
    with running_site(tmp_path / "site") as site:
        (site.root / "Export/x.zip").write_bytes(CONTENT)
        ftp = open_site(site)
        with pytest.raises(errors.TransferInterrupted, match="hash"):
            ftp.get(remote="Export/x.zip", local=tmp_path / "back", resume=resume, sha256="0" * 64)
        ftp.close()
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_two_downloads_to_one_name_do_not_mix(tmp_path):
    with running_site(tmp_path / "site") as site:
        (site.root / "Export/x.zip").write_bytes(CONTENT)
        part = part_of(tmp_path, site)
        version = part.name.removeprefix(".back.").removesuffix(".part")
        ftp = open_site(site)
        with (
            Part.of(tmp_path / "back", version=version),
            pytest.raises(errors.TransferInterrupted, match="Another process"),
        ):
            ftp.get(remote="Export/x.zip", local=tmp_path / "back", resume=True)
        ftp.get(remote="Export/x.zip", local=tmp_path / "back", resume=True)
        ftp.close()
    assert (tmp_path / "back").read_bytes() == CONTENT
