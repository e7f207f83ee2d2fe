"""What a data extension is besides its fields: to whom a row belongs, how long rows stay, how and when it is fed.

What belongs here: `sendable`, `retention`, `mapping` and `schedule`, and what each can get wrong alone. What does not:
how ExactTarget is told (outbound/schema.py), and how Dagster is (defs/jobs.py).
"""

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from et_platform.catalog.base import Declaration

ReadBack = Literal["by_size", "look_up", "retrieve", "extract"]
"""How rows are read back whose import proves too little."""

Mapping = Literal["infer", "ordinal", "manual"]
"""How an import finds the field of a column: by its heading, by its place, by a list of both names."""

_RANGES = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_PART = re.compile(r"(\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")


class Sendable(Declaration):
    """The relationship that makes a data extension an audience: `field` names the subscriber, by key.

    ExactTarget knows the address, too; but who is out is known by key, and an address may be that of several.
    """

    field: str
    subscriber: Literal["Subscriber Key"] = "Subscriber Key"


class Retention(Declaration):
    """How long ExactTarget keeps rows: each for itself, or all of them until the period ends.

    A row that retention took away counts as acknowledged here: it is sent again when it changes, not before.
    """

    length: Annotated[int, Field(ge=1, le=999)]
    unit: Literal["Days", "Weeks", "Months", "Years"]
    row_based: bool = True
    reset_on_import: bool = False


class Schedule(Declaration):
    """When the whole road of the data extension runs: a cron expression of five parts, in a time zone."""

    cron: str
    timezone: str = "UTC"

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str) -> str:
        parts = cron.split()
        if len(parts) != len(_RANGES):
            raise ValueError(f"{cron!r} must have five parts: minute, hour, day, month, weekday, as in `30 5 * * *`")
        for part, (name, low, high) in zip(parts, _RANGES, strict=True):
            for one in part.split(","):
                found = _PART.fullmatch(one)
                numbers = [int(number) for number in found.groups()[1:3] if number] if found else []
                if found is None or found[4] == "0" or not all(low <= number <= high for number in numbers):
                    raise ValueError(f"{one!r} is no {name}: write {low} to {high}, a-b, */n or *, with commas between")
                if len(numbers) == 2 and numbers[0] > numbers[1]:
                    raise ValueError(f"{one!r}: a range of {name}s goes up")
        return cron

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"there is no time zone {timezone!r}; write one such as America/Chicago or UTC") from None
        return timezone
