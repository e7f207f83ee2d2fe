"""Subscribers that somebody writes: a few are read, changed in memory, and written back in one go.

What belongs here: one batch of subscribers with their lists and status changes. What does not: what a request may
ask (`objects/subscriber.py`), and acts of many subscribers (`subscribers.py`).
The caller holds `subscribers.LOCK` and a transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from et_platform.simulator import schema, values
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking import subscribers

ALL_SUBSCRIBERS = 1
"""The ID of the list All Subscribers; a subscriber's own status is its status there."""

_COLUMNS = ("id", "key", "email", "status", "created", "held", "unsubscribed", "email_type", "attributes")


@dataclass
class Person:
    """One subscriber. `lists` gives the status by list ID, All Subscribers not among them."""

    id: int
    key: str
    email: str | None
    status: str
    created: datetime
    held: datetime | None = None
    unsubscribed: datetime | None = None
    email_type: str = "HTML"
    attributes: dict[str, str] = field(default_factory=dict)
    lists: dict[int, str] = field(default_factory=dict)


class People:
    """The subscribers of one batch. Changes are seen at once by later objects of the batch, and kept by `write`."""

    def __init__(self, connection: Connection, now: datetime):
        self._connection = connection
        self._now = now
        self._people: dict[int, Person] = {}
        self._before: dict[int, dict[int, str]] = {}
        self._changed: dict[int, Person] = {}
        self._changes: list[tuple[int, str, str, str]] = []

    def load(self, *, keys: Iterable[str] = (), emails: Iterable[str] = (), ids: Iterable[int] = ()) -> None:
        """Read those who have one of these keys, addresses or numbers."""
        many = f"SELECT {values.folded('text')} FROM {values.MANY} AS given(text, place)"
        rows = self._connection.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM tracking.subscribers WHERE status <> '{subscribers.DELETED}' AND"
            f" (folded IN ({many}) OR {values.folded('email')} IN ({many}) OR CAST(id AS VARCHAR) IN ({many}))",
            [json.dumps(list(keys)), json.dumps(list(emails)), json.dumps([str(one) for one in ids])],
        ).fetchall()
        for row in rows:
            found = dict(zip(_COLUMNS, row, strict=True))
            found["attributes"] = json.loads(found["attributes"])
            self._people[found["id"]] = Person(**found)
        members = self._connection.execute(
            "SELECT subscriber_id, list_id, status FROM tracking.list_subscribers WHERE subscriber_id IN"
            f" (SELECT CAST(text AS BIGINT) FROM {values.MANY} AS given(text, place))",
            [json.dumps([str(one) for one in self._people])],
        ).fetchall()
        for subscriber, list_id, status in members:
            self._people[subscriber].lists[list_id] = status
        self._before = {one.id: dict(one.lists) for one in self._people.values()}

    def by_key(self, key: str) -> Person | None:
        """The subscriber of that key, without regard to case and trailing blanks."""
        return next((one for one in self._people.values() if schema.folded(one.key) == schema.folded(key)), None)

    def by_email(self, email: str) -> list[Person]:
        """Everybody with that address: several keys may share one."""
        return [one for one in self._people.values() if schema.folded(one.email or "") == schema.folded(email)]

    def by_id(self, number: int) -> Person | None:
        """The subscriber of that number."""
        return self._people.get(number)

    def add(self, *, key: str, email: str) -> Person:
        """A new subscriber, Active."""
        row = self._connection.execute("SELECT nextval('tracking.subscriber_id')").fetchone()
        assert row is not None
        person = Person(row[0], key, email, "Active", self._now)
        self._people[person.id] = person
        self._before[person.id] = {}
        return self.touch(person)

    def touch(self, person: Person) -> Person:
        """Note that the person was changed."""
        self._changed[person.id] = person
        return person

    def set_status(self, person: Person, status: str, reason: str) -> None:
        """Change the status; leaving Unsubscribed clears its date, and a change of words is a status event [D]."""
        if status == person.status:
            return
        before, after = subscribers.WORDS[person.status], subscribers.WORDS[status]
        if before != after:
            self._changes.append((person.id, before, after, reason))
        person.status = status
        person.unsubscribed = self._now if status == "Unsubscribed" else None
        person.held = self._now if status == "Held" else None
        self.touch(person)

    def remove(self, person: Person) -> None:
        """Take the person away, from every list too; the events that name them stay."""
        person.status = subscribers.DELETED
        person.lists.clear()
        self.touch(person)
        del self._people[person.id]

    def write(self) -> None:
        """Keep everything that was changed."""
        if not self._changed:
            return
        mine = [str(one) for one in self._changed]
        self._connection.execute(
            "DELETE FROM tracking.subscribers WHERE id IN"
            f" (SELECT CAST(text AS BIGINT) FROM {values.MANY} AS given(text, place))",
            [json.dumps(mine)],
        )
        # A deleted one gives its key free: whoever is added under it is another subscriber.
        self._connection.executemany(
            f"INSERT INTO tracking.subscribers ({', '.join(_COLUMNS)}, folded)"
            f" VALUES ({', '.join('?' * len(_COLUMNS))}, {values.folded('?')} || ?)",
            [
                [getattr(one, name) if name != "attributes" else json.dumps(one.attributes) for name in _COLUMNS]
                + [one.key, f"{values.KEY_SEPARATOR}{one.id}" if one.status == subscribers.DELETED else ""]
                for one in self._changed.values()
            ],
        )
        for person in self._changed.values():
            self._write_lists(person)
        for subscriber, before, after, reason in self._changes:
            self._connection.execute(
                "INSERT INTO tracking.status_changes VALUES (nextval('tracking.status_change_id'), ?, ?, ?, ?, ?)",
                [subscriber, self._now, before, after, reason],
            )

    def _write_lists(self, person: Person) -> None:
        before = self._before.get(person.id, {})
        for list_id in before.keys() - person.lists.keys():
            self._connection.execute(
                "DELETE FROM tracking.list_subscribers WHERE subscriber_id = ? AND list_id = ?", [person.id, list_id]
            )
        for list_id, status in person.lists.items():
            if list_id not in before:
                self._connection.execute(
                    "INSERT INTO tracking.list_subscribers VALUES"
                    " (nextval('tracking.list_subscriber_id'), ?, ?, ?, ?, ?)",
                    [list_id, person.id, status, self._now, self._now],
                )
            elif before[list_id] != status:
                self._connection.execute(
                    "UPDATE tracking.list_subscribers SET status = ?, modified = ?"
                    " WHERE subscriber_id = ? AND list_id = ?",
                    [status, self._now, person.id, list_id],
                )
