"""Whether the process that wrote its name down still lives.

What belongs here: a name for a process that no later process has, and the question. What does not: what follows
from the answer (a lease that is taken over, a run that is marked as ended).
"""

import socket

import psutil


def this_process() -> str:
    """`host|pid|start`: with the start time it is told apart from a later process with the same number."""
    process = psutil.Process()
    return f"{socket.gethostname()}|{process.pid}|{process.create_time():.2f}"


def is_gone(process: str) -> bool:
    """Whether `process` (of `this_process`) has certainly ended; of another machine's that cannot be known here."""
    host, pid, started = process.rsplit("|", 2)
    if host != socket.gethostname():
        return False
    try:
        found = psutil.Process(int(pid))
        return f"{found.create_time():.2f}" != started or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
