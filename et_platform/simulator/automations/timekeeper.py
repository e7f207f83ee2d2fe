"""Starting what is scheduled, as simulated time passes: automations and send definitions.

What belongs here: what is due and when, starting it once, waiting for the next. What does not: when a schedule falls
due (`timetable.py`), running (`worker.py`, `sending/worker.py`), setting the clock (`advance.py`, which lives through
each due moment on its way).

A definition that is scheduled has a `timetable`, and `due`, the next moment ('' when there is none any more). A start
is missed while the simulator does not run: it is made once at the next start, however many were missed [K].
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

from et_platform.simulator import clock, store
from et_platform.simulator.automations import timetable, worker
from et_platform.simulator.automations.worker import AUTOMATION, KINDS, READY, RUNNING, SCHEDULED, SEND
from et_platform.simulator.definitions import Document
from et_platform.simulator.objects import email_send_definition
from et_platform.simulator.results import Refused
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_SCHEDULED_KINDS = (AUTOMATION, KINDS[SEND])
_LOOK_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Timekeeper:
    """A thread that sleeps until the next start of one business unit."""

    def __init__(self, service: Service):
        self._service = service
        self._stopping = False
        self._woken = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._thread = threading.Thread(target=self._live, name="timekeeper")

    def resume(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; what is due by then starts at the next start of the simulator."""
        self._stopping = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """Look again at once: a schedule is new, or the clock was set."""
        self._woken.set()

    def next_due(self) -> datetime | None:
        """The next moment at which something is to start."""
        with self._service.store.connect() as connection:
            found = connection.execute(
                f"SELECT min(body->>'$.due') FROM documents WHERE kind IN {_SCHEDULED_KINDS} AND (body->>'$.due') <> ''"
            ).fetchone()
        return datetime.fromisoformat(found[0]) if found and found[0] else None

    def start_due(self) -> int:
        """Start everything that is due now, each once; how many there were."""
        with self._one_at_a_time:
            begun = 0
            for kind in _SCHEDULED_KINDS:
                with self._service.store.definitions, self._service.store.transaction() as connection:
                    now = clock.now()
                    condition = "(body->>'$.due') <> '' AND CAST(body->>'$.due' AS TIMESTAMP) <= ?"
                    work = [
                        (kind, run)
                        for document in store.find(connection, kind, condition, [now])
                        if (run := self._begun(connection, kind, document, now)) is not None
                    ]
                for queued, one in work:
                    (self._service.automations if queued == AUTOMATION else self._service.sends).submit(one)
                begun += len(work)
            return begun

    def _begun(self, connection: Connection, kind: str, document: Document, now: datetime) -> dict[str, Any] | None:
        """A queued run of what is due, whose next moment is set; None for one that cannot start."""
        following = timetable.following(document["timetable"], now)
        document["due"] = following.isoformat() if following else ""
        if following is None and document["properties"].get("Status") == SCHEDULED:
            document["properties"]["Status"] = READY
        store.put(connection, kind, document["object_id"], document)
        if kind != AUTOMATION:
            try:
                return email_send_definition.job_of(self._service, connection, document)
            except Refused as refused:
                _log.warning("a scheduled send cannot start: %s", refused.message)
                return None
        if document["properties"]["Status"] == RUNNING:
            _log.info("a scheduled automation runs still, and is not started again")  # [K]
            return None
        return worker.new(connection, document["steps"], document["object_id"])

    def _live(self) -> None:
        while not self._stopping:
            try:
                self.start_due()
                due = self.next_due()
                wait = (due - clock.now()).total_seconds() if due else _LOOK_SECONDS
            except Exception:  # noqa: BLE001 - a thread's last frame: the next look may go well
                _log.exception("what is scheduled could not be started; it is tried again")
                wait = _LOOK_SECONDS
            self._woken.wait(max(0.0, min(wait, _LOOK_SECONDS)))
            self._woken.clear()
