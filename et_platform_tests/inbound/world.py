"""A small world for the return road: a lake and ledger of its own, and the Export folder of a running simulator.

Everything is real; each world uses file names of its own, so that many share one simulator.
"""

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from et_platform.catalog.tracking import EVENT_TYPES
from et_platform.inbound.detect import detect
from et_platform.inbound.load import Loaded, take
from et_platform.inbound.road import InboundRoad
from et_platform.ingest.arrival import Look
from et_platform.resources import build_road
from et_platform_tests.inbound.archives import put
from et_platform_tests.outbound.world import settings_for


@dataclass
class World:
    folder: Path
    info: Mapping[str, Any]
    prefix: str = ""
    told: list[str] = field(default_factory=list)
    cursor: str | None = None

    def __post_init__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        known = self.folder / "prefix"
        if not known.exists():
            known.write_text(self.prefix or f"w{uuid.uuid4().hex[:10]}_")
        self.prefix = known.read_text()

    @property
    def road(self) -> InboundRoad:
        road = build_road(settings_for(self.folder, self.info), run_id="test", tell=self.told.append)
        return InboundRoad(
            mid=road.mid,
            lake=road.lake,
            ledger=road.ledger,
            files=road.files,
            open_exacttarget=road.open_exacttarget,
            run_id=road.run_id,
            tell=road.tell,
        )

    @property
    def export(self) -> Path:
        return Path(self.info["ftp_folder"], "Export")

    def deliver(self, name: str, content: bytes, *, mtime: int | None = None) -> Path:
        return put(self.export, self.prefix + name, content, mtime=mtime)

    def look(self, **given: Any) -> Look:
        found = detect(self.road, self.cursor, wanted=lambda name: name.startswith(self.prefix), **given)
        self.cursor = found.cursor
        return found

    def identity(self) -> str:
        """Two looks, and the one file that is complete then."""
        self.look()
        (arrival,) = self.look().complete
        return arrival.identity

    def take(self) -> Loaded:
        return take(self.road, self.identity())

    def run(self) -> list[Loaded]:
        """What the sensor and its runs do: two looks, then every complete file."""
        self.look()
        return [take(self.road, arrival.identity) for arrival in self.look().complete]

    def events(self) -> dict[str, list[str]]:
        """Subscriber keys by type."""
        with self.road.lake.read() as connection:
            if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = 'extracts'").fetchone():
                return {}
            return {
                one: [
                    row[0]
                    for row in connection.execute(
                        f"SELECT SubscriberKey FROM lake.extracts.events_{one} ORDER BY 1"
                    ).fetchall()
                ]
                for one in EVENT_TYPES
            }

    def query(self, sql: str) -> list[tuple]:
        with self.road.lake.read() as connection:
            return connection.execute(sql).fetchall()

    def left_over(self) -> list[str]:
        """Scratch folders that a step left."""
        return [path.name for path in self.road.extracts.iterdir() if path.name.startswith(".")]


def world_from(argument: str) -> World:
    request = json.loads(argument)
    os.umask(0o022)
    return World(Path(request["folder"]), request["info"])
