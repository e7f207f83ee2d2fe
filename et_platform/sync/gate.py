"""The gate: whether a change set may go, and why not.

What belongs here: guards over a plan's figures and over what is known of its surroundings. What does not: finding those
out (outbound/gate.py), who approves (outbound/approval.py), and where the verdict is kept.
A guard that cannot be evaluated closes the gate (design: promise 7).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from et_platform.catalog.models import Guards
from et_platform.sync.plan import PlanFigures

CLOCKS = 300.0
"""Seconds by which the clocks of two machines may disagree."""


@dataclass(frozen=True)
class Surroundings:
    """What the gate asks of a plan's surroundings. None: it could not be found out, and the gate stays closed.

    `age` is seconds since the source was read. The others are what is wrong, a paragraph each: `drift`, how its columns
    changed in ways that may change values; `open_opt_outs`, change sets of opt-outs that are not settled;
    `unknown_results`, imports whose outcome nobody knows, each with its remedy.
    """

    age: float | None
    drift: tuple[str, ...] | None
    open_opt_outs: tuple[str, ...] | None
    unknown_results: tuple[str, ...] | None


@dataclass(frozen=True)
class Ruling:
    """What one guard says: the figures and what is allowed, and, if it closes the gate, the remedy."""

    guard: str
    is_open: bool
    says: str
    remedy: str = ""


@dataclass(frozen=True)
class Verdict:
    """The rulings of all guards. `reasons` are those that closed the gate, with figures and remedy."""

    rulings: tuple[Ruling, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate is closed, a paragraph a guard."""
        return tuple(f"{one.says} {one.remedy}".strip() for one in self.rulings if not one.is_open)

    @property
    def is_open(self) -> bool:
        """Whether the change set may go."""
        return all(one.is_open for one in self.rulings)


def evaluate(guards: Guards, figures: PlanFigures, surroundings: Surroundings) -> Verdict:
    """The verdict of all guards on the figures of a plan, and on what surrounds it."""
    return Verdict((*_of_figures(guards, figures), *_of_surroundings(guards, surroundings)))


def _of_figures(guards: Guards, figures: PlanFigures) -> Iterator[Ruling]:
    yield Ruling(
        "minimum_rows",
        figures.snapshot >= guards.minimum_rows,
        f"The source has {figures.snapshot} rows; guard minimum_rows asks for {guards.minimum_rows}.",
        "An empty or cut-off source must not look like a change: check the CRM's table or query.",
    )
    floor = guards.minimum_share_of_acknowledged * figures.acknowledged
    yield Ruling(
        "minimum_share_of_acknowledged",
        figures.snapshot >= floor,
        f"The source has {figures.snapshot} rows, and {figures.acknowledged} are acknowledged; guard "
        f"minimum_share_of_acknowledged asks for {floor:.0f}.",
        "Check whether the source shrank on purpose.",
    )
    yield _share(
        *("maximum_quarantine_share", figures.withheld, figures.snapshot, guards.maximum_quarantine_share),
        "rows cannot be sent",
        "Look at the quarantine's reasons: usually one column changed its form.",
    )
    yield _share(
        *("maximum_duplicate_share", figures.held, figures.snapshot, guards.maximum_duplicate_share),
        "rows have a key that another row has, too",
        "Look for copies in the source, or for a join that multiplies rows.",
    )
    yield _share(
        *("maximum_delete_share", figures.deletes, figures.acknowledged, guards.maximum_delete_share),
        "acknowledged rows have left the source and would be removed",
        "Check whether the source lost them on purpose.",
    )
    yield _share(
        *("maximum_update_share", figures.updates, figures.acknowledged, guards.maximum_update_share),
        "acknowledged rows would be updated",
        "Look at the changed fields: one column that is written in another way changes every row.",
    )


def _share(guard: str, rows: int, of: int, allowed: float, what: str, remedy: str) -> Ruling:
    share = rows / of if of else float(rows > 0)
    says = f"{rows} of {of} {what} ({share:.1%}); guard {guard} allows {allowed:.1%}."
    return Ruling(guard, rows <= allowed * of or share <= allowed, says, remedy)


def _of_surroundings(guards: Guards, found: Surroundings) -> Iterator[Ruling]:
    for guard, what, known, judged in _asked(guards, found):
        yield Ruling(guard, *(_cannot_tell(guard, what) if known is None else judged(known)))


def _asked(
    guards: Guards, found: Surroundings
) -> Iterable[tuple[str, str, Any, Callable[[Any], tuple[bool, str, str]]]]:
    """By guard: what is asked, what is known of it, and the ruling on that: whether it is open, why, and the remedy."""
    drift = "Look at the values of these columns, then touch the declared columns, or say `schema_drift: accept`."
    opt_outs = "Opt-outs go first: materialize opt_out, then plan again."
    unknown = "Nothing goes into the data extension until this is settled."
    return (
        ("maximum_age", "when the source was read", found.age, partial(_age, guards.maximum_age.total_seconds())),
        (
            *("schema_drift", "whether the source's columns changed", found.drift),
            partial(_none_of, "The source's columns are what they were.", drift, guards.schema_drift == "accept"),
        ),
        (
            *("consent", "whether opt-outs were sent", found.open_opt_outs),
            partial(_none_of, "Every change set of opt-outs is settled.", opt_outs, False),
        ),
        (
            *("unknown_results", "whether an earlier import is still in doubt", found.unknown_results),
            partial(_none_of, "No earlier import has an unknown result.", unknown, False),
        ),
    )


def _none_of(fine: str, remedy: str, is_accepted: bool, troubles: tuple[str, ...]) -> tuple[bool, str, str]:
    return not troubles or is_accepted, " ".join(troubles) or fine, remedy


def _age(most: float, age: float) -> tuple[bool, str, str]:
    if age < -CLOCKS:
        says = f"The source was read {-age / 3600:.1f} hours in the future, by this machine's clock; guard "
        return False, f"{says}maximum_age cannot be evaluated.", "Correct the clock, or read the source again."
    says = f"The source was read {max(age, 0) / 3600:.1f} hours ago; guard maximum_age is {most / 3600:.1f}."
    return age <= most, says, "Read the source again and plan anew."


def _cannot_tell(guard: str, what: str) -> tuple[bool, str, str]:
    says = f"It cannot be told {what}, so guard {guard} cannot be evaluated."
    return False, says, "Read the source again and plan anew; a gate that cannot be evaluated is closed."
