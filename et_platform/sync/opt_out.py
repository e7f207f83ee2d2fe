"""Opt-outs that the CRM states, and where ExactTarget does not have them yet.

What belongs here: SQL over a snapshot and what is acknowledged. What does not: sending (outbound/opt_outs.py), and what
ExactTarget's own events say (consent.py).

`opted_out` true is out; nothing else is asked, and nothing here ever says that somebody is in. A snapshot row cannot
hide another one: where copies of a key disagree, the person is out, and a key whose equality ExactTarget decides by an
unknown rule is opted out as it is written. Whoever is taken out by that although another copy is not, or another key
is the same to ExactTarget, loses mail; the other way round somebody would get mail who refused it.
"""

from et_platform.catalog.models import DataExtension, DataExtensionConsent
from et_platform.catalog.relation import Relation
from et_platform.duckdb_support import literal, quoted
from et_platform.sync import folding
from et_platform.sync.consent import is_newer
from et_platform.sync.field_rules import FieldRule, field_rules


def can_say(data_extension: DataExtension) -> bool:
    """Whether a row of the data extension says who is out, or who is in."""
    consent = data_extension.consent
    return consent is not None and bool(
        data_extension.fields_from(consent.opted_out) or data_extension.fields_from(consent.opted_in)
    )


def audience_field(data_extension: DataExtension) -> str | None:
    """The field that names the subscriber of a data extension that mail is sent from and that tells no consent."""
    sendable = data_extension.sendable
    return sendable.field if sendable is not None and not can_say(data_extension) else None


def stated(data_extension: DataExtension, entity: Relation, *, snapshot: str) -> str:
    """SQL for one row a subscriber whom the CRM says is out: `_folded_key`, `_key`, `opted_out_at`, `email`.

    `opted_out_at` is the CRM's latest, null where it has none; `email` an address that the data extension's own field
    would take, null without one. Rows without a subscriber key are left out; `listed` counts them.
    """
    consent = _consent(data_extension)
    email = "NULL::VARCHAR"
    if consent.email is not None:
        rule = _rule(data_extension, entity, consent.email)
        refused = " OR ".join(f"({condition})" for _, condition in rule.violations)
        email = f"CASE WHEN NOT coalesce({refused}, false) THEN {rule.value} END"
    return f"""
SELECT _folded_key, min(_key) AS _key, max(opted_out_at) AS opted_out_at, min(email) AS email
FROM (
    SELECT {folding.folded_key(subscriber_key(data_extension, entity))} AS _folded_key,
        {subscriber_key(data_extension, entity)} AS _key,
        CAST(s.{quoted(consent.opted_out_at)} AS TIMESTAMP) AS opted_out_at, {email} AS email
    FROM {snapshot} AS s WHERE s.{quoted(consent.opted_out)}
) WHERE _folded_key IS NOT NULL GROUP BY _folded_key"""


def pending(stated: str, acknowledged: str) -> str:
    """SQL for the rows of `stated` that ExactTarget has not acknowledged, or not for an opt-out of that date.

    A later date means that the person was in again in between, perhaps without any snapshot of it.
    """
    return (
        f"SELECT o.* FROM {stated} AS o LEFT JOIN {acknowledged} AS a ON a._folded_key = o._folded_key "
        "WHERE a._folded_key IS NULL OR (o.opted_out_at IS NOT NULL "
        "AND o.opted_out_at > coalesce(a.opted_out_at, '-infinity'::TIMESTAMP)) ORDER BY o._folded_key"
    )


def in_again(data_extension: DataExtension, entity: Relation, *, snapshot: str, stated: str, acknowledged: str) -> str:
    """SQL for the acknowledged `_folded_key` that the snapshot has and states as out no more.

    Who is not in the snapshot at all stays out.
    """
    key = folding.folded_key(subscriber_key(data_extension, entity))
    return (
        f"SELECT a._folded_key FROM {acknowledged} AS a "
        f"SEMI JOIN (SELECT {key} AS _folded_key FROM {snapshot} AS s) AS s ON s._folded_key = a._folded_key "
        f"ANTI JOIN {stated} AS o ON o._folded_key = a._folded_key"
    )


def listed(data_extension: DataExtension, entity: Relation, *, snapshot: str) -> str:
    """SQL for (opt-outs without a subscriber key, rows whose opt-out cannot be read)."""
    consent = _consent(data_extension)
    key = folding.folded_key(subscriber_key(data_extension, entity))
    return (
        f"SELECT count(*) FILTER (s.{quoted(consent.opted_out)} AND {key} IS NULL), "
        f"count(*) FILTER (list_contains(s._invalid, {literal(consent.opted_out)})) FROM {snapshot} AS s"
    )


def row_changes(data_extension: DataExtension, entity: Relation, *, snapshot: str, acknowledged: str) -> str | None:
    """SQL for the change rows of acknowledged rows that do not say yet that their person is out; None if no field can.

    They have the form of plan.change_rows; only the key and the fields that an opt-out changes are filled. Whether
    the rest of the row may be sent is not asked: a row in quarantine opts out like any other. `_source_hash` is that
    of what they say.
    """
    consent = _consent(data_extension)
    out, in_ = data_extension.fields_from(consent.opted_out), data_extension.fields_from(consent.opted_in)
    if not can_say(data_extension):
        return None
    rules = {rule.name: rule for rule in field_rules(data_extension, entity, "s")}
    values = {name: f"CAST(true AS {rules[name].sql_type})" for name in out}
    values |= {name: f"CAST(false AS {rules[name].sql_type})" for name in in_}
    for name in data_extension.fields_from(consent.opted_out_at):
        refused = " OR ".join(f"({condition})" for _, condition in rules[name].violations)
        date = f"max({rules[name].value}) FILTER (NOT coalesce({refused}, false))"
        values[name] = f"coalesce({date}, any_value(a.{quoted(name)}))"
    differs = [f"a.{quoted(name)} IS DISTINCT FROM {values[name]}" for name in out]
    differs += [f"a.{quoted(name)} = CAST(true AS {rules[name].sql_type})" for name in in_]
    values |= {name: f"any_value(a.{quoted(name)})" for name in data_extension.key_fields}
    fields = ", ".join(
        f"{values.get(name, f'NULL::{rules[name].sql_type}')} AS {quoted(name)}" for name in data_extension.fields
    )
    changed = ", ".join(literal(name) for name in data_extension.consent_fields)
    said = ", ".join(f"coalesce(CAST({values[name]} AS VARCHAR), chr(30))" for name in data_extension.consent_fields)
    content = f"md5_number_lower(concat_ws(chr(31), {said}))"
    return f"""
SELECT 'opt_out' AS _operation, min(s._key) AS _key, s._folded_key, {content} AS _source_hash,
    [{changed}] AS _changed, {fields}
FROM {snapshot} AS s JOIN {acknowledged} AS a ON a._folded_key = s._folded_key
WHERE s.{quoted(consent.opted_out)} AND ({" OR ".join(differs)})
GROUP BY s._folded_key ORDER BY s._folded_key"""


def not_refused(changes: str, rejections: str, *, most: int) -> str:
    """SQL for those of `changes` that were not rejected `most` times with the same content."""
    return (
        f"SELECT c.* FROM {changes} AS c ANTI JOIN (FROM {rejections} WHERE times >= {most}) AS r "
        "ON r._folded_key = c._folded_key AND r._source_hash = c._source_hash ORDER BY c._folded_key"
    )


def latest_unsubscribes(events: str) -> str:
    """SQL for one row a subscriber of `events` (_folded_key, event_at): `unsubscribe` with the latest moment `at`."""
    return (
        f"(SELECT _folded_key, {{'at': max(event_at)}} AS unsubscribe FROM {events} "
        "WHERE event_at IS NOT NULL GROUP BY _folded_key)"
    )


def join_unsubscribes(data_extension: DataExtension, entity: Relation, unsubscribes: str) -> str:
    """SQL that joins each snapshot row `s` with its subscriber's latest unsubscribe as `e`."""
    key = folding.folded_key(subscriber_key(data_extension, entity))
    return f"LEFT JOIN {unsubscribes} AS e ON e._folded_key = {key}"


def opts_in_again(data_extension: DataExtension, entity: Relation) -> str:
    """SQL condition over `s` and `e`: the row says in, and ExactTarget has an opt-out newer than the CRM's word."""
    consent = _consent(data_extension)
    says_in = "true" if data_extension.fields_from(consent.opted_out) else f"s.{quoted(consent.opted_in or '')}"
    return f"({_is_out_by_event(consent, entity)} AND {says_in})"


def is_cleared_without_evidence(data_extension: DataExtension, entity: Relation) -> str:
    """SQL condition over `s` and the acknowledged row `a`: ExactTarget has the opt-out, and the row takes it back with
    no consent that is newer. Empty where no field says who is out.
    """
    consent = _consent(data_extension)
    out = " OR ".join(f"CAST(a.{quoted(name)} AS BOOLEAN)" for name in data_extension.fields_from(consent.opted_out))
    if not out:
        return ""
    evidence = "false"
    if consent.opted_in_at is not None:
        given = f"CAST(s.{quoted(consent.opted_in_at)} AS TIMESTAMP)"
        dates = [f"CAST(a.{quoted(name)} AS TIMESTAMP)" for name in data_extension.fields_from(consent.opted_out_at)]
        dates.append(f"CAST(s.{quoted(consent.opted_out_at)} AS TIMESTAMP)")
        evidence = f"{given} IS NOT NULL AND {given} > coalesce({', '.join(dates)}, '-infinity'::TIMESTAMP)"
        if consent.opted_in is not None:
            evidence += f" AND s.{quoted(consent.opted_in)} IS NOT FALSE"
    return f"(coalesce({out}, false) AND s.{quoted(consent.opted_out)} IS NOT TRUE AND NOT ({evidence}))"


def _is_out_by_event(consent: DataExtensionConsent, entity: Relation) -> str:
    return f"(s.{quoted(consent.opted_out)} IS NOT TRUE AND {is_newer(consent, entity)})"


def opting_in(
    data_extension: DataExtension, entity: Relation, *, changes: str, snapshot: str, unsubscribes: str
) -> str:
    """SQL for the `_folded_key` of each row of `changes` that would leave opted in whom the newest facts say is out.

    Facts are the snapshot as it is now, of which one copy is enough, and ExactTarget's events.
    """
    consent = _consent(data_extension)
    says_out = [
        f"CAST(c.{quoted(name)} AS BOOLEAN) IS NOT TRUE" for name in data_extension.fields_from(consent.opted_out)
    ]
    says_in = [f"CAST(c.{quoted(name)} AS BOOLEAN)" for name in data_extension.fields_from(consent.opted_in)]
    opts_in = " OR ".join([*says_out, *says_in]) or "false"
    return f"""
SELECT c._folded_key FROM {changes} AS c WHERE ({opts_in}) AND c._folded_key IN (
    SELECT s._folded_key FROM {snapshot} AS s {join_unsubscribes(data_extension, entity, unsubscribes)}
    WHERE s.{quoted(consent.opted_out)} OR {_is_out_by_event(consent, entity)}
)"""


def out(data_extension: DataExtension, entity: Relation, *, snapshot: str, unsubscribes: str) -> str:
    """SQL for the `_folded_key` of every subscriber whom the newest facts say is out; one copy of several is enough."""
    consent = _consent(data_extension)
    return (
        f"SELECT DISTINCT {folding.folded_key(subscriber_key(data_extension, entity))} AS _folded_key "
        f"FROM {snapshot} AS s {join_unsubscribes(data_extension, entity, unsubscribes)} "
        f"WHERE s.{quoted(consent.opted_out)} OR {_is_out_by_event(consent, entity)}"
    )


def _consent(data_extension: DataExtension) -> DataExtensionConsent:
    assert data_extension.consent is not None
    return data_extension.consent


def _rule(data_extension: DataExtension, entity: Relation, field: str) -> FieldRule:
    return next(rule for rule in field_rules(data_extension, entity, "s") if rule.name == field)


def subscriber_key(data_extension: DataExtension, entity: Relation) -> str:
    """SQL for the text of a snapshot row's subscriber key; the entity's own key was read once for all."""
    column = data_extension.fields[_consent(data_extension).subscriber_key].source
    return "s._key" if (column,) == tuple(entity.keys) else f"CAST(s.{quoted(column)} AS VARCHAR)"
