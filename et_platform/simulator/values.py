"""What a field accepts: rules from raw text to a stored value, written once, in SQL, for imports and SOAP alike.

What belongs here: parsing, limits and rendering per field type. What does not: which rows are written (`rows.py`,
`imports/merge.py`). A rule never fails a statement: it gives a value, or a problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from et_platform.simulator.schema import Field

_ZONED = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)? ?(Z|z|[+-]\d{2}:?\d{2})$"
_ISO = r"^\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?$"
_TIMES = ("", " %I:%M:%S %p", " %I:%M %p", " %H:%M:%S", " %H:%M")
_DAYS = {
    "mdy": ("%m/%d/%Y", "%m-%d-%Y"),
    "dmy": ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"),
    "ymd": ("%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d"),
}
_SHORT_YEAR = r"^\d{1,2}([/.-])\d{1,2}[/.-]\d{1,2}(\D|$)"


KEY_SEPARATOR = chr(31)
"""Between the parts of a folded key."""

MANY = """(SELECT unnest(texts), generate_subscripts(texts, 1) FROM (SELECT from_json(?, '["VARCHAR"]') AS texts))"""
"""A relation (text, place) over one parameter, a JSON list: binding a Python list of thousands takes seconds."""


@dataclass(frozen=True)
class Rule:
    """Two SQL expressions over a raw text that is not null: the value (null if none), the problem (null if none)."""

    value: str
    problem: str


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def folded(expression: str) -> str:
    """How two texts compare: case and trailing blanks make no difference (SQL Server's collation)."""
    return f"lower(rtrim({expression}, ' '))"


def rule(field: Field, raw: str, *, order: str = "mdy", decimal_comma: bool = False, check_email: bool = True) -> Rule:
    """The rule of a field over the SQL expression `raw` (VARCHAR).

    `order` is that of day, month and year in dates that do not begin with a year of four digits; with
    `decimal_comma` 1,5 and 1.5 are the same.
    """
    match field.type:
        case "Number":
            # A cast alone would round 1.5 and take 1e3.
            value = f"CASE WHEN regexp_full_match(trim({raw}), '[+-]?\\d+') THEN TRY_CAST(trim({raw}) AS INTEGER) END"
            return Rule(value, _unless(value, "is not a whole number of 32 bits"))
        case "Decimal":
            written = f"replace(trim({raw}), ',', '.')" if decimal_comma else f"trim({raw})"
            value = (
                f"CASE WHEN regexp_full_match({written}, '[+-]?(\\d+\\.?\\d*|\\.\\d+)')"
                f" THEN TRY_CAST({written} AS {field.sql_type}) END"
            )
            return Rule(
                value, _unless(value, f"is not a decimal of {field.max_length} digits, {field.scale} after the point")
            )
        case "Boolean":
            value = (
                f"CASE WHEN lower(trim({raw})) IN ('true', '1', 'y', 'yes', 't') THEN true"
                f" WHEN lower(trim({raw})) IN ('false', '0', 'n', 'no', 'f') THEN false END"
            )
            return Rule(value, _unless(value, "is not a Boolean"))
        case "Date":
            value = date(raw, order=order)
            return Rule(value, _unless(value, "is not a date"))
    problems = []
    if field.max_length is not None:
        problems.append(f"WHEN {too_long(raw, field.max_length)} THEN 'is longer than {field.max_length} characters'")
    if field.type == "EmailAddress" and check_email:
        address = r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+"
        problems.append(
            f"WHEN {raw} <> '' AND NOT regexp_full_match(trim({raw}), '{address}') THEN 'is not an e-mail address'"
        )
    return Rule(raw, f"CASE {' '.join(problems)} END" if problems else "CAST(NULL AS VARCHAR)")


def _unless(value: str, problem: str) -> str:
    return f"CASE WHEN ({value}) IS NULL THEN {quoted(problem)} END"


def too_long(raw: str, length: int) -> str:
    """Lengths count UTF-16 units, as nvarchar does: an emoji takes two. Bytes are the cheap first look."""
    astral = rf"regexp_replace({raw}, '[^\x{{10000}}-\x{{10FFFF}}]', '', 'g')"
    return f"(strlen({raw}) > {length} AND length({raw}) + length({astral}) > {length})"


def date(raw: str, *, order: str = "mdy") -> str:
    """SQL for a moment in server time, rounded to the second [D]; zoned texts are converted, others are taken as is.

    Years of two digits are 1930 to 2029, as on the vendor's platform [K].
    """
    trimmed = f"trim({raw})"
    # Casting to TIMESTAMP ignores an offset, so it is taken off by hand.
    bare = rf"TRY_CAST(regexp_replace({trimmed}, ' ?(Z|z|[+-]\d{{2}}:?\d{{2}})$', '') AS TIMESTAMP)"
    hours = rf"regexp_extract({trimmed}, '([+-]\d{{2}}):?\d{{2}}$', 1)"
    minutes = rf"regexp_extract({trimmed}, '([+-])\d{{2}}:?\d{{2}}$', 1) || right({trimmed}, 2)"
    offset = (
        f"CASE WHEN {trimmed} ILIKE '%Z' THEN 0"
        f" ELSE TRY_CAST({hours} AS INTEGER) * 60 + TRY_CAST({minutes} AS INTEGER) END"
    )
    formats = [day + time for day in _DAYS[order] for time in _TIMES]
    short = f"try_strptime(upper({trimmed}), [{_listed([one.replace('%Y', '%y') for one in formats])}])"
    moment = (
        f"CASE WHEN regexp_matches({trimmed}, '{_ISO}') THEN TRY_CAST({trimmed} AS TIMESTAMP)"
        f" WHEN regexp_matches({trimmed}, '{_ZONED}') THEN {bare} - to_minutes({offset}) - INTERVAL 6 HOUR"
        f" WHEN regexp_matches({trimmed}, '{_SHORT_YEAR}') THEN {short}"
        f" - CASE WHEN year({short}) > 2029 THEN INTERVAL 100 YEAR ELSE INTERVAL 0 YEAR END"
        f" WHEN regexp_matches({trimmed}, '^\\d') THEN try_strptime(upper({trimmed}), [{_listed(formats)}]) END"
    )
    return f"date_trunc('second', ({moment}) + INTERVAL 500 MILLISECOND)"


def _listed(formats: list[str]) -> str:
    return ", ".join(quoted(one) for one in formats)


def rendered(field: Field, column: str) -> str:
    """SQL for how a stored value reads over SOAP: `M/d/yyyy h:mm:ss AM`, `True`/`False`, else plain text."""
    if field.type == "Date":
        return f"strftime({column}, '%-m/%-d/%Y %-I:%M:%S %p')"
    if field.type == "Boolean":
        return f"CASE {column} WHEN true THEN 'True' WHEN false THEN 'False' END"
    return f"CAST({column} AS VARCHAR)"


def default(field: Field, now: datetime) -> str:
    """SQL for a field's default, typed; null without one. A Date accepts `Now()` [D]."""
    if not field.default:
        return f"CAST(NULL AS {field.sql_type})"
    if field.type == "Date" and field.default.strip().lower() in ("now()", "getdate()"):
        return f"TIMESTAMP '{now:%Y-%m-%d %H:%M:%S}'"
    return f"CAST({rule(field, quoted(field.default), check_email=False).value} AS {field.sql_type})"


def key(columns: list[str]) -> str:
    """SQL for the folded key of a row over the expressions of its key fields."""
    parts = [folded(f"CAST({column} AS VARCHAR)") for column in columns]
    return " || chr(31) || ".join(parts) if parts else "CAST(NULL AS VARCHAR)"
