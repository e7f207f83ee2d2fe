"""segment/<name>: rows that ExactTarget picked by itself, in their data extension, counted."""

from typing import Any

import dagster as dg

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.conflicts import upstream
from et_platform.catalog.queried import tables_of
from et_platform.catalog.segment import Condition, Segment
from et_platform.presentation import (
    column_lineage,
    data_extension_schema,
    declaration_reference,
    explained_failures,
)
from et_platform.resources import Platform
from et_platform.segments.run import Outcome, run_segment
from et_platform.sync.segments import lineage

NOT_EMPTY, COUNTED, AS_LAKE = "picks_somebody", "every_row_is_there", "is_what_the_lake_gives"


class Run(dg.Config):
    """`replace`: the rows that others put into the result may go; needed once, for a data extension of theirs."""

    replace: bool = False


def build(catalog: Catalog, declared: Declared[Segment]) -> dg.AssetsDefinition:
    """The asset of one segment."""
    key, is_ = dg.AssetKey(["segment", declared.name]), declared.is_
    checks = {
        NOT_EMPTY: "The segment has a row.",
        COUNTED: "As many rows were read back as ExactTarget told when it had picked them.",
    }
    if is_.lake is not None:
        checks[AS_LAKE] = "The keys are those that the declared SQL gives over the lake."

    @dg.asset(
        key=key,
        deps=[dg.AssetKey([prefix, name]) for prefix, name in upstream(catalog, declared)],
        description=f"{is_.description}\n\nExactTarget picks the rows by itself, from what it holds; a run is started "
        "once, and over when a row says so that the same automation writes after them.",
        group_name="segment",
        owners=list(is_.owners),
        kinds={"exacttarget", "salesforce"},
        check_specs=[dg.AssetCheckSpec(name, asset=key, description=text) for name, text in checks.items()],
        metadata={
            "customer key": is_.into.customer_key,
            "name": is_.into.name,
            "picked by": dg.MetadataValue.md(_picked_by(is_)),
            "reads": ", ".join(_reads(catalog, is_)),
            "dagster/column_schema": data_extension_schema(is_.result),
            **declaration_reference(declared),
        },
    )
    def segment(context: dg.AssetExecutionContext, config: Run, platform: Platform) -> dg.MaterializeResult:
        with explained_failures():
            road = platform.road(run_id=context.run_id, tell=context.log.info, needs=("exacttarget",))
            outcome = run_segment(road, catalog, declared, replace=config.replace)
            made_of = lineage(catalog, declared)
        run = outcome.run
        assert run.started_at is not None
        assert run.finished_at is not None
        return dg.MaterializeResult(
            metadata={
                "outcome": f"{run.rows_counted} rows, read back; ExactTarget told {run.rows_told}",
                "dagster/row_count": run.rows_counted or 0,
                "dagster/uri": f"exacttarget://{road.mid}/dataextension/{is_.into.customer_key}",
                "dagster/column_lineage": column_lineage(is_.into.fields, made_of),
                "run": run.id,
                "seconds inside ExactTarget": round((run.finished_at - run.started_at).total_seconds(), 1),
                **_compared(outcome),
            },
            check_results=list(_checks(declared, outcome)),
        )

    return segment


def _compared(outcome: Outcome) -> dict[str, Any]:
    if outcome.comparison is None:
        return {"compared with the lake": "cannot be told: no `lake` is declared"}
    found = outcome.comparison
    return {"keys in the lake": found.expected, "keys missing": found.missing, "keys beyond": found.extra}


def _checks(declared: Declared[Segment], outcome: Outcome) -> list[dg.AssetCheckResult]:
    run, found = outcome.run, outcome.comparison
    results = [
        dg.AssetCheckResult(
            check_name=NOT_EMPTY,
            passed=bool(run.rows_counted),
            severity=dg.AssetCheckSeverity.WARN,
            description="The segment has rows."
            if run.rows_counted
            else "Nobody was picked. That may be so; else look whether what is read has rows, and at the condition in "
            f"{declared.path.name}: values compare without case, dates in server time.",
            metadata={"rows": run.rows_counted or 0},
        ),
        dg.AssetCheckResult(
            check_name=COUNTED,
            passed=run.rows_counted == run.rows_told,
            description="As many rows were read back as ExactTarget told."
            if run.rows_counted == run.rows_told
            else f"ExactTarget told {run.rows_told} rows when it had picked them, and {run.rows_counted} were read "
            "back: somebody, or another automation, writes into the data extension. See who does; run the segment "
            "again.",
            metadata={"told": run.rows_told or 0, "read back": run.rows_counted or 0},
        ),
    ]
    if found is not None:
        same = not (found.missing or found.extra)
        results.append(
            dg.AssetCheckResult(
                check_name=AS_LAKE,
                passed=same,
                severity=dg.AssetCheckSeverity.WARN,
                description="The segment has the keys that the lake gives."
                if same
                else f"Of {found.expected} keys that the lake gives {found.missing} are missing, and {found.extra} are "
                "there that it does not give. Either what the segment reads is not as it was acknowledged (somebody "
                "changed it in ExactTarget), or the two queries do not mean the same.",
                metadata={"missing": found.missing, "beyond": found.extra},
            )
        )
    return results


def _reads(catalog: Catalog, is_: Segment) -> list[str]:
    """Everything that is read, by the name that it has in ExactTarget; of others the key."""
    if is_.query is not None:
        return tables_of(is_.query)
    assert is_.filter is not None
    of = is_.filter.of
    if of.segment is not None:
        return [catalog.segments[of.segment].is_.into.name]
    if of.data_extension is not None:
        return [catalog.data_extensions[of.data_extension].is_.name]
    return [of.customer_key or ""]


def _picked_by(is_: Segment) -> str:
    if is_.query is not None:
        return f"```sql\n{is_.query.strip()}\n```"
    assert is_.filter is not None
    return _said(is_.filter.where)


def _said(condition: Condition) -> str:
    if condition.parts:
        word = " and " if condition.all else " or "
        return f"({word.join(_said(part) for part in condition.parts)})"
    value = f"{condition.days_ago} days ago" if condition.days_ago is not None else repr(condition.value)
    return f"{condition.field} {condition.is_} {value}"
