"""Waiting while ExactTarget is in maintenance or has an outage, and going on once it works again.

Belongs here: asking the system status, not more often than once a minute [D], until it is OK. Does not: which calls may
be made again afterwards (`soap.py`), nor any other failure: a service that says it works is not waited for.
"""

import threading
import time
from collections.abc import Callable

from et_platform.exacttarget.connection import Patience
from et_platform.exacttarget.errors import ExactTargetError, InMaintenance, Retriable
from et_platform.exacttarget.models import SystemStatus


class Outages:
    """What is known of maintenance and outages; threads share it, and one of them asks for all."""

    def __init__(
        self,
        status: Callable[[], SystemStatus],
        patience: Patience,
        tell: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._status = status
        self._patience = patience
        self._tell = tell
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._asked: float | None = None
        self._worked: float | None = None

    def wait_out(self, error: ExactTargetError) -> None:
        """Return once ExactTarget works after `error`, which a call met just now and which had no effect.

        Raises `error` at once if the service says that it works (then it was something else), or cannot say, or if no
        patience was asked for; and InMaintenance when patience is over.
        """
        if not self._patience.longest:
            raise error
        met = self._clock()
        with self._lock:
            if self._worked is not None and self._worked > met:
                return  # another thread has waited meanwhile
            self._wait(error, met)

    def _wait(self, error: ExactTargetError, since: float) -> None:
        # What a fault has told already is not asked again at once.
        told = SystemStatus.InMaintenance if isinstance(error, InMaintenance) else self._ask()
        if told is None or told is SystemStatus.OK:
            raise error
        while told is not SystemStatus.OK:
            pause = self._patience.poll
            waited = self._clock() - since
            if waited + pause > self._patience.longest:
                raise InMaintenance(
                    f"{error} ExactTarget has said for {waited:.0f} s that it does not work "
                    f"({told.value if told else 'no answer'}), and longer was not to be waited. Nothing is lost: run "
                    "this again when it works.",
                    code=error.code,
                ) from error
            self._tell(
                f"ExactTarget does not work ({told.value if told else 'no answer'}): asking again in {pause:.0f} s; "
                "what is to be done waits."
            )
            self._sleep(pause)
            told = self._ask()
        self._worked = self._clock()
        self._tell(f"ExactTarget works again, after {self._worked - since:.0f} s; going on.")

    def _ask(self) -> SystemStatus | None:
        """The status, None if there is no answer; a question that would come too soon waits."""
        if self._asked is not None:
            self._sleep(max(0.0, self._asked + self._patience.poll - self._clock()))
        self._asked = self._clock()
        try:
            return self._status()
        except Retriable:
            return None
