"""Verbs by which people decide on a change set: approve, reject.

What belongs here: options, who is asking, and one call each. What does not: logic.
"""

import os
import pwd
from typing import TYPE_CHECKING

import click

from et_platform.cli.common import configured, explained

if TYPE_CHECKING:
    from et_platform.catalog.catalog import Catalog
    from et_platform.outbound.road import Road

_WHY = click.option("--why", required=True, help="The reason, for those who read the ledger later.")


@click.command()
@click.argument("change_set_id")
@_WHY
def approve(change_set_id: str, why: str) -> None:
    """Approve the change set CHANGE_SET_ID (its first digits, as `etp plan` shows), so that `etp apply` imports it.

    It holds for 24 hours, and no longer than what is acknowledged and the consent of its persons stay the same.
    """
    from et_platform.outbound import approval

    with explained():
        road, catalog = _road(change_set_id)
        change_set, decision = approval.approve(road, catalog, change_set_id, who=_who(), why=why)
    assert decision.expires_at is not None
    click.echo(
        f"Change set {change_set.id[:12]} of {change_set.data_extension} is approved by {decision.who} until "
        f"{decision.expires_at:%Y-%m-%d %H:%M} UTC. Import it with `etp apply {change_set.data_extension}`."
    )


@click.command()
@click.argument("change_set_id")
@_WHY
def reject(change_set_id: str, why: str) -> None:
    """Reject the change set CHANGE_SET_ID: it is not imported, and the next plan takes its place."""
    from et_platform.outbound import approval

    with explained():
        road, _ = _road(change_set_id)
        change_set, decision = approval.reject(road, change_set_id, who=_who(), why=why)
    click.echo(f"Change set {change_set.id[:12]} of {change_set.data_extension} is rejected by {decision.who}.")


def _road(change_set_id: str) -> "tuple[Road, Catalog]":
    """The road of the business unit that the change set is for."""
    from et_platform.ledger import approvals
    from et_platform.resources import build_road

    settings, catalog = configured("exacttarget")
    road = build_road(settings, run_id="etp approve", tell=click.echo)
    declared = catalog.data_extension(approvals.find(road.ledger, change_set_id).data_extension)
    of_unit = settings.of_unit(declared.unit)
    return build_road(of_unit, run_id="etp approve", tell=click.echo), catalog


def _who() -> str:
    """The operating-system user; not what the environment claims."""
    return pwd.getpwuid(os.getuid()).pw_name
