"""Who in this process has which SQLite file open.

What belongs here: keeping reading and writing of one file apart. What does not: reading (sqlite.py) and writing
(sqlite_write.py).

Reading goes through DuckDB's copy of SQLite and writing through Python's. SQLite's locks belong to the process, and
closing a file in one copy drops the locks of the other; so within one process the two must never overlap.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from et_platform.crm.errors import CrmUnreachable

_changed = threading.Condition()
_readers: dict[Path, int] = {}
_writers: set[Path] = set()


@contextmanager
def reading(path: Path, *, wait_seconds: float = 30) -> Iterator[None]:
    """Hold the file for reading; any number may. Raises CrmUnreachable if this process writes it for that long."""
    file = path.resolve()
    with _changed:
        _wait(file, wait_seconds, readers_too=False)
        _readers[file] = _readers.get(file, 0) + 1
    try:
        yield
    finally:
        with _changed:
            _readers[file] -= 1
            if not _readers[file]:
                del _readers[file]
            _changed.notify_all()


@contextmanager
def writing(path: Path, *, wait_seconds: float = 30) -> Iterator[None]:
    """Hold the file for writing, alone. Raises CrmUnreachable if this process has it open for that long."""
    file = path.resolve()
    with _changed:
        _wait(file, wait_seconds, readers_too=True)
        _writers.add(file)
    try:
        yield
    finally:
        with _changed:
            _writers.discard(file)
            _changed.notify_all()


def _wait(file: Path, seconds: float, *, readers_too: bool) -> None:
    deadline = time.monotonic() + seconds
    while file in _writers or (readers_too and file in _readers):
        if not _changed.wait(deadline - time.monotonic()):
            raise CrmUnreachable(
                f"The CRM's SQLite database {file} is still open in this very process. Close the CRM that reads it "
                "before it is written, then try again; nothing was written."
            )
