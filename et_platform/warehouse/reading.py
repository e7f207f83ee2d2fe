"""How the CRM's text becomes typed values.

What belongs here: one SQL expression a type, and what tells one way of reading from another. What does not: where the
rows are kept (snapshots.py), and whether a value may be sent anywhere (sync/field_rules.py).

A value that cannot be read as its declared type becomes null and its column is named in `_invalid`, so the row is kept
and can be quarantined with a reason; it is never dropped and never guessed.
"""

import hashlib
from collections.abc import Callable, Mapping

import duckdb

from et_platform.catalog.models import Column, CrmEntity
from et_platform.catalog.sql_types import READING_VERSION
from et_platform.duckdb_support import literal, quoted

SqlExpression = Callable[[str], str]


SUBSTITUTE = 0x1A
"""The character that stands for what is no text: a byte that is not UTF-8 (crm/stream.py), or a NUL."""


def typed(column: Column, text: str) -> str:
    """SQL that reads the SQL text expression `text` as the column's type; null where it is not such a value."""
    trimmed = f"nullif(trim({text}), '')"
    match column.type:
        case "text":
            return _sound(text)
        case "integer":
            whole = f"regexp_full_match({trimmed}, '[+-]?[0-9]+(\\.0*)?')"
            return f"CASE WHEN {whole} THEN TRY_CAST(split_part({trimmed}, '.', 1) AS BIGINT) END"
        case "decimal":
            # Digits that do not fit would be rounded away silently: compare with a wider reading, which forgives what
            # a sum of floats leaves in the far digits. Most need only be counted, at a hundredth of the cost.
            plain = f"regexp_full_match({trimmed}, '[+-]?[0-9]+(\\.[0-9]{{0,{column.scale}}}0*)?')"
            exact = f"TRY_CAST({trimmed} AS DECIMAL({column.precision}, {column.scale}))"
            wide = f"TRY_CAST({trimmed} AS DECIMAL(38, {min(column.scale + 9, 38)}))"
            return f"CASE WHEN {plain} THEN {exact} WHEN {exact} = {wide} THEN {exact} END"
        case "double":
            return f"CASE WHEN isfinite(TRY_CAST({trimmed} AS DOUBLE)) THEN TRY_CAST({trimmed} AS DOUBLE) END"
        case "boolean":
            word = f"lower({trimmed})"
            return (
                f"CASE WHEN {word} IN ('1', 'true', 't', 'yes', 'y') THEN true "
                f"WHEN {word} IN ('0', 'false', 'f', 'no', 'n') THEN false END"
            )
        case "date":
            form = f"regexp_full_match({trimmed}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([ T]00:00(:00(\\.0+)?)?)?')"
            return f"CASE WHEN {form} THEN TRY_CAST(left({trimmed}, 10) AS DATE) END"
        case "timestamp":
            # With an offset: converted; without one: UTC. Years beyond four digits are not dates to anyone here.
            form = f"regexp_matches({trimmed}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([ T]|$)')"
            return f"CASE WHEN {form} THEN timezone('UTC', TRY_CAST({trimmed} AS TIMESTAMPTZ)) END"


def key_text(entity: CrmEntity) -> str:
    """SQL over the columns as text: the row's key. 7, 07 and 7.0 are one key of a number; what is no such value stays
    as it was written, to be named in quarantine. The parts of a key of several columns are joined as folding.joined
    does it; one that is null makes the key null.
    """
    return " || chr(31) || ".join(_key_part(quoted(name), entity.columns[name]) for name in entity.keys)


def _key_part(key: str, column: Column) -> str:
    return _sound(key) if column.type == "text" else f"coalesce(CAST(({typed(column, key)}) AS VARCHAR), {_sound(key)})"


def _sound(text: str) -> str:
    """A NUL would end the literals in which DuckLake passes values on to its catalogue; no field may have it anyway."""
    return f"CASE WHEN contains({text}, chr(0)) THEN replace({text}, chr(0), chr({SUBSTITUTE})) ELSE {text} END"


def row_hash(columns: Mapping[str, Column]) -> str:
    """SQL over the columns as text: a 64-bit hash of the row."""
    return f"hash({', '.join(quoted(name) for name in columns)})"


def invalid(columns: Mapping[str, Column], *, text: SqlExpression, value: SqlExpression) -> str:
    """SQL for the list of columns that cannot be read, given their quoted names: `text` is not empty and `value` is
    null, or the value has characters in the place of what is no text.
    """
    broken = [
        f"CASE WHEN {_is_broken(column, text(quoted(name)), value(quoted(name)))} THEN {literal(name)} END"
        for name, column in columns.items()
    ]
    return f"list_filter([{', '.join(broken)}]::VARCHAR[], lambda c: c IS NOT NULL)"


def _is_broken(column: Column, text: str, value: str) -> str:
    if column.type == "text":
        return f"contains({value}, chr({SUBSTITUTE}))"
    return f"{value} IS NULL AND nullif(trim({text}), '') IS NOT NULL"


def shape(entity: CrmEntity, fold: SqlExpression) -> str:
    """A fingerprint of everything that turns what is read into the rows of a snapshot: source, key, columns, reading,
    folding and hash. Rows of one shape can be compared by their hashes.
    """
    columns = [(name, column.type, column.precision, column.scale) for name, column in entity.columns.items()]
    source = (entity.source.table, entity.source.query)
    parts = (
        READING_VERSION,
        fold("k"),
        duckdb.__version__,
        source,
        entity.key if len(entity.keys) == 1 else entity.keys,
        columns,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
