"""Tracking rows from text to types, as SQL: which value is none, which row is rejected, and what is only noted.

What belongs here: numbers, times, and the rules of what must be there. What does not: files and lines (tracking.py).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from et_platform.catalog.tracking import SERVER_TIME_HOURS, SQL_TYPES, EventType, Kind, key_of
from et_platform.duckdb_support import literal, quoted

NEVER_LOST: EventType = "unsubscribe"
"""The type of which a row is kept whenever its subscriber key can be read."""

_TOLERANCE = timedelta(days=1)
"""How far clocks and time zones may put an event after the file that tells of it."""
_OPTIONAL_VALUES = ("ClientID", "SendID", "BatchID", "ListID")
"""Key columns that may be blank: an opt-out that belongs to no send has none."""
_TIME_FORMS = (
    *("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M:%S.%f %p", "%m/%d/%Y %H:%M:%S"),
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"),
)
_NO_NOTES = "[]::STRUCT(f VARCHAR, r VARCHAR)[]"
_LEFT_OUT = literal("not a value of this column; the event was kept without it")
_TOO_LATE = literal("later than the file that tells of it")
_DATED = literal(
    "no time that is known here, or later than the file that tells of it; the opt-out was kept, dated at the latest "
    "moment when it can have happened"
)


def typed(
    columns: Mapping[str, Kind], found: Mapping[str, int], event_type: EventType, latest: datetime | None, rows: str
) -> str:
    """SQL from the text rows `rows` to typed rows with `_field`, `_reason` (rejected) and `_notes` (field, reason)."""
    key = key_of(event_type)
    values = {
        name: _value(kind, quoted(name)) if name in found else f"NULL::{SQL_TYPES[kind]}"
        for name, kind in columns.items()
    }
    wrong = {
        name: f"(trim({quoted(name)}) <> '' AND ({values[name]}) IS NULL)"
        for name, kind in columns.items()
        if name in found and kind != "text"
    }
    rejecting = [_check(_problem(name, wrong.get(name)), name, _reason(name, columns[name])) for name in key]
    noting = [_check(is_wrong, name, _LEFT_OUT) for name, is_wrong in wrong.items() if name not in key]
    kept = "opt-out" if event_type == NEVER_LOST else "event"
    noting.append(
        _check("_damage IS NOT NULL", "_where", f"_damage || '; the {kept} was kept without what is damaged'")
    )
    if latest is not None:
        bound = f"{literal((latest + _TOLERANCE).isoformat())}::TIMESTAMPTZ"
        rejecting.append(_check(f"{values['EventDate']} > {bound}", "EventDate", _TOO_LATE))
    if event_type == NEVER_LOST:
        # Who refused is to be known, whatever else is not: the subscriber key, and a moment, are all that it takes.
        unusable = f"(({values['EventDate']}) IS NULL" + (f" OR {values['EventDate']} > {bound})" if latest else ")")
        undated = unusable if latest is None else f"({unusable} AND NOT _whole)"
        rejecting = [
            _check(_problem("SubscriberKey", None), "SubscriberKey", _reason("SubscriberKey", "text")),
            _check(undated, "EventDate", _reason("EventDate", "time")),
        ]
        noting += [_check(wrong[name], name, _LEFT_OUT) for name in key if name in wrong and name != "EventDate"]
        if latest is not None:
            noting.append(_check(unusable, "EventDate", _DATED))
            values["EventDate"] = (
                f"CASE WHEN {unusable} THEN {literal(latest.isoformat())}::TIMESTAMPTZ ELSE {values['EventDate']} END"
            )
    typed = ", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
    notes = ", ".join(filter(None, noting))
    return (
        "SELECT * EXCLUDE (_problem, _damage, _where, _first, _raw), "
        "coalesce(_problem, CASE WHEN _first IS NOT NULL THEN coalesce(_damage, _first.r) END) AS _reason, "
        "CASE WHEN _problem IS NULL THEN _first.f ELSE _where END AS _field, "
        "CASE WHEN _problem IS NOT NULL OR _first IS NOT NULL OR len(_notes) > 0 THEN _raw END AS _raw FROM ("
        f"SELECT _line, _raw, _problem, _damage, _where, coalesce({', '.join(filter(None, rejecting))}) AS _first, "
        # Hardly a row has a note, and making lists takes as long as all the rest.
        f"CASE WHEN coalesce({notes}) IS NULL THEN {_NO_NOTES} "
        f"ELSE list_filter([{notes}], lambda n: n IS NOT NULL) END AS _notes, "
        f"{typed} FROM {rows})"
    )


def _check(condition: str, field: str, reason: str) -> str:
    """SQL for field (a column's name, or _where) and reason where the condition (empty: never) is true, else null."""
    if not condition:
        return ""
    name = field if field == "_where" else literal(field)
    return f"CASE WHEN {condition} THEN struct_pack(f := {name}, r := {reason}) END"


def _problem(name: str, wrong: str | None) -> str:
    """SQL: whether a key column's value makes the row unusable; empty if nothing can."""
    blank = f"trim({quoted(name)}) = ''"
    if name in _OPTIONAL_VALUES:
        return wrong or ""
    if name == "URL":
        return ""  # a click on a link without an address is a click
    return f"({blank} OR {wrong})" if wrong else blank


def _reason(name: str, kind: Kind) -> str:
    """SQL for why a value is none."""
    if kind == "time":
        return literal("no time that is known here (expected like 11/1/2026 6:00:00 PM, between 1753 and 9999)")
    if kind == "integer":
        return literal("not a whole number")
    return literal("blank")


def _value(kind: Kind, text: str) -> str:
    trimmed = f"trim({text})"
    match kind:
        case "text":
            return f"nullif({text}, '')"
        case "integer":
            return f"CASE WHEN regexp_full_match({trimmed}, '-?[0-9]{{1,18}}') THEN TRY_CAST({trimmed} AS BIGINT) END"
        case "number":
            form = f"regexp_full_match({trimmed}, '[-+]?[0-9]{{1,15}}([.][0-9]{{1,15}})?')"
            return f"CASE WHEN {form} THEN TRY_CAST({trimmed} AS DOUBLE) END"
        case "boolean":
            return (
                f"CASE WHEN lower({trimmed}) IN ('true', '1', 'yes', 'y') THEN true "
                f"WHEN lower({trimmed}) IN ('false', '0', 'no', 'n') THEN false END"
            )
        case "time":
            forms = ", ".join(literal(form) for form in _TIME_FORMS)
            zoned = f"regexp_matches({trimmed}, '[0-9]([Zz]|[-+][0-9]{{2}}:?[0-9]{{2}})$')"
            naive = f"timezone('UTC', try_strptime({trimmed}, [{forms}]) - INTERVAL ({SERVER_TIME_HOURS}) HOUR)"
            # strptime takes “infinity” for the year 1900, and an opt-out of that year would be older than any consent.
            moment = (
                f"CASE WHEN {zoned} THEN TRY_CAST({trimmed} AS TIMESTAMPTZ) "
                f"WHEN regexp_matches({trimmed}, '^[0-9]') THEN {naive} END"
            )
            return f"CASE WHEN year({moment}) BETWEEN 1753 AND 9999 THEN {moment} END"
