"""The models on a real lake: their figures, the lake's lock, a killed run, and tests that fail."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import dagster as dg
import pytest

from et_platform.dbt.process import started
from et_platform.dbt.project import PACKAGED, Project
from et_platform.dbt.run import build
from et_platform.instance import materialize
from et_platform.terminal import describe
from et_platform.warehouse.lake import Lake, LakeBusy
from et_platform_tests.dbt.world import NEWEST, World, before

MODELS = [("staging", "stg_customers"), ("staging", "stg_events"), ("mart", "customer_engagement")]
FIGURES = ("sends", "bounces", "opens", "clicks", "opens_30_days", "clicks_30_days", "opens_90_days", "clicks_90_days")


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("ET_DATA_PATH", str(tmp_path / "data"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return World(tmp_path)


def busy_world(world: World) -> World:
    world.customers("KEY-Ann", "KEY-Bob", "KEY-Eve", "KEY-Twin", "key-twin ", "")
    ann, bob, eve = "key-ann", "KEY-Bob", "KEY-EVE "
    world.track(
        Sent=[before(ann, days=91), before(ann, days=1), before(bob, days=1), before("KEY-Twin", days=1)],
        Opens=[
            before(ann),
            before(ann, days=29, hours=23),
            before(ann, days=30),  # the interval is open at its start
            before(ann, days=89),
            before(ann, days=91),
            before(eve, days=45),
        ],
        Clicks=[before(ann, days=2), before(eve, days=100)],
        Bounces=[before(bob, days=1)],
        Unsubs=[before(bob, hours=2), before(bob, hours=3), before("KEY-Stranger", days=5)],
    )
    return world


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {f"{one.asset_key.to_user_string()}:{one.check_name}": one for one in result.get_asset_check_evaluations()}


def test_figures_by_customer_a_rerun_changes_nothing_and_a_failed_test_holds_back_the_mart(world):
    busy_world(world)
    result = materialize(world.settings, MODELS)
    assert result.success, describe(result)

    mart = world.mart()
    assert {key: tuple(row[name] for name in FIGURES) for key, row in mart.items()} == {
        "KEY-Ann": (2, 0, 5, 1, 2, 1, 4, 1),
        "KEY-Bob": (1, 1, 0, 0, 0, 0, 0, 0),
        "KEY-Eve": (0, 0, 1, 1, 0, 0, 1, 0),
    }
    assert {row["as_of"] for row in mart.values()} == {NEWEST}
    assert mart["KEY-Ann"]["last_open_at"] == NEWEST
    assert mart["KEY-Ann"]["last_click_at"] == NEWEST - timedelta(days=2)
    assert mart["KEY-Bob"]["unsubscribed_at"] == NEWEST - timedelta(hours=2)
    assert mart["KEY-Bob"]["last_open_at"] is None
    assert {key: row["recency_days"] for key, row in mart.items()} == {"KEY-Ann": 0, "KEY-Bob": None, "KEY-Eve": 45}

    made = {
        one.asset_key.to_user_string(): one.metadata for one in result.asset_materializations_for_node("dbt_models")
    }
    rows = {key: metadata["dagster/row_count"].value for key, metadata in made.items()}
    assert rows == {"staging/stg_customers": 3, "staging/stg_events": 16, "mart/customer_engagement": 3}
    checks = evaluations(result)
    failed = {
        name: (one.severity, one.metadata["dagster_dbt/failed_row_count"].value)
        for name, one in checks.items()
        if not one.passed
    }
    # The twins' message and the stranger's unsubscribe belong to nobody in the CRM.
    assert failed == {"staging/stg_events:every_event_has_its_customer": (dg.AssetCheckSeverity.WARN, 2)}
    assert "stg_customers" in checks["staging/stg_events:every_event_has_its_customer"].metadata["the rows, by"].value
    assert len(checks) > 8

    # Again, by the library, reckoned from the same moment: a later event changes nothing. While it writes nobody else
    # does, and everybody reads.
    world.track(Opens=[before("KEY-Bob", days=-1)])
    lake, impatient = world.lake, Lake(world.settings.lake_path, lock_seconds=0.05)
    refused = 0
    with gate(world, AT_THE_END) as gated:
        for one in build(
            gated.world.road,
            arguments=["--select", "+customer_engagement", "--vars", json.dumps({"as_of": NEWEST.isoformat()})],
            environment={"DBT_INDIRECT_SELECTION": "buildable"},
        ):
            assert one.status in ("success", "pass", "warn"), one
            with pytest.raises(LakeBusy), impatient.write():
                pass
            refused += 1
            assert world.mart() == mart
            if refused == len(MODELS) + len(checks):
                gated.opened.set()
    assert refused == len(MODELS) + len(checks)
    with impatient.write():
        pass
    assert world.mart() == mart

    with lake.write() as connection:  # the same line of the same file twice: no event is to be counted twice
        connection.execute("INSERT INTO lake.extracts.events_click FROM lake.extracts.events_click")
    result = materialize(world.settings, MODELS[1:])  # some of the models
    assert not result.success
    told = "\n".join(describe(result))
    assert "unique_stg_events_event_id found 2 rows" in told
    assert "is as it was" in told
    assert not evaluations(result)["staging/stg_events:unique_stg_events_event_id"].passed
    made = result.asset_materializations_for_node("dbt_models")
    assert {one.asset_key.path[-1] for one in made} == {"stg_events"}
    assert world.mart() == mart

    # No customer's key is in any log, event, or artifact; the lake alone holds it.
    spilled = [
        path
        for path in (world.folder / "data").rglob("*")
        if path.is_file() and world.settings.lake_path not in path.parents and b"key-ann" in path.read_bytes().lower()
    ]
    assert spilled == []


@dataclass
class Gate:
    """A statement that dbt stands at: `reached` when it does; it goes on when `opened`."""

    world: World
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)


@contextmanager
def gate(world: World, declared: str) -> Iterator[Gate]:
    """A copy of the models in which the hook `declared` (YAML, with %s for its SQL) keeps dbt waiting.

    So dbt is where the test wants it to be, however fast or slow the machine is.
    """
    copy = shutil.copytree(PACKAGED, world.folder / "gated", ignore=shutil.ignore_patterns("target", "logs"))
    pipe = world.folder / "gate"
    os.mkfifo(pipe)
    sql = f"FROM read_csv('{pipe}', auto_detect=false, header=false, columns={{'x': 'VARCHAR'}})"
    with (copy / "dbt_project.yml").open("a") as project:
        project.write(f"\n{declared % json.dumps(sql)}\n")
    gate = Gate(World(world.folder, project=Project(copy, copy / "target")))

    def keep() -> None:
        with suppress(BrokenPipeError), pipe.open("w") as end:  # opened when dbt reads it; a killed dbt reads no more
            gate.reached.set()
            gate.opened.wait(120)
            end.write("go\n")

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    yield gate
    gate.opened.set()
    keeper.join(10)
    assert not keeper.is_alive(), "dbt never came to the gate"


AT_THE_END = "on-run-end: [%s]"
BEFORE_THE_MART = "      +pre-hook: %s"  # the project's last lines are those of the marts

CHILD = """
import sys
from pathlib import Path
from et_platform.dbt.project import Project
from et_platform.dbt.run import build
from et_platform_tests.dbt.world import World
folder, project = Path(sys.argv[1]), Path(sys.argv[2])
for one in build(World(folder, project=Project(project, project / "target")).road):
    print(one.name, flush=True)
"""


def test_promise_3_a_killed_run_frees_the_lake_and_dbt_starts_while_another_writes(world):
    # Nothing was loaded yet: the models are empty, which is no error.
    with gate(world, BEFORE_THE_MART) as gated:
        command = [sys.executable, "-c", CHILD, str(world.folder), str(gated.world.project.folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert any(line.strip() == "stg_events" for line in child.stdout)
            assert gated.reached.wait(60)
            with pytest.raises(LakeBusy), Lake(world.settings.lake_path, lock_seconds=0.05).write():
                pass
            child.kill()  # what it started ends with it
        assert child.returncode == -9
        with Lake(world.settings.lake_path, lock_seconds=60).write() as connection:
            connection.execute("CREATE TABLE lake.history.still_usable (x INTEGER)")
        world.lake.tidy()
        built = world.query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts'")
        assert built == [], "the mart was begun, and of what was begun nothing stays"

    # A model alone is tested alone: what refers to it is not built yet.
    result = materialize(world.settings, [("staging", "stg_customers")])
    assert result.success, describe(result)
    assert {name.split(":")[0] for name in evaluations(result)} == {"staging/stg_customers"}
    left = [path.name for path in (world.settings.data_path / "dbt").iterdir()]
    assert left == ["partial_parse.msgpack"], "of a killed run nothing stays"

    # dbt reads, compiles and plans while somebody else writes; its first statement waits.
    told = []
    with ExitStack() as writer:
        writer.enter_context(world.lake.locked())
        target = world.folder / "target"
        target.mkdir()
        environment = {"ET_DATA_PATH": str(world.settings.data_path)}
        with started(PACKAGED, ["build"], target=target, environment=environment) as dbt:
            for one in dbt:
                told.append(one["info"]["name"])
                if told[-1] == "FoundStats":
                    assert "LogStartLine" not in told
                    writer.close()
            assert dbt.exit_code() == 0
    assert told.index("FoundStats") < told.index("LogModelResult")
    assert world.mart() == {}
