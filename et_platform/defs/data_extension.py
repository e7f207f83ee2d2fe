"""data_extension/<de>: the data extension after the import, reconciled and acknowledged."""

from typing import Any

import dagster as dg

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.models import DataExtension
from et_platform.exacttarget.explained import status_in_words
from et_platform.outbound.deliver import deliver
from et_platform.outbound.settle import Settlement, acknowledged_rows
from et_platform.presentation import (
    column_lineage,
    data_extension_schema,
    declaration_reference,
    explained_failures,
    mapping_table,
    markdown_table,
)
from et_platform.resources import Platform
from et_platform.sync import sources


def build(catalog: Catalog, data_extension: Declared[DataExtension]) -> dg.AssetsDefinition:
    """The asset of one data extension."""
    declared = data_extension.is_
    key = dg.AssetKey(data_extension.key("data_extension"))
    made_of = sources.lineage(catalog, data_extension)

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(data_extension.key("import_file"))],
        description=f"{declared.description}\n\nOnly rows that ExactTarget's own figures or a read-back prove count "
        "as acknowledged.",
        group_name="data_extension",
        owners=list(declared.owners),
        kinds={"exacttarget", "salesforce"},
        check_specs=[
            dg.AssetCheckSpec(
                "reconciled",
                asset=key,
                blocking=True,
                description="Every row that was sent is in the data extension as it was sent.",
            )
        ],
        metadata={
            "customer key": declared.customer_key,
            "name": declared.name,
            "dagster/column_schema": data_extension_schema(declared),
            "dagster/column_lineage": column_lineage(data_extension.is_.fields, made_of),
            "mapping": mapping_table(data_extension),
            **declaration_reference(data_extension),
        },
    )
    def data_extension_asset(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        with explained_failures():
            road = platform.road(
                run_id=context.run_id, tell=context.log.info, needs=("exacttarget",), unit=data_extension.unit
            )
            settlement = deliver(road, catalog, data_extension)
            held = acknowledged_rows(road, data_extension)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": held,
                "dagster/uri": f"exacttarget://{road.mid}/dataextension/{declared.customer_key}",
                **_metadata(settlement),
            },
            check_results=[_reconciled(settlement)],
        )

    return data_extension_asset


def _metadata(settlement: Settlement | None) -> dict[str, Any]:
    if settlement is None:
        return {"outcome": "Nothing to import: no attempt is open.", "imported": 0}
    rows = [
        (f.remote, f.operation, f.task_id or "", f.status or "", f.rows, f.successful, f.duplicated, f.errors, f.total)
        for f in settlement.files
    ]
    header = ("file", "operation", "task", "status", "staged", "successful", "duplicated", "errors", "TotalRows")
    reasons = [(one.rows, one.field, one.told or "not told", one.first_line or "") for one in settlement.reasons]
    header_of_reasons = ("rows", "field", "said by ExactTarget's report", "first line")
    return {
        "outcome": f"{settlement.acknowledged} of {settlement.sent} rows imported and acknowledged",
        "imported": settlement.acknowledged,
        "rejected": settlement.rejected,
        "change set": settlement.change_set_id,
        "attempt": settlement.attempt_id,
        "import tasks": dg.MetadataValue.md(markdown_table(header, rows)),
        **({"rejected rows": dg.MetadataValue.md(markdown_table(header_of_reasons, reasons))} if reasons else {}),
        "in words": " ".join(f"{file.remote}: {status_in_words(file.status)}" for file in settlement.files),
    }


def _reconciled(settlement: Settlement | None) -> dg.AssetCheckResult:
    problems = settlement.problems if settlement else ()
    return dg.AssetCheckResult(
        check_name="reconciled",
        passed=not problems,
        description=" ".join(problems) or "Every row that was sent is proven.",
        metadata={"problems": " ".join(problems) or "none"},
    )
