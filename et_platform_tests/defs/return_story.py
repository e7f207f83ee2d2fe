"""The sensor and its runs as the daemon drives them, tick by tick, on an ephemeral instance.

A run key that was launched once is never launched again: that is the daemon's rule, kept here too.
"""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from et_platform.catalog.catalog import load_catalog
from et_platform.definitions import build_defs
from et_platform.defs.extract import SENSOR
from et_platform.inbound.request import output_name
from et_platform.inbound.road import InboundRoad
from et_platform.resources import Platform, build_inbound_road
from et_platform_tests.inbound.archives import put
from et_platform_tests.outbound.world import settings_for
from et_platform_tests.scenario import write_catalog

EXTRACT = """
description: What people did, for tests.
owners: ["team:tests"]
kind: tracking
first_window: 2024-01-01
other_files: ["{name}_by_hand_*.zip"]
"""


@dataclass
class Story:
    folder: Path
    info: Mapping[str, Any]
    instance: dg.DagsterInstance
    name: str = field(default_factory=lambda: f"t_{uuid.uuid4().hex[:10]}")
    cursor: str | None = None
    launched: set[str] = field(default_factory=set)

    def __post_init__(self):
        catalog = write_catalog(self.folder / "catalog")
        (catalog / "extracts").mkdir()
        (catalog / "extracts" / f"{self.name}.yaml").write_text(EXTRACT.format(name=self.name), encoding="utf-8")
        self.catalog = load_catalog(catalog)
        self.defs = build_defs(catalog=self.catalog, platform=Platform())
        self.settings = settings_for(self.folder, self.info)
        for name, value in self.settings.model_dump().items():
            if value is not None:
                secret = getattr(value, "get_secret_value", None)
                os.environ[f"ET_{name.upper()}"] = str(secret() if secret else value)  # undone by the fixture

    @property
    def road(self) -> InboundRoad:
        return build_inbound_road(self.settings, run_id="test", tell=lambda line: None)

    def file(self, day: str, *, attempt: int = 1) -> str:
        """The name of the file that answers the request for a whole server day."""
        return output_name(self.name, *self.window(day), attempt)

    def window(self, day: str) -> tuple[datetime, datetime]:
        start = datetime.fromisoformat(f"{day}T06:00:00+00:00")
        return start, start + timedelta(days=1)

    def deliver(self, name: str, content: bytes, *, mtime: int | None = None) -> Path:
        return put(Path(self.info["ftp_folder"], "Export"), name, content, mtime=mtime)

    def tick(self) -> tuple[str | None, list[dg.RunRequest]]:
        """One evaluation; the cursor moves only if it succeeded, and known run keys are dropped."""
        sensor = self.defs.resolve_sensor_def(SENSOR)
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, definitions=self.defs, resources={"platform": Platform()}
        )
        data = sensor.evaluate_tick(context)
        self.cursor = data.cursor
        fresh = [one for one in data.run_requests or [] if one.run_key not in self.launched]
        self.launched |= {one.run_key for one in fresh if one.run_key}
        return data.skip_message, fresh

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        return self.materialize(
            *(request.asset_selection or ()),
            partition=request.partition_key,
            config=dict(request.run_config),
            tags=dict(request.tags),
        )

    def materialize(
        self,
        *keys: dg.AssetKey,
        partition: str | None = None,
        config: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=list(keys),
            partition_key=partition,
            run_config=config or {},
            tags=tags,
            instance=self.instance,
            raise_on_error=False,
        )

    def go(self, *, ticks: int = 2) -> list[dg.ExecuteInProcessResult]:
        """What the daemon does: tick, and run what is requested."""
        return [self.run(one) for _ in range(ticks) for one in self.tick()[1]]

    def keys(self, event: str) -> list[str]:
        with self.road.lake.read() as connection:
            rows = connection.execute(
                f'SELECT "SubscriberKey" FROM lake.extracts.events_{event} ORDER BY "SubscriberKey"'
            ).fetchall()
        return [key for (key,) in rows]


def seconds(moment: str) -> int:
    """A UTC moment as a file time."""
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())
