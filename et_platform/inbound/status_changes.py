"""What ExactTarget tells of subscribers' statuses: complaints, holds, opt-outs without an event, and their end.

What belongs here: asking for the changes since those that are known, and keeping the new ones. What does not: what a
change means (sync/consent_facts.py).

Changes are read over SOAP, oldest first, from a day before the latest that is known: they may be shown late, and what
comes twice changes nothing. Those that this platform caused, by an opt-out of the CRM's, are marked with its attempt.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from et_platform.duckdb_support import literal, one_row, parquet
from et_platform.inbound.road import InboundRoad
from et_platform.ledger.leases import lease
from et_platform.sync import folding
from et_platform.warehouse import opt_outs, status_changes

if TYPE_CHECKING:
    from et_platform.exacttarget.models import StatusChange

OVERLAP = timedelta(days=1)
"""How late a change may be shown."""

_PART = 20_000


@dataclass(frozen=True)
class Read:
    """Changes, counted: those that were `read` are `new` or were known. Of the new ones `ours` are this platform's own
    doing, `out` and `held` say so by somebody else, and the date of the `undated` cannot be read.
    """

    since: datetime | None
    read: int
    new: int
    ours: int
    out: int
    held: int
    undated: int


def read(road: InboundRoad) -> Read:
    """Read the changes of the business unit's statuses that are not known yet, all of them the first time.

    Raises LeaseTaken, LakeBusy and the client's errors: then nothing was kept, and the next call reads the same again.
    """
    name = f"status-changes-{road.mid}"
    with lease(road.ledger, name), road.lake.scratch(name) as scratch:
        with road.lake.read() as connection:
            known = status_changes.latest(connection, road.mid)
        since = None if known is None else known - OVERLAP
        arriving = scratch / "arriving.parquet"
        arriving.touch(mode=0o600)
        # Before the lake is opened: what the client complains of is told as it is, and no lake waits for the network.
        with road.open_exacttarget() as exacttarget, pq.ParquetWriter(arriving, status_changes.READ) as writer:
            for batch in _batches(exacttarget.subscribers.status_changes(since=since)):
                writer.write_batch(batch)
        file = scratch / "fresh.parquet"
        file.touch(mode=0o600)
        with road.lake.read() as connection:
            connection.execute(f"CREATE TEMP TABLE read_now AS FROM {parquet(arriving)}")
            caused = "(SELECT NULL AS _folded_key, NULL::TIMESTAMPTZ AS proven_at, NULL AS attempt_id WHERE false)"
            if opt_outs.is_table_ready(connection):
                caused = opt_outs.caused(mid=road.mid)
            fresh = status_changes.unknown(
                connection,
                "read_now",
                mid=road.mid,
                fold=folding.folded_key("r.subscriber_key"),
                caused=caused,
            )
            connection.execute(f"COPY ({fresh}) TO {literal(str(file))} (FORMAT parquet)")
            counts = one_row(
                connection,
                "SELECT (SELECT count(*) FROM read_now), count(*), count(*) FILTER (_attempt_id IS NOT NULL), "
                "count(*) FILTER (current = 'unsub' AND _attempt_id IS NULL), count(*) FILTER (current = 'held'), "
                f"count(*) FILTER (undated) FROM {parquet(file)}",
            )
        told = Read(since, *counts)
        if told.new:
            with road.lake.write() as connection:
                status_changes.add(connection, parquet(file), mid=road.mid, run_id=road.run_id)
    road.tell(
        f"Statuses: {told.read} changes read, {told.new} of them new: {told.out} opt-outs, {told.held} held, "
        f"{told.ours} by this platform."
    )
    return told


def _batches(changes: "Iterator[StatusChange]") -> Iterator[pa.RecordBatch]:
    now, part = datetime.now(UTC), list[dict]()
    for one in changes:
        part.append(
            {
                "subscriber_key": one.key,
                "current": one.current.strip().lower(),
                "previous": one.previous.strip().lower(),
                "reason": one.reason,
                "changed_at": one.at or now,
                "undated": one.at is None,
            }
        )
        if len(part) == _PART:
            yield pa.RecordBatch.from_pylist(part, schema=status_changes.READ)
            part.clear()
    yield pa.RecordBatch.from_pylist(part, schema=status_changes.READ)
