"""The whole loop through Dagster's assets and dbt: what people did moves once, and then nothing, however often it runs.

What belongs here: rounds and what moved in each. What does not: single steps, each tested beside its own code.
"""

import logging
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from et_platform.catalog.catalog import load_catalog
from et_platform.dbt.project import PACKAGED, find_project
from et_platform.definitions import build_defs
from et_platform.defs.extract import run_request
from et_platform.demo.loop import moment_and_day
from et_platform.inbound.detect import detect
from et_platform.inbound.windows import extract_of
from et_platform.ledger.tables import attempts, change_sets, files
from et_platform.ledger.writeback_tables import writeback_sets
from et_platform.resources import Platform, build_inbound_road, build_road
from et_platform.settings import load
from et_platform.simulator.act import act
from et_platform.terminal import describe, outcome
from et_platform_tests.end_to_end.platform import platform_in
from et_platform_tests.simulated import Simulator, running_simulator

CUSTOMERS, ROUNDS = 60, 21  # the first moves what people did; twenty idle ones follow
MODELS_RUN_IN = (2, ROUNDS)
"""dbt takes seconds to start: beside the first round, when something moved, it runs right after and at the very end."""
EVENTS = ("unsubscribe", "open", "click", "bounce", "sent")
MODELS = [("staging", "stg_customers"), ("staging", "stg_events"), ("mart", "customer_engagement")]
HOME, OUT = ("crm_writeback",), ("opt_out", "change_set", "import_file", "data_extension")
IDLE = {"changes": 0, "opt-outs sent": 0, "imported": 0, "new events": 0, "new statuses": 0, "written": 0}


@dataclass
class Loop:
    """One platform: definitions loaded once, every run in this process on one instance."""

    defs: dg.Definitions
    instance: dg.DagsterInstance
    day: str

    def __post_init__(self):
        logging.getLogger("dagster").setLevel(logging.CRITICAL)
        self.settings = load()
        self.catalog = load_catalog(self.settings.catalog_path)
        self.inbound = build_inbound_road(self.settings, run_id="test", tell=lambda line: None)

    def materialize(
        self, *keys: tuple[str, str], config: Mapping[str, Any] | None = None, **given: Any
    ) -> dg.ExecuteInProcessResult:
        result = self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=[dg.AssetKey(list(key)) for key in keys],
            instance=self.instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **(config or {})},
            **given,
        )
        assert result.success, describe(result)
        return result

    def come_in(self) -> dict[str, int]:
        """Ask for the day's events, wait for the file as the sensor does, and load it; what was new."""
        self.materialize(("extract_request", "tracking"), partition_key=self.day)
        wanted = self.inbound.inbound.requests_named(self.inbound.mid, "tracking")[-1].output_name
        loaded = self._take(wanted)
        return {"new events": sum(outcome(loaded, f"events/{event}").get("new events", 0) for event in EVENTS)}

    def home_and_out(self, *steps: str) -> dict[str, int]:
        """One run of these steps of the customers, after a new snapshot; what moved."""
        told = [("status_change", "tracking")] if "crm_writeback" in steps else []
        result = self.materialize(("crm_snapshot", "customers"), *told, *((step, "customers") for step in steps))
        moved = {}
        if "crm_writeback" in steps:
            moved["new statuses"] = outcome(result, "status_change/tracking")["new changes"]
            moved["written"] = outcome(result, "crm_writeback/customers")["written"]
        if "change_set" in steps:
            opted = outcome(result, "opt_out/customers")
            moved["opt-outs sent"] = opted["unsubscribed now"] + opted["rows opted out"]
            moved["changes"] = outcome(result, "change_set/customers")["dagster/row_count"]
            moved["imported"] = outcome(result, "data_extension/customers")["imported"]
        return moved

    def _take(self, name: str) -> dg.ExecuteInProcessResult:
        cursor, deadline = None, time.monotonic() + 30
        while time.monotonic() < deadline:
            seen = detect(self.inbound, cursor, wanted=lambda one: extract_of(self.catalog, one) is not None)
            cursor = seen.cursor
            for arrival in seen.complete:
                assert arrival.file.name == name
                request = run_request(self.catalog, arrival)
                keys = [(key.path[0], key.path[1]) for key in request.asset_selection or ()]
                return self.materialize(
                    *keys, partition_key=self.day, config=request.run_config, tags=dict(request.tags)
                )
            time.sleep(0.05)
        pytest.fail(f"{name} did not come")

    def crm(self) -> list[tuple]:
        assert self.settings.crm_url is not None
        with closing(sqlite3.connect(self.settings.crm_url.get_secret_value().removeprefix("sqlite:///"))) as crm:
            return crm.execute("SELECT * FROM customers ORDER BY customer_id").fetchall()

    def lake(self, sql: str) -> list[tuple]:
        with self.inbound.lake.read() as connection:
            return connection.execute(sql).fetchall()

    def mart(self) -> list[tuple]:
        return self.lake("FROM lake.marts.customer_engagement ORDER BY ALL")

    def in_exacttarget(self) -> dict[str, dict[str, str]]:
        declared = self.catalog.data_extensions["customers"].is_
        with build_road(self.settings, run_id="test", tell=lambda line: None).open_exacttarget() as exacttarget:
            batches = list(exacttarget.rows.read(customer_key=declared.customer_key, fields=list(declared.fields)))
        return {row[declared.key_field]: row for batch in batches for row in batch.to_pylist()}

    def recorded(self) -> dict[str, int]:
        """How much the ledger holds of what moves something."""
        with self.inbound.ledger.engine.connect() as connection:
            tables = (change_sets, attempts, files, writeback_sets)
            return {t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables}


@pytest.fixture
def simulator(tmp_path) -> Iterator[Simulator]:
    """One of its own: an extract brings what everybody did."""
    with running_simulator(tmp_path / "exacttarget") as simulator:
        yield simulator


@pytest.fixture
def loop(tmp_path, simulator, monkeypatch) -> Iterator[Loop]:
    platform = platform_in(tmp_path / "p", simulator.info, customers=CUSTOMERS, customer_key="Idle_Customers")
    for name, value in platform.environment.items():
        if name.startswith("ET_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("ET_DBT_PATH", str(PACKAGED))
    settings = load()
    catalog, project = load_catalog(settings.catalog_path), find_project(settings)
    with dg.DagsterInstance.ephemeral() as instance:
        _, day = moment_and_day(datetime.now(UTC))
        yield Loop(build_defs(catalog=catalog, platform=Platform(), project=project), instance, day.isoformat())


def test_promise_10_after_one_round_nothing_moves_any_more_however_often_the_whole_loop_runs(loop: Loop, simulator):
    assert loop.home_and_out(*OUT)["imported"] > 30
    before = loop.in_exacttarget()
    people = sorted(key for key, row in before.items() if row["OptedOut"] != "True")
    leavers, openers, complainers = people[:3], people[2:9], people[9:11]
    at, _ = moment_and_day(datetime.now(UTC))
    words = ["--open", *openers, "--click", openers[0], "--unsubscribe", *leavers, "--complaint", *complainers]
    done = CliRunner().invoke(act, ["--data", str(simulator.data_dir), "--at", at.isoformat(), *words])
    assert done.exit_code == 0, done.output

    first = loop.come_in()
    loop.materialize(*MODELS)
    first |= loop.home_and_out(*HOME) | loop.home_and_out(*OUT)
    assert first["new events"] == len(openers) + 1 + len(leavers)
    # Of the statuses some are this platform's own: who was out in the CRM at the beginning.
    assert first["new statuses"] > len({*leavers, *complainers})
    assert first["written"] == len({*openers, *leavers, *complainers})
    assert first["opt-outs sent"] + first["changes"] == len({*leavers, *complainers}), "exactly the consequence, once"
    after = loop.in_exacttarget()
    assert {key for key in after if after[key] != before[key]} == {*leavers, *complainers}
    crm, mart, recorded = loop.crm(), loop.mart(), loop.recorded()

    for number in range(2, ROUNDS + 1):
        moved = loop.come_in()
        if number in MODELS_RUN_IN:
            loop.materialize(*MODELS)
        # One snapshot for both ways: what the write-back moved would be the change of the round after.
        moved |= loop.home_and_out(*HOME, *OUT)
        assert moved == IDLE, f"round {number}"
        assert loop.crm() == crm, f"round {number}"
        assert loop.recorded() == recorded, f"round {number}"
        if number in MODELS_RUN_IN:
            assert loop.mart() == mart, f"round {number}"
    assert loop.in_exacttarget() == after
