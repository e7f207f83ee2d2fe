"""import_file/<de>: the open change set as CSV files on the Enhanced FTP."""

import dagster as dg

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension
from et_platform.outbound.stage import stage_and_upload
from et_platform.presentation import declaration_reference, explained_failures, markdown_table
from et_platform.resources import Platform


def build(data_extension: Declared[DataExtension]) -> dg.AssetsDefinition:
    """The staging asset of one data extension."""

    @dg.asset(
        key=data_extension.key("import_file"),
        deps=[dg.AssetKey(data_extension.key("change_set"))],
        description="CSV files for the inserts, the updates and the removals, each in several where it would be larger "
        "than declared; uploaded under a temporary name, verified and renamed. The gate is asked again here: a closed "
        "one lets nothing pass.",
        group_name="import_file",
        owners=list(data_extension.is_.owners),
        kinds={"csv", "sftp"},
        metadata={**declaration_reference(data_extension)},
    )
    def import_file(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        with explained_failures():
            road = platform.road(
                run_id=context.run_id, tell=context.log.info, needs=("exacttarget",), unit=data_extension.unit
            )
            attempt = stage_and_upload(road, data_extension)
        if attempt is None:
            return dg.MaterializeResult(
                metadata={"outcome": "Nothing to stage: no change set is open.", "dagster/row_count": 0}
            )
        rows = [(f.remote, f.operation, f.part, f.rows, f.bytes, f.sha256) for f in attempt.files]
        total = sum(file.rows for file in attempt.files)
        return dg.MaterializeResult(
            metadata={
                "outcome": f"{total} rows in {len(rows)} file(s) on the Enhanced FTP",
                "dagster/row_count": total,
                "change set": attempt.change_set_id,
                "attempt": attempt.id,
                "files": dg.MetadataValue.md(
                    markdown_table(("file", "operation", "part", "rows", "bytes", "sha256"), rows)
                ),
            }
        )

    return import_file
