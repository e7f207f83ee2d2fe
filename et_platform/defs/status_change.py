"""status_change/<extract>: how subscribers' statuses changed beside the events that the extract tells of."""

import dagster as dg

from et_platform.catalog.catalog import Declared
from et_platform.catalog.extract import Extract
from et_platform.inbound.status_changes import read
from et_platform.presentation import declaration_reference, explained_failures
from et_platform.resources import Platform

_COLUMNS = {
    "mid": ("BIGINT", "The business unit"),
    "subscriber_key": ("VARCHAR", "The subscriber"),
    "_folded_key": ("VARCHAR", "The key as ExactTarget compares it"),
    "current": ("VARCHAR", "normal, held or unsub"),
    "previous": ("VARCHAR", "The same, before"),
    "reason": ("VARCHAR", "Why it was an opt-out"),
    "changed_at": ("TIMESTAMPTZ", "When it changed"),
    "undated": ("BOOLEAN", "Whether that could not be read, and is when the change was"),
    "_attempt_id": ("VARCHAR", "The attempt of this platform's that changed it"),
}


def build(declared: Declared[Extract]) -> dg.AssetsDefinition:
    """The statuses of those whose events an extract tells."""

    @dg.asset(
        key=dg.AssetKey(declared.key("status_change")),
        deps=[dg.AssetKey(["data_extension", name]) for name in declared.is_.subscribers_of],
        description="Every change of a subscriber's status on All Subscribers, as ExactTarget tells it over SOAP: the "
        "one dated word of complaints, of addresses that it holds, and of opt-outs that no unsubscribe event tells. "
        "Only what is new since the last time is read.",
        group_name="events",
        owners=list(declared.is_.owners),
        kinds={"soap", "duckdb"},
        metadata={
            "dagster/table_name": "lake.extracts.status_changes",
            "dagster/column_schema": dg.TableSchema(
                [dg.TableColumn(name, kind, description=means) for name, (kind, means) in _COLUMNS.items()]
            ),
            **declaration_reference(declared),
        },
    )
    def status_change(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        with explained_failures():
            told = read(platform.inbound_road(run_id=context.run_id, tell=context.log.info))
        return dg.MaterializeResult(
            metadata={
                "outcome": f"{told.new} new changes, {told.ours} of them by this platform; "
                f"{told.out} opt-outs and {told.held} held by somebody else",
                "new changes": told.new,
                "read": told.read,
                "opt-outs": told.out,
                "held": told.held,
                "by this platform": told.ours,
                "without a date": told.undated,
                "since": f"{told.since:%Y-%m-%d %H:%M} UTC" if told.since else "the beginning",
            }
        )

    return status_change
