"""The CSV form of a change set: which fields travel, and how each value is written.

What belongs here: SQL from change rows to text columns. What does not: files and transfers.

The dialect: a header line of field names (the import definition infers the mapping from it), text always in quotes
with quotes doubled; delimiter, null and dates as the data extension declares them (catalog/import_file.py). All is
written as UTF-8; another encoding is made of it when the file is there (outbound/stage.py).
"""

from et_platform.catalog.import_file import DELIMITERS, ImportFileForm
from et_platform.catalog.models import TEXT_FIELDS, DataExtension, DataExtensionField
from et_platform.duckdb_support import literal, quoted
from et_platform.sync.identity import Operation

_DATES = {"iso": "%Y-%m-%d %H:%M:%S", "en-US": "%m/%d/%Y %I:%M:%S %p", "en-GB": "%d/%m/%Y %H:%M:%S"}

CONTROL_COLUMN, DELETE = "_action", "delete"
"""The column of a delete file that says what becomes of its rows, and its value; no field's name begins so."""


def travelling_fields(data_extension: DataExtension, operation: Operation) -> list[str]:
    """The fields that a file of this operation carries: all on insert, the CRM's own on update.

    An opt-out carries the key and what says so; what left the source, its key and, if it is marked, the mark.
    """
    if operation in ("opt_out", "bury", "delete"):
        carried = [*data_extension.key_fields, *partial_fields(data_extension, operation)]
        return [name for name in data_extension.fields if name in carried]
    return [name for name, field in data_extension.fields.items() if operation == "insert" or field.owner == "crm"]


def partial_fields(data_extension: DataExtension, operation: Operation) -> list[str]:
    """The fields that an operation on a part of a row changes; none for one that concerns all of it."""
    if operation == "opt_out":
        return data_extension.consent_fields
    if operation == "bury" and data_extension.tombstone is not None:
        return [data_extension.tombstone]
    return []


def marker_of(data_extension: DataExtension, operation: Operation) -> str | None:
    """The field in which a file of this operation says which attempt wrote a row; removals carry none."""
    return data_extension.marker if operation in ("insert", "update", "opt_out") else None


def copy_to_csv(
    data_extension: DataExtension, operation: Operation, *, changes: str, path: str, attempt_id: str = ""
) -> str:
    """SQL that writes the rows of one operation to the CSV file `path`; `changes` is the SQL name of the rows.

    It writes into the file that is there, so that the file keeps the rights it was made with.
    """
    names = travelling_fields(data_extension, operation)
    form = data_extension.file
    cells = ", ".join(f"{_cell(data_extension.fields[name], form, quoted(name))} AS {quoted(name)}" for name in names)
    if (marker := marker_of(data_extension, operation)) is not None:
        cells += f", {literal(attempt_id)} AS {quoted(marker)}"
    if operation == "delete":
        cells += f", {literal(DELETE)} AS {quoted(CONTROL_COLUMN)}"
    texts = ", ".join(quoted(name) for name in names if data_extension.fields[name].type in TEXT_FIELDS)
    force = f", FORCE_QUOTE ({texts})" if texts else ""
    return (
        f"COPY (SELECT {cells} FROM {changes} WHERE _operation = {literal(operation)}) TO {literal(path)} "
        f"(FORMAT csv, HEADER, DELIMITER {literal(DELIMITERS[form.delimiter])}, QUOTE '\"', ESCAPE '\"', "
        f"NULLSTR {literal(form.nulls or '')}{force}, USE_TMP_FILE false)"
    )


def part_of(changes: str, *, first_row: int | None, rows: int) -> str:
    """SQL for `rows` rows of the Parquet relation `changes` from number `first_row` on, counted from 0; all if it is
    None.
    """
    if first_row is None:
        return changes
    return (
        f"(SELECT *, file_row_number FROM {changes} "
        f"WHERE file_row_number BETWEEN {first_row} AND {first_row + rows - 1})"
    )


def line_in_file(data_extension: DataExtension, operation: Operation, *, changes: str) -> str:
    """SQL for the line on which the row with folded key `$folded_key` begins in its operation's file."""
    places = places_in_file(data_extension, operation, changes=changes)
    return f"SELECT line FROM ({places}) WHERE _folded_key = $folded_key"


def places_in_file(data_extension: DataExtension, operation: Operation, *, changes: str) -> str:
    """SQL for (_folded_key, row, line) of an operation's file: the row's number, from 1, and the line where it begins.

    `changes` are the rows of the file (see part_of). The header is line 1; rows stand in the order of `changes`, and a
    line break inside a text is a line more.
    """
    names = travelling_fields(data_extension, operation)
    texts = [quoted(name) for name in names if data_extension.fields[name].type in TEXT_FIELDS]
    breaks = " + ".join(f"coalesce(length({t}) - length(replace({t}, chr(10), '')), 0)" for t in texts) or "0"
    return (
        "SELECT _folded_key, row_number() OVER (ORDER BY file_row_number) AS row, "
        f"2 + coalesce(sum(1 + {breaks}) OVER "
        "(ORDER BY file_row_number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS line "
        f"FROM {changes} WHERE _operation = {literal(operation)}"
    )


def _cell(field: DataExtensionField, form: ImportFileForm, value: str) -> str:
    match field.type:
        case "Date":
            return f"strftime({value}, {literal(_DATES[form.dates])})"
        case "Boolean":
            return f"CASE {value} WHEN true THEN 'True' WHEN false THEN 'False' END"
        case "Number" | "Decimal":
            return f"CAST({value} AS VARCHAR)"
        case _:
            return value
