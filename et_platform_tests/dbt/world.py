"""A lake with customers and events for the models to read, put there by the platform's own loaders."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from et_platform.catalog.catalog import load_catalog
from et_platform.dbt.project import PACKAGED, Project
from et_platform.dbt.run import DbtRoad
from et_platform.ingest.tracking import parse, type_of
from et_platform.resources import build_dbt_road
from et_platform.settings import Settings
from et_platform.sync.folding import folded_key
from et_platform.warehouse import events, status_changes
from et_platform.warehouse.events import Content, MemberRows
from et_platform.warehouse.lake import Lake
from et_platform.warehouse.snapshots import write_snapshot
from et_platform_tests.inbound.archives import Event, event, text

NEWEST = datetime(2026, 11, 2, 12, tzinfo=UTC)
"""The newest event of the tests, from which the models reckon."""


def before(key: str, **ago: float) -> Event:
    """An event of `key` that long before NEWEST (days=…, seconds=…)."""
    at = NEWEST - timedelta(**ago)
    return event(key, EventDate=f"{at:%Y-%m-%dT%H:%M:%SZ}")


@dataclass
class World:
    folder: Path
    project: Project = field(default_factory=lambda: Project(PACKAGED, PACKAGED / "target" / "platform"))
    told: list[str] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return Settings(data_path=self.folder / "data")

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_path)

    @property
    def road(self) -> DbtRoad:
        return build_dbt_road(self.settings, self.project, tell=self.told.append)

    def customers(self, *given: str | dict[str, str]) -> None:
        """Customers by key alone, or by those columns that are not empty, as text."""
        entity = load_catalog(None).crm["customers"].is_
        rows = [
            dict.fromkeys(entity.columns) | ({"customer_id": one} if isinstance(one, str) else one) for one in given
        ]
        table = pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in entity.columns]))
        write_snapshot(
            self.lake, name="customers", entity=entity, rows=table.to_reader(), fold=folded_key, run_id="test"
        )

    def track(self, **members: Sequence[Event]) -> None:
        """Load a tracking extract with these members (Opens=…, Clicks=…, …)."""
        loaded = []
        for member, rows in members.items():
            content = text(member, rows)
            path = self.folder / f"{member}.csv"
            path.write_text(content, encoding="utf-8")
            kind = type_of(path.name)
            assert kind is not None
            (self.folder / member).mkdir(exist_ok=True)
            one = parse(path, kind, file="a.zip", member=path.name, folder=self.folder / member)
            loaded.append(MemberRows(kind, path.name, one.events, one.rejects, one.rows, one.rejected, one.kept))
        sha256 = hashlib.sha256(repr(sorted(members.items())).encode()).hexdigest()
        with self.lake.write() as connection:
            events.load(connection, Content(sha256, sha256[:8], "a.zip", "test"), loaded, fold=folded_key)

    def status(self, key: str, current: str, *, previous: str = "normal", **ago: float) -> None:
        """Let ExactTarget have told of a subscriber's status that long before NEWEST."""
        with self.lake.write() as connection:
            status_changes.ensure_table(connection)
            connection.execute(
                f"INSERT INTO {status_changes.TABLE} (mid, subscriber_key, _folded_key, current, previous, changed_at) "
                f"VALUES (7, $key, {folded_key('$key')}, $current, $previous, $at)",
                {"key": key, "current": current, "previous": previous, "at": NEWEST - timedelta(**ago)},
            )

    def query(self, sql: str) -> list[tuple]:
        with self.lake.read() as connection:
            return connection.execute(sql).fetchall()

    def mart(self) -> dict[str, dict[str, Any]]:
        """The engagement mart by customer id."""
        with self.lake.read() as connection:
            rows = connection.execute("FROM lake.marts.customer_engagement").to_arrow_table().to_pylist()
        return {row["customer_id"]: row for row in rows}
