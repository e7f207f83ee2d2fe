"""Running automations and single filter activities: step after step, and again after a crash.

What belongs here: a run's document, its steps, and the status of its automation. What does not: what an
activity does. A step that fails ends the run, and its automation reads Error [K]; a run that a crash cut short begins
anew.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

from et_platform.simulator import clock, envelope, store
from et_platform.simulator.automations import filtering
from et_platform.simulator.background import DONE, FAILED, QUEUED, Background
from et_platform.simulator.imports import tasks
from et_platform.simulator.objects import email_send_definition, import_definition
from et_platform.simulator.queries import worker as queries
from et_platform.simulator.queries.rewrite import QueryError
from et_platform.simulator.results import Refused
from et_platform.simulator.store import Connection

AUTOMATION, RUN = "automation", "automation_run"
"""Kinds of documents."""
QUERY, FILTER, SEND, IMPORT = "QueryDefinition", "FilterActivity", "EmailSendDefinition", "ImportDefinition"
KINDS = {
    QUERY: "query_definition",
    FILTER: "filter_activity",
    SEND: "email_send_definition",
    IMPORT: "import_definition",
}
"""The types of activities that can run, with the kinds of their documents."""
ERROR, READY, RUNNING, PAUSED, SCHEDULED = "-1", "2", "3", "4", "6"
"""Statuses of an automation [R]."""

Run = dict[str, Any]
"""`id`, `state`, `steps` (lists of type and ObjectID), and the ObjectID of its `automation`, '' without one."""

_log = logging.getLogger(__name__)


class ActivityFailed(Exception):
    """An activity that did not go well; the text says why."""


def new(connection: Connection, steps: list[list[list[str]]], automation: str = "") -> Run:
    """A queued run with a snapshot of its steps."""
    run = {"id": str(uuid.uuid4()), "state": QUEUED, "steps": steps, "automation": automation}
    store.put(connection, RUN, run["id"], run)
    if automation:
        _told(connection, automation, Status=RUNNING, LastRunInstanceID=run["id"], LastRunTime=clock.iso(clock.now()))
    return run


class AutomationWorker(Background):
    """Runs the automations of one business unit in a thread of its own."""

    kind = RUN

    def work_off(self, run: Run, /) -> bool:
        """Run it now; whether it went well."""
        state, status = DONE, ""
        try:
            for step in run["steps"]:
                for kind, object_id in step:
                    self._activity(kind, object_id)
        except (ActivityFailed, QueryError, Refused) as error:
            _log.info("automation run %s failed: %s", run["id"], error)
            state, status = FAILED, ERROR
        except Exception:  # noqa: BLE001 - a thread's last frame: whatever it was, the run must not hang
            _log.exception("automation run %s failed", run["id"])
            state, status = FAILED, ERROR
        if self._stopping.is_set() and state == FAILED:
            return False  # it was cut short, and begins anew
        with self._service.store.transaction() as connection:
            run["state"] = state
            store.put(connection, RUN, run["id"], run)
            if run["automation"]:
                found = store.get(connection, AUTOMATION, run["automation"])
                planned = SCHEDULED if found and found.get("due") else READY
                _told(connection, run["automation"], Status=status or planned)
        return state == DONE

    def _activity(self, kind: str, object_id: str) -> None:
        service = self._service
        with service.store.definitions, service.store.transaction() as connection:
            found = store.get(connection, KINDS[kind], object_id)
            if found is None:
                raise ActivityFailed(f"The {kind} does not exist any more.")
            if kind == QUERY:
                query = queries.new(connection, found["properties"], found["target"])
            elif kind == SEND:
                job = email_send_definition.job_of(service, connection, found)
            elif kind == FILTER:
                definition = store.get(connection, "filter_definition", found["properties"]["FilterDefinitionID"])
        match kind:
            case "QueryDefinition":
                done = service.queries.work_off(query)
            case "EmailSendDefinition":
                done = service.sends.work_off(job)
            case "FilterActivity":
                if definition is None:
                    raise ActivityFailed("The FilterDefinition does not exist any more.")
                properties = found["properties"]
                filtering.run(
                    service,
                    filtering.restored(definition["filter"]),
                    properties["SourceObjectID"],
                    properties["DestinationObjectID"],
                )
                done = True
            case _:
                done = self._import(object_id)
        if not done:
            raise ActivityFailed(f"The {kind} failed.")

    def _import(self, object_id: str) -> bool:
        """Start an import and wait for its end."""
        begun = import_definition.start(
            self._service, envelope.parse(f"<Definition><ObjectID>{object_id}</ObjectID></Definition>".encode())
        )
        if not begun.ok:
            raise ActivityFailed(begun.message)
        number = envelope.value(envelope.parse(begun.details.encode()), "ID") or ""
        while not self._stopping.wait(0.05):
            with self._service.store.connect() as connection:
                if all(one["id"] != number for one in tasks.unfinished(connection)):
                    task = store.get(connection, tasks.KIND, number)
                    return task is not None and task["properties"]["ImportStatus"] == "Completed"
        return False


def _told(connection: Connection, object_id: str, **properties: str) -> None:
    found = store.get(connection, AUTOMATION, object_id)
    if found is not None:
        found["properties"] |= properties
        store.put(connection, AUTOMATION, object_id, found)
