"""What the rows of a data extension are made from, whatever it comes from: a key and typed columns.

What belongs here: the one shape that plans, consent and field rules are given. What does not: where its rows are
(sync/sources.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from et_platform.catalog.entity import Column


class Relation(Protocol):
    """A CRM entity is one; so is what a dbt model or a query shows."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The column, or the columns in their order, by which rows are told apart."""
        ...

    @property
    def columns(self) -> Mapping[str, Column]:
        """Every column with the type that its values are of."""
        ...


@dataclass(frozen=True)
class Columns:
    """A relation that nobody declared: its columns as they were found, or an entity's with computed ones."""

    keys: tuple[str, ...]
    columns: Mapping[str, Column]
