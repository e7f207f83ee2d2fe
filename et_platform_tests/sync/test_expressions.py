"""Expressions of fields: what they may hold, what they read, and of which type they are."""

import pytest

from et_platform.catalog.models import Column
from et_platform.sync.expressions import BadExpression, columns_read, type_of

COLUMNS = {
    "first": Column(type="text"),
    "last name": Column(type="text"),
    "points": Column(type="integer"),
    "spent": Column(type="decimal", precision=18, scale=4),
    "born": Column(type="date"),
    "seen": Column(type="timestamp"),
}


@pytest.mark.parametrize(
    ("expression", "read", "type_"),
    [
        ("""upper(FIRST) || ' ' || "last name" """, {"first", "last name"}, "text"),
        ("CASE WHEN points >= 1000 THEN 'Gold' END -- a comment", {"points"}, "text"),
        ("split_part(first, ';', 1)", {"first"}, "text"),
        ("points * 2", {"points"}, "integer"),
        ("round(spent, 2)", {"spent"}, "decimal"),
        ("spent / 3", {"spent"}, "double"),
        ("points IS NULL", {"points"}, "boolean"),
        ("seen::DATE", {"seen"}, "date"),
        ("seen AT TIME ZONE 'America/Chicago'", {"seen"}, "timestamp"),
        ("len(list_filter([points], lambda v: v > 1))", {"points"}, "integer"),
    ],
)
def test_an_expression_is_read_as_duckdb_reads_it(expression, read, type_):
    assert set(columns_read(expression, COLUMNS)) == read
    assert type_of(expression, COLUMNS)[0].type == type_


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("frist", "there is no column 'frist'; the source has: first, last name"),
        ("now()", "now\\(\\) is not the same each time"),
        ("current_date - born", "current_date\\(\\) is not the same each time"),
        ("random()", "not the same each time"),
        ("sum(points)", "sum\\(\\) is over many rows"),
        ("row_number() OVER ()", "no window function"),
        ("(SELECT 1)", "no subquery"),
        ("*", "no \\*"),
        ("points +", "cannot be read as SQL: syntax error"),
        ("1), (2", "more than one expression"),
        ("1); SELECT (2", "more than one expression"),
        ("1) FROM (SELECT 2", "more than one expression"),
        ("nosuch(points)", "nosuch does not exist"),
        ("points + first", "No function matches"),
        ("[points]", "of type BIGINT\\[\\], which no field takes; cast"),
    ],
)
def test_promise_16_an_expression_that_cannot_be_used_says_why(expression, reason):
    with pytest.raises(BadExpression, match=reason):
        type_of(expression, COLUMNS)
