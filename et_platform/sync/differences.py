"""What differs between a source and what is acknowledged, by stored keys and hashes alone.

What belongs here: the one join of the two relations, and what follows from it without looking at any other column. What
does not: whether a row that differs may be sent, and whether it changed at all (plan.py, removals.py).

Acknowledged keys are unique and never empty; a source has any. So a key that differs on the source's side was
acknowledged with something else if it differs on the acknowledged side, too; it is new if it is not acknowledged at
all; and it has a copy if what is acknowledged does not differ: then that is another row of the source.
"""

import hashlib

from et_platform.catalog.models import DataExtension
from et_platform.catalog.relation import Relation
from et_platform.catalog.sql_types import READING_VERSION
from et_platform.duckdb_support import literal, quoted
from et_platform.sync import folding
from et_platform.sync.field_rules import RULES_VERSION
from et_platform.sync.sources import Rows

DIFFERENCES, HELD = "differences", "held"
"""Temporary tables: what `found` and `held` give."""

CANDIDATES = f"(SELECT * FROM {DIFFERENCES} WHERE _row IS NOT NULL)"
"""SQL for the rows of the source that are not acknowledged with their very hash."""

GONE = (
    f"(SELECT d._held FROM {DIFFERENCES} AS d ANTI JOIN {CANDIDATES} AS s ON s._folded_key = d._held "
    "WHERE d._held IS NOT NULL)"
)
"""SQL for the acknowledged keys (`_held`) that the source does not have."""


def declaration_version(data_extension: DataExtension, entity: Relation) -> str:
    """A fingerprint of everything that turns the CRM's text into a desired row: reading, folding, rules, owners.

    Of what is declared, never of SQL that is made from it: another version is another content of every row, and what
    was rejected or dropped with the former one counts no more.
    """
    columns = tuple((name, c.type, c.precision, c.scale) for name, c in entity.columns.items())
    fields = tuple(
        (name, f.type, f.column, f.sql, f.length, f.precision, f.scale, f.key, f.required, f.default, f.owner)
        for name, f in data_extension.fields.items()
    )
    consent = data_extension.consent
    who_is_out = (consent.opted_out, consent.opted_in) if consent is not None else None
    versions = (READING_VERSION, folding.VERSION, RULES_VERSION)
    declared = (versions, columns, fields, who_is_out, data_extension.file.nulls)
    return hashlib.sha256(repr(declared).encode()).hexdigest()[:16]


def source_hash(data_extension: DataExtension, entity: Relation) -> str:
    """SQL over a row of the source: what is acknowledged with it, so that a row that is the same need not be read."""
    return f"hash(_row_hash, {literal(declaration_version(data_extension, entity))})"


def found(data_extension: DataExtension, rows: Rows, acknowledged: str) -> str:
    """SQL for one row a difference: `_row` (its number in the source's table), `_folded_key` and `_source_hash` on the
    source's side, `_held` (the key) on the acknowledged side; the other side is null.
    """
    return f"""
SELECT s._row, s._folded_key, s._source_hash, a._folded_key AS _held
FROM (
    SELECT rowid AS _row, _folded_key, {source_hash(data_extension, rows.relation)} AS _source_hash FROM {rows.table}
) AS s
FULL JOIN (SELECT _folded_key, _source_hash FROM {acknowledged}) AS a
    ON a._source_hash = s._source_hash AND a._folded_key = s._folded_key
WHERE s._row IS NULL OR a._folded_key IS NULL"""


def held(data_extension: DataExtension, acknowledged: str, *, with_gone: bool) -> str:
    """SQL for the acknowledged rows that differ: of the candidates' keys, and `with_gone` of those that are gone."""
    wanted = f"SELECT _held FROM {DIFFERENCES} WHERE _held IS NOT NULL"
    if not with_gone:
        wanted += f" AND _held IN (SELECT _folded_key FROM {CANDIDATES})"
    fields = ", ".join(f"a.{quoted(name)}" for name in data_extension.fields)
    return (
        f"SELECT a._folded_key, a._source_hash, a._theirs, {fields} FROM {acknowledged} AS a "
        f"SEMI JOIN ({wanted}) AS d ON d._held = a._folded_key"
    )


def candidates(rows: Rows) -> str:
    """SQL for the source's rows of the candidates, all columns; no others are made."""
    numbered = f"SELECT t.* FROM {rows.table} AS t SEMI JOIN {CANDIDATES} AS d ON d._row = t.rowid"
    return rows.over(f"({numbered})")


def copies(acknowledged: str) -> str:
    """SQL for the candidates' keys that the source has more than once."""
    keys = f"SELECT _folded_key, count(*) AS times FROM {CANDIDATES} GROUP BY _folded_key"
    unheld = f"SELECT k._folded_key FROM ({keys}) AS k ANTI JOIN {HELD} AS h ON h._folded_key = k._folded_key"
    return (
        f"SELECT _folded_key FROM ({keys}) WHERE times > 1 UNION "
        f"SELECT a._folded_key FROM {acknowledged} AS a SEMI JOIN ({unheld}) AS u ON u._folded_key = a._folded_key"
    )
