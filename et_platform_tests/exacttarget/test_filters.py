"""Conditions on rows: every operator on every type against what Python says of the same rows, and what is refused."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.filters import AllOf, AnyOf, Condition, Filter, Operator, checked, to_part
from et_platform.exacttarget.models import SERVER_TIME, DataExtension, Field, FieldType
from et_platform_tests.exacttarget.scripted import (
    API,
    AT_ONCE,
    QUICK,
    page,
    scripted_service,
    simulated_connection,
)

FIELDS = (
    Field(name="Id", type=FieldType.Number, is_primary_key=True, is_required=True),
    Field(name="City", type=FieldType.Text, max_length=40),
    Field(name="Mail", type=FieldType.EmailAddress, max_length=254),
    Field(name="Points", type=FieldType.Number),
    Field(name="Paid", type=FieldType.Decimal, max_length=10, scale=2),
    Field(name="Born", type=FieldType.Date),
    Field(name="Vip", type=FieldType.Boolean),
)
KEY = "conditions-on-rows"


def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=SERVER_TIME)


ROWS: list[dict[str, Any]] = [
    {"Id": 1, "City": "Bonn", "Mail": "a@x.org", "Points": -5, "Paid": Decimal("0.50"), "Born": at(1990, 3, 1), "Vip": True},
    {"Id": 2, "City": "Bad Bonn", "Mail": "b@x.org", "Points": 0, "Paid": Decimal("10.00"), "Born": at(1991, 3, 1, 13), "Vip": False},
    {"Id": 3, "City": "Bonn, am Rhein", "Mail": "c@y.org", "Points": 7, "Paid": Decimal("10.01"), "Born": at(2000, 12, 31, 23), "Vip": True},
    {"Id": 4, "City": "Ulm", "Mail": None, "Points": 10, "Paid": None, "Born": at(2001, 1, 1), "Vip": None},
    {"Id": 5, "City": None, "Mail": "e@y.org", "Points": None, "Paid": Decimal("-3.00"), "Born": None, "Vip": False},
    {"Id": 6, "City": "Köln & <Deutz>", "Mail": "f@z.org", "Points": 7, "Paid": Decimal("99999.99"), "Born": at(1990, 3, 2), "Vip": False},
]  # fmt: skip


@pytest.fixture(scope="module")
def exacttarget(exacttarget_info):
    with ExactTarget(simulated_connection(exacttarget_info)) as client:
        client.data_extensions.create(data_extension=DataExtension(customer_key=KEY, name=KEY, fields=FIELDS))
        rows = [{name: _written(value) for name, value in row.items()} for row in ROWS]
        assert all(one.ok for one in client.rows.insert(customer_key=KEY, rows=rows))
        yield client


def _written(value: Any) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)


def found(exacttarget: ExactTarget, where: Filter, **more: Any) -> set[int]:
    batches = exacttarget.rows.read(customer_key=KEY, fields=["Id"], where=where, known=FIELDS, **more)
    ids = [int(row["Id"]) for batch in batches for row in batch.to_pylist()]
    assert len(ids) == len(set(ids))
    return set(ids)


def expected(name: str, holds: Callable[[Any], bool]) -> set[int]:
    return {row["Id"] for row in ROWS if row[name] is not None and holds(row[name])}


def _ordered(name: str, low: Any, high: Any) -> list[tuple[str, Operator, Any, Callable[[Any], bool]]]:
    return [
        (name, "equals", low, lambda one: one == low),
        (name, "notEquals", low, lambda one: one != low),
        (name, "greaterThan", low, lambda one: one > low),
        (name, "greaterThanOrEqual", low, lambda one: one >= low),
        (name, "lessThan", high, lambda one: one < high),
        (name, "lessThanOrEqual", high, lambda one: one <= high),
        (name, "between", (low, high), lambda one: low <= one <= high),
        (name, "IN", [low, high], lambda one: one in (low, high)),
        (name, "IN", [high], lambda one: one == high),
    ]


def _day(one: datetime) -> tuple[int, int]:
    return one.month, one.day


CASES: list[tuple[str, Operator, Any, Callable[[Any], bool]]] = [
    *_ordered("Points", 0, 7),
    *_ordered("Paid", Decimal("10"), Decimal("10.01")),
    *_ordered("Paid", -3, 10),
    *_ordered("Born", at(1991, 3, 1, 13), at(2000, 12, 31, 23)),
    *_ordered("Mail", "b@x.org", "e@y.org"),
    ("City", "equals", "BONN  ", lambda one: one == "Bonn"),
    ("City", "notEquals", "bonn", lambda one: one != "Bonn"),
    ("City", "IN", ["bonn", "Köln & <Deutz>"], lambda one: one in ("Bonn", "Köln & <Deutz>")),
    ("City", "IN", ["Bonn, am Rhein"], lambda one: one == "Bonn, am Rhein"),
    ("City", "greaterThan", "bonn", lambda one: one.lower() > "bonn"),
    ("City", "beginsWith", "bonn", lambda one: one.lower().startswith("bonn")),
    ("City", "endsWith", "BONN", lambda one: one.lower().endswith("bonn")),
    ("City", "contains", "& <", lambda one: "& <" in one),
    ("City", "notContains", "bonn", lambda one: "bonn" not in one.lower()),
    ("City", "existsInString", "onn", lambda one: "onn" in one),
    ("City", "existsInStringAsAWord", "bonn", lambda one: "Bonn" in one),
    ("City", "existsInStringAsAWord", "onn", lambda one: False),
    ("City", "notExistsInString", "onn", lambda one: "onn" not in one),
    ("Vip", "equals", True, lambda one: one),
    ("Vip", "notEquals", True, lambda one: not one),
    ("Vip", "IN", [True, False], lambda one: True),
    ("Born", "equals", date(2001, 1, 1), lambda one: one == at(2001, 1, 1)),
    # The same moment, said in another zone; it is another day there.
    ("Born", "greaterThanOrEqual", datetime(2001, 1, 1, 5, tzinfo=UTC), lambda one: one >= at(2000, 12, 31, 23)),
    ("Born", "isAnniversary", date(2026, 3, 1), lambda one: _day(one) == (3, 1)),
    ("Born", "isNotAnniversary", date(2026, 3, 1), lambda one: _day(one) != (3, 1)),
    ("Born", "greaterThanAnniversary", date(2026, 3, 1), lambda one: _day(one) > (3, 1)),
    ("Born", "lessThanAnniversary", date(2026, 3, 2), lambda one: _day(one) < (3, 2)),
]


@pytest.mark.parametrize(("name", "operator", "value", "holds"), CASES)
def test_the_rows_are_those_for_which_it_is_true(exacttarget: ExactTarget, name, operator, value, holds):
    where = Condition(field=name, operator=operator, value=value)
    assert found(exacttarget, where) == expected(name, holds)


def test_every_operator_of_the_service_is_tried_or_refused():
    tried = {operator for _, operator, _, _ in CASES} | {"isNull", "isNotNull", "like"}
    assert tried == set(Operator.__args__)


@pytest.mark.parametrize("name", [field.name for field in FIELDS])
def test_null_is_asked_for_by_operators_of_its_own(exacttarget: ExactTarget, name: str):
    none = {row["Id"] for row in ROWS if row[name] is None}
    assert found(exacttarget, Condition(field=name, operator="isNull")) == none
    assert found(exacttarget, Condition(field=name, operator="isNotNull")) == {row["Id"] for row in ROWS} - none


def test_conditions_are_joined_to_any_depth_and_with_keys(exacttarget: ExactTarget):
    ulm = Condition(field="city", value="Ulm")
    rich = Condition(field="Paid", operator="greaterThan", value=Decimal("10"))
    vip = Condition(field="Vip", value=True)
    assert found(exacttarget, ulm | (rich & vip)) == {3, 4}
    assert found(exacttarget, (ulm | rich) & vip) == {3}
    assert found(exacttarget, AllOf(parts=(rich,))) == {3, 6}
    assert found(exacttarget, rich, keys=("Id", ["3", "5"])) == {3}
    # Hundreds stay flat enough for any reader of XML, whose depth is limited.
    many: Filter = Condition(field="Id", value=1)
    for number in range(2, 600):
        many = many | Condition(field="Id", value=number)
    assert found(exacttarget, many) == {1, 2, 3, 4, 5, 6}
    depth, where = 0, to_part(many, exacttarget._soap.types)
    while hasattr(where, "LeftOperand"):
        depth, where = depth + 1, where.LeftOperand
    assert depth <= 10


def test_pages_of_a_condition_go_on_to_the_end(exacttarget: ExactTarget):
    assert found(exacttarget, Condition(field="Points", operator="isNotNull"), batch_size=2) == {1, 2, 3, 4, 6}


def test_fields_are_read_when_they_are_not_given(exacttarget: ExactTarget):
    read = exacttarget.rows.read
    batches = read(customer_key=KEY, fields=["Id"], where=Condition(field="points", value=10))
    assert [row for batch in batches for row in batch.to_pylist()] == [{"Id": "4"}]
    with pytest.raises(errors.InvalidDefinition, match="no field Pionts"):
        list(read(customer_key=KEY, fields=["Id"], where=Condition(field="Pionts", value=10)))
    with pytest.raises(errors.NotFound, match="Reading the fields"):
        list(read(customer_key="nobody-has-this-key", fields=["Id"], where=Condition(field="Id", value=1)))
    assert exacttarget.data_extensions.fields(customer_key=KEY) == FIELDS


WRONG: list[tuple[Filter, str]] = [
    (Condition(field="Points", value="7"), "Points .Number. is compared with a whole number.*of type str"),
    (Condition(field="Points", value=True), "of type bool"),
    (Condition(field="Points", value=2**31), "32 bits"),
    (Condition(field="Paid", value=Decimal("NaN")), "Paid .Decimal."),
    (Condition(field="Vip", value=1), "Vip .Boolean. is compared with a bool"),
    (Condition(field="Vip", operator="greaterThan", value=True), "does not take the operator greaterThan, but isNull"),
    (Condition(field="Born", value=datetime(2000, 1, 1)), "a naive datetime"),  # noqa: DTZ001
    (Condition(field="Born", value="2000-01-01"), "a date, or an aware datetime"),
    (Condition(field="Points", operator="contains", value="7"), "does not take the operator contains"),
    (Condition(field="City", operator="isAnniversary", value=date(2000, 1, 1)), "does not take the operator isAnn"),
    (Condition(field="City", operator="like", value="B"), "does not take the operator like"),
    (Condition(field="City", value="a\0"), "a text .str. that XML can carry"),
    (Condition(field="City"), "equals of City takes one value, and 0 were given"),
    (Condition(field="City", operator="IN", value=[]), "IN of City takes at least one, and 0"),
    (Condition(field="Points", operator="between", value=[1, 2, 3]), "takes two values, and 3"),
    (Condition(field="City", operator="isNull", value="x"), "takes no value, and 1"),
    (AllOf(parts=(AnyOf(parts=()),)), "AnyOf has no parts"),
]


@pytest.mark.parametrize(("where", "expected"), WRONG)
def test_what_does_not_fit_is_refused_before_anything_is_sent(where: Filter, expected: str):
    with scripted_service() as service, ExactTarget(service.connection(), timeouts=QUICK, retries=AT_ONCE) as client:
        with pytest.raises(errors.InvalidDefinition, match=expected) as caught:
            list(client.rows.read(customer_key="k", fields=["Id"], where=where, known=FIELDS))
        assert service.calls == []
    assert "was not sent" in str(caught.value)


def test_all_that_is_wrong_is_told_at_once_and_no_value():
    where = Condition(field="Nope", value="jane@example.org") & Condition(field="Points", value="jane@example.org")
    with pytest.raises(errors.InvalidDefinition, match=r"no field Nope; Points .Number.") as caught:
        checked(where, FIELDS, what="Reading")
    assert "jane" not in f"{caught.value}{where!r}"


def test_dates_go_as_dates_in_server_time_and_one_value_of_in_as_equals():
    where = Condition(field="Born", operator="between", value=(date(2000, 1, 1), datetime(2000, 7, 1, 6, tzinfo=UTC)))
    one = Condition(field="City", operator="IN", value=["Bonn, Ulm"])
    with (
        scripted_service(page(), page()) as service,
        ExactTarget(service.connection(), timeouts=QUICK, retries=AT_ONCE) as client,
    ):
        for part in (where, one):
            list(client.rows.read(customer_key="k", fields=["Id"], where=part, known=FIELDS))
        sent = [service.sent(n) for n in range(2)]
    dates = [datetime.fromisoformat(each.text or "") for each in sent[0].iterfind(f".//{{{API}}}DateValue")]
    assert dates == [at(2000, 1, 1), at(2000, 7, 1)]
    assert {each.utcoffset() for each in dates} == {timedelta(hours=-6)}
    assert sent[0].find(f".//{{{API}}}Filter/{{{API}}}Value") is None
    assert sent[1].findtext(f".//{{{API}}}SimpleOperator") == "equals"
    assert sent[1].findtext(f".//{{{API}}}Filter/{{{API}}}Value") == "Bonn, Ulm"
