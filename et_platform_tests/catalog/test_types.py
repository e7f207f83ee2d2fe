"""The matrix of types: docs/types.md is the code's, and the field rules keep to it, cell by cell."""

from pathlib import Path

import duckdb
import pytest

import et_platform
from et_platform.catalog.models import Column, DataExtension
from et_platform.catalog.relation import Columns
from et_platform.catalog.types import COLUMN_TYPES, FIELD_TYPES, remedy, rule, table
from et_platform.sync.expressions import type_of
from et_platform.sync.field_rules import field_rules

SAMPLES = {
    # column type: SQL of a value, and the same as it comes back from a field that keeps it
    "text": ("'fr-CA'", "fr-CA"),
    "integer": ("42::BIGINT", "42"),
    "decimal": ("12.50::DECIMAL(18, 4)", "12.5000"),
    "double": ("0.1::DOUBLE", ""),
    "boolean": ("true", "true"),
    "date": ("DATE '2026-07-01'", "2026-07-01 00:00:00"),
    "timestamp": ("TIMESTAMP '2026-07-01 05:00:00.6'", "2026-06-30 23:00:01"),
}


def test_the_page_is_the_codes_table():
    page = Path(et_platform.__file__).parents[1] / "docs" / "types.md"
    assert table() in page.read_text(encoding="utf-8")


def _value_of(field: str, column: str, value: str) -> tuple[str | None, list[str]]:
    """What would be sent of a value, and the reasons why it may not be."""
    options = {"precision": 9, "scale": 2} if field == "Decimal" else {}
    declared = DataExtension.model_validate(
        {
            "description": "d",
            "customer_key": "k",
            "name": "n",
            "source": {"crm": "c"},
            "fields": {"K": {"type": "Text", "key": True, "from": "k"}, "F": {"type": field, "from": "c", **options}},
        }
    )
    relation = Columns("k", {"k": Column(type="text"), "c": Column(type=column)})  # type: ignore[arg-type]
    made = next(one for one in field_rules(declared, relation, "s") if one.name == "F")
    row = f"(SELECT 'k' AS k, {value} AS c, []::VARCHAR[] AS _invalid) AS s"
    with duckdb.connect() as connection:
        (sent,) = connection.execute(f"SELECT CAST({made.value} AS VARCHAR) FROM {row}").fetchone() or (None,)
        broken = [
            why for why, sql in made.violations if connection.execute(f"SELECT {sql} FROM {row}").fetchone() == (True,)
        ]
    return sent, broken


CELLS = [(field, column) for field in FIELD_TYPES for column in COLUMN_TYPES]


@pytest.mark.parametrize(("field", "column"), [cell for cell in CELLS if rule(*cell) is not None])
def test_a_cell_that_takes_a_value_keeps_it_or_loses_what_it_says(field, column):
    value, kept = SAMPLES[column]
    if field == "EmailAddress":
        value, kept = "'a@example.org'", "a@example.org"
    if (field, column) == ("Decimal", "decimal"):
        kept = "12.50"
    if (field, column) == ("Decimal", "integer"):
        kept = "42.00"
    found = rule(field, column)
    assert found is not None
    assert _value_of(field, column, value) == (kept, [])
    assert found.keeps == ((field, column) != ("Date", "timestamp")), "the one sample that does not come back as it was"


@pytest.mark.parametrize(
    ("field", "column", "value", "reason"),
    [
        ("Number", "integer", "2147483648::BIGINT", "does not fit a Number"),
        ("Decimal", "decimal", "0.005::DECIMAL(18, 4)", "has more digits than"),
        ("Decimal", "integer", "12345678::BIGINT", "has more digits than"),
        ("Date", "date", "DATE '1700-01-01'", "outside the years"),
        ("Locale", "text", "'fr-CA-x'", "is longer than 5"),
        ("EmailAddress", "text", "'zoë@example.org'", "beyond ASCII"),
    ],
)
def test_what_does_not_fit_is_quarantine_and_never_cut(field, column, value, reason):
    _, broken = _value_of(field, column, value)
    assert any(reason in one for one in broken)


@pytest.mark.parametrize(("field", "column"), [cell for cell in CELLS if rule(*cell) is None])
def test_the_remedy_of_a_cell_that_takes_nothing_is_an_expression_that_the_field_takes(field, column):
    told = remedy(field, column, "c")
    if told == "change a type":
        return
    expression = told.split('"')[1]
    made, _ = type_of(expression, {"c": Column(type=column)})
    assert rule(field, made.type) is not None
