"""Import tasks: one run of an import definition, from Perform to its figures.

What belongs here: the task's document, its states and how they show in ImportResultsSummary.
What does not: doing the work (`worker.py`).
"""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from et_platform.simulator import clock, store
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.store import Connection

KIND, MARK = "task", "applied"
QUEUED, PROCESSING, DONE = "queued", "processing", "done"

Definition = dict[str, Any]
"""An import definition's document, as `objects/import_definition.py` keeps it."""

Task = dict[str, Any]

_OF = "(body->>'$.definition.object_id') = ?"


@dataclass(frozen=True)
class Figures:
    """The figures of one import, in rows of the file."""

    successful: int = 0
    duplicated: int = 0
    errors: int = 0
    total: int = 0


@dataclass(frozen=True)
class Outcome:
    """How an import ended. `reason` says why one did not run at all; `rejected` are rows by number and reason."""

    status: str
    figures: Figures = Figures()
    reason: str = ""
    rejected: tuple[tuple[int, str], ...] = ()


def new(connection: Connection, definition: Definition, mid: str, behaviour: Behaviour) -> Task:
    """A queued task with a snapshot of its definition, so that deleting the definition does not stop it."""
    number = store.next_task_id(connection)
    now = clock.iso(clock.now())
    properties = {
        "Client.ID": mid,
        "CreatedDate": now,
        "ModifiedDate": now,
        "ID": str(number),
        "ObjectID": str(uuid.uuid4()),
        "ImportDefinitionCustomerKey": definition["properties"]["CustomerKey"],
        "DestinationID": _destination_id(definition, behaviour),
        "StartDate": "",
        "EndDate": "",
        "ImportType": "Subscriber List" if _list_id(definition) else "Data Extensions",  # [D]
        "ImportStatus": behaviour.queued_word,
        "TaskResultID": str(number),
    }
    task = {
        "id": str(number),
        "state": QUEUED,
        "performed": time.time(),
        "destination": definition["destination"],
        "definition": definition,
        "too_frequent": _too_frequent(connection, definition),
        "properties": properties | _figures(Figures()),
    }
    store.put(connection, KIND, task["id"], task)
    return task


def _list_id(definition: Definition) -> str | None:
    return definition["properties"].get("DestinationObject.ID")


def _destination_id(definition: Definition, behaviour: Behaviour) -> str:
    if number := _list_id(definition):
        return number  # [D]
    if behaviour.destination_id == "customer_key":
        return definition["properties"]["DestinationObject.CustomerKey"]
    return definition["destination"]


def running(connection: Connection, definition: Definition) -> bool:
    """Whether a task of the definition waits or runs."""
    return bool(store.find(connection, KIND, _OF + " AND (body->>'$.state') <> ?", [definition["object_id"], DONE]))


def _too_frequent(connection: Connection, definition: Definition) -> bool:
    """Whether MaxImportFrequency, in hours, forbids another import now. Those that ended in error do not count [K]."""
    hours = int(definition["properties"].get("MaxImportFrequency") or 0)
    if not hours:
        return False
    since = clock.iso(clock.now() - timedelta(hours=hours))
    earlier = "CAST(body->>'$.properties.CreatedDate' AS TIMESTAMP) > CAST(? AS TIMESTAMP)"
    good = "(body->>'$.properties.ImportStatus') <> 'Error'"
    return bool(store.find(connection, KIND, f"{_OF} AND {earlier} AND {good}", [definition["object_id"], since]))


def begin(connection: Connection, task: Task, behaviour: Behaviour) -> None:
    """The task is being worked on."""
    task["state"] = PROCESSING
    task["properties"]["StartDate"] = clock.american(clock.now())
    show(connection, task, behaviour.processing_word)


def show(connection: Connection, task: Task, word: str) -> None:
    """The task's ImportStatus from now on."""
    task["properties"] |= {"ImportStatus": word, "ModifiedDate": clock.iso(clock.now())}
    store.put(connection, KIND, task["id"], task)


def finish(connection: Connection, task: Task, status: str, figures: Figures) -> None:
    """The task has ended, `Completed` or `Error`."""
    task["state"] = DONE
    task["properties"] |= {"EndDate": clock.american(clock.now())} | _figures(figures)
    show(connection, task, status)


def mark(connection: Connection, task: Task, status: str, figures: Figures) -> None:
    """Note beside the rows what the task did to them, in the transaction that did it: its end is still to come."""
    store.put(connection, MARK, _mark(task), {"status": status, "figures": asdict(figures)})


def applied(connection: Connection, task: Task) -> Outcome | None:
    """What `mark` noted, before a crash, of this task."""
    found = store.get(connection, MARK, _mark(task))
    return Outcome(found["status"], Figures(**found["figures"])) if found else None


def forget_mark(connection: Connection, task: Task) -> None:
    """The task's own end is written; the mark is of no more use."""
    store.remove(connection, MARK, _mark(task))


def _mark(task: Task) -> str:
    return f"{task['properties']['Client.ID']}/{task['id']}"


def keep(connection: Connection, task: Task) -> None:
    """Write the task down as it is."""
    store.put(connection, KIND, task["id"], task)


def unfinished(connection: Connection) -> list[Task]:
    """The tasks that still have to run, oldest first."""
    return store.find(connection, KIND, "body->>'$.state' <> ?", [DONE])


def _figures(figures: Figures) -> dict[str, str]:
    return {
        "NumberSuccessful": str(figures.successful),
        "NumberDuplicated": str(figures.duplicated),
        "NumberErrors": str(figures.errors),
        "NumberRestricted": "0",
        "TotalRows": str(figures.total),
    }
