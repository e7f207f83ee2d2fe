"""Removals: rows that we once brought to a data extension, and that its source does not have any more.

What belongs here: SQL for the rows that are to be deleted or marked, and why they may not be. What does not: whether so
many may go (gate.py), and taking them out of what is acknowledged (warehouse/acknowledged.py).

Only keys that were desired and acknowledged are ever looked at: what others put into the data extension is not ours to
delete. A key is gone when a complete reading of the source does not have it in any form; a row of the source that is
held, in quarantine or unknown is still there.
"""

from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, quoted
from et_platform.sync import folding
from et_platform.sync.differences import CANDIDATES, GONE, HELD
from et_platform.sync.field_rules import SERVER_OFFSET
from et_platform.sync.plan import EVALUATED


def rows(data_extension: DataExtension, *, taken_at: str) -> str:
    """SQL for the change rows of what left the source, in the form of plan.change_rows, from the tables of plan.steps,
    of which `held` has to have what is gone.

    `taken_at` is when the snapshot was taken (ISO, with its offset): the same snapshot gives the same rows. A row that
    could be one whose key cannot be read, or whose equality ExactTarget decides by an unknown rule, stays.
    """
    operation, where, fields = "delete", "", {name: f"v.{quoted(name)}" for name in data_extension.fields}
    changed = "[]::VARCHAR[]"
    if data_extension.tombstone is not None:
        name = data_extension.tombstone
        operation, changed = "bury", f"[{literal(name)}]"
        where = f" AND coalesce(CAST(v.{quoted(name)} AS VARCHAR), 'false') = 'false'"
        fields[name] = _mark(data_extension, name, taken_at)
    key = folding.joined([f"CAST(v.{quoted(name)} AS VARCHAR)" for name in data_extension.key_fields])
    columns = ", ".join(f"{value} AS {quoted(name)}" for name, value in fields.items())
    return f"""
SELECT {literal(operation)} AS _operation, {key} AS _key, v._folded_key, v._source_hash, {changed} AS _changed,
    {columns}
FROM {HELD} AS v SEMI JOIN {GONE} AS g ON g._held = v._folded_key
WHERE NOT EXISTS (FROM {CANDIDATES} WHERE _folded_key IS NULL)
    AND NOT EXISTS (FROM ({_patterns()}) AS p WHERE v._folded_key LIKE p.pattern ESCAPE '\\'){where}"""


def _mark(data_extension: DataExtension, name: str, taken_at: str) -> str:
    if data_extension.fields[name].type == "Boolean":
        return "true"
    return f"date_trunc('second', TIMESTAMPTZ {literal(taken_at)} AT TIME ZONE 'UTC') - {SERVER_OFFSET}"


def _patterns() -> str:
    """SQL for every key that folding cannot decide, as a pattern of what ExactTarget may take it for.

    Such a row is never sent, so it is never acknowledged and always among the candidates.
    """
    ascii_only = "replace(replace(replace(_folded_key, '\\', '\\\\'), '%', '\\%'), '_', '\\_')"
    return (
        f"SELECT DISTINCT regexp_replace({ascii_only}, '[^{folding.DECIDABLE}\\x1F]+', '%', 'g') AS pattern "
        f"FROM {EVALUATED} WHERE {folding.undecidable('_key')}"
    )


def doubt(data_extension: DataExtension, *, is_complete: bool, keyless: int) -> str:
    """Why keys that left the source stay in ExactTarget for now; empty if nothing is in the way.

    `keyless` counts the snapshot's rows without a key that can be read: each may be any row that seems gone.
    """
    if data_extension.deletes == "keep":
        return "deletes is `keep`"
    if not is_complete:
        return "the newest snapshot read only what changed; the next full one shows what is gone"
    if keyless:
        return f"{keyless} rows of the source have no key, and any of them may be one that seems gone; mend them first"
    return ""


def back(*, snapshot: str, changes: str) -> str:
    """SQL for the keys of `changes` (of one removal) that the newest snapshot has again."""
    return f"SELECT c._folded_key FROM {changes} AS c SEMI JOIN {snapshot} AS s ON s._folded_key = c._folded_key"
