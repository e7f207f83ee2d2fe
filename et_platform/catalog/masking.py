"""How a value may be shown to people, by what its field says of persons.

What belongs here: one function that plans and timelines share. What does not: which values are shown.
"""

from datetime import date, datetime
from typing import Any

from et_platform.catalog.base import Pii

_LONGEST = 200


def masked(value: Any, pii: Pii) -> str:
    """A value as it may be shown: whole if it is about nobody, else its first sign and its length."""
    if value is None:
        return "empty"
    text = f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
    if pii == "none":
        return text if isinstance(value, bool | int | float | date) or len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"{text[:1]}… ({len(text)})"
