"""The events that ExactTarget's tracking extract reports, and their columns, under ExactTarget's own names.

What belongs here: which columns each type has, of which kind, and which of them tell one event from another. What
does not: reading files (ingest) and tables (warehouse).
"""

from typing import Literal, get_args

EventType = Literal["unsubscribe", "open", "click", "bounce", "sent"]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)

Kind = Literal["integer", "number", "boolean", "text", "time"]
SQL_TYPES: dict[Kind, str] = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "text": "VARCHAR",
    "time": "TIMESTAMPTZ",
}

SERVER_TIME_HOURS = -6
"""Times in extracts are server time: UTC−6 all year, without daylight saving."""

_HEAD: dict[str, Kind] = {
    "ClientID": "integer",
    "SendID": "integer",
    "SubscriberKey": "text",
    "EmailAddress": "text",
    "SubscriberID": "integer",
    "ListID": "integer",
    "EventDate": "time",
    "EventType": "text",
    "BatchID": "integer",
    "TriggeredSendExternalKey": "text",
}
_PLACE_AND_DEVICE: dict[str, Kind] = {
    "IpAddress": "text",
    "Country": "text",
    "Region": "text",
    "City": "text",
    "Latitude": "number",
    "Longitude": "number",
    "MetroCode": "text",
    "AreaCode": "text",
    "Browser": "text",
    "EmailClient": "text",
    "OperatingSystem": "text",
    "Device": "text",
}
COLUMNS: dict[EventType, dict[str, Kind]] = {
    "unsubscribe": {**_HEAD, "UnsubReason": "text"},
    "open": {**_HEAD, "IsUnique": "boolean", **_PLACE_AND_DEVICE},
    "click": {
        **_HEAD,
        "SendURLID": "integer",
        "URLID": "integer",
        "URL": "text",
        "Alias": "text",
        "IsUnique": "boolean",
        "IsUniqueForURL": "boolean",
        **_PLACE_AND_DEVICE,
    },
    "bounce": {**_HEAD, "BounceCategory": "text", "SMTPCode": "text", "BounceReason": "text"},
    "sent": {**_HEAD, "CampaignID": "text"},
}

_KEYS: dict[EventType, tuple[str, ...]] = {
    "click": ("URL",),
    # Leaving one list and leaving all of them may be reported at the same second.
    "unsubscribe": ("ListID",),
}
_KEY = ("ClientID", "SendID", "SubscriberKey", "EventDate", "BatchID")


def key_of(event_type: EventType) -> tuple[str, ...]:
    """The columns that tell one event from another: ExactTarget's own “soft keys”. A file must have them all.

    They are called soft because events may be alike in them: see `may_repeat`.
    """
    return (*_KEY, *_KEYS.get(event_type, ()))


def may_repeat(event_type: EventType) -> bool:
    """Whether equal keys in one file are as many events: somebody who clicks thrice in a second did so three times.

    Not so an opt-out: who left a list at a moment has left it, however often it is said, and is told once of it.
    """
    return event_type != "unsubscribe"
