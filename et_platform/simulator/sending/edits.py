"""People who edit their profile: a field of a data extension, or how they want their mails.

What belongs here: who edits what on which day, and doing so. What does not: the rest of what people do
(`reactions.py`). Days count from the first time the audience behaved, and each person's draw of a day depends on
nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from et_platform.simulator import rows, schema, values
from et_platform.simulator.schema import DataExtension, Field
from et_platform.simulator.sending.behaviour import SendBehaviour
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking import events, subscribers
from et_platform.simulator.tracking.people import ALL_SUBSCRIBERS

_DAY = 86400


@dataclass(frozen=True)
class Editable:
    """A field that people edit, the field of their key in its data extension, and the texts they choose among."""

    data_extension: DataExtension
    key: Field
    field: Field
    choices: Sequence[str]


def editable(connection: Connection, behaviour: SendBehaviour) -> list[Editable]:
    """The fields of the setting that exist, in sendable data extensions."""
    found = []
    for name, choices in behaviour.audience_profile.items():
        key, _, field_name = name.rpartition(".")
        extension = schema.by_key_or_name(connection, key)
        if extension is None:
            continue
        owner = extension.field(extension.properties.get("SendableDataExtensionField.Name", ""))
        field = extension.field(field_name)
        if owner is not None and field is not None:
            found.append(Editable(extension, owner, field, choices.split("|")))
    return found


def edit(
    connection: Connection,
    behaviour: SendBehaviour,
    seed: int,
    origin: datetime,
    since: datetime,
    until: datetime,
    fields: Sequence[Editable],
) -> int:
    """Let people edit; how many edits there were. The caller holds the locks of the data extensions."""
    first, last = (int((moment - origin).total_seconds() // _DAY) for moment in (since, until))
    named = f"md5_number_lower('{seed}|edit|' || day || '|' || s.folded)"
    other = f"md5_number_upper('{seed}|edit|' || day || '|' || s.folded)"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE editing AS SELECT * FROM (
            SELECT s.id, s.folded, s.email_type, CAST(? AS TIMESTAMP) + to_milliseconds(CAST(
                day * {_DAY * 1000} + ({named} >> 32) % {_DAY * 1000} AS BIGINT)) AS moment, {other} AS pick
            FROM tracking.subscribers s, range({first}, {last} + 1) AS days(day)
            WHERE s.status <> '{subscribers.DELETED}'
                AND ({named} & 4294967295)::DOUBLE / 4294967296 < {behaviour.audience_edits})
        WHERE moment > ? AND moment <= ?""",
        [origin, since, until],
    )
    if not fields:
        return _preferences(connection)
    return sum(_field(connection, one, place, len(fields)) for place, one in enumerate(fields))


def _preferences(connection: Connection) -> int:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE edited AS SELECT id, moment,"
        " CASE WHEN (count(*) OVER (PARTITION BY id ORDER BY moment) + (email_type = 'HTML')::INTEGER) % 2 = 0"
        " THEN 'Text' ELSE 'HTML' END AS value FROM editing"
    )
    connection.execute(
        "UPDATE tracking.subscribers SET email_type = e.value"
        " FROM (SELECT id, arg_max(value, moment) AS value FROM edited GROUP BY id) e WHERE subscribers.id = e.id"
    )
    return _told(connection, {"DataExtension": "", "Field": "EmailTypePreference"})


def _field(connection: Connection, one: Editable, place: int, fields: int) -> int:
    """Each edit is of one field; who chooses what is there already has changed nothing."""
    table, rule = rows.table(one.data_extension), values.rule(one.field, "choice").value
    choices = f"(SELECT {rule} AS value, nth - 1 AS nth FROM {values.MANY} AS given(choice, nth))"
    key = values.folded(f"CAST({one.key.column} AS VARCHAR)")
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE edited AS
        SELECT * FROM (
            SELECT e.id, e.moment, e.folded, c.value,
                lag(c.value, 1, d.present) OVER (PARTITION BY e.id ORDER BY e.moment) AS before
            FROM editing e JOIN (SELECT {key} AS folded, any_value({one.field.column}) AS present FROM {table}
                GROUP BY ALL) d USING (folded)
            JOIN {choices} c ON c.nth = (e.pick >> 8) % {len(one.choices)}
            WHERE e.pick % {fields} = {place})
        WHERE value IS DISTINCT FROM before""",
        [json.dumps(list(one.choices))],
    )
    connection.execute(
        f"UPDATE {table} SET {one.field.column} = e.value"
        f" FROM (SELECT folded, arg_max(value, moment) AS value FROM edited GROUP BY folded) e WHERE {key} = e.folded",
    )
    return _told(connection, {"DataExtension": one.data_extension.customer_key, "Field": one.field.name})


def _told(connection: Connection, what: dict[str, str]) -> int:
    connection.execute(
        "INSERT INTO tracking.events SELECT nextval('tracking.event_id'), ?, moment, 0, 0, ?, id, '',"
        " json_merge_patch(?, json_object('Value', CAST(value AS VARCHAR))) FROM (FROM edited ORDER BY moment, id)",
        [events.PROFILE, ALL_SUBSCRIBERS, json.dumps(what)],
    )
    row = connection.execute("SELECT count(*) FROM edited").fetchone()
    assert row is not None
    return int(row[0])
