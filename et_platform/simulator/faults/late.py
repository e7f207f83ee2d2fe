"""Events that come late: which ones an order leaves out or brings besides its window.

What belongs here: how an order carries them. What does not: when events are late (`extracts.py`).
"""

from __future__ import annotations

from typing import Any

_WITHOUT, _BESIDES = "late_without", "late_besides"


def without(order: dict[str, Any], mid: str, events: list[int]) -> dict[str, Any]:
    """The order without these events (ids) of a business unit."""
    return order | {_WITHOUT: {mid: events}}


def besides(order: dict[str, Any], mid: str, events: list[int]) -> dict[str, Any]:
    """The order with these events of a business unit, whatever its window."""
    return order | {_BESIDES: {mid: events}}


def of(order: dict[str, Any], mid: str) -> tuple[list[int], list[int]]:
    """The events of a business unit that an order leaves out, and those that it brings besides."""
    return order.get(_WITHOUT, {}).get(mid, []), order.get(_BESIDES, {}).get(mid, [])
