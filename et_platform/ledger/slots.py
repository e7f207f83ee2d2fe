"""How many imports of a business unit may be under way at once, counted from the ledger itself.

What belongs here: the one transaction that says `starting` only while fewer are under way. What does not: waiting.

The files' own states are the count, so a process that was killed while its import goes on in ExactTarget still takes up
its place, until the import is settled; a place that nobody settles is free again after the longest time that an import
may take.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text, update

from et_platform.ledger import tables
from et_platform.ledger.ledger import Ledger, StaleState
from et_platform.ledger.records import ImportFile

MOST_IMPORTS = 10
"""At most ten imports run at once for a business unit (vendor's documentation)."""


def begin_import(
    ledger: Ledger, file: ImportFile, *, mid: int, longest: timedelta, at_most: int = MOST_IMPORTS
) -> ImportFile | None:
    """Move an uploaded file to `starting`; None, with nothing changed, while `at_most` imports of `mid` are under way.

    Raises StaleState if another run took the file over.
    """
    f, a, cs = tables.files.c, tables.attempts.c, tables.change_sets.c
    now = datetime.now(UTC)
    under_way = (
        select(func.count())
        .select_from(tables.files)
        .join(tables.attempts, f.attempt_id == a.id)
        .join(tables.change_sets, a.change_set_id == cs.id)
        .where(cs.mid == mid, f.state.in_(("starting", "started")), f.changed_at > now - longest)
    )
    with ledger.engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # SQLite's transaction has the only right to write already
            connection.execute(text("LOCK TABLE files IN SHARE ROW EXCLUSIVE MODE"))
        if connection.execute(under_way).scalar_one() >= at_most:
            return None
        done = connection.execute(
            update(tables.files)
            .where(f.definition_key == file.definition_key, f.state == "uploaded")
            .values(state="starting", changed_at=now)
        )
        if done.rowcount != 1:
            raise StaleState(f"File {file.remote} is no longer uploaded: another run took it over.")
    return replace(file, state="starting", changed_at=now)
