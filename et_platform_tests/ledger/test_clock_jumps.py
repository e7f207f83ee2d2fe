"""A clock that jumps: nobody loses a lease that it holds, and no process is taken for another (promise 13)."""

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from sqlalchemy import select, update

from et_platform.ledger import leases, tables
from et_platform.ledger.leases import LeaseTaken, lease
from et_platform.ledger.ledger import Ledger
from et_platform.liveness import is_alive, is_gone, this_process


@pytest.fixture
def ledger(tmp_path):
    return Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def jump(ledger: Ledger, by: timedelta) -> None:
    """Let the lease be as if the clock had jumped since it was renewed."""
    with ledger.engine.begin() as connection:
        expires = connection.execute(select(tables.leases.c.expires_at)).scalar_one()
        connection.execute(update(tables.leases).values(expires_at=expires - by))


def take_elsewhere(ledger: Ledger, wait_seconds: float) -> list[str]:
    """What another thread gets that wants the lease."""
    got: list[str] = []

    def want() -> None:
        try:
            with lease(ledger, "de", wait_seconds=wait_seconds):
                got.append("taken over")
        except LeaseTaken:
            got.append("kept")

    thread = threading.Thread(target=want)
    thread.start()
    thread.join()
    return got


def test_promise_13_a_clock_that_jumps_forward_takes_no_lease_from_a_holder_that_lives(ledger):
    with lease(ledger, "de") as held:
        jump(ledger, timedelta(hours=1))
        assert take_elsewhere(ledger, 0.5) == ["kept"]
        held.check()


def test_promise_13_a_clock_that_jumps_back_takes_no_lease_and_its_end_gives_it_back(ledger):
    with lease(ledger, "de"):
        jump(ledger, -timedelta(hours=1))
        assert take_elsewhere(ledger, 0.5) == ["kept"]
    assert take_elsewhere(ledger, 0.5) == ["taken over"]


def test_promise_13_a_lease_that_its_living_holder_does_not_renew_is_taken_over_after_a_watch(ledger, monkeypatch):
    monkeypatch.setattr(leases, "WATCH", timedelta(seconds=0.5))
    with lease(ledger, "de") as held:
        jump(ledger, timedelta(hours=1))
        began = time.monotonic()
        assert take_elsewhere(ledger, 20) == ["taken over"]
        assert time.monotonic() - began > 0.5
        held.check()  # its own renewal would tell it so


def test_promise_13_an_expired_lease_of_another_machine_is_taken_over_at_once(ledger):
    with ledger.engine.begin() as connection:
        expired = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(tables.leases.insert().values(name="de", holder="1@elsewhere|1|1", expires_at=expired))
    assert take_elsewhere(ledger, 0) == ["taken over"]


def test_promise_3_a_living_process_keeps_its_name_whatever_the_clock_says(monkeypatch):
    name = this_process()
    created = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: created(self) + 3600)  # as on Linux after a jump
    assert (this_process(), is_gone(name), is_alive(name)) == (name, False, True)


def test_promise_3_a_process_that_ended_is_gone_and_another_machines_cannot_be_known():
    say = "from et_platform.liveness import this_process; print(this_process())"
    done = subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, check=True)
    assert (is_gone(done.stdout.strip()), is_alive(done.stdout.strip())) == (True, False)
    host, pid, started = this_process().rsplit("|", 2)
    assert is_gone(f"{host}|{pid}|{started}0"), "another process with the same number"
    assert (is_gone(f"elsewhere|{pid}|{started}"), is_alive(f"elsewhere|{pid}|{started}")) == (False, False)
