"""How many requests are let through: so many a minute, for each caller.

What belongs here: counting. What does not: what is answered to those who come too often.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque

_WINDOW_SECONDS = 60.0


class Rate:
    """At most so many a minute, counted over the last minute; 0 is no limit."""

    def __init__(self, per_minute: int):
        self._limit = per_minute
        self._guard = threading.Lock()
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def admits(self, caller: str) -> bool:
        """Whether one more request of a caller is let through, which counts it."""
        if not self._limit:
            return True
        now = time.monotonic()
        with self._guard:
            times = self._times[caller]
            while times and times[0] <= now - _WINDOW_SECONDS:
                times.popleft()
            if len(times) >= self._limit:
                return False
            times.append(now)
            return True
