"""What every step of the outbound road is given.

What belongs here: one value that holds the opened parts. What does not: reading settings (resources.py).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from et_platform.ledger.leases import lease
from et_platform.ledger.ledger import Ledger
from et_platform.warehouse.lake import Lake

if TYPE_CHECKING:  # zeep and paramiko are imported by the steps that use them
    from et_platform.crm.connect import Crm
    from et_platform.exacttarget.client import ExactTarget


@dataclass(frozen=True)
class Pace:
    """How patiently ExactTarget is asked, in seconds (see settings.py)."""

    poll: float
    poll_cap: float
    import_deadline: float
    doubt_deadline: float


@dataclass(frozen=True)
class Road:
    """The parts that the steps work with.

    `retention` is how long the rows of a settled change set are kept; `tell` receives lines for people, free of
    personal data.
    """

    mid: int
    lake: Lake
    ledger: Ledger
    files: Path
    open_crm: "Callable[[], AbstractContextManager[Crm]]"
    open_exacttarget: "Callable[[], AbstractContextManager[ExactTarget]]"
    pace: Pace
    retention: timedelta
    run_id: str
    tell: Callable[[str], None]

    def lease(self, data_extension: str) -> AbstractContextManager[None]:
        """Exclusive use of one data extension of this business unit."""
        return lease(self.ledger, f"data extension {data_extension} of MID {self.mid}")

    def change_sets(self, data_extension: str) -> Path:
        """The folder of a data extension's saved change sets; what else is in there belongs to its lease."""
        return _private_folder(self.files / "change_sets" / str(self.mid) / data_extension)

    def staged(self, data_extension: str) -> Path:
        """The folder of a data extension's staged import files, one folder an attempt."""
        return _private_folder(self.files / "staged" / str(self.mid) / data_extension)


def _private_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
