"""Step 5, and the first step of every plan: bring an attempt to its end, whatever state it was left in.

What belongs here: asking ExactTarget for the outcome, reading back, acknowledging, cleaning up. What does not:
what figures or values prove (sync/reconcile.py, sync/readback.py).

The order is the promise: the lake acknowledges (rows and attempt in one transaction), ExactTarget is cleaned up,
the ledger closes. A crash anywhere in between makes the next run repeat only what changes nothing.
"""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal
from et_platform.ledger.records import UNSENT, Attempt, ImportFile
from et_platform.outbound.errors import ImportStillRunning
from et_platform.outbound.observe import observed_rows
from et_platform.outbound.road import Road
from et_platform.sync.readback import proven_keys
from et_platform.sync.reconcile import ImportFigures, doubts
from et_platform.warehouse import acknowledged, quarantine

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget


@dataclass(frozen=True)
class Settlement:
    """How an attempt ended: rows sent, acknowledged and rejected, and, for people, everything that was not clean."""

    attempt_id: str
    change_set_id: str
    files: tuple[ImportFile, ...]
    sent: int
    acknowledged: int
    problems: tuple[str, ...]

    @property
    def rejected(self) -> int:
        """Rows that were sent and that ExactTarget does not hold as they were sent."""
        return self.sent - self.acknowledged


def settle_open_attempt(road: Road, data_extension: Declared[DataExtension]) -> Settlement | None:
    """Settle what an earlier run left; None when nothing was, or when nothing of it had been sent.

    To be called with the data extension's lease.
    """
    attempt = road.ledger.open_attempt(road.mid, data_extension.name)
    if attempt is None:
        return None
    road.tell(f"Attempt {attempt.id} of an earlier run is open; settling it first.")
    with road.open_exacttarget() as exacttarget:
        return settle(road, exacttarget, data_extension, attempt)


def settle(
    road: Road, exacttarget: "ExactTarget", data_extension: Declared[DataExtension], attempt: Attempt
) -> Settlement | None:
    """Bring every file of the attempt to its end, acknowledge what is proven, and close the attempt.

    Returns None when no file had been sent: the attempt is abandoned and its change set stays open.
    """
    sent = [resolve(road, exacttarget, file) for file in attempt.files if file.state not in (*UNSENT, "dropped")]
    unsent = [file for file in attempt.files if file.state in UNSENT]
    if not sent:
        _remove_from_exacttarget(exacttarget, attempt.files)
        for file in unsent:
            road.ledger.advance_file(file, "dropped")
        _remove_staged(attempt)
        road.ledger.close_attempt(attempt.id, acknowledged=None)
        road.tell(f"Attempt {attempt.id} had sent nothing; it is abandoned.")
        return None
    change_set = road.ledger.change_set(attempt.change_set_id)
    changes = f"read_parquet({literal(change_set.path)})"
    problems: list[str] = []
    with duckdb.connect() as scratch:
        scratch.execute("CREATE TABLE proven (operation VARCHAR, _folded_key VARCHAR)")
        for file in sent:
            problems += _prove(road, exacttarget, data_extension, file, changes, scratch)
        keys = scratch.execute("SELECT * FROM proven").to_arrow_table()
    with road.lake.write() as connection:
        connection.register("proven_keys", keys)
        rows = _acknowledge(connection, data_extension, attempt, sent, changes)
    _remove_from_exacttarget(exacttarget, attempt.files)
    for file in sent:
        if file.state != "proven":
            proven = keys["operation"].to_pylist().count(file.operation)
            road.ledger.advance_file(file, "proven", rejected=file.rows - proven)
    for file in unsent:
        road.ledger.advance_file(file, "dropped")
    _remove_staged(attempt)
    road.ledger.close_attempt(attempt.id, acknowledged=rows)
    road.tell(f"Attempt {attempt.id}: {rows} rows acknowledged.")
    files = road.ledger.attempt(attempt.id).files
    return Settlement(attempt.id, change_set.id, files, sum(file.rows for file in sent), rows, tuple(problems))


def resolve(road: Road, exacttarget: "ExactTarget", file: ImportFile) -> ImportFile:
    """Bring a file that ExactTarget was, or may have been, asked to import to an end that ExactTarget tells.

    Any other file is returned as it is. Raises ImportStillRunning at the deadline.
    """
    if file.state == "starting":
        file = _ask(road, exacttarget, file)
    if file.state == "started":
        file = _wait_for_end(road, exacttarget, file)
    return file


def _ask(road: Road, exacttarget: "ExactTarget", file: ImportFile) -> ImportFile:
    """Resolve a doubt: each file has its own definition, so any result under its key is this very import."""
    task_id = _look_for_task(road, exacttarget, file, deadline=road.pace.doubt_deadline)
    if task_id is None:
        # Without file and definition a start that comes late can change nothing any more, so what is read back
        # afterwards is final. The last look is for a start that came while they were taken away.
        _remove_from_exacttarget(exacttarget, (file,))
        task_id = _look_for_task(road, exacttarget, file, deadline=0)
    if task_id is None:
        road.tell(f"No import of {file.remote} is known to ExactTarget; its rows are read back.")
        return road.ledger.advance_file(file, "missing")
    road.tell(f"The import of {file.remote} had started: task {task_id} is adopted.")
    return road.ledger.advance_file(file, "started", task_id=task_id)


def _look_for_task(road: Road, exacttarget: "ExactTarget", file: ImportFile, *, deadline: float) -> int | None:
    until = time.monotonic() + deadline
    pause = road.pace.poll
    while True:
        results = exacttarget.imports.results_of(definition_key=file.definition_key)
        if results:
            return max(result.task_id for result in results)
        if time.monotonic() >= until:
            return None
        time.sleep(pause)
        pause = min(pause * 2, road.pace.poll_cap)


def _wait_for_end(road: Road, exacttarget: "ExactTarget", file: ImportFile) -> ImportFile:
    """Poll a started import until it ended; raises ImportStillRunning at the deadline."""
    assert file.task_id is not None
    deadline = time.monotonic() + road.pace.import_deadline
    pause = road.pace.poll
    while True:
        result = exacttarget.imports.result(task_id=file.task_id)  # none at first is normal
        if result is not None and result.is_terminal:
            road.tell(f"Import task {file.task_id} ended: {result.status}.")
            return road.ledger.advance_file(
                file,
                "finished",
                status=result.status,
                successful=result.successful,
                duplicated=result.duplicated,
                errors=result.errors,
                restricted=result.restricted,
                total=result.total_rows,
            )
        if time.monotonic() >= deadline:
            raise ImportStillRunning(
                f"Import task {file.task_id} of {file.remote} has not ended within "
                f"{road.pace.import_deadline:.0f} s. Nothing is lost: run this again later and the import is adopted "
                "where it stands; look at the import's status in ExactTarget if it lasts."
            )
        time.sleep(pause)
        pause = min(pause * 2, road.pace.poll_cap)


def _prove(
    road: Road,
    exacttarget: "ExactTarget",
    data_extension: Declared[DataExtension],
    file: ImportFile,
    changes: str,
    scratch: duckdb.DuckDBPyConnection,
) -> list[str]:
    """Add the keys that are proven to the table `proven`; returns what was not clean, in words."""
    reasons = ("ExactTarget knows no such import",) if file.status is None else doubts(_figures(file))
    if not reasons:
        scratch.execute(
            f"INSERT INTO proven SELECT _operation, _folded_key FROM {changes} WHERE _operation = ?", [file.operation]
        )
        return []
    with observed_rows(exacttarget, data_extension.is_, file.operation, changes, scratch) as observed:
        query = proven_keys(data_extension.is_, file.operation, changes=changes, observed=observed)
        scratch.execute(f"INSERT INTO proven SELECT {literal(file.operation)}, _folded_key FROM ({query})")
    counted = scratch.execute("SELECT count(*) FROM proven WHERE operation = ?", [file.operation]).fetchone()
    assert counted is not None
    if counted[0] == file.rows and file.status is None:
        return []  # the answer was lost, and the rows are there: nothing is wrong
    task = f"import task {file.task_id}" if file.task_id is not None else "the import"
    return [
        f"{file.remote}, {task}: {'; '.join(reasons)}. Read back: {counted[0]} of {file.rows} rows are in the data "
        f"extension as they were sent and are acknowledged; {file.rows - counted[0]} are not, and stay changes "
        "(after a second rejection with the same content: quarantine)."
    ]


def _acknowledge(
    connection: duckdb.DuckDBPyConnection,
    data_extension: Declared[DataExtension],
    attempt: Attempt,
    sent: list[ImportFile],
    changes: str,
) -> int:
    name = data_extension.name
    acknowledged.ensure_tables(connection, name, data_extension.is_)
    already = acknowledged.is_applied(connection, attempt.id)
    if already is not None:
        return already
    connection.execute(
        f"CREATE TEMP TABLE proven_rows AS SELECT c.* FROM {changes} AS c JOIN proven_keys AS p "
        "ON p.operation = c._operation AND p._folded_key = c._folded_key"
    )
    quarantine.ensure_tables(connection, name)
    for file in sent:
        if file.status is None:
            continue  # an import that never ran rejected nothing
        rejected = (
            f"(SELECT _folded_key, _source_hash FROM {changes} WHERE _operation = {literal(file.operation)} "
            f"AND _folded_key NOT IN (SELECT _folded_key FROM proven_rows))"
        )
        quarantine.record_rejections(connection, name=name, rejected=rejected, attempt_id=attempt.id, file=file.remote)
    return acknowledged.apply(
        connection,
        name=name,
        data_extension=data_extension.is_,
        change_set_id=attempt.change_set_id,
        attempt_id=attempt.id,
        proven="proven_rows",
    )


def _remove_from_exacttarget(exacttarget: "ExactTarget", files: tuple[ImportFile, ...]) -> None:
    """Take the attempt's definitions and files away; what is gone already is fine."""
    for file in files:
        exacttarget.imports.delete(customer_key=file.definition_key)
    with exacttarget.ftp() as ftp:
        for file in files:
            ftp.remove(remote_path(file))
            ftp.remove(remote_path(file, unfinished=True))


def remote_path(file: ImportFile, *, unfinished: bool = False) -> str:
    """Where the file is on the Enhanced FTP site, or what it is called while it travels."""
    return f"Import/{file.remote}{'.tmp' if unfinished else ''}"


def _remove_staged(attempt: Attempt) -> None:
    """The rows stay in the change set; a second copy of personal data is not kept."""
    for file in attempt.files:
        Path(file.path).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError, OSError):
            Path(file.path).parent.rmdir()


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


def acknowledged_rows(road: Road, data_extension: Declared[DataExtension]) -> int:
    """How many rows of the data extension are acknowledged now."""
    with road.lake.read() as connection:
        if not acknowledged.are_tables_ready(connection, data_extension.name, data_extension.is_):
            return 0
        row = connection.execute(f"SELECT count(*) FROM {acknowledged.relation(data_extension.name)}").fetchone()
    assert row is not None
    return row[0]
