"""Reading a data extension's rows back, as few as needed.

What belongs here: fetching observed rows into a scratch database. What does not: judging them (sync/readback.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, quoted
from et_platform.exacttarget.errors import NotFound
from et_platform.sync.identity import Operation
from et_platform.sync.staging import travelling_fields

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget

LOOK_UP_LIMIT = 5_000
"""Up to so many keys are looked up; above, reading every row takes fewer calls."""


@contextmanager
def observed_rows(
    exacttarget: "ExactTarget",
    data_extension: DataExtension,
    operation: Operation,
    changes: str,
    scratch: duckdb.DuckDBPyConnection,
    *,
    whole: bool = False,
) -> Iterator[str]:
    """The SQL name of a relation in `scratch` with what ExactTarget shows for the change rows of `operation`: the
    fields that its file carries, or `whole` rows.
    """
    names = list(data_extension.fields) if whole else travelling_fields(data_extension, operation)
    wanted = f"FROM {changes} WHERE _operation = {literal(operation)}"
    key = _most_distinct(scratch, data_extension.key_fields, wanted)
    found = scratch.execute(f"SELECT DISTINCT {quoted(key)}::VARCHAR {wanted} ORDER BY 1").fetchall()
    keys = [row[0] for row in found]
    columns = ", ".join(quoted(name) for name in names)
    scratch.execute(f"CREATE TABLE observed ({', '.join(f'{quoted(name)} VARCHAR' for name in names)})")
    try:
        batches = exacttarget.rows.read(
            customer_key=data_extension.customer_key,
            fields=names,
            keys=(key, keys) if len(keys) <= LOOK_UP_LIMIT else None,
            rereads=1,
        )
        for batch in batches:
            scratch.register("batch", batch)
            scratch.execute(f"INSERT INTO observed SELECT {columns} FROM batch")
            scratch.unregister("batch")
    except NotFound:
        scratch.execute("DELETE FROM observed")  # the data extension itself is gone: it holds no row
    try:
        yield "observed"
    finally:
        scratch.execute("DROP TABLE observed")


def _most_distinct(scratch: duckdb.DuckDBPyConnection, keys: list[str], wanted: str) -> str:
    """The key field by which the fewest other rows are found; service filters look at one field."""
    if len(keys) == 1:
        return keys[0]
    counts = scratch.execute(
        f"SELECT {', '.join(f'count(DISTINCT {quoted(key)})' for key in keys)} {wanted}"
    ).fetchone()
    assert counts is not None
    return max(zip(counts, reversed(range(len(keys))), keys, strict=True))[2]
