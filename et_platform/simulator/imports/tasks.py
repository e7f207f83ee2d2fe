"""Import tasks: one run of an import definition, from Perform to its figures.

What belongs here: the task's document, its states and how they show in ImportResultsSummary.
What does not: doing the work (`worker.py`).
"""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from typing import Any

from et_platform.simulator import clock, store
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.store import Connection

KIND, MARK = "task", "applied"
QUEUED, PROCESSING, DONE = "queued", "processing", "done"

Definition = dict[str, Any]
"""An import definition's document, as `objects/import_definition.py` keeps it."""


@dataclass(frozen=True)
class Figures:
    """The figures of one import, in rows of the file."""

    successful: int = 0
    duplicated: int = 0
    errors: int = 0
    total: int = 0


def new(connection: Connection, definition: Definition, mid: str, behaviour: Behaviour) -> dict[str, Any]:
    """A queued task with a snapshot of its definition, so that deleting the definition does not stop it."""
    number = store.next_task_id(connection)
    by_key = behaviour.destination_id == "customer_key"
    properties = {
        "Client.ID": mid,
        "CreatedDate": clock.iso(clock.now()),
        "ID": str(number),
        "ObjectID": str(uuid.uuid4()),
        "ImportDefinitionCustomerKey": definition["properties"]["CustomerKey"],
        "DestinationID": definition["properties"]["DestinationObject.CustomerKey"]
        if by_key
        else definition["destination"],
        "StartDate": "",
        "EndDate": "",
        "ImportType": "Data Extensions",  # [D]
        "ImportStatus": behaviour.queued_word,
        "TaskResultID": str(number),
    }
    task = {
        "id": str(number),
        "state": QUEUED,
        "performed": time.time(),
        "destination": definition["destination"],
        "definition": definition,
        "properties": properties | _figures(Figures()),
    }
    store.put(connection, KIND, task["id"], task)
    return task


def begin(connection: Connection, task: dict[str, Any], behaviour: Behaviour) -> None:
    """The task is being worked on."""
    task["state"] = PROCESSING
    task["properties"] |= {"ImportStatus": behaviour.processing_word, "StartDate": clock.american(clock.now())}
    store.put(connection, KIND, task["id"], task)


def finish(connection: Connection, task: dict[str, Any], status: str, figures: Figures) -> None:
    """The task has ended, `Completed` or `Error`."""
    task["state"] = DONE
    task["properties"] |= {"ImportStatus": status, "EndDate": clock.american(clock.now())} | _figures(figures)
    store.put(connection, KIND, task["id"], task)


def mark(connection: Connection, task: dict[str, Any], status: str, figures: Figures) -> None:
    """Note beside the rows of another unit what the task did to them, in the transaction that did it."""
    store.put(connection, MARK, _mark(task), {"status": status, "figures": asdict(figures)})


def applied(connection: Connection, task: dict[str, Any]) -> tuple[str, Figures] | None:
    """What `mark` noted, before a crash, of this task."""
    found = store.get(connection, MARK, _mark(task))
    return (found["status"], Figures(**found["figures"])) if found else None


def _mark(task: dict[str, Any]) -> str:
    return f"{task['properties']['Client.ID']}/{task['id']}"


def keep(connection: Connection, task: dict[str, Any]) -> None:
    """Write the task down as it is."""
    store.put(connection, KIND, task["id"], task)


def unfinished(connection: Connection) -> list[dict[str, Any]]:
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
