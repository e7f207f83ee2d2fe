"""Read-back: which staged rows a data extension really holds, judged by their values.

What belongs here: SQL that compares what was sent with what ExactTarget shows. What does not: fetching it.

Retrieve shows every value as text: dates as `M/d/yyyy h:mm:ss AM` in server time, booleans as True/False, and line
ends as LF because XML folds CR LF. A comparison must forgive exactly that and nothing else.
"""

from et_platform.catalog.models import TEXT_FIELDS, DataExtension, DataExtensionField
from et_platform.catalog.sql_types import sql_type
from et_platform.duckdb_support import literal, quoted
from et_platform.sync import folding
from et_platform.sync.identity import Operation
from et_platform.sync.staging import travelling_fields


def proven_keys(data_extension: DataExtension, operation: Operation, *, changes: str, observed: str) -> str:
    """SQL for the `_folded_key` of each change row of `operation` that `observed` shows as it was sent.

    `observed` is the SQL name of a relation with one text column a travelling field. A deletion is proven by absence;
    of a row that is not there at all, nothing is left to mark as gone.
    """
    keys = data_extension.key_fields
    shown_key = folding.folded_key(folding.joined([f"o.{quoted(key)}" for key in keys]), len(keys))
    present = f"SELECT {shown_key} AS _folded_key FROM {observed} AS o"
    absent = f"SELECT c._folded_key FROM {changes} AS c ANTI JOIN ({present}) AS o ON o._folded_key = c._folded_key "
    absent += f"WHERE c._operation = {literal(operation)}"
    if operation == "delete":
        return absent
    same = " AND ".join(
        f"{_sent(field, f'c.{quoted(name)}')} IS NOT DISTINCT FROM {_shown(field, f'o.{quoted(name)}')}"
        for name in travelling_fields(data_extension, operation)
        if name not in keys and (field := data_extension.fields[name])
    )
    shown = (
        f"SELECT DISTINCT c._folded_key FROM {changes} AS c JOIN {observed} AS o "
        f"ON {shown_key} = c._folded_key "
        f"WHERE c._operation = {literal(operation)} AND {same or 'true'}"
    )
    return f"{shown} UNION {absent}" if operation == "bury" else shown


def overwritten_keys(data_extension: DataExtension, operation: Operation, *, changes: str, observed: str) -> str:
    """SQL for the `_folded_key` of each row to which a repeat of `operation` would do harm.

    An insert that is there with another value of a field that ExactTarget owns: sending it again would undo what
    ExactTarget, or a subscriber, has changed since. A row that was to be deleted and is there with other values than we
    brought: it may have been deleted, and put there anew by somebody. Empty SQL text: there can be none.
    """
    if operation not in ("insert", "delete"):
        return ""
    differs = " OR ".join(
        f"{_sent(field, f'c.{quoted(name)}')} IS DISTINCT FROM {_shown(field, f'o.{quoted(name)}')}"
        for name, field in data_extension.fields.items()
        if (field.owner == "crm") is (operation == "delete") and not field.key
    )
    if not differs:
        return ""
    shown_key = folding.folded_key(
        folding.joined([f"o.{quoted(key)}" for key in data_extension.key_fields]), len(data_extension.key_fields)
    )
    return (
        f"SELECT DISTINCT c._folded_key FROM {changes} AS c JOIN {observed} AS o ON {shown_key} = c._folded_key "
        f"WHERE c._operation = {literal(operation)} AND ({differs})"
    )


def _sent(field: DataExtensionField, value: str) -> str:
    return _line_ends(value) if field.type in TEXT_FIELDS else value


def _shown(field: DataExtensionField, text: str) -> str:
    match field.type:
        case "Boolean":
            return (
                f"CASE WHEN lower({text}) IN ('true', '1', 'y', 'yes') THEN true "
                f"WHEN lower({text}) IN ('false', '0', 'n', 'no') THEN false END"
            )
        case "Date":
            us = f"TRY_STRPTIME({text}, '%-m/%-d/%Y %-I:%M:%S %p')"
            return f"coalesce({us}, TRY_CAST({text} AS TIMESTAMP))"
        case "Number" | "Decimal":
            return f"TRY_CAST(nullif({text}, '') AS {sql_type(field)})"
        case _:
            return _line_ends(f"nullif({text}, '')")


def _line_ends(text: str) -> str:
    return f"replace(replace({text}, chr(13) || chr(10), chr(10)), chr(13), chr(10))"
