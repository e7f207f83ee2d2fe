"""What functions and operators of T-SQL mean, in DuckDB's terms.

What belongs here: one rule per kind of expression whose meaning differs; sqlglot translates all others. What does not:
what is allowed at all (`sql.py`). Rules look at the types that sqlglot has found, and are applied from the inside out.

Kept: text compares without case, `+` joins texts, GETDATE() is server time, dates are read as the account writes them,
LEN leaves trailing blanks out, AVG of whole numbers is whole, weekdays begin at 1, `varchar(10)` cuts off.
Not kept: trailing blanks count in a comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlglot import exp

from et_platform.simulator import values

DATE, DATE_OR_NULL = "et_date", "et_date_or_null"
MACROS = (
    f"CREATE OR REPLACE TEMP MACRO {DATE_OR_NULL}(raw) AS {values.date('raw')};"
    f"CREATE OR REPLACE TEMP MACRO {DATE}(raw) AS CASE WHEN raw IS NULL THEN NULL ELSE"
    f" coalesce({DATE_OR_NULL}(raw), error('Conversion failed when converting date and/or time')) END;"
)
"""SQL that a connection needs before it runs a translated query."""

_STYLES = {
    **{101: "%m/%d/%Y", 102: "%Y.%m.%d", 103: "%d/%m/%Y", 104: "%d.%m.%Y", 105: "%d-%m-%Y", 106: "%d %b %Y"},
    **{107: "%b %d, %Y", 108: "%H:%M:%S", 110: "%m-%d-%Y", 111: "%Y/%m/%d", 112: "%Y%m%d"},
    **{120: "%Y-%m-%d %H:%M:%S", 121: "%Y-%m-%d %H:%M:%S.%g", 126: "%Y-%m-%dT%H:%M:%S", 23: "%Y-%m-%d"},
    **{1: "%m/%d/%y", 0: "%b %-d %Y %-I:%M%p", 100: "%b %-d %Y %-I:%M%p"},
}
_DATES = (exp.DType.DATE, exp.DType.DATETIME, exp.DType.DATETIME2, exp.DType.TIMESTAMP, exp.DType.SMALLDATETIME)
_WHOLE = (exp.DType.INT, exp.DType.BIGINT, exp.DType.SMALLINT, exp.DType.TINYINT)


class QueryError(Exception):
    """A query that cannot run: the reason, in words like the product's."""


def rewritten(tree: exp.Expr, now: datetime) -> exp.Expr:
    """The typed tree, changed in place. Raises QueryError."""
    for node in reversed(list(tree.dfs())):
        rule = _RULES.get(type(node))
        new = rule(node, now) if rule else node
        if new is not node:
            new.type = node.type
            node.replace(new)
    return tree


def _is_text(node: exp.Expr | None) -> bool:
    return node is not None and node.is_type(*exp.DataType.TEXT_TYPES)


def _is_date(node: exp.Expr | None) -> bool:
    return node is not None and node.is_type(*_DATES)


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _cast(node: exp.Expr, kind: str) -> exp.Expr:
    return exp.Cast(this=node, to=exp.DataType.build(kind, dialect="duckdb"))


def _moment(moment: datetime) -> exp.Expr:
    return _cast(exp.Literal.string(moment.isoformat(sep=" ")), "TIMESTAMP")


def _add(node: exp.Expr, now: datetime) -> exp.Expr:
    left, right = node.args["this"], node.args["expression"]
    numeric = any(one.is_type(*exp.DataType.NUMERIC_TYPES) for one in (left, right))
    if (_is_text(left) or _is_text(right)) and not numeric:
        return exp.DPipe(this=left, expression=right)
    return node


def _length(node: exp.Expr, now: datetime) -> exp.Expr:
    return _call("length", _call("rtrim", node.this, exp.Literal.string(" ")))


def _like(node: exp.Expr, now: datetime) -> exp.Expr:
    pattern = node.args["expression"]
    if isinstance(pattern, exp.Literal) and "[" in pattern.name:
        raise QueryError("LIKE with a set in brackets is not supported here.")
    return exp.ILike(this=_cast(node.this, "VARCHAR"), expression=pattern)


def _as_text(node: exp.Expr, style: int = 0) -> exp.Expr:
    """A value as T-SQL writes it."""
    if _is_date(node):
        if style not in _STYLES:
            raise QueryError(
                f"{style} is not a valid style number when converting from datetime to a character string."
            )
        if node.is_type(exp.DType.DATE) and style == 0:
            style = 23
        return _call("strftime", node, exp.Literal.string(_STYLES[style]))
    if node.is_type(exp.DType.BOOLEAN, exp.DType.BIT):
        return _cast(_cast(node, "INTEGER"), "VARCHAR")
    return _cast(node, "VARCHAR")


def _converted(value: exp.Expr, to: exp.DataType, *, safe: bool, style: int = 0) -> exp.Expr:
    if to.is_type(*exp.DataType.TEXT_TYPES):
        text = _as_text(value, style)
        length = to.expressions[0].name if to.expressions else ""
        return _call("left", text, exp.Literal.number(length)) if length.isdecimal() else text
    if to.is_type(*_DATES):
        if _is_text(value):
            value = _call(DATE_OR_NULL if safe else DATE, _cast(value, "VARCHAR"))
        return _cast(value, "DATE" if to.is_type(exp.DType.DATE) else "TIMESTAMP")
    if safe:
        return exp.TryCast(this=value, to=to)
    return exp.Cast(this=value, to=to)


def _cast_rule(node: exp.Expr, now: datetime) -> exp.Expr:
    # What an earlier rule, or sqlglot around a date, has made is left alone.
    return _converted(node.this.copy(), node.args["to"], safe=isinstance(node, exp.TryCast))


def _convert(node: exp.Expr, now: datetime) -> exp.Expr:
    style = node.args.get("style")
    value = node.args["expression"].copy()
    safe = bool(node.args.get("safe"))
    return _converted(value, node.this, safe=safe, style=int(style.name) if style and style.name.isdecimal() else 0)


def _dated(node: exp.Expr, now: datetime) -> exp.Expr:
    """A text literal beside a date is read as a date."""
    sides = [one for one in (node.this, *_others(node)) if isinstance(one, exp.Expr)]
    if any(_is_date(one) for one in sides):
        for one in sides:
            if isinstance(one, exp.Literal) and one.is_string:
                one.replace(_call(DATE, one.copy()))
    return node


def _others(node: exp.Expr) -> list[exp.Expr | None]:
    return [node.args.get("expression"), node.args.get("low"), node.args.get("high"), *node.args.get("expressions", [])]


def _average(node: exp.Expr, now: datetime) -> exp.Expr:
    if node.this.is_type(*_WHOLE):
        return _cast(_call("trunc", node.copy()), "BIGINT")
    return node


def _extract(node: exp.Expr, now: datetime) -> exp.Expr:
    if node.this.name.upper() in ("DAYOFWEEK", "WEEKDAY", "DW"):
        return exp.Paren(this=exp.Add(this=node.copy(), expression=exp.Literal.number(1)))
    return node


def _position(node: exp.Expr, now: datetime) -> exp.Expr:
    return _call("strpos", *(_call("lower", _cast(node.args[name], "VARCHAR")) for name in ("this", "substr")))


def _stuff(node: exp.Expr, now: datetime) -> exp.Expr:
    text, start, length = (node.args[name] for name in ("this", "start", "length"))
    one = exp.Literal.number(1)
    head = _call("left", text.copy(), exp.Paren(this=exp.Sub(this=start.copy(), expression=one)))
    rest = _call("substring", text.copy(), exp.Paren(this=exp.Add(this=start.copy(), expression=length.copy())))
    return _call("concat", head, node.args["expression"].copy(), rest)


def _is_numeric(node: exp.Expr) -> exp.Expr:
    return exp.Case().when(exp.TryCast(this=node, to=exp.DataType.build("DOUBLE")).is_(exp.null()), "0").else_("1")


def _is_a_date(node: exp.Expr) -> exp.Expr:
    return exp.Case().when(_call(DATE_OR_NULL, _cast(node, "VARCHAR")).is_(exp.null()), "0").else_("1")


def _by_name(node: exp.Expr, now: datetime) -> exp.Expr:
    rule = BY_NAME.get(node.name.upper())
    return rule(node, now) if rule else node


BY_NAME: dict[str, Callable[[exp.Expr, datetime], exp.Expr]] = {
    "GETUTCDATE": lambda node, now: _moment(now + timedelta(hours=6)),
    "ISNUMERIC": lambda node, now: _is_numeric(node.expressions[0].copy()),
    "ISDATE": lambda node, now: _is_a_date(node.expressions[0].copy()),
}
"""Functions that sqlglot does not know, by their names in capitals."""

_RULES: dict[type[exp.Expr], Callable[[exp.Expr, datetime], exp.Expr]] = {
    exp.Add: _add,
    exp.Length: _length,
    exp.Like: _like,
    exp.CurrentTimestamp: lambda node, now: _moment(now),
    exp.CurrentDate: lambda node, now: _cast(_moment(now), "DATE"),
    exp.Cast: _cast_rule,
    exp.TryCast: _cast_rule,
    exp.Convert: _convert,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In), _dated),
    exp.Avg: _average,
    exp.Extract: _extract,
    exp.StrPosition: _position,
    exp.Stuff: _stuff,
    exp.Uuid: lambda node, now: _cast(node.copy(), "VARCHAR"),
    exp.National: lambda node, now: exp.Literal.string(node.name),
    exp.Anonymous: _by_name,
}
