"""Writing single rows into a data extension, as SOAP calls do.

What belongs here: checking the values of rows, finding existing ones by key, inserting, changing, removing.
What does not: SOAP shapes (`data_extension_object.py`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from et_platform.simulator import clock, rows, values
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.results import Refused, SaveMode
from et_platform.simulator.schema import DataExtension, Field, folded
from et_platform.simulator.store import Connection

Given = dict[str, str | None]
"""A row as it was sent: raw texts by name, None for null."""

Errors = list[tuple[str, str]]
"""Field names and what is wrong with their values."""


class RowRefused(Refused):
    """A row that was not written, with all of its errors."""

    def __init__(self, code: int, message: str, key_errors: Errors | None = None, value_errors: Errors | None = None):
        super().__init__(code, message)
        self.key_errors, self.value_errors = key_errors or [], value_errors or []


@dataclasses.dataclass
class _Typed:
    """A row as far as its texts could be converted: values by column, problems by field name, the folded key."""

    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    errors: dict[str, str] = dataclasses.field(default_factory=dict)
    key: str | None = None


class RowWriter:
    """Writes rows of one data extension inside a transaction, under the data extension's lock."""

    def __init__(self, connection: Connection, data_extension: DataExtension, behaviour: Behaviour):
        self._connection, self._data_extension, self._behaviour = connection, data_extension, behaviour
        self._table, self._now = rows.table(data_extension), clock.now()

    def save(self, given: Sequence[Given], mode: SaveMode) -> list[RowRefused | None]:
        """Write each row; the answer is, row by row, None or the refusal."""
        typed = self._convert(given)
        present = self._present(typed)
        return [self._attempt(row, one, present, mode) for row, one in zip(given, typed, strict=True)]

    def delete(self, given: Sequence[Given]) -> list[RowRefused | None]:
        """Delete each row by its key."""
        typed = self._convert(given)
        present = self._present(typed)
        return [self._attempt_delete(one, present) for one in typed]

    def _attempt_delete(self, typed: _Typed, present: dict[str, int]) -> RowRefused | None:
        key_errors, _ = self._sorted(typed)
        if typed.key is None:
            problem = "The keys of the row are not valid." if key_errors else "The data extension has no primary key."
            return RowRefused(310006, problem, key_errors)
        if typed.key not in present:
            return RowRefused(310002, "The row to delete was not found.", self._named_keys("is not there"))
        self._connection.execute(
            f"DELETE FROM {self._table} WHERE {rows.ID} = ?",
            [present.pop(typed.key)],
        )
        return None

    def _attempt(self, row: Given, typed: _Typed, present: dict[str, int], mode: SaveMode) -> RowRefused | None:
        key_errors, value_errors = self._sorted(typed)
        value_errors += self._unknown(row)
        if not self._data_extension.keys and not mode.add:
            return RowRefused(310006, "The data extension has no primary key.")
        existing = present.get(typed.key) if typed.key is not None else None
        if not key_errors:
            if existing is None and not mode.add:
                named = self._named_keys("is not there")
                return RowRefused(310004, "The row to update was not found.", named, value_errors)
            if existing is not None and not mode.change:
                named = self._named_keys("exists already")
                return RowRefused(310003, "A row with this key exists already.", named, value_errors)
        if existing is None:
            value_errors += self._missing(typed)
        if key_errors or value_errors:
            return RowRefused(310006, "The row is not valid.", key_errors, value_errors)
        if existing is None:
            number = self._insert(typed)
            if typed.key is not None:
                present[typed.key] = number
        else:
            self._update(typed, existing)
        return None

    def _convert(self, given: Sequence[Given]) -> list[_Typed]:
        """Typed values, problems and the folded key of every row; one statement per field."""
        converted = [_Typed() for _ in given]
        sent = [{folded(name): text for name, text in row.items()} for row in given]
        parts: list[list[str | None]] = [[] for _ in given]
        for field in self._data_extension.fields:
            name = folded(field.name)
            places = [place for place, row in enumerate(sent) if name in row]
            found = self._apply_rule(field, [sent[place][name] for place in places])
            for place, (value, problem, key_part) in zip(places, found, strict=True):
                converted[place].values[field.column] = value
                if problem is not None:
                    converted[place].errors[field.name] = problem
                if field.key:
                    parts[place].append(key_part)
        for typed, key_parts in zip(converted, parts, strict=True):
            complete = [part for part in key_parts if part is not None]
            if self._data_extension.keys and len(complete) == len(self._data_extension.keys):
                typed.key = values.KEY_SEPARATOR.join(complete)
        return converted

    def _apply_rule(self, field: Field, texts: list[str | None]) -> list[tuple[Any, str | None, str | None]]:
        """Value, problem and part of the folded key for each text."""
        if not texts:
            return []
        # Only a text outside the key can be empty; elsewhere an empty Value is a null [K].
        empty_is_null = "true" if field.key or field.sql_type != "VARCHAR" else "false"
        rule = values.rule(field, "raw", check_email=self._behaviour.check_email_format)
        return self._connection.execute(
            f"SELECT value, problem, {values.key(['value'])} FROM ("
            f" SELECT {rule.value} AS value, CASE WHEN raw IS NOT NULL THEN {rule.problem} END AS problem, place"
            f" FROM (SELECT CASE WHEN {empty_is_null} AND trim(one) = '' THEN NULL ELSE one END AS raw, place"
            f" FROM {values.MANY} AS many(one, place))) ORDER BY place",
            [json.dumps(texts)],
        ).fetchall()

    def _sorted(self, typed: _Typed) -> tuple[Errors, Errors]:
        """Split into key and value errors; required fields that were sent as null are added."""
        key_errors: Errors = []
        value_errors: Errors = []
        for field in self._data_extension.fields:
            problem = typed.errors.get(field.name)
            sent = field.column in typed.values
            null = sent and typed.values[field.column] is None
            if problem is None and field.required and (null or (field.key and not sent)):
                if field.key or not field.default:
                    problem = "is required"
                else:
                    del typed.values[field.column]  # the default stands in
            if problem is not None:
                (key_errors if field.key else value_errors).append((field.name, problem))
        return key_errors, value_errors

    def _missing(self, typed: _Typed) -> Errors:
        return [
            (field.name, "is required")
            for field in self._data_extension.fields
            if field.required and not field.key and not field.default and field.column not in typed.values
        ]

    def _unknown(self, row: Given) -> Errors:
        if self._behaviour.unknown_row_fields == "drop":
            return []
        return [(name, "is not a field") for name in row if self._data_extension.field(name) is None]

    def _named_keys(self, problem: str) -> Errors:
        return [(field.name, problem) for field in self._data_extension.keys]

    def _present(self, typed: Sequence[_Typed]) -> dict[str, int]:
        """The row ids of those keys that exist."""
        found = self._connection.execute(
            f"SELECT {rows.KEY}, {rows.ID} FROM {self._table}"
            f" WHERE {rows.KEY} IN (SELECT one FROM {values.MANY} AS many(one, place))",
            [json.dumps([one.key for one in typed if one.key is not None])],
        ).fetchall()
        return dict(found)

    def _insert(self, typed: _Typed) -> int:
        """Insert a row; fields that were not sent take their default."""
        fields = self._data_extension.fields
        expressions = ["?" if one.column in typed.values else values.default(one, self._now) for one in fields]
        names = ", ".join([rows.ID, rows.KEY, rows.CREATED, *(field.column for field in fields)])
        row = self._connection.execute(
            f"INSERT INTO {self._table} ({names}) VALUES (nextval('row_id'), ?, ?, {', '.join(expressions)})"
            f" RETURNING {rows.ID}",
            [typed.key, self._now, *(typed.values[one.column] for one in fields if one.column in typed.values)],
        ).fetchone()
        assert row is not None
        return int(row[0])

    def _update(self, typed: _Typed, existing: int) -> None:
        """Change a row; its key fields keep their spelling, whatever the case in the request."""
        changed = [one for one in self._data_extension.fields if one.column in typed.values and not one.key]
        if not changed:
            return
        assignments = ", ".join(f"{field.column} = ?" for field in changed)
        self._connection.execute(
            f"UPDATE {self._table} SET {assignments} WHERE {rows.ID} = ?",
            [*(typed.values[field.column] for field in changed), existing],
        )
