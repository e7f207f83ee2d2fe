"""Reading a segment's result back: how many rows there are, and how they differ from what the lake gives.

What belongs here: counting, and comparing keys. What does not: when (run.py), and what a difference means to anybody.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.segment import Segment
from et_platform.duckdb_support import quoted, without_values
from et_platform.outbound.road import Road
from et_platform.segments.errors import LakeQueryFailed
from et_platform.sync.folding import folded_key, joined

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget

_ACKNOWLEDGED = re.compile(r"\blake\.acknowledged\.([a-z][a-z0-9_]*)\b")


@dataclass(frozen=True)
class Comparison:
    """Keys, as ExactTarget compares them: how many the lake gives, how many of these the result lacks, and how many it
    has that the lake does not give.
    """

    expected: int
    missing: int
    extra: int


def count(
    road: Road, exacttarget: "ExactTarget", catalog: Catalog, declared: Declared[Segment]
) -> tuple[int, Comparison | None]:
    """Read the keys of every row of the result: how many rows, and the comparison if one is declared.

    Raises LakeQueryFailed, and ReadInterrupted if the rows change meanwhile.
    """
    key, fields = declared.is_.into.customer_key, declared.is_.result.key_fields
    if declared.is_.lake is None:
        batches = exacttarget.rows.read(customer_key=key, fields=fields, rereads=2)
        return sum(batch.num_rows for batch in batches), None
    batches = list(exacttarget.rows.read(customer_key=key, fields=fields, rereads=2))
    held = pa.Table.from_batches(batches, schema=pa.schema([(name, pa.string()) for name in fields]))
    return held.num_rows, _compare(road, catalog, declared, held)


def lake_query(road: Road, catalog: Catalog, query: str) -> str:
    """The declared SQL, with `lake.acknowledged.<data extension>` as that table is called in the lake."""

    def named(found: re.Match[str]) -> str:
        declared = catalog.data_extensions.get(found[1])
        return f"lake.acknowledged.{quoted(road.lake_name(declared.is_))}" if declared is not None else found[0]

    return _ACKNOWLEDGED.sub(named, query)


def _compare(road: Road, catalog: Catalog, declared: Declared[Segment], held: pa.Table) -> Comparison:
    query = lake_query(road, catalog, declared.is_.lake or "")
    columns = [f"column{number}" for number in range(held.num_columns)]
    folded = folded_key(joined([f"CAST({name} AS VARCHAR)" for name in columns]), len(columns))
    sides = {
        "expected": f"SELECT DISTINCT {folded} AS k FROM ({query}) AS q({', '.join(columns)})",
        "found": f"SELECT DISTINCT {folded} AS k FROM held AS q({', '.join(columns)})",
    }
    try:
        with road.lake.read() as connection:
            connection.register("held", held)
            row = connection.execute(
                f"WITH expected AS ({sides['expected']}), found AS ({sides['found']}) "
                "SELECT (SELECT count(*) FROM expected), "
                "(SELECT count(*) FROM expected ANTI JOIN found USING (k)), "
                "(SELECT count(*) FROM found ANTI JOIN expected USING (k))"
            ).fetchone()
            connection.unregister("held")
    except duckdb.Error as error:
        raise LakeQueryFailed(
            f"{declared.at('lake')}: lake: the SQL cannot be run ({type(error).__name__}: {without_values(str(error))} "
            f"…). It must give {len(columns)} column(s), the key of the result. The segment has run, and its rows are "
            "there; correct the SQL and run it again: the run is taken up where it is."
        ) from None
    assert row is not None
    return Comparison(*row)
