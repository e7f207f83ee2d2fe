"""Faults of row writes over SOAP: single rows that are refused, good as they are.

What belongs here: choosing the rows and their error. What does not: writing rows (`objects/data_extension_object.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from et_platform.simulator.faults import effects
from et_platform.simulator.faults.plan import Occasion
from et_platform.simulator.objects.row_writer import Given, RowRefused

if TYPE_CHECKING:
    from et_platform.simulator.service import Service


def written(
    service: Service,
    operation: str,
    key: str,
    given: list[Given],
    write: Callable[[list[Given]], list[RowRefused | None]],
) -> list[RowRefused | None]:
    """Write rows of the data extension of that key; for each None, or why it was refused."""
    fault = service.faults.meet(Occasion("rows", operation=operation, keys=(key,), mid=service.account.mid))
    if not isinstance(fault, effects.RejectRows):
        return list(write(given))
    refused: list[RowRefused | None] = [RowRefused(fault.code, fault.message)] * min(fault.rows, len(given))
    return refused + list(write(given[fault.rows :]))
