"""`/hub/v1/dataevents/...`: upserts that are answered once they are done.

What belongs here: bodies, answers and errors of the synchronous endpoints [D][R]. What does not: writing rows
(`writing.py`).
The error codes are recorded: 10000 for a column or a key, 10001 for a parameter, 10006 for rows that could not be
saved, with all their errors. That one bad row keeps all others of the call out is a setting [K].
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from et_platform.simulator import rows, values
from et_platform.simulator.objects.row_writer import Given, RowRefused
from et_platform.simulator.rest import async_rows, writing
from et_platform.simulator.rest.answers import Answer, RestError, error
from et_platform.simulator.schema import DataExtension, folded
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

Sent = tuple[dict[str, Any], dict[str, Any]]
"""The keys and the values of one row."""

_WRONG = "is not an e-mail address"
_EMAIL = "is not a valid email address. Parse error [InvalidEmailAddress]"  # [R]


def rowset(service: Service, reference: str, body: bytes) -> Answer:
    """POST .../rowset: a list of `{keys, values}`; the answer is the list [R]. Raises RestError."""
    sent = _sent(body)
    _save(*_checked(service, reference, sent))
    return Answer(200, [{"keys": keys, "values": values} for keys, values in sent])


def rowset_later(service: Service, reference: str, body: bytes) -> Answer:
    """The same, answered at once with an empty text [R]. Raises RestError."""
    unit, found, given = _checked(service, reference, _sent(body))
    async_rows.queue(unit, found, given, insert=False)
    return Answer(202, "")


def row(service: Service, reference: str, keys: str, body: bytes) -> Answer:
    """PUT .../rows/NAME:VALUE,...: one row; the answer is the row with its keys [D]. Raises RestError."""
    sent = _sent_row(keys, body)
    _save(*_checked(service, reference, [sent]))
    return Answer(200, {"keys": sent[0], "values": sent[1]})


def row_later(service: Service, reference: str, keys: str, body: bytes) -> Answer:
    """The same, answered at once with an empty text [D]. Raises RestError."""
    unit, found, given = _checked(service, reference, [_sent_row(keys, body)])
    async_rows.queue(unit, found, given, insert=False)
    return Answer(202, "")


def increment(service: Service, reference: str, keys: str, column: str, step: str) -> Answer:
    """PUT .../rows/KEYS/column/COLUMN/increment?step=N: add to a number [D]. Raises RestError."""
    unit, found = _data_extension(service, reference)
    named = read_keys(keys)
    field = found.field(column)
    if field is None or field.type != "Number" or field.key:
        raise error(400, 10000, f"Column '{column}' does not exist, or is no number.")
    try:
        more = int(step or "1")
    except ValueError as bad:
        raise error(400, 10001, "Parameter step is invalid.") from bad
    with unit.store.lock(found.object_id), unit.store.transaction() as connection:
        current = _value(connection, found, named, field.column)
        changed: Given = {**named, field.name: str((current or 0) + more)}
        outcomes = writing.save(connection, found, [changed], writing.UPSERT, unit.behaviour, all_or_nothing=False)
    if any(outcomes):
        raise _unsaved(found, outcomes)
    return Answer(200, "")


def read_keys(text: str) -> dict[str, str]:
    """`Email:a@b.example,Region:EU` as names and values. Raises RestError."""
    named = {}
    for part in text.split(","):
        name, colon, value = part.partition(":")
        if not colon or not name.strip():
            raise error(400, 10001, f"Parameter {text} is invalid.")
        named[name.strip()] = value
    return named


def _value(connection: Connection, found: DataExtension, named: dict[str, str], column: str) -> int | None:
    wanted = {folded(name): text for name, text in named.items()}
    key = values.KEY_SEPARATOR.join(folded(wanted.get(folded(field.name), "")) for field in found.keys)
    row = connection.execute(f"SELECT {column} FROM {rows.table(found)} WHERE {rows.KEY} = ?", [key]).fetchone()
    return row[0] if row else None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as bad:
        raise error(400, 10001, "The body of the request is no JSON.") from bad


def _data_extension(service: Service, reference: str) -> tuple[Service, DataExtension]:
    unit, found = writing.found(service, reference)
    if found is None:
        raise error(400, 10001, f"Parameter {reference.partition(':')[2] or reference} is invalid.")  # [R]
    return unit, found


def _sent(body: bytes) -> list[Sent]:
    listed = _json(body)
    if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) for one in listed):
        raise error(400, 10001, "Parameter rows is invalid.")
    sent = []
    for one in listed:
        keys, given = one.get("keys") or {}, one.get("values") or {}
        for name, part in (("keys", keys), ("values", given)):
            if not isinstance(part, dict):
                raise error(400, 10001, f"Parameter {name} is invalid.")
        sent.append((keys, given))
    return sent


def _sent_row(keys: str, body: bytes) -> Sent:
    content = _json(body)
    if not isinstance(content, dict) or not isinstance(content.get("values"), dict):
        raise error(400, 10001, "Parameter values is invalid.")
    return read_keys(keys), content["values"]


def _checked(service: Service, reference: str, sent: list[Sent]) -> tuple[Service, DataExtension, list[Given]]:
    """The rows as the writer takes them, their names being those of keys and columns. Raises RestError."""
    unit, found = _data_extension(service, reference)
    if not found.keys:
        raise error(400, 10000, "The data extension has no primary key.")
    given: list[Given] = []
    for keys, plain in sent:
        for name in keys:
            field = found.field(name)
            if field is None or not field.key:
                raise error(400, 10000, f"Primary key '{name}' does not exist.")  # [R]
        for name in plain:
            if found.field(name) is None:
                raise error(400, 10000, f"Column '{name}' does not exist.")
        try:
            given.append(writing.given(keys | plain))
        except ValueError as bad:
            raise error(400, 10001, f"Parameter values is invalid: {bad}.") from bad
    if unit.behaviour.rest_null_values == "refuse" and any(None in one.values() for one in given):
        raise error(400, 10006, f"Unable to save rows for data extension ID {found.object_id}")  # [3]
    return unit, found, given


def _save(unit: Service, found: DataExtension, given: list[Given]) -> None:
    whole = unit.behaviour.rest_all_or_nothing
    try:
        with unit.store.lock(found.object_id), unit.store.transaction() as connection:
            outcomes = writing.save(connection, found, given, writing.UPSERT, unit.behaviour, all_or_nothing=whole)
    except writing.Undone as undone:
        raise _unsaved(found, undone.outcomes) from undone
    if any(outcomes):
        raise _unsaved(found, outcomes)


def _unsaved(found: DataExtension, outcomes: list[RowRefused | None]) -> RestError:
    errors = [
        {"message": _worded(name, problem), "errorcode": 10000, "documentation": ""}
        for refused in outcomes
        if refused is not None
        for name, problem in (refused.key_errors + refused.value_errors or [("", refused.message)])
    ]
    message = f"Unable to save rows for data extension ID {found.object_id}"
    return error(400, 10006, message, additionalErrors=errors)


def _worded(name: str, problem: str) -> str:
    if not name:
        return problem
    return f"{name}: The value for column [{name}] {_EMAIL if problem == _WRONG else f'{problem}.'}"
