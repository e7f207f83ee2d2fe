"""Which fault strikes: from the faults that stand and an occasion to a decision. Pure: values in, values out.

What belongs here: whether a fault meets an occasion, counting, chance. What does not: clocks, threads and memory
(`board.py`), what a strike does.

On one occasion one fault strikes at most, the first that is due; those behind it do not meet the occasion then.
Chance is drawn from seed, name and count, so one fault's draws do not hang on another's, nor on the order of threads.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from et_platform.simulator.faults.model import ALWAYS, At, Fault, When


@dataclass(frozen=True)
class Occasion:
    """One moment at which something could go wrong: its place, and what it is about, as far as that is known."""

    at: At
    when: When = "before"
    operation: str = ""
    object: str = ""
    keys: tuple[str, ...] = ()
    path: str = ""
    files: tuple[str, ...] = ()
    mid: str = ""
    continued: bool = False
    reached: int | None = None
    """The bytes of its file that are through once it is done; a fault with `at_byte` waits for them."""


@dataclass(frozen=True)
class Standing:
    """A fault and how it stands: the occasions that it met, its strikes, and when (in seconds) it struck first."""

    fault: Fault
    met: int = 0
    struck: int = 0
    first: float | None = None

    def over(self, now: float) -> bool:
        """Whether it will not strike again."""
        fault = self.fault
        if fault.lasts is not None and self.first is not None and now >= self.first + fault.lasts:
            return True
        return fault.times != ALWAYS and self.struck >= int(fault.times)


Plan = tuple[Standing, ...]
"""The faults in the order in which they were added."""


def meet(plan: Plan, occasion: Occasion, *, seed: int, now: float) -> tuple[Plan, Fault | None]:
    """The plan after the occasion, and the fault that strikes."""
    after = list(plan)
    for place, standing in enumerate(plan):
        if standing.over(now) or not fits(standing.fault, occasion):
            continue
        met = standing.met + 1
        if met <= standing.fault.skip or not _chosen(standing.fault, seed, met):
            after[place] = replace(standing, met=met)
            continue
        first = now if standing.first is None else standing.first
        after[place] = replace(standing, met=met, struck=standing.struck + 1, first=first)
        return tuple(after), standing.fault
    return tuple(after), None


def fits(fault: Fault, occasion: Occasion) -> bool:
    """Whether all patterns of the fault fit the occasion."""
    return (
        (fault.at, fault.when) == (occasion.at, occasion.when)
        and _fits(fault.operation, occasion.operation)
        and _fits(fault.object, occasion.object)
        and _fits(fault.key, *occasion.keys)
        and _fits(fault.path, occasion.path)
        and _fits(fault.file, *occasion.files)
        and _fits(fault.mid, occasion.mid)
        and fault.continued in (None, occasion.continued)
        and (occasion.reached is None or occasion.reached > getattr(fault, "at_byte", -1))
    )


def _fits(pattern: str, *texts: str) -> bool:
    """Whether one of the texts fits; keys and names compare without case and blanks at the end, as everywhere."""
    if pattern == "*":
        return True
    folded = pattern.lower().rstrip(" ")
    return any(fnmatchcase(text.lower().rstrip(" "), folded) for text in texts)


def _chosen(fault: Fault, seed: int, met: int) -> bool:
    if fault.probability == 1:
        return True
    return random.Random(f"{seed}/{fault.name}/{met}").random() < fault.probability
