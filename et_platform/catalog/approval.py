"""When a change set waits for somebody to approve it.

What belongs here: the words of `approval`, and whether the figures of a plan ask for one. What does not: who approved,
and until when that holds (ledger/approvals.py, outbound/approval.py).
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from et_platform.catalog.base import Declaration


class ApprovalThresholds(Declaration):
    """A change set with more rows than one of these waits for approval; smaller ones go."""

    changes_above: Annotated[int, Field(ge=0)] | None = None
    removals_above: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "ApprovalThresholds":
        if self.changes_above is None and self.removals_above is None:
            raise ValueError("say `changes_above` or `removals_above`, or `approval: required` for every change set")
        return self


Approval = Literal["never", "required"] | ApprovalThresholds


def approval_wanted(approval: Approval, *, changes: int, removals: int) -> str | None:
    """Why a change set of so many rows has to be approved; None if it has not."""
    if isinstance(approval, str):
        return "`approval: required` is declared" if approval == "required" else None
    for name, limit, rows in (
        ("changes_above", approval.changes_above, changes),
        ("removals_above", approval.removals_above, removals),
    ):
        if limit is not None and rows > limit:
            return f"it has {rows} rows, and approval.{name} is {limit}"
    return None
