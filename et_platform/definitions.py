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
    opt_out,
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
    for written in catalog.writeback.values():
        assets.append(crm_writeback.build(catalog, written))
    jobs = [
        dg.define_asset_job(
            f"sync_{declared.name.replace('/', '__')}",
            selection=dg.AssetSelection.assets(declared.key("data_extension")).upstream(),
            description=f"The whole road of {declared.is_.name}: from the CRM to acknowledged rows.",
        )
        for declared in everywhere
    ]
    if everywhere:
        jobs.append(
            dg.define_asset_job(
                "sync_all",
                selection=dg.AssetSelection.assets(*(one.key("data_extension") for one in everywhere)).upstream(),
                description="The road of every data extension in every business unit. One that fails stops only "
                "itself; what is left then is taken up by running this again, or by its own job.",
            )
        )
    # Without the models: an opt-out must not wait for figures, nor for a model that fails.
    jobs += [
        dg.define_asset_job(
            f"write_back_{name}",
            selection=dg.AssetSelection.assets(["crm_snapshot", name], ["crm_writeback", name]),
            description=f"What ExactTarget knows of {name}, into the CRM; the figures are the mart's as it is.",
        )
        for name in catalog.writeback
    ]
    if project is not None:
        from et_platform.defs import dbt  # who needs no models need not wait for its import

        models = dbt.build(project)
        assets.append(models)
        jobs.append(dg.define_asset_job("models", selection=[models], description="Every dbt model, with its tests."))
    return dg.Definitions(
        jobs=jobs,
        sensors=[extract.build_sensor(catalog, every_seconds=sensor_seconds)] if catalog.extracts else [],
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
