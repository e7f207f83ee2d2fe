"""Conditions on what is read: values, their check against the fields they are about, and the service's form of them.

Belongs here: operators, which of them a type of field takes, typed values, AND and OR. Does not: reading (`rows.py`,
`subscribers.py`). Values may be personal: they are in no `repr` and no error.

    older = Condition(field="Born", operator="lessThan", value=date(1990, 1, 1))
    where = older & (Condition(field="City", operator="IN", value=["Bonn", "Ulm"]) | Condition(field="Vip", value=True))

How the service compares: texts without case and blanks at their end; null fulfils no comparison, not even notEquals.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from et_platform.exacttarget.batches import NOT_XML
from et_platform.exacttarget.errors import InvalidDefinition
from et_platform.exacttarget.models import SERVER_TIME, Field, FieldType

Operator = Literal[
    "equals",
    "notEquals",
    "greaterThan",
    "greaterThanOrEqual",
    "lessThan",
    "lessThanOrEqual",
    "between",
    "IN",
    "isNull",
    "isNotNull",
    "like",
    "beginsWith",
    "endsWith",
    "contains",
    "notContains",
    "existsInString",
    "existsInStringAsAWord",
    "notExistsInString",
    "isAnniversary",
    "isNotAnniversary",
    "greaterThanAnniversary",
    "lessThanAnniversary",
]
"""Every operator of the service [W]. Those from `beginsWith` on are documented for filter definitions, and a Retrieve
may refuse them [D][K]. `like` is not for rows [D]; elsewhere the service itself puts % around the value [D]."""

Value = str | int | Decimal | bool | date | datetime
"""A datetime must be aware; a date is its midnight in server time."""

_NO_VALUE = ("isNull", "isNotNull")
_ALL = (*_NO_VALUE, "equals", "notEquals", "IN")
_ORDERED = (*_ALL, "greaterThan", "greaterThanOrEqual", "lessThan", "lessThanOrEqual", "between")
_ON_TEXT = (
    "like",
    "beginsWith",
    "endsWith",
    "contains",
    "notContains",
    "existsInString",
    "existsInStringAsAWord",
    "notExistsInString",
)
_ON_DATE = ("isAnniversary", "isNotAnniversary", "greaterThanAnniversary", "lessThanAnniversary")
_OPERATORS: dict[FieldType, tuple[str, ...]] = {
    FieldType.Number: _ORDERED,
    FieldType.Decimal: _ORDERED,
    FieldType.Date: (*_ORDERED, *_ON_DATE),
    FieldType.Boolean: _ALL,
}
"""What a type takes; every other type is a text."""
_WANTED = {
    FieldType.Number: "a whole number of 32 bits (int)",
    FieldType.Decimal: "a Decimal or an int",
    FieldType.Date: "a date, or an aware datetime",
    FieldType.Boolean: "a bool",
}


class _Joined:
    """What can be joined by & and |."""

    def __and__(self, other: "Filter") -> "AllOf":
        return AllOf(parts=(*_of(self, AllOf), *_of(other, AllOf)))

    def __or__(self, other: "Filter") -> "AnyOf":
        return AnyOf(parts=(*_of(self, AnyOf), *_of(other, AnyOf)))


@dataclass(frozen=True, kw_only=True)
class Condition(_Joined):
    """One comparison: `value` is one value, two for between (both included), one or more for IN, none for isNull."""

    field: str
    operator: Operator = "equals"
    value: Value | Sequence[Value] | None = dataclasses.field(default=None, repr=False)

    @property
    def values(self) -> tuple[Value, ...]:
        """The values as they are sent, in their order."""
        if self.value is None:
            return ()
        return (self.value,) if isinstance(self.value, Value) else tuple(self.value)


@dataclass(frozen=True, kw_only=True)
class AllOf(_Joined):
    """AND of one or more parts."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, kw_only=True)
class AnyOf(_Joined):
    """OR of one or more parts."""

    parts: "tuple[Filter, ...]"


Filter = Condition | AllOf | AnyOf


def _of(one: Any, kind: type[AllOf] | type[AnyOf]) -> "tuple[Filter, ...]":
    """Its parts, if it is of that kind: what is joined one after the other gets no deeper."""
    return one.parts if isinstance(one, kind) else (one,)


def checked(where: Filter, fields: Sequence[Field], *, what: str, refused: Sequence[str] = ()) -> Filter:
    """The condition, its fields spelt as the service spells them, if the service could answer it.

    Looked at are fields, operators, number and types of values. `refused` are operators that this kind of object does
    not take. Raises InvalidDefinition, which names everything that is wrong; no value stands in it.
    """
    known = {one.name.casefold(): one for one in fields}
    problems = list(dict.fromkeys(problem for part in _parts(where) for problem in _problems(part, known, refused)))
    if problems:
        raise InvalidDefinition(f"{what} was not sent: {'; '.join(problems)}. Correct the condition.")
    return _spelt(where, {name: one.name for name, one in known.items()})


def _spelt(where: Filter, names: dict[str, str]) -> Filter:
    if isinstance(where, Condition):
        return dataclasses.replace(where, field=names[where.field.casefold()])
    return dataclasses.replace(where, parts=tuple(_spelt(part, names) for part in where.parts))


def to_part(where: Filter, types: Any) -> Any:
    """The service's form of a condition that was checked; `types` is `Soap.types`.

    AND and OR become pairs of pairs: what any service takes, and no deeper than it must be.
    """
    if isinstance(where, Condition):
        return _simple(where, types)
    parts = [to_part(part, types) for part in where.parts]
    return joined(parts, "AND" if isinstance(where, AllOf) else "OR", types)


def joined(parts: Sequence[Any], operator: Literal["AND", "OR"], types: Any) -> Any:
    """One filter part of the service from one or more."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return types.ComplexFilterPart(
        LeftOperand=joined(parts[:middle], operator, types),
        LogicalOperator=operator,
        RightOperand=joined(parts[middle:], operator, types),
    )


def _simple(one: Condition, types: Any) -> Any:
    dates = [_moment(value) for value in one.values if isinstance(value, date)]  # dates go into DateValue [D]
    texts = [_text(value) for value in one.values if not isinstance(value, date)]
    # What commas join in the only Value of an IN may be taken for several [K].
    operator = "equals" if one.operator == "IN" and len(one.values) == 1 else one.operator
    given = {name: content for name, content in (("DateValue", dates), ("Value", texts)) if content}
    return types.SimpleFilterPart(Property=one.field, SimpleOperator=operator, **given)


def _text(value: Value) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _moment(value: date) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(SERVER_TIME)
    return datetime(value.year, value.month, value.day, tzinfo=SERVER_TIME)


def _parts(where: Filter) -> Iterator[Filter]:
    yield where
    if not isinstance(where, Condition):
        for part in where.parts:
            yield from _parts(part)


def _problems(one: Filter, known: dict[str, Field], refused: Sequence[str]) -> Iterator[str]:
    if not isinstance(one, Condition):
        if not one.parts:
            yield f"{type(one).__name__} has no parts"
        return
    there = known.get(one.field.casefold())
    if there is None:
        yield f"there is no field {one.field}"
        return
    taken = _OPERATORS.get(there.type, (*_ORDERED, *_ON_TEXT))
    if one.operator in refused or one.operator not in taken:
        able = ", ".join(name for name in taken if name not in refused)
        yield f"{one.field} ({there.type.value}) does not take the operator {one.operator}, but {able}"
        return
    least, most = {"between": (2, 2), "IN": (1, None)}.get(one.operator, (1, 1))
    if one.operator in _NO_VALUE:
        least = most = 0
    given = len(one.values)
    if given < least or (most is not None and given > most):
        number = {0: "no value", 1: "one value", 2: "two values"}.get(least if least == most else -1, "at least one")
        yield f"{one.operator} of {one.field} takes {number}, and {given} were given"
    for value in one.values:
        if not _fits(value, there.type):
            naive = isinstance(value, datetime) and value.tzinfo is None
            shown = "a naive datetime" if naive else f"a value of type {type(value).__name__} that does not fit"
            wanted = _WANTED.get(there.type, "a text (str) that XML can carry")
            yield f"{one.field} ({there.type.value}) is compared with {wanted}, and {shown} was given"


def _fits(value: object, kind: FieldType) -> bool:
    match kind:
        case FieldType.Number:
            return isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31
        case FieldType.Decimal:
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            return is_whole or (isinstance(value, Decimal) and value.is_finite())
        case FieldType.Date:
            return isinstance(value, date) and (not isinstance(value, datetime) or value.tzinfo is not None)
        case FieldType.Boolean:
            return isinstance(value, bool)
    return isinstance(value, str) and not NOT_XML.search(value)
