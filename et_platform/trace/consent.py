"""What is known of one person's consent, and what follows from it: the rule that the gate goes by, shown.

What belongs here: one key's facts and verdicts, in order, and how they look in a terminal. What does not: the rule
(sync/consent_facts.py), and everything else that happened to the person (timeline.py).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import duckdb

from et_platform.catalog.catalog import Catalog
from et_platform.catalog.extract import unsubscribes_of
from et_platform.duckdb_support import literal, one_row, quoted
from et_platform.sync import consent_facts
from et_platform.sync.consent_sources import stated_by
from et_platform.sync.folding import folded_key, undecidable
from et_platform.warehouse import events, status_changes
from et_platform.warehouse.lake import Lake, table_exists
from et_platform.warehouse.snapshots import latest_snapshot

_MEANS = {
    "in": "asked for mail",
    "out": "wants no mail",
    "held": "mail came back too often",
    "released": "held no more",
    "echo": "set by this platform: the CRM's word, which decides",
    "bounced": "one mail came back, which decides nothing",
}


@dataclass(frozen=True)
class Fact:
    """One dated word. `at` is UTC, None where the CRM has no date; `where` says for whom it holds; no personal data."""

    at: datetime | None
    says: str
    where: str
    source: str
    evidence: str


@dataclass(frozen=True)
class Verdict:
    """What follows `where`: out, held, in or unsaid. The fact that decides, if one does."""

    where: str
    verdict: str
    source: str | None
    at: datetime | None
    evidence: str | None


@dataclass(frozen=True)
class Consent:
    """`copies`: rows of the CRM with this key, over all entities that say something of consent."""

    is_decidable: bool
    copies: int
    verdicts: tuple[Verdict, ...]
    facts: tuple[Fact, ...]


def consent_of(lake: Lake, catalog: Catalog, key: str, *, mid: int) -> Consent:
    """The facts and verdicts of the subscriber key, compared as ExactTarget compares keys, in business unit `mid`."""
    with lake.read() as connection:
        as_compared = f"SELECT coalesce({folded_key('$key')}, ''), coalesce({undecidable('$key')}, true)"
        folded, is_undecidable = one_row(connection, as_compared, {"key": key})
        crm = list(_of_crm(connection, catalog, folded))
        own = f"WHERE _folded_key = {literal(folded)})"
        told = consent_facts.of_exacttarget(
            unsubscribes=f"(FROM {events.rows(connection, 'unsubscribe')} {own}",
            status_changes=f"(FROM {status_changes.relation(connection)} {own}",
            bounces=f"(FROM {events.rows(connection, 'bounce')} {own}",
            mid=mid,
            declared=unsubscribes_of(one.is_ for one in catalog.extracts.values()),
        )
        union = " UNION ALL ".join([f"FROM {told}", *(f"FROM {facts}" for facts, _ in crm)])
        connection.execute(f"CREATE TEMP TABLE facts AS {union}")
        facts = connection.execute(
            "SELECT happened_at, says, level, unit, list_id, source, evidence FROM facts "
            "ORDER BY happened_at NULLS FIRST, source, says"
        ).fetchall()
        verdicts = connection.execute(
            "SELECT level, unit, list_id, verdict, because.source, because.happened_at, because.evidence "
            f"FROM ({consent_facts.verdicts('facts', mid=mid)}) ORDER BY level, unit, list_id"
        ).fetchall()
        connection.execute("DROP TABLE facts")
    return Consent(
        is_decidable=not is_undecidable,
        copies=max((copies for _, copies in crm), default=0),
        verdicts=tuple(
            Verdict(_where(level, unit, number) if level != "everything" else f"business unit {unit}, this one", *why)
            for level, unit, number, *why in verdicts
        ),
        facts=tuple(
            Fact(at, says, _where(level, unit, list_id), source, evidence)
            for at, says, level, unit, list_id, source, evidence in facts
        ),
    )


def _of_crm(connection: duckdb.DuckDBPyConnection, catalog: Catalog, folded: str) -> Iterator[tuple[str, int]]:
    """SQL for the facts that each entity's newest snapshot states, and how many of its rows have the key."""
    for one in stated_by(catalog):
        snapshot = latest_snapshot(connection, one.entity)
        if snapshot is None or not table_exists(connection, "crm", one.entity):
            continue
        rows = f"(SELECT s.* FROM lake.crm.{quoted(one.entity)} AS s WHERE {folded_key(one.key)} = {literal(folded)})"
        (copies,) = one_row(connection, f"SELECT count(*) FROM {rows}")
        yield one.facts(origin=f"crm_snapshot/{one.entity} {snapshot[0]}", snapshot=rows), copies


def _where(level: str, unit: int | None, list_id: int | None) -> str:
    if level == "everything":
        return "everywhere"
    return f"business unit {unit}" if level == "unit" else f"list {list_id} of business unit {unit}"


def as_json(found: Consent) -> dict[str, Any]:
    """The same as plain values; times as text."""
    return {
        "decidable": found.is_decidable,
        "copies in the CRM": found.copies,
        "verdicts": [asdict(one) | {"at": _time(one.at)} for one in found.verdicts],
        "facts": [asdict(one) | {"at": _time(one.at)} for one in found.facts],
    }


def lines(found: Consent) -> Iterator[str]:
    """The facts and verdicts for a terminal."""
    if not found.is_decidable:
        yield "This key holds characters whose equality ExactTarget decides by an unknown rule: it is held, not sent."
    if found.copies > 1:
        yield f"The CRM has {found.copies} rows with this key, as ExactTarget compares keys: one that is out is enough."
    if not found.facts:
        yield "Nobody said anything of this key's consent: no snapshot, event or change of status that is here does."
    for fact in found.facts:
        yield (
            f"{_time(fact.at) or 'without a date':<24}  {fact.says:<9} {fact.where}: {_MEANS[fact.says]} "
            f"({fact.source}; {fact.evidence})"
        )
    for one in found.verdicts:
        yield f"→ {one.where}: {one.verdict.upper()}, {_why(one)}"


def _why(one: Verdict) -> str:
    if one.verdict == "unsaid":
        return "for nobody said in or out that counts here"
    since = f"of {_time(one.at)}" if one.at is not None else "without a date"
    by = f"by the {'CRM' if one.source == 'CRM' else one.source} {since} ({one.evidence})"
    match one.verdict, one.source:
        case "out", "CRM":
            return f"{by}; it stands until the CRM takes it back"
        case "out", _:
            return f"{by}; no newer word says in"
        case _:
            return f"{by}; nothing newer says otherwise"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
