"""The control endpoints `POST /sim/...`: making things happen in a running simulator. No part of ExactTarget.

What belongs here: who may ask, what the JSON means, what is answered. What does not: doing it (`tracking/events.py`,
`advance.py`), the command line (`remote.py` and each verb's own module).
The caller proves itself with the account's client id and secret (HTTP Basic), which lie 0600 in the data folder.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from et_platform.simulator import advance, clock
from et_platform.simulator.account import Account
from et_platform.simulator.faults.board import UnknownFault
from et_platform.simulator.faults.control import Order
from et_platform.simulator.sending import books
from et_platform.simulator.service import Units
from et_platform.simulator.tracking import events
from et_platform.simulator.units import NoAccess

ACT, ADVANCE, BOOKS, FAULT = "sim/act", "sim/advance", "sim/books", "sim/fault"

_KNOWN_DETAILS = {name for details in events.DETAILS.values() for name in details}


class Act(BaseModel):
    """What subscribers do. `mid` is the business unit, by default the enterprise; `events` gives subscriber keys
    per type; a naive `at` is server time [D]."""

    model_config = ConfigDict(extra="forbid")

    mid: str = ""
    events: dict[str, list[str]]
    at: datetime | None = None
    send_id: int = Field(1001, gt=0)
    batch_id: int = Field(1, gt=0)
    list_id: int = Field(1, gt=0)
    triggered_send: str = ""
    details: dict[str, str] = {}

    @field_validator("events")
    @classmethod
    def _known_types(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        unknown = sorted(value.keys() - set(events.TYPES))
        if unknown:
            raise ValueError(f"no such event: {', '.join(unknown)}; there are {', '.join(events.TYPES)}")
        if not any(value.values()):
            raise ValueError("no subscriber key was given")
        if any(not key.strip() for keys in value.values() for key in keys):
            raise ValueError("a subscriber key is empty")
        return value

    @field_validator("details")
    @classmethod
    def _known_details(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = sorted(value.keys() - _KNOWN_DETAILS)
        if unknown:
            raise ValueError(f"no such detail: {', '.join(unknown)}; there are {', '.join(sorted(_KNOWN_DETAILS))}")
        return value


class Advance(BaseModel):
    """By how much the clock is set forward, and the seed of the audience if it is not the setting's."""

    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(gt=0, le=100 * 366 * 86400)
    seed: int | None = None


class Books(BaseModel):
    """Whose events are counted: a business unit, by default the enterprise."""

    model_config = ConfigDict(extra="forbid")

    mid: str = ""


def credentials(account: Account) -> str:
    """The Authorization header of a caller."""
    pair = f"{account.client_id}:{account.client_secret}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def answer(units: Units, path: str, authorization: str, content: bytes) -> tuple[int, dict[str, Any]]:
    """Answer one request to a control endpoint: HTTP status and the JSON reply."""
    if not _proven(units.account, authorization):
        return 401, {"error": "the client id or secret is not that of this simulator"}
    kind, verb = VERBS[path]
    try:
        return 200, verb(units, kind.model_validate_json(content))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return 400, {"error": f"{place}: {first['msg']}" if place else first["msg"]}
    except (NoAccess, UnknownFault) as error:
        return 400, {"error": str(error)}


def _act(units: Units, wanted: Act) -> dict[str, Any]:
    service = units.service(wanted.mid or units.account.mid)
    at = clock.server_time(wanted.at) if wanted.at else clock.now()
    act = events.Act(
        wanted.events, at, wanted.send_id, wanted.batch_id, wanted.list_id, wanted.triggered_send, wanted.details
    )
    added = events.record(service.store, act)
    counts = {kind: len(wanted.events[kind]) for kind in events.TYPES if wanted.events.get(kind)}
    return {"events": counts, "at": clock.iso(at), "send_id": act.send_id, "new_subscribers": added}


def _advance(units: Units, wanted: Advance) -> dict[str, Any]:
    now, counts = advance.forward(units, wanted.seconds, wanted.seed)
    return {"now": clock.iso(now), "events": counts}


def _books(units: Units, wanted: Books) -> dict[str, Any]:
    return {"events": books.counted(units.service(wanted.mid or units.account.mid).store)}


VERBS: dict[str, tuple[type[BaseModel], Callable[[Units, Any], dict[str, Any]]]] = {
    ACT: (Act, _act),
    ADVANCE: (Advance, _advance),
    BOOKS: (Books, _books),
    FAULT: (Order, lambda units, order: order.carry_out(units.faults)),
}
"""The control endpoints: path, the body it takes, and what it does."""


def _proven(account: Account, authorization: str) -> bool:
    scheme, _, encoded = authorization.partition(" ")
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    expected = f"{account.client_id}:{account.client_secret}".encode()
    return scheme.lower() == "basic" and hmac.compare_digest(given, expected)
