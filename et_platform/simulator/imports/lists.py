"""Imports to a list: rows of a file become subscribers on it.

What belongs here: which columns there are, and what a row does to a subscriber. What does not: reading the file
(`source.py`), keeping subscribers (`tracking/people.py`), data extensions (`merge.py`).

A list is named by its number [D]. Columns are Email Address, Subscriber Key and Status; every other one is an
attribute, known or not [K]. A row means the subscriber of its key, else of its address. Who unsubscribed stays so,
unless `list_import_resubscribes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from et_platform.simulator import values
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.imports.mapping import Columns
from et_platform.simulator.imports.plan import ImportFailed, Plan, keeps_first
from et_platform.simulator.imports.source import STAGED
from et_platform.simulator.imports.tasks import Figures
from et_platform.simulator.schema import DataExtension, Field, folded
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking.people import ALL_SUBSCRIBERS, People, Person

PREFIX = "list/"
"""Before a list's number, where a task names its destination."""

_KEY, _EMAIL, _STATUS = "Subscriber Key", "Email Address", "Status"
_NAMES = {
    "subscriber key": _KEY,
    "subscriberkey": _KEY,
    "email address": _EMAIL,
    "emailaddress": _EMAIL,
    "email": _EMAIL,
    "status": _STATUS,
    "subscriber status": _STATUS,
}
_STATUSES = ("Active", "Bounced", "Held", "Unsubscribed")  # [W]
_REASON = "Unsubscribed via import"  # [K]
_ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_LONGEST = 254  # characters of a key, and of an address [R]
_BATCH = 500

Row = dict[str, str | None]


@dataclass
class Tally:
    """What became of the rows so far: `counts` by figure, rejected rows by number and reason."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("successful", "duplicated", "errors"), 0))
    rejected: list[tuple[int, str]] = field(default_factory=list)
    stopped: bool = False
    undone: int = 0

    def add(self, line: int, bucket: str, reason: str = "") -> None:
        """Count a row, with the reason if it was not applied."""
        self.counts[bucket] += 1
        if reason and bucket != "successful":
            self.rejected.append((line, reason))

    def undo(self) -> None:
        """What was applied was not, after all."""
        self.undone, self.counts["successful"] = self.counts["successful"], 0

    @property
    def figures(self) -> Figures:
        """The figures of the import."""
        return Figures(**self.counts, total=sum(self.counts.values()) + self.undone)


def destination(plan: Plan, headings: Iterable[str]) -> DataExtension:
    """The columns of a list as `mapping` sees fields: those that the maps or the headings name."""
    named = [one.get("DestinationName") or "" for one in plan.maps] if plan.maps else list(headings)
    names = dict.fromkeys(name.strip() for name in named if name.strip())
    fields = [Field(str(place), name, "Text", f"f{place}", place) for place, name in enumerate(names)]
    return DataExtension(PREFIX, {}, fields)


def merge(
    connection: Connection, number: int, plan: Plan, columns: Columns, behaviour: Behaviour, now: datetime
) -> Tally:
    """Bring the staged rows onto the list, in a transaction and under the lock of subscribers. Raises ImportFailed."""
    names = [_NAMES.get(folded(one.name).strip(), one.name) for _, one in columns.fields]
    if _EMAIL not in names and _KEY not in names:
        raise ImportFailed("no column for Email Address or Subscriber Key")
    copies, tally, last = _copies(connection, names, plan.update_type, behaviour), Tally(), 0
    batches: list[People] = []
    while not tally.stopped:
        texts = ", ".join(f"c{place}" for place in range(len(names)))
        found = connection.execute(
            f"SELECT line, malformed, {texts} FROM {STAGED} WHERE line > ? ORDER BY line LIMIT {_BATCH}", [last]
        ).fetchall()
        if not found:
            break
        last = found[-1][0]
        batch = [
            (line, malformed, {name: _text(text, plan) for name, text in zip(names, row, strict=True)})
            for line, malformed, *row in found
        ]
        people = People(connection, now)
        people.load(
            keys=[row.get(_KEY) or "" for _, _, row in batch], emails=[row.get(_EMAIL) or "" for _, _, row in batch]
        )
        importer = _Importer(people, number, plan.update_type, behaviour)
        for line, malformed, row in batch:
            reason = "the row has too few or too many fields" if malformed else ""
            if not reason and line in copies:
                tally.add(line, "duplicated", "the subscriber is there more than once")
                continue
            bucket, reason = ("errors", reason) if reason else importer.apply(row)
            tally.add(line, bucket, reason)
            if bucket == "errors" and not plan.allow_errors:
                tally.stopped = True
                break
        batches.append(people)
    if tally.stopped and behaviour.stopped_import == "rollback":
        tally.undo()
    else:
        for people in batches:
            people.write()
    return tally


def _text(text: str | None, plan: Plan) -> str | None:
    return None if text is None or not text.strip() or text == plan.null_representation else text.strip()


def _copies(connection: Connection, names: list[str], update_type: str, behaviour: Behaviour) -> set[int]:
    """The numbers of the rows that are not applied since another means the same subscriber."""
    parts = [f"nullif(trim(c{names.index(name)}), '')" for name in (_KEY, _EMAIL) if name in names]
    who = values.folded(f"coalesce({', '.join(parts)})")
    order = "asc" if keeps_first(update_type, behaviour) else "desc"
    condition = "number > 1" if behaviour.duplicates == "reject" else "place > 1"
    found = connection.execute(
        f"SELECT line FROM (SELECT line, row_number() OVER (same ORDER BY line {order}) AS place,"
        f" count(*) OVER same AS number FROM (SELECT line, {who} AS who"
        f" FROM {STAGED} WHERE NOT malformed) WHERE who IS NOT NULL WINDOW same AS (PARTITION BY who))"
        f" WHERE {condition}"
    ).fetchall()
    return {line for (line,) in found}


class _Importer:
    """What rows do to subscribers. Its answers are a figure, and why a row was not applied."""

    def __init__(self, people: People, number: int, update_type: str, behaviour: Behaviour):
        self._people, self._number, self._behaviour = people, number, behaviour
        self._adds = update_type != "UpdateButDoNotAdd"
        self._updates = update_type != "AddAndDoNotUpdate"

    def apply(self, row: Row) -> tuple[str, str]:
        """Carry a row out."""
        problem = self._problem(row)
        if problem:
            return "errors", problem
        key, email = row.get(_KEY), row.get(_EMAIL)
        found = self._people.by_key(key) if key else None
        alike = self._people.by_email(email) if email and not key else []
        if len(alike) > 1:
            return "errors", "several subscribers have this address"
        person = found or next(iter(alike), None)
        if person is not None and self._is_on(person):
            if not self._updates:
                return self._behaviour.add_only_existing, "the subscriber is on the list already"
        elif not self._adds:
            return self._behaviour.update_only_missing, "the subscriber is not on the list"
        is_new = person is None
        if person is None:
            if email is None:
                return "errors", "Email Address is required"
            person = self._people.add(key=key or email, email=email)
        if is_new or self._updates:
            self._write(person, row)
        self._put_on(person, row.get(_STATUS) if is_new or self._updates else None)
        return "successful", ""

    def _problem(self, row: Row) -> str:
        key, email, status = row.get(_KEY), row.get(_EMAIL), row.get(_STATUS)
        if not key and not email:
            return "Email Address or Subscriber Key is required"
        if email and self._behaviour.check_email_format and not _ADDRESS.fullmatch(email):
            return "Email Address is not an e-mail address"
        if max(len(key or ""), len(email or "")) > _LONGEST:
            return f"key or address is longer than {_LONGEST} characters"
        if status and status.capitalize() not in _STATUSES:
            return f"Status must be one of {', '.join(_STATUSES)}"
        return ""

    def _is_on(self, person: Person) -> bool:
        return self._number == ALL_SUBSCRIBERS or self._number in person.lists

    def _write(self, person: Person, row: Row) -> None:
        if row.get(_EMAIL):
            person.email = row[_EMAIL]
        for name, text in row.items():
            if name not in (_KEY, _EMAIL, _STATUS):
                if text is None:
                    person.attributes.pop(name, None)
                else:
                    person.attributes[name] = text
        self._people.touch(person)

    def _put_on(self, person: Person, status: str | None) -> None:
        wanted = status.capitalize() if status else None
        current = person.status if self._number == ALL_SUBSCRIBERS else person.lists.get(self._number)
        if current == "Unsubscribed" and not self._behaviour.list_import_resubscribes:
            return
        if self._number != ALL_SUBSCRIBERS:
            person.lists[self._number] = wanted or current or "Active"
            self._people.touch(person)
        elif wanted:
            self._people.set_status(person, wanted, _REASON)
