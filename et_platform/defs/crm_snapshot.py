"""crm_snapshot/<entity>: the CRM relation as it was read at one time, typed, in the lake."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import CrmEntity
from et_platform.outbound.errors import DeclarationMismatch
from et_platform.outbound.snapshot import take_snapshot
from et_platform.presentation import declaration_reference, entity_schema, explained_failures, markdown_table
from et_platform.resources import Platform
from et_platform.warehouse.snapshots import Snapshot

SCHEMA = "columns_as_declared"


class SnapshotConfig(dg.Config):
    """What a run may ask for beyond the declaration."""

    full: bool = Field(default=False, description="Read everything, also where only changes would be read.")
    accept_drift: bool = Field(
        default=False, description="Go on although the key's column has another type than in the last snapshot."
    )


def build(entity: Declared[CrmEntity]) -> dg.AssetsDefinition:
    """The snapshot asset of one entity."""
    key = dg.AssetKey(["crm_snapshot", entity.name])

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(["crm_source", entity.name])],
        description=f"{entity.is_.description}\n\nEach row carries its folded key and a hash, computed once here.",
        group_name="crm_snapshot",
        owners=list(entity.is_.owners),
        kinds={"duckdb", "parquet"},
        check_specs=[
            dg.AssetCheckSpec(
                SCHEMA,
                asset=key,
                description="The CRM's columns are those that were declared, and of the types that they had.",
            )
        ],
        metadata={"dagster/column_schema": entity_schema(entity.is_), **declaration_reference(entity)},
    )
    def crm_snapshot(
        context: dg.AssetExecutionContext, config: SnapshotConfig, platform: Platform
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        with explained_failures():
            road = platform.road(run_id=context.run_id, tell=context.log.info, needs=("crm",))
            try:
                snapshot = take_snapshot(road, entity, full=config.full, accept_drift=config.accept_drift)
            except DeclarationMismatch as error:
                yield dg.AssetCheckResult(check_name=SCHEMA, passed=False, description=str(error))
                raise
        yield dg.MaterializeResult(metadata=_metadata(entity, snapshot), check_results=[_schema(snapshot)])

    return crm_snapshot


def _metadata(entity: Declared[CrmEntity], snapshot: Snapshot) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "dagster/row_count": snapshot.rows,
        "dagster/table_name": f"lake.crm.{entity.name}",
        "snapshot": snapshot.id,
        "reading": f"{snapshot.kind}: {snapshot.why}",
        "rows read": snapshot.read,
        "keys new": snapshot.new,
        "keys changed": snapshot.changed,
        "keys removed": snapshot.removed if snapshot.kind == "full" else "not known before the next full reading",
        "seconds": round(snapshot.seconds, 3),
        "rows with an unreadable value": snapshot.invalid,
        "rows without a key": snapshot.empty_keys,
    }
    if snapshot.cursor_column is not None:
        metadata["cursor"] = f"{snapshot.cursor_column} = {snapshot.cursor or 'none'}"
    if snapshot.warnings or snapshot.notes:
        rows = [("warning", text) for text in snapshot.warnings] + [("note", text) for text in snapshot.notes]
        metadata["columns, compared with before"] = dg.MetadataValue.md(markdown_table(("", "what changed"), rows))
    return metadata


def _schema(snapshot: Snapshot) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=SCHEMA,
        passed=not snapshot.warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(snapshot.warnings) or "As declared, and as in the snapshots before.",
    )
