"""Work that goes on after its call was answered: documents of one kind, one after the other, in a thread of their own.

What belongs here: the queue, and its life: what an earlier process left, waiting, stopping. What does not: the work.
Imports, extracts and asynchronous requests have queues of their own, for they run several at once, or wait for the
system's status.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

from et_platform.simulator import store

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

QUEUED, DONE, FAILED = "queued", "done", "failed"
"""What the document of a piece of work says as its `state`."""


class Background(ABC):
    """The work of one kind in one business unit."""

    kind: ClassVar[str]
    """The kind of its documents, whose `state` is QUEUED until they are worked off."""

    def __init__(self, service: Service):
        self._service = service
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self.kind)

    def resume(self) -> None:
        """Finish what an earlier process left unfinished."""
        with self._service.store.connect() as connection:
            left = store.find(connection, self.kind, "body->>'$.state' = ?", [QUEUED])
        for document in left:
            self.submit(document)

    def submit(self, document: dict[str, Any]) -> None:
        """Queue what is already in the store."""
        self._thread.submit(self._wait_and_work_off, document)

    def settle(self, seconds: float | None = None) -> bool:
        """Wait until what is queued by now has run, at most so long; whether it has."""
        try:
            self._thread.submit(lambda: None).result(seconds)
        except TimeoutError:
            return False
        return True

    def stop(self) -> None:
        """Stop; what waits runs at the next start."""
        self._stopping.set()
        self._thread.shutdown(wait=True, cancel_futures=True)

    @abstractmethod
    def work_off(self, document: dict[str, Any], /) -> bool:
        """Do it now; whether it went well. Must not raise: it may be a thread's last frame."""

    def seconds_to_wait(self, document: dict[str, Any], /) -> float:
        """How long it is not due yet; due at once, unless a kind of work says otherwise."""
        return 0.0

    def _wait_and_work_off(self, document: dict[str, Any]) -> None:
        if not self._stopping.wait(max(0.0, self.seconds_to_wait(document))):
            self.work_off(document)
