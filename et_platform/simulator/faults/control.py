"""Orders about faults, as the control endpoint takes them.

What belongs here: the body of an order, and carrying it out on the board. What does not: who may order (`control.py`
of the simulator), the command line (`command.py`).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from et_platform.simulator.faults import effects
from et_platform.simulator.faults.board import Board


class Order(BaseModel):
    """`add` takes `faults`; `clear` and `release` take `names`, none for all; `list` takes nothing."""

    model_config = ConfigDict(extra="forbid")

    do: Literal["add", "list", "clear", "release"]
    faults: list[dict[str, Any]] = []
    names: list[str] = []

    @field_validator("faults")
    @classmethod
    def _good(cls, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for one in given:
            effects.fault(one)
        return given

    def carry_out(self, board: Board) -> dict[str, Any]:
        """What came of it, as JSON. Raises UnknownFault."""
        match self.do:
            case "add":
                return {"added": [board.add(effects.fault(one)) for one in self.faults]}
            case "clear":
                return {"cleared": board.clear(self.names)}
            case "release":
                return {"released": board.release(self.names)}
        return board.shown()
