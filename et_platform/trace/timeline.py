"""One row's timeline: everything that lake and ledger know of it, in order of time.

What belongs here: bringing the parts together. What does not: each part's reading (outbound.py, inbound.py), and how
it looks in a terminal (terminal.py).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import duckdb

from et_platform.catalog.business_unit import DEFAULT_UNIT
from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.loader import CatalogError
from et_platform.catalog.masking import masked
from et_platform.catalog.models import ConsentColumns, CrmEntity, DataExtension, WriteBack
from et_platform.duckdb_support import quoted
from et_platform.ledger.ledger import Ledger
from et_platform.sync.folding import SEPARATOR, folded_key, undecidable
from et_platform.trace import inbound, outbound
from et_platform.trace.moment import Moment
from et_platform.warehouse.lake import Lake
from et_platform.warehouse.snapshots import table_exists

_FILE_AND_LINE = re.compile(r"[\w.-]+/[\w.-]+:\d+")


@dataclass(frozen=True)
class Sources:
    """What a timeline is read from; `mids` are those of other business units than the default one, by name."""

    mid: int
    lake: Lake
    ledger: Ledger
    files: Path
    mids: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Timeline:
    """`copies`: rows of the newest snapshot with this key; `moments` in order of time."""

    entity: str
    copies: int
    is_decidable: bool
    moments: tuple[Moment, ...]


def timeline(sources: Sources, catalog: Catalog, entity: Declared[CrmEntity], key: str) -> Timeline:
    """Everything known of the row of `entity` with this key, compared as ExactTarget compares keys.

    The parts of a key of several columns are joined by folding.SEPARATOR.
    """
    folded, decidable = _folded(key, len(entity.is_.keys))
    copies, seen = _snapshot(sources.lake, entity, catalog.writeback.get(entity.name), folded)
    moments = [*seen, *inbound.event_moments(sources.lake, folded)]
    moments += inbound.status_moments(sources.lake, folded)
    moments += inbound.write_back_moments(sources.ledger, sources.files, entity, folded)
    mids = {DEFAULT_UNIT: sources.mid, **sources.mids}
    for declared in catalog.everywhere():
        if _has_rows_of(catalog, declared, entity) and declared.unit in mids:
            moments += outbound.moments(
                mid=mids[declared.unit],
                lake=sources.lake,
                ledger=sources.ledger,
                files=sources.files,
                declared=declared,
                entity=entity.name,
                folded_key=folded,
            )
    return Timeline(entity.name, copies, decidable, tuple(sorted(moments, key=lambda moment: moment.at)))


def _has_rows_of(catalog: Catalog, declared: Declared[DataExtension], entity: Declared[CrmEntity]) -> bool:
    """Whether a row of the data extension has the entity's key: it is fed by it, or is an audience of its people."""
    if declared.is_.source.crm is not None:
        return declared.is_.source.crm == entity.name
    sendable = declared.is_.sendable
    is_of_people = sendable is not None and sendable.field == declared.is_.key_field
    return is_of_people and entity.name in {one.is_.source.crm for one in catalog.consent_of(declared)}


def key_of(entity: Declared[CrmEntity], words: Sequence[str]) -> str:
    """The text of a row's key, from its columns' values; raises CatalogError if there are more or fewer of them."""
    keys = entity.is_.keys
    if len(words) != len(keys):
        raise CatalogError(
            f"The key of {entity.name} has {len(keys)} columns ({', '.join(keys)}), and {len(words)} values are given."
        )
    return SEPARATOR.join(words)


def _folded(key: str, parts: int) -> tuple[str, bool]:
    with duckdb.connect() as connection:
        row = connection.execute(
            f"SELECT {folded_key('$key', parts)}, coalesce({undecidable('$key')}, true)", {"key": key}
        ).fetchone()
    assert row is not None
    return row[0] or "", not row[1]


def _snapshot(
    lake: Lake, entity: Declared[CrmEntity], write_back: Declared[WriteBack] | None, folded: str
) -> tuple[int, list[Moment]]:
    """The row as the newest snapshot has it; of older ones only what a change set took from them is known."""
    with lake.read() as connection:
        if not table_exists(connection, "crm", entity.name):
            return 0, []
        taken = connection.execute(
            "SELECT id, taken_at, run_id FROM lake.history.snapshots WHERE entity = ? ORDER BY taken_at DESC LIMIT 1",
            [entity.name],
        ).fetchone()
        names = list(entity.is_.columns)
        columns = ", ".join(quoted(name) for name in names)
        rows = connection.execute(
            f"SELECT {columns} FROM lake.crm.{quoted(entity.name)} WHERE _folded_key = ?", [folded]
        ).fetchall()
    if taken is None:
        return 0, []
    id_, at, run_id = taken
    if not rows:
        return 0, [Moment(at, "snapshot", f"{id_}: the CRM has no row with this key", run_id)]
    seen = [Moment(at, "snapshot", f"{id_}: {_shown(entity, names, row)}", run_id) for row in rows]
    if write_back is not None:
        for row in rows:
            seen += _consent(write_back.is_.consent, dict(zip(names, row, strict=True)))
    return len(rows), seen


def _consent(columns: ConsentColumns, row: Mapping[str, Any]) -> Iterator[Moment]:
    """What the CRM has dated of the person's wishes, at the time when it was said."""
    out_at = _moment(row.get(columns.opted_out_at))
    if row.get(columns.opted_out) and out_at is not None:
        evidence = row.get(columns.evidence) if columns.evidence else None
        # A file and its line are nobody's data; what people wrote may be.
        shown = evidence if evidence is None or _FILE_AND_LINE.fullmatch(evidence) else masked(evidence, "profile")
        yield Moment(out_at, "consent", f"opted out, by the CRM; evidence: {shown or 'none is kept'}")
    in_at = _moment(row.get(columns.opted_in_at)) if columns.opted_in_at else None
    if in_at is not None:
        yield Moment(in_at, "consent", "opted in, by the CRM")


def _moment(value: Any) -> datetime | None:
    """A CRM date or timestamp (UTC) as a moment."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return datetime.combine(value, time(), UTC) if isinstance(value, date) else None


def _shown(entity: Declared[CrmEntity], names: list[str], row: tuple) -> str:
    shown = zip(names, row, strict=True)
    return ", ".join(f"{name} {masked(value, entity.is_.columns[name].pii)}" for name, value in shown)


def lines(told: Timeline) -> Iterator[str]:
    """The timeline as lines for a terminal."""
    if not told.is_decidable:
        yield "This key holds characters whose equality ExactTarget decides by an unknown rule: it is held, not sent."
    if told.copies > 1:
        yield f"The CRM has {told.copies} rows with this key, as ExactTarget compares keys: they are held, not sent."
    if not told.moments:
        yield f"Nothing is known of this key of {told.entity}: no snapshot, change set, event or write-back holds it."
    for moment in told.moments:
        run = f"  [run {moment.run_id[:8]}]" if moment.run_id else ""
        yield f"{moment.at:%Y-%m-%d %H:%M:%S} UTC  {moment.kind:<12}  {moment.text}{run}"
