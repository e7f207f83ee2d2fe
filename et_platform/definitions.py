"""The composition root: settings → catalogue → resources → `build_defs(...)` → `defs`.

What belongs here: putting the parts together. What does not: parts. Loading the definitions opens no file but the
catalogue and the models' manifest and no connection, and works with an empty environment.
"""

import warnings

import dagster as dg

from et_platform import settings as configuration
from et_platform.catalog.catalog import Catalog, load_catalog
from et_platform.dbt.project import Project, find_project
from et_platform.defs import (
    change_set,
    crm_snapshot,
    crm_source,
    crm_writeback,
    data_extension,
    events,
    extract,
    import_file,
    jobs,
    opt_out,
    segment,
    status_change,
    window,
)
from et_platform.resources import Platform

# Code references are beta in Dagster; its version is pinned, and every run would say so again.
warnings.filterwarnings("ignore", category=dg.BetaWarning)


def build_defs(
    *, catalog: Catalog, platform: Platform, project: Project | None = None, sensor_seconds: int = 30
) -> dg.Definitions:
    """All definitions for a catalogue and a dbt project, with resources that tests may replace."""
    assets: list[dg.AssetsDefinition | dg.AssetSpec] = []
    for entity in catalog.crm.values():
        assets += [crm_source.build(entity), crm_snapshot.build(entity)]
    everywhere = catalog.everywhere()
    for declared in everywhere:
        if declared.is_.consent is not None:
            assets.append(opt_out.build(catalog, declared))
        assets += [
            change_set.build(catalog, declared),
            import_file.build(declared),
            data_extension.build(catalog, declared),
        ]
    for extracted in catalog.extracts.values():
        assets += [*extract.build(extracted), events.build(extracted)]
        if extracted.is_.tells_of_consent:
            assets.append(status_change.build(extracted))
    assets += [segment.build(catalog, picked) for picked in catalog.segments.values()]
    for written in catalog.writeback.values():
        assets.append(crm_writeback.build(catalog, written))
    syncs = jobs.of_data_extensions(catalog)
    statuses = jobs.of_statuses(catalog)
    all_jobs = [*syncs.values(), *jobs.of_everything(catalog), *jobs.of_write_backs(catalog), *statuses.values()]
    if project is not None:
        from et_platform.defs import dbt  # who needs no models need not wait for its import

        models = dbt.build(project)
        assets.append(models)
        all_jobs.append(dg.define_asset_job("models", selection=[models], description="Every dbt model, with tests."))
    sensors = [extract.build_sensor(catalog, every_seconds=sensor_seconds), window.build_sensor(catalog)]
    return dg.Definitions(
        jobs=all_jobs,
        schedules=[*jobs.schedules(catalog, syncs), *jobs.hourly(statuses)],
        sensors=sensors if catalog.extracts else [],
        asset_checks=[window.build(extracted) for extracted in catalog.extracts.values()],
        assets=dg.with_source_code_references(assets),
        resources={"platform": platform},
        # One process a run: a step costs a hundredth of what starting a process would.
        executor=dg.in_process_executor,
    )


def load_defs(*, models: bool = True) -> dg.Definitions:
    """The definitions that the settings name; without the models, nothing of dbt is touched."""
    settings = configuration.load()
    return build_defs(
        catalog=load_catalog(settings.catalog_path),
        platform=Platform(),
        project=find_project(settings) if models else None,
        sensor_seconds=settings.sensor_seconds,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` and every run that it starts load."""
    return load_defs()
