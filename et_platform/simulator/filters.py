"""Filters of a Retrieve: from SimpleFilterPart and ComplexFilterPart to SQL.

What belongs here: reading filter parts and what each operator means. What does not: which properties a type has;
the caller gives them as `Column`s. Texts compare without case and trailing blanks; null fulfils no comparison.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from et_platform.simulator import envelope, values
from et_platform.simulator.envelope import Element
from et_platform.simulator.schema import Field
from et_platform.simulator.store import Connection


class FilterError(Exception):
    """A filter that cannot be answered; the text follows `Error: ` in OverallStatus."""


@dataclass(frozen=True)
class Column:
    """A property as filters see it: an SQL expression and its field type (Text, Number, Decimal, Date, Boolean).

    `folded` is an expression that already holds the folded text, where there is one.
    """

    sql: str
    type: str = "Text"
    folded: str | None = None


@dataclass(frozen=True)
class Simple:
    """One comparison."""

    property: str
    operator: str
    operands: tuple[str, ...]


@dataclass(frozen=True)
class Complex:
    """Several filters joined by AND or OR."""

    operator: str
    parts: tuple[Simple | Complex, ...]


Filter = Simple | Complex


@dataclass
class Condition:
    """An SQL condition with its parameters, in order."""

    sql: str
    parameters: list[object] = field(default_factory=list)


def read(part: Element) -> Filter:
    """Read a filter part. Raises FilterError when it is none."""
    kind = envelope.type_of(part)
    if kind == "SimpleFilterPart" or (kind is None and envelope.child(part, "SimpleOperator") is not None):
        operands = [one.text or "" for name in ("Value", "DateValue") for one in envelope.children(part, name)]
        return Simple(
            (envelope.value(part, "Property") or "").strip(),
            (envelope.value(part, "SimpleOperator") or "").strip(),
            tuple(operands),
        )
    if kind == "ComplexFilterPart" or (kind is None and envelope.child(part, "LogicalOperator") is not None):
        operands = [envelope.child(part, "LeftOperand"), envelope.child(part, "RightOperand")]
        operands += envelope.children(envelope.child(part, "AdditionalOperands"), "Operand")
        operator = (envelope.value(part, "LogicalOperator") or "").strip().upper()
        if operator not in ("AND", "OR"):
            raise FilterError(f"Invalid logical operator {operator!r}.")
        return Complex(operator, tuple(read(one) for one in operands if one is not None))
    raise FilterError(f"Invalid filter part {kind or 'without a type'}.")


def comparisons(wanted: Filter) -> Iterable[Simple]:
    """Every comparison of the filter."""
    if isinstance(wanted, Simple):
        yield wanted
    else:
        for part in wanted.parts:
            yield from comparisons(part)


def properties(wanted: Filter) -> Iterable[str]:
    """Every property that the filter names."""
    return (one.property for one in comparisons(wanted))


def operators(wanted: Filter) -> Iterable[str]:
    """Every operator that the filter uses, in lower case."""
    return (one.operator.lower() for one in comparisons(wanted))


def check_for_retrieve(wanted: Filter) -> None:
    """Refuse the operators that are documented for the property DataFilter only [D]. Raises FilterError."""
    for one in comparisons(wanted):
        operator = one.operator.lower()
        if operator in _ON_ANNIVERSARY or (operator in _ON_TEXT and operator != "like"):
            raise FilterError(f"The operator {one.operator} is for a DataFilter only.")


def split(wanted: Filter) -> Filter:
    """The same filter, with what commas join in the one Value of an IN as values of their own."""
    if isinstance(wanted, Complex):
        return Complex(wanted.operator, tuple(split(part) for part in wanted.parts))
    if wanted.operator.lower() != "in" or len(wanted.operands) != 1:
        return wanted
    return Simple(wanted.property, wanted.operator, tuple(one.strip() for one in wanted.operands[0].split(",")))


def condition(connection: Connection, wanted: Filter, columns: Mapping[str, Column]) -> Condition:
    """The SQL of a filter over columns by lower-case property name. Raises FilterError."""
    if isinstance(wanted, Complex):
        if not wanted.parts:
            raise FilterError("A complex filter needs operands.")
        parts = [condition(connection, part, columns) for part in wanted.parts]
        sql = f" {wanted.operator} ".join(f"({part.sql})" for part in parts)
        return Condition(sql, [parameter for part in parts for parameter in part.parameters])
    column = columns.get(wanted.property.lower())
    if column is None:
        raise FilterError(f"Invalid column name '{wanted.property}'.")
    operator = wanted.operator.lower()
    if not any(operator in taken for taken in _TAKEN.values()):
        raise FilterError(f"Invalid operator {wanted.operator!r}.")
    _check_type(wanted, column, _TAKEN)
    if operator in ("isnull", "isnotnull"):
        return Condition(f"{column.sql} IS {'NOT ' if operator == 'isnotnull' else ''}NULL")
    most = None if operator == "in" else (2 if operator == "between" else 1)
    given = len(wanted.operands)
    if given == 0 or (most is not None and given != most):
        raise FilterError(f"The operator {wanted.operator} does not take {given} values.")
    if operator in _ON_TEXT:
        return Condition(_ON_TEXT[operator](f"CAST({column.sql} AS VARCHAR)"), list(wanted.operands))
    if operator in _ON_ANNIVERSARY:
        moments = _converted(connection, column, wanted)
        day = "strftime({}, '%m%d')"
        return Condition(f"{day.format(column.sql)} {_ON_ANNIVERSARY[operator]} {day.format('?')}", moments)
    return _comparison(connection, column, wanted, operator)


_COMPARISONS = {
    "equals": "{} = {}",
    "notequals": "{} <> {}",
    "greaterthan": "{} > {}",
    "lessthan": "{} < {}",
    "greaterthanorequal": "{} >= {}",
    "lessthanorequal": "{} <= {}",
    "between": "{} BETWEEN {} AND {}",
    "in": "",  # written by _comparison
}

_WORD = r"'(^|[^\p{L}\p{N}_])' || regexp_escape(lower(?)) || '($|[^\p{L}\p{N}_])'"

_ON_TEXT: dict[str, Callable[[str], str]] = {
    # The service puts a percent sign before and after the value by itself [D].
    "like": lambda text: f"lower({text}) LIKE '%' || lower(?) || '%'",
    "beginswith": lambda text: f"starts_with(lower({text}), lower(?))",
    "endswith": lambda text: f"ends_with(lower({text}), lower(?))",
    "contains": lambda text: f"contains(lower({text}), lower(?))",
    "notcontains": lambda text: f"NOT contains(lower({text}), lower(?))",
    "existsinstring": lambda text: f"contains(lower({text}), lower(?))",
    "notexistsinstring": lambda text: f"NOT contains(lower({text}), lower(?))",
    "existsinstringasaword": lambda text: f"regexp_matches(lower({text}), {_WORD})",
}

_ON_ANNIVERSARY = {
    "isanniversary": "=",
    "isnotanniversary": "<>",
    "greaterthananniversary": ">",
    "lessthananniversary": "<",
}


_NULL = frozenset({"isnull", "isnotnull"})
_EQUAL = _NULL | {"equals", "notequals", "in"}
_ORDERED = _NULL | _COMPARISONS.keys()
_TAKEN = {
    "Text": _ORDERED | _ON_TEXT.keys(),
    "Number": _ORDERED,
    "Decimal": _ORDERED,
    "Date": _ORDERED | _ON_ANNIVERSARY.keys(),
    "Boolean": _EQUAL,
}
"""The operators that a filter takes, by type: what is for texts or dates is for nothing else [K]."""
_ALL_COMPARED = _NULL | {"equals", "notequals", "greaterthan", "greaterthanorequal", "lessthan", "lessthanorequal"}
_DOCUMENTED = {
    "Text": _ALL_COMPARED | {"existsinstring", "existsinstringasaword", "notexistsinstring", "beginswith"},
    "Number": _ALL_COMPARED,
    "Decimal": _ALL_COMPARED,
    "Date": _NULL | {"equals", "notequals", "greaterthan", "lessthan"} | _ON_ANNIVERSARY.keys(),
    "Boolean": _NULL | {"equals"},
}
"""Those that are documented for a FilterDefinition [D]; isNull and isNotNull are added to them [W, K]."""


def _check_type(one: Simple, column: Column, taken: Mapping[str, Collection[str]]) -> None:
    if one.operator.lower() not in taken[column.type]:
        raise FilterError(f"The operator {one.operator} cannot be used on {one.property} of type {column.type}.")


def check_for_definition(wanted: Filter, columns: Mapping[str, Column]) -> None:
    """Refuse what is not documented for a FilterDefinition [D]. Unknown properties pass. Raises FilterError."""
    for one in comparisons(wanted):
        column = columns.get(one.property.lower())
        if column is not None:
            _check_type(one, column, _DOCUMENTED)


_MANY = f"{values.MANY} AS many(given, place)"


def _comparison(connection: Connection, column: Column, wanted: Simple, operator: str) -> Condition:
    if column.type == "Text":
        subject, place = column.folded or values.folded(column.sql), values.folded("?")
        parameters: list[object] = list(wanted.operands)
        many = values.folded("given")
    else:
        subject, place = column.sql, "?"
        parameters, many = _converted(connection, column, wanted), _rule(column, wanted)
    if operator == "in":
        return Condition(f"{subject} IN (SELECT {many} FROM {_MANY})", [json.dumps(wanted.operands)])
    template = _COMPARISONS[operator]
    places = [place] * (template.count("{}") - 1)
    return Condition(template.format(subject, *places), parameters)


def _rule(column: Column, wanted: Simple) -> str:
    as_field = Field("", wanted.property, column.type, "", 0, max_length=38, scale=18)
    return values.rule(as_field, "given").value


def _converted(connection: Connection, column: Column, wanted: Simple) -> list[object]:
    """The operands by the same rules as stored values. Raises FilterError when one does not fit."""
    found = connection.execute(
        f"SELECT given, {_rule(column, wanted)} FROM {_MANY}",
        [json.dumps(wanted.operands)],
    ).fetchall()
    for operand, value in found:
        if value is None:
            raise FilterError(f"The value '{operand}' does not fit the property {wanted.property}.")
    return [value for _, value in found]
