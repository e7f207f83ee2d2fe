"""Runs the whole loop, both roads with dbt between them, in forked processes and kills it with SIGKILL at a few moments.

What belongs here: the loop as library calls, the moments, the state that is compared. What does not: every boundary of
one road (outbound/kill_matrix.py, inbound/kill_matrix.py), which this builds on. A process of its own, because a fork
must not inherit threads.
"""

import json
import os
import random
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.tracking import EVENT_TYPES
from et_platform.dbt.project import PACKAGED, Project
from et_platform.dbt.run import build
from et_platform.demo.crm import dirty_ids
from et_platform.inbound import write_back
from et_platform.inbound.detect import detect
from et_platform.inbound.load import take
from et_platform.inbound.request import output_name, request_window
from et_platform.ledger import writeback as journal
from et_platform.ledger.tables import files
from et_platform.outbound.deliver import deliver
from et_platform.outbound.opt_outs import send_opt_outs
from et_platform.outbound.plan import make_plan
from et_platform.outbound.snapshot import take_snapshot
from et_platform.outbound.stage import stage_and_upload
from et_platform.resources import build_dbt_road, build_inbound_road, build_road, build_write_back_road
from et_platform_tests.end_to_end.platform import platform_in
from et_platform_tests.inbound.archives import event, put, tracking
from et_platform_tests.inbound.kill_matrix import InboundBoundaries
from et_platform_tests.outbound.kill_matrix import Boundaries
from et_platform_tests.outbound.kill_server import in_child
from et_platform_tests.outbound.world import settings_for
from et_platform_tests.simulated import running_simulator

SEED = 20261125
LEGS = ("out", "in", "models", "home and out")
START = datetime(2026, 1, 2, 6, tzinfo=UTC)
END = START + timedelta(days=1)
MID_DAY = "1/2/2026 12:00:00 PM"
MODELS = ["--select", "+customer_engagement"]


class LoopBoundaries(Boundaries):
    """Those of both roads, and of the write-back."""

    def install(self) -> None:
        InboundBoundaries.install(self)  # pyright: ignore[reportArgumentType]
        super().install()
        for method in ("begin", "record", "settle"):
            self.around(journal, method, f"journal.{method}")  # pyright: ignore[reportArgumentType]
        self.around(write_back, "write_back", "the CRM is written")  # pyright: ignore[reportArgumentType]

    def leg_of(self, number: int) -> str:
        """The leg that a boundary, by its number, is on."""
        return next(name for name in reversed(self.names[:number]) if name in LEGS)


@dataclass
class World:
    folder: Path
    info: dict[str, Any]

    def __post_init__(self):
        self.settings = settings_for(self.folder, self.info, doubt_deadline_seconds=1.0)
        self.catalog = load_catalog(self.folder / "catalog")
        self.inbound = build_inbound_road(self.settings, run_id="test", tell=_nobody)

    def out(self) -> None:
        declared = self.catalog.data_extensions["customers"]
        road = build_road(self.settings, run_id="test", tell=_nobody)
        self.snapshot()
        send_opt_outs(road, self.catalog, declared)
        make_plan(road, self.catalog, declared)
        stage_and_upload(road, declared)
        deliver(road, self.catalog, declared)

    def snapshot(self) -> None:
        take_snapshot(build_road(self.settings, run_id="test", tell=_nobody), self.catalog.crm["customers"])

    def come_in(self) -> None:
        request_window(self.inbound, name="tracking", start=START, end=END, types=EVENT_TYPES)
        cursor = None
        for _ in range(2):
            seen = detect(self.inbound, cursor, wanted=lambda name: name.startswith("etp_tracking_"), patient=False)
            cursor = seen.cursor
        for arrival in seen.complete:
            take(self.inbound, arrival.identity)

    def models(self) -> Iterator[str]:
        road = build_dbt_road(self.settings, Project(PACKAGED, PACKAGED / "target" / "platform"), tell=_nobody)
        for result in build(road, arguments=MODELS, environment={"DBT_INDIRECT_SELECTION": "buildable"}):
            yield result.name

    def home(self) -> None:
        self.snapshot()
        road = build_write_back_road(self.settings, run_id="test", tell=_nobody)
        write_back.run(road, self.catalog, self.catalog.writeback["customers"], take_snapshot=self.snapshot)

    def run(self, boundaries: Boundaries) -> None:
        """The whole loop, as runs go it: out, in, models, home, and out with the consequences."""
        boundaries.reach("out")
        self.out()
        boundaries.reach("in")
        self.come_in()
        boundaries.reach("models")
        for name in self.models():
            boundaries.reach(f"after dbt's {name}")
        boundaries.reach("home and out")
        self.home()
        self.out()
        boundaries.reach("at the end")

    def crm(self, sql: str) -> list[tuple]:
        with closing(sqlite3.connect(self.folder / "crm.sqlite")) as crm:
            return crm.execute(sql).fetchall()

    def state(self) -> dict[str, Any]:
        """What must be the same; every value as text, for JSON."""
        declared = self.catalog.data_extensions["customers"].is_
        road = build_road(self.settings, run_id="test", tell=_nobody)
        with road.ledger.engine.connect() as connection:
            keys = connection.execute(select(files.c.definition_key)).scalars().all()
        with road.open_exacttarget() as exacttarget:
            batches = list(exacttarget.rows.read(customer_key=declared.customer_key, fields=list(declared.fields)))
            imports = [one for key in keys for one in exacttarget.imports.results_of(definition_key=key)]
        with self.inbound.lake.read() as lake:
            events = {
                one: lake.execute(f"SELECT count(*) FROM lake.extracts.events_{one}").fetchall() for one in EVENT_TYPES
            }
            mart = lake.execute("FROM lake.marts.customer_engagement ORDER BY ALL").fetchall()
            loaded = lake.execute("SELECT count(*) FROM lake.extracts.loaded_files").fetchall()
        (request,) = self.inbound.inbound.requests_named(self.inbound.mid, "tracking")
        rows = [row for batch in batches for row in batch.to_pylist()]
        crm = repr(self.crm("SELECT * FROM customers ORDER BY customer_id"))
        return {
            "crm": crm.replace(f"_m{self.inbound.mid}.zip", ".zip"),  # each simulator has a business unit of its own
            "out in the CRM by a file": self.crm("SELECT count(*) FROM customers WHERE opt_out_evidence LIKE 'etp_%'"),
            "mart": repr(mart),
            "customers in the mart": len(mart),
            "events": repr(events),
            "loaded": repr(loaded),
            "request": request.state,
            "data extension": repr(sorted(rows, key=repr)),
            "imported rows": sum(one.total_rows for one in imports),
            "write-back open": journal.open_set(road.ledger, "customers") is not None,
            "import open": road.ledger.open_attempt(road.mid, declared.customer_key) is not None,
        }


def _nobody(_line: str) -> None:
    """What is told to people is not looked at here."""


def prepare(folder: Path, info: dict[str, Any], ftp_folder: Path) -> int:
    """A seeded CRM, and the file that answers the window; the simulator itself is slow to answer."""
    platform_in(folder, info, customers=60, customer_key="Kill_Customers")
    dirty = {row.customer_id for row in dirty_ids(folder / "crm.sqlite")}
    world = World(folder, info)
    people = [
        key
        for (key,) in world.crm(
            "SELECT customer_id FROM customers WHERE opted_out = 0 AND coalesce(newsletter_opt_in_at, '') < '2026' "
            "ORDER BY customer_id"
        )
        if key not in dirty
    ]
    at = {"EventDate": MID_DAY, "ClientID": str(world.inbound.mid), "ListID": "1"}  # from All Subscribers
    content = tracking(
        Unsubs=[event(key, **at) for key in people[:3]],
        Opens=[event(key, **at) for key in people[2:8]],
        Clicks=[event(people[3], **at)],
    )
    put(ftp_folder / "Export", output_name("tracking", START, END, 1, world.inbound.mid), content, mtime=1_767_500_000)
    return len(people)


def run_with(folder: Path, info: dict[str, Any], fatal: int) -> list[tuple[str, str]]:
    """Names and legs of the boundaries that were passed."""
    world, boundaries = World(folder, info), LoopBoundaries(fatal)
    boundaries.install()
    world.run(boundaries)
    return [(name, boundaries.leg_of(number)) for number, name in enumerate(boundaries.names, 1)]


def main() -> None:
    """Read a folder as JSON; write one JSON line for the undisturbed loop and one for each kill."""
    folder = Path(json.loads(sys.stdin.readline())["folder"])
    dice = random.Random(SEED)

    def told(number: int, fatal: int, name: str) -> list[tuple[str, str]]:
        world = folder / str(number)
        with running_simulator(world / "exacttarget", "--set", "extract_delay_seconds=3600") as simulator:
            info, site = simulator.info, simulator.ftp_folder
            assert in_child(lambda: prepare(world / "p", info, site)) > 8
            names = in_child(lambda: run_with(world / "p", info, fatal))
            if fatal:
                in_child(lambda: len(run_with(world / "p", info, 0)))  # the plain re-run
            state = in_child(lambda: World(world / "p", info).state())
        line = {"boundary": name, "killed": names is None, "state": state}
        os.write(1, f"{json.dumps(line)}\n".encode())
        return names

    names = told(0, 0, "none")
    for number, leg in enumerate(LEGS, 1):
        fatal = dice.choice(
            [place for place, (name, of) in enumerate(names, 1) if of == leg and name not in (leg, "mkdir")]
        )
        told(number, fatal, f"{fatal} of {len(names)}, {leg}: {names[fatal - 1][0]}")


if __name__ == "__main__":
    main()
