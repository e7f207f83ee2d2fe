"""opt_out/<de>: opt-outs that the CRM states, in ExactTarget before anything else of the data extension goes."""

from typing import Any

import dagster as dg

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.models import DataExtension
from et_platform.outbound.opt_outs import OptOuts, send_opt_outs
from et_platform.outbound.unsubscribe import Unsubscribed
from et_platform.presentation import declaration_reference, explained_failures, markdown_table
from et_platform.resources import Platform

EFFECTIVE, RECONCILED = "every_opt_out_is_effective", "reconciled"


def build(catalog: Catalog, data_extension: Declared[DataExtension]) -> dg.AssetsDefinition:
    """The opt-out asset of one data extension that declares `consent`."""
    key = dg.AssetKey(data_extension.key("opt_out"))

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(["crm_snapshot", catalog.entity_of(data_extension).name])],
        description="Whoever the CRM says is out becomes Unsubscribed on the business unit's All Subscribers, proven "
        "by reading back; then the data extension's rows that do not say so yet are imported, with only the fields "
        "that do. No guard, no quarantine and no approval holds an opt-out; nothing here ever opts anybody in.",
        group_name="opt_out",
        owners=list(data_extension.is_.owners),
        kinds={"exacttarget", "salesforce"},
        check_specs=[
            dg.AssetCheckSpec(
                EFFECTIVE, asset=key, description="ExactTarget has every opt-out that the CRM states for this source."
            ),
            dg.AssetCheckSpec(
                RECONCILED, asset=key, description="Every row that was sent says in the data extension that it is out."
            ),
        ],
        metadata={"columns": _columns(data_extension), **declaration_reference(data_extension)},
    )
    def opt_out(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        with explained_failures():
            road = platform.road(
                run_id=context.run_id, tell=context.log.info, needs=("exacttarget",), unit=data_extension.unit
            )
            outs = send_opt_outs(road, catalog, data_extension)
        return dg.MaterializeResult(metadata=_metadata(outs), check_results=[_effective(outs), _reconciled(outs)])

    return opt_out


def _columns(data_extension: Declared[DataExtension]) -> dg.MarkdownMetadataValue:
    consent = data_extension.is_.consent
    assert consent is not None
    rows = [(place, name) for place, name in consent.model_dump().items() if isinstance(name, str)]
    return dg.MetadataValue.md(markdown_table(("consent", "CRM column or field"), rows))


def _metadata(outs: OptOuts) -> dict[str, Any]:
    people, settlement = outs.subscribers, outs.settlement
    rows = settlement.acknowledged if settlement else 0
    nothing = not (people.sent or rows)
    metadata: dict[str, Any] = {
        "outcome": "Nothing to send: ExactTarget has every opt-out that can be sent."
        if nothing
        else f"{people.sent} subscribers unsubscribed, {rows} rows of the data extension opted out",
        "snapshot": people.snapshot_id,
        "stated by the CRM (subscribers)": people.stated,
        "not acknowledged before": people.pending,
        "unsubscribed already": people.already,
        "unsubscribed now": people.sent,
        "of these, added as unsubscribed": people.added,
        "waiting (unknown to ExactTarget, no address)": people.waiting,
        "not added (more than most_added)": people.too_many,
        "refused by ExactTarget": people.refused,
        "without a subscriber key": people.without_key,
        "unreadable opt-outs": people.unreadable,
        "in again in the CRM (stay unsubscribed)": people.in_again,
        "rows opted out": rows,
        "rows refused twice (not sent again)": outs.refused_rows,
        "change set of subscribers": people.change_set or "none",
        "change set of rows": outs.change_set.id if outs.change_set else "none",
        "dagster/row_count": people.sent + rows,
    }
    if outs.settled is not None:
        metadata["settled first"] = (
            f"attempt {outs.settled.attempt_id} of an earlier run: {outs.settled.acknowledged} of {outs.settled.sent} "
            "rows acknowledged"
        )
    if people.codes:
        metadata["refusals"] = dg.MetadataValue.md(markdown_table(("code", "subscribers"), people.codes))
    return metadata


def _effective(outs: OptOuts) -> dg.AssetCheckResult:
    people = outs.subscribers
    return dg.AssetCheckResult(
        check_name=EFFECTIVE,
        passed=not (people.ineffective or people.unreadable),
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(_missing(people)) or "ExactTarget has them all.",
        metadata={"not in ExactTarget": people.ineffective, "unreadable": people.unreadable},
    )


def _missing(people: Unsubscribed) -> list[str]:
    told = (
        (
            people.waiting,
            "are of subscribers whom ExactTarget does not know, and no address that it takes is in the CRM, so they "
            "cannot be added; each run tries again, and takes effect as soon as there is one",
        ),
        (
            people.too_many,
            "are of subscribers whom ExactTarget does not know, more than one run may add as contacts "
            "(consent.most_added), so none of them was added; nobody mails them from there as long as they are not "
            "known. Raise most_added in the data extension's declaration if they are to be added, and run this again",
        ),
        (people.refused, "were sent and are not shown as unsubscribed; see the refusals, and run this again"),
        (people.without_key, "are in rows of the CRM without a subscriber key: enter one, or unsubscribe them by hand"),
        (people.unreadable, "cannot be read as yes or no: correct these rows in the CRM"),
    )
    return [f"{count} opt-outs {what}" for count, what in told if count]


def _reconciled(outs: OptOuts) -> dg.AssetCheckResult:
    problems = [problem for one in (outs.settled, outs.settlement) if one is not None for problem in one.problems]
    if outs.change_set is not None and outs.settlement is None:
        problems.append("The data extension is not in ExactTarget, so none of its rows could opt out.")
    if outs.refused_rows:
        problems.append(
            f"{outs.refused_rows} rows were sent twice and do not say that they are out: as a rule they are gone from "
            "the data extension. They are not sent again until their opt-out changes; their subscribers are "
            "unsubscribed all the same. If the data extension was emptied or made anew, forget what is acknowledged of "
            "it; the next plan then sends it whole."
        )
    return dg.AssetCheckResult(
        check_name=RECONCILED,
        passed=not problems,
        description=" ".join(problems) or "Every row that was sent is proven, or none had to be.",
        metadata={"problems": " ".join(problems) or "none"},
    )
