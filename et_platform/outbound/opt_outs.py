"""Step 2: opt-outs that the CRM states travel first, by themselves, past every guard.

What belongs here: subscribers' status first, then the rows of the data extension that do not say yet that their person
is out. What does not: who is out (sync/opt_out.py), how a status is set (unsubscribe.py), and everything else that
changed (plan.py). No gate is asked and no approval: a closed gate holds opt-ins, never opt-outs.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, parquet
from et_platform.ledger.leases import Lease
from et_platform.ledger.records import ChangeSet
from et_platform.outbound.deliver import import_files
from et_platform.outbound.errors import NeedsDecision
from et_platform.outbound.plan import keep, prepare_tables, scratch_folder
from et_platform.outbound.road import Road
from et_platform.outbound.schema import ensure_consent_fields
from et_platform.outbound.settle import Settlement, settle_open_attempt
from et_platform.outbound.source import read_source
from et_platform.outbound.stage import begin_attempt
from et_platform.outbound.unsubscribe import Unsubscribed, unsubscribe
from et_platform.sync import opt_out as sql
from et_platform.sync import plan as plan_sql
from et_platform.sync.differences import declaration_version
from et_platform.sync.identity import change_set_id
from et_platform.warehouse import acknowledged, quarantine
from et_platform.warehouse.snapshots import table_exists


@dataclass(frozen=True)
class OptOuts:
    """What became of the opt-outs: of subscribers, and of the data extension's rows.

    `settlement` is None when no row had to say so; `settled` is what an earlier run had left open in the data
    extension, and this one finished first. `refused_rows` were sent twice in vain and are not sent again as they are.
    """

    subscribers: Unsubscribed
    change_set: ChangeSet | None
    settlement: Settlement | None
    settled: Settlement | None
    refused_rows: int = 0


def send_opt_outs(road: Road, catalog: Catalog, declared: Declared[DataExtension]) -> OptOuts:
    """Send every opt-out that ExactTarget has not acknowledged. The data extension must declare `consent`.

    The status comes before everything that could be in its way, even before an earlier import is settled. Raises
    NothingToPlanFrom, LeaseTaken, DeclarationMismatch for the fields that opt-outs change, StagingFailed,
    ImportStillRunning and the client's errors; the next run takes up what is open then.
    """
    subscribers = unsubscribe(road, catalog, declared)
    with road.lease_of(declared.is_) as held:
        settled = _settle(road, declared, held)
        change_set, refused_rows = _plan(road, catalog, declared)
        settlement = _import(road, catalog, declared, change_set, held) if change_set is not None else None
    return OptOuts(subscribers, change_set, settlement, settled, refused_rows)


def _settle(road: Road, declared: Declared[DataExtension], held: Lease) -> Settlement | None:
    """What an earlier run left, unless a person has to decide about its rows: opt-outs do not wait for that.

    An import that waits so cannot start any more (settle.py), so it cannot come after the opt-outs. Whatever is
    decided, the next plan is made from the CRM, which says who is out.
    """
    try:
        return settle_open_attempt(road, declared, held)
    except NeedsDecision as question:
        road.tell(f"{question} Opt-outs of this data extension go all the same.")
        return None


def _import(
    road: Road, catalog: Catalog, declared: Declared[DataExtension], change_set: ChangeSet, held: Lease
) -> Settlement | None:
    with road.open_exacttarget() as exacttarget:
        if not ensure_consent_fields(exacttarget, declared):
            road.tell(f"The data extension {change_set.customer_key} is not in ExactTarget: no row can opt out there.")
            return None
        attempt = begin_attempt(road, exacttarget, declared, change_set)
        return import_files(road, exacttarget, catalog, declared, attempt, held)


def _plan(road: Road, catalog: Catalog, declared: Declared[DataExtension]) -> tuple[ChangeSet | None, int]:
    """Record the rows that have to opt out as the open change set of their kind, None when there are none; and how
    many were refused before, and are left out.
    """
    de, name = declared.is_, road.lake_name(declared.is_)
    with road.lake.read() as connection:
        is_first_load = not table_exists(connection, "acknowledged", name)
    if is_first_load or not sql.can_say(de):
        return None, 0
    prepare_tables(road, declared)
    with scratch_folder(road.change_sets(de)) as scratch:
        changes = scratch / "changes.parquet"
        with road.lake.read() as connection:
            source = read_source(connection, catalog, declared)
            query = sql.row_changes(de, source.relation, snapshot=source.rows, acknowledged=acknowledged.relation(name))
            connection.execute(f"CREATE TEMP TABLE opting_out AS {query}")
            tried = sql.not_refused("opting_out", quarantine.rejections_of(name), most=plan_sql.MAXIMUM_REJECTIONS)
            connection.execute(f"COPY ({tried}) TO {literal(str(changes))} (FORMAT parquet)")
            all_rows = connection.execute("SELECT count(*) FROM opting_out").fetchone()
            connection.execute("DROP TABLE opting_out")
            base = acknowledged.base_version(connection, name)
            found = connection.execute(plan_sql.content_fingerprint(de, parquet(changes))).fetchone()
        assert found is not None
        assert all_rows is not None
        rows, fingerprint = found
        refused = all_rows[0] - rows
        if not rows:
            road.ledger.close_open_change_set(road.mid, de.customer_key, "opt_out")
            return None, refused
        identity = change_set_id(
            mid=road.mid,
            customer_key=de.customer_key,
            declaration=declaration_version(de, source.relation),
            base_version=base,
            rows=rows,
            fingerprint=fingerprint,
            kind="opt_out",
        )
        path = keep(changes, road.change_sets(de) / f"{identity}.parquet")
    change_set = ChangeSet(
        id=identity,
        mid=road.mid,
        data_extension=declared.name,
        customer_key=de.customer_key,
        kind="opt_out",
        base_version=base,
        snapshot_id=source.version,
        state="planned",
        declaration=de.model_dump(mode="json", by_alias=True),
        figures={"opt_outs": rows},
        gate=[],
        path=road.kept(path),
        run_id=road.run_id,
        created_at=datetime.now(UTC),
    )
    road.ledger.plan(change_set)
    road.tell(f"Opt-outs of {declared.name}: {rows} rows do not say so yet.")
    return change_set, refused
