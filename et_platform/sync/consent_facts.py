"""Consent as dated facts, and the one rule that judges them.

What belongs here: SQL for what each source says of a person's consent, and for what follows from it. What does not:
reading the sources (warehouse), and what is done about a verdict (consent.py, opt_out.py, the models).

A fact says that somebody was `in`, `out`, `held` (mail to them came back too often) or `released` (is not held any
more) at a moment, and where that is proven. `echo` is what this platform did itself, and `bounced` one mail that came
back: both are shown and decide nothing. The latest evidence counts; of two at one second the opt-out does, or the hold.
The CRM's flag `opted_out` stands until the CRM takes it back, whatever else is newer: it is the database of record.

Facts hold where they were said and below: the CRM's word everywhere, that of a business unit's All Subscribers in the
unit and on its lists, that of a list there alone.
"""

from et_platform.catalog.extract import Unsubscribes
from et_platform.catalog.models import ConsentFacts
from et_platform.duckdb_support import literal, quoted
from et_platform.sync import folding

FACTS = {
    **dict.fromkeys(("_folded_key", "subscriber_key", "source", "level"), "VARCHAR"),
    **dict.fromkeys(("unit", "list_id"), "BIGINT"),
    "binds": "BOOLEAN",
    "says": "VARCHAR",
    "stands": "BOOLEAN",
    "happened_at": "TIMESTAMP",
    "evidence": "VARCHAR",
}
"""The columns of every relation of facts. `level` is everything, unit or list; `unit` a MID; `binds`: it holds for all
that this business unit sends; `stands`: nothing but its own source takes it back; `happened_at` TIMESTAMP (UTC, whole
seconds), null where the CRM has no date of an opt-out; `evidence` names no person."""


def is_out(*, stands: str, out_at: str, in_at: str) -> str:
    """The rule, as an SQL condition: an opt-out stands, or the latest one is not older than the latest opt-in."""
    latest = f"({out_at} IS NOT NULL AND ({in_at} IS NULL OR {out_at} >= {in_at}))"
    return f"(coalesce({stands}, false) OR {latest})"


def is_held(*, held_at: str, released_at: str) -> str:
    """SQL condition: mail came back too often, and nothing newer says that it does not any more."""
    return f"({held_at} IS NOT NULL AND ({released_at} IS NULL OR {held_at} >= {released_at}))"


def in_at(consent: ConsentFacts, row: str) -> str:
    """SQL for the latest moment at which the CRM's row `row` says in; null if it says so nowhere.

    A date of an opt-out whose flag is cleared is when that was done.
    """
    moments = [f"CASE WHEN {row}.{quoted(consent.opted_out)} IS NOT TRUE THEN {_second(row, consent.opted_out_at)} END"]
    if consent.opted_in_at is not None:
        given = _second(row, consent.opted_in_at)
        if consent.opted_in is not None:
            given = f"CASE WHEN {row}.{quoted(consent.opted_in)} IS NOT FALSE THEN {given} END"
        moments.append(given)
    return f"greatest({', '.join(moments)})" if len(moments) > 1 else moments[0]


def is_from_everything(mid: int | None, declared: Unsubscribes | None) -> str:
    """SQL condition over an unsubscribe's `ClientID` and `ListID`: it is one from everything of the business unit.

    An event that names no unit is ours; one that names no list is from All Subscribers, as ExactTarget has it. Where
    `declared` or `mid` is None nobody can tell lists or units apart, and each one counts: who refused gets no mail.
    """
    units = (mid, *(declared.units if declared is not None else ()))
    is_ours = f'coalesce("ClientID" IN ({", ".join(map(str, units))}), true)' if mid is not None else "true"
    return f"({is_ours} AND {_is_from_all_subscribers(declared)})"


def of_exacttarget(
    *,
    unsubscribes: str,
    status_changes: str,
    mid: int | None,
    declared: Unsubscribes | None,
    bounces: str | None = None,
) -> str:
    """SQL for the facts that ExactTarget tells (see FACTS), from the lake's relations of events and status changes."""
    own = mid if mid is not None else 0
    file_and_line = "_file || '/' || _member || ':' || _line"
    parts = [
        f"""
SELECT _folded_key, "SubscriberKey" AS subscriber_key, 'unsubscribe' AS source,
    CASE WHEN {_is_from_all_subscribers(declared)} THEN 'unit' ELSE 'list' END AS level,
    coalesce("ClientID", {own})::BIGINT AS unit, CASE WHEN level = 'list' THEN "ListID" END::BIGINT AS list_id,
    {is_from_everything(mid, declared)} AS binds, 'out' AS says, false AS stands,
    date_trunc('second', timezone('UTC', "EventDate")) AS happened_at, {file_and_line} AS evidence
FROM {unsubscribes} WHERE "EventDate" IS NOT NULL""",
        f"""
SELECT _folded_key, subscriber_key,
    CASE WHEN reason ILIKE '%complain%' OR reason ILIKE '%spam%' THEN 'complaint' ELSE 'status change' END,
    'unit', mid, NULL, {f"mid = {own}" if mid is not None else "true"},
    unnest(CASE
        WHEN _attempt_id IS NOT NULL THEN ['echo']
        WHEN current = 'unsub' THEN ['out']
        WHEN current = 'held' THEN ['held']
        WHEN undated THEN [] -- it may be older than what it would take back
        WHEN current = 'normal' AND previous = 'unsub' THEN ['in', 'released']
        WHEN current = 'normal' THEN ['released']
        ELSE []::VARCHAR[]
    END), false, date_trunc('second', timezone('UTC', changed_at)),
    'SubscriberStatusEvent ' || current || ' of ' || strftime(timezone('UTC', changed_at), '%Y-%m-%dT%H:%M:%SZ')
        || coalesce(', attempt ' || _attempt_id, '')
FROM {status_changes}""",
    ]
    if bounces is not None:
        parts.append(f"""
SELECT _folded_key, "SubscriberKey", 'bounce', 'unit', coalesce("ClientID", {own}), NULL, false, 'bounced', false,
    date_trunc('second', timezone('UTC', "EventDate")), {file_and_line}
FROM {bounces} WHERE "EventDate" IS NOT NULL""")
    return f"({' UNION ALL '.join(parts)})"


def of_crm(consent: ConsentFacts, *, origin: str, snapshot: str, key: str, evidence: str | None = None) -> str:
    """SQL for the facts that a CRM snapshot states, which `origin` names. `snapshot` is SQL for its rows, `key` for the
    subscriber key of the row `s`, and `evidence` names the column that says where an opt-out came from.
    """
    told = "''"
    if evidence is not None:  # a file and its line are nobody's data; what people wrote may be
        text = f"s.{quoted(evidence)}"
        told = f"CASE WHEN regexp_full_match({text}, '[\\w.-]+/[\\w.-]+:\\d+') THEN ', told by ' || {text} ELSE '' END"
    out, out_at = f"s.{quoted(consent.opted_out)}", _second("s", consent.opted_out_at)
    words = [
        (f"{out}", "'out'", "true", out_at, consent.opted_out, told),
        (f"{out} IS NOT TRUE AND {out_at} IS NOT NULL", "'in'", "false", out_at, consent.opted_out_at, "''"),
    ]
    if consent.opted_in_at is not None:
        given = _second("s", consent.opted_in_at)
        is_given = f"{given} IS NOT NULL"
        if consent.opted_in is not None:
            is_given += f" AND s.{quoted(consent.opted_in)} IS NOT FALSE"
        words.append((is_given, "'in'", "false", given, consent.opted_in_at, "''"))
    head = (
        f"SELECT {folding.folded_key(key)} AS _folded_key, {key} AS subscriber_key, 'CRM' AS source, "
        "'everything' AS level, NULL::BIGINT AS unit, NULL::BIGINT AS list_id, true AS binds"
    )
    parts = [
        f"{head}, {says} AS says, {stands} AS stands, {at} AS happened_at, "
        f"{literal(f'{origin}, column {column}')} || {more} AS evidence FROM {snapshot} AS s WHERE {where}"
        for where, says, stands, at, column, more in words
    ]
    return f"({' UNION ALL '.join(parts)})"


def standing_outs(facts: str) -> str:
    """SQL for ExactTarget's opt-outs from everything that it has not taken back itself, from its facts: `_folded_key`,
    `subscriber_key`, `event_at`, `evidence`, and `is_status`: a status alone says so, no event of the person's.
    """
    taken_back = "max(happened_at) FILTER (says = 'in') OVER (PARTITION BY _folded_key)"
    return (
        "(SELECT _folded_key, subscriber_key, happened_at AS event_at, evidence, source <> 'unsubscribe' AS is_status "
        f"FROM (SELECT *, {taken_back} AS in_at FROM {facts} WHERE binds) "
        f"WHERE says = 'out' AND {is_out(stands='stands', out_at='happened_at', in_at='in_at')})"
    )


def held(facts: str) -> str:
    """SQL for the `_folded_key` of everybody whom ExactTarget holds, whatever they said."""
    return (
        f"SELECT _folded_key FROM {facts} WHERE binds GROUP BY _folded_key "
        f"HAVING {is_held(held_at=_latest('held'), released_at=_latest('released'))}"
    )


def verdicts(facts: str, *, mid: int | None) -> str:
    """SQL for what follows from facts: `_folded_key`, `level`, `unit`, `list_id`, `verdict`, `because` of everybody.

    `verdict` is out, held, in or unsaid; `because` is the fact that decides, as a struct of source, happened_at and
    evidence, null where nobody said anything. There is one row for this business unit, with the level `everything`,
    and one for each other unit and each list of which a fact is known.
    """
    own = mid if mid is not None else 0
    fact = "{'source': f.source, 'happened_at': f.happened_at, 'evidence': f.evidence}"

    def because(says: str, more: str = "") -> str:
        return f"max_by({fact}, coalesce(f.happened_at, '-infinity'::TIMESTAMP)) FILTER (f.says = '{says}'{more})"

    out = is_out(stands="bool_or(f.stands)", out_at=_latest("out", "f."), in_at=_latest("in", "f."))
    holds = is_held(held_at=_latest("held", "f."), released_at=_latest("released", "f."))
    said = "f.says, f.stands, f.happened_at, f.source, f.evidence"
    return f"""
WITH scopes AS (
    SELECT DISTINCT _folded_key, level, unit, list_id FROM {facts}
    WHERE level = 'list' OR (level = 'unit' AND unit <> {own})
),
applied AS (
    SELECT f._folded_key, 'everything' AS level, {own}::BIGINT AS unit, NULL::BIGINT AS list_id,
        CASE WHEN f.binds THEN f.says END AS says, {said.removeprefix("f.says, ")}
    FROM {facts} AS f
    UNION ALL SELECT s._folded_key, s.level, s.unit, s.list_id, {said}
    FROM scopes AS s JOIN {facts} AS f ON f._folded_key = s._folded_key AND (
        f.level = 'everything' OR (f.binds AND s.unit = {own}) OR (f.level = 'unit' AND f.unit = s.unit)
        OR (f.level = 'list' AND f.unit = s.unit AND f.list_id IS NOT DISTINCT FROM s.list_id)
    )
)
SELECT f._folded_key, f.level, f.unit, f.list_id,
    CASE WHEN {out} THEN 'out' WHEN {holds} THEN 'held' WHEN bool_or(f.says = 'in') THEN 'in' ELSE 'unsaid' END
        AS verdict,
    CASE verdict WHEN 'out' THEN coalesce({because("out", " AND f.stands")}, {because("out")})
        WHEN 'held' THEN {because("held")} WHEN 'in' THEN {because("in")} END AS because
FROM applied AS f
GROUP BY f._folded_key, f.level, f.unit, f.list_id"""


def _latest(says: str, of: str = "") -> str:
    return f"max({of}happened_at) FILTER ({of}says = '{says}')"


def _second(row: str, column: str) -> str:
    return f"date_trunc('second', CAST({row}.{quoted(column)} AS TIMESTAMP))"


def _is_from_all_subscribers(declared: Unsubscribes | None) -> str:
    if declared is None:
        return "true"
    return f'coalesce("ListID" IN ({", ".join(map(str, (0, *declared.all_subscribers)))}), true)'
