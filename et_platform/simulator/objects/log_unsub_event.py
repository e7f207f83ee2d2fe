"""Execute LogUnsubEvent: opt somebody out, and record the event against a job [D].

What belongs here: whom and which job the parameters mean, and the errors 400-407 and 12012 [D]. What does not: the
frame of Execute (`execute.py`).

With a job the subscriber leaves the job's list and an unsubscribe event is recorded; on All Subscribers, and without
any job context, everything is opted out of, in the latter case without an event [D].
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from et_platform.simulator import clock, schema
from et_platform.simulator.objects import list_
from et_platform.simulator.results import Refused
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking import events, subscribers
from et_platform.simulator.tracking.people import ALL_SUBSCRIBERS, People, Person

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

NOT_FOUND = 12012  # documented without its meaning [D]; that it means "no such subscriber" is [K]
REASON = "Unsubscribed via Log Unsub Event Execute call"  # [D]
DONE = "Event posted"  # [R]
_PARAMETERS = ("SubscriberID", "SubscriberKey", "EmailAddress", "JobID", "ListID", "BatchID", "Reason")


@dataclass(frozen=True)
class _Job:
    """What an unsubscribe event is tracked against; `send_id` is None where no job could be found."""

    list_id: int
    send_id: int | None = None
    batch_id: int = 0


def execute(service: Service, parameters: dict[str, str]) -> str:
    """Opt out as the parameters say; gives the StatusMessage. Raises Refused."""
    given = {name: parameters[name].strip() for name in _PARAMETERS if parameters.get(name, "").strip()}
    if not given:
        raise Refused(402, "The Parameters array did not contain any of the Parameters we were looking for")
    now = clock.now()
    with service.store.lock(subscribers.LOCK), service.store.transaction() as connection:
        people = People(connection, now)
        person = _person(people, given, needs_key=service.behaviour.subscriber_key_permission)
        job = _job(connection, person, given)
        reason = given.get("Reason", REASON)
        on_all = job is None or job.list_id == ALL_SUBSCRIBERS
        status = person.status if on_all else person.lists.get(job.list_id, "Active") if job else ""
        if job is not None and status == "Unsubscribed":
            raise Refused(401, "The subscriber is already unsubscribed from the specified list")
        if job is None or on_all:
            people.set_status(person, "Unsubscribed", reason)
        else:
            person.lists[job.list_id] = "Unsubscribed"
            people.touch(person)
        people.write()
        if job is not None and job.send_id is not None:
            connection.execute(
                "INSERT INTO tracking.events VALUES (nextval('tracking.event_id'), ?, ?, ?, ?, ?, ?, '', ?)",
                [
                    events.UNSUBSCRIBE,
                    now,
                    job.send_id,
                    job.batch_id,
                    job.list_id,
                    person.id,
                    json.dumps({"UnsubReason": reason}),
                ],
            )
    return DONE


def _person(people: People, given: dict[str, str], *, needs_key: bool) -> Person:
    """The subscriber: found by one parameter, and the others must agree [D]."""
    number, key, email = (given.get(name, "") for name in ("SubscriberID", "SubscriberKey", "EmailAddress"))
    if not (number or key or email):
        raise Refused(
            403, "The EmailAddress, SubscriberKey and SubscriberID parameters were not specified or they were empty"
        )
    if needs_key and not (number or key):
        raise Refused(
            404,
            "The SubscriberKey permission is turned on but only EmailAddress was provided."
            " You MUST supply SubscriberKey and/or SubscriberID",
        )
    people.load(keys=[key], emails=[email], ids=[int(number)] if number.isdecimal() else [])
    if number:
        found, code, by = people.by_id(int(number)) if number.isdecimal() else None, 405, "SubscriberID"
    elif key:
        found, code, by = people.by_key(key), 406, "SubscriberKey"
    else:
        found, code, by = next(iter(people.by_email(email)), None), 407, "EmailAddress"
    if found is None:
        raise Refused(NOT_FOUND, "SubscriberNotFound")
    agrees = (not key or schema.folded(key) == schema.folded(found.key)) and (
        not email or schema.folded(email) == schema.folded(found.email or "")
    )
    if not agrees:
        raise Refused(code, f"You supplied {by} along with other values. These values refer to different subscribers")
    return found


def _job(connection: Connection, person: Person, given: dict[str, str]) -> _Job | None:
    """The job that is meant; None when neither job nor list was given, which means everything [D]."""
    job, list_id = given.get("JobID", ""), given.get("ListID", "")
    if not (job or list_id):
        return None
    conditions, parameters = ["type = ?", "subscriber_id = ?"], [events.SENT, person.id]
    if job:
        conditions.append("CAST(send_id AS VARCHAR) = ?")
        parameters.append(job)
    if list_id:
        known = {ALL_SUBSCRIBERS, *list_.numbers(connection)}
        if not list_id.isdecimal() or int(list_id) not in known:
            raise Refused(list_.NOT_FOUND, f"List Not Found: {list_id}")
        conditions.append("list_id = ?")
        parameters.append(int(list_id))
    if given.get("BatchID", "0") != "0":
        conditions.append("CAST(batch_id AS VARCHAR) = ?")
        parameters.append(given["BatchID"])
    found = connection.execute(
        f"SELECT list_id, send_id, batch_id FROM tracking.events WHERE {' AND '.join(conditions)}"
        " ORDER BY moment DESC, id DESC LIMIT 1",  # without a job the most recent one [D]
        parameters,
    ).fetchone()
    if found:
        return _Job(*found)
    if job:
        raise Refused(400, "The subscriber could not be found on the specified JobID")
    return _Job(int(list_id))  # the list is left; there is no job to record an event against [K]
