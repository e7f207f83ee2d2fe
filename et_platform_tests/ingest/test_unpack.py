"""Unpacking: what is no honest archive is refused before anything is written."""

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from et_platform.ingest.errors import CorruptArchive, UnsafeArchive
from et_platform.ingest.unpack import Limits, unpack
from et_platform_tests.inbound.archives import archive


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "out"
    made.mkdir()
    return made


def tried(tmp_path: Path, folder: Path, content: bytes, limits: Limits | None = None):
    path = tmp_path / "in.zip"
    path.write_bytes(content)
    return unpack(path, folder, name="in.zip", limits=limits)


def raw(*infos: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as content:
        for info, data in infos:
            content.writestr(info, data)
    return target.getvalue()


def test_members_get_names_of_our_own_and_are_for_their_owner_only(tmp_path, folder):
    members = tried(tmp_path, folder, archive({"Sent.csv": b"a", "deep/er/Opens.csv": b"bc", "empty/": b""}))
    assert [(one.name, one.path.read_bytes(), one.size) for one in members] == [
        ("Sent.csv", b"a", 1),
        ("deep/er/Opens.csv", b"bc", 2),
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["0001", "0002"]
    assert stat.S_IMODE(members[0].path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "name",
    ["../x.csv", "a/../../x.csv", "/etc/x.csv", "..\\x.csv", "C:\\x.csv", "C:x.csv", "\\\\host\\x.csv", ".."],
)
def test_a_member_that_would_leave_the_folder_is_refused(tmp_path, folder, name):
    with pytest.raises(UnsafeArchive, match="would leave the folder"):
        tried(tmp_path, folder, archive({"Sent.csv": b"a", name: b"b"}))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o600, stat.S_IFCHR | 0o600])
def test_links_and_devices_are_refused(tmp_path, folder, mode):
    info = zipfile.ZipInfo("Sent.csv")
    info.external_attr = mode << 16
    with pytest.raises(UnsafeArchive, match="link or a device"):
        tried(tmp_path, folder, raw((info, b"/etc/passwd")))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("members", "limits", "words"),
    [
        ({"Sent.csv": b"0" * (32 << 20)}, Limits(), "would grow from"),
        ({f"{n}.csv": b"0" * (4 << 20) for n in range(9)}, Limits(), "would grow from"),
        ({"Sent.csv": b"0123456789" * 1000}, Limits(total_bytes=9_999), "at most 9999"),
        ({f"{n}.csv": b"x" for n in range(101)}, Limits(), "101 members"),
        ({"Sent.csv": b"x", "SENT.csv": b"y"}, Limits(), "two members"),
    ],
    ids=["ratio", "ratio of the whole", "size", "members", "same name"],
)
def test_bombs_are_refused_before_they_are_unpacked(tmp_path, folder, members, limits, words):
    with pytest.raises(UnsafeArchive, match=words):
        tried(tmp_path, folder, archive(members), limits)
    assert list(folder.iterdir()) == []


def test_an_encrypted_member_is_refused(tmp_path, folder):
    content = bytearray(archive({"Sent.csv": b"abc"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(UnsafeArchive, match="encrypted"):
        tried(tmp_path, folder, bytes(content))


def test_a_directory_that_lies_about_a_size_is_found_out(tmp_path, folder):
    content = bytearray(archive({"Sent.csv": b"0" * 100_000}))
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = struct.pack("<L", 10)
    with pytest.raises((CorruptArchive, UnsafeArchive)):
        tried(tmp_path, folder, bytes(content))


def test_overlapping_members_are_refused_or_corrupt(tmp_path, folder):
    """Many entries that share one compressed block: the bomb without nesting."""
    one = archive({"a": b"0" * 3_000_000})
    end = one.index(b"PK\x05\x06")
    start = one.index(b"PK\x01\x02")
    entries = b"".join(one[start:end].replace(b"a", bytes([97 + n]), 1) for n in range(20))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 20, 20, len(entries), start, 0)
    with pytest.raises((CorruptArchive, UnsafeArchive)):
        tried(tmp_path, folder, one[:start] + entries + tail)


WHOLE = archive({"Sent.csv": b"ClientID,SendID\r\n" + bytes(range(256)) * 20, "Opens.csv": b"x"})


@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(WHOLE) - 1))
def test_an_archive_torn_anywhere_is_corrupt(tmp_path_factory, end):
    base = tmp_path_factory.mktemp("torn")
    folder = base / "out"
    folder.mkdir()
    with pytest.raises(CorruptArchive, match=r"in\.zip"):
        tried(base, folder, WHOLE[:end])


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_an_error_of_ours_or_changes_no_content(tmp_path_factory, at, change):
    base = tmp_path_factory.mktemp("flipped")
    folder = base / "out"
    folder.mkdir()
    content = bytearray(WHOLE)
    content[at] ^= change
    try:
        members = tried(base, folder, bytes(content))
    except (CorruptArchive, UnsafeArchive):
        return
    assert {one.size for one in members} <= {17 + 5120, 1}
