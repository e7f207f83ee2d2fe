"""Quarantine for people: what is in it and why, and their decisions: offer a row again, or drop it.

What belongs here: reading, and what may be decided of which row. What does not: the tables (warehouse/quarantine.py,
warehouse/quarantine_decisions.py), and how it looks in a terminal (cli/quarantine.py).

Rows that the CRM's content keeps out are judged again at every plan, so there is nothing to offer again: they leave
when they are mended. A decision is one transaction of the lake and needs no lease: the next plan reads it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from et_platform.catalog.base import Pii
from et_platform.catalog.catalog import Declared
from et_platform.catalog.masking import masked
from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, one_row
from et_platform.outbound.errors import NotDecidable
from et_platform.outbound.report_words import without_values
from et_platform.outbound.road import Road
from et_platform.sync.plan import DROPPED, MAXIMUM_REJECTIONS, REFUSED
from et_platform.warehouse import quarantine, quarantine_decisions
from et_platform.warehouse.quarantine_decisions import Decision, Word

MOST_SHOWN = 50


@dataclass(frozen=True)
class Count:
    """How many rows of a data extension one reason keeps out. A row with two reasons is counted under both."""

    data_extension: str
    what: str
    field: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Withheld:
    """One row and one reason why it is withheld; `key` is masked unless it was to be revealed.

    `file` and `line` say where it stands: in the import file for rows that ExactTarget rejected, else in the catalogue,
    where the field is declared whose rule it breaks. `said` is what ExactTarget's report said of the row, without
    values unless they were to be revealed; None where there is no report. `decision` is the newest on this row with
    this content.
    """

    key: str
    what: str
    field: str
    reason: str
    file: str
    line: int | None
    attempt_id: str | None
    rejections: int
    remedy: str
    decision: Decision | None
    said: str | None = None


@dataclass(frozen=True)
class Chosen:
    """Which rows are meant: those with these keys (the parts of a key of several fields joined by `, `), those whose
    reason concerns a field, or all.
    """

    keys: Sequence[str] = ()
    field: str | None = None
    every: bool = False


@dataclass(frozen=True)
class Decided:
    """How many rows a decision was recorded for, and what became of the others that were meant: reason → rows."""

    rows: int
    others: dict[str, int]


def counts(road: Road, declared: Declared[DataExtension]) -> list[Count]:
    """What the last plan withheld, the most frequent reason first; empty before the first plan."""
    name = road.lake_name(declared.is_)
    with road.lake.read() as connection:
        if not quarantine.is_planned(connection, name):  # an older lake has this table, and may lack others
            return []
        found = connection.execute(
            f"SELECT class, field, reason, count(*) AS n FROM {quarantine.relation(name)} GROUP BY ALL "
            "ORDER BY n DESC, class, field, reason"
        ).fetchall()
    return [Count(declared.name, *row) for row in found]


def rows(
    road: Road,
    declared: Declared[DataExtension],
    *,
    chosen: Chosen = Chosen(every=True),
    reveal: bool = False,
    limit: int = MOST_SHOWN,
) -> tuple[list[Withheld], int]:
    """The withheld rows, ordered by reason and key, and how many there are beyond `limit`. Raises NotDecidable."""
    name = road.lake_name(declared.is_)
    with road.lake.read() as connection:
        _require_tables(connection, declared, name)
        _refuse_unknown(connection, declared, name, chosen)
        found = connection.execute(
            f"SELECT q._key, q.class, q.field, q.reason, r.file, r.line, r.field, r.told, r.attempt_id, "
            "coalesce(r.times, 0), d.decision, d.who, d.why, d.decided_at "
            f"FROM {quarantine.relation(name)} AS q {_joined(name)} WHERE {_condition(chosen)} "
            "ORDER BY q.class, q.field, q.reason, q._folded_key LIMIT $limit",
            _parameters(chosen) | {"limit": limit},
        ).fetchall()
        (total,) = one_row(
            connection,
            f"SELECT count(*) FROM {quarantine.relation(name)} AS q {_joined(name)} WHERE {_condition(chosen)}",
            _parameters(chosen),
        )
    return [_withheld(declared, row, reveal=reveal) for row in found], total - len(found)


def _withheld(declared: Declared[DataExtension], row: tuple, *, reveal: bool) -> Withheld:
    key, what, field, reason, file, line, rejected_field, told_by_et, attempt_id, times, word, who, why, at = row
    shown = "(none)" if key is None else key if reveal else masked(key, _pii(declared.is_))
    decision = Decision(word, who, why, at) if word else None
    told = Withheld(shown, what, field, reason, "", None, None, times, _remedy(what, reason), decision)
    if reason in (REFUSED, DROPPED) and file is not None:
        said = told_by_et if reveal or told_by_et is None else without_values(told_by_et, declared.is_.fields)
        told = replace(told, file=file, line=line, attempt_id=attempt_id, said=said)
        return told if rejected_field is None else replace(told, field=rejected_field)
    path, _, line = declared.at("fields", field.partition(", ")[0]).rpartition(":")
    return replace(told, file=path, line=int(line) if line.isdigit() else None)


def _pii(data_extension: DataExtension) -> Pii:
    """How much of a key may be shown: as little as its most personal part allows."""
    for name in data_extension.key_fields:
        if data_extension.fields[name].pii != "none":
            return data_extension.fields[name].pii
    return "none"


def _remedy(what: str, reason: str) -> str:
    if what == "dropped":
        return "`etp quarantine retry` takes the decision back; it ends by itself when the CRM's row changes."
    if reason == REFUSED:
        return "Mend the row in the CRM, or offer it once more as it is: `etp quarantine retry`."
    if what == "held":
        return "Merge the copies in the CRM, or correct the key of one; the next plan judges them anew."
    if what == "unknown":
        return "Give the row a key of ASCII characters in the CRM; the next plan judges it anew."
    return "Mend the value in the CRM, or the field's declaration; the next plan judges the row anew."


def decide(
    road: Road,
    declared: Declared[DataExtension],
    word: Word,
    chosen: Chosen,
    *,
    who: str,
    why: str,
    anyway: bool = False,
) -> Decided:
    """Record a decision on rows; the next plan heeds it.

    `retry` is for rows that ExactTarget rejected, and takes a `drop` back; `drop` is for rows in quarantine that have a
    key, and stands until the CRM's row (or the declaration that makes the row of it) changes. A row on which somebody
    decided since the last plan is refused, unless `anyway`. Raises NotDecidable, and then nothing was recorded; rows
    that were not named one by one and cannot be decided so are left alone and told.
    """
    if not who.strip() or not why.strip():
        raise NotDecidable("A decision needs a person and a reason: say --why. Nothing was recorded.")
    name = road.lake_name(declared.is_)
    with road.lake.write() as connection:
        quarantine.ensure_tables(connection, name)
        _refuse_unknown(connection, declared, name, chosen, word)
        connection.execute(
            f"CREATE TEMP TABLE meant AS {_meant(name, word, chosen, anyway=anyway)}", _parameters(chosen)
        )
        others = dict(
            connection.execute(
                "SELECT hinder, count(*) FROM meant WHERE hinder <> '' GROUP BY 1 ORDER BY 2 DESC"
            ).fetchall()
        )
        (able,) = one_row(connection, "SELECT count(*) FROM meant WHERE hinder = ''")
        if others and (chosen.keys or not able):
            why_not = " ".join(f"{n} rows: {hinder}" for hinder, n in others.items())
            raise NotDecidable(f"{declared.name}: nothing was recorded. {why_not}")
        if not able:
            raise NotDecidable(
                f"No row of {declared.name} is meant, as the last plan found them; nothing was recorded. `etp "
                f"quarantine show {declared.name}` shows the rows with the field of each."
            )
        decision = Decision(word, who.strip(), why.strip(), road.clock())
        count = quarantine_decisions.record(
            connection, name=name, rows="(FROM meant WHERE hinder = '')", decision=decision
        )
    return Decided(count, others)


def _meant(name: str, word: Word, chosen: Chosen, *, anyway: bool) -> str:
    """SQL for (_folded_key, _source_hash, times, reason, hinder): the rows that are meant, each once."""
    pending = (
        "CASE WHEN q.class = 'dropped' THEN d.decision = 'retry' "
        "ELSE d.decision = 'drop' OR (d.decision = 'retry' AND d.times = coalesce(r.times, 0) AND d.times > 0) END"
    )
    decided = (
        "d.who || ' decided ' || d.decision || ' at ' || strftime(d.decided_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') "
        "|| ' UTC, and no plan was made since. Plan first, or say --anyway.'"
    )
    not_possible = (
        f"WHEN bool_or(q.reason = {literal(REFUSED)} OR q.class = 'dropped' OR q.reason = '') THEN '' "
        "ELSE 'ExactTarget did not reject it: the CRM''s content keeps it out, which every plan judges anew. Mend it "
        "there.'"
        if word == "retry"
        else "WHEN any_value(q.class) = 'dropped' THEN 'It is dropped already.' "
        "WHEN any_value(q.class) IN ('held', 'unknown') THEN 'Other rows have, or may have, its key, so that it cannot "
        "be dropped by itself. Mend the key in the CRM.' ELSE ''"
    )
    return f"""
SELECT q._folded_key, q._source_hash, coalesce(any_value(r.times), 0) AS times, min(q.reason) AS reason,
    CASE WHEN q._folded_key IS NULL THEN 'It has no key by which it could be remembered. Mend the key in the CRM.'
        WHEN {"false" if anyway else f"coalesce(bool_or({pending}), false)"} THEN any_value({decided})
        {not_possible} END AS hinder
FROM {_candidates(name, word)} AS q {_joined(name)}
WHERE {_condition(chosen)}
GROUP BY q._folded_key, q._source_hash"""


def _candidates(name: str, word: Word) -> str:
    """SQL for what can be meant: the quarantine; to offer again, also what no plan shows there, such as the opt-outs of
    rows, which are rejected by a content of their own.
    """
    withheld = f"SELECT _key, _folded_key, _source_hash, class, field, reason FROM {quarantine.relation(name)}"
    if word == "drop":
        return f"({withheld})"
    return f"""({withheld} UNION ALL
    SELECT NULL, r._folded_key, r._source_hash, 'rejected', NULL, '' FROM {quarantine.rejections_of(name)} AS r
    ANTI JOIN ({withheld}) AS w ON w._folded_key = r._folded_key AND w._source_hash = r._source_hash
    WHERE r.times >= {MAXIMUM_REJECTIONS} AND NOT r.is_dropped)"""


def _joined(name: str) -> str:
    return (
        f"LEFT JOIN (FROM {quarantine.REJECTIONS} WHERE data_extension = {literal(name)}) AS r "
        "ON r._folded_key = q._folded_key AND r._source_hash = q._source_hash "
        f"LEFT JOIN {quarantine_decisions.standing(name)} AS d "
        "ON d._folded_key = q._folded_key AND d._source_hash = q._source_hash"
    )


def _condition(chosen: Chosen) -> str:
    """SQL for whether a row of `q` is meant, by its key or by the field that is shown of it (`r` is its rejection)."""
    if chosen.keys:
        return "replace(q._folded_key, chr(31), ', ') IN (SELECT lower(rtrim(unnest($keys::VARCHAR[]), ' ')))"
    if chosen.field is None:
        return "true"
    of_report = f"q.reason IN ({literal(REFUSED)}, {literal(DROPPED)}, '')"
    return f"CASE WHEN {of_report} THEN coalesce(r.field, q.field) ELSE q.field END = $field"


def _parameters(chosen: Chosen) -> dict[str, object]:
    if chosen.keys:
        return {"keys": list(chosen.keys)}
    return {"field": chosen.field} if chosen.field is not None else {}


def _require_tables(connection: duckdb.DuckDBPyConnection, declared: Declared[DataExtension], name: str) -> None:
    if not quarantine.is_planned(connection, name):
        raise NotDecidable(
            f"{declared.name} was never planned, so nothing is in quarantine: run `etp plan {declared.name}`."
        )
    if not quarantine.are_tables_ready(connection, name):
        raise NotDecidable(
            f"The lake is of an earlier version and lacks what is shown of {declared.name}'s rows: run `etp plan "
            f"{declared.name}`, which adds it. `etp quarantine list` counts the rows meanwhile."
        )


def _refuse_unknown(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared[DataExtension],
    name: str,
    chosen: Chosen,
    word: Word | None = None,
) -> None:
    """Every key that is named must be there; a key is counted, not repeated: it may be personal data."""
    nothing_done = " Nothing was recorded." if word else ""
    if chosen.field not in (None, ", ".join(declared.is_.key_fields), *declared.is_.fields):
        raise NotDecidable(
            f"{declared.name} has no field {chosen.field!r}; its fields are {', '.join(declared.is_.fields)}."
            f"{nothing_done}"
        )
    for place, key in enumerate(chosen.keys, 1):
        (known,) = one_row(
            connection,
            f"SELECT count(*) FROM {_candidates(name, word or 'drop')} AS q WHERE {_condition(Chosen(keys=[key]))}",
            {"keys": [key]},
        )
        if not known:
            raise NotDecidable(
                f"Key {place} of the {len(chosen.keys)} that are given is not in quarantine for {declared.name}, as "
                "the last plan found it: the row is a change, is acknowledged, or is not in the source. `etp "
                f"quarantine show {declared.name} --reveal` lists the keys, `etp trace` tells what became of one."
                f"{nothing_done}"
            )
