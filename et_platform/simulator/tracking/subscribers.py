"""Subscribers: made known by key, and how what they do changes their status.

What belongs here: finding or adding subscribers, many at once, and the statuses that acts bring. What does not: the
events themselves (`events.py`), and subscribers that somebody writes (`people.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from et_platform.simulator import rows, schema, store, values
from et_platform.simulator.store import Connection

LOCK = "tracking.subscribers"
"""The lock (`Store.lock`) that whoever writes subscribers or events holds."""

DELETED = "Deleted"
"""The status [W] of a subscriber that is gone: kept for the events that name it, shown and found no more."""

WORDS = {"Active": "normal", "Bounced": "normal", "Held": "held", "Unsubscribed": "unsub", DELETED: "unsub"}
"""A status as status events call it [D]; a bounced subscriber is still mailable, so its word stays."""

ACTING = "acting"
"""The temporary relation of those meant by `known`: `place` (order of the keys), `id`, `key`."""


def known(connection: Connection, keys: Sequence[str], now: datetime) -> list[str]:
    """Find the subscribers of these keys into ACTING, adding the missing ones; gives the keys that were added.

    A missing one takes spelling and address from a sendable data extension that holds its key, as a send would;
    keys compare without case and trailing blanks.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE wanted AS SELECT text AS key, "
        f"{values.folded('text')} AS folded, place FROM {values.MANY} AS given(text, place)",
        [json.dumps(keys)],
    )
    # The last resort is the key itself, which often is the address.
    itself = "SELECT key, folded, CASE WHEN contains(key, '@') THEN trim(key) END AS email, place FROM wanted"
    added: list[str] = []
    for source in [*_sources(connection), itself]:
        new = connection.execute(
            "INSERT INTO tracking.subscribers (id, key, folded, email, status, created)"
            " SELECT nextval('tracking.subscriber_id'), key, folded, email, 'Active',"
            f" ? FROM (SELECT DISTINCT ON (folded) * FROM ({source})"
            " WHERE folded NOT IN (SELECT folded FROM tracking.subscribers) ORDER BY folded, place)"
            " ORDER BY place RETURNING key",
            [now],
        ).fetchall()
        added += [key for (key,) in new]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {ACTING} AS SELECT w.place, s.id, s.key FROM wanted w"
        " JOIN tracking.subscribers s USING (folded)"
    )
    return added


def _sources(connection: Connection) -> Iterator[str]:
    """SQL of (key, folded, email, place) of those wanted, per data extension that relates to subscriber keys."""
    for found in store.find(connection, schema.KIND, "body->>'$.properties.IsSendable' = 'true'"):
        data_extension = schema.by_object_id(connection, found["object_id"])
        if data_extension is None or data_extension.properties.get("SendableSubscriberField.Name") != "_SubscriberKey":
            continue
        key = data_extension.field(data_extension.properties.get("SendableDataExtensionField.Name", ""))
        email = next((one for one in data_extension.fields if one.type == "EmailAddress"), None)
        if key is None:
            continue
        text = f"CAST({key.column} AS VARCHAR)"
        address = email.column if email else "CAST(NULL AS VARCHAR)"
        yield (
            f"SELECT d.key, w.folded, d.email, w.place FROM (SELECT {text} AS key, {values.folded(text)} AS folded,"
            f" {address} AS email FROM {rows.table(data_extension)}) d JOIN wanted w ON w.folded = d.folded"
        )


def unsubscribe(connection: Connection, moment: datetime) -> None:
    """ACTING have opted out of everything: status Unsubscribed [W], with the first date of it kept."""
    previous = " ".join(f"WHEN '{status}' THEN '{word}'" for status, word in WORDS.items())
    connection.execute(
        "INSERT INTO tracking.status_changes SELECT nextval('tracking.status_change_id'), id, ?,"
        f" CASE status {previous} END, 'unsub', 'unsub by email' FROM tracking.subscribers"  # the reason is [D]'s
        f" WHERE id IN (SELECT id FROM {ACTING}) AND status <> 'Unsubscribed' ORDER BY id",
        [moment],
    )
    connection.execute(
        "UPDATE tracking.subscribers SET status = 'Unsubscribed', unsubscribed = ?"
        f" WHERE id IN (SELECT id FROM {ACTING}) AND status <> 'Unsubscribed'",
        [moment],
    )


def bounce(connection: Connection) -> None:
    """Mail to ACTING came back: Active becomes Bounced, still mailable [D]. Nothing here becomes Held by itself."""
    connection.execute(
        "UPDATE tracking.subscribers SET status = 'Bounced'"
        f" WHERE id IN (SELECT id FROM {ACTING}) AND status = 'Active'"
    )
