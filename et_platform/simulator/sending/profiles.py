"""What a send is made of: its e-mail, classification and sender profile, found by whatever names them.

What belongs here: those that every account has from the start, and following a definition's references. What does
not: creating and retrieving them (`objects/`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from et_platform.simulator import clock, store
from et_platform.simulator.results import Refused
from et_platform.simulator.store import Connection, Store

EMAIL, SENDER_PROFILE, SEND_CLASSIFICATION = "email", "sender_profile", "send_classification"
"""The kinds of these documents."""

OPERATIONAL, MARKETING = CLASSES = ("Operational", "Marketing")
"""Classifications [W]; a Marketing one honours that people unsubscribed."""

# Every account has one of each; keys and words are [K].
_PROFILE = {"CustomerKey": "Default", "Name": "Default", "FromName": "Sender", "FromAddress": "sender@example.com"}
_CLASSES = {MARKETING: "Default Commercial", OPERATIONAL: "Default Transactional"}


def seed(own: Store, mid: str) -> None:
    """Give a new unit its default sender profile and classifications; those that are there stay as they are."""
    with own.definitions, own.transaction() as connection:
        if store.find(connection, SEND_CLASSIFICATION):
            return
        now = clock.iso(clock.now())
        profile_id = f"profile-{mid}"
        every = {"Client.ID": mid, "CreatedDate": now, "ModifiedDate": now, "Description": ""}
        profile = every | {"ObjectID": profile_id} | _PROFILE
        store.put(connection, SENDER_PROFILE, profile_id, {"object_id": profile_id, "properties": profile})
        for kind, name in _CLASSES.items():
            object_id = f"classification-{kind.lower()}-{mid}"
            properties = every | {
                "ObjectID": object_id,
                "CustomerKey": name,
                "Name": name,
                "SendClassificationType": kind,
                "SenderProfile.CustomerKey": _PROFILE["CustomerKey"],
                "SenderProfile.ObjectID": profile_id,
            }
            store.put(connection, SEND_CLASSIFICATION, object_id, {"object_id": object_id, "properties": properties})


def named(connection: Connection, kind: str, properties: dict[str, str], name: str) -> dict[str, Any] | None:
    """The document that `name.ID`, `name.ObjectID` or `name.CustomerKey` of a definition means; None when none does."""
    for identity in ("ID", "ObjectID", "CustomerKey"):
        given = properties.get(f"{name}.{identity}", "")
        if given:
            condition = f"lower(rtrim(body->>'$.properties.{identity}', ' ')) = lower(rtrim(?, ' '))"
            found = store.find(connection, kind, condition, [given])
            return found[0] if found else None
    return None


def follow(
    connection: Connection, properties: dict[str, str], name: str, kind: str, code: int, *, needed: bool = True
) -> None:
    """Let a reference say both how it was given and what else identifies its object. Raises Refused with `code`."""
    given = any(properties.get(f"{name}.{identity}") for identity in ("ID", "ObjectID", "CustomerKey"))
    if not given and not needed:
        return
    found = named(connection, kind, properties, name)
    if found is None:
        raise Refused(code, f"{name} {'was not found' if given else 'is required'}.")
    for identity in ("ID", "ObjectID", "CustomerKey"):
        if identity in found["properties"]:
            properties[f"{name}.{identity}"] = found["properties"][identity]


@dataclass(frozen=True)
class Content:
    """What a send tells of itself: properties of its Send, and whether its classification is Operational."""

    told: dict[str, str]
    operational: bool


def content(connection: Connection, properties: dict[str, str]) -> Content:
    """What a definition's e-mail, classification and profile say as they are now. Raises Refused without an e-mail."""
    email = named(connection, EMAIL, properties, "Email")
    if email is None:
        raise Refused(2, "The Email of the definition was not found.")
    classification = named(connection, SEND_CLASSIFICATION, properties, "SendClassification")
    own = classification["properties"] if classification else {}
    profile = named(connection, SENDER_PROFILE, properties, "SenderProfile") or named(
        connection, SENDER_PROFILE, own, "SenderProfile"
    )
    sender = profile["properties"] if profile else {}
    told = {
        "Email.ID": email["properties"]["ID"],
        "Email.ObjectID": email["object_id"],
        "EmailName": email["properties"]["Name"],
        "Subject": properties.get("EmailSubject") or email["properties"].get("Subject", ""),
        "FromName": properties.get("FromName") or sender.get("FromName", ""),
        "FromAddress": properties.get("FromAddress") or sender.get("FromAddress", ""),
        "IsMultipart": properties.get("IsMultipart", "false"),
    }
    return Content(told, own.get("SendClassificationType") == OPERATIONAL)
