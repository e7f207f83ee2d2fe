"""Events: what subscribers did, recorded.

What belongs here: the types, what each may tell beside subscriber and moment, and recording them.
What does not: status of subscribers (`subscribers.py`), the columns of files (`extracts/tracking_files.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from et_platform.simulator import clock
from et_platform.simulator.store import Store
from et_platform.simulator.tracking import subscribers

SENT, OPEN, CLICK, BOUNCE, COMPLAINT, UNSUBSCRIBE = TYPES = (
    *("sent", "open", "click", "bounce", "complaint", "unsubscribe"),
)
"""The types, in the order in which one act records them: nobody opens what was not sent."""

NOT_SENT = "not_sent"
"""Recorded by sends alone: who was meant and not mailed; `Reason` says why."""

PROFILE = "profile"
"""Recorded by the audience alone: who edited what, `DataExtension`, `Field` and `Value`; of no send."""

# What a tracking extract tells about the place and device of opens and clicks [R]; the values are made up.
DEVICE = {
    "IpAddress": "192.0.2.10",
    "Country": "US",
    "Region": "IN",
    "City": "Indianapolis",
    "Latitude": "39.7684",
    "Longitude": "-86.1581",
    "MetroCode": "527",
    "AreaCode": "317",
    "Browser": "Chrome",
    "EmailClient": "Gmail",
    "OperatingSystem": "Windows 10",
    "Device": "PC",
}
DETAILS: dict[str, dict[str, str]] = {
    SENT: {"CampaignID": ""},
    OPEN: DEVICE,
    CLICK: {"URL": "https://www.example.com/", "Alias": ""} | DEVICE,
    # Words and numbers of the bounce categories [3]; the reason is made up.
    BOUNCE: {"BounceCategory": "Hard bounce", "SMTPCode": "550", "BounceReason": "5.1.1 User unknown"},
    COMPLAINT: {},
    UNSUBSCRIBE: {"UnsubReason": ""},
}
"""Per type the columns that are its own, with what is recorded when nothing is said."""


@dataclass(frozen=True)
class Act:
    """What happens at one moment, for one send: keys per type, and details that differ from the usual ones."""

    keys: Mapping[str, Sequence[str]]
    at: datetime
    send_id: int = 1001
    batch_id: int = 1
    list_id: int = 1
    triggered_send: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


def record(store: Store, act: Act) -> list[str]:
    """Record the act, all or nothing; gives the keys of subscribers that were not known before."""
    added: list[str] = []
    with store.lock(subscribers.LOCK), store.transaction() as connection:
        for kind in TYPES:
            keys = act.keys.get(kind, ())
            if not keys:
                continue
            added += subscribers.known(connection, keys, clock.now())
            details = {name: act.details.get(name, usual) for name, usual in DETAILS[kind].items()}
            connection.execute(
                "INSERT INTO tracking.events SELECT nextval('tracking.event_id'), ?, ?, ?, ?, ?, id, ?, ?"
                f" FROM (SELECT id FROM {subscribers.ACTING} ORDER BY place)",
                [kind, act.at, act.send_id, act.batch_id, act.list_id, act.triggered_send, json.dumps(details)],
            )
            if kind in (COMPLAINT, UNSUBSCRIBE):  # who complains is mailed no more [K]
                subscribers.unsubscribe(connection, act.at)
            elif kind == BOUNCE:
                subscribers.bounce(connection)
    return added
