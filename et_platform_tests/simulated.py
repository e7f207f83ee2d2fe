"""A real simulator for tests: its own process, on a data folder of the test's."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 30


@dataclass
class Simulator:
    """One simulator. `info` is its ready line; it can be stopped, killed and started again on the same data."""

    data_dir: Path
    args: tuple[str, ...] = ()
    info: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running simulator."""
        assert self.process is not None
        return self.process.pid

    @property
    def ftp_folder(self) -> Path:
        """The Enhanced FTP site in the file system, with Import, Export and Reports."""
        return self.data_dir / "ftp" / self.info["mid"]

    @property
    def log(self) -> str:
        """What the simulator wrote on standard error."""
        return self._log_path.read_text(errors="replace")

    @property
    def _log_path(self) -> Path:
        return self.data_dir.with_name(self.data_dir.name + ".stderr")

    def start(self, *args: str) -> Simulator:
        """Start it and wait until it is ready; arguments given here replace the earlier ones."""
        self.args = args or self.args
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "et_platform.simulator", "--data", str(self.data_dir), *self.args]
        with self._log_path.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        line = self._first_line()
        if not line:
            self.kill()
            raise RuntimeError(f"the simulator did not start:\n{self.log}")
        self.info = json.loads(line)
        return self

    def _first_line(self) -> bytes:
        assert self.process is not None
        assert self.process.stdout is not None
        deadline, line = time.monotonic() + START_SECONDS, b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n") and selector.select(max(0.0, deadline - time.monotonic())):
                piece = os.read(self.process.stdout.fileno(), 65536)
                if not piece:
                    return b""
                line += piece
        return line if line.endswith(b"\n") else b""

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; its exit code."""
        return self._end(number)

    def kill(self) -> None:
        """End it as kill -9 does."""
        self._end(signal.SIGKILL)

    def restart(self, *args: str) -> Simulator:
        """Start it again on the same data (stopping it first when it runs)."""
        if self.process is not None:
            self.stop()
        return self.start(*args)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        process, self.process = self.process, None
        process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            if process.stdout:
                process.stdout.close()


@contextlib.contextmanager
def running_simulator(data_dir: Path, *extra_args: str) -> Iterator[Simulator]:
    """A simulator that runs on the folder, and is stopped at the end unless the test ended it."""
    simulator = Simulator(data_dir, extra_args)
    try:
        yield simulator.start()
    finally:
        if simulator.process is not None:
            simulator.stop()
