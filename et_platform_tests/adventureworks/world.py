"""Both roads between a PostgreSQL database that holds the sample and a running simulator.

What belongs here: the roads' steps for the sample's declarations, what ExactTarget then shows, and what PostgreSQL
says it should. What does not: the steps themselves (et_platform/outbound, et_platform/inbound), and loading (sample.py).
"""

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import func, select

from et_platform.catalog.catalog import Catalog, load_catalog
from et_platform.inbound import write_back
from et_platform.inbound.detect import detect
from et_platform.inbound.load import Loaded, take
from et_platform.inbound.road import InboundRoad
from et_platform.inbound.windows import SERVER_ZONE, request_day
from et_platform.inbound.write_back import Proposal
from et_platform.ledger.tables import files
from et_platform.ledger.writeback import WriteBackSet
from et_platform.outbound.deliver import deliver
from et_platform.outbound.plan import Plan, make_plan
from et_platform.outbound.road import Road
from et_platform.outbound.settle import Settlement
from et_platform.outbound.snapshot import take_snapshot
from et_platform.outbound.stage import stage_and_upload
from et_platform.resources import build_inbound_road, build_road, build_write_back_road
from et_platform.settings import Settings
from et_platform.warehouse import quarantine
from et_platform_tests.adventureworks.sample import CATALOG
from et_platform_tests.outbound.world import settings_for

Rows = dict[str, dict[str, str]]

BLANK_PADDED = 1042
"""PostgreSQL's type number of char(n), whose blanks at the end are filling, and no part of the value."""


@dataclass
class World:
    """The sample's declarations under customer keys of their own, below `folder`."""

    folder: Path
    crm_url: str
    info: Mapping[str, Any]
    told: list[str] = field(default_factory=list)

    def __post_init__(self):
        own = f"T_{uuid.uuid4().hex[:12]}"
        for path in CATALOG.glob("*/*.yaml"):
            copy = self.folder / "catalog" / path.relative_to(CATALOG)
            copy.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text("utf-8").replace("AdventureWorks_", f"{own}_")
            copy.write_text(text.replace("name: AdventureWorks", f"name: {own}"), "utf-8")

    @property
    def catalog(self) -> Catalog:
        return load_catalog(self.folder / "catalog")

    @property
    def settings(self) -> Settings:
        return settings_for(self.folder, self.info, crm_url=self.crm_url)

    @cached_property
    def road(self) -> Road:
        return build_road(self.settings, run_id="test", tell=self.told.append)

    def run(self, name: str) -> tuple[Plan, Settlement | None]:
        """The whole road of one data extension, as a run goes it."""
        declared = self.catalog.data_extension(name)
        take_snapshot(self.road, self.catalog.entity_of(declared))
        plan = make_plan(self.road, self.catalog, declared)
        stage_and_upload(self.road, declared)
        return plan, deliver(self.road, self.catalog, declared)

    @property
    def inbound_road(self) -> InboundRoad:
        return build_inbound_road(self.settings, run_id="test", tell=self.told.append)

    def events_come_back(self) -> Loaded:
        """Ask for today's window, wait for the file, and load it; as the sensor and its runs do."""
        catalog, road = self.catalog, self.inbound_road
        # Events of this very minute are not in the window yet, for a window ends with a whole minute.
        request = request_day(road, catalog.extracts["tracking"], datetime.now(SERVER_ZONE).date(), again=True)
        deadline, cursor = time.monotonic() + 60, None
        while time.monotonic() < deadline:
            seen = detect(road, cursor, wanted=lambda name: name == request.output_name)
            cursor = seen.cursor
            for one in seen.complete:
                return take(road, one.identity)
            time.sleep(0.1)
        raise AssertionError(f"{request.output_name} did not come")

    def write_back(self, name: str) -> tuple[Proposal, WriteBackSet | None]:
        """The last step of the return road for one entity."""
        catalog = self.catalog
        road = build_write_back_road(self.settings, run_id="test", tell=self.told.append)
        return write_back.run(
            road, catalog, catalog.writeback[name], take_snapshot=lambda: take_snapshot(self.road, catalog.crm[name])
        )

    def held_by_exacttarget(self, name: str) -> Rows:
        """The rows of the data extension by key, as ExactTarget shows them."""
        declared = self.catalog.data_extension(name).is_
        with self.road.open_exacttarget() as exacttarget:
            batches = list(exacttarget.rows.read(customer_key=declared.customer_key, fields=list(declared.fields)))
        rows = [row for batch in batches for row in batch.to_pylist()]
        found = {row[declared.key_field]: row for row in rows}
        assert len(found) == len(rows), "a key occurs twice"
        return found

    def wanted_by_postgresql(self, name: str, *, without: Iterable[str] = ()) -> Rows:
        """What the declared query says, by key, put in ExactTarget's terms here and without our own code."""
        declared = self.catalog.data_extension(name)
        entity = self.catalog.entity_of(declared).is_
        query = f"SELECT * FROM (\n{entity.source.query}\n) AS q WHERE {entity.key}::text <> ALL (%s)"
        with psycopg.connect(self.crm_url) as session:
            cursor = session.execute(query.encode(), [list(without)])
            columns = cursor.description or []
            rows = [{c.name: _shown(v, c.type_code) for c, v in zip(columns, row, strict=True)} for row in cursor]
        fields = declared.is_.fields
        wanted = [{field_name: row[fields[field_name].source] for field_name in fields} for row in rows]
        return {row[declared.is_.key_field]: row for row in wanted}

    def withheld(self, name: str) -> dict[str, set[str]]:
        """The reasons by key for which rows are in quarantine."""
        relation = quarantine.relation(self.road.lake_name(self.catalog.data_extension(name).is_))
        with self.road.lake.read() as connection:
            rows = connection.execute(f"SELECT _key, field || ' ' || reason FROM {relation}").fetchall()
        reasons: dict[str, set[str]] = {}
        for key, reason in rows:
            reasons.setdefault(key, set()).add(reason)
        return reasons

    def imported_rows(self) -> int:
        """How many rows ExactTarget ever took from files of this world, by the ledger."""
        with self.road.ledger.engine.connect() as connection:
            return connection.execute(select(func.coalesce(func.sum(files.c.total), 0))).scalar_one()


def _shown(value: Any, type_code: int) -> str:
    match value:
        case None:
            return ""  # as Retrieve shows it
        case bool():
            return str(value)
        case datetime():  # before date, which it also is; the sample's times have no zone and are taken for UTC
            server = (value + timedelta(microseconds=500_000)).replace(microsecond=0) - timedelta(hours=6)
            return f"{server.month}/{server.day}/{server.year} {server:%I:%M:%S %p}".replace(" 0", " ", 1)
        case date():
            return f"{value.month}/{value.day}/{value.year} 12:00:00 AM"
        case Decimal():
            return f"{value:.4f}"
        case str():
            return value.rstrip(" ") if type_code == BLANK_PADDED else value
        case _:
            return str(value)
