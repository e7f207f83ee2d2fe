"""Connections to the Enhanced FTP, counted over everybody who has the same ledger; calls, over a process."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from et_platform.exacttarget.connection import Connection
from et_platform.exacttarget.limits import CALLS
from et_platform.ledger.leases import LeaseTaken
from et_platform.ledger.ledger import Ledger
from et_platform.shared_limits import SharedLimits


def limits(folder, *, account="h/7", wait_seconds=30.0) -> SharedLimits:
    """As a process makes them for itself."""
    return SharedLimits(
        Ledger(f"sqlite:///{folder / 'ledger.sqlite'}"), account=account, at_most=2, wait_seconds=wait_seconds
    )


def test_promise_13_no_more_connections_than_a_login_may_have_whoever_opens_them(tmp_path):
    open_now, most, guard = 0, 0, threading.Lock()

    def connect(_: int) -> None:
        nonlocal open_now, most
        with limits(tmp_path).sftp():
            with guard:
                open_now += 1
                most = max(most, open_now)
            time.sleep(0.05)
            with guard:
                open_now -= 1

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(connect, range(5)))
    assert most == 2


def test_a_full_login_is_told_and_another_login_has_its_own_count(tmp_path):
    with limits(tmp_path).sftp(), limits(tmp_path).sftp():
        with pytest.raises(LeaseTaken, match="to the Enhanced FTP of h/7"), limits(tmp_path, wait_seconds=0).sftp():
            pass
        with limits(tmp_path, account="h/8").sftp():
            pass
    with limits(tmp_path, wait_seconds=0).sftp():
        pass


def test_promise_13_calls_of_a_business_unit_are_counted_together_in_a_process(tmp_path):
    def made(mid: int) -> SharedLimits:
        connection = Connection(auth_url="http://a", client_id="i", client_secret=SecretStr("s"), mid=mid)
        ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
        return SharedLimits(ledger, account="h/7", connection=connection)

    one, two, another, called = made(7), made(7), made(8), threading.Event()

    def call() -> None:
        with two.call():
            called.set()

    with contextlib.ExitStack() as stack:
        for _ in range(CALLS):
            stack.enter_context(one.call())
        waiting = threading.Thread(target=call)
        waiting.start()
        with another.call():
            assert not called.wait(0.2)
    assert called.wait(10)
    waiting.join()
