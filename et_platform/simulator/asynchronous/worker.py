"""Working off asynchronous requests, one after the other; again after a crash.

What belongs here: when a request is due, and keeping its results. What does not: accepting (`accept.py`), what a
request does (`operations.py`). Effect and results are not committed together, so a request that a crash interrupts is
done again: conversations protect from repeats by callers, not from those.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from et_platform.simulator import clock, envelope, operations
from et_platform.simulator.asynchronous import kept, respond
from et_platform.simulator.asynchronous.kept import Request
from et_platform.simulator.results import Refused, Result, overall_status, refusal

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_log = logging.getLogger(__name__)
_KEPT = timedelta(days=30)  # [D]
_SECONDS = 1.0
"""Longest sleep while a request waits for its time: the clock can be set forward meanwhile."""


class AsyncRequests:
    """The thread that works off one unit's requests. In maintenance they wait [D]."""

    def __init__(self, service: Service):
        self._service = service
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="async-requests", daemon=True)

    def resume(self) -> None:
        """Start, with what an earlier process left unfinished."""
        with self._service.store.transaction() as connection:
            kept.forget_old(connection, clock.iso(clock.now() - _KEPT))
        self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        """There is something new in the store."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the request under way; the others are worked off after the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause: float | None = None
        while not self._stopping.is_set():
            self._wake.wait(pause)
            self._wake.clear()
            try:
                pause = self._round()
            except Exception:  # noqa: BLE001 - the thread's last frame: later requests must not wait for ever
                _log.exception("asynchronous requests could not be worked off; trying again")
                pause = _SECONDS

    def _round(self) -> float | None:
        """Work off what is due; how long to sleep at most until something is, None without anything."""
        if self._service.behaviour.system_status != "OK":
            return None
        while not self._stopping.is_set():
            with self._service.store.connect() as connection:
                requests = kept.waiting(connection)
            due = [one for one in requests if self._seconds_left(one) <= 0]
            if not due:
                return min((min(self._seconds_left(one), _SECONDS) for one in requests), default=None)
            for request in due:
                if not self._stopping.is_set():
                    self._work(request)
        return None

    def _seconds_left(self, request: Request) -> float:
        delay = timedelta(seconds=self._service.behaviour.async_delay_seconds)
        accepted = datetime.fromisoformat(request.accepted)
        due = datetime.fromisoformat(request.due) if request.due else accepted
        return (max(due, accepted + delay) - clock.now()).total_seconds()

    def _work(self, request: Request) -> None:
        with self._service.store.connect() as connection:
            message = envelope.parse(kept.message(connection, request).encode())
        objects = operations.objects(request.action, message)
        try:
            results = operations.outcome(self._service, request.action, message)
        except Exception:  # noqa: BLE001 - a thread's last frame: the request must not be tried for ever
            _log.exception("the asynchronous request %s failed", request.id)
            results = [refusal(Refused(2, "System exception"))] * len(objects)
        types = [envelope.type_of(one) or "" for one in objects]
        items = [_item(place, *one) for place, one in enumerate(zip(types, results, strict=True))]
        with self._service.store.definitions, self._service.store.transaction() as connection:
            told = _message(request, results)
            kept.finish(connection, request, told, items)
        places = self._service.importer.places
        respond.tell(message, request, told, places.outbox, places.stock.parent / "Export")


def _message(request: Request, results: list[Result]) -> dict[str, str]:
    status = overall_status(results)
    first = next((one for one in results if not one.ok), None)
    return {
        "OverallStatusCode": status,
        "StatusCode": status,  # identical [D]
        "StatusMessage": first.message if first else results[0].message,
        "ErrorCode": str(first.error_code) if first else "",
        "ResultType": "Asynchronous",  # same as RequestType [D]
        "ResultDetailXML": envelope.standalone(operations.replied(request.action, results, request.id)),
    }


def _item(ordinal: int, object_type: str, result: Result) -> dict[str, str]:
    return {
        "StatusCode": "OK" if result.ok else "Error",
        "StatusMessage": result.message,
        "OrdinalID": str(ordinal),
        "ErrorCode": "" if result.ok else str(result.error_code),
        "RequestObjectType": object_type,
    }
