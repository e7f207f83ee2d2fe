"""Running the models on the lake: one `dbt build`, and what became of each model and test.

What belongs here: making the lake ready, starting dbt, telling results. What does not: how they are shown
(defs/dbt.py), and the lake's lock, which dbt's own process takes (lake_plugin.py).
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from et_platform.catalog.catalog import Catalog
from et_platform.catalog.extract import unsubscribes_of
from et_platform.dbt.errors import BuildFailed
from et_platform.dbt.process import Event, problems, showable, started
from et_platform.dbt.project import Project
from et_platform.duckdb_support import quoted
from et_platform.liveness import is_gone, this_process
from et_platform.sync import consent_facts
from et_platform.sync.consent_sources import stated_by
from et_platform.sync.folding import folded_key
from et_platform.warehouse import events, status_changes
from et_platform.warehouse.lake import Lake
from et_platform.warehouse.snapshots import ensure_table, table_exists
from et_platform.warehouse.views import are_ready, ensure

_FINE = ("success", "pass", "warn", "skipped", "no-op", "reused")
_RESULTS = ("LogModelResult", "LogTestResult", "LogSeedResult", "LogSnapshotResult", "SkippingDetails")
_PARSED = "partial_parse.msgpack"
_TOLD = 10
_RUN = "run-"


@dataclass(frozen=True)
class DbtRoad:
    """The parts that a run works with. `data_path` holds the lake and dbt's cache; `tell` receives lines for people;
    `mid` is the business unit whose opt-outs count.
    """

    project: Project
    catalog: Catalog
    lake: Lake
    data_path: Path
    tell: Callable[[str], None]
    mid: int | None = None


@dataclass(frozen=True)
class NodeResult:
    """What became of one model or test. `status` is dbt's word (success, pass, warn, fail, error, skipped, …);
    `failures`: the rows that a test found; `event`: dbt's own telling of it.
    """

    id: str
    kind: str
    name: str
    status: str
    failures: int
    event: Event


def build(
    road: DbtRoad, *, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Iterator[NodeResult]:
    """Build and test the models in their order; `arguments` are those of `dbt build` (--select, --vars, …).

    A model whose tests fail holds back what depends on it, which stays as it was. At the end raises BuildFailed if
    anything failed, or nothing could be begun because another process wrote the lake for too long (LakeBusy, if that
    was before dbt was started).
    """
    make_ready(road)
    cache = road.data_path.absolute() / "dbt"
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _empty_target(cache) as target:
        if (cache / _PARSED).exists():
            shutil.copy(cache / _PARSED, target)  # saves dbt a second
        told: list[Event] = []
        failed: list[NodeResult] = []
        with started(
            road.project.folder,
            ["build", *arguments],
            target=target,
            environment={"ET_DATA_PATH": str(road.data_path.absolute())} | dict(environment or {}),
        ) as dbt:
            for event in dbt:
                told.append(event)
                if event["info"]["name"] in _RESULTS:
                    result = _result(event)
                    road.tell(_sentence(result))
                    if result.status not in _FINE:
                        failed.append(result)
                    yield result
            code = dbt.exit_code()
            complaint = problems(told) or dbt.last_words() or f"It ended with code {code}."
        if (target / _PARSED).exists():
            (target / _PARSED).replace(cache / _PARSED)
    if failed:
        raise BuildFailed(_why(failed, told))
    if code:
        raise BuildFailed(f"dbt could not run the models. {complaint} What was built before is as it was.")


@contextmanager
def _empty_target(cache: Path) -> Iterator[Path]:
    """A folder for the artifacts of one run; what killed runs left goes with the next."""
    for left in cache.glob(f"{_RUN}*"):
        if is_gone(left.name.removeprefix(_RUN).rpartition("-")[0]):
            shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=f"{_RUN}{this_process()}-", dir=cache) as folder:
        yield Path(folder)


def make_ready(road: DbtRoad) -> None:
    """Give every relation that models may read an empty table, where nothing was loaded yet, and make the views of
    consent what the declarations say. Raises LakeBusy.
    """
    views = _views(road)
    with road.lake.read() as connection:
        is_ready = (
            events.are_tables_ready(connection)
            and status_changes.is_table_ready(connection)
            and all(table_exists(connection, "crm", name) for name in road.catalog.crm)
            and are_ready(connection, views)
        )
    if not is_ready:
        with road.lake.write() as connection:
            events.ensure_tables(connection)
            status_changes.ensure_table(connection)
            for name, entity in road.catalog.crm.items():
                fold = partial(folded_key, parts=len(entity.is_.keys))
                ensure_table(connection, name=name, entity=entity.is_, fold=fold)
            ensure(connection, views)


def _views(road: DbtRoad) -> dict[str, str]:
    """The rule of consent as the models read it, which is how the gate and the write-back go by it."""
    told = consent_facts.of_exacttarget(
        unsubscribes=events.relation("unsubscribe"),
        status_changes=status_changes.TABLE,
        mid=road.mid,
        declared=unsubscribes_of(one.is_ for one in road.catalog.extracts.values()),
    )
    stated = [
        one.facts(origin=f"crm_snapshot/{one.entity}", snapshot=f"lake.crm.{quoted(one.entity)}")
        for one in stated_by(road.catalog)
    ]
    facts = " UNION ALL ".join(f"FROM {one}" for one in (told, *stated))
    return {"facts": facts, "verdicts": consent_facts.verdicts("lake.consent.facts", mid=road.mid)}


def row_count(road: DbtRoad, relation: str) -> int:
    """The rows that a model's relation has now; `relation` is quoted SQL, as the manifest has it."""
    with road.lake.read() as connection:
        row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    assert row is not None
    return row[0]


def _result(event: Event) -> NodeResult:
    node: Mapping[str, Any] = event["data"]["node_info"]
    return NodeResult(
        id=node["unique_id"],
        kind=node["resource_type"],
        name=node["node_name"],
        status=node["node_status"],
        failures=int(event["data"].get("num_failures") or 0),
        event=event,
    )


def _sentence(result: NodeResult) -> str:
    rows = f" ({result.failures} rows)" if result.failures else ""
    return f"dbt: {result.kind} {result.name}: {result.status}{rows}."


def _why(failed: Sequence[NodeResult], told: Sequence[Event]) -> str:
    reasons = {
        event["data"]["node_info"]["unique_id"]: showable(event["data"]["msg"])
        for event in told
        if event["info"]["name"] == "RunResultError"
    }
    lines = [
        f"Test {one.name} found {one.failures} rows that should not be."
        if one.status == "fail"
        else reasons.get(one.id, f"{one.kind} {one.name} failed.")
        for one in failed[:_TOLD]
    ]
    if len(failed) > _TOLD:
        lines.append(f"And {len(failed) - _TOLD} more.")
    return (
        f"{' '.join(lines)} What depends on it was skipped and is as it was; the rest is built. Correct the data where "
        "it comes from, or the model, and run this again. A failed check shows the query that finds the rows."
    )
