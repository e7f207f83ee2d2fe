"""crm_snapshot/<entity>: the CRM relation as it was read at one time, typed, in the lake."""

import dagster as dg

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import CrmEntity
from et_platform.outbound.snapshot import take_snapshot
from et_platform.presentation import declaration_reference, entity_schema, explained_failures
from et_platform.resources import Platform


def build(entity: Declared[CrmEntity]) -> dg.AssetsDefinition:
    """The snapshot asset of one entity."""

    @dg.asset(
        key=["crm_snapshot", entity.name],
        deps=[dg.AssetKey(["crm_source", entity.name])],
        description=f"{entity.is_.description}\n\nEach row carries its folded key and a hash, computed once here.",
        group_name="crm_snapshot",
        owners=list(entity.is_.owners),
        kinds={"duckdb", "parquet"},
        metadata={"dagster/column_schema": entity_schema(entity.is_), **declaration_reference(entity)},
    )
    def crm_snapshot(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        with explained_failures():
            road = platform.road(run_id=context.run_id, tell=context.log.info, needs=("crm",))
            snapshot = take_snapshot(road, entity)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": snapshot.rows,
                "dagster/table_name": f"lake.crm.{entity.name}",
                "snapshot": snapshot.id,
                "rows with an unreadable value": snapshot.invalid,
                "rows without a key": snapshot.empty_keys,
            }
        )

    return crm_snapshot
