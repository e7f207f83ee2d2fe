"""Leases: exclusive use of a named thing, across runs, command-line calls and machines.

What belongs here: taking, renewing, giving back, and breaking the lease of a holder that is gone. What does not:
what a lease is needed for.

A lease expires unless it is renewed, so a machine that vanished blocks nobody for long. A holder on this machine
whose process is gone (kill -9) loses its lease at once: a re-run need not wait. One whose process lives is watched
before its lease is taken: where the clock jumped, it only seems to have expired, and is renewed soon.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from et_platform.ledger.ledger import Ledger, LedgerError
from et_platform.ledger.tables import leases
from et_platform.liveness import is_alive, is_gone, this_process

LIFE = timedelta(seconds=90)
WATCH = LIFE / 3 + timedelta(seconds=10)
"""A holder that lives renews its lease within a third of its life."""


class LeaseTaken(LedgerError):
    """Somebody else works on this; the message says who."""


class LeaseLost(LedgerError):
    """The lease could not be renewed in time, so another may hold it by now."""


class Lease:
    """A lease that is held; `check()` before anything that must not be done twice at once."""

    def __init__(self, name: str):
        self.name = name
        self._renewed = time.monotonic()
        self._taken = False

    def check(self) -> None:
        """Raise LeaseLost unless the lease is certainly still held."""
        if self._taken or time.monotonic() - self._renewed > LIFE.total_seconds():
            raise LeaseLost(
                f"The lease on {self.name} was lost: the ledger could not be reached for {LIFE.seconds} s, or this "
                "machine slept. Another run may be at work, so this one stops here; run it again."
            )

    def renewed(self, at: float) -> None:
        """Note a renewal that was asked for at the monotonic time `at`."""
        self._renewed = at

    def taken(self) -> None:
        """Note that another holds it now."""
        self._taken = True


def _holder() -> str:
    """This thread of this process."""
    return f"{threading.get_ident()}@{this_process()}"


@contextmanager
def lease(ledger: Ledger, name: str, *, wait_seconds: float = 30.0) -> Iterator[Lease]:
    """Hold `name` for the block, waiting up to `wait_seconds` for it; raises LeaseTaken."""
    holder = _holder()
    deadline = time.monotonic() + wait_seconds
    seen, since, idle = None, 0.0, None
    while (other := _take(ledger, name, holder, idle)) is not None:
        now = time.monotonic()
        seen, since = (seen, since) if other == seen else (other, now)
        idle = seen if now - since > WATCH.total_seconds() else None
        if now > deadline:
            host, pid, _ = other[0].partition("@")[2].rsplit("|", 2)
            raise LeaseTaken(
                f"Process {pid} on {host} is working on {name}, and two must not do so at once. Wait until it has "
                f"ended and run this again; a holder that is gone is noticed by itself within {LIFE.seconds} s."
            )
        time.sleep(0.2)
    held = Lease(name)
    done = threading.Event()
    renewer = threading.Thread(target=_renew, args=(ledger, held, holder, done), daemon=True, name=f"lease {name}")
    renewer.start()
    try:
        yield held
    finally:
        done.set()
        renewer.join()
        with ledger.engine.begin() as connection:
            connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))


_Held = tuple[str, datetime]
"""Who holds a lease, and until when."""


def _take(ledger: Ledger, name: str, holder: str, idle: _Held | None) -> _Held | None:
    """None when the lease is ours now; else who holds it. `idle`: who was watched for long and did not renew it."""
    while True:
        try:
            return _take_once(ledger, name, holder, idle)
        except IntegrityError:
            continue  # two found nobody there and both wrote; the other one was first, and has it by now


def _take_once(ledger: Ledger, name: str, holder: str, idle: _Held | None) -> _Held | None:
    now = datetime.now(UTC)
    with ledger.engine.begin() as connection:
        row = connection.execute(select(leases).where(leases.c.name == name).with_for_update()).one_or_none()
        if row is None:
            connection.execute(insert(leases).values(name=name, holder=holder, expires_at=now + LIFE))
            return None
        process = row.holder.partition("@")[2]
        found = (row.holder, row.expires_at)
        if not is_gone(process) and (row.expires_at > now or (is_alive(process) and found != idle)):
            return found
        connection.execute(update(leases).where(leases.c.name == name).values(holder=holder, expires_at=now + LIFE))
        return None


def _renew(ledger: Ledger, held: Lease, holder: str, done: threading.Event) -> None:
    pause = LIFE.total_seconds() / 3
    while not done.wait(pause):
        asked = time.monotonic()
        try:
            with ledger.engine.begin() as connection:
                renewed = connection.execute(
                    update(leases)
                    .where(leases.c.name == held.name, leases.c.holder == holder)
                    .values(expires_at=datetime.now(UTC) + LIFE)
                )
        except (LedgerError, SQLAlchemyError):
            pause = 1.0  # the ledger may answer again before the lease ends; if not, check() says so
            continue
        pause = LIFE.total_seconds() / 3
        if renewed.rowcount == 1:
            held.renewed(asked)
        else:
            held.taken()
            return
