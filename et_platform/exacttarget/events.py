"""Events of mail: who was sent what, opened, clicked, bounced, left.

Belongs here: reading SentEvent and the like as a stream to Arrow. Does not: extracts, the documented way for many
events [D] (`extracts.py`), changes of status (`subscribers.py`). A key never stands in an error.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

import lxml.etree as etree
import pyarrow as pa

from et_platform.exacttarget.errors import MalformedReply
from et_platform.exacttarget.faults import API
from et_platform.exacttarget.models import SERVER_TIME
from et_platform.exacttarget.server_time import read_server_time
from et_platform.exacttarget.soap import MOST_RESULTS, Soap

EventKind = Literal["Sent", "Open", "Click", "Bounce", "Unsub", "NotSent"]

_COMMON = ("SubscriberKey", "EventDate", "SendID", "BatchID", "EventType")
_OWN: dict[EventKind, tuple[str, ...]] = {
    "Sent": ("ListID", "TriggeredSendDefinitionObjectID"),
    "Open": (),
    "Click": ("URL",),
    "Bounce": ("BounceCategory", "BounceType"),
    "Unsub": ("IsMasterUnsubscribed",),
    "NotSent": (),
}
_NUMBERS, _DATE, _FLAG = ("SendID", "BatchID", "ListID"), "EventDate", "IsMasterUnsubscribed"


def columns(kind: EventKind) -> pa.Schema:
    """The columns of a kind of event: what is verified to be retrievable of it [R]."""
    types = {**dict.fromkeys(_NUMBERS, pa.int64()), _DATE: pa.timestamp("us", "UTC"), _FLAG: pa.bool_()}
    return pa.schema([(name, types.get(name, pa.string())) for name in (*_COMMON, *_OWN[kind])])


class Events:
    """The events of the business unit. Every method raises what `Soap.call` raises."""

    def __init__(self, soap: Soap):
        self._soap = soap

    def read(
        self,
        *,
        kind: EventKind,
        since: datetime | None = None,
        until: datetime | None = None,
        send_id: int | None = None,
        subscriber_key: str | None = None,
        batch_size: int = MOST_RESULTS,
    ) -> Iterator[pa.RecordBatch]:
        """Read events, one record batch (see `columns`) for each page, in the service's order.

        `since` is included and `until` is not, both aware; conditions that are given must all hold. Times come in
        UTC. Events are shown late, clicks by minutes [3]: end windows in the past, or read them again. Raises
        ReadInterrupted if a page is lost, and what was given out is then not the whole; MalformedReply for an event
        whose date or number cannot be read.
        """
        given = [(name, value) for name, value in (("since", since), ("until", until)) if value is not None]
        if naive := [name for name, value in given if value.tzinfo is None]:
            raise ValueError(f"{' and '.join(naive)} must be aware: without a time zone nobody knows when that is")
        what, schema = f"Reading {kind.lower()} events", columns(kind)
        pages = self._soap.pages(
            f"{kind}Event",
            schema.names,
            what=what,
            where=self._where(since, until, send_id, subscriber_key),
            batch_size=batch_size,
            hide_values=True,
        )
        for page in pages:
            batch = _batch(page, schema, what)
            if batch.num_rows:
                yield batch

    def _where(
        self, since: datetime | None, until: datetime | None, send_id: int | None, subscriber_key: str | None
    ) -> Any:
        """All conditions, joined by AND; dates go into DateValue [D], as server time with its offset."""
        part = self._soap.types.SimpleFilterPart
        parts: list[Any] = []
        for operator, moment in (("greaterThanOrEqual", since), ("lessThan", until)):
            if moment is not None:
                moment = moment.astimezone(SERVER_TIME)
                parts.append(part(Property=_DATE, SimpleOperator=operator, DateValue=[moment]))
        if send_id is not None:
            parts.append(self._soap.equals("SendID", send_id))
        if subscriber_key is not None:
            parts.append(self._soap.equals("SubscriberKey", subscriber_key))
        where = parts.pop() if parts else None
        while parts:
            where = self._soap.types.ComplexFilterPart(
                LeftOperand=parts.pop(), LogicalOperator="AND", RightOperand=where
            )
        return where


def _batch(page: etree._Element, schema: pa.Schema, what: str) -> pa.RecordBatch:
    tags = [f"{{{API}}}{name}" for name in schema.names]
    rows = [[one.findtext(tag) or None for tag in tags] for one in page.iterchildren(f"{{{API}}}Results")]
    texts: Sequence[Sequence[str | None]] = [*zip(*rows, strict=True)] if rows else [()] * len(tags)
    arrays = [
        pa.array([_value(text, field.name, what) for text in column], field.type)
        for field, column in zip(schema, texts, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _value(text: str | None, name: str, what: str) -> object:
    if text is None:
        return None
    if name == _DATE:
        found = read_server_time(text)
    elif name in _NUMBERS:
        found = int(text) if text.strip().lstrip("-").isdecimal() and len(text) < 19 else None
    elif name == _FLAG:
        found = {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower())
    else:
        return text
    if found is None:
        raise MalformedReply(
            f"{what}: an event has a {name} that cannot be read. Read again; if it lasts, use an extract."
        )
    return found
