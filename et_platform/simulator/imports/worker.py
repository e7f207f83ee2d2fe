"""Running import tasks: at most ten at once, one at a time per data extension, and again after a crash.

What belongs here: scheduling, and the frame of one run. What does not: finding the file (`files.py`), reading it
(`source.py`) and merging it (`merge.py`).

A run's effect on rows and the end of its task are committed together; whatever was not committed runs again, on the
file as it is then. Where more is to do before the end, a mark beside the rows stands for it until that is done: a file
is to be deleted, or the data extension is the enterprise's and lies in another store than the task (one transaction
writes to one store only). The e-mail is written just before the rows, and written again with them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from et_platform.simulator import clock, retention, rows, schema
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.faults import imports as faults
from et_platform.simulator.faults.board import Board
from et_platform.simulator.imports import files, lists, mapping, merge, plan, report, source, tasks
from et_platform.simulator.imports.source import Interrupted
from et_platform.simulator.imports.tasks import Outcome, Task
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection, Store
from et_platform.simulator.tracking import subscribers

_log = logging.getLogger(__name__)


class ImportWorker:
    """Runs the queued tasks of one business unit in threads of its own."""

    def __init__(
        self, store: Store, behaviour: Behaviour, places: files.Places, owner: Callable[[str], Store], board: Board
    ):
        """`owner` gives the store of the unit that owns a shared data extension, by its MID."""
        self._store, self._behaviour, self.places, self._owner = store, behaviour, places, owner
        self._board = board
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._waiting: list[Task] = []
        self._busy: set[str] = set()
        self._threads = ThreadPoolExecutor(self._behaviour.concurrent_imports, thread_name_prefix="import")

    def resume(self) -> None:
        """Finish what an earlier process left unfinished."""
        for folder in self.places.locations.values():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._store.connect() as connection:
            left = tasks.unfinished(connection)
        for task in left:
            self.submit(task)

    def knows(self, location: str) -> bool:
        """Whether there is a file location of that customer key."""
        return schema.folded(location) in self.places.locations

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
            with faults.around(self._board, task, self.places.stock) as run:
                self._run(task, run)
        except Interrupted:
            _log.info("import %s stopped; it runs again at the next start", task["id"])
        except Exception:  # noqa: BLE001 - a thread's last frame: whatever it was, the task must not hang
            _log.exception("import %s failed", task["id"])
            self._fail(task, "the simulator failed; see its log")
        finally:
            with self._guard:
                self._busy.discard(task["destination"])
            self._schedule()

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(max(0.0, seconds)):
            raise Interrupted

    def _run(self, task: Task, run: faults.Run) -> None:
        self._wait(task["performed"] + self._behaviour.import_delay_seconds - time.time())
        run.queued()
        with self._store.transaction() as connection:
            tasks.begin(connection, task, self._behaviour)
        self._wait(self._behaviour.import_processing_seconds)
        try:
            run.processing()
            self._import_unless_applied(task, run)
            run.ended(self._store)
        except plan.ImportFailed as error:
            self._fail(task, str(error))
        except FileNotFoundError:
            self._fail(task, "the file is gone")

    def _fail(self, task: Task, reason: str) -> None:
        _log.info("import %s ends in error: %s", task["id"], reason)
        outcome = Outcome("Error", reason=reason)
        task.pop("delete", None)
        self._report(task, outcome)
        with self._store.transaction() as connection:
            tasks.finish(connection, task, outcome.status, outcome.figures)

    def _import_unless_applied(self, task: Task, run: faults.Run) -> None:
        mid = task["definition"].get("owner", "")
        holder = self._owner(mid) if mid else self._store
        with holder.connect() as connection:
            applied = tasks.applied(connection, task)
        if applied:
            self._settle(holder, task, applied)
        else:
            self._import(holder, task, run)

    def _import(self, holder: Store, task: Task, run: faults.Run) -> None:
        read = plan.read(task["definition"], self._behaviour)
        if task["too_frequent"]:
            raise plan.ImportFailed("the last import is younger than MaxImportFrequency")
        path = files.find(self.places, read, self._behaviour, task["performed"])
        if read.delete_file:
            seen = path.stat()
            task["delete"] = {"path": str(path), "modified": seen.st_mtime_ns, "size": seen.st_size}
            with self._store.transaction() as connection:
                tasks.keep(connection, task)
        if task["destination"].startswith(lists.PREFIX):
            self._import_to_list(task, read, run.seen(path), run)
            return
        with holder.connect() as connection:
            destination = _destination(connection, task)
            try:
                columns = source.stage(
                    connection,
                    run.seen(path),
                    read,
                    lambda headings: mapping.columns(read, destination, headings, self._behaviour),
                    pad=self._behaviour.ragged_rows == "pad",
                    stopping=self._stopping,
                )
            except source.Blank as blank:
                self._import_nothing(connection, holder, task, read, blank)
            else:
                self._merge(connection, holder, task, read, columns, destination, run)
                merge.forget(connection)

    def _merge(
        self,
        connection: Connection,
        holder: Store,
        task: Task,
        read: plan.Plan,
        columns: mapping.Columns,
        destination: DataExtension,
        run: faults.Run,
    ) -> None:
        now = clock.now()
        with holder.lock(task["destination"]):
            if _destination(connection, task).fields != destination.fields:
                raise plan.ImportFailed("the fields were changed while the file was read")
            figures, stopped = merge.judge(connection, destination, read, columns, self._behaviour, now)
            with self._store.transaction() as own:
                tasks.show(own, task, self._behaviour.writing_word)
            figures = run.judged(connection, figures)
            rejected = ()
            if report.wanted(task, errors=figures.successful < figures.total):
                rejected = tuple(merge.rejected(connection, self._behaviour, self._behaviour.report_rows))
            status = self._behaviour.stopped_import_status if stopped else "Completed"
            with holder.transaction(connection):
                # Its properties may have changed meanwhile, and its period of retention may begin anew.
                merge.apply(connection, _destination(connection, task), read, columns, now)
                self._report(task, Outcome(status, figures, rejected=rejected))
                outcome = Outcome(*run.told(status, figures))
                self._end(connection, holder, task, outcome)
        self._settle(holder, task, outcome)

    def _import_to_list(self, task: Task, read: plan.Plan, path: Path, run: faults.Run) -> None:
        behaviour, number = self._behaviour, int(task["destination"].removeprefix(lists.PREFIX))
        with self._store.connect() as connection:
            try:
                columns = source.stage(
                    connection,
                    path,
                    read,
                    lambda headings: mapping.columns(
                        read, lists.destination(read, headings or ()), headings, behaviour
                    ),
                    pad=behaviour.ragged_rows == "pad",
                    stopping=self._stopping,
                )
            except source.Blank as blank:
                raise plan.ImportFailed(str(blank)) from blank  # whatever the policy, there is nobody to import [K]
            with self._store.lock(subscribers.LOCK), self._store.transaction(connection):
                tally = lists.merge(connection, number, read, columns, behaviour, clock.now())
                status = behaviour.stopped_import_status if tally.stopped else "Completed"
                self._report(
                    task, Outcome(status, tally.figures, rejected=tuple(tally.rejected[: behaviour.report_rows]))
                )
                outcome = Outcome(*run.told(status, tally.figures))
                self._end(connection, self._store, task, outcome)
            merge.forget(connection)
        self._settle(self._store, task, outcome)

    def _import_nothing(
        self, connection: Connection, holder: Store, task: Task, read: plan.Plan, blank: source.Blank
    ) -> None:
        """A file without a row: nothing to merge, though Overwrite clears the data extension."""
        policy = self._behaviour.blank_files
        if policy == "fail" or (policy == "fail_when_empty" and blank.empty):
            raise plan.ImportFailed(str(blank))
        outcome = Outcome("Completed")
        with holder.lock(task["destination"]), holder.transaction(connection):
            destination = _destination(connection, task)
            if read.update_type == "Overwrite" and policy != "skip":
                connection.execute(f"DELETE FROM {rows.table(destination)}")
            retention.after_import(connection, destination, clock.now())
            self._report(task, outcome)
            self._end(connection, holder, task, outcome)
        self._settle(holder, task, outcome)

    def _end(self, connection: Connection, holder: Store, task: Task, outcome: Outcome) -> None:
        """In the transaction that changes rows: the task's end, or a mark of it when there is more to do before."""
        if outcome.status == "Error":
            task.pop("delete", None)
        if self._has_more_to_do(holder, task):
            tasks.mark(connection, task, outcome.status, outcome.figures)
        else:
            tasks.finish(connection, task, outcome.status, outcome.figures)

    def _has_more_to_do(self, holder: Store, task: Task) -> bool:
        return holder is not self._store or "delete" in task

    def _settle(self, holder: Store, task: Task, outcome: Outcome) -> None:
        """After that transaction: what is more to do, and the end of the task that was only marked."""
        if not self._has_more_to_do(holder, task):
            return
        _delete_file(task)
        with self._store.transaction() as connection:
            tasks.finish(connection, task, outcome.status, outcome.figures)
        with holder.transaction() as connection:
            tasks.forget_mark(connection, task)

    def _report(self, task: Task, outcome: Outcome) -> None:
        bad = outcome.status != "Completed" or outcome.figures.successful < outcome.figures.total
        if report.wanted(task, errors=bad):
            report.write(self.places.outbox, task, outcome)


def _delete_file(task: Task) -> None:
    """Delete the file that was imported, unless there was none to delete or another one has its name by now."""
    named = task.pop("delete", None)
    if named is None:
        return
    path = Path(named["path"])
    if path.exists() and (path.stat().st_mtime_ns, path.stat().st_size) == (named["modified"], named["size"]):
        path.unlink()


def _destination(connection: Connection, task: Task) -> DataExtension:
    found = schema.by_object_id(connection, task["destination"])
    if found is None:
        raise plan.ImportFailed("the data extension does not exist any more")
    return found
