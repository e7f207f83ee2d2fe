"""What reactions do to subscribers: left, held, bounced, well again.

What belongs here: statuses after many events at once, and the changes of status that they bring. What does not: acts
that somebody orders (`tracking/subscribers.py`), statuses that people write (`tracking/people.py`).

A subscriber is held after several bounces in a row of which the first and the last lie further apart than 14 days [D].
A bounced one who opens a later mail is Active again [K].
"""

from __future__ import annotations

from et_platform.simulator.sending.behaviour import SendBehaviour
from et_platform.simulator.sending.reactions import ACTS
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking import events, subscribers

_WORDS = " ".join(f"WHEN '{status}' THEN '{word}'" for status, word in subscribers.WORDS.items())
_CHANGE = (
    "INSERT INTO tracking.status_changes SELECT nextval('tracking.status_change_id'), s.id, c.moment,"
    f" CASE s.status {_WORDS} END, ?, ? FROM changing c JOIN tracking.subscribers s ON s.id = c.subscriber_id"
    " ORDER BY c.moment, s.id"
)


def drop_repeated_leaving(connection: Connection) -> None:
    """Nobody leaves twice: of ACTS only the first of each who has not left yet stays."""
    connection.execute(
        f"""DELETE FROM {ACTS} WHERE type IN ('{events.UNSUBSCRIBE}', '{events.COMPLAINT}') AND (
            subscriber_id IN (SELECT id FROM tracking.subscribers WHERE status IN ('Unsubscribed', 'Deleted'))
            OR (subscriber_id, moment) NOT IN (SELECT (subscriber_id, min(moment)) FROM {ACTS}
                WHERE type IN ('{events.UNSUBSCRIBE}', '{events.COMPLAINT}') GROUP BY subscriber_id))"""
    )


def follow(connection: Connection, behaviour: SendBehaviour) -> None:
    """Let the events in ACTS, which are recorded already, change the statuses of those who caused them."""
    connection.execute(
        f"""UPDATE tracking.subscribers SET status = 'Bounced' WHERE status = 'Active' AND id IN
        (SELECT subscriber_id FROM {ACTS} WHERE type = '{events.BOUNCE}')"""
    )
    connection.execute(
        f"""UPDATE tracking.subscribers SET status = 'Active' WHERE status = 'Bounced' AND id IN (
        SELECT subscriber_id FROM {ACTS} WHERE type IN ('{events.OPEN}', '{events.BOUNCE}') GROUP BY subscriber_id
        HAVING max(moment) FILTER (type = '{events.OPEN}') >
            coalesce(max(moment) FILTER (type = '{events.BOUNCE}'), TIMESTAMP '1900-01-01'))"""
    )
    _hold(connection, behaviour)
    _leave(connection)


def _hold(connection: Connection, behaviour: SendBehaviour) -> None:
    seconds = int(behaviour.held_after_days * 86400)
    # A mail counts as delivered once everybody could have bounced; until then it says nothing.
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE changing AS
        WITH those AS (SELECT DISTINCT subscriber_id FROM {ACTS} WHERE type = '{events.BOUNCE}'),
        mails AS (
            SELECT s.subscriber_id, s.moment AS sent, min(b.moment) AS bounced
            FROM tracking.events s SEMI JOIN those USING (subscriber_id)
            LEFT JOIN (FROM tracking.events WHERE type = '{events.BOUNCE}') b
                ON (b.subscriber_id, b.send_id, b.batch_id) = (s.subscriber_id, s.send_id, s.batch_id)
            WHERE s.type = '{events.SENT}' GROUP BY ALL),
        runs AS (
            SELECT *, count(*) FILTER (bounced IS NULL) OVER (PARTITION BY subscriber_id ORDER BY sent) AS run
            FROM mails),
        placed AS (
            SELECT subscriber_id, bounced, row_number() OVER w AS place, first_value(bounced) OVER w AS began
            FROM runs WHERE bounced IS NOT NULL WINDOW w AS (PARTITION BY subscriber_id, run ORDER BY bounced))
        SELECT subscriber_id, min(bounced) AS moment FROM placed
        WHERE place >= {behaviour.held_after_bounces} AND bounced - began > to_seconds({seconds})
            AND subscriber_id IN (SELECT id FROM tracking.subscribers WHERE status IN ('Active', 'Bounced'))
        GROUP BY subscriber_id"""
    )
    connection.execute(_CHANGE, ["held", "bounced"])
    connection.execute(
        "UPDATE tracking.subscribers SET status = 'Held', held = c.moment FROM changing c WHERE id = c.subscriber_id"
    )


def _leave(connection: Connection) -> None:
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE changing AS SELECT subscriber_id, moment FROM {ACTS}
        WHERE type IN ('{events.UNSUBSCRIBE}', '{events.COMPLAINT}')"""
    )
    connection.execute(_CHANGE, ["unsub", "unsub by email"])  # the reason is [D]'s
    connection.execute(
        "UPDATE tracking.subscribers SET status = 'Unsubscribed', unsubscribed = c.moment FROM changing c"
        " WHERE id = c.subscriber_id"
    )
