"""Setting the clock forward, and keeping it over a restart.

What belongs here: the leaps of the clock in the store, and what a leap sets off. What does not: reading the clock
(`clock.py`), what happens by night (`nightly.py`), what people do (`sending/crowd.py`), the command line (`leap.py`).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from et_platform.simulator import clock, store
from et_platform.simulator.sending import crowd
from et_platform.simulator.store import Store

if TYPE_CHECKING:
    from et_platform.simulator.service import Units

_KIND, _ID = "clock", "leaps"
_MOST_STARTS = 2000  # of scheduled starts that one leap lives through
_LONGEST_RUN = 120.0  # seconds that a leap waits for one of them

_log = logging.getLogger(__name__)


def restore(enterprise: Store) -> None:
    """Set the clock as an earlier process left it; the enterprise's store keeps it for all units."""
    with enterprise.connect() as connection:
        kept = store.get(connection, _KIND, _ID)
    clock.set_leaps([(since, ahead) for since, ahead in kept["leaps"]] if kept else [])


def forward(units: Units, seconds: float, seed: int | None = None) -> tuple[datetime, dict[str, int]]:
    """Set the clock forward, and do at once what schedules, nights and people would have done meanwhile.

    Gives the new server time, and how many events of each type people made, in all units. `seed` is the audience's.
    """
    for unit in units:
        unit.sends.settle()
    _live_through(units, clock.now() + timedelta(seconds=seconds))
    counts: Counter[str] = Counter()
    for unit in units:
        counts.update(crowd.behave(unit, seed))
        unit.nights.catch_up()
        unit.timekeeper.wake()
    return clock.now(), dict(counts)


def _live_through(units: Units, until: datetime) -> None:
    """Set the clock forward from one scheduled start to the next: each runs at its own time, and to its end."""
    for _ in range(_MOST_STARTS):
        due = min((moment for unit in units if (moment := unit.timekeeper.next_due()) is not None), default=None)
        if due is None or due > until:
            break
        _leap(units, (due - clock.now()).total_seconds())
        for unit in units:
            unit.timekeeper.start_due()
            # Also where the timekeeper's own thread was quicker.
            if not (unit.automations.settle(_LONGEST_RUN) and unit.sends.settle(_LONGEST_RUN)):
                _log.warning("what started by its schedule still runs; the clock goes on")
    else:
        _log.warning("more than %d scheduled starts in one leap of the clock: the others are missed", _MOST_STARTS)
    _leap(units, (until - clock.now()).total_seconds())


def _leap(units: Units, seconds: float) -> None:
    """Set the clock forward at once, if that is forward."""
    if seconds <= 0:
        return
    enterprise = units.enterprise.store
    with enterprise.definitions:
        moment = time.time()
        with enterprise.transaction() as connection:
            leaps = (store.get(connection, _KIND, _ID) or {"leaps": []})["leaps"]
            leaps.append([moment, clock.ahead(moment) + seconds])
            store.put(connection, _KIND, _ID, {"leaps": leaps})
        clock.set_leaps([(since, ahead) for since, ahead in leaps])
