"""Serving the Dagster UI with its daemon, on loopback, until told to end.

What belongs here: the two processes. What does not: what they show (definitions.py).
"""

import contextlib
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from et_platform.processes import running

_WORKSPACE = """\
# Written at each start of the UI.
load_from:
  - python_module:
      module_name: et_platform.definitions
      location_name: et_platform
"""


class UiFailed(Exception):
    """The UI did not come up; the message says where its log is."""


@contextlib.contextmanager
def serving(*, home: Path, port: int, seconds: float = 120) -> Iterator[str]:
    """Serve the UI of the instance in `home` for the block; yields its URL once it answers. Raises UiFailed."""
    workspace = home / "workspace.yaml"
    workspace.write_text(_WORKSPACE, encoding="utf-8")
    location = ["-w", str(workspace)]
    log = home / "ui.log"
    url = f"http://127.0.0.1:{port}"
    webserver = [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port), *location]
    daemon = [sys.executable, "-m", "dagster._daemon", "run", *location]
    environment = {"DAGSTER_HOME": str(home)}
    with (
        running(webserver, environment=environment, log=log) as server,
        running(daemon, environment=environment, log=log),
    ):
        deadline = time.monotonic() + seconds
        while not _answers(url):
            if server.poll() is not None or time.monotonic() > deadline:
                raise UiFailed(f"The Dagster UI did not start at {url}; {log} says why.")
            time.sleep(0.3)
        yield url


def free_port(preferred: int) -> int:
    """`preferred` if nothing listens there, else any free port."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
    raise UiFailed("No port is free on 127.0.0.1.")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=2) as reply:
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


def wait_for_the_end() -> None:
    """Block until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)
