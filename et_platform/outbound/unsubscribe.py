"""Opt-outs of the CRM as subscribers' status: whoever is out is Unsubscribed on the business unit's All Subscribers.

What belongs here: asking ExactTarget who is unsubscribed already, setting the status of the others, and proving it by
asking again. What does not: who is out (sync/opt_out.py), and rows of data extensions (opt_outs.py).

Nothing is held back: no guard, no approval, no quarantine. A status is set by key, so a repeat has no effect and a run
that was killed is simply followed by another look. Nobody is ever set back to Active: whether a person who opted out
and in again may get mail is decided where the newer consent was given, in ExactTarget.

Whom ExactTarget does not know is added as unsubscribed, which needs an address: so the opt-out holds whenever mail goes
to that key. How many one run may add is declared, for each is a contact at the account's price. Without an address
nothing can be added; such an opt-out waits, is told by every run, and takes effect as
soon as there is a subscriber or an address.
"""

import secrets
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, one_row, parquet
from et_platform.exacttarget.models import SubscriberChange
from et_platform.ledger.leases import Lease
from et_platform.ledger.records import Attempt, ChangeSet, Kind
from et_platform.outbound.plan import keep, scratch_folder
from et_platform.outbound.road import Road
from et_platform.outbound.source import read_source
from et_platform.sync import folding
from et_platform.sync import opt_out as sql
from et_platform.sync.identity import change_set_id
from et_platform.warehouse import opt_outs

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget

_KINDS: tuple[Kind, ...] = ("unsubscribe",)
_OUT = "Unsubscribed"
_PART = 1000
"""Changes between two looks at the lease."""
_PATIENCE = 600.0
"""Seconds that opt-outs of one data extension wait for those of another: they must not fail over it."""


@dataclass(frozen=True)
class Unsubscribed:
    """Subscribers, counted. `stated`: the CRM says that they are out; `pending`: not acknowledged before this run.

    Of the pending ones `already` were unsubscribed, `sent` are proven to be by now (`added` among them were not known
    before), `waiting` are not known to ExactTarget and have no address that it takes, `too_many` are not known and are
    more than may be added, and `refused` were sent in vain, with the service's codes. `without_key` and `unreadable`
    are the snapshot's rows of whom nothing can be said to ExactTarget; `in_again` are out no more in the CRM, and stay
    unsubscribed.
    """

    snapshot_id: str
    change_set: str | None
    stated: int
    pending: int
    already: int
    sent: int
    added: int
    waiting: int
    refused: int
    without_key: int
    unreadable: int
    in_again: int
    too_many: int = 0
    codes: tuple[tuple[int | None, int], ...] = ()

    @property
    def ineffective(self) -> int:
        """Opt-outs that ExactTarget does not have."""
        return self.waiting + self.too_many + self.refused + self.without_key


def unsubscribe(road: Road, catalog: Catalog, declared: Declared[DataExtension]) -> Unsubscribed:
    """Settle what an earlier run left, then set the status of everybody who is out and not acknowledged.

    Raises NothingToPlanFrom without a snapshot, LeaseTaken, and the client's errors: what was done by then is found by
    the next run.
    """
    with (
        road.lease(f"opt-outs of MID {road.mid}", wait_seconds=_PATIENCE) as held,
        scratch_folder(road.change_sets(declared.is_), ".opt_outs") as scratch,
        road.open_exacttarget() as exacttarget,
    ):
        _prepare(road)
        left = road.ledger.open_attempt(road.mid, declared.is_.customer_key, _KINDS)
        if left is not None:
            road.tell(f"Attempt {left.id} of an earlier run is open; asking what became of it.")
            _settle(road, exacttarget, declared, left, held)
        told, to_send = _look(road, catalog, declared, exacttarget, scratch, held)
        change_set = _plan(road, declared, told, to_send, scratch)
        if change_set is not None:
            attempt_id = secrets.token_hex(8)
            road.ledger.begin_attempt(attempt_id=attempt_id, change_set_id=change_set.id, run_id=road.run_id, files=())
            codes = _send(exacttarget, road.rows_of(change_set), held)
            sent, added = _settle(road, exacttarget, declared, road.ledger.attempt(attempt_id), held)
            told = replace(told, change_set=change_set.id, sent=sent, added=added, refused=to_send - sent, codes=codes)
    road.tell(
        f"Opt-outs of {told.stated} subscribers are stated by the CRM; {told.pending} were not acknowledged: "
        f"{told.already} unsubscribed already, {told.sent} now, {told.waiting + told.too_many + told.refused} not."
    )
    return told


def _prepare(road: Road) -> None:
    with road.lake.read() as connection:
        ready = opt_outs.is_table_ready(connection)
    if not ready:
        with road.lake.write() as connection:
            opt_outs.ensure_table(connection)


def _look(
    road: Road,
    catalog: Catalog,
    declared: Declared[DataExtension],
    exacttarget: "ExactTarget",
    scratch: Path,
    held: Lease,
) -> tuple[Unsubscribed, int]:
    """Who is out and how ExactTarget has them; and how many are to be sent, whom `changes.parquet` holds.

    Whoever is unsubscribed already is acknowledged, and whoever is in again is so no more.
    """
    entity = catalog.entity_of(declared)
    acknowledged = opt_outs.relation(mid=road.mid, entity=entity.name)
    with road.lake.read() as connection:
        source = read_source(connection, catalog, declared)
        relation, snapshot = source.relation, source.rows
        connection.execute(f"CREATE TEMP TABLE stated AS {sql.stated(declared.is_, relation, snapshot=snapshot)}")
        in_again = sql.in_again(declared.is_, relation, snapshot=snapshot, stated="stated", acknowledged=acknowledged)
        _copy(connection, sql.pending("stated", acknowledged), scratch / "pending.parquet")
        _copy(connection, in_again, scratch / "in_again.parquet")
        (stated,) = one_row(connection, "SELECT count(*) FROM stated")
        without_key, unreadable = one_row(connection, sql.listed(declared.is_, relation, snapshot=snapshot))
    with duckdb.connect() as connection:
        _show(exacttarget, connection, parquet(scratch / "pending.parquet"))
        unknown = "FROM pending AS p ANTI JOIN shown AS s ON s._folded_key = p._folded_key WHERE p.email IS NOT NULL"
        (unknown_count,) = one_row(connection, f"SELECT count(*) {unknown}")
        too_many = unknown_count if unknown_count > _most_added(declared) else 0
        out = "p.* FROM shown AS s RIGHT JOIN pending AS p ON p._folded_key = s._folded_key WHERE"
        _copy(connection, f"SELECT {out} s.is_out", scratch / "already.parquet")
        change = (
            "SELECT 'unsubscribe' AS _operation, []::VARCHAR[] AS _changed, s._folded_key IS NULL AS _is_new, "
            f"{out} NOT s.is_out OR (s._folded_key IS NULL AND p.email IS NOT NULL AND {too_many == 0}) "
            "ORDER BY p._folded_key"
        )
        _copy(connection, change, scratch / "changes.parquet")
        counts = [
            one_row(connection, f"SELECT count(*) FROM {parquet(scratch / f'{name}.parquet')}")[0]
            for name in ("pending", "already", "changes", "in_again")
        ]
    pending, already, changes, in_again_count = counts
    if already or in_again_count:
        held.check()
        with road.lake.write() as connection:
            opt_outs.forget(connection, mid=road.mid, entity=entity.name, keys=parquet(scratch / "in_again.parquet"))
            opt_outs.acknowledge(
                connection,
                mid=road.mid,
                entity=entity.name,
                proven=parquet(scratch / "already.parquet"),
                attempt_id=None,
            )
    told = Unsubscribed(
        snapshot_id=source.version,
        change_set=None,
        stated=stated,
        pending=pending,
        already=already,
        sent=0,
        added=0,
        waiting=pending - already - changes - too_many,
        too_many=too_many,
        refused=0,
        without_key=without_key,
        unreadable=unreadable,
        in_again=in_again_count,
    )
    return told, changes


def _most_added(declared: Declared[DataExtension]) -> int:
    assert declared.is_.consent is not None
    return declared.is_.consent.most_added


def _plan(
    road: Road, declared: Declared[DataExtension], told: Unsubscribed, to_send: int, scratch: Path
) -> ChangeSet | None:
    """Record those to send as the open change set of their kind; None when nobody is to be sent."""
    if not to_send:
        road.ledger.close_open_change_set(road.mid, declared.is_.customer_key, "unsubscribe")
        return None
    with duckdb.connect() as connection:
        rows, fingerprint = one_row(
            connection,
            "SELECT count(*), bit_xor(md5_number(concat_ws(chr(31), _folded_key, "
            f"coalesce(opted_out_at::VARCHAR, chr(30)))))::VARCHAR FROM {parquet(scratch / 'changes.parquet')}",
        )
    identity = change_set_id(
        mid=road.mid,
        customer_key=declared.is_.customer_key,
        declaration="status",
        base_version="none",
        rows=rows,
        fingerprint=fingerprint,
        kind="unsubscribe",
    )
    path = keep(scratch / "changes.parquet", road.change_sets(declared.is_) / f"{identity}.parquet")
    change_set = ChangeSet(
        id=identity,
        mid=road.mid,
        data_extension=declared.name,
        customer_key=declared.is_.customer_key,
        kind="unsubscribe",
        base_version="none",
        snapshot_id=told.snapshot_id,
        state="planned",
        declaration=declared.is_.model_dump(mode="json", by_alias=True),
        figures=asdict(told),
        gate=[],
        path=road.kept(path),
        run_id=road.run_id,
        created_at=datetime.now(UTC),
    )
    road.ledger.plan(change_set)
    return change_set


def _send(exacttarget: "ExactTarget", rows: str, held: Lease) -> tuple[tuple[int | None, int], ...]:
    """Set the status of every row; the codes of those that ExactTarget refused, with how many."""
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT _key, CASE WHEN _is_new THEN email END FROM {rows} ORDER BY _folded_key"
        ).fetchall()
    codes: Counter[int | None] = Counter()
    for start in range(0, len(found), _PART):
        held.check()
        changes = [SubscriberChange(key=key, status=_OUT, email=email) for key, email in found[start : start + _PART]]
        codes.update(one.code for one in exacttarget.subscribers.update(changes=changes, add=True) if not one.ok)
    return tuple(codes.items())


def _settle(
    road: Road, exacttarget: "ExactTarget", declared: Declared[DataExtension], attempt: Attempt, held: Lease
) -> tuple[int, int]:
    """Acknowledge whom ExactTarget shows as unsubscribed, and close the attempt; how many, and how many of them new.

    The others stay as they are: the look that follows finds them pending again.
    """
    change_set = road.ledger.change_set(attempt.change_set_id)
    if not (road.files / change_set.path).exists():
        road.tell(f"The rows of change set {change_set.id[:12]} are gone; whoever is out is looked for anew.")
        road.ledger.close_attempt(attempt.id, acknowledged=0)
        return 0, 0
    with duckdb.connect() as connection:
        _show(exacttarget, connection, road.rows_of(change_set))
        proven = connection.execute(
            "SELECT p._folded_key, p.opted_out_at, p._is_new FROM pending AS p "
            "SEMI JOIN (FROM shown WHERE is_out) AS s ON s._folded_key = p._folded_key"
        ).to_arrow_table()
    held.check()
    entity = declared.is_.source.crm
    assert entity is not None, "consent is declared with a CRM source"
    with road.lake.write() as connection:
        connection.register("proven_opt_outs", proven)
        rows = opt_outs.acknowledge(
            connection,
            mid=road.mid,
            entity=entity,
            proven="proven_opt_outs",
            attempt_id=attempt.id,
        )
    road.ledger.close_attempt(attempt.id, acknowledged=rows)
    return rows, sum(proven["_is_new"].to_pylist())


def _show(exacttarget: "ExactTarget", connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Make `pending` of the rows, and `shown` (_folded_key, is_out) of what ExactTarget has of their keys."""
    connection.execute(f"CREATE TEMP TABLE pending AS FROM {rows}")
    keys = [key for (key,) in connection.execute("SELECT _key FROM pending").fetchall()]
    found = exacttarget.subscribers.read(keys=keys)
    connection.register(
        "subscribers",
        pa.table(
            {
                "key": pa.array([one.key for one in found], pa.string()),
                "status": pa.array([one.status for one in found], pa.string()),
            }
        ),
    )
    connection.execute(
        f"CREATE TEMP TABLE shown AS SELECT {folding.folded_key('key')} AS _folded_key, "
        f"bool_and(status = {literal(_OUT)}) AS is_out FROM subscribers GROUP BY 1"
    )


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    connection.execute(f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet)")
