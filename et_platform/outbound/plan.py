"""Step 2: settle what an earlier run left, then plan: what is desired and not acknowledged.

What belongs here: running the plan's SQL on the lake, and recording its outcome. What does not: the SQL itself
(sync/plan.py) and the guards (sync/gate.py).
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, one_row, parquet
from et_platform.ledger.leases import Lease
from et_platform.ledger.records import ChangeSet
from et_platform.outbound import approval, gate, report
from et_platform.outbound.consent import latest_unsubscribes, who_is_out
from et_platform.outbound.errors import NeedsDecision
from et_platform.outbound.road import Road
from et_platform.outbound.settle import Settlement, settle_open_attempt
from et_platform.outbound.source import Source, read_source
from et_platform.sync import opt_out, removals
from et_platform.sync import plan as sql
from et_platform.sync.differences import CANDIDATES, GONE, HELD, declaration_version
from et_platform.sync.gate import Verdict
from et_platform.sync.identity import change_set_id
from et_platform.warehouse import acknowledged, quarantine

_STAYS = "they are marked as gone already, or may be rows whose key ExactTarget compares by an unknown rule"


@dataclass(frozen=True)
class Plan:
    """What a plan found. `change_set` is the open one: that of this plan, or, if this is a preview, an earlier one that
    is frozen until it is approved, rejected or decided; None when there is nothing to import. `settled` is what an
    earlier run had left open and this one finished first.
    """

    data_extension: str
    snapshot_id: str
    figures: sql.PlanFigures
    verdict: Verdict
    change_set: ChangeSet | None
    settled: Settlement | None
    is_preview: bool
    report: report.Report


def make_plan(road: Road, catalog: Catalog, data_extension: Declared[DataExtension]) -> Plan:
    """Plan one data extension and record the change set as its open one.

    While a change set waits for approval, is approved and not imported yet, or needs a decision, it is frozen: the plan
    is a preview and records nothing.

    Raises NothingToPlanFrom without a snapshot, LeaseTaken while another run works on the data extension, and the
    client's errors when an earlier attempt is in doubt and ExactTarget cannot be asked.
    """
    de, name = data_extension.is_, road.lake_name(data_extension.is_)
    with road.lease_of(de) as held, scratch_folder(road.change_sets(de)) as scratch:
        settled, undecided = _settle(road, data_extension, held)
        frozen = undecided or approval.frozen(road, catalog, data_extension)
        prepare_tables(road, data_extension)
        saved = parquet(scratch / "changes.parquet")
        with road.lake.read() as connection:
            source = read_source(connection, catalog, data_extension)
            _evaluate(road, connection, catalog, data_extension, source, name)
            doubt = _find_removed(connection, de, source)
            figures = _figures(connection, data_extension, source, name, doubt)
            found = _save(connection, data_extension, name, figures, scratch)
            base = acknowledged.base_version(connection, name)
            rows, fingerprint = one_row(connection, sql.content_fingerprint(de, saved))
            shown = report.samples(connection, de, changes=saved, acknowledged=HELD)
            estimate = report.estimate(connection, de, saved)
        _record_in_lake(road, name, scratch, found)
        verdict = gate.verdict(road, data_extension, figures)
        change_set = None
        if rows:
            identity = change_set_id(
                mid=road.mid,
                customer_key=de.customer_key,
                declaration=declaration_version(de, source.relation),
                base_version=base,
                rows=rows,
                fingerprint=fingerprint,
            )
            change_set = ChangeSet(
                id=identity,
                mid=road.mid,
                data_extension=data_extension.name,
                customer_key=de.customer_key,
                kind="rows",
                base_version=base,
                snapshot_id=source.version,
                state="planned",
                declaration=de.model_dump(mode="json", by_alias=True),
                figures=asdict(figures),
                gate=list(verdict.reasons),
                path=road.kept(road.change_sets(de) / f"{identity}.parquet"),
                run_id=road.run_id,
                created_at=road.clock(),
            )
        is_preview = frozen is not None and (undecided is not None or change_set is None or change_set.id != frozen.id)
        if is_preview:
            change_set = frozen
        elif change_set is not None:
            keep(scratch / "changes.parquet", road.files / change_set.path)
            road.ledger.plan(change_set)
        else:
            road.ledger.close_open_change_set(road.mid, de.customer_key)
        _forget_old_rows(road, data_extension)
        standing = approval.NOTHING_TO_APPROVE
        if undecided is not None:
            standing = approval.UNDECIDED
        elif change_set is not None:
            standing = approval.standing_of(road, catalog, data_extension, change_set)
    told = report.Report(
        data_extension=data_extension.name,
        customer_key=de.customer_key,
        mid=road.mid,
        change_set=change_set.id if change_set else None,
        is_preview=is_preview,
        snapshot=source.version,
        figures=figures,
        samples=shown,
        estimate=estimate,
        schema=None,
        verdict=verdict,
        standing=standing,
    )
    road.tell(
        f"Plan of {data_extension.name}: {figures.inserts} inserts, {figures.updates} updates, "
        f"{figures.deletes} removals."
    )
    return Plan(data_extension.name, source.version, figures, verdict, change_set, settled, is_preview, told)


def _settle(
    road: Road, data_extension: Declared[DataExtension], held: Lease
) -> tuple[Settlement | None, ChangeSet | None]:
    """What an earlier run left is settled; or the change set that needs a decision, and is open until it is taken."""
    try:
        return settle_open_attempt(road, data_extension, held), None
    except NeedsDecision:  # the ledger has the question by now, and the gate asks it
        attempt = road.ledger.open_attempt(road.mid, data_extension.is_.customer_key, ["rows"])
        assert attempt is not None
        return None, road.ledger.change_set(attempt.change_set_id)


def prepare_tables(road: Road, data_extension: Declared[DataExtension]) -> None:
    """Make the data extension's tables in the lake, or add what they lack."""
    name = road.lake_name(data_extension.is_)
    with road.lake.read() as connection:
        ready = acknowledged.are_tables_ready(connection, name, data_extension.is_)
        ready = ready and quarantine.are_tables_ready(connection, name)
    if not ready:
        with road.lake.write() as connection:
            acknowledged.ensure_tables(connection, name, data_extension.is_)
            quarantine.ensure_tables(connection, name)


def _evaluate(
    road: Road,
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    data_extension: Declared[DataExtension],
    source: Source,
    name: str,
) -> None:
    """Fill the temporary tables `differences`, `held` and `evaluated`."""
    is_audience = opt_out.audience_field(data_extension.is_) is not None
    for step in sql.steps(
        data_extension.is_,
        source.found,
        acknowledged=acknowledged.relation(name),
        rejections=quarantine.rejections_of(name),
        unsubscribes=latest_unsubscribes(road, catalog, connection),
        out=who_is_out(road, catalog, data_extension, connection) if is_audience else None,
        with_gone=data_extension.is_.deletes != "keep",
    ):
        connection.execute(step)


def _find_removed(connection: duckdb.DuckDBPyConnection, data_extension: DataExtension, source: Source) -> str:
    """Fill the temporary table `removed` with what left the source, unless there is any doubt, which is returned."""
    (keyless,) = one_row(connection, f"SELECT count(*) FROM {CANDIDATES} WHERE _folded_key IS NULL")
    doubt = removals.doubt(data_extension, is_complete=source.is_complete, keyless=keyless)
    query = removals.rows(data_extension, taken_at=source.as_of.isoformat())
    connection.execute(f"CREATE TEMP TABLE removed AS {query}{' LIMIT 0' if doubt else ''}")
    return doubt


def _figures(
    connection: duckdb.DuckDBPyConnection,
    data_extension: Declared[DataExtension],
    source: Source,
    name: str,
    doubt: str,
) -> sql.PlanFigures:
    updates = f"(SELECT _changed FROM {sql.EVALUATED} WHERE _class = 'update')"
    classes = f"SELECT _class, count(*) FROM {sql.EVALUATED} GROUP BY _class"
    rows = dict(connection.execute(classes).fetchall())
    total, known, vanished, deletes = (
        one_row(connection, f"SELECT count(*) FROM {relation}")[0]
        for relation in (source.found.table, acknowledged.relation(name), GONE, "removed")
    )
    reasons = connection.execute(
        "SELECT field || ': ' || reason, count(*) AS n FROM "
        f"({sql.quarantine_rows(data_extension.is_, sql.EVALUATED)}) GROUP BY 1 ORDER BY n DESC, 1"
    ).fetchall()
    return sql.PlanFigures(
        snapshot=total,
        acknowledged=known,
        inserts=rows.get("insert", 0),
        updates=rows.get("update", 0),
        unchanged=total - sum(rows.values()) + rows.get("unchanged", 0),
        quarantined=rows.get("quarantined", 0),
        held=rows.get("held", 0),
        unknown=rows.get("unknown", 0),
        kept=vanished - deletes,
        reasons=dict(reasons),
        deletes=deletes,
        kept_because=(doubt or _STAYS) if vanished > deletes else "",
        updates_by_field=dict(report.updates_by_field(connection, updates)),
        read_at=source.as_of.astimezone(UTC).isoformat(),
        drift=list(source.drift),
        dropped=rows.get("dropped", 0),
    )


def _save(
    connection: duckdb.DuckDBPyConnection,
    data_extension: Declared[DataExtension],
    name: str,
    figures: sql.PlanFigures,
    scratch: Path,
) -> dict[str, bool]:
    """Save the changes, and what else is to be recorded in the lake; of `quarantine` and `unchanged`, whether it is."""
    (compared,) = one_row(connection, f"SELECT count(*) FROM {sql.EVALUATED} WHERE _class = 'unchanged'")
    (in_quarantine,) = one_row(connection, f"SELECT count(*) FROM {quarantine.relation(name)}")
    found = {"quarantine": figures.withheld + figures.dropped + in_quarantine > 0, "unchanged": compared > 0}
    for table, query in (
        ("changes", sql.change_rows(data_extension.is_, sql.EVALUATED, "removed")),
        ("quarantine", sql.quarantine_rows(data_extension.is_, sql.EVALUATED)),
        ("unchanged", f"SELECT _folded_key, _source_hash FROM {sql.EVALUATED} WHERE _class = 'unchanged'"),
    ):
        if found.get(table, True):
            connection.execute(f"COPY ({query}) TO {literal(str(scratch / f'{table}.parquet'))} (FORMAT parquet)")
    return found


def _record_in_lake(road: Road, name: str, scratch: Path, found: Mapping[str, bool]) -> None:
    """Nothing is written, and no lock waited for, where nothing is to be recorded."""
    if not any(found.values()):
        return
    with road.lake.write() as connection:
        if found["quarantine"]:
            quarantine.replace(connection, name, f"SELECT * FROM {parquet(scratch / 'quarantine.parquet')}")
        if found["unchanged"]:
            acknowledged.refresh_source_hashes(connection, name, parquet(scratch / "unchanged.parquet"))


def keep(scratch: Path, path: Path) -> Path:
    """Give the saved rows their lasting, content-addressed name, once they are on the disk."""
    scratch.chmod(0o600)
    with scratch.open("rb") as saved:
        os.fsync(saved.fileno())
    return scratch.replace(path)


def _forget_old_rows(road: Road, data_extension: Declared[DataExtension]) -> None:
    """Delete the rows of change sets that never went, or that were settled longer ago than rows are kept."""
    before = datetime.now(UTC) - road.retention
    for path in road.ledger.forgettable_paths(road.mid, data_extension.is_.customer_key, settled_before=before):
        (road.files / path).unlink(missing_ok=True)


@contextlib.contextmanager
def scratch_folder(folder: Path, name: str = ".plan") -> Iterator[Path]:
    """A private folder for the files of one plan, removed with all it holds, and with what a killed plan left.

    To be used with the lease that makes the name nobody else's.
    """
    path = folder / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path)
