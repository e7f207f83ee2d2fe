"""Running extract tasks: content into a file aside, then into the Export folder; again after a crash.

What belongs here: threads, waiting, and how a file comes to lie in Export. What does not: content
(`tracking_files.py`, `data_extension_file.py`). A task ends only once its file lies there, so whoever is killed
before writes the same file again at the next start, over whatever lies there by then [K].
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.extracts import data_extension_file, tasks, tracking_files
from et_platform.simulator.extracts.tasks import Interrupted, Task
from et_platform.simulator.faults.board import Board
from et_platform.simulator.faults.extracts import ExtractFaults
from et_platform.simulator.store import Store

_THREADS = 4
_BLOCK = 1024 * 1024
_ASIDE = "extracting"

_log = logging.getLogger(__name__)


class ExtractWorker:
    """Runs queued tasks in threads of its own; one at a time per file name."""

    def __init__(self, store: Store, behaviour: Behaviour, export: Path, mid: str, faults: Board):
        self._store, self._behaviour, self._export, self._mid = store, behaviour, export, mid
        # Beside the FTP site: what is not finished is nobody's business, and the move stays within the file system.
        self._aside = export.parent.parent.parent / _ASIDE / mid
        self._faults = ExtractFaults(faults, mid, store)
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._names: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="extract")

    def resume(self) -> None:
        """Remove what a killed process left aside, and queue what it left unfinished."""
        self._aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._aside.iterdir():
            left.unlink()
        with self._store.connect() as connection:
            unfinished = tasks.unfinished(connection)
        for task in unfinished:
            self.submit(task)

    def submit(self, task: Task) -> None:
        """Queue a task that is already in the store; while the simulator stops, it waits for the next start."""
        with self._guard:
            if not self._stopping.is_set():
                self._threads.submit(self._work, task)

    def stop(self) -> None:
        """Stop at the next chance; everything unfinished runs again at the next start."""
        with self._guard:
            self._stopping.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _work(self, task: Task) -> None:
        aside = self._aside / task["id"]
        try:
            self._wait(task["asked"] + self._behaviour.extract_delay_seconds - time.time())
            order = self._faults.ordered(task["order"])
            with self._name(task["order"]["file"]):
                if order is None:
                    self._end(task, tasks.DONE, "a fault keeps the file from coming")
                elif self._written(task | {"order": order}, aside):
                    self._faults.delivered(aside, order, self._export, lambda name: self._publish(aside, task, name))
                    self._end(task, tasks.DONE)
                else:
                    self._end(task, tasks.DONE, "there were no events, so there is no file")
        except Interrupted:
            _log.info("extract %s stopped; it runs again at the next start", task["id"])
        except Exception as error:  # noqa: BLE001 - a thread's last frame; clients see no file, and learn no more [D]
            _log.exception("extract %s failed", task["id"])
            self._end(task, tasks.FAILED, str(error))
        finally:
            aside.unlink(missing_ok=True)

    def _name(self, file: str) -> threading.Lock:
        with self._guard:
            return self._names[file]

    def _end(self, task: Task, state: str, note: str = "") -> None:
        with self._store.transaction() as connection:
            tasks.finish(connection, task, state, note)

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise Interrupted

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(max(0.0, seconds)):
            raise Interrupted

    def _written(self, task: Task, aside: Path) -> bool:
        """Write the content aside, from one consistent view of the store; False when there is to be no file."""
        with self._store.transaction() as connection:
            if task["order"]["kind"] == "tracking":
                return tracking_files.write(connection, aside, task, self._mid, self._behaviour, self._go_on)
            data_extension_file.write(connection, aside, task["order"], self._behaviour, self._go_on)
            return True

    def _publish(self, aside: Path, task: Task, name: str) -> None:
        """Lay the file into Export, chunk by chunk, under a temporary name unless it shall be seen growing [K]."""
        behaviour, final = self._behaviour, self._export / name
        growing = final if behaviour.extract_half_written else final.with_name(f".{final.name}.{task['id']}.part")
        chunks = behaviour.extract_write_chunks if behaviour.extract_write_seconds else 1
        size = aside.stat().st_size
        with aside.open("rb") as source, growing.open("wb") as target:
            for number in range(1, chunks + 1):
                while (left := size * number // chunks - target.tell()) > 0:
                    target.write(source.read(min(left, _BLOCK)))
                    self._go_on()
                target.flush()
                self._wait(behaviour.extract_write_seconds / chunks)
        growing.replace(final)
