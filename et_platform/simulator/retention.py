"""Retention of data extensions: what one says about how long its rows live, and removing what has expired.

What belongs here: the policy, its period, removal. What does not: when that happens (`nightly.py`).

RowBasedRetention removes each row when it has reached the period's age [D]. Else the period is that of the data
extension, from its creation or (ResetRetentionPeriodOnImport) from the last import: at its end, or at RetainUntil, all
rows go if DeleteAtEndOfRetentionPeriod, else the data extension goes with them [R: two public tools agree on this
reading]. Months and years follow the calendar: 31 January and a month is the last day of February [D].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from et_platform.simulator import clock, rows, schema, store, values
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection, Store

STARTED = "RetentionStarted"
"""Among a data extension's properties, and never shown: when its period was last begun anew (ISO)."""

_LONGEST = 999  # [K]
_UNITS = {"3": "DAY", "4": "WEEK", "5": "MONTH", "6": "YEAR"}  # [W][R]


@dataclass(frozen=True)
class Policy:
    """How long rows live. `period` is an SQL interval, None without; `until` a text, empty without."""

    by_row: bool
    period: str | None
    until: str
    keeps_definition: bool
    resets_on_import: bool


def policy(properties: Mapping[str, str]) -> Policy | None:
    """The policy that a data extension's properties state, or None."""
    length = properties.get("DataRetentionPeriodLength", "")
    unit = _UNITS.get(properties.get("DataRetentionPeriodUnitOfMeasure", "3"))
    period = f"INTERVAL {int(length)} {unit}" if length.isdecimal() and int(length) > 0 and unit else None
    until = properties.get("RetainUntil", "")
    by_row = properties.get("RowBasedRetention") == "true"
    if period is None and (by_row or not until):
        return None
    return Policy(
        by_row=by_row,
        period=period,
        until=until,
        keeps_definition=properties.get("DeleteAtEndOfRetentionPeriod") == "true",
        resets_on_import=properties.get("ResetRetentionPeriodOnImport") == "true",
    )


def problem(connection: Connection, properties: Mapping[str, str]) -> str | None:
    """What is wrong with the policy that properties state, or None."""
    length, until = properties.get("DataRetentionPeriodLength", ""), properties.get("RetainUntil", "")
    if length and not (length.isdecimal() and int(length) <= _LONGEST):
        return f"DataRetentionPeriodLength must be a number up to {_LONGEST}."
    if until and connection.execute(f"SELECT {values.date(values.quoted(until))}").fetchone() == (None,):
        return "RetainUntil must be a date."
    return None


def after_import(connection: Connection, data_extension: DataExtension, now: datetime) -> bool:
    """An import has ended: begin the period anew if the policy says so. Whether it says so."""
    stated = policy(data_extension.properties)
    if stated is None or not stated.resets_on_import:
        return False
    if not stated.by_row:
        data_extension.properties[STARTED] = clock.iso(now)
        schema.save(connection, data_extension)
    return True


def sweep(own: Store, behaviour: Behaviour, night: datetime) -> None:
    """Remove what has expired at that moment, data extension by data extension."""
    with own.connect() as connection:
        found = schema.every(connection)
    for one in found:
        if policy(one.properties) is None:
            continue
        with own.lock(one.object_id), own.definitions, own.transaction() as connection:
            current = schema.by_object_id(connection, one.object_id)
            stated = policy(current.properties) if current else None
            if current and stated:
                _apply(connection, current, stated, behaviour, night)


def _apply(
    connection: Connection, data_extension: DataExtension, stated: Policy, behaviour: Behaviour, night: datetime
) -> None:
    table = rows.table(data_extension)
    if stated.by_row:
        connection.execute(f"DELETE FROM {table} WHERE {rows.CREATED} + {stated.period} <= ?", [night])
        return
    started = data_extension.properties.get(STARTED) or data_extension.properties["CreatedDate"]
    end = values.date(values.quoted(stated.until)) if stated.until else f"TIMESTAMP '{started}' + {stated.period}"
    expired = connection.execute(f"SELECT {end} <= ?", [night]).fetchone()
    if not expired or not expired[0]:
        return
    if not stated.keeps_definition:
        rows.drop(connection, data_extension)
        store.remove(connection, schema.KIND, data_extension.object_id)
        return
    connection.execute(f"DELETE FROM {table}")
    if behaviour.retention_recurs and stated.period:
        data_extension.properties |= {STARTED: clock.iso(night), "RetainUntil": ""}
        schema.save(connection, data_extension)
