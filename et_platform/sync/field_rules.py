"""What ExactTarget accepts in a field: the value that would be sent, and the reasons why it may not be.

What belongs here: one SQL expression a field for its value, and one SQL condition for every rule it may break.
What does not: comparing with what is acknowledged (plan.py) and the CSV form (staging.py).

Values are kept in ExactTarget's own terms: text; INTEGER; DECIMAL(p, s); BOOLEAN; a Date is a TIMESTAMP in
server time (UTC-6 all year) rounded to the second, because that is what a data extension stores and shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from et_platform.catalog.models import (
    TEXT_FIELDS,
    DataExtension,
    DataExtensionConsent,
    DataExtensionField,
)
from et_platform.catalog.relation import Relation
from et_platform.catalog.sql_types import sql_type
from et_platform.duckdb_support import literal, quoted

RULES_VERSION = 1
"""Raise it when the same declaration sends another value, or withholds another row, than it did before; not when SQL or
words are written otherwise. What these rules read of a declaration is in differences.declaration_version.
"""

SERVER_OFFSET = "INTERVAL 6 HOUR"
"""Server time is UTC-6 all year, without daylight saving (vendor's documentation)."""

_LOCAL_PART = 100
"""Characters before the @ that an EmailAddress field takes (vendor's documentation)."""

_LETTER = r"[A-Za-z0-9\x{80}-\x{10FFFF}]"
_LABEL = rf"{_LETTER}(?:(?:{_LETTER}|-)*{_LETTER})?"
_EMAIL = rf"[^\s@,;:<>()\[\]\\\x22]+@(?:{_LABEL}\.)+{_LETTER}(?:{_LETTER}|-)*{_LETTER}"
"""The form of an address in any script; that ExactTarget takes plain ASCII only is a reason of its own.

As an import checks it (vendor's documentation): blanks, a second @ and a top-level domain of one character are
refused; dots in a row and a dot before the @ are not.
"""


@dataclass(frozen=True)
class FieldRule:
    """`value`: SQL over a snapshot row; `violations`: (reason, SQL condition) pairs over the same row."""

    name: str
    sql_type: str
    value: str
    violations: tuple[tuple[str, str], ...]


def field_rules(data_extension: DataExtension, entity: Relation, row: str) -> list[FieldRule]:
    """The rules of all fields, over the snapshot row with the SQL alias `row`.

    Who is out is not in: a field of `consent.opted_in` is false where `consent.opted_out` is true, whatever its own
    column says.
    """
    rules = [_rule(name, field, entity, row) for name, field in data_extension.fields.items()]
    if (token := data_extension.file.nulls) is not None:
        rules = [
            replace(rule, violations=(*rule.violations, _stands_for_nothing(rule, token)))
            if data_extension.fields[rule.name].type in TEXT_FIELDS
            else rule
            for rule in rules
        ]
    consent = data_extension.consent
    if consent is None or consent.opted_in is None:
        return rules
    in_fields = data_extension.fields_from(consent.opted_in)
    return [replace(rule, value=_unless_out(consent, rule, row)) if rule.name in in_fields else rule for rule in rules]


def _stands_for_nothing(rule: FieldRule, token: str) -> tuple[str, str]:
    return f"is {token}, which stands for no value in the import file", f"{rule.value} = {literal(token)}"


def _unless_out(consent: DataExtensionConsent, rule: FieldRule, row: str) -> str:
    no = f"CAST(false AS {rule.sql_type})"
    return f"CASE WHEN {row}.{quoted(consent.opted_out)} THEN {no} ELSE {rule.value} END"


def _rule(name: str, field: DataExtensionField, entity: Relation, row: str) -> FieldRule:
    if not field.source:  # the tombstone: a row that the source has is not gone
        return FieldRule(name, sql_type(field), "false" if field.type == "Boolean" else "NULL::TIMESTAMP", ())
    column = f"{row}.{quoted(field.source)}"
    source_type = entity.columns[field.source].type
    unreadable = f"list_contains({row}._invalid, {literal(field.source)})"
    broken = "reads an unreadable column, or its expression fails" if field.sql else f"cannot be read as {source_type}"
    violations = [(broken, unreadable), *_violations(field, column, source_type)]
    value = _value(field, column, source_type)
    if field.default is not None:
        value = f"coalesce({value}, CAST({literal(field.default)} AS {sql_type(field)}))"
    if field.required or field.key:
        violations.append(("is required, but empty", f"({value}) IS NULL AND NOT {unreadable}"))
    return FieldRule(name, sql_type(field), value, tuple(violations))


def _value(field: DataExtensionField, column: str, source_type: str) -> str:
    if field.type in TEXT_FIELDS:
        # A CSV cell cannot tell an empty text from none, so an empty text is none.
        return f"nullif({column if source_type == 'text' else f'CAST({column} AS VARCHAR)'}, '')"
    if field.type == "Date":
        if source_type == "date":
            return f"CAST({column} AS TIMESTAMP)"
        return f"date_trunc('second', {column} + INTERVAL 500 MILLISECOND) - {SERVER_OFFSET}"
    return f"TRY_CAST({column} AS {sql_type(field)})"


def _violations(field: DataExtensionField, column: str, source_type: str) -> Iterator[tuple[str, str]]:
    match field.type:
        case "Number":
            # Number is a 32-bit integer in ExactTarget (unconfirmed; the safe reading).
            yield (
                "does not fit a Number (-2147483648 to 2147483647)",
                f"{column} NOT BETWEEN -2147483648 AND 2147483647",
            )
        case "Decimal":
            target = sql_type(field)
            yield (
                f"has more digits than Decimal({field.precision},{field.scale}) holds",
                f"{column} IS NOT NULL AND (TRY_CAST({column} AS {target}) IS NULL "
                f"OR TRY_CAST({column} AS {target}) <> {column})",
            )
        case "Date":
            year = f"year({column if source_type == 'date' else f'({column} - {SERVER_OFFSET})'})"
            yield "is outside the years 1753 to 9999", f"{year} NOT BETWEEN 1753 AND 9999"
        case "Boolean":
            return
        case _:
            yield from _text_violations(field, column if source_type == "text" else f"CAST({column} AS VARCHAR)")


def _text_violations(field: DataExtensionField, text: str) -> Iterator[tuple[str, str]]:
    # ExactTarget counts UTF-16 units (nvarchar): an emoji is two.
    units = f"length({text}) + length(regexp_replace({text}, '[^\\x{{10000}}-\\x{{10FFFF}}]', '', 'g'))"
    # UTF-8 never has fewer bytes than UTF-16 has units, and counting bytes costs next to nothing. CASE, since DuckDB
    # may look at both sides of an AND.
    too_long = f"CASE WHEN strlen({text}) > {field.max_length} THEN {units} > {field.max_length} END"
    yield f"is longer than {field.max_length} characters", too_long
    yield "holds a control character", f"regexp_matches({text}, '[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F]')"
    if field.type == "EmailAddress":
        yield "is not an e-mail address", f"{text} <> '' AND NOT regexp_full_match({text}, '{_EMAIL}')"
        yield (
            "holds a letter or sign beyond ASCII, which ExactTarget takes in no e-mail address",
            f"regexp_full_match({text}, '{_EMAIL}') AND NOT regexp_full_match({text}, '[!-~]+')",
        )
        yield (
            f"has more than {_LOCAL_PART} characters before the @",
            f"regexp_matches({text}, '^[^@]{{{_LOCAL_PART + 1}}}')",
        )
