"""What ExactTarget's events say about the CRM's people: opt-outs and engagement, proposed as row changes.

What belongs here: SQL over relations, and which column gets which value. What does not: the rule of consent
(consent_facts.py), reading events (ingest, warehouse), writing the CRM (crm/write.py).

Consent never goes backwards. An opt-out that is newer than everything the CRM has dated opts the person out; one
that is older than an opt-in of the CRM's does nothing; nothing here ever clears an opt-out. Moments are UTC and written
to the second, so that what was written is found again whatever the CRM rounds to.
"""

from et_platform.catalog.extract import Unsubscribes
from et_platform.catalog.models import ConsentFacts, CrmEntity, WriteBack
from et_platform.catalog.relation import Relation
from et_platform.duckdb_support import literal, quoted
from et_platform.sync import consent_facts, folding
from et_platform.sync.consent_facts import is_from_everything

LISTED = ("unknown", "held", "unmatched", "unreadable")
"""Classes that are told and not written: keys that folding cannot decide; keys with copies in the CRM; keys that the
CRM has not; rows whose columns hold something else than was declared."""


def proposals(write_back: WriteBack, entity: CrmEntity, *, snapshot: str, unsubscribes: str, engagement: str) -> str:
    """SQL for one row a person with events: `_class`, `_key`, `_folded_key`, `_opt_out`, `before`, `after`.

    `snapshot` is the SQL name of the entity's snapshot. `unsubscribes` is a relation with `subscriber_key`, `event_at`
    (TIMESTAMP, UTC), `evidence` and `is_status` (see consent_facts.standing_outs); `engagement` one with
    `subscriber_key`, `last_open_at`, `opens`, `last_click_at` and `clicks`. `_class` is change, unchanged or one of
    LISTED. `_opt_out`: this row opts somebody out; of a listed row, that it might have. `before` and `after` are
    structs of the CRM's columns: as they were read, all of them, and as they are to be, those that events may write.
    """
    columns = {place: column for place, (column, _) in write_back.columns().items()}
    values = _values(write_back, entity)
    before = ", ".join(f"{literal(column)}: s.{quoted(column)}" for column in columns.values())
    after = ", ".join(
        f"{literal(column)}: CAST({value} AS {_sql_type(entity, column)})" for column, value in values.items()
    )
    differs = " OR ".join(f"before.{quoted(column)} IS DISTINCT FROM after.{quoted(column)}" for column in values)
    names = ", ".join(literal(column) for column in columns.values())
    return f"""
WITH events AS (
    SELECT _folded_key, _undecidable, min(subscriber_key) AS subscriber_key,
        max(opt_out) FILTER (NOT is_status) AS by_event, max(opt_out) AS by_anything,
        max(last_open_at) AS last_open_at, sum(opens)::BIGINT AS opens,
        max(last_click_at) AS last_click_at, sum(clicks)::BIGINT AS clicks
    FROM (
        SELECT {folding.folded_key("subscriber_key")} AS _folded_key,
            coalesce({folding.undecidable("subscriber_key")}, true) AS _undecidable, *
        FROM (
            SELECT subscriber_key, {{'at': event_at, 'evidence': evidence}} AS opt_out, is_status,
                NULL::TIMESTAMP AS last_open_at, NULL::BIGINT AS opens,
                NULL::TIMESTAMP AS last_click_at, NULL::BIGINT AS clicks
            FROM {unsubscribes} WHERE event_at IS NOT NULL
            UNION ALL SELECT subscriber_key, NULL, false, last_open_at, opens, last_click_at, clicks FROM {engagement}
            WHERE last_open_at IS NOT NULL OR last_click_at IS NOT NULL
        )
    ) GROUP BY _folded_key, _undecidable
),
people AS (
    SELECT s.*, count(*) OVER (PARTITION BY s._folded_key) AS _copies
    FROM {snapshot} AS s SEMI JOIN events AS e ON e._folded_key = s._folded_key
    QUALIFY row_number() OVER (PARTITION BY s._folded_key ORDER BY s._key) = 1
),
told AS (
    -- Whoever is out in the CRM has that status because of it, or of an event that says it better.
    SELECT e.*, CASE WHEN s.{quoted(write_back.consent.opted_out)} THEN e.by_event ELSE e.by_anything END AS unsubscribe
    FROM events AS e LEFT JOIN people AS s ON s._folded_key = e._folded_key
),
compared AS (
    SELECT coalesce(s._key, e.subscriber_key) AS _key, e._folded_key,
        e._undecidable OR e._folded_key IS NULL OR coalesce({folding.undecidable("s._key")}, false) AS _unknown,
        s._folded_key IS NULL AS _unmatched, s._copies > 1 AS _copied,
        list_has_any(s._invalid, [{names}]) AS _unreadable,
        {is_newer(write_back.consent, entity)} AS _newer, e.by_anything IS NOT NULL AS _unsubscribed,
        {{{before}}} AS before, {{{after}}} AS after
    FROM told AS e LEFT JOIN people AS s ON s._folded_key = e._folded_key
),
judged AS (
    SELECT CASE
            WHEN _unknown THEN 'unknown'
            WHEN _unmatched THEN 'unmatched'
            WHEN _copied THEN 'held'
            WHEN _unreadable THEN 'unreadable'
            WHEN {differs} THEN 'change'
            ELSE 'unchanged'
        END AS _class, *
    FROM compared
)
SELECT _class, _key, _folded_key,
    CASE WHEN _class IN ({", ".join(literal(name) for name in LISTED)}) THEN _unsubscribed ELSE _newer END AS _opt_out,
    before, after
FROM judged"""


def lineage(write_back: WriteBack, entity: str) -> dict[str, list[tuple[str, str, str]]]:
    """Each written or guarded column of the CRM: the (asset prefix, asset name, column) that its value is made of.

    Every one may stay what it was read as, so the snapshot is among them.
    """
    at = ("events", "unsubscribe", "EventDate")
    consent = write_back.consent
    made: dict[str | None, list[tuple[str, str, str]]] = {
        consent.opted_out: [at],
        consent.opted_out_at: [at],
        consent.opted_in: [at],
        consent.evidence: [("events", "unsubscribe", column) for column in ("_file", "_member", "_line")],
    }
    mart = write_back.engagement.mart
    for name, event in (("last_open_at", "open"), ("opens", "open"), ("last_click_at", "click"), ("clicks", "click")):
        from_ = ("events", event, "EventDate") if mart is None else ("mart", mart, name)
        made[getattr(write_back.engagement, name)] = [from_]
    columns = [write_back.key, *(column for column, _ in write_back.columns().values())]
    return {column: [*made.get(column, ()), ("crm_snapshot", entity, column)] for column in columns}


def apart(unsubscribes: str, mid: int | None, declared: Unsubscribes | None) -> str:
    """SQL for (business unit, list, subscribers, latest moment) of the unsubscribes that are not from everything."""
    return (
        'SELECT "ClientID", "ListID", count(DISTINCT _folded_key), max("EventDate") '
        f"FROM {unsubscribes} WHERE NOT {is_from_everything(mid, declared)} GROUP BY 1, 2 ORDER BY 1, 2"
    )


def engagement_of(opens: str, clicks: str) -> str:
    """SQL for the engagement of everybody, from relations of events with `subscriber_key` and `event_at`."""
    return f"""(
    SELECT subscriber_key,
        max(event_at) FILTER (kind = 'open') AS last_open_at, count(*) FILTER (kind = 'open') AS opens,
        max(event_at) FILTER (kind = 'click') AS last_click_at, count(*) FILTER (kind = 'click') AS clicks
    FROM (
        SELECT 'open' AS kind, subscriber_key, event_at FROM {opens}
        UNION ALL SELECT 'click', subscriber_key, event_at FROM {clicks}
    ) WHERE event_at IS NOT NULL GROUP BY subscriber_key
)"""


def change_rows(proposed: str) -> str:
    """SQL for (_key, before, after) of what is to be written; ordered, so that the same changes give the same file."""
    return f"SELECT _key, before, after FROM {proposed} WHERE _class = 'change' ORDER BY _folded_key"


def figures(proposed: str) -> str:
    """SQL for (class, rows, opt-outs among them)."""
    return (
        f"SELECT _class, count(*), count(*) FILTER (_opt_out) FROM {proposed} WHERE _class <> 'unchanged' "
        "GROUP BY _class ORDER BY _class"
    )


def content_fingerprint(changes: str) -> str:
    """SQL for (rows, fingerprint) of the rows to be written, whatever order they are in; keys are unique."""
    row = "md5_number(concat_ws(chr(31), _key, before::VARCHAR, after::VARCHAR))"
    return f"SELECT count(*), coalesce(bit_xor({row}), 0)::VARCHAR FROM {changes}"


def is_newer(consent: ConsentFacts, entity: Relation) -> str:
    """SQL condition: the person is out by ExactTarget's latest opt-out, and the CRM does not know it yet.

    Over a snapshot row `s`, and `e` whose struct `unsubscribe` is null or has the moment `at`.
    """
    out, out_at = f"s.{quoted(consent.opted_out)}", f"s.{quoted(consent.opted_out_at)}"
    at = "date_trunc('second', e.unsubscribe.at)"
    by_event = consent_facts.is_out(stands="false", out_at=at, in_at=consent_facts.in_at(consent, "s"))
    # As it would be stored, so that what was written is not newer than itself.
    stored = _moment(entity, consent.opted_out_at, "e.unsubscribe.at")
    is_news = f"({out} IS NOT TRUE OR {out_at} IS NULL OR {stored} > {out_at})"
    return f"(e.unsubscribe IS NOT NULL AND {by_event} AND {is_news})"


def _values(write_back: WriteBack, entity: CrmEntity) -> dict[str, str]:
    """SQL for the new value of every column that events may write."""
    consent, engagement = write_back.consent, write_back.engagement
    newer = is_newer(write_back.consent, entity)
    consented = {
        consent.opted_out: "true",
        consent.opted_out_at: _moment(entity, consent.opted_out_at, "e.unsubscribe.at"),
    }
    if consent.evidence is not None:
        consented[consent.evidence] = "e.unsubscribe.evidence"
    if consent.opted_in is not None:
        opted_in = f"s.{quoted(consent.opted_in)}"
        consented[consent.opted_in] = f"CASE WHEN {opted_in} THEN false ELSE {opted_in} END"
    values = {
        column: f"CASE WHEN {newer} THEN {value} ELSE s.{quoted(column)} END" for column, value in consented.items()
    }
    # What ExactTarget has no event of is left as it is: events may be older than those that are kept here.
    for column, value in ((engagement.last_open_at, "e.last_open_at"), (engagement.last_click_at, "e.last_click_at")):
        if column is not None:
            values[column] = f"coalesce({_moment(entity, column, value)}, s.{quoted(column)})"
    for column, count in ((engagement.opens, "e.opens"), (engagement.clicks, "e.clicks")):
        if column is not None:
            values[column] = f"coalesce(nullif({count}, 0), s.{quoted(column)})"
    return values


def _moment(entity: Relation, column: str, value: str) -> str:
    return f"CAST(date_trunc('second', {value}) AS {_sql_type(entity, column)})"


def _sql_type(entity: Relation, column: str) -> str:
    types = {"text": "VARCHAR", "boolean": "BOOLEAN", "integer": "BIGINT", "date": "DATE", "timestamp": "TIMESTAMP"}
    return types[entity.columns[column].type]
