"""Who of those meant by a send is mailed, and recording it: thousands in the same few statements as one.

What belongs here: the verdicts, new subscribers, the events and figures of one batch. What does not: who is meant
(`audience.py`), when a send runs (`worker.py`).

Held subscribers are never mailed, unsubscribed ones by Operational sends alone [K], all others are, bounced ones too
[D]. Whoever is mailed and was no subscriber becomes one, Active [K].
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from et_platform.simulator import values
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking import events

MEANT = "meant"
"""The temporary relation of those meant: place, key, email (null: the subscriber's own), list_id, excluded."""

JUDGED = "judged"
"""The temporary relation of verdicts: `place`, `id` (null for a new one that is not sent to), `email`, `verdict`."""

SENT = "sent"
VERDICTS = (SENT, "excluded", "duplicate", "missing", "invalid", "held", "unsubscribed", "unknown")
"""What becomes of somebody; all but the first are not mailed."""

REASONS = {
    "held": "Undeliverable: the subscriber is held",
    "unsubscribed": "Opted out: the subscriber is unsubscribed",
    "excluded": "Excluded: an exclusion list of the send names the subscriber",
}
"""Why somebody was not mailed, as a NotSent event tells it; the words are made up."""

_ADDRESS = r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+"


@dataclass(frozen=True)
class Batch:
    """What is the same for everybody of one batch."""

    send_id: int
    moment: datetime
    batch_id: int = 1
    triggered_send: str = ""
    definition_id: str = ""
    reaches_unsubscribed: bool = False
    deduplicates: bool = False
    adds: bool = True


def judge(connection: Connection, batch: Batch) -> dict[str, int]:
    """Judge everybody in MEANT into JUDGED, and make those who are mailed known; how many there are per verdict.

    The caller holds `subscribers.LOCK` and a transaction.
    """
    opted_out = "false" if batch.reaches_unsubscribed else "s.status = 'Unsubscribed' OR l.status = 'Unsubscribed'"
    again = "row_number() OVER (PARTITION BY excluded, lower(email) ORDER BY place) > 1"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {JUDGED} AS
        WITH one AS (
            SELECT DISTINCT ON ({values.folded("key")}) *, {values.folded("key")} AS folded
            FROM {MEANT} ORDER BY {values.folded("key")}, excluded DESC, place),
        known AS (
            SELECT o.place, o.key, o.folded, o.list_id, o.excluded, s.id, s.status,
                ({opted_out}) AS opted_out, coalesce(nullif(trim(o.email), ''), s.email) AS email
            FROM one o LEFT JOIN tracking.subscribers s ON s.folded = o.folded
            LEFT JOIN tracking.list_subscribers l ON l.subscriber_id = s.id AND l.list_id = o.list_id)
        SELECT place, id, key, folded, email, list_id, CASE
            WHEN excluded THEN 'excluded'
            WHEN id IS NULL AND NOT {batch.adds} THEN 'unknown'
            WHEN email IS NULL THEN 'missing'
            WHEN NOT regexp_full_match(email, '{_ADDRESS}') THEN 'invalid'
            WHEN {batch.deduplicates} AND {again} THEN 'duplicate'
            WHEN status = 'Held' THEN 'held'
            WHEN opted_out THEN 'unsubscribed'
            ELSE '{SENT}' END AS verdict
        FROM known"""
    )
    connection.execute(
        "INSERT INTO tracking.subscribers (id, key, folded, email, status, created)"
        " SELECT nextval('tracking.subscriber_id'), trim(key), folded, email, 'Active', ?"
        f" FROM (FROM {JUDGED} WHERE id IS NULL AND verdict = '{SENT}' ORDER BY place)",
        [batch.moment],
    )
    connection.execute(
        f"UPDATE {JUDGED} SET id = s.id FROM tracking.subscribers s WHERE {JUDGED}.id IS NULL"
        f" AND s.folded = {JUDGED}.folded"
    )
    counted = connection.execute(f"SELECT verdict, count(*) FROM {JUDGED} GROUP BY verdict").fetchall()
    return dict.fromkeys(VERDICTS, 0) | dict(counted)


def record(connection: Connection, batch: Batch) -> None:
    """Write the events of everybody in JUDGED: Sent, or NotSent where a reason is told."""
    definition = {"TriggeredSendDefinitionObjectID": batch.definition_id} if batch.definition_id else {}
    _events(connection, batch, events.SENT, SENT, {"CampaignID": "", **definition})
    for verdict, reason in REASONS.items():
        _events(connection, batch, events.NOT_SENT, verdict, {"Reason": reason, **definition})


def _events(connection: Connection, batch: Batch, kind: str, verdict: str, details: Mapping[str, str]) -> None:
    connection.execute(
        "INSERT INTO tracking.events SELECT nextval('tracking.event_id'), ?, ?, ?, ?, list_id, id, ?, ?"
        f" FROM (SELECT id, list_id FROM {JUDGED} WHERE verdict = ? AND id IS NOT NULL ORDER BY place)",
        [kind, batch.moment, batch.send_id, batch.batch_id, batch.triggered_send, json.dumps(details), verdict],
    )
