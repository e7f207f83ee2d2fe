"""When a file that is seen on the site is complete, and what the sensor remembers between its looks. Pure.

What belongs here: the rule, the identity of a file, and the cursor. What does not: listing (exacttarget), and what
became of a file (ledger), which the caller tells.

A file is complete when two looks show the same size and modification time. Times are compared with each other
only, never with a clock, so that no clock need be right. The same name with another size or time is another file.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from et_platform.ingest.errors import CursorUnreadable, shown

VERSION = 1
MOST_FILES = 1000
"""Files that are remembered at once; what is loaded is not. More must wait for their turn."""
_OFTEN = 3
"""After so many attempts in vain a file gives way to others, if there are more than can be remembered."""
_PATIENCE = 7
"""Attempt n is made after 2^n looks, with n no larger than this: failures become rarer, and never the last try."""


@dataclass(frozen=True)
class Sighting:
    """A file as one look at a business unit's site shows it; `mtime` in whole seconds, by the site's clock."""

    name: str
    size: int
    mtime: int
    mid: int | None = None

    @property
    def identity(self) -> str:
        """Stands for this name with this size and time, as this business unit sees it."""
        unit = "" if self.mid is None else f"|{self.mid}"
        return hashlib.sha256(f"{self.name}|{self.size}|{self.mtime}{unit}".encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Arrival:
    """A complete file, and which attempt to take it is due."""

    file: Sighting
    attempt: int

    @property
    def identity(self) -> str:
        """The file's identity."""
        return self.file.identity

    @property
    def run_key(self) -> str:
        """The same for the same attempt at the same file, however often the sensor looks."""
        return f"{self.identity}:{self.attempt}"


@dataclass(frozen=True)
class Look:
    """What one look found: complete files (oldest first), why each other file waits, and the cursor to keep."""

    complete: tuple[Arrival, ...]
    waiting: Mapping[str, str]
    cursor: str


@dataclass
class _Known:
    size: int
    mtime: int
    looks: int
    attempt: int


@dataclass
class _Memory:
    files: dict[str, _Known] = field(default_factory=dict)


def look(
    cursor: str | None,
    listing: Iterable[Sighting],
    *,
    loaded: Collection[str] = (),
    ended: Mapping[str, int] | None = None,
) -> Look:
    """Compare the files on the site with what the last look saw.

    `loaded` holds identities that need no attention any more. `ended` gives, by identity, the last attempt that is
    over without having loaded the file; the next one is due after a growing number of looks. A complete file is
    returned by every look, with the same run key, until it is loaded or its attempt is over. Raises
    CursorUnreadable.
    """
    ended = ended or {}
    before = _read(cursor)
    after: dict[str, _Known] = {}
    waiting: dict[str, str] = {}
    complete: list[Arrival] = []
    pending = [one for one in listing if one.identity not in loaded]
    # Those that are known already keep their place, or many files could starve one another; those that fail always
    # do not, or they would starve all others.
    for one in sorted(
        pending,
        key=lambda one: (
            ended.get(one.identity, 0) >= _OFTEN,
            one.name not in before.files,
            one.mtime,
            one.name,
        ),
    ):
        if len(after) >= MOST_FILES:
            waiting[one.name] = f"{shown(one.name)} waits: {MOST_FILES} files before it have not been loaded yet."
            continue
        known = after[one.name] = _update(before.files.get(one.name), one, ended.get(one.identity, 0))
        if known.looks >= _looks_needed(known.attempt):
            complete.append(Arrival(one, known.attempt))
        else:
            waiting[one.name] = _why(one, before.files.get(one.name), known)
    complete.sort(key=lambda arrival: (arrival.file.mtime, arrival.file.name))
    return Look(tuple(complete), waiting, _write(_Memory(after)))


def _update(before: _Known | None, now: Sighting, ended: int) -> _Known:
    if before is None or (before.size, before.mtime) != (now.size, now.mtime):
        return _Known(now.size, now.mtime, looks=1, attempt=ended + 1)
    if ended >= before.attempt:
        return _Known(now.size, now.mtime, looks=1, attempt=ended + 1)
    needed = _looks_needed(before.attempt)
    return _Known(now.size, now.mtime, looks=min(before.looks + 1, needed), attempt=before.attempt)


def _looks_needed(attempt: int) -> int:
    return 2 ** min(attempt, _PATIENCE)


def _why(one: Sighting, before: _Known | None, known: _Known) -> str:
    name = shown(one.name)
    if known.attempt > 1:
        left = _looks_needed(known.attempt) - known.looks
        return (
            f"{name} waits: attempt {known.attempt - 1} to take it did not succeed; the next is due after {left} more "
            "looks. The ledger holds the reason."
        )
    if before is None:
        return f"{name} waits: it was seen for the first time, with {one.size} bytes; one more look must see the same."
    if (before.size, before.mtime) == (one.size, one.mtime):
        return f"{name} waits: one more look must see it unchanged."
    return (
        f"{name} waits: it had {before.size} bytes and has {one.size} now, or its time changed; it is still being "
        "written, or it was replaced. One more look must see it unchanged."
    )


def _write(memory: _Memory) -> str:
    files = {name: [k.size, k.mtime, k.looks, k.attempt] for name, k in sorted(memory.files.items())}
    return json.dumps({"version": VERSION, "files": files}, separators=(",", ":"))


def _read(cursor: str | None) -> _Memory:
    if cursor is None or cursor == "":
        return _Memory()
    try:
        content: Any = json.loads(cursor)
        version = content["version"]
        if version != VERSION:
            raise CursorUnreadable(
                f"The sensor's cursor has version {shown(str(version))}, and this program writes {VERSION}: another "
                f"release wrote it. Go back to that release, or {_RESET}"
            )
        files = {name: _known(values) for name, values in content["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CursorUnreadable(
            f"The sensor's cursor cannot be read ({type(error).__name__}): it was edited or damaged. "
            f"Look who did; then {_RESET}"
        ) from None
    return _Memory(files)


_RESET = (
    "reset the cursor in the sensor's page. That is safe: files that are loaded are known to the ledger and not "
    "loaded again, and the others are taken after two looks."
)


def _known(values: Any) -> _Known:
    if len(values) != 4 or not all(type(value) is int and value >= 0 for value in values):
        raise ValueError("four whole numbers are expected")
    return _Known(*values)
