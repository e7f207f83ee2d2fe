"""Sends as documents: what the Send object and the data view _Job tell.

What belongs here: making one, ending one, its own figures. What does not: what people did with it afterwards, which
is counted from the events whenever it is asked for (`objects/send.py`).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from et_platform.simulator import clock, store
from et_platform.simulator.background import DONE, FAILED, QUEUED
from et_platform.simulator.queries.relations import SEND_KIND
from et_platform.simulator.store import Connection

SCHEDULED, COMPLETE, ERROR = "Scheduled", "Complete", "Error"
"""Words of a Send's Status: the first two are [3], the last is [K]."""

Job = dict[str, Any]
"""`id` (ObjectID), `number`, `state`, `performed` (real time), `properties`, and what the kind of send adds."""

_FIGURES = {
    "NumberTargeted": None,
    "NumberSent": "sent",
    "NumberExcluded": "excluded",
    "Duplicates": "duplicate",
    "MissingAddresses": "missing",
    "InvalidAddresses": "invalid",
    "ExistingUndeliverables": "held",
    "ExistingUnsubscribes": "unsubscribed",
}


def new(connection: Connection, mid: str, told: Mapping[str, str], **more: object) -> Job:
    """A send that is to run, with what its e-mail and profile say, so that changing those later changes nothing."""
    number, now = store.next_task_id(connection), clock.iso(clock.now())
    object_id = str(uuid.uuid4())
    properties = {
        "Client.ID": mid,
        "ID": str(number),
        "ObjectID": object_id,
        "CreatedDate": now,
        "ModifiedDate": now,
        "SendDate": now,
        "Status": SCHEDULED,
        "NumberErrored": "0",
        **dict.fromkeys(_FIGURES, "0"),
        **told,
    }
    job = {"id": object_id, "number": number, "state": QUEUED, "performed": time.time(), "properties": properties}
    job |= more
    put(connection, job)
    return job


def put(connection: Connection, job: Job) -> None:
    """Keep the send as it is now."""
    store.put(connection, SEND_KIND, job["id"], job)


def count(job: Job, verdicts: Mapping[str, int]) -> None:
    """Add the figures of a batch to a send's own."""
    properties = job["properties"]
    for name, verdict in _FIGURES.items():
        more = sum(verdicts.values()) if verdict is None else verdicts[verdict]
        properties[name] = str(int(properties[name]) + more)


def end(job: Job, moment: datetime, *, well: bool) -> None:
    """The send is over; SentDate tells that it is done [D]."""
    job["state"] = DONE if well else FAILED
    job["properties"] |= {"Status": COMPLETE if well else ERROR, "ModifiedDate": clock.iso(moment)}
    if well:
        job["properties"]["SentDate"] = clock.iso(moment)
