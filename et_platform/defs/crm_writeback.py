"""crm_writeback/<entity>: opt-outs and engagement figures in the CRM's own table, guarded and journalled."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.models import WriteBack
from et_platform.inbound import write_back
from et_platform.inbound.write_back import Proposal
from et_platform.ledger.writeback import WriteBackSet
from et_platform.outbound.snapshot import take_snapshot
from et_platform.presentation import (
    column_lineage,
    declaration_reference,
    entity_schema,
    explained_failures,
    markdown_table,
)
from et_platform.resources import Platform
from et_platform.sync.consent import LISTED, lineage

REACHED, WRITTEN = "every_opt_out_has_its_row", "every_row_was_written"
_WHY = {
    "unknown": "the key holds characters whose equality ExactTarget decides by an unknown rule",
    "held": "the CRM has copies of the key",
    "unmatched": "the CRM has no row with the key",
    "unreadable": "a column of the row holds something else than was declared",
}


def build(catalog: Catalog, declared: Declared[WriteBack]) -> dg.AssetsDefinition:
    """The write-back asset of one entity."""
    entity = catalog.crm[declared.name]
    key = dg.AssetKey(["crm_writeback", declared.name])
    mart = declared.is_.engagement.mart
    needed = {"unsubscribe"} if mart is not None else {"unsubscribe", "open", "click"}
    made_of = lineage(declared.is_, declared.name)
    statuses = [extract.name for extract in catalog.extracts.values() if extract.is_.tells_of_consent]
    told = [event for extract in catalog.extracts.values() for event in extract.is_.events if event in needed]

    @dg.asset(
        key=key,
        deps=[
            dg.AssetKey(["crm_snapshot", declared.name]),
            *(dg.AssetKey(["events", event]) for event in told),
            *(dg.AssetKey(["status_change", name]) for name in statuses),
            *([dg.AssetKey(["mart", mart])] if mart is not None else []),
        ],
        description=f"{declared.is_.description}\n\nA row is written only where it still is as it was read; before "
        "and after are journalled.",
        group_name="crm_writeback",
        owners=list(declared.is_.owners),
        kinds={"sql"},
        check_specs=[
            dg.AssetCheckSpec(
                REACHED, asset=key, description="Each person who opted out in ExactTarget is one row of the CRM."
            ),
            dg.AssetCheckSpec(WRITTEN, asset=key, description="No row had changed in the CRM since it was read."),
        ],
        metadata={
            "columns": _columns(declared, made_of),
            "dagster/column_schema": entity_schema(entity.is_, made_of),
            "dagster/column_lineage": column_lineage(made_of, made_of),
            "dagster/table_name": declared.is_.table,
            **declaration_reference(declared),
        },
    )
    def crm_writeback(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        with explained_failures():
            road = platform.write_back_road(run_id=context.run_id, tell=context.log.info)
            reading = platform.road(run_id=context.run_id, tell=context.log.info, needs=("crm",))
            proposal, written = write_back.run(
                road, catalog, declared, take_snapshot=lambda: take_snapshot(reading, entity)
            )
        return dg.MaterializeResult(
            metadata=_metadata(proposal, written), check_results=[_reached(proposal), _written(written)]
        )

    return crm_writeback


def _columns(
    declared: Declared[WriteBack], made_of: Mapping[str, Sequence[tuple[str, str, str]]]
) -> dg.MarkdownMetadataValue:
    rows = [
        (column, ".".join(place), ", ".join(f"{prefix}/{asset}: {of}" for prefix, asset, of in made_of[column]))
        for place, (column, _) in declared.is_.columns().items()
    ]
    return dg.MetadataValue.md(markdown_table(("CRM column", "holds", "made of"), rows))


def _metadata(proposal: Proposal, written: WriteBackSet | None) -> dict[str, Any]:
    listed: dict[str, Any] = {f"told, not written: {kind}": proposal.figures.get(kind, 0) for kind in LISTED}
    listed["unsubscribes from single lists or other units"] = sum(one.subscribers for one in proposal.apart)
    if proposal.apart:
        rows = [
            (one.unit or "not told", one.list_id or "not told", one.subscribers, f"{one.latest:%Y-%m-%d %H:%M} UTC")
            for one in proposal.apart
        ]
        listed["by unit and list"] = dg.MetadataValue.md(
            markdown_table(("business unit", "ListID", "subscribers", "latest"), rows)
        )
    if written is None or written.outcome is None:
        return {
            "outcome": "The CRM knows everything already; nothing was written.",
            "written": 0,
            "opt-outs": 0,
            "snapshot": proposal.snapshot_id,
            **listed,
        }
    return {
        "outcome": f"{written.outcome.get('written', 0)} of {written.rows} rows written, "
        f"{proposal.opt_outs.get('change', 0)} opt-outs among them",
        "written": written.outcome.get("written", 0),
        "opt-outs": proposal.opt_outs.get("change", 0),
        "write-back set": written.id,
        "snapshot": proposal.snapshot_id,
        **{f"rows: {name}": count for name, count in written.outcome.items()},
        **listed,
    }


def _reached(proposal: Proposal) -> dg.AssetCheckResult:
    missed = {kind: proposal.opt_outs.get(kind, 0) for kind in LISTED if proposal.opt_outs.get(kind, 0)}
    text = "; ".join(f"{count}: {_WHY[kind]}" for kind, count in missed.items())
    return dg.AssetCheckResult(
        check_name=REACHED,
        passed=not missed,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Opt-outs that the CRM does not know of ({text}). ExactTarget has them, so no mail is sent; "
        "correct the CRM's rows, or enter the opt-outs there by hand, and run this again."
        if missed
        else "Every opt-out has its row.",
        metadata={f"opt-outs: {kind}": count for kind, count in missed.items()},
    )


def _written(written: WriteBackSet | None) -> dg.AssetCheckResult:
    outcome = (written.outcome if written is not None else None) or {}
    missed = {name: count for name, count in outcome.items() if name not in ("written", "already") and count}
    return dg.AssetCheckResult(
        check_name=WRITTEN,
        passed=not missed,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Rows that were left alone: {', '.join(f'{count} {name}' for name, count in missed.items())}. "
        "Somebody changed them after they were read; the next run reads them anew and proposes again."
        if missed
        else "Every row was written, or held its values already.",
        metadata=dict(missed) or {"rows left alone": 0},
    )
