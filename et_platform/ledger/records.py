"""The ledger's rows as values.

What belongs here: frozen dataclasses that mirror tables.py. What does not: anything that reads or writes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

FileState = Literal["staged", "uploaded", "starting", "started", "finished", "missing", "proven", "dropped"]

Kind = Literal["rows", "opt_out", "unsubscribe"]
"""What a change set changes: whole rows; only the fields of rows that say who is out; subscribers' status."""

IMPORTED: tuple[Kind, ...] = ("rows", "opt_out")
"""Kinds that travel as files and import tasks, of which a data extension takes one at a time."""

UNSENT: tuple[FileState, ...] = ("staged", "uploaded")
"""States in which ExactTarget was certainly not asked to import the file."""


ORDER = ("opt_out", "insert", "update", "bury", "delete")
"""In which a change set's files are imported."""


@dataclass(frozen=True)
class ChangeSet:
    """The immutable changes of one plan.

    `declaration` is the data extension's as it was planned: staging, import and settling keep to it, whatever the
    catalogue says by then. `path` is the Parquet file that holds the rows, relative to the files' folder.
    """

    id: str
    mid: int
    data_extension: str
    customer_key: str
    kind: Kind
    base_version: str
    snapshot_id: str
    state: Literal["planned", "settled", "superseded"]
    declaration: dict[str, Any]
    figures: dict[str, Any]
    gate: list[str]
    path: str
    run_id: str
    created_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True)
class ImportFile:
    """One staged file of an attempt, and the import task that takes it; figures are null until it ends.

    `path` is relative to the files' folder. An operation's files are numbered by `part`, from 1. Where there are
    several, `first_row` is where its rows begin in the change set's file, counted from 0; None: it holds all of its
    operation.
    """

    attempt_id: str
    operation: Literal["insert", "update", "opt_out", "bury", "delete"]
    state: FileState
    path: str
    remote: str
    sha256: str
    bytes: int
    rows: int
    definition_key: str
    changed_at: datetime
    task_id: int | None = None
    status: str | None = None
    successful: int | None = None
    duplicated: int | None = None
    errors: int | None = None
    restricted: int | None = None
    total: int | None = None
    rejected: int | None = None
    part: int = 1
    first_row: int | None = None

    @property
    def order(self) -> tuple[int, int]:
        """Its place among the files of its attempt, in which they are imported."""
        return ORDER.index(self.operation), self.part


@dataclass(frozen=True)
class Attempt:
    """One try at a change set: to import its files in their order, or to set the status of subscribers (no files)."""

    id: str
    change_set_id: str
    state: Literal["open", "settled", "abandoned"]
    run_id: str
    created_at: datetime
    files: tuple[ImportFile, ...]
    acknowledged: int | None = None
    closed_at: datetime | None = None
