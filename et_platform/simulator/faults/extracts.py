"""Faults of extracts: around one run of an extract task, and what becomes of its file.

What belongs here: what goes wrong with a run and its file. What does not: the run itself (`extracts/worker.py`).
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from et_platform.simulator.extracts.tasks import Interrupted
from et_platform.simulator.faults import effects, late
from et_platform.simulator.faults.board import Board, Stopping
from et_platform.simulator.faults.model import Fault, When
from et_platform.simulator.faults.plan import Occasion
from et_platform.simulator.store import Store

Publish = Callable[[str], None]
"""Lays the file into Export under a name."""


class ExtractFaults:
    """What goes wrong with the extracts of one business unit. `late` are events that wait for another file."""

    def __init__(self, board: Board, mid: str, store: Store):
        self._board, self._mid, self._store = board, mid, store
        self._late: list[int] = []

    def ordered(self, order: dict[str, Any]) -> dict[str, Any] | None:
        """The order as it is carried out; None: never. Raises Interrupted."""
        match before := self._meet("before", order):
            case effects.Stall():
                self._wait(before, before.seconds)
            case effects.Never():
                return None
            case effects.LateEvents():
                events = self._newest(order, before.events)
                if before.elsewhere:
                    self._late += events
                return late.without(order, self._mid, events)
        if self._late and order["kind"] == "tracking":
            order, self._late = late.besides(order, self._mid, self._late), []
        return order

    def delivered(self, aside: Path, order: dict[str, Any], export: Path, publish: Publish) -> None:
        """Lay the file into the folder `export`, or what a fault makes of it. Raises Interrupted."""
        name = order["file"]
        during = self._meet("during", order)
        after = self._meet("after", order)
        match after:
            case effects.EmptyFile():
                os.truncate(aside, 0)
            case effects.Corrupt():
                _damage(aside, after.how)
            case effects.Renamed():
                name = _renamed(name, after.rename)
        if isinstance(during, effects.Pieces):
            self._grow(during, aside, export / name)
        else:
            publish(name)
        if isinstance(after, effects.Twice):
            self._wait(after, after.seconds)
            publish(_renamed(name, after.rename))

    def _grow(self, fault: effects.Pieces, aside: Path, final: Path) -> None:
        content = aside.read_bytes()
        with final.open("wb") as target:
            for number in range(1, fault.pieces + 1):
                if number > 1:
                    self._wait(fault, fault.seconds)
                target.write(content[target.tell() : len(content) * number // fault.pieces])
                target.flush()

    def _meet(self, when: When, order: dict[str, Any]) -> Fault | None:
        return self._board.meet(
            Occasion(
                "extract",
                when,
                operation=order["kind"],
                keys=tuple(one for one in (order.get("key"),) if one),
                files=(order["file"],),
                mid=self._mid,
            )
        )

    def _newest(self, order: dict[str, Any], events: int) -> list[int]:
        """The ids of the newest events of the window, over all types; a data extension has none."""
        if order["kind"] != "tracking":
            return []
        with self._store.connect() as connection:
            found = connection.execute(
                "SELECT id FROM tracking.events WHERE moment >= ? AND moment < ? ORDER BY moment DESC, id DESC LIMIT ?",
                [datetime.fromisoformat(order["start"]), datetime.fromisoformat(order["end"]), events],
            ).fetchall()
        return [number for (number,) in found]

    def _wait(self, fault: Fault, seconds: float | None) -> None:
        try:
            self._board.wait(fault, seconds)
        except Stopping as stopping:
            raise Interrupted from stopping


def _renamed(name: str, pattern: str) -> str:
    return pattern.format(name=name, stem=name.rpartition(".")[0] or name)


def _damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    match how:
        case "torn":
            del content[len(content) * 2 // 3 :]
        case "crc":
            # A bit of the checksum itself, in the first entry's directory record: the content stays readable.
            with zipfile.ZipFile(path) as archive:
                place = archive.start_dir + 16
            content[place] ^= 1
        case _:
            content[:] = b"This is no archive.\n" * (len(content) // 20 + 1)
    path.write_bytes(content)
