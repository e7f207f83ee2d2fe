"""The audience that behaves: whenever the clock is set forward, people do what they would have done meanwhile.

What belongs here: the span of time that is to be lived through, and the frame of living it. What does not: what
people do (`reactions.py`, `edits.py`), what it does to them (`statuses.py`).

Everything of one span is committed together, with the moment up to which the audience has lived.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from et_platform.simulator import clock, store
from et_platform.simulator.queries.relations import SEND_KIND
from et_platform.simulator.sending import edits, reactions, statuses
from et_platform.simulator.sending.reactions import ACTS
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking import events, subscribers

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_KIND, _ID = "audience", "lived"


def behave(service: Service, seed: int | None = None) -> dict[str, int]:
    """Let the people of a unit live until now; how many events of each type that made, without those that made none.

    `seed` stands for the setting's, if given. Sends that wait for no delay are run first.
    """
    behaviour = service.behaviour
    if behaviour.audience == "still":
        return {}
    service.sends.settle()
    with ExitStack() as held:
        with service.store.connect() as connection:
            fields = edits.editable(connection, behaviour)
        for object_id in sorted({one.data_extension.object_id for one in fields}):
            held.enter_context(service.store.lock(object_id))  # always taken first
        held.enter_context(service.store.lock(subscribers.LOCK))
        connection = held.enter_context(service.store.transaction())
        fields = edits.editable(connection, behaviour)
        until = clock.now()
        origin, since = _lived(connection, until)
        if since is None:
            return {}
        number = behaviour.audience_seed if seed is None else seed
        reactions.draw(connection, behaviour, number, since, until)
        statuses.drop_repeated_leaving(connection)
        counts = _record(connection)
        statuses.follow(connection, behaviour)
        if edited := edits.edit(connection, behaviour, number, origin, since, until, fields):
            counts[events.PROFILE] = edited
        store.put(connection, _KIND, _ID, {"origin": origin.isoformat(), "until": until.isoformat()})
    return counts


def _lived(connection: Connection, until: datetime) -> tuple[datetime, datetime | None]:
    """Since when there is an audience, and until when it has lived; None when nothing was ever sent."""
    kept = store.get(connection, _KIND, _ID)
    if kept is not None:
        return datetime.fromisoformat(kept["origin"]), datetime.fromisoformat(kept["until"])
    first = connection.execute(
        "SELECT min(e.moment) FROM tracking.events e WHERE e.type = ? AND e.send_id IN"
        " (SELECT CAST(body->>'$.number' AS BIGINT) FROM documents WHERE kind = ?)",
        [events.SENT, SEND_KIND],
    ).fetchone()
    if first is None or first[0] is None:
        return until, None
    return first[0], first[0] - timedelta(milliseconds=1)


def _record(connection: Connection) -> dict[str, int]:
    connection.execute(
        "INSERT INTO tracking.events SELECT nextval('tracking.event_id'), type, moment, send_id, batch_id, list_id,"
        " subscriber_id, triggered_send, details"
        f" FROM (FROM {ACTS} ORDER BY moment, subscriber_id, send_id, batch_id, type, details)"
    )
    counted = dict(connection.execute(f"SELECT type, count(*) FROM {ACTS} GROUP BY type").fetchall())
    return {kind: counted[kind] for kind in events.TYPES if kind in counted}
