"""Jobs: whole roads at the press of a button, and those that run by the clock.

What belongs here: which assets a job makes, and when. What does not: the assets, each in the module of its prefix.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.models import DataExtension
from et_platform.sync.sources import MODELS

Job: TypeAlias = UnresolvedAssetJobDefinition
"""What `dg.define_asset_job` returns; Dagster has no public name for it."""

_SOURCES = ("crm_snapshot", *MODELS)
"""What a data extension may be made from. Models read events, too, as they are: those come by a sensor of their own."""
_STEPS = ("change_set", "import_file", "data_extension")


def of_data_extensions(catalog: Catalog) -> dict[str, Job]:
    """The whole road of each data extension in each business unit, by its name."""
    return {
        declared.name: dg.define_asset_job(
            f"sync_{declared.name.replace('/', '__')}",
            selection=_road_to(catalog, declared),
            description=f"The whole road of {declared.is_.name}: from the CRM to acknowledged rows.",
        )
        for declared in catalog.everywhere()
    }


def of_everything(catalog: Catalog) -> Iterator[Job]:
    """The road of every data extension in every business unit."""
    everywhere = catalog.everywhere()
    if everywhere:
        yield dg.define_asset_job(
            "sync_all",
            selection=_road_to(catalog, *everywhere),
            description="The road of every data extension in every business unit. One that fails stops only itself; "
            "what is left then is taken up by running this again, or by its own job.",
        )


def of_write_backs(catalog: Catalog) -> Iterator[Job]:
    """Each write-back, without the models: an opt-out must not wait for figures, nor for a model that fails."""
    for name in catalog.writeback:
        yield dg.define_asset_job(
            f"write_back_{name}",
            selection=dg.AssetSelection.assets(["crm_snapshot", name], ["crm_writeback", name]),
            description=f"What ExactTarget knows of {name}, into the CRM; the figures are the mart's as it is.",
        )


def of_statuses(catalog: Catalog) -> dict[str, Job]:
    """Reading how subscribers' statuses changed, beside each extract that tells who left."""
    return {
        name: dg.define_asset_job(
            f"statuses_{name}",
            selection=dg.AssetSelection.assets(["status_change", name]),
            description="Complaints, holds and opt-outs that no event tells of, as far as they are new.",
        )
        for name, one in catalog.extracts.items()
        if one.is_.tells_of_consent
    }


def hourly(statuses: Mapping[str, Job]) -> list[dg.ScheduleDefinition]:
    """Statuses once an hour; no file comes that would start it. It stands still until somebody switches it on."""
    return [
        dg.ScheduleDefinition(job=job, cron_schedule="25 * * * *", description="No file comes that would start this.")
        for job in statuses.values()
    ]


def schedules(catalog: Catalog, syncs: Mapping[str, Job]) -> list[dg.ScheduleDefinition]:
    """The roads that declare a `schedule`. They stand still until somebody switches them on, as sensors do."""
    return [
        dg.ScheduleDefinition(
            job=syncs[declared.name],
            cron_schedule=declared.is_.schedule.cron,
            execution_timezone=declared.is_.schedule.timezone,
            description=f"Declared in {declared.path.name}.",
        )
        for declared in catalog.everywhere()
        if declared.is_.schedule is not None
    ]


def _road_to(catalog: Catalog, *declared: Declared[DataExtension]) -> dg.AssetSelection:
    ends = dg.AssetSelection.assets(*(one.key("data_extension") for one in declared))
    steps = [one.key(step) for one in declared for step in _STEPS]
    steps += [first.key("opt_out") for one in declared for first in catalog.consent_of(one)]
    return (ends.upstream() & dg.AssetSelection.groups(*_SOURCES)) | dg.AssetSelection.assets(*steps)
