"""The shape of extracts/*.yaml: what is asked for, by which windows, and which files answer.

What belongs here: the pydantic model and the rules that one file can break alone. What does not: asking and taking
(inbound), and the columns of events (tracking.py).
"""

from collections.abc import Iterable
from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, model_validator

from et_platform.catalog.models import Declaration, Documented
from et_platform.catalog.tracking import EVENT_TYPES, EventType


class Unsubscribes(Declaration):
    """Which unsubscribes are from everything that a business unit sends; all others are from one list alone.

    `all_subscribers`: the ListIDs of the unit's All Subscribers (Email Studio shows a list's ID among its properties);
    an unsubscribe that names no list is one from there. `units`: further business units (MIDs) whose unsubscribes hold
    in this one: those whose Master Unsubscribe Behavior says the whole enterprise.
    """

    all_subscribers: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)]
    units: tuple[Annotated[int, Field(gt=0)], ...] = ()


class Extract(Documented):
    """extracts/<name>.yaml: a tracking extract that is asked for by daily window, in ExactTarget's server time.

    `first_window` is the first day that is wanted. A new platform asks for yesterday and goes on from there; earlier
    days are asked for once somebody asks for the first of them, and until then a check tells how many they are.
    `subscribers_of` names the data extensions whose people it tells of, for lineage. `other_files` are names (with `*`
    and `?`) of files that somebody else has ExactTarget write and that hold the same events: they are taken too.
    `ask_again_after_hours` is how long the answer to a request is waited for. The last `overlap_days` days before
    yesterday are asked for again each day, so that late events come. A day's file is overdue so many hours
    (`due_after_hours`) after the day, or after it was asked for. A window's events are counted over SOAP too, if there
    are no more than `count_up_to` of a type. Without `unsubscribes` nobody can tell what a list is, and every
    unsubscribe from this business unit counts as one from everything.
    """

    kind: Literal["tracking"]
    events: Annotated[tuple[EventType, ...], Field(min_length=1)] = EVENT_TYPES
    subscribers_of: tuple[str, ...] = ()
    first_window: date
    ask_again_after_hours: Annotated[float, Field(gt=0)] = 6
    overlap_days: Annotated[int, Field(ge=0, le=30)] = 0
    due_after_hours: Annotated[float, Field(gt=0)] = 24
    count_up_to: Annotated[int, Field(ge=0)] = 20_000
    other_files: tuple[str, ...] = ()
    unsubscribes: Unsubscribes | None = None

    def takes(self, file_name: str) -> bool:
        """Whether a file of this name, which this platform did not ask for, is taken all the same."""
        return any(fnmatchcase(file_name.casefold(), pattern.casefold()) for pattern in self.other_files)

    @property
    def tells_of_consent(self) -> bool:
        """Whether it says who left; then changes of statuses are asked for beside it."""
        return "unsubscribe" in self.events

    @model_validator(mode="after")
    def _rules(self) -> "Extract":
        if len(set(self.events)) != len(self.events):
            raise ValueError("`events` names a type twice")
        for pattern in self.other_files:
            if "/" in pattern or not pattern.strip("*?"):
                raise ValueError(f"other_files: {pattern!r} must be a file name, with * or ? for parts of it only")
        return self


def unsubscribes_of(extracts: Iterable[Extract]) -> Unsubscribes | None:
    """What the extracts declare of unsubscribes, together; None where one of them leaves it open."""
    declared = [one.unsubscribes for one in extracts if "unsubscribe" in one.events]
    known = [one for one in declared if one is not None]
    if not known or len(known) < len(declared):
        return None
    return Unsubscribes(
        all_subscribers=tuple(dict.fromkeys(id_ for one in known for id_ in one.all_subscribers)),
        units=tuple(dict.fromkeys(mid for one in known for mid in one.units)),
    )
