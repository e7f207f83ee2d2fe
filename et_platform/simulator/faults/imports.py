"""Faults of imports: around one run of an import task.

What belongs here: what goes wrong with a run, step by step. What does not: the run itself (`imports/worker.py`), and
what ImportResultsSummary is made to say only in an answer (`web.py`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from et_platform.simulator.faults import effects
from et_platform.simulator.faults.board import Board, Stopping
from et_platform.simulator.faults.model import Fault, When
from et_platform.simulator.faults.plan import Occasion
from et_platform.simulator.imports import tasks
from et_platform.simulator.imports.merge import JUDGED
from et_platform.simulator.imports.plan import ImportFailed
from et_platform.simulator.imports.source import Interrupted
from et_platform.simulator.imports.tasks import Figures
from et_platform.simulator.store import Connection, Store

_ASIDE = "half-files"


@contextmanager
def around(board: Board, task: dict[str, Any], folder: Path) -> Iterator[Run]:
    """The faults of one run of a task, whose files lie in `folder`."""
    # Beside the FTP site, so that nobody sees it there.
    aside = folder.parent.parent.parent / _ASIDE / str(task["id"])
    try:
        yield Run(board, task, aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


class Run:
    """One run. Its methods are called in the order in which they stand, as far as the run comes."""

    def __init__(self, board: Board, task: dict[str, Any], aside: Path):
        self._board, self._task, self._aside = board, task, aside
        self._before: Fault | None = None
        self._during: Fault | None = None
        self._end: tuple[Fault, str, Figures] | None = None

    def queued(self) -> None:
        """The task waits still. Raises Interrupted."""
        self._before = self._meet("before")
        self._stall(self._before)

    def processing(self) -> None:
        """The task is being worked on, nothing is done yet. Raises Interrupted, ImportFailed."""
        if isinstance(self._before, effects.ImportFails):
            raise ImportFailed("a fault ends it before any row")
        self._during = self._meet("during")
        self._stall(self._during)

    def seen(self, path: Path) -> Path:
        """The file as the import sees it."""
        if not isinstance(self._before, effects.HalfFile):
            return path
        self._aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = self._aside / path.name
        with path.open("rb") as whole:
            half.write_bytes(whole.read(int(path.stat().st_size * self._before.share)))
        return half

    def judged(self, connection: Connection, figures: Figures) -> Figures:
        """What becomes of the judged rows, before any of it is carried out; the figures after it."""
        if isinstance(self._before, effects.RejectRows):
            return self._rejected(connection, figures, self._before.rows)
        if isinstance(self._during, effects.ImportFails):
            return self._broken_off(connection, figures, self._during.rows)
        return figures

    def told(self, status: str, figures: Figures) -> tuple[str, Figures]:
        """Status and figures as ImportResultsSummary shows them at the end."""
        if isinstance(self._during, effects.ImportFails):
            status = "Error"
        match after := self._meet("after"):
            case effects.ImportFails():
                return "Error", figures
            case effects.WrongFigures():
                names = ("successful", "duplicated", "errors", "total")
                told = {name: getattr(after, name) for name in names if getattr(after, name) is not None}
                return status, replace(figures, **told)
            case effects.Stall():
                self._end = (after, status, figures)
                return self._task["properties"]["ImportStatus"], Figures()
        return status, figures

    def ended(self, store: Store) -> None:
        """All is written down. Raises Interrupted, after the true end was written."""
        if self._end is None:
            return
        fault, status, figures = self._end
        self._task["properties"]["EndDate"] = ""
        with store.transaction() as connection:
            tasks.keep(connection, self._task)
        try:
            self._stall(fault)
        finally:
            with store.transaction() as connection:
                tasks.finish(connection, self._task, status, figures)

    def _meet(self, when: When) -> Fault | None:
        properties = self._task["definition"]["properties"]
        return self._board.meet(
            Occasion(
                "import",
                when,
                operation=properties.get("UpdateType", ""),
                keys=(properties.get("DestinationObject.CustomerKey", ""), properties.get("CustomerKey", "")),
                files=(properties.get("FileSpec", ""),),
                mid=self._task["properties"]["Client.ID"],
            )
        )

    def _stall(self, fault: Fault | None) -> None:
        if isinstance(fault, effects.Stall):
            try:
                self._board.wait(fault, fault.seconds)
            except Stopping as stopping:
                raise Interrupted from stopping

    def _rejected(self, connection: Connection, figures: Figures, rows: int) -> Figures:
        good = f"SELECT line FROM {JUDGED} WHERE verdict IN ('insert', 'update', 'delete') ORDER BY line LIMIT ?"
        changed = self._set(connection, "error", f"line IN ({good})", rows)
        return replace(figures, successful=figures.successful - changed, errors=figures.errors + changed)

    def _broken_off(self, connection: Connection, figures: Figures, rows: int) -> Figures:
        good = f"SELECT line FROM {JUDGED} WHERE verdict IN ('insert', 'update', 'delete') ORDER BY line LIMIT ?"
        undone = self._set(
            connection, "undone", f"verdict IN ('insert', 'update', 'delete') AND line NOT IN ({good})", rows
        )
        return replace(figures, successful=figures.successful - undone)

    def _set(self, connection: Connection, verdict: str, condition: str, rows: int) -> int:
        changed = connection.execute(
            f"UPDATE {JUDGED} SET verdict = '{verdict}' WHERE {condition} RETURNING line", [rows]
        ).fetchall()
        return len(changed)
