"""Child processes end when they are asked to, and with their parent."""

import os
import signal
import subprocess
import sys
import time

import psutil

from et_platform.processes import running

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(120)"]
PARENT = f"""
import signal, sys, time
from et_platform.processes import running
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with running({SLEEPER!r}) as child:
    print(child.pid, flush=True)
    time.sleep(120)
"""


def test_promise_3_a_child_ends_with_its_killed_parent_which_ignores_sigterm_as_in_the_background():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        told = [parent.stdout.readline().strip(), parent.stdout.readline().strip()]
        child = psutil.Process(int(next(line for line in told if line != "up")))
        parent.kill()
    deadline = time.monotonic() + 30
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)


def test_a_child_is_asked_to_end_whatever_its_parent_ignores():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with running(SLEEPER, output=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"up\n"
            os.kill(child.pid, signal.SIGTERM)
            assert child.wait(30) == -signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
