"""A small world for segments: a data extension of people in a running simulator, and segments that read it.

Everything is real; names are the world's own, so that many share one simulator.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from et_platform.catalog.catalog import Catalog, Declared, load_catalog
from et_platform.catalog.segment import Segment
from et_platform.ledger import segments as ledger
from et_platform.ledger.segments import SegmentRun
from et_platform.outbound.road import Road
from et_platform.outbound.schema import ensure_data_extension
from et_platform.resources import build_road
from et_platform.segments.run import Outcome, run_segment
from et_platform_tests.outbound.world import settings_for
from et_platform_tests.scenario import CRM, DATA_EXTENSION, write_catalog

PEOPLE = {"P1": ("Ann", "7"), "P2": ("ben", "20"), "P3": ("Cy", "30")}
"""Name and points, by key."""

QUERY = """description: People with many points.
owners: ["team:tests"]
query: SELECT PersonID, Name, Points FROM [Test People] WHERE Points > 10
into:
  customer_key: Test_Result
  name: Test Result
  fields:
    PersonID: {type: Text, length: 10, key: true, required: true}
    Name: {type: Text, length: 20}
    Points: {type: Number}
"""
FILTER = QUERY.replace(
    "query: SELECT PersonID, Name, Points FROM [Test People] WHERE Points > 10",
    "filter:\n  of: {data_extension: people}\n  where: {field: Points, is: greaterThan, value: 10}",
)


@dataclass
class World:
    """`told` collects what the steps said; `later` is how far the clock jumped."""

    folder: Path
    info: Mapping[str, Any]
    text: str = QUERY
    told: list[str] = field(default_factory=list)
    later: timedelta = timedelta()
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        known = self.folder / "own"
        if not known.exists():
            known.write_text(uuid.uuid4().hex[:12])
            self.own = known.read_text()
            self.declare(self.text)
            self.fill(PEOPLE)
        self.own = known.read_text()

    def declare(self, text: str) -> None:
        """Write the declarations, with this world's own keys and names."""
        write_catalog(self.folder / "catalog", crm=CRM, data_extension=self.owned(DATA_EXTENSION))
        (self.folder / "catalog" / "segments").mkdir(exist_ok=True)
        (self.folder / "catalog" / "segments" / f"s{self.own}.yaml").write_text(self.owned(text), encoding="utf-8")

    def owned(self, text: str) -> str:
        for name in ("People", "Result"):
            text = text.replace(f"Test_{name}", f"{name}_{self.own}").replace(f"Test {name}", f"{name} {self.own}")
        return text

    @property
    def catalog(self) -> Catalog:
        return load_catalog(self.folder / "catalog")

    @property
    def declared(self) -> Declared[Segment]:
        return self.catalog.segments[f"s{self.own}"]

    @property
    def road(self) -> Road:
        changes = {"doubt_deadline_seconds": 0.4, "poll_seconds": 0.02, **self.changes}
        road = build_road(settings_for(self.folder, self.info, **changes), run_id="test", tell=self.told.append)
        return replace(road, clock=lambda: datetime.now(UTC) + self.later)

    @property
    def result_key(self) -> str:
        return self.declared.is_.into.customer_key

    def fill(self, people: Mapping[str, tuple[str, str]]) -> None:
        declared = self.catalog.data_extensions["people"]
        rows = [
            {"PersonID": key, "Email": f"{key}@example.org", "Name": name, "Points": points}
            for key, (name, points) in people.items()
        ]
        with self.road.open_exacttarget() as exacttarget:
            ensure_data_extension(exacttarget, declared, acknowledged=0, is_first_load=False)
            results = exacttarget.rows.upsert(customer_key=declared.is_.customer_key, rows=rows)
        assert all(one.ok for one in results), results

    def run(self, **given: Any) -> Outcome:
        return run_segment(self.road, self.catalog, self.declared, **given)

    def rows(self, customer_key: str | None = None, names: tuple[str, ...] = ("PersonID", "Name")) -> list[tuple]:
        """What a data extension holds, by default the result."""
        with self.road.open_exacttarget() as exacttarget:
            batches = exacttarget.rows.read(customer_key=customer_key or self.result_key, fields=names)
            return sorted(tuple(row[name] for name in names) for batch in batches for row in batch.to_pylist())

    def runs(self) -> list[SegmentRun]:
        return ledger.latest(self.road.ledger, self.road.mid, self.declared.name)

    def left_over(self) -> list[str]:
        """What runs left in ExactTarget of what is their own."""
        with self.road.open_exacttarget() as exacttarget:
            return [
                run.id
                for run in self.runs()
                if exacttarget.automations.state(customer_key=run.automation_key) is not None
                or exacttarget.queries.object_id(customer_key=run.automation_key) is not None
                or self._mark(exacttarget, run)
            ]

    def _mark(self, exacttarget: Any, run: SegmentRun) -> list[Any]:
        rows = exacttarget.rows.read(customer_key="ETP_Segment_Runs", fields=["RunID"], keys=("RunID", [run.id]))
        return list(rows)
