"""Reconciliation: what ExactTarget's own figures of an import prove.

What belongs here: the arithmetic of one import's figures. What does not: asking for them, and reading back.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImportFigures:
    """The figures of one import task; `restricted` is None where the account does not report it."""

    status: str
    staged: int
    successful: int
    duplicated: int
    errors: int
    restricted: int | None
    total: int


def doubts(figures: ImportFigures) -> tuple[str, ...]:
    """Why these figures alone do not prove every staged row; empty when they do (design: promise 5).

    `Completed` may hide errors, so the word alone proves nothing.
    """
    reasons: list[str] = []
    if figures.status != "Completed":
        reasons.append(f"the import ended as {figures.status}")
    if figures.total != figures.staged:
        reasons.append(f"TotalRows is {figures.total}, but {figures.staged} rows were staged")
    counted = figures.successful + figures.duplicated + figures.errors + (figures.restricted or 0)
    if counted != figures.staged:
        reasons.append(f"the figures add up to {counted}, but {figures.staged} rows were staged")
    for name, count in (
        ("duplicated", figures.duplicated),
        ("errors", figures.errors),
        ("restricted", figures.restricted or 0),
    ):
        if count:
            reasons.append(f"{count} rows are counted as {name}")
    return tuple(reasons)
