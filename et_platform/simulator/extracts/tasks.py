"""Extract tasks: one file to be written, from Extract until it lies in Export.

What belongs here: the task's document and its states. What does not: doing the work (`worker.py`). Nothing of it
shows to clients.
"""

from __future__ import annotations

import time
from typing import Any

from et_platform.simulator import clock, store
from et_platform.simulator.store import Connection

KIND = "extract"
QUEUED, DONE, FAILED = "queued", "done", "failed"

Task = dict[str, Any]


class Interrupted(Exception):
    """The simulator is stopping; the task runs again at the next start."""


def new(connection: Connection, order: dict[str, Any]) -> Task:
    """A queued task."""
    task = {
        "id": str(store.next_task_id(connection)),
        "state": QUEUED,
        "asked": time.time(),
        "requested": clock.now().isoformat(),
        "order": order,
    }
    store.put(connection, KIND, task["id"], task)
    return task


def finish(connection: Connection, task: Task, state: str, note: str = "") -> None:
    """The task has ended; `note` says why when there is no file."""
    task |= {"state": state, "note": note, "ended": clock.now().isoformat()}
    store.put(connection, KIND, task["id"], task)


def unfinished(connection: Connection) -> list[Task]:
    """The tasks that still have to run, oldest first."""
    return store.find(connection, KIND, "body->>'$.state' = ?", [QUEUED])
