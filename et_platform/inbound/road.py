"""What every step of the return road is given.

What belongs here: one value that holds the opened parts, and the folders. What does not: reading settings
(resources.py).
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from et_platform.inbound.errors import InboundError, SomeNotTaken
from et_platform.ingest.errors import IngestError
from et_platform.ledger.inbound import InboundLedger
from et_platform.ledger.leases import LeaseTaken, lease
from et_platform.ledger.ledger import Ledger
from et_platform.warehouse.lake import Lake

if TYPE_CHECKING:  # zeep and asyncssh are imported by the steps that use them
    from et_platform.exacttarget.client import ExactTarget


T = TypeVar("T")
_TOLD = 5


def raise_for(problems: list[str], *, of: int) -> None:
    """Raise SomeNotTaken if there were problems with some of so many files."""
    if problems:
        more = f" And {len(problems) - _TOLD} more." if len(problems) > _TOLD else ""
        raise SomeNotTaken(
            f"{len(problems)} of {of} files could not be taken; the others were, and stay. "
            f"{' '.join(problems[:_TOLD])}{more}"
        )


@dataclass(frozen=True)
class InboundRoad:
    """The parts that the steps work with.

    `retention` is how long a loaded file's copy is kept; `tell` receives lines for people, free of personal data.
    """

    mid: int
    lake: Lake
    ledger: Ledger
    files: Path
    open_exacttarget: "Callable[[], AbstractContextManager[ExactTarget]]"
    run_id: str
    tell: Callable[[str], None]
    retention: timedelta = timedelta(days=90)

    @property
    def inbound(self) -> InboundLedger:
        """The return road's part of the ledger."""
        return InboundLedger(self.ledger)

    def each(self, identities: Iterable[str], step: Callable[["InboundRoad", str], T]) -> tuple[list[T], list[str]]:
        """Do a step for each file, although it fails for others; what was done, and why the rest was not.

        Only what is wrong with one file is passed over: when ExactTarget or the lake cannot be reached, that is raised.
        """
        done, problems = [], []
        for identity in identities:
            try:
                done.append(step(self, identity))
            except (IngestError, InboundError, LeaseTaken) as error:
                self.tell(f"File {identity} is passed over: {error}")
                problems.append(str(error))
        return done, problems

    def lease(self, file: str) -> AbstractContextManager[object]:
        """Exclusive use of one extract file, named by its identity, or by its name while it is asked for."""
        return lease(self.ledger, f"extract file {file}")

    @property
    def extracts(self) -> Path:
        """The folder of fetched extract files, each in a folder named by the hash of its content."""
        path = self.files / "extracts"
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def scratch(self, identity: str, purpose: str) -> Path:
        """A private folder for one step's work on one file. To be used with the lease, and emptied before and after:
        what a killed run left in it is of no use.
        """
        return self.extracts / f".{purpose}-{identity}"
