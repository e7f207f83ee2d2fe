"""Triggered sends: a message to single subscribers, recorded as it is asked for.

What belongs here: judging and recording one request, and what waits for an inactive definition. What does not: the
requests and their answers (`objects/triggered_send.py`).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from et_platform.simulator import clock, schema, store, values
from et_platform.simulator.definitions import Document
from et_platform.simulator.objects.row_writer import Given, RowWriter
from et_platform.simulator.queries.relations import SEND_KIND
from et_platform.simulator.results import Refused, SaveMode
from et_platform.simulator.sending import jobs, judging
from et_platform.simulator.sending.judging import JUDGED, MEANT, SENT
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking import subscribers
from et_platform.simulator.tracking.people import People

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

DEFINITION, WAITING = "triggered_send_definition", "triggered_request"
"""Kinds of documents: the definitions, and requests to an inactive one."""
OPEN, SENDING = "open", "Sending"
"""State and Status [K] of the Send of a definition, which never ends."""

_NEW, _NOT_READY, _INVALID = 18001, 18002, 2  # the first two are [D]

# Codes of single subscribers [K], but for the range.
_FAILURES = {
    "missing": (12002, "The subscriber has no EmailAddress"),
    "invalid": (12002, "The EmailAddress is not valid"),
    "unknown": (12002, "The subscriber is not known, and the definition adds none"),
    "held": (12002, "The subscriber is held"),
    "unsubscribed": (12002, "The subscriber is unsubscribed"),
}


@dataclass(frozen=True)
class Asked:
    """A subscriber of a request."""

    key: str
    email: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A subscriber that failed: `ordinal` counts within the request."""

    ordinal: int
    code: int
    description: str


def send(service: Service, definition_id: str, asked: Sequence[Asked]) -> list[Failure]:
    """Send to these subscribers, or keep the request for an inactive definition; who failed. Raises Refused."""
    with ExitStack() as held:
        definition = _definition(service, definition_id)
        source = definition["properties"].get("SendSourceDataExtension.ObjectID", "")
        if source:
            held.enter_context(service.store.lock(source))  # always taken first
        held.enter_context(service.store.lock(subscribers.LOCK))
        connection = held.enter_context(service.store.transaction())
        definition = store.get(connection, DEFINITION, definition_id) or definition
        match definition["properties"]["TriggeredSendStatus"]:
            case "Active":
                return _recorded(service, connection, definition, asked)
            case "Inactive":  # such definitions queue [R]
                body = {"definition": definition_id, "asked": [asdict(one) for one in asked]}
                store.put(connection, WAITING, str(uuid.uuid4()), body)
                return []
            case "New":
                raise Refused(_NEW, "The TriggeredSendDefinition is New.")
            case other:
                raise Refused(_NOT_READY, f"The TriggeredSendDefinition is {other}.")


def release(service: Service) -> None:
    """Send everything that waited for definitions that are active now."""
    with service.store.connect() as connection:
        waiting = store.find(connection, WAITING)
    for definition_id in dict.fromkeys(one["definition"] for one in waiting):
        try:
            definition = _definition(service, definition_id)
        except Refused:  # it was deleted, and its requests with it
            definition = None
        if definition is not None and definition["properties"]["TriggeredSendStatus"] != "Active":
            continue
        with service.store.transaction() as connection:
            taken = connection.execute(
                "DELETE FROM documents WHERE kind = ? AND (body->>'$.definition') = ? RETURNING seq, body",
                [WAITING, definition_id],
            ).fetchall()
        for _, body in sorted(taken) if definition is not None else ():
            send(service, definition_id, [Asked(**one) for one in json.loads(body)["asked"]])


def _definition(service: Service, definition_id: str) -> Document:
    with service.store.connect() as connection:
        found = store.get(connection, DEFINITION, definition_id)
    if found is None:
        raise Refused(_NOT_READY, "The TriggeredSendDefinition was not found.")
    return found


def _recorded(service: Service, connection: Connection, definition: Document, asked: Sequence[Asked]) -> list[Failure]:
    properties, job = definition["properties"], store.get(connection, SEND_KIND, definition["job"])
    assert job is not None
    job["batches"] += 1  # so that two messages of one second differ [D: the soft key of events]
    batch = judging.Batch(
        send_id=job["number"],
        moment=clock.now(),
        batch_id=job["batches"],
        triggered_send=properties["CustomerKey"],
        definition_id=definition["object_id"],
        reaches_unsubscribed=definition["operational"] and service.behaviour.operational_to_unsubscribed,
        adds=_yes(properties["AutoAddSubscribers"]),
    )
    failures = _rows(service, connection, properties, asked)
    good = [place for place in range(len(asked)) if place not in failures]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {MEANT} AS SELECT CAST(text->>0 AS INTEGER) AS place, text->>1 AS key,"
        f" nullif(text->>2, '') AS email, {int(properties['List.ID'])} AS list_id, false AS excluded"
        f" FROM {values.MANY} AS given(text, nth)",
        [json.dumps([json.dumps([str(place), asked[place].key, asked[place].email]) for place in good])],
    )
    jobs.count(job, judging.judge(connection, batch))
    judging.record(connection, batch)
    judged = dict(connection.execute(f"SELECT place, verdict FROM {JUDGED} WHERE verdict <> '{SENT}'").fetchall())
    if service.behaviour.triggered_exclusions == "not_sent":
        judged = {place: verdict for place, verdict in judged.items() if verdict not in ("held", "unsubscribed")}
    failures |= {place: Failure(place, *_FAILURES[verdict]) for place, verdict in judged.items()}
    if _yes(properties["AutoUpdateSubscribers"]):
        _update(connection, batch, [asked[place] for place in good if place not in failures])
    job["errors"] = job.get("errors", 0) + len(failures)
    jobs.put(connection, job)
    return [failures[place] for place in sorted(failures)]


def _rows(
    service: Service, connection: Connection, properties: Mapping[str, str], asked: Sequence[Asked]
) -> dict[int, Failure]:
    """Put a row of each subscriber into the data extension of the definition; who failed, by place."""
    source = properties.get("SendSourceDataExtension.ObjectID", "")
    found = schema.by_object_id(connection, source) if source else None
    if found is None:
        return {}
    given: list[Given] = [{"SubscriberKey": one.key, "EmailAddress": one.email, **one.attributes} for one in asked]
    refused = RowWriter(connection, found, service.behaviour).save(given, SaveMode(add=True, change=True))
    return {place: Failure(place, _INVALID, one.message) for place, one in enumerate(refused) if one is not None}


def _update(connection: Connection, batch: judging.Batch, asked: Sequence[Asked]) -> None:
    """Keep what the request says of subscribers that it reached."""
    people = People(connection, batch.moment)
    people.load(keys=[one.key for one in asked])
    for one in asked:
        person = people.by_key(one.key)
        if person is None:
            continue
        email, attributes = one.email or person.email, {**person.attributes, **one.attributes}
        if (email, attributes) != (person.email, person.attributes):
            person.email, person.attributes = email, attributes
            people.touch(person)
    people.write()


def _yes(text: str) -> bool:
    return text.lower() in ("true", "1")
