"""A month of an audience that behaves, asked for day by day through faults, until what the platform holds is what
happened.

What belongs here: the month (sends, nights, faults, what the sensor and a data team would do), and the two tallies. What
does not: their comparison (test_month.py; benchmarks/month.py at the size of the real thing).
"""

import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.tracking import EVENT_TYPES
from et_platform.dbt.project import PACKAGED, Project
from et_platform.dbt.run import build
from et_platform.exacttarget.errors import ExactTargetError
from et_platform.inbound.detect import detect
from et_platform.inbound.errors import InboundError
from et_platform.inbound.load import take
from et_platform.inbound.windows import SERVER_ZONE, extract_of, request_day
from et_platform.ingest.errors import IngestError
from et_platform.resources import build_dbt_road, build_inbound_road
from et_platform.simulator import store
from et_platform_tests.end_to_end.platform import platform_in
from et_platform_tests.faults.ordering import Faults
from et_platform_tests.outbound.world import settings_for
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.sending import a_list_of, email, send_definition, sending
from et_platform_tests.simulator.soap import Soap, equals

DAYS, SEED = 30, 20261125
SEND_EVERY, READ_AGAIN = 5, 2
"""Days between sends; and how many days after its first time a day is asked for again, for what came late."""

RESTART = "restart"
FAULTS: dict[int, dict[str, Any]] = {
    # day of the month: what goes wrong while its events are asked for and taken
    2: {"effect": "late_events", "events": 5},
    4: {"effect": "twice", "seconds": 0, "rename": "{stem} (1).zip"},
    6: {"effect": "pieces", "pieces": 3, "seconds": 0.3},
    8: {"effect": "corrupt", "how": "torn"},
    9: {"effect": "corrupt", "how": "crc"},
    10: {"effect": "outage", "times": 3},
    12: {"effect": "cut", "at": "sftp", "operation": "read", "when": "during", "at_byte": 200, "times": 2},
    14: {"effect": RESTART},
    16: {"effect": "never"},
    18: {"effect": "late_events", "events": 2, "elsewhere": True},
    20: {"effect": "empty_file"},
    22: {"effect": "renamed", "rename": "{stem}_1.zip"},
    24: {"effect": "cut", "operation": "Extract", "when": "after"},
    25: {"effect": "corrupt", "how": "garbage"},
    26: {"effect": "twice", "seconds": 0},
    28: {"effect": "cut", "at": "sftp", "operation": "login", "when": "before", "times": 2},
}
_LOOKS = 12
_DAY = 86400.0


@dataclass
class Month:
    """The platform and an ExactTarget whose clock stands a month before today.

    `struck` names the faults that did their work, in their order; `refused` counts what failed of it, by its error.
    """

    folder: Path
    simulator: Simulator
    customers: int
    tell: Callable[[str], None]
    struck: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    awaited: set[str] = field(default_factory=set)
    cursor: str | None = None

    def begin(self) -> None:
        """Seed the CRM, turn the clock back, and import the audience with the platform's own road."""
        self.simulator.stop()
        self.first = datetime.now(SERVER_ZONE).date() - timedelta(days=DAYS + 1)
        midnight = datetime.combine(self.first, datetime.min.time(), SERVER_ZONE)
        behind = (midnight - datetime.now(UTC)).total_seconds() + 60
        kept = store.Store(self.simulator.data_dir / "exacttarget.duckdb")
        with kept.transaction() as connection:
            store.put(connection, "clock", "leaps", {"leaps": [[0.0, behind]]})
        kept.close()
        self.simulator.start()
        platform = platform_in(self.folder, self.simulator.info, customers=self.customers, customer_key="NTO_Customers")
        shutil.rmtree(self.folder / "catalog")  # the packaged one, whole
        done = platform.without("ET_CATALOG_PATH").etp("apply", "newsletter")
        assert done.returncode == 0, done.stdout + done.stderr
        self.tell(done.stdout.splitlines()[-1])
        self.settings = settings_for(self.folder, self.simulator.info, catalog_path=None)
        self.catalog = load_catalog(None)
        self.road = build_inbound_road(self.settings, run_id="month", tell=lambda line: None)
        self.soap = Soap(self.simulator)
        newsletter = equals("CustomerKey", self.catalog.data_extensions["newsletter"].is_.customer_key)
        of = self.soap.retrieve("DataExtension", ["ObjectID"], newsletter).text("Results/ObjectID")
        number = email(self.soap, "newsletter")
        self.soap.good("Create", send_definition("newsletter", number, a_list_of(of)))

    def control(self, verb: str, **wanted: Any) -> dict[str, Any]:
        """What `etp sim advance` and `etp sim books` ask for."""
        info = self.simulator.info
        login = (info["client_id"], info["client_secret"])
        reply = requests.post(f"{info['rest_url']}sim/{verb}", json=wanted, auth=login, timeout=300)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def live(self) -> None:
        """Day after day: a send now and then, a night, and the day that is over asked for, whatever goes wrong."""
        for number in range(DAYS):
            if number % SEND_EVERY == 0:
                found = sending(self.soap, "newsletter")
                self.tell(f"day {number}: {found['NumberSent']} newsletters sent")
            self.control("advance", seconds=_DAY, seed=SEED)
            self._have(self.first + timedelta(days=number), FAULTS.get(number))
            self._make_good(number)
        self._make_good(DAYS + READ_AGAIN)

    def _make_good(self, number: int) -> None:
        """Ask again for days that did not come, and for one that may have more now."""
        loaded = {
            one.window_start.astimezone(SERVER_ZONE).date()
            for one in self.road.inbound.requests_named(self.road.mid, "tracking")
            if one.state == "loaded"
        }
        last = min(number, DAYS - 1)
        wanted = {self.first + timedelta(days=n) for n in range(last + 1)} - loaded
        wanted |= {self.first + timedelta(days=n) for n in range(max(last - READ_AGAIN, 0), number - READ_AGAIN + 1)}
        for day in sorted(one for one in wanted if one < self.first + timedelta(days=DAYS)):
            self._ask(day)
        self._take()

    def _have(self, day: date, fault: dict[str, Any] | None) -> None:
        """Ask for a day and take what comes, while something goes wrong; it is waited for until it does."""
        if fault is None:
            self._ask(day)
            self._take()
        elif fault["effect"] == RESTART:
            self.simulator.kill()
            self._ask(day)  # nobody is there
            self.simulator.start()
            self.struck.append(RESTART)
        else:
            faults, deadline = Faults(self.simulator.info), time.monotonic() + 30
            name = faults.add(**fault)
            self._ask(day)
            while not faults.shown(name)["struck"] and time.monotonic() < deadline:
                self._take()
            self._take()
            self.struck += [name] if faults.shown(name)["struck"] else []
            faults.clear(name)

    def _ask(self, day: date) -> None:
        try:
            asked = request_day(self.road, self.catalog.extracts["tracking"], day, again=True)
        except (ExactTargetError, InboundError) as error:
            self.refused[type(error).__name__] += 1
        else:
            self.awaited.add(asked.output_name)

    def _take(self) -> None:
        """Look as the sensor does, and take what is complete, until what was asked for is here, or does not come."""
        for _ in range(_LOOKS):
            try:
                seen = detect(self.road, self.cursor, wanted=lambda name: extract_of(self.catalog, name) is not None)
            except ExactTargetError as error:
                self.refused[type(error).__name__] += 1
                continue
            self.cursor = seen.cursor
            for arrival in seen.complete:
                self.awaited.discard(arrival.file.name)
                try:
                    take(self.road, arrival.identity)
                except (ExactTargetError, InboundError, IngestError) as error:
                    self.refused[type(error).__name__] += 1
            if not (self.awaited or seen.complete or any("look must see" in why for why in seen.waiting.values())):
                return
            time.sleep(0.1)
        self.awaited.clear()  # it is asked for again when it is missed

    def books(self) -> dict[str, dict[str, int]]:
        """What happened: events per type and day of server time, as the simulator counts them."""
        told = self.control("books")["events"]
        return {event_type: told.get(event_type, {}) for event_type in EVENT_TYPES}

    def marts(self) -> dict[str, Any]:
        """What the platform holds, after a run of all models."""
        road = build_dbt_road(
            self.settings, Project(PACKAGED, PACKAGED / "target" / "platform"), tell=lambda line: None
        )
        assert list(build(road, environment={"DBT_INDIRECT_SELECTION": "buildable"}))
        day = "strftime(event_at AT TIME ZONE 'Etc/GMT+6', '%Y-%m-%d')"
        sums = ("sent", "bounces", "opens", "clicks")
        with road.lake.read() as lake:
            events: dict[str, dict[str, int]] = {event_type: {} for event_type in EVENT_TYPES}
            query = f"SELECT event_type, {day}, count(*) FROM lake.staging.stg_events GROUP BY ALL ORDER BY ALL"
            for event_type, at, count in lake.execute(query).fetchall():
                events[event_type][at] = count
            (sends,) = lake.execute(
                f"SELECT {', '.join(f'sum({one})' for one in sums)} FROM lake.marts.send_performance"
            ).fetchall()
            (engagement,) = lake.execute(
                "SELECT sum(sends), sum(bounces), sum(opens), sum(clicks) FROM lake.marts.customer_engagement"
            ).fetchall()
            opt_outs = lake.execute(
                f"SELECT {day.replace('event_at', 'happened_at')}, count(*) FROM lake.marts.consent_history "
                "WHERE fact = 'unsubscribe in ExactTarget' GROUP BY ALL ORDER BY ALL"
            ).fetchall()
            (rejects,) = lake.execute("SELECT count(*) FROM lake.extracts.event_rejects").fetchall()
        return {
            "events": events,
            "send_performance": dict(zip(sums, sends, strict=True)),
            "customer_engagement": dict(zip(sums, engagement, strict=True)),
            "opt-outs": dict(opt_outs),
            "rejects": rejects[0],
        }


@contextlib.contextmanager
def month(folder: Path, *, customers: int, tell: Callable[[str], None]) -> Iterator[Month]:
    """A month that was lived through."""
    settings = [f"audience_{name}" for name in ("unsubscribes=0.02", "complaints=0.005", "hard_bounces=0.03")]
    arguments = [word for one in settings for word in ("--set", one)]
    with running_simulator(folder / "exacttarget", *arguments) as simulator:
        lived = Month(folder / "platform", simulator, customers, tell)
        lived.begin()
        lived.live()
        yield lived
