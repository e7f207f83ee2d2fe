"""What clients of one process share: made for the first who asks for it by a name, gone with the last who holds it.

Belongs here: the register. Does not: what is shared (slots in `limits.py`, access tokens in `token_cache.py`).
"""

import os
import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar
from weakref import WeakSet, WeakValueDictionary

_T = TypeVar("_T")


class InProcess(Generic[_T]):
    """Things by name; threads may share it. A forked process begins with none, for it has none of the threads that
    hold what is counted or locked."""

    def __init__(self) -> None:
        self._begin()
        _registers.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._things: WeakValueDictionary[Hashable, _T] = WeakValueDictionary()

    def get(self, name: Hashable, make: Callable[[], _T]) -> _T:
        """What everybody gets who asks by this name, as long as one of them holds it."""
        with self._lock:
            found = self._things.get(name)
            if found is None:
                found = self._things[name] = make()
            return found


_registers: "WeakSet[InProcess[Any]]" = WeakSet()


def _begin_anew() -> None:
    for register in _registers:
        register._begin()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_begin_anew)
