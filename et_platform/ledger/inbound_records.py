"""The rows of the return road's tables as values.

What belongs here: frozen dataclasses that mirror inbound_tables.py. What does not: anything that reads or writes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

RequestState = Literal["asking", "requested", "arrived", "loaded"]
ExtractFileState = Literal["seen", "fetched", "loaded", "failed"]


@dataclass(frozen=True)
class ExtractRequest:
    """One extract that was asked for: the half-open window, and the file name that answers it.

    `asking` means that ExactTarget was perhaps asked; asking again under the same name is harmless.
    """

    mid: int
    name: str
    window_start: datetime
    window_end: datetime
    attempt: int
    output_name: str
    types: list[str]
    state: RequestState
    run_id: str
    asked_at: datetime
    requested_at: datetime | None = None
    arrived_at: datetime | None = None
    loaded_at: datetime | None = None


@dataclass(frozen=True)
class ExtractFile:
    """One file that was seen on the site. `attempts` counts the takes that were begun; `rows` is set when loaded."""

    identity: str
    mid: int
    name: str
    size: int
    mtime: datetime
    state: ExtractFileState
    attempts: int
    run_id: str
    seen_at: datetime
    changed_at: datetime
    sha256: str | None = None
    path: str | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    rows: dict[str, Any] | None = None
    duplicate_of: str | None = None
    problem: str | None = None
    fetched_at: datetime | None = None
    loaded_at: datetime | None = None
