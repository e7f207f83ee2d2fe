"""Setting the clock forward, and keeping it over a restart.

What belongs here: the leaps of the clock in the store, and what a leap sets off. What does not: reading the clock
(`clock.py`), what happens by night (`nightly.py`), what people do (`sending/crowd.py`), the command line (`leap.py`).
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from et_platform.simulator import clock, store
from et_platform.simulator.sending import crowd
from et_platform.simulator.store import Store

if TYPE_CHECKING:
    from et_platform.simulator.service import Units

_KIND, _ID = "clock", "leaps"


def restore(enterprise: Store) -> None:
    """Set the clock as an earlier process left it; the enterprise's store keeps it for all units."""
    with enterprise.connect() as connection:
        kept = store.get(connection, _KIND, _ID)
    clock.set_leaps([(since, ahead) for since, ahead in kept["leaps"]] if kept else [])


def forward(units: Units, seconds: float, seed: int | None = None) -> tuple[datetime, dict[str, int]]:
    """Set the clock forward, and do at once what nights and people would have done meanwhile.

    Gives the new server time, and how many events of each type people made, in all units. `seed` is the audience's.
    """
    enterprise = units.enterprise.store
    for unit in units:
        unit.sends.settle()
    with enterprise.definitions:
        moment = time.time()
        with enterprise.transaction() as connection:
            leaps = (store.get(connection, _KIND, _ID) or {"leaps": []})["leaps"]
            leaps.append([moment, clock.ahead(moment) + seconds])
            store.put(connection, _KIND, _ID, {"leaps": leaps})
        clock.set_leaps([(since, ahead) for since, ahead in leaps])
    counts: Counter[str] = Counter()
    for unit in units:
        counts.update(crowd.behave(unit, seed))
        unit.nights.catch_up()
    return clock.now(), dict(counts)
