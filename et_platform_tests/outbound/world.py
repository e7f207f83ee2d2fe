"""A small world for the outbound road: the example's CRM in SQLite, a lake and ledger, and a running simulator.

Everything is real; a world has its own folder and its own data extension, so that many share one simulator.
"""

import sqlite3
import uuid
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from et_platform.catalog.catalog import Catalog, Declared, load_catalog
from et_platform.catalog.models import DataExtension
from et_platform.exacttarget.models import ImportResult
from et_platform.outbound.deliver import deliver
from et_platform.outbound.opt_outs import OptOuts, send_opt_outs
from et_platform.outbound.plan import Plan, make_plan
from et_platform.outbound.road import Road
from et_platform.outbound.settle import Settlement
from et_platform.outbound.snapshot import take_snapshot
from et_platform.outbound.stage import stage_and_upload
from et_platform.resources import build_road
from et_platform.settings import Settings
from et_platform.warehouse.acknowledged import relation
from et_platform_tests.scenario import DATA_EXTENSION, PERSON, write_catalog

Person = Mapping[str, str | None]


def settings_for(folder: Path, info: Mapping[str, Any], **changes: Any) -> Settings:
    """Settings that join a CRM in `folder` with a simulator's ready line."""
    usual = {
        "crm_url": f"sqlite:///{folder / 'crm.sqlite'}",
        "data_path": folder / "data",
        "catalog_path": folder / "catalog",
        "poll_seconds": 0.05,
        "doubt_deadline_seconds": 3.0,
        "import_deadline_seconds": 60.0,
    }
    names = ("auth_url", "client_id", "client_secret", "mid")
    names += ("sftp_host", "sftp_port", "sftp_user", "sftp_password", "sftp_host_key")
    return Settings(**(usual | {name: info[name] for name in names} | changes))  # type: ignore[call-arg]


@dataclass
class World:
    """One data extension's world below `folder`. `told` collects what the steps said; `later` is how far the clock jumped."""

    folder: Path
    info: Mapping[str, Any]
    customer_key: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    later: timedelta = timedelta()

    def __post_init__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "catalog").exists():
            self.customer_key = self.customer_key or f"T_{uuid.uuid4().hex[:12]}"
            self.declare(DATA_EXTENSION)
        self.customer_key = self.declared.is_.customer_key
        if not (self.folder / "crm.sqlite").exists():
            with closing(sqlite3.connect(self.folder / "crm.sqlite")) as crm, crm:
                crm.execute(f"CREATE TABLE people ({', '.join(PERSON)})")

    def declare(self, text: str) -> None:
        """Write the declarations, with this world's own customer key and name."""
        text = text.replace("Test_People", self.customer_key).replace("Test People", f"Name {self.customer_key}")
        write_catalog(self.folder / "catalog", data_extension=text)

    @property
    def catalog(self) -> Catalog:
        return load_catalog(self.folder / "catalog")

    @property
    def declared(self) -> Declared[DataExtension]:
        return self.catalog.data_extensions["people"]

    @property
    def road(self) -> Road:
        settings = settings_for(self.folder, self.info, **self.changes)
        road = build_road(settings, run_id="test", tell=self.told.append)
        return replace(road, clock=lambda: datetime.now(UTC) + self.later)

    def crm(self, *people: Person) -> None:
        """Make the CRM hold exactly these people."""
        with closing(sqlite3.connect(self.folder / "crm.sqlite")) as crm, crm:
            crm.execute("DELETE FROM people")
            places = ", ".join("?" * len(PERSON))
            crm.executemany(f"INSERT INTO people VALUES ({places})", [tuple(p[c] for c in PERSON) for p in people])

    def snapshot(self) -> None:
        take_snapshot(self.road, self.catalog.crm["people"])

    def plan(self) -> Plan:
        return make_plan(self.road, self.catalog, self.declared)

    def stage(self):
        return stage_and_upload(self.road, self.declared)

    def deliver(self) -> Settlement | None:
        return deliver(self.road, self.catalog, self.declared)

    def opt_out(self) -> OptOuts:
        return send_opt_outs(self.road, self.catalog, self.declared)

    def run(self) -> tuple[Plan, Settlement | None]:
        """The whole road, as a run goes it."""
        self.snapshot()
        if self.declared.is_.consent is not None:
            self.opt_out()
        plan = self.plan()
        self.stage()
        return plan, self.deliver()

    def rows(self) -> dict[str, dict[str, str | None]]:
        """What the data extension holds, by key, as ExactTarget shows it."""
        names = list(self.declared.is_.fields)
        with self.road.open_exacttarget() as exacttarget:
            if exacttarget.data_extensions.get(customer_key=self.customer_key) is None:
                return {}
            batches = list(exacttarget.rows.read(customer_key=self.customer_key, fields=names))
        return {row["PersonID"]: row for batch in batches for row in batch.to_pylist()}

    def imports(self) -> list[ImportResult]:
        """Every import that ExactTarget ran for this world's files, whatever became of their attempts."""
        from sqlalchemy import select

        from et_platform.ledger.tables import files

        road = self.road
        with road.ledger.engine.connect() as connection:
            keys = connection.execute(select(files.c.definition_key)).scalars().all()
        with road.open_exacttarget() as exacttarget:
            return [result for key in keys for result in exacttarget.imports.results_of(definition_key=key)]

    def imported_rows(self) -> int:
        """How many rows were imported in all, over every import there ever was."""
        return sum(result.total_rows for result in self.imports())

    def acknowledged(self) -> dict[str, str]:
        """Name by folded key, as acknowledged."""
        with self.road.lake.read() as connection:
            rows = relation(self.road.lake_name(self.declared.is_))
            return dict(connection.execute(f"SELECT _folded_key, Name FROM {rows}").fetchall())

    def left_on_the_ftp_site(self) -> list[str]:
        """The names of this world's files that are still in Import, under whatever name they were uploaded."""
        from sqlalchemy import select

        from et_platform.ledger.tables import files

        with self.road.ledger.engine.connect() as connection:
            names = list(connection.execute(select(files.c.remote)).scalars())
        present = [path.name for path in Path(self.info["ftp_folder"], "Import").iterdir()]
        return [found for found in present if any(name.removesuffix(".csv") in found for name in names)]

    def file_states(self) -> list[str]:
        from sqlalchemy import select

        from et_platform.ledger.tables import files

        with self.road.ledger.engine.connect() as connection:
            return list(connection.execute(select(files.c.state).order_by(files.c.changed_at)).scalars())
