"""What every step of the outbound road is given.

What belongs here: one value that holds the opened parts. What does not: reading settings (resources.py).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal
from et_platform.ledger.leases import Lease, lease
from et_platform.ledger.ledger import Ledger
from et_platform.ledger.records import ChangeSet, ImportFile
from et_platform.outbound.errors import RowsMissing
from et_platform.sync.identity import lake_name
from et_platform.sync.staging import part_of
from et_platform.warehouse.lake import Lake

if TYPE_CHECKING:  # zeep and asyncssh are imported by the steps that use them
    from et_platform.crm.connect import Crm
    from et_platform.exacttarget.client import ExactTarget


def utc_now() -> datetime:
    """The time of this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Pace:
    """How patiently ExactTarget is asked, in seconds (see settings.py)."""

    poll: float
    poll_cap: float
    import_deadline: float
    doubt_deadline: float
    turn_deadline: float = 600.0


@dataclass(frozen=True)
class Reports:
    """Where ExactTarget's e-mails after imports go and are found: an address, and a folder of messages, one a file.

    `deadline` is how many seconds to wait for the one of an import that rejected rows.
    """

    address: str
    folder: Path
    deadline: float


@dataclass(frozen=True)
class Road:
    """The parts that the steps work with.

    `clock` tells the time (aware): the age of what was read, and whether an approval still holds, are told by it.
    `glance_at_exacttarget` is for what may stay unknown: it waits out no maintenance. `retention` is how long the rows
    of a settled change set are kept; `tell` receives lines for people, free of personal data; without `reports`,
    imports mail none. `pgp_key` is the file of the public OpenPGP key to which files are encrypted.
    """

    mid: int
    lake: Lake
    ledger: Ledger
    files: Path
    open_crm: "Callable[[], AbstractContextManager[Crm]]"
    open_exacttarget: "Callable[[], AbstractContextManager[ExactTarget]]"
    glance_at_exacttarget: "Callable[[], AbstractContextManager[ExactTarget]]"
    pace: Pace
    retention: timedelta
    run_id: str
    tell: Callable[[str], None]
    clock: Callable[[], datetime] = utc_now
    reports: Reports | None = None
    pgp_key: Path | None = None

    def lease(self, what: str, *, wait_seconds: float = 30.0) -> AbstractContextManager[Lease]:
        """Exclusive use of something, across runs, command-line calls and machines."""
        return lease(self.ledger, what, wait_seconds=wait_seconds)

    def lease_of(self, data_extension: DataExtension) -> AbstractContextManager[Lease]:
        """Exclusive use of one data extension of this business unit."""
        what = f"data extension {data_extension.customer_key.lower()} of MID {self.mid}"
        return self.lease(what, wait_seconds=self.pace.turn_deadline)

    def lake_name(self, data_extension: DataExtension) -> str:
        """Under which name the lake keeps what is known of a data extension of this business unit."""
        return lake_name(mid=self.mid, customer_key=data_extension.customer_key)

    def change_sets(self, data_extension: DataExtension) -> Path:
        """The folder of a data extension's saved change sets; what else is in there belongs to its lease."""
        return _private_folder(self.files / "change_sets" / self.lake_name(data_extension))

    def staged(self, data_extension: DataExtension) -> Path:
        """The folder of a data extension's staged import files, one folder an attempt."""
        return _private_folder(self.files / "staged" / self.lake_name(data_extension))

    def rows_of(self, change_set: ChangeSet, file: ImportFile | None = None) -> str:
        """SQL for the saved rows of a change set; raises RowsMissing when their file is gone.

        With `file`, only those of its part; rows of other operations may be among them.
        """
        path = self.files / change_set.path
        if not path.exists():
            raise RowsMissing(
                f"The rows of change set {change_set.id[:12]} of {change_set.data_extension} are gone: {path} is "
                "missing. Restore the file from a backup of the data path and run this again; nothing was sent."
            )
        rows = f"read_parquet({literal(str(path))})"
        return rows if file is None else part_of(rows, first_row=file.first_row, rows=file.rows)

    def kept(self, path: Path) -> str:
        """A file's name in the ledger: relative, so that the data path may be moved."""
        return str(path.relative_to(self.files))


def _private_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
