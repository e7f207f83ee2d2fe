"""The books: how many events of each type there are, per day.

What belongs here: counting. What does not: whose they are, which the events themselves tell.
"""

from __future__ import annotations

from et_platform.simulator.store import Store


def counted(own: Store) -> dict[str, dict[str, int]]:
    """Events per type and day of server time."""
    with own.connect() as connection:
        rows = connection.execute(
            "SELECT type, strftime(moment, '%Y-%m-%d') AS day, count(*) FROM tracking.events GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    found: dict[str, dict[str, int]] = {}
    for kind, day, number in rows:
        found.setdefault(kind, {})[day] = number
    return found
