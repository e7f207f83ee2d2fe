"""Hand-made tracking archives, as ExactTarget's documentation describes them."""

import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

HEAD = ("ClientID", "SendID", "SubscriberKey", "EmailAddress", "SubscriberID", "ListID", "EventDate", "EventType")
TAIL = ("BatchID", "TriggeredSendExternalKey")
PLACE = ("IpAddress", "Country", "Region", "City", "Latitude", "Longitude", "MetroCode", "AreaCode")
DEVICE = ("Browser", "EmailClient", "OperatingSystem", "Device")
HEADERS: Mapping[str, tuple[str, ...]] = {
    "Unsubs": (*HEAD, *TAIL, "UnsubReason"),
    "Opens": (*HEAD, *TAIL, "IsUnique", *PLACE, *DEVICE),
    "Clicks": (*HEAD, "SendURLID", "URLID", "URL", "Alias", *TAIL, "IsUnique", "IsUniqueForURL", *PLACE, *DEVICE),
    "Bounces": (*HEAD, "BounceCategory", "SMTPCode", "BounceReason", *TAIL),
    "Sent": (*HEAD, *TAIL, "CampaignID"),
}
USUAL = {
    "ClientID": "7",
    "SendID": "100",
    "SubscriberID": "1",
    "ListID": "2",
    "EventDate": "11/1/2026 6:00:00 PM",
    "BatchID": "1",
    "IsUnique": "True",
    "IsUniqueForURL": "True",
    "URL": "https://shop.example/",
}

Event = Mapping[str, str]


def event(key: str, **values: str) -> dict[str, str]:
    return {**USUAL, "SubscriberKey": key, "EmailAddress": f"{key}@people.example", **values}


def text(member: str, events: Sequence[Event], *, delimiter: str = ",", header: Sequence[str] | None = None) -> str:
    columns = header or HEADERS[member]
    lines = [delimiter.join(columns)]
    lines += [delimiter.join(f'"{one.get(column, "")}"' for column in columns) for one in events]
    return "".join(f"{line}\r\n" for line in lines)


def archive(members: Mapping[str, str | bytes]) -> bytes:
    """A ZIP with these members, the same bytes for the same members."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in members.items():
            content.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def tracking(**events: Sequence[Event]) -> bytes:
    """An archive with all five members; those that are not given hold only their header."""
    return archive({f"{member}.csv": text(member, events.get(member, ())) for member in HEADERS})


def put(folder: Path, name: str, content: bytes, *, mtime: int | None = None) -> Path:
    path = folder / name
    path.write_bytes(content)
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path
