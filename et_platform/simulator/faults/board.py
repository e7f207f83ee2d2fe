"""The board: the faults that stand in a running simulator, those who wait at one, and what has struck.

What belongs here: memory, clock and threads around `plan.py`. What does not: which fault strikes (`plan.py`), what a
strike does (the modules of the places of effect). Nothing of it outlives the process.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from et_platform.simulator.faults import plan
from et_platform.simulator.faults.model import At, Fault
from et_platform.simulator.faults.plan import Occasion, Standing

_MOST_STRIKES = 10_000


class Stopping(Exception):
    """The simulator is stopping, so nobody waits any longer."""


class UnknownFault(Exception):
    """A name that no fault on the board has."""


@dataclass(frozen=True)
class Strike:
    """One fault that struck: its number (from 1), when (UTC), and the occasion."""

    number: int
    moment: datetime
    fault: Fault
    occasion: Occasion

    def shown(self) -> dict[str, Any]:
        """As JSON; what is empty is left out."""
        one = self.occasion
        told = {"operation": one.operation, "object": one.object, "path": one.path, "mid": one.mid}
        lists = {"keys": list(one.keys), "files": list(one.files)}
        return {
            "number": self.number,
            "moment": self.moment.isoformat(timespec="milliseconds"),
            "name": self.fault.name,
            "effect": self.fault.effect,
            "at": one.at,
            "when": one.when,
        } | {name: value for name, value in (told | lists).items() if value}


class Board:
    """The faults of one simulator. Threads and coroutines may share it."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0):
        self._seed = seed
        self._lock = threading.Lock()
        self._plan: plan.Plan = ()
        self._places: frozenset[At] = frozenset()
        self._numbers: Counter[str] = Counter()
        self._waiting: dict[Future[bool], str] = {}
        self._strikes: deque[Strike] = deque(maxlen=_MOST_STRIKES)
        self._struck = 0
        self._stopped = False
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> str:
        """Put up a fault; its name. One of the same name is replaced, and begins anew."""
        with self._lock:
            if not fault.name:
                fault = fault.model_copy(update={"name": self._free_name(fault.effect)})
            others = tuple(one for one in self._plan if one.fault.name != fault.name)
            self._put_up((*others, Standing(fault)))
            return fault.name

    def clear(self, names: Collection[str] = ()) -> list[str]:
        """Take down the faults of these names (none given: all), and let go who waits at them. Raises UnknownFault."""
        with self._lock:
            gone = self._known(names)
            self._put_up(tuple(one for one in self._plan if one.fault.name not in gone))
            if not names:
                self._strikes.clear()
        self._let_go(gone)
        return sorted(gone)

    def release(self, names: Collection[str] = ()) -> list[str]:
        """Let go who waits at the faults of these names (none given: all), which stay. Raises UnknownFault."""
        with self._lock:
            meant = self._known(names)
        self._let_go(meant)
        return sorted(meant)

    def stop(self) -> None:
        """Let everybody go, with Stopping, for good."""
        with self._lock:
            self._stopped = True
            waiting = list(self._waiting)
        for one in waiting:
            _set(one, False)

    def shown(self) -> dict[str, Any]:
        """Faults and strikes as JSON."""
        with self._lock:
            now, waiting = time.monotonic(), Counter(self._waiting.values())
            faults = [
                one.fault.given
                | {"met": one.met, "struck": one.struck, "over": one.over(now), "waiting": waiting[one.fault.name]}
                for one in self._plan
            ]
            return {"faults": faults, "strikes": [one.shown() for one in self._strikes]}

    def is_up(self, at: At) -> bool:
        """Whether a fault may strike there. Cheap: whoever serves asks it first."""
        return at in self._places

    def meet(self, occasion: Occasion) -> Fault | None:
        """The fault that strikes on this occasion, if any; it is recorded."""
        if occasion.at not in self._places:
            return None
        with self._lock:
            now = time.monotonic()
            after, fault = plan.meet(self._plan, occasion, seed=self._seed, now=now)
            self._put_up(after)
            if fault is not None:
                self._struck += 1
                self._strikes.append(Strike(self._struck, datetime.now(UTC), fault, occasion))
            return fault

    def wait(self, fault: Fault, seconds: float | None) -> bool:
        """Wait so many seconds, or (None) until the fault is released; whether it was released. Raises Stopping."""
        one = self._waiter(fault)
        try:
            return self._outcome(one.result(seconds))
        except TimeoutError:
            return False
        finally:
            self._forget(one)

    async def pause(self, fault: Fault, seconds: float | None) -> bool:
        """The same for coroutines."""
        one = self._waiter(fault)
        try:
            return self._outcome(await asyncio.wait_for(asyncio.wrap_future(one), seconds))
        except TimeoutError:
            return False
        finally:
            self._forget(one)

    def _put_up(self, standing: plan.Plan) -> None:
        now = time.monotonic()
        self._plan = standing
        self._places = frozenset(one.fault.at for one in standing if not one.over(now))

    def _free_name(self, effect: str) -> str:
        taken = {one.fault.name for one in self._plan} | set(self._waiting.values())
        while True:
            self._numbers[effect] += 1
            name = f"{effect}-{self._numbers[effect]}"
            if name not in taken:
                return name

    def _known(self, names: Collection[str]) -> set[str]:
        known = {one.fault.name for one in self._plan} | set(self._waiting.values())
        unknown = sorted(set(names) - known)
        if unknown:
            there = ", ".join(sorted(known)) or "none"
            raise UnknownFault(f"there is no fault {', '.join(unknown)}; there are: {there}")
        return set(names) or known

    def _waiter(self, fault: Fault) -> Future[bool]:
        one: Future[bool] = Future()
        with self._lock:
            if self._stopped:
                raise Stopping
            if all(other.fault.name != fault.name for other in self._plan):
                one.set_result(True)  # it was taken down since it struck
            else:
                self._waiting[one] = fault.name
        return one

    def _outcome(self, released: bool) -> bool:
        if not released:
            raise Stopping
        return True

    def _let_go(self, names: Collection[str]) -> None:
        with self._lock:
            waiting = [one for one, name in self._waiting.items() if name in names]
        for one in waiting:
            _set(one, True)

    def _forget(self, one: Future[bool]) -> None:
        with self._lock:
            self._waiting.pop(one, None)


def _set(one: Future[bool], released: bool) -> None:
    if not one.done():
        one.set_result(released)
