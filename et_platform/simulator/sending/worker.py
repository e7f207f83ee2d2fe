"""Running sends to audiences: one after the other, and again after a crash.

What belongs here: the queue and the frame of one send. What does not: who is mailed (`audience.py`, `judging.py`),
triggered sends, which are recorded as they are asked for (`triggered.py`).

The mails and the end of a send are committed together; whatever was not committed runs again.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from et_platform.simulator import clock, store
from et_platform.simulator.queries.relations import SEND_KIND
from et_platform.simulator.sending import audience, jobs, judging
from et_platform.simulator.sending.audience import NotSendable, Source
from et_platform.simulator.sending.jobs import Job
from et_platform.simulator.tracking import subscribers

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_log = logging.getLogger(__name__)


class SendWorker:
    """Runs the sends of one business unit in a thread of its own."""

    def __init__(self, service: Service):
        self._service = service
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="send")

    def resume(self) -> None:
        """Finish what an earlier process left unfinished."""
        with self._service.store.connect() as connection:
            left = store.find(connection, SEND_KIND, "body->>'$.state' = ?", [jobs.QUEUED])
        for job in left:
            self.submit(job)

    def submit(self, job: Job) -> None:
        """Queue a send that is already in the store."""
        self._thread.submit(self._work, job)

    def settle(self) -> None:
        """Wait for the sends that are due at once; with a delay there is nothing to wait for."""
        if not self._service.behaviour.send_delay_seconds:
            self._thread.submit(lambda: None).result()

    def stop(self) -> None:
        """Stop; what waits runs at the next start."""
        self._stopping.set()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _work(self, job: Job) -> None:
        wait = job["performed"] + self._service.behaviour.send_delay_seconds - time.time()
        if not self._stopping.wait(max(0.0, wait)):
            self.work_off(job)

    def work_off(self, job: Job) -> bool:
        """Run it now; whether it went well."""
        try:
            self._run(job)
        except NotSendable as error:
            self._fail(job, str(error))
        except Exception:  # noqa: BLE001 - a thread's last frame: whatever it was, the send must not hang
            _log.exception("send %s failed", job["number"])
            self._fail(job, "the simulator failed; see its log")
        return job["state"] == jobs.DONE

    def _run(self, job: Job) -> None:
        with self._service.store.lock(subscribers.LOCK), self._service.store.transaction() as connection:
            kept = store.get(connection, SEND_KIND, job["id"])
            if kept is None or kept["state"] != jobs.QUEUED:
                raise NotSendable("The send is over already.")
            batch = judging.Batch(
                send_id=job["number"],
                moment=clock.now(),
                reaches_unsubscribed=job["operational"] and self._service.behaviour.operational_to_unsubscribed,
                deduplicates=job["deduplicates"],
            )
            audience.mean(connection, [Source(**one) for one in job["sources"]])
            jobs.count(job, judging.judge(connection, batch))
            judging.record(connection, batch)
            jobs.end(job, batch.moment, well=True)
            jobs.put(connection, job)

    def _fail(self, job: Job, reason: str) -> None:
        _log.info("send %s failed: %s", job["number"], reason)
        jobs.end(job, clock.now(), well=False)
        job["reason"] = reason
        with self._service.store.transaction() as connection:
            jobs.put(connection, job)
