"""Step 1: read a CRM entity into the lake.

What belongs here: the CRM and the lake brought together, whether all is read or only what changed, and errors put in
the catalogue's terms. What does not: reading (crm), typing (warehouse/reading.py) and keeping (warehouse/snapshots.py).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import CrmEntity, Incremental
from et_platform.crm.connect import Crm
from et_platform.crm.errors import MissingTable, ReadFailed
from et_platform.crm.source import Since, Source
from et_platform.ledger import writeback
from et_platform.outbound import source_drift
from et_platform.outbound.errors import DeclarationMismatch
from et_platform.outbound.road import Road
from et_platform.outbound.source_drift import Drift
from et_platform.sync.folding import folded_key
from et_platform.warehouse import reading, snapshot_history
from et_platform.warehouse.snapshots import Reading, Snapshot, write_snapshot


def take_snapshot(
    road: Road, entity: Declared[CrmEntity], *, full: bool = False, accept_drift: bool = False
) -> Snapshot:
    """Bring the entity's snapshot up to what the CRM holds now; `full` asks for all of it whatever is declared.

    Raises CrmError when the CRM cannot be read and DeclarationMismatch when the catalogue asks for what it does not
    have (a key's column of another type only without `accept_drift`); the former snapshot then stays. One run at a time
    takes it, so that what was read earlier never replaces what was read later.
    """
    with road.lease(f"snapshot of {entity.name}", wait_seconds=road.pace.turn_deadline):
        with road.open_crm() as crm:
            snapshot = _read(road, crm, entity, full=full, accept_drift=accept_drift)
        road.lake.tidy()
    road.tell(
        f"Snapshot {snapshot.id} of {entity.name}: {snapshot.rows} rows, {snapshot.kind} ({snapshot.why}); "
        f"{snapshot.read} read in {snapshot.seconds:.1f} s, {snapshot.new} new, {snapshot.changed} changed, "
        f"{snapshot.removed} removed."
    )
    for warning in snapshot.warnings:
        road.tell(f"Warning: {warning}")
    return snapshot


def _read(road: Road, crm: Crm, entity: Declared[CrmEntity], *, full: bool, accept_drift: bool) -> Snapshot:
    declared = entity.is_
    source = Source(table=declared.source.table, query=declared.source.query)
    try:
        columns = crm.columns(source)
        past = _past(road, entity)
        drift = source_drift.compare(
            entity,
            columns,
            before=past.last.columns if past.last else None,
            baseline=past.baseline,
            is_accepted=accept_drift or (past.last is not None and past.last.shape != past.shape),
        )
        since, why = (None, "it was asked for") if full else _since(entity.is_, drift, past)
        return write_snapshot(
            road.lake,
            name=entity.name,
            entity=declared,
            rows=lambda: crm.read(source, list(declared.columns), since=since, connections=declared.source.connections),
            fold=partial(folded_key, parts=len(declared.keys)),
            run_id=road.run_id,
            how=Reading(
                kind="incremental" if since else "full",
                why=why,
                clock=crm.clock() if declared.source.incremental else None,
                columns=source_drift.recorded(columns),
                warnings=drift.warnings,
                notes=drift.notes,
            ),
            keep_history=road.retention,
        )
    except (ReadFailed, MissingTable) as error:
        raise DeclarationMismatch(
            f"{entity.at('source')}: source: {error} The former snapshot was kept and nothing was sent."
        ) from None


@dataclass(frozen=True)
class _Past:
    """What earlier snapshots tell. `shape` is that of the declaration as it is now; `since_full` counts the snapshots
    since the last full one; `written_at` is when rows of the entity were last written by us, perhaps.
    """

    shape: str
    last: Snapshot | None
    full: Snapshot | None
    since_full: int
    baseline: source_drift.Recorded | None
    written_at: datetime | None


def _past(road: Road, entity: Declared[CrmEntity]) -> _Past:
    shape = reading.shape(entity.is_, partial(folded_key, parts=len(entity.is_.keys)))
    with road.lake.read() as connection:
        last = snapshot_history.last(connection, entity.name)
        full = snapshot_history.last(connection, entity.name, kind="full")
        since_full = snapshot_history.since_full(connection, full) if full else 0
        first = snapshot_history.first_of_shape(connection, entity.name, shape)
    open_, settled = writeback.open_set(road.ledger, entity.name), writeback.last_settled(road.ledger, entity.name)
    begun = [set_ for set_ in (open_, settled) if set_ is not None and set_.writing_at is not None]
    written = max((set_.written_at or datetime.now(UTC) for set_ in begun), default=None)
    return _Past(shape, last, full, since_full, first.columns if first else None, written)


def _since(declared: CrmEntity, drift: Drift, past: _Past) -> tuple[Since | None, str]:
    """From where on to read, or None for everything; and why."""
    incremental = declared.source.incremental
    if incremental is None:
        return None, "no cursor is declared"
    if past.last is None or past.full is None:
        return None, "it is the first"
    if past.last.shape != past.shape:
        return None, "the declaration or its reading changed since the last"
    if past.last.cursor_column != incremental.cursor or past.last.cursor is None:
        return None, f"no value of {incremental.cursor} is known from the last"
    if drift.retyped:
        return None, f"columns have other types than in the last: {', '.join(sorted(drift.retyped))}"
    if doubt := _doubt(declared, incremental, drift):
        return None, doubt
    if incremental.full_every is not None and past.since_full + 1 >= incremental.full_every:
        return None, f"one in {incremental.full_every} is"
    if datetime.now(UTC) - past.full.taken_at >= incremental.full_after:
        return None, f"the last full one is older than {incremental.full_after}"
    if past.written_at and past.written_at > past.full.taken_at and not incremental.moves_with_every_write:
        return None, f"rows were written back, which does not move {incremental.cursor}"
    if isinstance(incremental.overlap, timedelta):
        low = datetime.fromisoformat(past.last.cursor) - incremental.overlap
    else:
        low = int(past.last.cursor) - incremental.overlap
    return Since(declared.key, incremental.cursor, low), f"{incremental.cursor} from {low} on"


def _doubt(declared: CrmEntity, incremental: Incremental, drift: Drift) -> str | None:
    """Why the database's own order of cursors, or its own idea of equal keys, need not be ours; None if it is."""
    cursor = drift.columns[incremental.cursor]
    counts = declared.columns[incremental.cursor].type == "integer"
    if cursor.enforced and cursor.kind not in (("integer", "number") if counts else ("date", "timestamp")):
        return f"{cursor.name} is of type {cursor.type} in the database, which does not order it"
    # Of a text, 7 and 07 are two keys to the database, and one to us.
    for name in declared.keys:
        key = drift.columns[name]
        if declared.columns[name].type != "text" and key.kind not in ("integer", "number"):
            return f"{key.name} is of type {key.type or 'any'} in the database, which does not tell which keys are one"
    return None
