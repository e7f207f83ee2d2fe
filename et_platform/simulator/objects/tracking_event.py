"""SentEvent, OpenEvent and the like: what happened to mail, event by event.

What belongs here: retrieving them, which properties each has [R], and the words of EventType [W]. What does not:
recording events (`tracking/events.py`), extracts of them (`extracts/tracking_files.py`), changes of status
(`subscriber_status_event.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from et_platform.simulator import clock, retrieval, store, table
from et_platform.simulator.tracking import events

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_PLACE, _MARK = "_position", "since_last_batch"
_BASE = ("Client.ID", "PartnerKey", "CreatedDate", "ModifiedDate", "ObjectID", "SendID", "SubscriberKey", "EventDate")
_NEXT = ("EventType", "TriggeredSendDefinitionObjectID", "BatchID")
_TYPES = {
    **dict.fromkeys(("CreatedDate", "ModifiedDate", "EventDate"), "Date"),
    **dict.fromkeys(("Client.ID", "SendID", "BatchID", "ListID", "URLID", "URLIDLong"), "Number"),
    "IsMasterUnsubscribed": "Boolean",
}
_CATEGORY = "lower(details->>'$.BounceCategory')"
_LINK = "CAST(hash(details->>'$.URL') % 1000000000 AS BIGINT)"  # as in extract files
# Beside the head; per property its SQL over an event and its subscriber.
_SQL = {
    "TriggeredSendDefinitionObjectID": "details->>'$.TriggeredSendDefinitionObjectID'",
    "ListID": "list_id",
    "URLID": _LINK,
    "URL": "details->>'$.URL'",
    "URLIDLong": _LINK,
    "SMTPCode": "details->>'$.SMTPCode'",
    "BounceCategory": "details->>'$.BounceCategory'",
    "SMTPReason": "details->>'$.BounceReason'",
    "BounceType": "'immediate'",  # [K]
    # Whether everything was left, and not one list alone [K].
    "IsMasterUnsubscribed": "coalesce(status = 'Unsubscribed' AND unsubscribed <= moment, false)",
}
_BOUNCED = (
    f"CASE WHEN {_CATEGORY} LIKE 'hard%' THEN 'HardBounce' WHEN {_CATEGORY} LIKE 'soft%' THEN 'SoftBounce'"
    " ELSE 'OtherBounce' END"
)


@dataclass(frozen=True)
class TrackingEvents:
    """One type of event: a handler, as the modules of other types are. `word` is the SQL of EventType."""

    SHAPE: retrieval.Shape
    kind: str
    word: str

    def retrieve(self, service: Service, query: retrieval.Query) -> retrieval.Page:
        """A page of events, in the order in which they were recorded; those of the last moments by a setting later."""
        delay = service.behaviour.event_delay_seconds
        latest = clock.now() - timedelta(seconds=delay) if delay else datetime.max  # noqa: DTZ901 - naive, as stored
        relation = (
            "SELECT e.id AS position, e.moment, e.send_id, e.batch_id, e.list_id, e.details, s.key, s.status,"
            " s.unsubscribed FROM tracking.events e JOIN tracking.subscribers s ON s.id = e.subscriber_id"
            f" WHERE e.type = '{self.kind}' AND e.moment <= TIMESTAMP '{latest.isoformat()}'"
        )
        head = {
            "Client.ID": service.account.mid,
            **dict.fromkeys(("CreatedDate", "ModifiedDate", "EventDate"), "moment"),
            "SendID": "send_id",
            "SubscriberKey": "key",
            "EventType": self.word,
            "BatchID": "batch_id",
        }
        columns = head | {name: _SQL[name] for name in self.SHAPE.order if name in _SQL}
        if query.since_last_batch and query.position is None:
            query = replace(query, position=self._mark(service))
        found, following = table.page(service, query, self.SHAPE, relation, columns | {_PLACE: "position"})
        if query.since_last_batch and found:
            self._set_mark(service, int(found[-1][_PLACE]), latest)
        asked = set(query.properties)
        return retrieval.Page([self.SHAPE.render(_lowered(one), asked) for one in found], following)

    def _mark(self, service: Service) -> int:
        """Up to which event earlier calls of RetrieveAllSinceLastBatch have got; one mark per unit and type [K]."""
        with service.store.connect() as connection:
            kept = store.get(connection, _MARK, self.kind)
        return kept["position"] if kept else 0

    def _set_mark(self, service: Service, position: int, latest: datetime) -> None:
        """Move the mark with every page that is served: should the reply be lost, so are its rows [D].

        It stays before the first event that does not show yet: some may come twice, none is passed over [K].
        """
        with service.store.transaction() as connection:
            hidden = connection.execute(
                "SELECT min(id) FROM tracking.events WHERE type = ? AND moment > ?", [self.kind, latest]
            ).fetchone()
            if hidden is not None and hidden[0] is not None:
                position = min(position, hidden[0] - 1)
            store.put(connection, _MARK, self.kind, {"position": position})


def _lowered(event: dict[str, str]) -> dict[str, str]:
    return {name: text.lower() if name == "IsMasterUnsubscribed" else text for name, text in event.items()}


def _events(object_type: str, kind: str, word: str, *own: str) -> TrackingEvents:
    shape = retrieval.Shape(object_type, (*_BASE, *_NEXT, *own), _TYPES, plain=frozenset({"Client"}))
    return TrackingEvents(shape, kind, word)


SENT = _events("SentEvent", events.SENT, "'Sent'", "ListID")
NOT_SENT = _events("NotSentEvent", events.NOT_SENT, "'NotSent'")
OPEN = _events("OpenEvent", events.OPEN, "'Open'")
CLICK = _events("ClickEvent", events.CLICK, "'Click'", "URLID", "URL", "URLIDLong")
BOUNCE = _events("BounceEvent", events.BOUNCE, _BOUNCED, "SMTPCode", "BounceCategory", "SMTPReason", "BounceType")
UNSUB = _events("UnsubEvent", events.UNSUBSCRIBE, "'Unsubscribe'", "IsMasterUnsubscribed")
