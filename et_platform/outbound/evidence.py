"""What is proven of an attempt, and its acknowledgement in the lake.

What belongs here: figures and read-backs brought together with the rows that were sent. What does not: what figures
or values prove (sync/reconcile.py, sync/readback.py), and when this happens (settle.py).

Everything here keeps to the declaration under which the change set was planned, not to today's catalogue.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, one_row
from et_platform.ledger.records import ChangeSet, ImportFile
from et_platform.outbound.observe import observed_rows
from et_platform.outbound.road import Road
from et_platform.sync.identity import Operation, lake_name
from et_platform.sync.readback import overwritten_keys, proven_keys
from et_platform.sync.reconcile import ImportFigures, doubts
from et_platform.sync.staging import partial_fields
from et_platform.warehouse import acknowledged, quarantine

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget


_AS_SENT = {"delete": "gone from the data extension", "bury": "marked as gone, or not there at all"}

_BY_PLACE = "columns go by their place, which ExactTarget may count from 0 where its own documentation says 1"
"""The figures of such an import would be clean, so its rows are always read back."""


@dataclass(frozen=True)
class Evidence:
    """What is proven of the files that were sent.

    `problems`: what was not clean, in words; `keys`: the proven rows as (operation, part, _folded_key). By file, under
    its import definition's key: `proven`, how many of its rows are; `overwritten`, to how many a repeat would do harm
    (sync/readback.py); only files of unknown outcome are looked at for that.
    """

    problems: list[str]
    keys: pa.Table
    proven: dict[str, int]
    overwritten: dict[str, int]


def keys_of(road: Road, change_set: ChangeSet, file: ImportFile) -> pa.Table:
    """The rows of a file as (operation, part, _folded_key)."""
    with duckdb.connect() as scratch:
        return scratch.execute(_every_row(road.rows_of(change_set, file), file)).to_arrow_table()


def _every_row(changes: str, file: ImportFile) -> str:
    return (
        f"SELECT _operation AS operation, {file.part}::INTEGER AS part, _folded_key FROM {changes} "
        f"WHERE _operation = {literal(file.operation)}"
    )


def prove(road: Road, exacttarget: "ExactTarget", change_set: ChangeSet, sent: list[ImportFile]) -> Evidence:
    """Bring the figures of each file together with what is read back where they alone prove too little."""
    data_extension = DataExtension.model_validate(change_set.declaration)
    evidence = Evidence([], pa.table({}), {}, dict.fromkeys((file.definition_key for file in sent), 0))
    unclear: dict[Operation, list[tuple[ImportFile, tuple[str, ...]]]] = {}
    with duckdb.connect() as scratch:
        scratch.execute("CREATE TABLE proven (operation VARCHAR, part INTEGER, _folded_key VARCHAR)")
        for file in sent:
            if reasons := _unclear(data_extension, file):
                unclear.setdefault(file.operation, []).append((file, reasons))
            else:
                scratch.execute(f"INSERT INTO proven {_every_row(road.rows_of(change_set, file), file)}")
                evidence.proven[file.definition_key] = file.rows
        for found in unclear.values():
            evidence.problems.extend(_read_back(road, exacttarget, change_set, found, scratch, evidence))
        return replace(evidence, keys=scratch.execute("SELECT * FROM proven").to_arrow_table())


def _unclear(data_extension: DataExtension, file: ImportFile) -> tuple[str, ...]:
    """Why the figures of a file alone do not prove its rows; empty when they do."""
    reasons = ("ExactTarget knows no such import",) if file.status is None else doubts(_figures(file))
    if not reasons and data_extension.mapping == "ordinal" and file.operation != "delete":
        return (_BY_PLACE,)
    return tuple(reasons)


def _read_back(
    road: Road,
    exacttarget: "ExactTarget",
    change_set: ChangeSet,
    found: list[tuple[ImportFile, tuple[str, ...]]],
    scratch: duckdb.DuckDBPyConnection,
    evidence: Evidence,
) -> Iterator[str]:
    """Prove what can be proven of an operation's unclear files, with one reading; tells, file by file, what cannot."""
    data_extension = DataExtension.model_validate(change_set.declaration)
    operation = found[0][0].operation
    is_doubt = any(file.status is None for file, _ in found)
    whole = is_doubt and operation == "delete"
    # In doubt, it is also asked what else is there under the keys.
    wrote = None if is_doubt else found[0][0].attempt_id
    parts = " UNION ALL ".join(f"SELECT * FROM {road.rows_of(change_set, file)}" for file, _ in found)
    with observed_rows(
        road, exacttarget, data_extension, operation, f"({parts})", scratch, whole=whole, attempt_id=wrote
    ) as observed:
        for file, reasons in found:
            changes = road.rows_of(change_set, file)
            query = proven_keys(data_extension, operation, changes=changes, observed=observed)
            inserted = f"INSERT INTO proven SELECT {literal(operation)}, {file.part}, _folded_key FROM ({query})"
            (proven,) = one_row(scratch, inserted)
            evidence.proven[file.definition_key] = proven
            overwritten = overwritten_keys(data_extension, operation, changes=changes, observed=observed)
            if file.status is None and overwritten:
                (evidence.overwritten[file.definition_key],) = one_row(scratch, f"SELECT count(*) FROM ({overwritten})")
            if proven == file.rows and (file.status is None or reasons == (_BY_PLACE,)):
                continue  # the answer was lost, or there only might be something wrong, and the rows are there
            task = f"import task {file.task_id}" if file.task_id is not None else "the import"
            yield (
                f"{file.remote}, {task}: {'; '.join(reasons)}. Read back: {proven} of {file.rows} rows are "
                f"{_AS_SENT.get(operation, 'in the data extension as they were sent')} and are acknowledged; "
                f"{file.rows - proven} are not, and stay changes"
                + (" (after a second rejection with the same content: quarantine)." if counts_rejections(file) else ".")
            )


def acknowledge(
    connection: duckdb.DuckDBPyConnection, change_set: ChangeSet, attempt_id: str, sent: list[ImportFile], changes: str
) -> int:
    """Merge the rows of `proven_keys`, count those of `rejected_rows` (rejections.py) as rejected, and record the
    attempt; returns the merged rows.

    To be called inside one write transaction; an attempt that is applied already changes nothing.
    """
    data_extension = DataExtension.model_validate(change_set.declaration)
    name = lake_name(mid=change_set.mid, customer_key=change_set.customer_key)
    already = acknowledged.is_applied(connection, attempt_id)
    if already is not None:
        return already
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE proven_rows AS SELECT c.* FROM {changes} AS c JOIN proven_keys AS p "
        "ON p.operation = c._operation AND p._folded_key = c._folded_key"
    )
    for file in sent:
        rejected = f"(FROM rejected_rows WHERE operation = {literal(file.operation)} AND part = {file.part})"
        quarantine.record_rejections(connection, name=name, rejected=rejected, attempt_id=attempt_id, file=file.remote)
    return acknowledged.apply(
        connection,
        name=name,
        data_extension=data_extension,
        change_set_id=change_set.id,
        attempt_id=attempt_id,
        proven="proven_rows",
        partial={operation: partial_fields(data_extension, operation) for operation in ("opt_out", "bury")},
    )


def counts_rejections(file: ImportFile) -> bool:
    """Whether the import says something about single rows: it completed, and it saw every row that was sent.

    An import that failed as a whole, or read a torn file, says nothing against any row. A removal is tried until the
    row is gone.
    """
    if file.operation in ("bury", "delete"):
        return False
    return file.status == "Completed" and file.total == file.rows


def _figures(file: ImportFile) -> ImportFigures:
    return ImportFigures(
        status=file.status or "",
        staged=file.rows,
        successful=file.successful or 0,
        duplicated=file.duplicated or 0,
        errors=file.errors or 0,
        restricted=file.restricted,
        total=file.total or 0,
    )
