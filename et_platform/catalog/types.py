"""Which column goes into which field, and what becomes of its values on the way: one matrix.

What belongs here: the rules, as data; docs/types.md is this table. What does not: carrying them out
(sync/field_rules.py, which keeps to them).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from et_platform.catalog.base import ColumnType

FieldType = Literal["Text", "Number", "Date", "Boolean", "EmailAddress", "Phone", "Decimal", "Locale"]

COLUMN_TYPES: tuple[ColumnType, ...] = ("text", "integer", "decimal", "double", "boolean", "date", "timestamp")
FIELD_TYPES: tuple[FieldType, ...] = (
    *("Text", "Number", "Decimal", "Boolean", "Date"),
    *("EmailAddress", "Phone", "Locale"),
)


@dataclass(frozen=True)
class Rule:
    """`keeps`: the very value comes back, or the row is quarantined; else the value loses what `words` say."""

    keeps: bool
    words: str


_FITS = "as it is, if it is not too long; empty is none"
_MATRIX: Mapping[FieldType, Mapping[ColumnType, Rule]] = {
    "Text": {
        "text": Rule(True, _FITS),
        "integer": Rule(True, "its digits"),
        "decimal": Rule(True, "its digits, with all digits after the point that the column declares"),
        "boolean": Rule(True, "true or false"),
    },
    "Number": {"integer": Rule(True, "as it is, from -2147483648 to 2147483647")},
    "Decimal": {
        "integer": Rule(True, "as it is, if it has no more digits than the field"),
        "decimal": Rule(True, "as it is, if it has no more digits than the field; never rounded"),
    },
    "Boolean": {"boolean": Rule(True, "as it is")},
    "Date": {
        "date": Rule(True, "the day at midnight, in the years 1753 to 9999"),
        "timestamp": Rule(False, "UTC becomes server time (UTC-6, all year); rounded to the second"),
    },
    "EmailAddress": {"text": Rule(True, f"{_FITS}, and an address in ASCII")},
    "Phone": {"text": Rule(True, _FITS), "integer": Rule(True, "its digits")},
    "Locale": {"text": Rule(True, _FITS)},
}

_REMEDIES: Mapping[tuple[FieldType, ColumnType], str] = {
    ("Number", "text"): "CAST({column} AS INTEGER)",
    ("Number", "decimal"): "CAST(round({column}) AS INTEGER)",
    ("Number", "double"): "CAST(round({column}) AS INTEGER)",
    ("Decimal", "text"): "CAST({column} AS DECIMAL(18, 2))",
    ("Decimal", "double"): "CAST({column} AS DECIMAL(18, 2))",
    ("Boolean", "text"): "{column} = 'yes'",
    ("Boolean", "integer"): "{column} <> 0",
    ("Date", "text"): "CAST({column} AS DATE)",
    ("Text", "date"): "strftime({column}, '%Y-%m-%d')",
    ("Text", "timestamp"): "strftime({column}, '%Y-%m-%d %H:%M:%S')",
    ("Text", "double"): "CAST({column} AS VARCHAR)",
}
"""What to write as `sql` where a column does not go into a field by itself: people say how it is to be read."""


def rule(field: FieldType, column: ColumnType) -> Rule | None:
    """What becomes of the column's values in a field of this type; None if it takes none without guessing."""
    return _MATRIX[field].get(column)


def remedy(field: FieldType, column: ColumnType, name: str) -> str:
    """What to do about a column that does not go into a field."""
    expression = _REMEDIES.get((field, column))
    if expression is None:
        return "change a type"
    return f'change a type, or say how it is to be read: `sql: "{expression.format(column=name)}"`'


def table() -> str:
    """The matrix as Markdown, as docs/types.md has it."""
    lines = [f"| column | {' | '.join(FIELD_TYPES)} |", f"|---|{'---|' * len(FIELD_TYPES)}"]
    for column in COLUMN_TYPES:
        cells = []
        for field in FIELD_TYPES:
            found = rule(field, column)
            example = _REMEDIES.get((field, column), "").format(column=column)
            cells.append(
                (f"**lossy**: {found.words}" if not found.keeps else found.words)
                if found
                else f"no; `{example}`"
                if example
                else "no"
            )
        lines.append(f"| {column} | {' | '.join(cells)} |")
    return "\n".join(lines)
