"""Reading a data extension's rows back, as few as needed.

What belongs here: choosing the way, and fetching observed rows into a scratch database. What does not: judging them
(sync/readback.py), and the extract's file (extracted.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, quoted
from et_platform.exacttarget.errors import NotFound
from et_platform.outbound.extracted import extracted_rows
from et_platform.outbound.road import Road
from et_platform.sync.identity import Operation
from et_platform.sync.staging import marker_of, travelling_fields

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget

LOOK_UP_LIMIT = 5_000
"""Up to so many keys are looked up; above, reading every row takes fewer calls."""

EXTRACT_FROM = 100_000
"""From so many keys on, an extract is asked for: every row would take dozens of calls, and one file is quicker."""

_BY_PRESENCE = ("insert", "update", "opt_out")
"""Proven by what is there. Whether an extract's file is whole cannot be known, so absence is never read off it."""


@contextmanager
def observed_rows(
    road: Road,
    exacttarget: "ExactTarget",
    data_extension: DataExtension,
    operation: Operation,
    changes: str,
    scratch: duckdb.DuckDBPyConnection,
    *,
    whole: bool = False,
    attempt_id: str | None = None,
) -> Iterator[str]:
    """The SQL name of a relation in `scratch` with what ExactTarget shows for the change rows of `operation`: the
    fields that its file carries, or `whole` rows. With `attempt_id`, only those that this attempt wrote, where a marker
    is declared.
    """
    names = list(data_extension.fields) if whole else travelling_fields(data_extension, operation)
    wanted = f"FROM {changes} WHERE _operation = {literal(operation)}"
    key = _most_distinct(scratch, data_extension.key_fields, wanted)
    found = scratch.execute(f"SELECT DISTINCT {quoted(key)}::VARCHAR {wanted} ORDER BY 1").fetchall()
    keys = [row[0] for row in found]
    columns = ", ".join(quoted(name) for name in names)
    scratch.execute(f"CREATE TABLE observed ({', '.join(f'{quoted(name)} VARCHAR' for name in names)})")
    way, why = way_of(data_extension, operation, len(keys))
    marker = marker_of(data_extension, operation) if attempt_id is not None else None
    if marker is not None and attempt_id is not None:
        way, why = "marker", f"the field {marker} says which attempt wrote a row"
    road.tell(f"Reading {len(keys)} keys of {data_extension.customer_key} back by {way}: {why}.")
    looked_up = (key, keys) if way == "look_up" else None
    if marker is not None and attempt_id is not None:
        looked_up = (marker, [attempt_id])
    try:
        is_read = way == "extract" and extracted_rows(road, exacttarget, data_extension, names, scratch)
        batches = exacttarget.rows.read(
            customer_key=data_extension.customer_key,
            fields=names,
            keys=looked_up,
            rereads=1,
        )
        for batch in () if is_read else batches:  # pages are asked for as they are taken
            scratch.register("batch", batch)
            scratch.execute(f"INSERT INTO observed SELECT {columns} FROM batch")
            scratch.unregister("batch")
    except NotFound:
        scratch.execute("DELETE FROM observed")  # the data extension itself is gone: it holds no row
    try:
        yield "observed"
    finally:
        scratch.execute("DROP TABLE observed")


def way_of(data_extension: DataExtension, operation: Operation, keys: int) -> tuple[str, str]:
    """How so many keys are read back (look_up, retrieve, extract), and why so, in words."""
    declared = data_extension.read_back
    if declared == "extract" and operation not in _BY_PRESENCE:
        return "retrieve", "an extract is declared, and absence is not read off a file that may be cut off"
    if declared != "by_size":
        return declared, "so it is declared"
    if keys <= LOOK_UP_LIMIT:
        return "look_up", f"up to {LOOK_UP_LIMIT} are looked up"
    if keys >= EXTRACT_FROM and operation in _BY_PRESENCE:
        return "extract", f"{EXTRACT_FROM} or more are read from a file"
    return "retrieve", f"more than {LOOK_UP_LIMIT} take fewer calls so"


def _most_distinct(scratch: duckdb.DuckDBPyConnection, keys: list[str], wanted: str) -> str:
    """The key field by which the fewest other rows are found; service filters look at one field."""
    if len(keys) == 1:
        return keys[0]
    counts = scratch.execute(
        f"SELECT {', '.join(f'count(DISTINCT {quoted(key)})' for key in keys)} {wanted}"
    ).fetchone()
    assert counts is not None
    return max(zip(counts, reversed(range(len(keys))), keys, strict=True))[2]
