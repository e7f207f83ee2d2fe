"""The gate: whether a change set may go, and why not.

What belongs here: guards over a plan's figures and over what is known of its surroundings. What does not: finding those
out (outbound/gate.py), who approves (outbound/approval.py), and where the verdict is kept.
A guard that cannot be evaluated closes the gate (design: promise 7).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from et_platform.catalog.models import Guards
from et_platform.sync.plan import PlanFigures

CLOCKS = 300.0
"""Seconds by which the clocks of two machines may disagree."""


@dataclass(frozen=True)
class Surroundings:
    """What the gate asks of a plan's surroundings. None: it could not be found out, and the gate stays closed.

    `age` is seconds since the source was read; `drift` says how its columns changed in ways that may change values;
    `open_opt_outs` counts change sets of opt-outs that are not settled; `unknown_results` attempts whose outcome nobody
    knows.
    """

    age: float | None
    drift: tuple[str, ...] | None
    open_opt_outs: int | None
    unknown_results: int | None


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
    most = guards.maximum_age.total_seconds()
    if found.age is None:
        yield _cannot_tell("maximum_age", "when the source was read")
    elif found.age < -CLOCKS:
        yield Ruling(
            "maximum_age",
            False,
            f"The source was read {-found.age / 3600:.1f} hours in the future, by this machine's clock; guard "
            "maximum_age cannot be evaluated.",
            "Correct the clock, or read the source again.",
        )
    else:
        yield Ruling(
            "maximum_age",
            found.age <= most,
            f"The source was read {max(found.age, 0) / 3600:.1f} hours ago; guard maximum_age is {most / 3600:.1f}.",
            "Read the source again and plan anew.",
        )
    if found.drift is None:
        yield _cannot_tell("schema_drift", "whether the source's columns changed")
    else:
        yield Ruling(
            "schema_drift",
            not found.drift or guards.schema_drift == "accept",
            " ".join(found.drift) or "The source's columns are what they were.",
            "Look at the values of these columns, then touch the declared columns, or say `schema_drift: accept`.",
        )
    if found.open_opt_outs is None:
        yield _cannot_tell("consent", "whether opt-outs were sent")
    else:
        yield Ruling(
            "consent",
            found.open_opt_outs == 0,
            f"{found.open_opt_outs} change sets of opt-outs are not settled.",
            "Opt-outs go first: materialize opt_out, then plan again.",
        )
    if found.unknown_results is None:
        yield _cannot_tell("unknown_results", "whether an earlier import is still in doubt")
    else:
        yield Ruling(
            "unknown_results",
            found.unknown_results == 0,
            f"{found.unknown_results} earlier imports into the data extension have an unknown result.",
            "Run this again once ExactTarget answers, or see `etp ledger`.",
        )


def _cannot_tell(guard: str, what: str) -> Ruling:
    return Ruling(
        guard,
        False,
        f"It cannot be told {what}, so guard {guard} cannot be evaluated.",
        "Read the source again and plan anew; a gate that cannot be evaluated is closed.",
    )
