"""One entry of a timeline, and how values are masked in it.

What belongs here: the value, and what may be shown of a person. What does not: where entries come from.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from et_platform.catalog.models import Pii

Kind = Literal["snapshot", "change set", "import", "acknowledged", "quarantine", "event", "write-back", "consent"]

_LONGEST = 200


@dataclass(frozen=True)
class Moment:
    """Something that happened to the row at a time (aware, UTC); `text` holds no personal data."""

    at: datetime
    kind: Kind
    text: str
    run_id: str | None = None


def masked(value: Any, pii: Pii) -> str:
    """A value as it may be shown: whole if it is about nobody, else its first sign and its length."""
    if value is None:
        return "empty"
    text = f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
    if pii == "none":
        return text if isinstance(value, bool | int | float | date) or len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"{text[:1]}… ({len(text)})"
