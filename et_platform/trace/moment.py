"""One entry of a timeline.

What belongs here: the value. What does not: where entries come from, and what may be shown (catalog/masking.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["snapshot", "change set", "import", "acknowledged", "quarantine", "event", "write-back", "consent"]


@dataclass(frozen=True)
class Moment:
    """Something that happened to the row at a time (aware, UTC); `text` holds no personal data."""

    at: datetime
    kind: Kind
    text: str
    run_id: str | None = None
