"""Automation, which Retrieve answers as Program [R]: steps of activities, started by Perform or by a schedule.

What belongs here: its properties and steps, Perform start, Schedule. What does not: running one
(`automations/worker.py`), when a schedule falls due (`automations/timetable.py`), REST (`rest/automations.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from et_platform.simulator import definitions, envelope, filters, markup, retrieval, store
from et_platform.simulator.automations import timetable, worker
from et_platform.simulator.automations.worker import AUTOMATION, KINDS, PAUSED, READY, RUNNING, SCHEDULED
from et_platform.simulator.definitions import Document, text
from et_platform.simulator.envelope import Element
from et_platform.simulator.repeated import repeated
from et_platform.simulator.results import Refused, Result, refusal
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="Automation",
    order=(
        *("Client.ID", "PartnerKey", "CreatedDate", "ModifiedDate", "ObjectID", "CustomerKey", "Name", "Description"),
        *("AutomationTasks", "IsActive", "Status", "ScheduledTime", "AutomationType", "LastRunInstanceID"),
        *("CategoryID", "LastRunTime"),
    ),
    types={
        **dict.fromkeys(("Client.ID", "Status", "CategoryID"), "Number"),
        **dict.fromkeys(("CreatedDate", "ModifiedDate", "ScheduledTime", "LastRunTime"), "Date"),
    },
    plain=frozenset({"Client"}),
    raw=frozenset({"AutomationTasks"}),
)
_INVALID = 2


def _check(service: Service, connection: Connection, document: Document, element: Element) -> None:
    tasks = envelope.child(element, "AutomationTasks")
    if tasks is None:
        document.setdefault("steps", [])
        return
    document["steps"], document["told"] = [], []
    for task in envelope.children(tasks, "AutomationTask"):
        found = [
            _activity(connection, one) for one in envelope.children(envelope.child(task, "Activities"), "Activity")
        ]
        document["steps"].append([[kind, one["object_id"]] for kind, one in found])
        document["told"].append(
            {
                "name": text(task, "Name"),
                "activities": [
                    {"type": kind, "id": one["object_id"], "name": one["properties"]["Name"]} for kind, one in found
                ],
            }
        )
    document["properties"]["AutomationTasks"] = repeated(tasks)


def _activity(connection: Connection, element: Element) -> tuple[str, Document]:
    """Type and definition of an activity. Raises Refused."""
    meant = envelope.child(element, "ActivityObject")
    meant = envelope.child(element, "Definition") if meant is None else meant
    kind = envelope.type_of(meant) or "" if meant is not None else ""
    if meant is None or kind not in KINDS:
        raise Refused(_INVALID, f"Automation: an activity of type {kind or '(none)'} is not simulated.")
    object_id, key = text(meant, "ObjectID"), text(meant, "CustomerKey")
    condition = "lower(rtrim(body->>'$.properties.CustomerKey', ' ')) = lower(rtrim(?, ' '))"
    found = (
        store.get(connection, KINDS[kind], object_id)
        if object_id
        else next(iter(store.find(connection, KINDS[kind], condition, [key])), None)
    )
    if found is None:
        raise Refused(_INVALID, f"Automation: the {kind} of an activity was not found.")
    return kind, {"object_id": object_id or found["properties"]["ObjectID"], "properties": found["properties"]}


_KIND = definitions.Kind(
    SHAPE,
    AUTOMATION,
    texts=("CustomerKey", "Name", "Description", "AutomationType", "CategoryID", "IsActive"),
    words=("Program created", "Program updated", "Program deleted"),  # the last is [R]
    rule=_check,
    defaults={"Status": READY, "AutomationType": "scheduled", "IsActive": "true"},
    content_type="automations",
    fixed=frozenset({"CustomerKey"}),
)
save, delete = _KIND.save, _KIND.delete
_RETRIEVED = replace(_KIND, shape=replace(SHAPE, object_type="Program"))
"""What Retrieve answers has the old name [R]."""


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of automations; filters are equals and IN alone [3], by setting."""
    wanted = query.filter
    plain = wanted is None or (isinstance(wanted, filters.Simple) and wanted.operator.lower() in ("equals", "in"))
    if not plain and service.behaviour.automation_filters == "equals":
        raise retrieval.RetrieveError("Only equals and IN, and no complex filters, are supported for Program.")
    return _RETRIEVED.retrieve(service, query)


def start(service: Service, element: Element) -> Result:
    """Queue one run; the reply has no Task [R]."""
    try:
        with service.store.definitions, service.store.transaction() as connection:
            found = _KIND.existing(connection, element)
            if found["properties"]["Status"] == RUNNING:
                raise Refused(_INVALID, "The Program is running already.")
            run = worker.new(connection, found["steps"], found["object_id"])
    except Refused as refused:
        return refusal(refused, _KIND.named(element))
    service.automations.submit(run)
    properties = found["properties"]
    shown = markup.element(
        "Object",
        markup.nil("PartnerKey"),
        markup.text("ObjectID", found["object_id"]),
        markup.text("CustomerKey", properties["CustomerKey"]),
        markup.text("IsPlatformObject", "false"),
        markup.text("Name", ""),
        markup.text("Description", ""),
        markup.text("IsActive", properties["IsActive"]),
        type="Automation",
    )
    return Result("Performed Activity", shown)  # [R]


def schedule(service: Service, element: Element, given: Element | None, action: str) -> str:
    """Start, pause or stop a schedule: the automation reads Scheduled, PausedSchedule or Ready. Raises Refused."""
    table = timetable.read(given) if action == "start" else None
    with service.store.definitions, service.store.transaction() as connection:
        found = _KIND.existing(connection, element)
        if table is not None:
            found["schedule"] = repeated(given) if given is not None else ""
            found["properties"]["ScheduledTime"] = table["start"]
        if found["properties"]["Status"] != RUNNING:
            found["properties"]["Status"] = {"start": SCHEDULED, "pause": PAUSED}.get(action, READY)
        timetable.put(connection, AUTOMATION, found, table)
    service.timekeeper.wake()
    return "Program scheduled." if table is not None else f"Program schedule: {action}"  # the first is [R]
