"""A dbt command as a process of its own, and its structured log.

What belongs here: how dbt is started, what it says, and which of that may be shown. What does not: what the commands
are for. dbt's own log file is off and its output is read here alone: DuckDB's messages tell values, and those may
reach no log.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from et_platform.duckdb_support import without_values
from et_platform.processes import running

Event = Mapping[str, Any]
"""One line of dbt's structured log: `info` (name, level, msg, …) and `data`."""

# The classes of DuckDB's errors that tell of SQL alone, never of what is in a table.
_OF_SQL = ("Binder Error", "Catalog Error", "Parser Error", "Syntax Error")


class Dbt:
    """A running dbt command: iterate over its events, then ask for the exit code."""

    def __init__(self, process: subprocess.Popen[bytes], errors: Path):
        self._process = process
        self._errors = errors

    def __iter__(self) -> Iterator[Event]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                yield json.loads(line)
            except ValueError:
                continue  # what a library prints is not part of the log

    def exit_code(self) -> int:
        """Wait for the end; 0: all was well, 1: something of the project failed, else dbt itself did."""
        return self._process.wait()

    def last_words(self) -> str:
        """The class of the exception that ended dbt without a line in its log; empty if there was none."""
        text = self._errors.read_text(encoding="utf-8", errors="replace") if self._errors.exists() else ""
        found = re.findall(r"^([A-Za-z_][\w.]*)(?::|$)", text, flags=re.MULTILINE)
        return found[-1] if found else ""


@contextmanager
def started(
    project: Path, arguments: Sequence[str], *, target: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Dbt]:
    """Run `dbt <arguments>` for the block; ended with it, and with this process. Artifacts go to `target`."""
    command = [
        *(sys.executable, "-c", "from dbt.cli.main import cli; cli()"),
        *("--log-format", "json", "--log-level", "info", "--log-level-file", "none", "--no-use-colors"),
        *("--no-send-anonymous-usage-stats", "--no-version-check"),
        *arguments,
    ]
    errors = target / "stderr"
    paths = {"DBT_PROJECT_DIR": project, "DBT_PROFILES_DIR": project, "DBT_TARGET_PATH": target, "DBT_LOG_PATH": target}
    with running(
        command,
        environment={name: str(path) for name, path in paths.items()} | dict(environment or {}),
        output=subprocess.PIPE,
        log=errors,
    ) as process:
        yield Dbt(process, errors)


def finished(project: Path, arguments: Sequence[str], *, target: Path) -> tuple[int, str]:
    """Run `dbt <arguments>` to its end; its exit code, and what it complained of."""
    with started(project, arguments, target=target) as dbt:
        events = list(dbt)
        code = dbt.exit_code()
        return code, problems(events) or dbt.last_words() or f"It ended with code {code}."


def problems(events: Sequence[Event]) -> str:
    """What dbt complained of, free of values; empty if it did not."""
    told = [
        showable(event["info"]["msg"])
        for event in events
        if event["info"]["level"] == "error" and event["info"]["name"] != "MainStackTrace"
    ]
    return " ".join(dict.fromkeys(text for text in told if text))


def showable(message: str) -> str:
    """A message of dbt as one line, without the values that DuckDB may have put there."""
    lines = [line.strip() for line in message.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("LINE ", "^", "[ERROR]: Encountered an error"))]
    kept: list[str] = []
    for line in lines:
        is_of_the_database = any(one.startswith(("Runtime Error", "Database Error")) for one in kept)
        if is_of_the_database and not line.startswith(_OF_SQL):
            return f"{' '.join(kept)} {without_values(line)} …"
        kept.append(line)
    return " ".join(kept)[:1500]
