"""The gate's surroundings: what the guards ask beyond a plan's figures.

What belongs here: asking clock, ledger and the recorded facts of the source. What does not: the guards (sync/gate.py).
"""

from datetime import datetime

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension
from et_platform.ledger.records import Kind
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
    opt_outs = 0
    if declared.is_.consent is not None:
        opt_outs = sum(road.ledger.open_change_set(road.mid, key, kind) is not None for kind in _OPT_OUTS)
    return gate.Surroundings(
        age=(now - datetime.fromisoformat(figures.read_at)).total_seconds() if figures.read_at else None,
        drift=tuple(figures.drift) if figures.drift is not None else None,
        open_opt_outs=opt_outs,
        unknown_results=int(road.ledger.open_attempt(road.mid, key) is not None),
    )
