"""What every declaration shares: strict keys, description and owners, and words that several kinds use.

What belongs here: bases and small types. What does not: any one kind of declaration.
"""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, field_validator

Pii = Literal["none", "identifier", "name", "contact", "profile"]
ColumnType = Literal["text", "integer", "decimal", "double", "boolean", "date", "timestamp"]

_OWNER = re.compile(r"team:[\w.-]+|[\w.+-]+@[\w-]+(\.[\w-]+)+")


class Declaration(BaseModel):
    """A declared thing; unknown keys are errors, so that a typing mistake cannot switch something off."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Documented(Declaration):
    """What every file says for the people who read it in the UI."""

    description: Annotated[str, Field(min_length=1)]
    owners: tuple[str, ...] = ()

    @field_validator("owners")
    @classmethod
    def _owner_form(cls, owners: tuple[str, ...]) -> tuple[str, ...]:
        for owner in owners:
            if not _OWNER.fullmatch(owner):
                raise ValueError(f"owner {owner!r} must be an e-mail address or team:name")
        return owners


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is no length of time; write for instance `90 seconds`, `15 minutes` or `1 day`")
    return timedelta(**{f"{found[2]}s": int(found[1])})


_DURATION = re.compile(r"(\d{1,6}) (second|minute|hour|day)s?")


def _said(duration: timedelta) -> str:
    """As it is written in a declaration: what the ledger keeps of one is read again."""
    seconds = int(duration.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}s"
    return f"{seconds} seconds"


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(_said, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_DURATION.pattern}$"}),
]
