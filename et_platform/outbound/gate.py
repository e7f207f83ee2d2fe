"""The gate's surroundings: what the guards ask beyond a plan's figures.

What belongs here: asking clock, ledger and the recorded facts of the source. What does not: the guards (sync/gate.py).
"""

from datetime import datetime

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension
from et_platform.ledger.decisions import decisions_of
from et_platform.ledger.records import IMPORTED, Attempt, Kind
from et_platform.outbound.road import Road
from et_platform.sync import gate
from et_platform.sync.plan import PlanFigures

_OPT_OUTS: tuple[Kind, ...] = ("opt_out", "unsubscribe")


def verdict(
    road: Road, declared: Declared[DataExtension], figures: PlanFigures, *, at: datetime | None = None
) -> gate.Verdict:
    """The verdict of all guards as things are now; what was approved is as old as it was when that happened (`at`)."""
    return gate.evaluate(declared.is_.guards, figures, _surroundings(road, declared, figures, at or road.clock()))


def _surroundings(
    road: Road, declared: Declared[DataExtension], figures: PlanFigures, now: datetime
) -> gate.Surroundings:
    key = declared.is_.customer_key
    opt_outs = []
    if declared.is_.consent is not None:
        found = (road.ledger.open_change_set(road.mid, key, kind) for kind in _OPT_OUTS)
        opt_outs = [f"Change set {one.id[:12]} of opt-outs is not settled." for one in found if one is not None]
    return gate.Surroundings(
        age=(now - datetime.fromisoformat(figures.read_at)).total_seconds() if figures.read_at else None,
        drift=tuple(figures.drift) if figures.drift is not None else None,
        open_opt_outs=tuple(opt_outs),
        unknown_results=_unknown_results(road, key),
    )


def _unknown_results(road: Road, customer_key: str) -> tuple[str, ...]:
    """What is not settled, and what settles it: a person where one was asked, else the next run."""
    found = (road.ledger.open_attempt(road.mid, customer_key, [kind]) for kind in IMPORTED)
    return tuple(told for attempt in found if attempt is not None for told in _unknown(road, attempt))


def _unknown(road: Road, attempt: Attempt) -> tuple[str, ...]:
    asked = [one for one in decisions_of(road.ledger, attempt.id) if one.verdict is None]
    if not asked:
        return (
            f"Attempt {attempt.id} of an earlier run is not settled. Run this again once ExactTarget answers; "
            f"`etp ledger show {attempt.id}` tells how it stands.",
        )
    remote = {file.definition_key: file.remote for file in attempt.files}
    return tuple(
        f"Attempt {attempt.id} needs a decision, asked for at {one.asked_at:%Y-%m-%d %H:%M} UTC: whether "
        f"{remote[one.definition_key]} was imported is not known. {one.reason} Look at the data extension and at its "
        f"imports in ExactTarget, then run `etp resolve {attempt.id} --as imported --why …` or `--as not-imported`."
        for one in asked
    )
