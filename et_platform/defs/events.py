"""events/<type>: what subscribers did, as typed rows in the lake, each once, with file and line."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg

from et_platform.catalog.catalog import Declared
from et_platform.catalog.extract import Extract
from et_platform.catalog.tracking import COLUMNS, EventType, key_of, may_repeat
from et_platform.inbound.load import Loaded, load
from et_platform.inbound.road import raise_for
from et_platform.inbound.windows import pending_files
from et_platform.ingest.errors import shown
from et_platform.partitions import day_of_run, days_of
from et_platform.presentation import declaration_reference, event_schema, explained_failures, markdown_table
from et_platform.resources import Platform
from et_platform.warehouse.events import Figures

READABLE = "every_line_is_an_event"
_COLUMNS_SHOWN = 20


class File(dg.Config):
    """`identity`: the fetched file to load; without one, every fetched file of the day is loaded.

    `again`: the file is loaded already, and its copy is to be read anew by today's rules.
    """

    identity: str | None = None
    again: bool = False


def build(declared: Declared[Extract]) -> dg.AssetsDefinition:
    """The events of one extract; a file holds several types and is loaded in one transaction."""
    keys: dict[EventType, dg.AssetKey] = {event: dg.AssetKey(["events", event]) for event in declared.is_.events}

    @dg.multi_asset(
        name=f"events__{declared.name}",
        partitions_def=days_of(declared.is_),
        specs=[_spec(declared, event, key) for event, key in keys.items()],
        check_specs=[
            dg.AssetCheckSpec(
                READABLE, asset=key, description="No line of the file was rejected, and no value beside its key lost."
            )
            for key in keys.values()
        ],
    )
    def events(
        context: dg.AssetExecutionContext, config: File, platform: Platform
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        with explained_failures():
            road = platform.inbound_road(run_id=context.run_id, tell=context.log.info)
            if config.identity is not None:
                wanted = [config.identity]
            else:
                waiting = pending_files(road, platform.catalog(), declared.name, day_of_run(context))
                wanted = [file.identity for file in waiting if file.state == "fetched"]
            loaded, problems = road.each(wanted, partial(load, again=config.again))
            if not loaded:
                raise_for(problems, of=len(wanted))
        for event, key in keys.items():
            told = [one for one in loaded if event in one.figures]
            if told or not loaded:
                yield dg.MaterializeResult(asset_key=key, metadata=_metadata(event, told))
                yield _readable(event, key, [one.figures[event] for one in told])
            else:
                yield _untold(event, key, loaded)
        with explained_failures():
            raise_for(problems, of=len(wanted))

    return events


def _spec(declared: Declared[Extract], event: EventType, key: dg.AssetKey) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=key,
        deps=[dg.AssetKey(["extract_file", declared.name])],
        skippable=True,
        description=f"Every {event} event that ExactTarget reported: times in UTC, {_alike(event)} in "
        f"{', '.join(key_of(event))}. Loading the same content twice changes nothing.",
        group_name="events",
        owners=list(declared.is_.owners),
        kinds={"duckdb"},
        metadata={
            "dagster/column_schema": event_schema(COLUMNS[event]),
            "dagster/table_name": f"lake.extracts.events_{event}",
            **declaration_reference(declared),
        },
    )


def _alike(event: EventType) -> str:
    if may_repeat(event):
        return "as many rows as the file that has most of them, where events are alike"
    return "one row where events are alike"


def _metadata(event: EventType, loaded: list[Loaded]) -> dict[str, Any]:
    if not loaded:
        return {"outcome": "No fetched file of this day waits to be loaded.", "new events": 0}
    figures = [one.figures[event] for one in loaded]
    rows = [
        (one.file.name, f.read, f.new, f.duplicates, f.rejected, one.duplicate_of or "")
        for one, f in zip(loaded, figures, strict=True)
    ]
    header = ("file", "lines", "new", "known before", "rejected", "same content as")
    new = sum(one.new for one in figures)
    return {
        "outcome": f"{new} new events from {len(loaded)} file(s)",
        "new events": new,
        "known before": sum(one.duplicates for one in figures),
        "rejected lines": sum(one.rejected for one in figures),
        "values left out": sum(one.kept for one in figures),
        **_unknown(figures),
        "files": dg.MetadataValue.md(markdown_table(header, rows)),
    }


def _unknown(figures: list[Figures]) -> dict[str, Any]:
    """The columns of the files that are not read, so that somebody sees what ExactTarget tells since lately."""
    names = sorted({shown(name) for one in figures for name in one.other_columns})
    if not names:
        return {}
    more = f" … and {len(names) - _COLUMNS_SHOWN} more" if len(names) > _COLUMNS_SHOWN else ""
    return {"columns that are not read": ", ".join(names[:_COLUMNS_SHOWN]) + more}


def _readable(event: EventType, key: dg.AssetKey, figures: list[Figures]) -> dg.AssetCheckResult:
    rejected, kept = sum(one.rejected for one in figures), sum(one.kept for one in figures)
    return dg.AssetCheckResult(
        check_name=READABLE,
        asset_key=key,
        passed=rejected == kept == 0,
        # A line of unsubscribes that cannot be read is somebody who wants no mail.
        severity=dg.AssetCheckSeverity.ERROR if event == "unsubscribe" and rejected else dg.AssetCheckSeverity.WARN,
        description="Every line was read as an event."
        if rejected == kept == 0
        else f"{rejected} lines were rejected and {kept} lost a value beside their key. The rest is loaded. "
        "lake.extracts.event_rejects names file, line, field and reason of each, and holds the line; if one column "
        "changed its form, correct it at its source and ask for the window again.",
        metadata={"rejected lines": rejected, "values left out": kept},
    )


def _untold(event: EventType, key: dg.AssetKey, loaded: list[Loaded]) -> dg.AssetCheckResult:
    """Of a type that no file tells of nothing is known, which is not the same as “none”: it is not materialized."""
    return dg.AssetCheckResult(
        check_name=READABLE,
        asset_key=key,
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{', '.join(one.file.name for one in loaded)} holds no file of {event} events: whether there were "
        "none cannot be known from it. If ExactTarget leaves out empty files this is usual; else ask for the window "
        "again.",
    )
