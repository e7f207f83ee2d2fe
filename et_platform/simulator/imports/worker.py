"""Running import tasks: at most ten at once, one at a time per data extension, and again after a crash.

What belongs here: scheduling, and the frame of one run. What does not: reading (`source.py`) and merging (`merge.py`).
A run's effect on rows and the end of its task are committed together; whatever was not committed runs again. Only
where the data extension is the enterprise's, a mark beside the rows stands for the end until that is written too.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from et_platform.simulator import clock, schema
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.faults import imports as faults
from et_platform.simulator.faults.board import Board
from et_platform.simulator.imports import merge, plan, source, tasks
from et_platform.simulator.imports.source import Interrupted
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection, Store

_log = logging.getLogger(__name__)

Task = dict[str, Any]


class ImportWorker:
    """Runs queued tasks in threads of its own."""

    def __init__(self, store: Store, behaviour: Behaviour, folder: Path, owner: Callable[[str], Store], board: Board):
        """`owner` gives the store of the unit that owns a shared data extension, by its MID."""
        self._store, self._behaviour, self._folder, self._owner = store, behaviour, folder, owner
        self._board = board
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._waiting: list[Task] = []
        self._busy: set[str] = set()
        self._threads = ThreadPoolExecutor(behaviour.concurrent_imports, thread_name_prefix="import")

    def resume(self) -> None:
        """Queue what an earlier process left unfinished."""
        with self._store.connect() as connection:
            left = tasks.unfinished(connection)
        for task in left:
            self.submit(task)

    def submit(self, task: Task) -> None:
        """Queue a task that is already in the store."""
        with self._guard:
            self._waiting.append(task)
        self._schedule()

    def stop(self) -> None:
        """Stop taking tasks and wait for merges under way; everything else runs again at the next start."""
        with self._guard:
            self._stopping.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _schedule(self) -> None:
        """Start the oldest waiting tasks whose data extension is free, as long as there is room."""
        with self._guard:
            if self._stopping.is_set():
                return
            for task in list(self._waiting):
                if len(self._busy) >= self._behaviour.concurrent_imports:
                    return
                if task["destination"] not in self._busy:
                    self._waiting.remove(task)
                    self._busy.add(task["destination"])
                    self._threads.submit(self._work, task)

    def _work(self, task: Task) -> None:
        try:
            with faults.around(self._board, task, self._folder) as run:
                self._run(task, run)
        except Interrupted:
            _log.info("import %s stopped; it runs again at the next start", task["id"])
        except Exception:  # noqa: BLE001 - a thread's last frame: whatever it was, the task must not hang
            _log.exception("import %s failed", task["id"])
            self._fail(task)
        finally:
            with self._guard:
                self._busy.discard(task["destination"])
            self._schedule()

    def _fail(self, task: Task) -> None:
        with self._store.transaction() as connection:
            tasks.finish(connection, task, "Error", tasks.Figures())

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(max(0.0, seconds)):
            raise Interrupted

    def _run(self, task: Task, run: faults.Run) -> None:
        self._wait(task["performed"] + self._behaviour.import_delay_seconds - time.time())
        run.queued()
        with self._store.transaction() as connection:
            tasks.begin(connection, task, self._behaviour)
        self._wait(self._behaviour.import_processing_seconds)
        mid = task["definition"].get("owner", "")
        owner = self._owner(mid) if mid else self._store
        try:
            run.processing()
            with owner.connect() as connection:
                status, figures = tasks.applied(connection, task) or self._import(connection, task, owner, run)
            if owner is not self._store:
                with self._store.transaction() as connection:
                    tasks.finish(connection, task, status, figures)
            run.ended(self._store)
        except (plan.ImportFailed, FileNotFoundError) as error:
            _log.info("import %s ends in error: %s", task["id"], error)
            self._fail(task)

    def _import(self, connection: Connection, task: Task, owner: Store, run: faults.Run) -> tuple[str, tasks.Figures]:
        """Load the file; what the task's end tells, which is written already unless the rows are another unit's."""
        read = plan.read(task["definition"], self._behaviour)
        path = self._file(plan.file_name(read.file_spec, self._behaviour.file_name_zone), read)
        destination = self._destination(connection, task)
        columns = source.stage(
            connection,
            run.seen(path),
            read,
            lambda headings: plan.columns(read, destination, headings, self._behaviour),
            pad=self._behaviour.ragged_rows == "pad",
            stopping=self._stopping,
        )
        now = clock.now()
        with owner.lock(task["destination"]):
            if self._destination(connection, task).fields != destination.fields:
                raise plan.ImportFailed("the fields were changed while the file was read")
            figures, stopped = merge.judge(connection, destination, read, columns, self._behaviour, now)
            figures = run.judged(connection, figures)
            with self._store.transaction(connection):
                merge.apply(connection, destination, read, columns, now)
                status = self._behaviour.stopped_import_status if stopped else "Completed"
                status, figures = run.told(status, figures)
                if owner is self._store:
                    tasks.finish(connection, task, status, figures)
                else:
                    tasks.mark(connection, task, status, figures)
        merge.forget(connection)
        if read.delete_file:
            path.unlink(missing_ok=True)
        return status, figures

    def _file(self, name: str, read: plan.Plan) -> Path:
        """The file of that exact name, read from the Import folder only [D]."""
        path = self._folder / name
        if not name or path.parent != self._folder or not path.is_file():
            raise FileNotFoundError(f"no file {name!r} in the Import folder")
        age = clock.now() - clock.at(path.stat().st_mtime)
        if read.max_file_age_hours and age > timedelta(hours=read.max_file_age_hours):
            raise plan.ImportFailed(f"the file {name!r} is older than {read.max_file_age_hours} hours")
        return path

    def _destination(self, connection: Connection, task: Task) -> DataExtension:
        found = schema.by_object_id(connection, task["destination"])
        if found is None:
            raise plan.ImportFailed("the data extension does not exist any more")
        return found
