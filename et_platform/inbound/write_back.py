"""The last step of the return road: `propose → write → settle`, what ExactTarget knows into the CRM.

What belongs here: bringing snapshot, events, CRM and ledger together, in an order that a kill anywhere leaves
mendable. What does not: the rule of consent (sync/consent_facts.py), writing (crm/write.py), states
(ledger/writeback.py).

The ledger says `writing` before the CRM is touched, and `written` after the CRM has made the rows last. Killed in
between, the next run writes the same rows from their file again: the CRM tells those that it has as `already`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.extract import Unsubscribes, unsubscribes_of
from et_platform.catalog.models import WriteBack
from et_platform.catalog.tracking import EventType
from et_platform.crm.errors import MissingColumn, MissingTable
from et_platform.crm.write import RowChange, write_back
from et_platform.duckdb_support import quoted
from et_platform.inbound.errors import JournalMissing, NotDeclaredInCrm, NothingToProposeFrom
from et_platform.ledger import writeback as journal
from et_platform.ledger.leases import lease
from et_platform.ledger.ledger import Ledger
from et_platform.ledger.writeback import WriteBackSet
from et_platform.sync import consent, consent_facts
from et_platform.sync.identity import write_back_id
from et_platform.warehouse import events, status_changes, writeback_rows
from et_platform.warehouse.lake import Lake
from et_platform.warehouse.snapshots import latest_snapshot, table_exists


@dataclass(frozen=True)
class WriteBackRoad:
    """The parts that the step works with. `mid` is the business unit whose unsubscribes count; `tell` receives lines
    for people, free of personal data.
    """

    lake: Lake
    ledger: Ledger
    files: Path
    crm_url: str = field(repr=False)  # with its password
    run_id: str
    tell: Callable[[str], None]
    retention: timedelta = timedelta(days=90)
    mid: int | None = None

    def lease(self, entity: str) -> AbstractContextManager[object]:
        """Exclusive use of one entity's write-back."""
        return lease(self.ledger, f"write-back to {entity}")

    def folder(self, entity: str) -> Path:
        """The folder of an entity's journals."""
        path = self.files / "writeback" / entity
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path


@dataclass(frozen=True)
class Apart:
    """Unsubscribes that opt nobody out of everything: from one list, or from another business unit."""

    unit: int | None
    list_id: int | None
    subscribers: int
    latest: datetime


@dataclass(frozen=True)
class Proposal:
    """What a look at snapshot and events found. `set_` is None when there is nothing to write.

    `figures` counts rows by class (change, and the classes of consent.LISTED that are told and not written);
    `opt_outs` counts the opt-outs among them; `apart` are unsubscribes that are kept and told, and move no row.
    """

    entity: str
    snapshot_id: str
    figures: dict[str, int]
    opt_outs: dict[str, int]
    apart: tuple[Apart, ...]
    set_: WriteBackSet | None


def propose(road: WriteBackRoad, catalog: Catalog, declared: Declared[WriteBack]) -> Proposal:
    """Compare the newest snapshot with all events and record what should be written as the entity's open set.

    An open set that was begun has to be finished first (`finish`). Raises NothingToProposeFrom without a snapshot, or
    when it is older than the last write-back; StaleState while another set is in doubt.
    """
    entity = declared.name
    if _is_stale(road, entity):
        raise NothingToProposeFrom(
            f"The snapshot of the CRM entity {entity} is older than what was last written there: materialize "
            f"crm_snapshot/{entity} again, then this."
        )
    means = unsubscribes_of(one.is_ for one in catalog.extracts.values())
    scratch = road.folder(entity) / f".{entity}.unfinished"
    with road.lake.read() as connection:
        snapshot = latest_snapshot(connection, entity)
        if snapshot is None:
            raise NothingToProposeFrom(
                f"There is no snapshot of the CRM entity {entity} yet: materialize crm_snapshot/{entity} first."
            )
        facts = consent_facts.of_exacttarget(
            unsubscribes=events.rows(connection, "unsubscribe"),
            status_changes=status_changes.relation(connection),
            mid=road.mid,
            declared=means,
        )
        query = consent.proposals(
            declared.is_,
            catalog.crm[entity].is_,
            snapshot=f"lake.crm.{quoted(entity)}",
            unsubscribes=consent_facts.standing_outs(facts),
            engagement=_engagement(road, connection, declared),
        )
        connection.execute(f"CREATE TEMP TABLE proposed AS {query}")
        counts = connection.execute(consent.figures("proposed")).fetchall()
        writeback_rows.save(connection, consent.change_rows("proposed"), scratch)
        found = connection.execute(consent.content_fingerprint(writeback_rows.relation(scratch))).fetchone()
        connection.execute("DROP TABLE proposed")
        apart = _apart(connection, road.mid, means)
    assert found is not None
    rows, fingerprint = found
    figures = {kind: count for kind, count, _ in counts}
    opt_outs = {kind: count for kind, _, count in counts}
    set_ = None
    if rows:
        identity = write_back_id(entity=entity, table=declared.is_.table, rows=rows, fingerprint=fingerprint)
        path = road.folder(entity) / f"{identity}.parquet"
        writeback_rows.keep(scratch, path)
        set_ = journal.propose(
            road.ledger,
            WriteBackSet(
                id=identity,
                entity=entity,
                state="proposed",
                rows=rows,
                figures=figures,
                snapshot_id=snapshot[0],
                path=str(path.relative_to(road.files)),
                run_id=road.run_id,
                proposed_at=datetime.now(UTC),
            ),
        )
    else:
        scratch.unlink()
        journal.close_proposal(road.ledger, entity)
    road.tell(f"Write-back to {entity}: {rows} rows to write, {opt_outs.get('change', 0)} of them opt-outs.")
    return Proposal(entity, snapshot[0], figures, opt_outs, apart, set_)


def write(road: WriteBackRoad, declared: Declared[WriteBack], set_: WriteBackSet) -> WriteBackSet:
    """Write a proposed set, or one in doubt, into the CRM and record what became of each row.

    Raises CrmError with nothing written (WriteInDoubt: unknown), NotDeclaredInCrm when the CRM has no such table or
    column, and JournalMissing.
    """
    path = road.files / set_.path
    if not path.exists():
        raise JournalMissing(
            f"The rows of write-back {set_.id[:12]} of {set_.entity} are gone: {path} is missing. Nothing was written "
            "now. Restore the file from a backup of the data path and run this again; or, without one, materialize "
            f"crm_writeback/{set_.entity}: what was begun is given up then, the CRM is read anew, and what it lacks is "
            "proposed again. Only what the rows held before cannot be told any more."
        )
    begun = journal.begin(road.ledger, set_)
    changes = (RowChange(key, before, after) for key, before, after in writeback_rows.rows(path))
    try:
        report = write_back(road.crm_url, table=declared.is_.table, key=declared.is_.key, changes=changes)
    except MissingColumn as error:
        place = next((at for at, (column, _) in declared.is_.columns().items() if column == error.column), ("key",))
        raise NotDeclaredInCrm(f"{declared.at(*place)}: {'.'.join(place)}: {error} Nothing was written.") from None
    except MissingTable as error:
        raise NotDeclaredInCrm(f"{declared.at('table')}: table: {error} Nothing was written.") from None
    road.tell(
        f"Write-back to {set_.entity}: " + ", ".join(f"{count} {name}" for name, count in report.counts.items()) + "."
    )
    return journal.record(road.ledger, begun, report.counts)


def settle(road: WriteBackRoad, set_: WriteBackSet) -> WriteBackSet:
    """Close a written set, and delete journals that are older than rows are kept."""
    settled = journal.settle(road.ledger, set_)
    for path in journal.forgettable_paths(road.ledger, set_.entity, closed_before=datetime.now(UTC) - road.retention):
        (road.files / path).unlink(missing_ok=True)
    return settled


def finish(road: WriteBackRoad, declared: Declared[WriteBack]) -> WriteBackSet | None:
    """Bring a set that an earlier run began to its end; None if there is none.

    One whose rows are gone is abandoned. Nothing is lost by that: what is proposed next comes from the CRM as it is
    then, so what had been written is found there, and what had not is proposed again. Only what its rows held before
    cannot be told any more.
    """
    open_ = journal.open_set(road.ledger, declared.name)
    if open_ is None or open_.state == "proposed":
        return None
    if open_.state == "writing" and not (road.files / open_.path).exists():
        road.tell(
            f"The rows of write-back {open_.id[:12]} of {open_.entity} are gone, and it was begun: it is given up, and "
            "the CRM is read anew to see what it wrote. What its rows held before cannot be told any more."
        )
        return journal.abandon(road.ledger, open_)
    return settle(road, open_ if open_.state == "written" else write(road, declared, open_))


def run(
    road: WriteBackRoad,
    catalog: Catalog,
    declared: Declared[WriteBack],
    *,
    take_snapshot: Callable[[], object],
) -> tuple[Proposal, WriteBackSet | None]:
    """The whole step: finish what was begun, propose, write, settle. Raises LeaseTaken, and what its parts raise.

    `take_snapshot` reads the entity anew; it is called when the snapshot is older than the last write-back.
    """
    with road.lease(declared.name):
        finish(road, declared)
        if _is_stale(road, declared.name):
            take_snapshot()
        proposal = propose(road, catalog, declared)
        if proposal.set_ is None:
            return proposal, None
        return proposal, settle(road, write(road, declared, proposal.set_))


def _is_stale(road: WriteBackRoad, entity: str) -> bool:
    """Whether the snapshot was taken before the last write-back, and so does not show it."""
    touched = journal.last_touched(road.ledger, entity)
    with road.lake.read() as connection:
        snapshot = latest_snapshot(connection, entity)
        if snapshot is None or touched is None:
            return False
        row = connection.execute(
            "SELECT taken_at <= $written FROM lake.history.snapshots WHERE id = $id",
            {"written": touched, "id": snapshot[0]},
        ).fetchone()
    return row is not None and row[0]


def _engagement(road: WriteBackRoad, connection: duckdb.DuckDBPyConnection, declared: Declared[WriteBack]) -> str:
    """SQL for everybody's engagement: the declared mart, or a sum over the events."""
    mart = declared.is_.engagement.mart
    if mart is None:
        return consent.engagement_of(_events(connection, "open"), _events(connection, "click"))
    if not table_exists(connection, "marts", mart):
        # Opt-outs must not wait for figures.
        road.tell(
            f"The mart {mart} is not built yet: engagement figures are left as they are. Materialize mart/{mart}."
        )
        return (
            "(SELECT NULL::VARCHAR AS subscriber_key, NULL::TIMESTAMP AS last_open_at, NULL::BIGINT AS opens, "
            "NULL::TIMESTAMP AS last_click_at, NULL::BIGINT AS clicks LIMIT 0)"
        )
    return (
        "(SELECT customer_id AS subscriber_key, timezone('UTC', last_open_at) AS last_open_at, opens, "
        f"timezone('UTC', last_click_at) AS last_click_at, clicks FROM lake.marts.{quoted(mart)})"
    )


def _apart(connection: duckdb.DuckDBPyConnection, mid: int | None, means: Unsubscribes | None) -> tuple[Apart, ...]:
    query = consent.apart(events.rows(connection, "unsubscribe"), mid, means)
    return tuple(Apart(*row) for row in connection.execute(query).fetchall())


def _events(connection: duckdb.DuckDBPyConnection, event_type: EventType) -> str:
    return (
        '(SELECT "SubscriberKey" AS subscriber_key, timezone(\'UTC\', "EventDate") AS event_at '
        f"FROM {events.rows(connection, event_type)})"
    )
