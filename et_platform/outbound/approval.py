"""What a decision on a change set is worth now, and what follows: frozen, free to go, or to be planned anew.

What belongs here: the rules, and asking ledger and lake for what they need. What does not: recording decisions
(ledger/approvals.py), and whether an approval is wanted at all (catalog/approval.py).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from et_platform.catalog.approval import approval_wanted
from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.models import DataExtension
from et_platform.ledger import approvals
from et_platform.ledger.approvals import LIFETIME, Decision
from et_platform.ledger.records import ChangeSet
from et_platform.outbound.consent import rows_opting_in
from et_platform.outbound.errors import NotApprovable, NotApproved
from et_platform.outbound.road import Road
from et_platform.sync.gate import CLOCKS
from et_platform.warehouse import acknowledged


@dataclass(frozen=True)
class Standing:
    """`state`, and in `says` what people are told of it.

    `lapsed`: it may be approved again, or planned anew; `stale`: only planned anew.
    """

    state: Literal["not needed", "waiting", "approved", "rejected", "lapsed", "stale"]
    says: str

    @property
    def may_go(self) -> bool:
        """Whether nothing is left to be approved."""
        return self.state in ("not needed", "approved")

    @property
    def is_frozen(self) -> bool:
        """Whether later plans are previews, so that what is looked at stays what it is."""
        return self.state in ("waiting", "approved")


NOTHING_TO_APPROVE = Standing("not needed", "nothing is to be approved")
UNDECIDED = Standing("waiting", "needs a decision on an import in doubt: see the gate")


def standing(
    *,
    wanted: str | None,
    decision: Decision | None,
    now: datetime,
    planned_on: str,
    base_version: str,
    opted_out: int,
) -> Standing:
    """What `decision` is worth at `now`.

    `wanted` says why an approval is needed. `planned_on` is the base version of the change set, `base_version` that of
    today; `opted_out` counts its rows that would opt in who is out by now.
    """
    if wanted is None:
        return Standing("not needed", "none is needed")
    if decision is not None and decision.decision == "rejected":
        return Standing("rejected", f"rejected by {decision.who}: {decision.why}")
    if planned_on != base_version:
        return Standing("stale", "lapsed: another import changed what is acknowledged since it was planned")
    if opted_out:
        return Standing("stale", f"lapsed: consent changed for {opted_out} of its rows since it was planned")
    if decision is None or decision.expires_at is None:
        return Standing("waiting", f"waits for approval, because {wanted}")
    by = f"approved by {decision.who} at {decision.at:%Y-%m-%d %H:%M} UTC"
    if now < decision.at - timedelta(seconds=CLOCKS):  # made by a clock that nobody trusts
        return Standing("lapsed", f"lapsed: {by}, which lies ahead of this machine's clock; correct the clock")
    if now >= decision.expires_at:
        return Standing("lapsed", f"lapsed: {by}, which held for {LIFETIME.total_seconds() / 3600:.0f} hours")
    return Standing("approved", f"{by}: {decision.why}")


def standing_of(
    road: Road, catalog: Catalog | None, declared: Declared[DataExtension], change_set: ChangeSet
) -> Standing:
    """The standing of a change set at this moment; without a `catalog`, consent is left to the last look at it."""
    wanted = wanted_for(change_set)
    if wanted is None:
        return Standing("not needed", "none is needed")
    with road.lake.read() as connection:
        base = acknowledged.base_version(connection, road.lake_name(declared.is_))
    return standing(
        wanted=wanted,
        decision=approvals.latest(road.ledger, change_set.id),
        now=road.clock(),
        planned_on=change_set.base_version,
        base_version=base,
        opted_out=sum(rows_opting_in(road, catalog, declared, change_set, one) for one in ("insert", "update"))
        if catalog is not None
        else 0,
    )


def declared_anew(declared: Declared[DataExtension], change_set: ChangeSet) -> list[str]:
    """Which parts of the declaration, of those that make the rows, are others than when the change set was planned."""
    today = declared.is_.model_dump(mode="json", by_alias=True)
    return [
        part for part in ("fields", "deletes", "tombstone", "marker") if change_set.declaration.get(part) != today[part]
    ]


def frozen(road: Road, catalog: Catalog, declared: Declared[DataExtension]) -> ChangeSet | None:
    """The open change set, if it waits for approval or is approved, and may still go as it was planned."""
    found = road.ledger.open_change_set(road.mid, declared.is_.customer_key)
    if found is None or declared_anew(declared, found):
        return None
    today = declared.is_.model_dump(mode="json", by_alias=True)["approval"]
    if found.declaration.get("approval", today) != today:
        return None
    return found if standing_of(road, catalog, declared, found).is_frozen else None


def require_approval(declared: Declared[DataExtension], change_set: ChangeSet, found: Standing) -> None:
    """Raise NotApproved unless nothing is left to be approved."""
    if found.may_go:
        return
    short = change_set.id[:12]
    remedy = {
        "waiting": f'See `etp plan {declared.name}`; then run `etp approve {short} --why "…"`, or reject it.',
        "lapsed": f'Run `etp approve {short} --why "…"` again, or `etp plan {declared.name}` for a new one.',
    }.get(found.state, f"Run `etp plan {declared.name}` for a new change set.")
    raise NotApproved(
        f"Change set {short} of {declared.name} {found.says}. Nothing was sent; it stays as it is. {remedy}"
    )


def wanted_for(change_set: ChangeSet) -> str | None:
    """Why the change set has to be approved, by the declaration under which it was planned. Opt-outs never have to."""
    if change_set.kind != "rows":
        return None
    figures = change_set.figures
    return approval_wanted(
        DataExtension.model_validate(change_set.declaration).approval,
        changes=figures["inserts"] + figures["updates"] + figures.get("deletes", 0),
        removals=figures.get("deletes", 0),
    )


def approve(road: Road, catalog: Catalog, prefix: str, *, who: str, why: str) -> tuple[ChangeSet, Decision]:
    """Approve the change set whose id begins so.

    Raises NotApprovable, StaleState for one that is not open any more, and LedgerError for an id or a reason.
    """
    change_set = approvals.find(road.ledger, prefix)
    declared = catalog.data_extension(change_set.data_extension)
    if change_set.state != "planned":
        return change_set, approvals.approve(road.ledger, change_set.id, who=who, why=why, now=road.clock())
    wanted = wanted_for(change_set)
    what = f"Change set {change_set.id[:12]} of {change_set.data_extension}"
    if wanted is None:
        raise NotApprovable(f"{what} needs no approval: `etp apply {change_set.data_extension}` imports it.")
    if change_set.gate:
        raise NotApprovable(
            f"{what} is held back by the gate, which no approval opens: {' '.join(change_set.gate)} "
            "Nothing was recorded."
        )
    found = standing_of(road, catalog, declared, change_set)
    if found.state == "stale":
        raise NotApprovable(
            f"{what} cannot be approved any more, it has {found.says}. Run `etp plan {change_set.data_extension}` and "
            "look at the new change set. Nothing was recorded."
        )
    return change_set, approvals.approve(road.ledger, change_set.id, who=who, why=why, now=road.clock())


def reject(road: Road, prefix: str, *, who: str, why: str) -> tuple[ChangeSet, Decision]:
    """Reject the change set whose id begins so: it will not be imported, and the next plan takes its place.

    Raises NotApprovable for one of opt-outs, which nobody may hold back, and LedgerError.
    """
    change_set = approvals.find(road.ledger, prefix)
    if change_set.kind != "rows":
        raise NotApprovable(
            f"Change set {change_set.id[:12]} holds opt-outs, which wait for nobody and can be rejected by nobody."
        )
    return change_set, approvals.reject(road.ledger, change_set.id, who=who, why=why, now=road.clock())
