"""The plan as SQL: which snapshot rows are inserts, updates, unchanged, held, unknown or for quarantine.

What belongs here: set-based SQL over two relations, and the figures of a plan. What does not: where the relations
are, and the decision whether the plan may go (gate.py).

A row of the source is looked at only if its stored key and hash differ from what was acknowledged (differences.py), but
whether it changed is decided by comparing values, so that another hash version or another declaration never sends a row
again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, quoted
from et_platform.sync import differences, folding, opt_out
from et_platform.sync.differences import DIFFERENCES, HELD
from et_platform.sync.field_rules import field_rules
from et_platform.sync.sources import Rows

EVALUATED = "evaluated"
"""The temporary table of the candidates, each with its class."""

MAXIMUM_REJECTIONS = 2
"""A row that ExactTarget rejected this often with the same content waits in quarantine until it changes."""

REFUSED = "was rejected twice by ExactTarget with this content"
DROPPED = "is dropped: a person decided that the row is not wanted with this content"

CLEARED = (
    "would take an opt-out back that ExactTarget has, without newer consent; enter in the CRM since when the person "
    "wants mail again, or that the person is out"
)
OUT = "subscriber who is out or held, by the newest facts: not put into what mail is sent from"
NEWER_OPT_OUT = "would opt in a person who opted out in ExactTarget since; write that back to the CRM first"


@dataclass(frozen=True)
class PlanFigures:
    """Row counts of a plan. `held`: keys that collide under folding; `unknown`: keys that folding cannot decide;
    `dropped`: rows that a person decided are not wanted as they are; `deletes`: acknowledged keys that the snapshot no
    longer has and that are to be deleted, or marked as gone; `kept`: those that stay as they are, and `kept_because`;
    `reasons`: quarantine by reason; `read_at`: when the source was read (ISO, UTC), and `drift`: how its columns
    changed; empty and None where that is not known.
    """

    snapshot: int
    acknowledged: int
    inserts: int
    updates: int
    unchanged: int
    quarantined: int
    held: int
    unknown: int
    kept: int
    reasons: dict[str, int] = field(default_factory=dict)
    deletes: int = 0
    kept_because: str = ""
    updates_by_field: dict[str, int] = field(default_factory=dict)
    read_at: str = ""
    drift: list[str] | None = None
    dropped: int = 0

    @property
    def changes(self) -> int:
        """Rows that would be imported."""
        return self.inserts + self.updates + self.deletes

    @property
    def withheld(self) -> int:
        """Rows that are desired and cannot be sent."""
        return self.quarantined + self.held + self.unknown


def steps(
    data_extension: DataExtension,
    rows: Rows,
    *,
    acknowledged: str,
    rejections: str,
    unsubscribes: str | None = None,
    out: str | None = None,
    with_gone: bool = False,
) -> tuple[str, ...]:
    """SQL statements that fill the temporary tables of a plan: `differences` and `held` (see differences.py; `held`
    has what is gone as well, if `with_gone`), and `evaluated`, of one row a candidate: `_class`, key, hashes, the
    desired fields, `_changed` and `_violations`.

    `acknowledged` and `rejections` are SQL names of relations as the warehouse keeps them. `_class` is one of insert,
    update, unchanged, quarantined, held, unknown, dropped. Candidates are all rows that are not already acknowledged
    with this very source hash; every other row of the source is unchanged.

    `unsubscribes` (see opt_out.latest_unsubscribes) withholds rows that would opt in whom ExactTarget's own events say
    is out, later than anything that the CRM has dated. `out`, SQL for folded subscriber keys, withholds the rows of
    these from an audience (see opt_out.audience_field).
    """
    tables = {
        DIFFERENCES: differences.found(data_extension, rows, acknowledged),
        HELD: differences.held(data_extension, acknowledged, with_gone=with_gone),
        EVALUATED: _evaluation(data_extension, rows, acknowledged, rejections, unsubscribes, out),
    }
    return tuple(f"CREATE TEMP TABLE {name} AS {query}" for name, query in tables.items())


def _evaluation(
    data_extension: DataExtension,
    rows: Rows,
    acknowledged: str,
    rejections: str,
    unsubscribes: str | None,
    out: str | None,
) -> str:
    entity = rows.relation
    rules = field_rules(data_extension, entity, "s")
    broken = [(rule.name, reason, condition) for rule in rules for reason, condition in rule.violations]
    latest_opt_out = ""
    if opt_out.can_say(data_extension):
        consent = data_extension.consent_fields[0]
        if cleared := opt_out.is_cleared_without_evidence(data_extension, entity):
            broken.append((consent, CLEARED, cleared))
        if unsubscribes is not None:
            latest_opt_out = opt_out.join_unsubscribes(data_extension, entity, unsubscribes)
            broken.append((consent, NEWER_OPT_OUT, opt_out.opts_in_again(data_extension, entity)))
    subscriber = opt_out.audience_field(data_extension)
    if out is not None and subscriber is not None:
        key = next(rule.value for rule in rules if rule.name == subscriber)
        latest_opt_out = f"LEFT JOIN ({out}) AS w ON w._folded_key = {folding.folded_key(f'CAST({key} AS VARCHAR)')}"
        broken.append((subscriber, OUT, "w._folded_key IS NOT NULL"))
    values = ", ".join(f"{rule.value} AS {quoted(rule.name)}" for rule in rules)
    owned = [rule.name for rule in rules if data_extension.fields[rule.name].owner == "crm"]
    before = ", ".join(f"a.{quoted(name)} AS {quoted(_was(name))}" for name in owned)
    changed = ", ".join(
        f"CASE WHEN v.{quoted(name)} IS DISTINCT FROM v.{quoted(_was(name))} "
        f"OR list_contains(v._theirs, {literal(name)}) THEN {literal(name)} END"
        for name in owned
    )
    shown = ", ".join(f"v.{quoted(rule.name)}" for rule in rules)
    return f"""
WITH valued AS (
    SELECT s._key, s._folded_key, {differences.source_hash(data_extension, entity)} AS _source_hash,
        {folding.undecidable("s._key")} AS _undecidable, a._folded_key IS NOT NULL AS _known,
        c._folded_key IS NOT NULL AS _copied, {values}, {_violations(broken)} AS _violations, a._theirs, {before}
    FROM {differences.candidates(rows)} AS s {latest_opt_out}
    LEFT JOIN {HELD} AS a ON a._folded_key = s._folded_key
    LEFT JOIN ({differences.copies(acknowledged)}) AS c ON c._folded_key = s._folded_key
),
compared AS (
    SELECT v._key, v._folded_key, v._source_hash, _undecidable, _known, _copied, {shown}, _violations,
        coalesce(r.times, 0) >= {MAXIMUM_REJECTIONS} AS _refused,
        coalesce(r.is_dropped, false) AS _dropped,
        list_filter([{changed}]::VARCHAR[], lambda f: f IS NOT NULL) AS _changed
    FROM valued AS v
    LEFT JOIN {rejections} AS r ON r._folded_key = v._folded_key AND r._source_hash = v._source_hash
)
SELECT CASE
        WHEN _folded_key IS NULL THEN 'quarantined'
        WHEN _undecidable THEN 'unknown'
        WHEN _copied THEN 'held'
        WHEN _dropped THEN 'dropped'
        WHEN len(_violations) > 0 OR _refused THEN 'quarantined'
        WHEN NOT _known THEN 'insert'
        WHEN len(_changed) > 0 THEN 'update'
        ELSE 'unchanged'
    END AS _class, * EXCLUDE (_undecidable, _known, _copied)
FROM compared"""


def _was(name: str) -> str:
    """The column of the acknowledged value beside the field; no field's name begins so."""
    return f"_was {name}"


def _violations(broken: Sequence[tuple[str, str, str]]) -> str:
    """SQL for the list of a row's violations, given (field, reason, SQL condition).

    Nearly every row breaks none, and of those no list is made.
    """
    first_look = " OR ".join(f"({condition})" for _, _, condition in broken)
    reasons = ", ".join(
        f"CASE WHEN {condition} THEN {{'field': {literal(field)}, 'reason': {literal(reason)}}} END"
        for field, reason, condition in broken
    )
    none = "[]::STRUCT(field VARCHAR, reason VARCHAR)[]"
    return f"CASE WHEN {first_look} THEN list_filter([{reasons}], lambda v: v IS NOT NULL) ELSE {none} END"


def change_rows(data_extension: DataExtension, evaluated: str, removed: str | None = None) -> str:
    """SQL for the rows of a change set, from an evaluation and what is `removed`; ordered, so that the same changes
    give the same file.
    """
    fields = ", ".join(quoted(name) for name in data_extension.fields)
    columns = f"_key, _folded_key, _source_hash, _changed, {fields}"
    upserts = f"SELECT _class AS _operation, {columns} FROM {evaluated} WHERE _class IN ('insert', 'update')"
    removals = f" UNION ALL SELECT _operation, {columns} FROM {removed}" if removed else ""
    return f"FROM ({upserts}{removals}) ORDER BY _operation, _folded_key"


def quarantine_rows(data_extension: DataExtension, evaluated: str) -> str:
    """SQL for (_key, _folded_key, _source_hash, class, field, reason): one row a reason that withholds a row."""
    key = literal(", ".join(data_extension.key_fields))
    return f"""
SELECT replace(_key, chr(31), ', ') AS _key, _folded_key, _source_hash, _class AS class,
    _told.field AS field, _told.reason AS reason
FROM (
    SELECT *, unnest(CASE
        WHEN _folded_key IS NULL THEN [{{'field': {key}, 'reason': 'is the key, and empty'}}]
        WHEN _class = 'unknown' THEN [{{'field': {key},
            'reason': 'holds characters whose equality ExactTarget decides by an unknown rule'}}]
        WHEN _class = 'held' THEN [{{'field': {key},
            'reason': 'has copies: another row has the same key, without regard to case and blanks at the end'}}]
        WHEN _class = 'dropped' THEN [{{'field': {key}, 'reason': {literal(DROPPED)}}}]
        WHEN _refused AND len(_violations) = 0 THEN [{{'field': {key}, 'reason': {literal(REFUSED)}}}]
        ELSE _violations END) AS _told
    FROM {evaluated} WHERE _class IN ('quarantined', 'held', 'unknown', 'dropped')
)"""


def content_fingerprint(data_extension: DataExtension, changes: str) -> str:
    """SQL for (rows, fingerprint) of a change set's content, whatever order its rows are in.

    The fingerprint is the XOR of the rows' MD5: keys are unique, so no two rows cancel each other out.
    """
    parts = ", ".join(f"coalesce({quoted(name)}::VARCHAR, chr(30))" for name in data_extension.fields)
    row = f"md5_number(concat_ws(chr(31), _operation, _folded_key, {parts}))"
    return f"SELECT count(*), coalesce(bit_xor({row}), 0)::VARCHAR FROM {changes}"
