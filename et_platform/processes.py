"""Starting and ending child processes so that none is left behind.

What belongs here: process groups and their end. What does not: what the processes do.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    output: int | IO[bytes] | None = None,
    log: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in a process group of its own for the block, then end the whole group.

    Asked to end first (SIGTERM), made to end after 10 s. Should this process be killed, the child ends too (on
    Linux). Its standard error goes to the file `log`, or to ours.
    """
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(log.open("ab")) if log is not None else None
        process = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdout=output if output is not None else errors,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_as_a_child,
        )
        try:
            yield process
        finally:
            end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started in a group of its own, with everything it started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
        if how == signal.SIGTERM:
            continue  # what it started may outlive it: the second round takes the rest of the group
    process.wait()


def _as_a_child() -> None:
    # An ignored signal stays ignored in a child; and Dagster lets SIGTERM do what SIGINT does, which is nothing in a
    # process that was started in the background.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
