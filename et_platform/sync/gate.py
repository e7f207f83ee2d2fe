"""The gate: whether a change set may go, and why not.

What belongs here: guards over a plan's figures. What does not: who approves, and where the verdict is kept.
A gate that cannot be evaluated is closed (design: promise 7).
"""

from dataclasses import dataclass

from et_platform.catalog.models import Guards
from et_platform.sync.plan import PlanFigures


@dataclass(frozen=True)
class Verdict:
    """`reasons` say which guard closed the gate, with the figures and the remedy; none when it is open."""

    reasons: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Whether the change set may go."""
        return not self.reasons


def evaluate(guards: Guards, figures: PlanFigures) -> Verdict:
    """The verdict of all guards on the figures of a plan."""
    reasons: list[str] = []
    if figures.snapshot < guards.minimum_rows:
        reasons.append(
            f"The snapshot has {figures.snapshot} rows; guard minimum_rows asks for {guards.minimum_rows}. "
            "An empty or cut-off source must not look like a change: check the CRM's table or query."
        )
    floor = guards.minimum_share_of_acknowledged * figures.acknowledged
    if figures.snapshot < floor:
        reasons.append(
            f"The snapshot has {figures.snapshot} rows, but {figures.acknowledged} are acknowledged; guard "
            f"minimum_share_of_acknowledged asks for {floor:.0f}. Check whether the source shrank on purpose."
        )
    if figures.snapshot and figures.withheld / figures.snapshot > guards.maximum_quarantine_share:
        share = figures.withheld / figures.snapshot
        reasons.append(
            f"{figures.withheld} of {figures.snapshot} rows ({share:.1%}) cannot be sent; guard "
            f"maximum_quarantine_share allows {guards.maximum_quarantine_share:.1%}. Look at the quarantine's "
            "reasons: usually one column changed its form."
        )
    if figures.deletes > guards.maximum_delete_share * figures.acknowledged:
        share = figures.deletes / figures.acknowledged if figures.acknowledged else 1.0
        reasons.append(
            f"{figures.deletes} of {figures.acknowledged} acknowledged rows ({share:.1%}) have left the source and "
            f"would be removed; guard maximum_delete_share allows {guards.maximum_delete_share:.1%}. Check whether "
            "the source lost them on purpose."
        )
    return Verdict(tuple(reasons))
