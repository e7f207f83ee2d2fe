"""The demo CRM's only source of chance.

Here: choices drawn from a seed that come out the same on every platform and Python version. Not here: what is
chosen (names in crm_people, rows in crm_customers and crm_shop, faults in crm_dirt).
"""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Seeded choices. Only `Random.random()` is used: it alone is promised to stay the same between versions."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def number(self, low: int, high: int) -> int:
        """Return an integer from low to high, both included."""
        return low + int(self._random() * (high - low + 1))

    def chance(self, share: float) -> bool:
        """Return True in that share (0–1) of the calls."""
        return self._random() < share

    def pick(self, values: Sequence[T]) -> T:
        """Return one of the values, each equally likely."""
        return values[int(self._random() * len(values))]

    def sample(self, population: int, count: int) -> list[int]:
        """Return `count` distinct integers from range(population), in the order drawn.

        Raises ValueError if the population is too small.
        """
        if not 0 <= count <= population:
            raise ValueError(f"{count} distinct choices asked for, but there are only {population} to choose from.")
        swapped: dict[int, int] = {}  # a Fisher–Yates shuffle that stops early and keeps only what it moved
        drawn = []
        for position in range(count):
            other = self.number(position, population - 1)
            drawn.append(swapped.get(other, other))
            swapped[other] = swapped.get(position, position)
        return drawn
