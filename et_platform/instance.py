"""The Dagster instance, and running assets on it from the terminal: the same runs that the UI would start.

What belongs here: the instance's folder and configuration, one in-process run, and telling of runs whose process
is gone. What does not: which assets there are (definitions.py) and how a run is printed (terminal.py).
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from filelock import FileLock

from et_platform.catalog.catalog import Catalog
from et_platform.liveness import is_gone, this_process
from et_platform.settings import Settings
from et_platform.sync.sources import MODELS

PROCESS_TAG = "etp/process"

_CONFIGURATION = """\
# Written when the folder was made; yours to change.
telemetry:
  enabled: false
nux:
  enabled: false
code_servers:
  local_startup_timeout: 180 # seconds; on a busy machine the definitions take their time to load
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 60
"""


def prepare_home(settings: Settings) -> Path:
    """Make DAGSTER_HOME (the environment's, or the data path's) an instance folder, and return it.

    The environment stays as it is: the next instance of this process may be another.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or settings.dagster_home).absolute()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    configuration = home / "dagster.yaml"
    if not configuration.exists():
        configuration.write_text(_CONFIGURATION, encoding="utf-8")
    return home


def materialize(
    settings: Settings,
    keys: Sequence[Sequence[str]],
    *,
    catalog: Catalog | None = None,
    partition: str | None = None,
    config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Materialize the assets `keys` in this process, on the platform's instance; failures are in the result.

    `catalog` may be a part that has them: then no others are defined, which costs less where there are many.
    `config` is by the step's name: `{"extract_file__tracking": {"identity": "…"}}`.
    """
    from et_platform.definitions import build_defs, load_defs
    from et_platform.resources import Platform

    wanted = {dg.AssetKey(list(key)) for key in keys}
    defs = build_defs(catalog=catalog, platform=Platform()) if catalog else load_defs(models=False)
    if not wanted <= set(defs.resolve_asset_graph().executable_asset_keys):
        defs = load_defs()  # what nothing of the rest makes is a model
    home = prepare_home(settings)
    # Progress belongs to the event log and the compute log, not to the terminal's answer.
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    with _opened(home) as instance:
        end_orphans(instance)
        return defs.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=list(wanted),
            instance=instance,
            raise_on_error=False,
            partition_key=partition,
            tags={**(tags or {}), PROCESS_TAG: this_process()},
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "ops": {step: {"config": dict(values)} for step, values in (config or {}).items()},
            },
        )


def _opened(home: Path) -> dg.DagsterInstance:
    """The instance. One process at a time opens it: two that find no tables would both make them."""
    with FileLock(home / "opening.lock"):
        return dg.DagsterInstance.from_config(str(home))


def models_of(mart: str) -> list[Sequence[str]]:
    """The keys of a mart and of every model that it is made of."""
    (found,) = behind([("mart", mart)], groups=MODELS)
    return found


def behind(
    keys: Sequence[Sequence[str]], *, groups: Sequence[str] = ("crm_snapshot", *MODELS)
) -> list[list[Sequence[str]]]:
    """For each asset the keys of what it is made from, as far as it is in these groups; itself, too, if it is.

    Loads the definitions, with the models if any of these is made from one; so ask for many assets at once.
    """
    from et_platform.definitions import load_defs

    assets = [dg.AssetKey(list(key)) for key in keys]
    selections = [dg.AssetSelection.assets(asset).upstream() for asset in assets]
    graph = load_defs(models=False).resolve_asset_graph()
    # A model that something is made from is in this graph, too, as a bare name: it has no group and nothing upstream.
    if not all(graph.has(asset) for asset in assets) or any(
        key.path[0] in MODELS
        for asset, up in zip(assets, selections, strict=True)
        for key in (asset, *(parent for one in up.resolve(graph) for parent in graph.get(one).parent_keys))
    ):
        graph = load_defs().resolve_asset_graph()
    return [[one.path for one in (up & dg.AssetSelection.groups(*groups)).resolve(graph)] for up in selections]


def end_orphans(instance: dg.DagsterInstance) -> None:
    """Mark runs that were started from a terminal whose process is gone (kill -9) as failed.

    Dagster's run monitoring sees only runs that it launched itself; without this they would run for ever.
    """
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        process = run.tags.get(PROCESS_TAG)
        if process is not None and is_gone(process):
            instance.report_run_failed(run, "The process of this run ended without a word (killed?).")
