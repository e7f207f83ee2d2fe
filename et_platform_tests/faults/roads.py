"""Worlds whose client gives up soon, so that faults of time cost little of it."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from et_platform.catalog.catalog import Catalog, load_catalog
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import Patience
from et_platform.outbound.plan import Plan
from et_platform.outbound.road import Road
from et_platform.outbound.settle import Settlement
from et_platform_tests.exacttarget.scripted import AT_ONCE, QUICK, simulated_connection
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import person, snapshot_of

HASTE = {"poll_seconds": 0.02, "poll_cap_seconds": 0.05, "doubt_deadline_seconds": 0.5, "import_deadline_seconds": 60.0}


def people(word: str) -> dict[str, str]:
    """The names of four people by key, as a change makes them."""
    return {f"P{n}": f"{word}{n}" for n in range(1, 5)}


@dataclass
class HastyWorld(World):
    """An outbound world. `changes` are settings; its road is otherwise that of the platform."""

    changes: dict[str, Any] = field(default_factory=lambda: dict(HASTE))
    patience: Patience = field(default_factory=Patience)

    @cached_property
    def catalog(self) -> Catalog:  # pyright: ignore[reportIncompatibleMethodOverride]
        return load_catalog(self.folder / "catalog")

    @property
    def road(self) -> Road:
        connection = simulated_connection(dict(self.info))
        return replace(
            super().road,
            open_exacttarget=lambda: ExactTarget(
                connection, timeouts=QUICK, retries=AT_ONCE, patience=self.patience, tell=self.told.append
            ),
        )

    def call(self, names: dict[str, str]) -> None:
        """Make the CRM's snapshot hold these people."""
        rows = [person(id=key, email=f"{key}@example.org", name=name) for key, name in names.items()]
        snapshot_of(self.road.lake, self.catalog, rows)

    def go(self) -> tuple[Plan, Settlement | None]:
        """The road from the plan on: the CRM is not read again."""
        plan = self.plan()
        self.stage()
        return plan, self.deliver()

    def names(self) -> dict[str, str | None]:
        """Name by key, as ExactTarget holds it."""
        return {key: row["Name"] for key, row in self.rows().items()}
