"""Independent counts of event windows: recording and reading them.

What belongs here: one value and two queries. What does not: counting, and what a count means (inbound/).
"""

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select

from et_platform.ledger.ledger import Ledger
from et_platform.ledger.window_tables import window_counts


@dataclass(frozen=True)
class WindowCount:
    """The events of one type in one window: `told` by ExactTarget over SOAP, `held` by the lake.

    `told` is None where it could not be counted: that is not known, which is not none.
    """

    mid: int
    name: str
    window_start: datetime
    window_end: datetime
    type: str
    told: int | None
    held: int
    counted_at: datetime
    run_id: str
    reason: str | None = None


def record(ledger: Ledger, counts: Collection[WindowCount]) -> None:
    """Keep these counts instead of earlier ones of the same windows and types."""
    w = window_counts.c
    with ledger.engine.begin() as connection:
        for one in counts:
            connection.execute(
                delete(window_counts).where(
                    w.mid == one.mid,
                    w.name == one.name,
                    w.window_start == one.window_start,
                    w.window_end == one.window_end,
                    w.type == one.type,
                )
            )
            connection.execute(insert(window_counts).values(**dataclasses.asdict(one)))


def counts_named(ledger: Ledger, mid: int, name: str) -> list[WindowCount]:
    """The counts of every window of an extract, in order of the windows."""
    w = window_counts.c
    with ledger.engine.connect() as connection:
        rows = connection.execute(
            select(window_counts).where(w.mid == mid, w.name == name).order_by(w.window_start, w.type)
        ).all()
    return [WindowCount(**row._mapping) for row in rows]
