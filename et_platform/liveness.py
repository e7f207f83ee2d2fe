"""Whether the process that wrote its name down still lives.

What belongs here: a name for a process that no later process has, and the question. What does not: what follows
from the answer (a lease that is taken over, a run that is marked as ended).
"""

import socket
from pathlib import Path

import psutil


def this_process() -> str:
    """`host|pid|start`: with the start time it is told apart from a later process with the same number."""
    process = psutil.Process()
    return f"{socket.gethostname()}|{process.pid}|{_started(process)}"


def is_gone(process: str) -> bool:
    """Whether `process` (of `this_process`) has certainly ended; of another machine's that cannot be known here."""
    host, pid, started = process.rsplit("|", 2)
    if host != socket.gethostname():
        return False
    try:
        found = psutil.Process(int(pid))
        return _started(found) != started or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def is_alive(process: str) -> bool:
    """Whether `process` certainly lives; of another machine's that cannot be known here."""
    return process.partition("|")[0] == socket.gethostname() and not is_gone(process)


def _started(process: psutil.Process) -> str:
    """When it started, told by what nobody sets: Linux counts from its start, of which it knows the id.

    Elsewhere it is a time of day; on Linux that would move with the clock, and a living process seem another.
    """
    try:
        told = Path(f"/proc/{process.pid}/stat").read_text("utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    except OSError:
        return f"{process.create_time():.2f}"
    return f"{told.rpartition(')')[2].split()[19]}.{boot[:8]}"
