"""crm_source/<entity>: the CRM's own table, an external asset; where lineage begins."""

import dagster as dg

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import CrmEntity
from et_platform.presentation import declaration_reference, entity_schema


def build(entity: Declared[CrmEntity]) -> dg.AssetSpec:
    """The external asset of one entity; it is seen here, not made."""
    source = entity.is_.source
    return dg.AssetSpec(
        key=dg.AssetKey(["crm_source", entity.name]),
        description=f"{entity.is_.description}\n\nRead from the CRM named by `ET_CRM_URL`.",
        group_name="crm_source",
        owners=list(entity.is_.owners),
        kinds={"sql"},
        metadata={
            "source": source.table or "query",
            "dagster/column_schema": entity_schema(entity.is_),
            **declaration_reference(entity),
        },
    )
