"""What a query may read: the unit's data extensions, shared ones, and the system data views.

What belongs here: the SQL behind each name, with its columns. What does not: how a query names them (`sql.py`), where
events come from (`tracking/`).

A data extension is named by its name, a shared one as `ENT.name` [3]. Data views hold six months, in server time [D].
`_Subscribers` is the parent's alone [D]; a child reads it as `ENT._Subscribers` [3].
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from et_platform.simulator import rows, schema, units
from et_platform.simulator.queries.sql import Named, Relation, Resolve
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking import events, subscribers

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_MONTHS = 6  # [D]
_TYPES = {"Number": "int", "Date": "datetime", "Boolean": "bit"}

# Per column its SQL over an event `e` and its subscriber `s`, and its T-SQL type.
_HEAD = {
    "AccountID": ("{mid}", "bigint"),
    "OYBAccountID": ("CAST(NULL AS BIGINT)", "bigint"),
    "JobID": ("e.send_id", "bigint"),
    "ListID": ("e.list_id", "bigint"),
    "BatchID": ("e.batch_id", "bigint"),
    "SubscriberID": ("s.id", "bigint"),
    "SubscriberKey": ("s.key", "varchar"),
    "EventDate": ("e.moment", "datetime"),
    "Domain": ("split_part(s.email, '@', 2)", "varchar"),
}
_UNIQUE = {"IsUnique": ("e.first", "bit")}
_TAIL = {
    # The spelling is the product's [D].
    "TriggererSendDefinitionObjectID": ("e.details->>'$.TriggeredSendDefinitionObjectID'", "varchar"),
    "TriggeredSendCustomerKey": ("nullif(e.triggered_send, '')", "varchar"),
}


def _detail(name: str) -> tuple[str, str]:
    return f"e.details->>'$.{name}'", "varchar"


_EVENTS: dict[str, tuple[str, Mapping[str, tuple[str, str]]]] = {
    "_sent": (events.SENT, {**_HEAD, **_TAIL}),
    "_open": (events.OPEN, {**_HEAD, **_UNIQUE, **_TAIL}),
    "_click": (
        events.CLICK,
        {
            **_HEAD,
            **{"URL": _detail("URL"), "LinkName": _detail("Alias"), "LinkContent": _detail("URL")},
            **_UNIQUE,
            **_TAIL,
        },
    ),
    "_bounce": (
        events.BOUNCE,
        {
            **_HEAD,
            **_UNIQUE,
            # Numbers of the categories [3].
            "BounceCategoryID": (
                "CASE WHEN {category} LIKE 'hard%' THEN 1 WHEN {category} LIKE 'soft%' THEN 2"
                " WHEN {category} LIKE 'block%' THEN 3 END".format(category="lower(e.details->>'$.BounceCategory')"),
                "int",
            ),
            "BounceCategory": _detail("BounceCategory"),
            "SMTPCode": ("TRY_CAST(e.details->>'$.SMTPCode' AS INTEGER)", "int"),
            "SMTPBounceReason": _detail("BounceReason"),
            "SMTPMessage": _detail("BounceReason"),
            **_TAIL,
        },
    ),
    "_unsubscribe": (events.UNSUBSCRIBE, {**_HEAD, **_UNIQUE, **_TAIL}),
    "_complaint": (events.COMPLAINT, {**_HEAD, **_UNIQUE, **_TAIL}),
}
_SUBSCRIBERS = {
    "SubscriberID": ("id", "bigint"),
    "SubscriberKey": ("key", "varchar"),
    "EmailAddress": ("email", "varchar"),
    "Domain": ("split_part(email, '@', 2)", "varchar"),
    "Status": ("lower(status)", "varchar"),  # active, held, unsubscribed, bounced [D]
    "SubscriberType": ("'Member'", "varchar"),
    "BounceCount": (
        "(SELECT count(*) FROM {catalog}.tracking.events e WHERE e.subscriber_id = s.id AND e.type = 'bounce')",
        "int",
    ),
    "DateUndeliverable": ("held", "datetime"),
    "DateJoined": ("created", "datetime"),
    "DateUnsubscribed": ("unsubscribed", "datetime"),
}
_JOB = {
    "JobID": ("ID", "bigint"),
    "AccountID": ("Client.ID", "bigint"),
    "EmailID": ("Email.ID", "bigint"),
    "EmailName": ("EmailName", "varchar"),
    "EmailSubject": ("Subject", "varchar"),
    "FromName": ("FromName", "varchar"),
    "FromEmail": ("FromAddress", "varchar"),
    "JobStatus": ("Status", "varchar"),
    "SchedTime": ("SendDate", "datetime"),
    "PickupTime": ("SendDate", "datetime"),
    "DeliveredTime": ("SentDate", "datetime"),
    "CreatedDate": ("CreatedDate", "datetime"),
}
SEND_KIND = "send"
"""The kind of the documents that are sends."""


def resolver(service: Service, connection: Connection, now: datetime) -> Resolve:
    """Finds what a query of the unit names, as it is in the connection's transaction."""

    def resolve(named: Named) -> Relation | None:
        holder = service.units.enterprise if named.shared else service
        if named.name.startswith("_"):
            return _view(service, holder, named.name.lower(), now)
        if holder is service:
            found = schema.by_property(connection, "Name", named.name)
        else:
            with holder.store.connect() as theirs:
                found = schema.by_property(theirs, "Name", named.name)
                if found is not None and not units.is_shared(theirs, found):
                    found = None
        return _of_data_extension(holder.store.catalog, found) if found else None

    return resolve


def _of_data_extension(catalog: str, found: DataExtension) -> Relation:
    shown = [f'{rows.ID} AS "_customobjectkey"']
    types = {"_customobjectkey": "bigint"}
    for field in found.fields:
        name = schema.folded(field.name)
        text = field.sql_type == "VARCHAR"
        shown.append(f"{field.column}{' COLLATE NOCASE' if text else ''} AS {_quoted(name)}")
        types[name] = "varchar" if text else _TYPES.get(field.type, f"decimal({field.max_length},{field.scale})")
    return Relation(f"SELECT {', '.join(shown)} FROM {_quoted(catalog)}.{rows.table(found)}", types)


def _view(service: Service, holder: Service, name: str, now: datetime) -> Relation | None:
    catalog, mid = _quoted(holder.store.catalog), holder.account.mid
    if name == "_subscribers":
        if holder.account.parent:
            return None
        source = f"{catalog}.tracking.subscribers s WHERE status <> '{subscribers.DELETED}'"
        columns = {column: (sql.format(catalog=catalog), kind) for column, (sql, kind) in _SUBSCRIBERS.items()}
        return _relation(columns, source)
    if holder is not service:
        return None  # the parent's events are the parent's
    if name == "_job":
        columns = {column: (_property(path, kind), kind) for column, (path, kind) in _JOB.items()}
        return _relation(columns, f"{catalog}.documents WHERE kind = '{SEND_KIND}'")
    if name not in _EVENTS:
        return None
    kind, columns = _EVENTS[name]
    first = "row_number() OVER (PARTITION BY send_id, subscriber_id ORDER BY moment, id) = 1 AS first"
    numbered = f"SELECT *, {first} FROM {catalog}.tracking.events WHERE type = '{kind}'"
    source = (
        f"({numbered}) e JOIN {catalog}.tracking.subscribers s ON s.id = e.subscriber_id"
        f" WHERE e.moment >= TIMESTAMP '{now.isoformat()}' - INTERVAL {_MONTHS} MONTH"
    )
    return _relation({column: (sql.format(mid=mid), kind) for column, (sql, kind) in columns.items()}, source)


def _property(path: str, kind: str) -> str:
    text = f"body->>'$.properties.\"{path}\"'"
    casts = {"bigint": "BIGINT", "datetime": "TIMESTAMP"}
    return f"TRY_CAST(nullif({text}, '') AS {casts[kind]})" if kind in casts else text


def _relation(columns: Mapping[str, tuple[str, str]], source: str) -> Relation:
    shown = [
        f"{sql if kind != 'varchar' else f'CAST({sql} AS VARCHAR) COLLATE NOCASE'} AS {_quoted(name.lower())}"
        for name, (sql, kind) in columns.items()
    ]
    types = {name.lower(): kind for name, (_, kind) in columns.items()}
    return Relation(f"SELECT {', '.join(shown)} FROM {source}", types)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
