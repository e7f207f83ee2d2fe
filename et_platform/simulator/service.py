"""The service of one business unit as its operations see it: account, behaviour, store, workers and the object types.

What belongs here: what operations share, finding an object type's handler, and all units of the account.
What does not: transport, which unit a request is about (`units.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from et_platform.simulator import folders
from et_platform.simulator.account import Account, BusinessUnit, Folder
from et_platform.simulator.asynchronous.worker import AsyncRequests
from et_platform.simulator.automations.timekeeper import Timekeeper
from et_platform.simulator.automations.worker import AutomationWorker
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.extracts.worker import ExtractWorker
from et_platform.simulator.faults.board import Board
from et_platform.simulator.imports import files
from et_platform.simulator.imports.worker import ImportWorker
from et_platform.simulator.nightly import Nights
from et_platform.simulator.objects.handlers import HANDLERS
from et_platform.simulator.queries.worker import QueryWorker
from et_platform.simulator.rate import Rate
from et_platform.simulator.rest.async_rows import AsyncRows
from et_platform.simulator.sending import profiles
from et_platform.simulator.sending.worker import SendWorker
from et_platform.simulator.store import Store
from et_platform.simulator.units import NoAccess


class Worker(Protocol):
    """Something that works in threads of its own, from `resume` until `stop`."""

    def resume(self) -> None:
        """Start, with what an earlier process left unfinished."""

    def stop(self) -> None:
        """Stop; what is unfinished goes on at the next start."""


class Service:
    """One running business unit. `account` is that unit, `store` its own; `units` are all of the account."""

    def __init__(self, account: BusinessUnit, behaviour: Behaviour, store: Store, ftp: Path, units: Units):
        self.account, self.behaviour, self.store, self.units = account, behaviour, store, units
        self.faults = units.faults
        self.importer = ImportWorker(
            store,
            behaviour,
            files.places(ftp.parent.parent, account.mid, behaviour),
            lambda mid: units.service(mid).store,
            self.faults,
        )
        self.extractor = ExtractWorker(store, behaviour, ftp / "Export", account.mid, self.faults)
        self.nights = Nights(store, behaviour, ftp)
        self.async_rows = AsyncRows(store, behaviour)
        self.async_requests = AsyncRequests(self)
        self.queries = QueryWorker(self)
        self.sends = SendWorker(self)
        self.automations = AutomationWorker(self)
        self.timekeeper = Timekeeper(self)
        folders.seed(store, account.mid, account.parent or account.mid)
        profiles.seed(store, account.mid)

    @property
    def workers(self) -> Sequence[Worker]:
        """What works beside the requests."""
        return (
            self.nights,
            self.importer,
            self.extractor,
            self.async_rows,
            self.async_requests,
            self.queries,
            self.sends,
            self.automations,
            self.timekeeper,  # last: what it starts must not be taken for something that was left unfinished
        )

    def resume(self) -> None:
        """Go on with what an earlier process left unfinished."""
        for worker in self.workers:
            worker.resume()

    def handler(self, object_type: str) -> Any:
        """The module of a type, or None; types are case-sensitive [R], rows are `DataExtensionObject[key]`."""
        return HANDLERS.get(object_type.partition("[")[0])


class Units:
    """The running units of one account, and the faults that stand."""

    def __init__(self, folder: Folder, account: Account, behaviour: Behaviour, store: Store, faults: Board):
        self.account, self.behaviour, self.faults = account, behaviour, faults
        self.soap_rate = Rate(behaviour.soap_requests_per_minute)
        self.rest_rate = Rate(behaviour.rest_requests_per_minute)
        self.token_rate = Rate(behaviour.token_requests_per_minute)
        self._services: dict[str, Service] = {}
        for number, unit in enumerate(account.units):
            own = Store(folder.child_database(unit.mid), beside=store, mid=unit.mid, number=number) if number else store
            self._services[unit.mid] = Service(unit, behaviour, own, folder.ftp(unit.mid), self)

    def __iter__(self) -> Iterator[Service]:
        """The services of all units, the enterprise's first."""
        return iter(self._services.values())

    @property
    def enterprise(self) -> Service:
        """The service of the enterprise itself."""
        return self._services[self.account.mid]

    def service(self, mid: str) -> Service:
        """The service of a unit. Raises NoAccess."""
        if mid not in self._services:
            raise NoAccess(mid)
        return self._services[mid]
