"""What happened to a row on its way to ExactTarget: change sets, files and lines, import tasks, quarantine.

What belongs here: reading the ledger's change sets and their saved rows for one folded key. What does not: the way
back (inbound.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, one_row, quoted
from et_platform.ledger import history
from et_platform.ledger.ledger import Ledger
from et_platform.ledger.records import Attempt, ChangeSet, ImportFile
from et_platform.sync.identity import Operation, lake_name
from et_platform.sync.staging import line_in_file, part_of
from et_platform.trace.moment import Moment
from et_platform.warehouse import acknowledged, quarantine, quarantine_decisions
from et_platform.warehouse.lake import Lake
from et_platform.warehouse.snapshots import table_exists


@dataclass(frozen=True)
class Row:
    """One row of a saved change set, `saved` in the Parquet relation of that name: its number there, from 0, and the
    declaration under which it was planned.
    """

    operation: Operation
    changed: tuple[str, ...]
    number: int
    folded_key: str
    saved: str
    declaration: DataExtension

    def file_of(self, attempt: Attempt) -> ImportFile | None:
        """The file in which an attempt brought it."""
        for file in attempt.files:
            last = None if file.first_row is None else file.first_row + file.rows
            if file.operation == self.operation and (last is None or last - file.rows <= self.number < last):
                return file
        return None

    def line_in(self, file: ImportFile) -> int:
        """The line of the file on which it begins."""
        rows = part_of(self.saved, first_row=file.first_row, rows=file.rows)
        query = line_in_file(self.declaration, self.operation, changes=rows)
        with duckdb.connect() as connection:
            (line,) = one_row(connection, query, {"folded_key": self.folded_key})
        return line


def moments(
    *,
    mid: int,
    lake: Lake,
    ledger: Ledger,
    files: Path,
    declared: Declared[DataExtension],
    entity: str,
    folded_key: str,
) -> Iterator[Moment]:
    """Everything that is known of the row in one data extension; `entity` is what was read for it."""
    name = lake_name(mid=mid, customer_key=declared.is_.customer_key)
    yield from _withheld(lake, name, declared, entity, folded_key)
    last = _last_attempt(lake, name, folded_key)
    for change_set in history.change_sets_of(ledger, mid, declared.is_.customer_key):
        if change_set.kind == "unsubscribe":
            yield from _unsubscribed(ledger, change_set, files / change_set.path, folded_key)
            continue
        row = _row(files / change_set.path, DataExtension.model_validate(change_set.declaration), folded_key)
        if row is None:
            continue
        fields = f" of {', '.join(row.changed)}" if row.operation != "insert" and row.changed else ""
        yield Moment(
            change_set.created_at,
            "change set",
            f"{row.operation}{fields} planned for {change_set.customer_key} from snapshot {change_set.snapshot_id}: "
            f"change set {change_set.id[:12]}, {change_set.state}",
            change_set.run_id,
        )
        for attempt in history.attempts_of(ledger, change_set.id):
            yield from _imported(change_set, attempt, row, last)


def _unsubscribed(ledger: Ledger, change_set: ChangeSet, path: Path, folded_key: str) -> Iterator[Moment]:
    """An opt-out that was sent as the subscriber's status; the row's key is the subscriber's where both are one."""
    if not path.exists():
        return
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT 1 FROM read_parquet({literal(str(path))}) WHERE _folded_key = ?", [folded_key]
        ).fetchone()
    if found is None:
        return
    attempts = history.attempts_of(ledger, change_set.id)
    proofs = [f"attempt {one.id} {one.state}, {one.acknowledged or 0} proven" for one in attempts]
    yield Moment(
        change_set.created_at,
        "change set",
        f"opt-out planned for the subscriber's status, from snapshot {change_set.snapshot_id}: change set "
        f"{change_set.id[:12]}, {change_set.state}; {'; '.join(proofs) or 'not begun'}",
        change_set.run_id,
    )


def _imported(change_set: ChangeSet, attempt: Attempt, row: Row, last: str | None) -> Iterator[Moment]:
    file = row.file_of(attempt)
    if file is None:
        return
    task = f"import task {file.task_id} {file.status or ''}".rstrip() if file.task_id else "no import task"
    yield Moment(
        file.changed_at,
        "import",
        f"line {row.line_in(file)} of {file.remote} (attempt {attempt.id}, file {file.state}): {task}; "
        f"{_proof(attempt, file, last)}",
        attempt.run_id,
    )


def _proof(attempt: Attempt, file: ImportFile, last: str | None) -> str:
    if attempt.state == "abandoned":
        return "nothing of it was sent"
    if attempt.state == "open":
        return "not settled yet"
    if last == attempt.id:
        return "acknowledged"
    if file.rejected == 0 and file.operation == "delete":
        return "acknowledged: it was gone from the data extension"
    if file.rejected == 0:
        return "acknowledged then; a later import has the row now"
    return f"{file.rejected} rows of the file were rejected; whether this one was is not known any more"


def _row(path: Path, data_extension: DataExtension, folded_key: str) -> Row | None:
    """The row in a saved change set; None if it is not in it, or if the rows are not kept any more."""
    if not path.exists():
        return None
    rows = f"read_parquet({literal(str(path))})"
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT _operation, _changed, file_row_number FROM {rows} WHERE _folded_key = ?", [folded_key]
        ).fetchone()
    if found is None:
        return None
    operation, changed, number = found
    return Row(operation, tuple(changed or ()), number, folded_key, rows, data_extension)


def _last_attempt(lake: Lake, name: str, folded_key: str) -> str | None:
    """The attempt that acknowledged the row as it is now."""
    with lake.read() as connection:
        if not table_exists(connection, "acknowledged", name):
            return None
        row = connection.execute(
            f"SELECT _attempt_id FROM {acknowledged.relation(name)} WHERE _folded_key = ?", [folded_key]
        ).fetchone()
    return row[0] if row else None


def _withheld(
    lake: Lake, name: str, declared: Declared[DataExtension], entity: str, folded_key: str
) -> Iterator[Moment]:
    """Why the last plan withheld the row; told with the time of the snapshot that it was made from."""
    with lake.read() as connection:
        if not table_exists(connection, "quarantine", name):
            return
        rows = connection.execute(
            f"SELECT class, field, reason FROM {quarantine.relation(name)} WHERE _folded_key = ?", [folded_key]
        ).fetchall()
        taken = connection.execute(
            "SELECT taken_at, run_id FROM lake.history.snapshots WHERE entity = ? ORDER BY taken_at DESC LIMIT 1",
            [entity],
        ).fetchone()
        decided = quarantine_decisions.of_key(connection, name, folded_key)
    for one in decided:
        yield Moment(
            one.at, "quarantine", f"{one.word} decided for {declared.is_.customer_key} by {one.who}: {one.why}"
        )
    if taken is None:
        return
    for class_, field, reason in rows:
        yield Moment(
            taken[0], "quarantine", f"{class_} for {declared.is_.customer_key}: {quoted(field)} {reason}", taken[1]
        )
