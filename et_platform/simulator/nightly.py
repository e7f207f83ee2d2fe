"""What a business unit does by night: retention and old files, once a day at the hour that `retention_hour` sets.

What belongs here: when a night is due. What does not: what is removed (`retention.py`, `ftp_cleanup.py`).
The store remembers the last night, so a night that was missed (the simulator did not run, or its clock was set
forward) is made up for; several missed nights come to the same as the last of them.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from pathlib import Path

from et_platform.simulator import clock, ftp_cleanup, retention, store
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.store import Store

_KIND, _ID = "nightly", "last"
_LOOK_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Nights:
    """A thread that sleeps by day."""

    def __init__(self, own: Store, behaviour: Behaviour, site: Path):
        self._store, self._behaviour, self._site = own, behaviour, site
        self._stopping = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._thread = threading.Thread(target=self._live, name="nights")

    def resume(self) -> None:
        """Make up for what was missed, and go on from there."""
        self.catch_up()
        self._thread.start()

    def stop(self) -> None:
        """Stop; a removal under way is finished."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def catch_up(self) -> None:
        """Do the last night's work unless it is done."""
        with self._one_at_a_time:
            night = self._last_night(clock.now())
            with self._store.transaction() as connection:
                done = store.get(connection, _KIND, _ID)
                if done is None:  # a new store: its first night is still to come
                    store.put(connection, _KIND, _ID, {"night": night.isoformat()})
            if done is None or datetime.fromisoformat(done["night"]) >= night:
                return
            retention.sweep(self._store, self._behaviour, night)
            ftp_cleanup.sweep(self._site, self._behaviour.sftp_keep_days, night)
            with self._store.transaction() as connection:
                store.put(connection, _KIND, _ID, {"night": night.isoformat()})

    def _last_night(self, moment: datetime) -> datetime:
        hour = timedelta(hours=self._behaviour.retention_hour)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        tonight = midnight + hour
        return tonight if tonight <= moment else tonight - timedelta(days=1)

    def _live(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.catch_up()
            except Exception:  # noqa: BLE001 - a thread's last frame: tomorrow's night must come whatever failed today
                _log.exception("the work of the night failed; it is tried again")
