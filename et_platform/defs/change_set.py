"""change_set/<de>: the plan, that is what is desired and not acknowledged, with the gate's verdict."""

from dataclasses import replace
from typing import Any

import dagster as dg

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.models import DataExtension
from et_platform.outbound.plan import Plan, make_plan
from et_platform.outbound.report import Report
from et_platform.outbound.schema_plan import look_at_schema
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
    """The plan asset of one data extension."""
    key = dg.AssetKey(data_extension.key("change_set"))
    made_of = sources.lineage(catalog, data_extension)
    first = [dg.AssetKey(one.key("opt_out")) for one in catalog.consent_of(data_extension)]

    @dg.asset(
        key=key,
        deps=[*(dg.AssetKey(list(key)) for key in sources.upstream(data_extension)), *first],
        description="Inserts, updates and removals that would make the data extension what the CRM says: desired minus "
        "acknowledged. Immutable and named by its content. Rows that ExactTarget would refuse are in quarantine, "
        "with field and reason.",
        group_name="change_set",
        owners=list(data_extension.is_.owners),
        kinds={"duckdb"},
        check_specs=[
            dg.AssetCheckSpec(
                "gate", asset=key, blocking=True, description="Every guard of the gate lets this change set pass."
            ),
            dg.AssetCheckSpec(
                "earlier_run_reconciled",
                asset=key,
                description="What an earlier run had left open, and this plan settled, was clean.",
            ),
        ],
        metadata={
            "dagster/column_schema": data_extension_schema(data_extension.is_),
            "dagster/column_lineage": column_lineage(data_extension.is_.fields, made_of),
            "mapping": mapping_table(data_extension),
            **declaration_reference(data_extension),
        },
    )
    def change_set(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        with explained_failures():
            road = platform.road(
                run_id=context.run_id, tell=context.log.info, needs=("crm", "exacttarget"), unit=data_extension.unit
            )
            plan = make_plan(road, catalog, data_extension)
            told = replace(plan.report, schema=look_at_schema(road, data_extension))
        return dg.MaterializeResult(metadata=_metadata(plan, told), check_results=[_gate(plan), _earlier(plan)])

    return change_set


def _metadata(plan: Plan, report: Report) -> dict[str, Any]:
    """The plan's report, as `etp plan` prints and saves it."""
    metadata: dict[str, Any] = {
        "outcome": report.outcome(),
        **report.facts(),
        "dagster/row_count": plan.figures.changes,
        **report.counts(),
        "plan": dg.MetadataValue.json(report.as_json()),
    }
    for title, (header, rows) in report.tables().items():
        metadata[title] = dg.MetadataValue.md(markdown_table(header, rows))
    if plan.settled:
        metadata["settled first"] = (
            f"attempt {plan.settled.attempt_id} of an earlier run: {plan.settled.acknowledged} of "
            f"{plan.settled.sent} rows acknowledged"
        )
    return metadata


def _gate(plan: Plan) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="gate",
        passed=plan.verdict.is_open,
        description=" ".join(plan.verdict.reasons) or "open",
        metadata={"reasons": " ".join(plan.verdict.reasons) or "none"},
    )


def _earlier(plan: Plan) -> dg.AssetCheckResult:
    problems = plan.settled.problems if plan.settled else ()
    return dg.AssetCheckResult(
        check_name="earlier_run_reconciled",
        passed=not problems,
        description=" ".join(problems) or "Nothing was left open, or it was clean.",
        metadata={"problems": " ".join(problems) or "none"},
    )
