"""The rows that ExactTarget rejected, by name: line, and field and reason where ExactTarget's report says them.

What belongs here: which rows of a file are rejected, and matching a report's rows with them. What does not: finding and
reading the e-mail (import_report.py), and what a rejection leads to (sync/plan.py).

How a report numbers rows is not documented: from the first row of data, with the heading, or by lines of the file. So
a report is believed only if exactly one of these fits what the read-back found.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, one_row
from et_platform.ledger.records import ChangeSet, ImportFile
from et_platform.ledger.rejected_rows import RejectedRows
from et_platform.outbound import import_report
from et_platform.outbound.evidence import counts_rejections
from et_platform.outbound.report_words import without_values
from et_platform.outbound.road import Road
from et_platform.sync.staging import places_in_file

_NUMBERINGS = ("row", "row + 1", "line")


@dataclass(frozen=True)
class Rejected:
    """`rows` as (operation, part, _folded_key, _source_hash, line, field, told); `counts` of them without any value;
    `words` tell, file by file, what is not known and why.
    """

    rows: pa.Table
    counts: tuple[RejectedRows, ...]
    words: tuple[str, ...]


def name_rejected(road: Road, change_set: ChangeSet, sent: list[ImportFile], keys: pa.Table) -> Rejected:
    """Name the rows of `sent` that were rejected: those not in `keys` (operation, part, _folded_key), of files whose
    import says something about single rows.
    """
    data_extension = DataExtension.model_validate(change_set.declaration)
    counts: list[RejectedRows] = []
    words: list[str] = []
    with duckdb.connect() as scratch:
        scratch.register("proven_keys", keys)
        scratch.execute(
            "CREATE TABLE rejected (operation VARCHAR, part INTEGER, _folded_key VARCHAR, _source_hash UBIGINT, "
            "row BIGINT, line BIGINT, field VARCHAR, told VARCHAR)"
        )
        for file in sent:
            if not counts_rejections(file) or not _collect(road, scratch, change_set, file):
                continue
            words += _heed_report(road, scratch, data_extension, file)
            counts += _counts(scratch, file, list(data_extension.fields))
        rows = scratch.execute("SELECT * EXCLUDE (row) FROM rejected").to_arrow_table()
    return Rejected(rows, tuple(counts), tuple(words))


def _of(file: ImportFile) -> str:
    """SQL that keeps the rows of a file of tables with operation and part."""
    return f"operation = {literal(file.operation)} AND part = {file.part}"


def _collect(road: Road, scratch: duckdb.DuckDBPyConnection, change_set: ChangeSet, file: ImportFile) -> int:
    """Collect the rejected rows of a file; returns how many. Most files have none, and are not looked at again."""
    (proven,) = one_row(scratch, f"SELECT count(*) FROM proven_keys WHERE {_of(file)}")
    if proven == file.rows:
        return 0
    data_extension = DataExtension.model_validate(change_set.declaration)
    changes, operation = road.rows_of(change_set, file), literal(file.operation)
    places = places_in_file(data_extension, file.operation, changes=changes)
    scratch.execute(
        f"INSERT INTO rejected SELECT {operation}, {file.part}, c._folded_key, c._source_hash, p.row, p.line, NULL, "
        f"NULL FROM (FROM {changes} WHERE _operation = {operation}) AS c JOIN ({places}) AS p USING (_folded_key) "
        f"ANTI JOIN (FROM proven_keys WHERE {_of(file)}) AS k ON k._folded_key = c._folded_key"
    )
    return file.rows - proven


def _heed_report(
    road: Road, scratch: duckdb.DuckDBPyConnection, data_extension: DataExtension, file: ImportFile
) -> list[str]:
    if road.reports is None:
        return []
    report = import_report.wait_for(road.reports, file, poll=road.pace.poll)
    if report is None:
        return [
            f"No report on {file.remote} has arrived in the folder of reports within {road.reports.deadline:.0f} s, so "
            "why its rows were rejected is not known."
        ]
    if isinstance(report, str):
        return [f"The report on {file.remote} tells nothing of single rows: {report}"]
    numbering = _fitting(scratch, file, report)
    if numbering is None:
        return [
            f"The report on {file.remote} names {len(report)} rows, and they are not those that the read-back found "
            "missing, however they are numbered; it is not believed."
        ]
    names = list(data_extension.fields)
    said = [(number, field_of(text, names), text) for number, text in report.items()]
    scratch.register("said", pa.table(dict(zip(("number", "field", "told"), zip(*said, strict=True), strict=True))))
    scratch.execute(
        f"UPDATE rejected SET field = said.field, told = said.told FROM said WHERE said.number = {numbering} "
        f"AND {_of(file)}"
    )
    scratch.unregister("said")
    return []


def _fitting(scratch: duckdb.DuckDBPyConnection, file: ImportFile, report: Mapping[int, str]) -> str | None:
    """By which numbering the report's rows are the rejected ones: all of them, or, where it was cut off, only such.

    None if it is none, or if two that differ are possible.
    """
    scratch.register("numbers", pa.table({"number": list(report)}))
    fitting: dict[tuple, str] = {}
    for numbering in _NUMBERINGS:
        (common,) = one_row(
            scratch,
            f"SELECT count(*) FROM rejected JOIN numbers ON number = {numbering} WHERE {_of(file)}",
        )
        (all_,) = one_row(scratch, f"SELECT count(*) FROM rejected WHERE {_of(file)}")
        if common and common in (all_, len(report)):
            meant = scratch.execute(
                f"SELECT number, row FROM rejected JOIN numbers ON number = {numbering} "
                f"WHERE {_of(file)} ORDER BY number"
            ).fetchall()
            fitting.setdefault(tuple(meant), numbering)
    scratch.unregister("numbers")
    return next(iter(fitting.values())) if len(fitting) == 1 else None


def field_of(told: str, names: list[str]) -> str | None:
    """The field that the words name first; of two that begin there, the longer."""
    found = [
        (match.start(), -len(name), name)
        for name in names
        if (match := re.search(rf"(?<!\w){re.escape(name)}(?!\w)", told, re.IGNORECASE))
    ]
    return min(found)[2] if found else None


def _counts(scratch: duckdb.DuckDBPyConnection, file: ImportFile, names: list[str]) -> list[RejectedRows]:
    found = scratch.execute(
        "SELECT coalesce(field, ''), coalesce(told, ''), count(*), min(line) FROM rejected "
        f"WHERE {_of(file)} GROUP BY 1, 2 ORDER BY 3 DESC, 4"
    ).fetchall()
    counts: dict[tuple[str, str], RejectedRows] = {}
    for field, told, rows, line in found:
        key = (field, without_values(told, names))
        earlier = counts.get(key)
        counts[key] = RejectedRows(
            file.definition_key,
            *key,
            rows + (earlier.rows if earlier else 0),
            line if earlier is None or earlier.first_line is None else min(line, earlier.first_line),
        )
    return list(counts.values())
