"""Unpacking a ZIP archive that somebody else made.

What belongs here: what an honest archive looks like, and limits. What does not: what is in it (tracking.py).

Nothing is written before every member has been judged, and members are written under names of our own: a name from
the archive never reaches the file system.
"""

import errno
import os
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from et_platform.ingest.errors import CorruptArchive, UnsafeArchive, shown

_BLOCK = 1 << 20
_END = struct.Struct("<4s4H2LH")
_ASK_AGAIN = "Ask for the extract again; if the next file is the same, show it to ExactTarget's support."


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold. A `ratio` is allowed to small members, whatever they are."""

    members: int = 100
    total_bytes: int = 16 << 30
    ratio: int = 250
    small_bytes: int = 8 << 20


@dataclass(frozen=True)
class Member:
    """One unpacked file: its name in the archive, and where it lies."""

    name: str
    path: Path
    size: int


def unpack(archive: Path, folder: Path, *, name: str, limits: Limits | None = None) -> tuple[Member, ...]:
    """Unpack `archive` (called `name` in errors) into `folder`, which is empty and ours; members in their order.

    Raises CorruptArchive for a torn or damaged archive and UnsafeArchive for one that could do harm.
    """
    limits = limits or Limits()
    size = archive.stat().st_size
    if size == 0:
        raise CorruptArchive(f"{shown(name)} is empty (0 bytes), so it is no ZIP archive. {_ASK_AGAIN}")
    _check_directory(archive, name, limits)
    try:
        with zipfile.ZipFile(archive) as content:
            infos = [info for info in content.infolist() if not info.is_dir()]
            _check_members(content.infolist(), name, size, limits)
            return tuple(_write(content, info, folder / f"{n:04d}", name) for n, info in enumerate(infos, 1))
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, UnicodeDecodeError) as error:
        raise CorruptArchive(
            f"{shown(name)} ({size} bytes) is not a whole ZIP archive ({type(error).__name__}): it is torn, damaged or "
            "something else. Nothing of it was loaded; it is tried again, more and more rarely, and at once when its "
            f"size or time changes. {_ASK_AGAIN}"
        ) from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # a full disk, for instance, says nothing about the archive
            raise
        raise CorruptArchive(
            f"{shown(name)} ({size} bytes) is not a whole ZIP archive: its directory points outside it. {_ASK_AGAIN}"
        ) from None
    except NotImplementedError:
        raise UnsafeArchive(
            f"{shown(name)} uses a compression that extracts do not use; nothing was unpacked. {_ASK_AGAIN}"
        ) from None


def _check_directory(archive: Path, name: str, limits: Limits) -> None:
    """Look at the end record before the directory is read: one that lists millions of members fills the memory."""
    with archive.open("rb") as file:
        file.seek(max(0, archive.stat().st_size - _END.size - 0xFFFF))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return  # zipfile says what is wrong with it
    _, _, _, _, members, directory_bytes, _, _ = _END.unpack_from(tail, at)
    if members > limits.members or directory_bytes > limits.members * 4096:
        raise UnsafeArchive(
            f"{shown(name)} lists {members} members in a directory of {directory_bytes} bytes, and an extract has a "
            f"handful (at most {limits.members} are taken). Nothing was unpacked. {_ASK_AGAIN}"
        )


def _check_members(infos: list[zipfile.ZipInfo], name: str, size: int, limits: Limits) -> None:
    def refuse(reason: str) -> UnsafeArchive:
        return UnsafeArchive(f"{shown(name)}: {reason}. Nothing was unpacked. {_ASK_AGAIN}")

    if len(infos) > limits.members:
        raise refuse(f"it holds {len(infos)} members, and at most {limits.members} are taken")
    seen: set[str] = set()
    for info in infos:
        member = shown(info.filename)
        # `orig_filename` is as written; zipfile cuts `filename` at a NUL.
        parts = PurePosixPath(info.orig_filename.replace("\\", "/")).parts
        if not parts or parts[0].startswith("/") or ":" in parts[0] or ".." in parts or "\x00" in info.orig_filename:
            raise refuse(f"the member {shown(info.orig_filename)} would leave the folder it is unpacked into")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise refuse(f"the member {member} is a link or a device, not a file")
        if info.flag_bits & 0x1:
            raise refuse(f"the member {member} is encrypted")
        if info.filename.casefold() in seen:
            raise refuse(f"two members are named {member}")
        seen.add(info.filename.casefold())
        if info.file_size > limits.small_bytes and info.file_size > limits.ratio * max(info.compress_size, 1):
            raise refuse(
                f"the member {member} would grow from {info.compress_size} to {info.file_size} bytes, more than "
                f"{limits.ratio} times"
            )
    total = sum(info.file_size for info in infos)
    if total > limits.total_bytes:
        raise refuse(f"it would grow to {total} bytes, and at most {limits.total_bytes} are taken")
    if total > limits.small_bytes and total > limits.ratio * size:
        raise refuse(f"it would grow from {size} to {total} bytes, more than {limits.ratio} times")


def _write(content: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, name: str) -> Member:
    done = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target, content.open(info) as source:
        while block := source.read(_BLOCK):
            done += len(block)
            if done > info.file_size:  # the directory lied; zipfile's own limit is not relied upon
                raise UnsafeArchive(
                    f"{shown(name)}: the member {shown(info.filename)} is larger than its entry says. {_ASK_AGAIN}"
                )
            target.write(block)
    return Member(info.filename, path, done)
