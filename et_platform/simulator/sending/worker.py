"""Running sends to audiences: one after the other, and again after a crash.

What belongs here: the frame of one send. What does not: who is mailed (`audience.py`, `judging.py`),
triggered sends, which are recorded as they are asked for (`triggered.py`).

The mails and the end of a send are committed together; whatever was not committed runs again.
"""

from __future__ import annotations

import logging
import time

from et_platform.simulator import clock, store
from et_platform.simulator.background import DONE, QUEUED, Background
from et_platform.simulator.queries.relations import SEND_KIND
from et_platform.simulator.sending import audience, jobs, judging
from et_platform.simulator.sending.audience import NotSendable, Source
from et_platform.simulator.sending.jobs import Job
from et_platform.simulator.tracking import subscribers

_log = logging.getLogger(__name__)


class SendWorker(Background):
    """Runs the sends of one business unit in a thread of its own."""

    kind = SEND_KIND

    def seconds_to_wait(self, job: Job, /) -> float:
        """As long as the setting says, from when it was asked for."""
        return job["performed"] + self._service.behaviour.send_delay_seconds - time.time()

    def settle(self, seconds: float | None = None) -> bool:
        """Wait for the sends that are due at once; with a delay there is nothing to wait for."""
        return bool(self._service.behaviour.send_delay_seconds) or super().settle(seconds)

    def work_off(self, job: Job, /) -> bool:
        """Run it now; whether it went well."""
        try:
            self._run(job)
        except NotSendable as error:
            self._fail(job, str(error))
        except Exception:  # noqa: BLE001 - a thread's last frame: whatever it was, the send must not hang
            _log.exception("send %s failed", job["number"])
            self._fail(job, "the simulator failed; see its log")
        return job["state"] == DONE

    def _run(self, job: Job) -> None:
        with self._service.store.lock(subscribers.LOCK), self._service.store.transaction() as connection:
            kept = store.get(connection, SEND_KIND, job["id"])
            if kept is None or kept["state"] != QUEUED:
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
