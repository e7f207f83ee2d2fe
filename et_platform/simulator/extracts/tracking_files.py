"""The content of a tracking extract: one delimited file per chosen type, in a ZIP.

What belongs here: the columns of each type [R][D] and the events of a window. What does not: the ZIP's way into the
Export folder (`worker.py`). The order of columns is the documented one, which is not guaranteed.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.extracts import delimited
from et_platform.simulator.extracts.delimited import Format
from et_platform.simulator.faults import late
from et_platform.simulator.queries.relations import SEND_KIND
from et_platform.simulator.sending.triggered import DEFINITION
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking import events, subscribers

_BATCH = 20_000

# Per column its SQL over an event `e` and its subscriber `s`.
_HEAD = {
    "ClientID": "{mid}",
    "SendID": "e.send_id",
    "SubscriberKey": "s.key",
    "EmailAddress": "s.email",
    "SubscriberID": "s.id",
    "ListID": "e.list_id",
    "EventDate": "{date}",
    "EventType": "'{word}'",
}
_TAIL = {"BatchID": "e.batch_id", "TriggeredSendExternalKey": "e.triggered_send"}


def _details(*names: str) -> dict[str, str]:
    return {name: f"e.details->>'$.{name}'" for name in names}


def _flag(name: str, expression: str) -> dict[str, str]:
    return {name: f"CASE WHEN {expression} THEN 'True' ELSE 'False' END"}


# The address of a link stands for its ids: the same link has the same ids in every file.
_LINK = {
    "SendURLID": "CAST(hash(e.send_id, e.details->>'$.URL') % 1000000000 AS BIGINT)",
    "URLID": "CAST(hash(e.details->>'$.URL') % 1000000000 AS BIGINT)",
} | _details("URL", "Alias")
_FIRST, _FIRST_OF_LINK = _flag("IsUnique", "e.first"), _flag("IsUniqueForURL", "e.first_of_link")
_DEVICE = _details(*events.DEVICE)

COLUMNS = {
    "Sent": _HEAD | _TAIL | _details("CampaignID"),
    "Opens": _HEAD | _TAIL | _FIRST | _DEVICE,
    "Clicks": _HEAD | _LINK | _TAIL | _FIRST | _FIRST_OF_LINK | _DEVICE,
    "Bounces": _HEAD | _details("BounceCategory", "SMTPCode", "BounceReason") | _TAIL,
    "Unsubs": _HEAD | _TAIL | _details("UnsubReason"),
    "NotSent": {name: sql for name, sql in _HEAD.items() if name != "SubscriberKey"}
    | _TAIL
    | {"SubscriberKey": _HEAD["SubscriberKey"]}
    | _details("Reason"),
}
"""Per file of events its columns [R]. UnsubReason is there only with IncludeUnsubReason [D]."""

# The word in EventType: files say `Bounce` [D], the others follow the enumeration of the WSDL [W].
_EVENTS = {
    "Sent": (events.SENT, "Sent"),
    "Opens": (events.OPEN, "Open"),
    "Clicks": (events.CLICK, "Click"),
    "Bounces": (events.BOUNCE, "Bounce"),
    "Unsubs": (events.UNSUBSCRIBE, "Unsubscribe"),
    "NotSent": (events.NOT_SENT, "NotSent"),
}

_SUBSCRIBERS = {
    "ClientID": "{mid}",
    "SubscriberKey": "key",
    "EmailAddress": "email",
    "SubscriberID": "id",
    "Status": "status",
    "DateHeld": "held",
    "DateCreated": "created",
    "DateUnsubscribed": "unsubscribed",
}

_TOLD = "j.body->>'$.properties.\"{}\"'"
# Per column of SendJobs its SQL over the document of a send and the triggered send definition that it is of, if any.
SEND_JOBS = {
    "ClientID": "{mid}",
    "SendID": "j.body->>'$.number'",
    "FromName": _TOLD.format("FromName"),
    "FromEmail": _TOLD.format("FromAddress"),
    "SchedTime": _TOLD.format("SendDate"),
    "SentTime": _TOLD.format("SentDate"),
    "Subject": _TOLD.format("Subject"),
    "EmailName": _TOLD.format("EmailName"),
    "TriggeredSendExternalKey": "t.body->>'$.properties.CustomerKey'",
    "SendDefinitionExternalKey": _TOLD.format("EmailSendDefinition.CustomerKey"),
    "JobStatus": _TOLD.format("Status"),
    "PreviewURL": _TOLD.format("PreviewURL"),
    "IsMultiPart": f"CASE WHEN lower({_TOLD.format('IsMultipart')}) = 'true' THEN 'True' ELSE 'False' END",
    "Additional": _TOLD.format("Additional"),
}


def write(
    connection: Connection,
    target: Path,
    task: dict[str, Any],
    mid: str,
    behaviour: Behaviour,
    go_on: Callable[[], None],
) -> bool:
    """Write the ZIP; False when there is to be none. `go_on` is called now and then, and may raise.

    The entries bear the time of the request, so that a run after a crash writes the same bytes.
    """
    order = task["order"]
    requested = datetime.fromisoformat(task["requested"])
    empty = True
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in order["types"]:
            columns, rows = _content(connection, name, order, order.get("accounts") or {mid: ""})
            first = next(rows, None)
            if first is None and behaviour.extract_empty_files != "header":
                continue
            empty = empty and first is None
            step = -1 if behaviour.extract_column_order == "reversed" else 1
            entry = zipfile.ZipInfo(f"{name}.csv", requested.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                shown = (row[::step] for row in _all(first, rows, go_on))
                delimited.write(file, Format(**order["format"]), columns[::step], shown)
    return not (empty and behaviour.extract_empty_files == "no_file")


def _all(first: tuple[Any, ...] | None, rows: Iterator[tuple[Any, ...]], go_on: Callable[[], None]) -> Iterator[Any]:
    if first is None:
        return
    yield first
    for number, row in enumerate(rows):
        if number % _BATCH == 0:
            go_on()
        yield row


def _content(
    connection: Connection, name: str, order: dict[str, Any], accounts: dict[str, str]
) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """The columns of a file, and its rows, of one business unit after the other."""

    def rows() -> Iterator[tuple[Any, ...]]:
        for mid, catalog in accounts.items():
            if catalog:
                connection.execute(f'USE "{catalog}"')
            yield from _of_unit(connection, name, order, mid)

    return _columns(name, order), rows()


def _columns(name: str, order: dict[str, Any]) -> list[str]:
    if name == "Subscribers":
        return list(_SUBSCRIBERS)
    if name == "SendJobs":
        return list(SEND_JOBS)
    return [column for column in COLUMNS[name] if column != "UnsubReason" or order["unsub_reason"]]


def _of_unit(connection: Connection, name: str, order: dict[str, Any], mid: str) -> Iterator[tuple[Any, ...]]:
    if name == "Subscribers":
        shown = [
            _date(sql, order) if column.startswith("Date") else sql.format(mid=mid)
            for column, sql in _SUBSCRIBERS.items()
        ]
        found = connection.execute(
            f"SELECT {', '.join(shown)} FROM tracking.subscribers WHERE status <> '{subscribers.DELETED}' ORDER BY id"
        )
        return _fetched(found)
    if name == "SendJobs":
        return _send_jobs(connection, order, mid)
    kind, word = _EVENTS[name]
    shown = [
        COLUMNS[name][column].format(mid=mid, word=word, date=_date("e.moment", order))
        for column in _columns(name, order)
    ]
    # What is first is judged over all events, not only those of the window.
    numbered = (
        "SELECT *, row_number() OVER (PARTITION BY send_id, subscriber_id ORDER BY moment, id) = 1 AS first,"
        " row_number() OVER (PARTITION BY send_id, subscriber_id, details->>'$.URL' ORDER BY moment, id) = 1"
        " AS first_of_link FROM tracking.events WHERE type = ?"
    )
    end = "<=" if order["inclusive_end"] else "<"
    sends = f" AND e.send_id IN ({', '.join(map(str, order['send_ids']))})" if order["send_ids"] else ""
    found = connection.execute(
        f"SELECT {', '.join(shown)} FROM ({numbered}) e JOIN tracking.subscribers s ON s.id = e.subscriber_id"
        f" WHERE (e.moment >= ? AND e.moment {end} ?{sends} AND NOT list_contains(?, e.id) OR list_contains(?, e.id))"
        " ORDER BY e.moment, e.id",
        [kind, datetime.fromisoformat(order["start"]), datetime.fromisoformat(order["end"]), *late.of(order, mid)],
    )
    return _fetched(found)


def _send_jobs(connection: Connection, order: dict[str, Any], mid: str) -> Iterator[tuple[Any, ...]]:
    """The sends of the window: jobs, not what came of them."""
    moments = {name: f"TRY_CAST({SEND_JOBS[name]} AS TIMESTAMP)" for name in ("SchedTime", "SentTime")}
    shown = [
        _date(moments[name], order) if name in moments else sql.replace("{mid}", mid) for name, sql in SEND_JOBS.items()
    ]
    decisive, end = moments[order["send_jobs_by"]], "<=" if order["inclusive_end"] else "<"
    number = "CAST(j.body->>'$.number' AS BIGINT)"
    sends = f" AND {number} IN ({', '.join(map(str, order['send_ids']))})" if order["send_ids"] else ""
    found = connection.execute(
        f"SELECT {', '.join(shown)} FROM documents j LEFT JOIN documents t ON t.kind = '{DEFINITION}'"
        f" AND (t.body->>'$.job') = (j.body->>'$.id') WHERE j.kind = '{SEND_KIND}'"
        f" AND {decisive} >= ? AND {decisive} {end} ?{sends} ORDER BY {number}",
        [datetime.fromisoformat(order["start"]), datetime.fromisoformat(order["end"])],
    )
    return _fetched(found)


def _date(column: str, order: dict[str, Any]) -> str:
    """`M/d/yyyy h:mm:ss AM` in server time [D], cut off at the second; IncludeMilliseconds appends `.fff` to it [K]."""
    fraction = ".%g" if order["milliseconds"] else ""
    return f"strftime({column}, '%-m/%-d/%Y %-I:%M:%S{fraction} %p')"


def _fetched(found: Connection) -> Iterator[tuple[Any, ...]]:
    while batch := found.fetchmany(_BATCH):
        yield from batch
