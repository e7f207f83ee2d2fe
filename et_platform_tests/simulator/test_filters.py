from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from et_platform.simulator import envelope, filters
from et_platform_tests.simulator.soap import simple

COLUMNS = {
    "name": filters.Column("name"),
    "age": filters.Column("age", "Number"),
    "born": filters.Column("born", "Date"),
    "happy": filters.Column("happy", "Boolean"),
}
ROWS = """VALUES
    (1, 'Ann Lee', 30, TIMESTAMP '1990-05-06 00:00:00', true),
    (2, 'bob ', 40, TIMESTAMP '1980-12-31 10:00:00', false),
    (3, 'O''Hara 100% [x]', 50, TIMESTAMP '1970-05-06 12:30:00', NULL),
    (4, NULL, NULL, NULL, true),
    (5, '', 60, NULL, false)
"""


@pytest.fixture
def people() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE people AS SELECT * FROM ({ROWS}) AS t(id, name, age, born, happy)")
        yield connection


def found(people: duckdb.DuckDBPyConnection, part: str) -> list[int]:
    root = envelope.parse(f'<r xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{part}</r>'.encode())
    condition = filters.condition(people, filters.read(root[0]), COLUMNS)
    rows = people.execute(f"SELECT id FROM people WHERE {condition.sql} ORDER BY id", condition.parameters).fetchall()
    return [number for (number,) in rows]


@pytest.mark.parametrize(
    ("name", "operator", "values", "expected"),
    [
        ("Name", "equals", ["ANN LEE  "], [1]),
        ("Name", "equals", ["bob"], [2]),
        ("Name", "equals", [""], [5]),
        ("Name", "notEquals", ["bob"], [1, 3, 5]),
        ("Name", "greaterThan", ["B"], [2, 3]),
        ("Name", "lessThanOrEqual", ["ann lee"], [1, 5]),
        ("Name", "between", ["a", "b"], [1]),
        ("Name", "IN", ["ann lee", "BOB ", "nobody"], [1, 2]),
        ("Name", "isNull", [], [4]),
        ("Name", "isNotNull", [], [1, 2, 3, 5]),
        ("Name", "beginsWith", ["o'h"], [3]),
        ("Name", "endsWith", ["LEE"], [1]),
        ("Name", "contains", ["100%"], [3]),
        ("Name", "contains", ["100_"], []),
        ("Name", "notContains", ["o"], [1, 5]),
        ("Name", "existsInString", ["an"], [1]),
        ("Name", "notExistsInString", ["an"], [2, 3, 5]),
        ("Name", "existsInStringAsAWord", ["lee"], [1]),
        ("Name", "existsInStringAsAWord", ["le"], []),
        ("Name", "existsInStringAsAWord", ["[x]"], [3]),
        ("Name", "like", ["nn%e"], [1]),
        ("Name", "like", ["LEE"], [1]),
        ("Name", "like", ["[x]"], [3]),
        ("Age", "equals", ["40"], [2]),
        ("Age", "greaterThanOrEqual", ["40"], [2, 3, 5]),
        ("Age", "between", ["30", "45"], [1, 2]),
        ("Age", "IN", ["30", "60"], [1, 5]),
        ("Born", "equals", ["5/6/1990 12:00:00 AM"], [1]),
        ("Born", "lessThan", ["1980-12-31T16:00:01Z"], [2, 3]),
        ("Born", "lessThan", ["1980-12-31T16:00:00Z"], [3]),
        ("Born", "isAnniversary", ["2020-05-06"], [1, 3]),
        ("Born", "isNotAnniversary", ["2020-05-06"], [2]),
        ("Born", "greaterThanAnniversary", ["2020-05-06"], [2]),
        ("Born", "lessThanAnniversary", ["2020-05-06"], []),
        ("Born", "lessThanAnniversary", ["2020-12-31"], [1, 3]),
        ("Happy", "equals", ["1"], [1, 4]),
        ("Happy", "equals", ["False"], [2, 5]),
        ("Happy", "isNull", [], [3]),
    ],
)
def test_simple_filters(
    people: duckdb.DuckDBPyConnection, name: str, operator: str, values: list[str], expected: list[int]
) -> None:
    assert found(people, simple(name, operator, *values)) == expected


def test_dates_may_come_as_date_values(people: duckdb.DuckDBPyConnection) -> None:
    assert found(people, simple("Born", "equals", "1990-05-06T00:00:00", value_tag="DateValue")) == [1]


def test_complex_filters_nest_and_take_more_operands(people: duckdb.DuckDBPyConnection) -> None:
    both = (
        '<LeftOperand xsi:type="ComplexFilterPart">'
        f"{simple('Age', 'equals', '30', tag='LeftOperand')}<LogicalOperator>OR</LogicalOperator>"
        f"{simple('Age', 'equals', '40', tag='RightOperand')}"
        f"<AdditionalOperands>{simple('Age', 'equals', '60', tag='Operand')}</AdditionalOperands></LeftOperand>"
    )
    part = (
        f'<Filter xsi:type="ComplexFilterPart">{both}<LogicalOperator>AND</LogicalOperator>'
        f"{simple('Happy', 'equals', 'false', tag='RightOperand')}</Filter>"
    )
    assert found(people, part) == [2, 5]


def test_in_takes_many_values(people: duckdb.DuckDBPyConnection) -> None:
    values = [f"nobody {number}" for number in range(20_000)] + ["Bob"]
    assert found(people, simple("Name", "IN", *values)) == [2]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (simple("Size", "equals", "1"), "Invalid column name 'Size'."),
        (simple("Name", "sounds like", "1"), "Invalid operator 'sounds like'."),
        (simple("Name", "equals"), "does not take 0 values"),
        (simple("Age", "between", "1"), "does not take 1 values"),
        (simple("Age", "equals", "many"), "The value 'many' does not fit the property Age."),
        (simple("Born", "equals", "soon"), "does not fit the property Born"),
        ('<Filter xsi:type="TagFilterPart"/>', "Invalid filter part TagFilterPart."),
    ],
)
def test_filters_that_cannot_be_answered(people: duckdb.DuckDBPyConnection, part: str, message: str) -> None:
    with pytest.raises(filters.FilterError, match=message.replace(".", r"\.")):
        found(people, part)


MANY_TYPES = """
CREATE TABLE typed AS SELECT id, CAST(text AS VARCHAR) AS text, CAST(number AS INTEGER) AS number,
    CAST(amount AS DECIMAL(12, 3)) AS amount, CAST(moment AS TIMESTAMP) AS moment, CAST(flag AS BOOLEAN) AS flag
FROM (VALUES
    (1, 'a@b.example', -5, -0.5, '1999-12-31 23:59:59', false),
    (2, 'B@b.example ', 0, 0, '2000-01-01 00:00:00', true),
    (3, 'c@b.example', 2147483647, 99.125, '2024-02-29 12:00:00', true),
    (4, NULL, NULL, NULL, NULL, NULL)
) AS given(id, text, number, amount, moment, flag)
"""
TYPED = {
    "text": filters.Column("text"),
    "number": filters.Column("number", "Number"),
    "amount": filters.Column("amount", "Decimal"),
    "moment": filters.Column("moment", "Date"),
    "flag": filters.Column("flag", "Boolean"),
}
# Three values of each type in ascending order, as a request writes them: those of rows 1, 2 and 3.
IN_ORDER = {
    "text": ["A@B.example", "b@b.example", "C@b.example  "],
    "number": ["-5", "0", "2147483647"],
    "amount": ["-0.500", "0", "99.125"],
    "moment": ["2000-01-01T05:59:59Z", "1/1/2000 12:00:00 AM", "2024-02-29T12:00:00.2"],
}
COMPARED = {
    "equals": lambda one, two: one == two,
    "notEquals": lambda one, two: one != two,
    "greaterThan": lambda one, two: one > two,
    "lessThan": lambda one, two: one < two,
    "greaterThanOrEqual": lambda one, two: one >= two,
    "lessThanOrEqual": lambda one, two: one <= two,
}


@pytest.fixture(scope="module")
def typed() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(MANY_TYPES)
        yield connection


def rows_of(typed: duckdb.DuckDBPyConnection, part: str) -> list[int]:
    root = envelope.parse(f'<r xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{part}</r>'.encode())
    made = filters.condition(typed, filters.read(root[0]), TYPED)
    found = typed.execute(f"SELECT id FROM typed WHERE {made.sql} ORDER BY id", made.parameters).fetchall()
    return [number for (number,) in found]


@pytest.mark.parametrize("operator", COMPARED)
@pytest.mark.parametrize("column", IN_ORDER)
def test_each_comparison_on_each_ordered_type(typed: duckdb.DuckDBPyConnection, column: str, operator: str) -> None:
    for place, value in enumerate(IN_ORDER[column], start=1):
        expected = [row for row in (1, 2, 3) if COMPARED[operator](row, place)]  # null fulfils none
        assert rows_of(typed, simple(column, operator, value)) == expected


@pytest.mark.parametrize("column", [*IN_ORDER, "flag"])
def test_null_sets_and_ranges_on_each_type(typed: duckdb.DuckDBPyConnection, column: str) -> None:
    assert rows_of(typed, simple(column, "isNull")) == [4]
    assert rows_of(typed, simple(column, "isNotNull")) == [1, 2, 3]
    if column == "flag":
        assert rows_of(typed, simple(column, "IN", "1", "yes")) == [2, 3]
        assert rows_of(typed, simple(column, "notEquals", "true")) == [1]
        return
    first, second, third = IN_ORDER[column]
    assert rows_of(typed, simple(column, "between", first, second)) == [1, 2]
    assert rows_of(typed, simple(column, "between", third, first)) == []
    assert rows_of(typed, simple(column, "IN", first, third)) == [1, 3]


@pytest.mark.parametrize("column", ["number", "amount", "moment", "flag"])
def test_values_that_do_not_fit_a_type(typed: duckdb.DuckDBPyConnection, column: str) -> None:
    with pytest.raises(filters.FilterError, match=f"The value 'soon' does not fit the property {column}"):
        rows_of(typed, simple(column, "equals", "soon"))


ON_TEXT = ["like", "beginsWith", "endsWith", "contains", "notContains", "existsInString", "notExistsInString"]
ON_DATES = ["isAnniversary", "isNotAnniversary", "greaterThanAnniversary", "lessThanAnniversary"]
ORDER = ["greaterThan", "lessThan", "greaterThanOrEqual", "lessThanOrEqual"]
VALUE = {"text": "a", "number": "0", "amount": "0", "moment": "1/1/2000", "flag": "true"}
TYPE = {"text": "Text", "number": "Number", "amount": "Decimal", "moment": "Date", "flag": "Boolean"}
NOT_TAKEN = {
    "text": ON_DATES,
    "number": [*ON_TEXT, "existsInStringAsAWord", *ON_DATES],
    "amount": [*ON_TEXT, "existsInStringAsAWord", *ON_DATES],
    "moment": [*ON_TEXT, "existsInStringAsAWord"],
    "flag": [*ON_TEXT, "existsInStringAsAWord", *ON_DATES, *ORDER, "between"],
}
NOT_DOCUMENTED = {
    "text": ["between", "IN", "like", "endsWith", "contains", "notContains"],
    "number": ["between", "IN"],
    "amount": ["between", "IN"],
    "moment": ["between", "IN", "greaterThanOrEqual", "lessThanOrEqual"],
    "flag": ["notEquals", "IN"],
}
EVERY = [*COMPARED, "between", "IN", "existsInStringAsAWord", *ON_TEXT, *ON_DATES]


@pytest.mark.parametrize("column", TYPED)
def test_operators_that_a_type_does_not_take(typed: duckdb.DuckDBPyConnection, column: str) -> None:
    for operator in EVERY:
        part = simple(column, operator, *[VALUE[column]] * (2 if operator == "between" else 1))
        if operator in NOT_TAKEN[column]:
            refused = f"The operator {operator} cannot be used on {column} of type {TYPE[column]}"
            with pytest.raises(filters.FilterError, match=refused):
                rows_of(typed, part)
        else:
            assert 4 not in rows_of(typed, part)  # null fulfils none


@pytest.mark.parametrize("column", TYPED)
def test_operators_that_are_not_documented_for_a_filter_definition(column: str) -> None:
    for operator in (*EVERY, "isNull", "isNotNull"):
        wanted = filters.Complex("AND", (filters.Simple(column, operator, ()), filters.Simple("unknown", "like", ())))
        if operator in NOT_TAKEN[column] + NOT_DOCUMENTED[column]:
            with pytest.raises(filters.FilterError, match=f"{operator} cannot be used on {column}"):
                filters.check_for_definition(wanted, TYPED)
        else:
            filters.check_for_definition(wanted, TYPED)


def test_operators_of_a_data_filter_can_be_refused() -> None:
    for operator, refused in (("beginsWith", True), ("isAnniversary", True), ("like", False), ("IN", False)):
        wanted = filters.Complex("AND", (filters.Simple("a", "equals", ("1",)), filters.Simple("a", operator, ("1",))))
        if refused:
            with pytest.raises(filters.FilterError, match="for a DataFilter only"):
                filters.check_for_retrieve(wanted)
        else:
            filters.check_for_retrieve(wanted)
