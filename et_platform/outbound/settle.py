"""Step 5, and the first step of every plan: bring an attempt to its end, whatever state it was left in.

What belongs here: asking ExactTarget for the outcome, the order of the ending, cleaning up. What does not: what is
proven, and its acknowledgement in the lake (evidence.py).

The order is the promise: the lake acknowledges (rows and attempt in one transaction), ExactTarget is cleaned up,
the ledger closes. A crash anywhere in between makes the next run repeat only what changes nothing.
"""

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension
from et_platform.exacttarget.errors import PermissionDenied
from et_platform.exacttarget.explained import status_in_words
from et_platform.ledger import rejected_rows
from et_platform.ledger.leases import Lease
from et_platform.ledger.records import UNSENT, Attempt, ImportFile, Kind
from et_platform.ledger.rejected_rows import RejectedRows
from et_platform.outbound import rejections
from et_platform.outbound.doubt import decided
from et_platform.outbound.errors import ImportStillRunning
from et_platform.outbound.evidence import acknowledge, prove
from et_platform.outbound.road import Road
from et_platform.outbound.transfer import clean_up, is_zipped, remote_path
from et_platform.warehouse import acknowledged
from et_platform.warehouse.snapshots import table_exists

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget


@dataclass(frozen=True)
class Settlement:
    """How an attempt ended: rows sent, acknowledged and rejected, and, for people, everything that was not clean.

    `reasons` counts rejected rows by file, field and what ExactTarget said.
    """

    attempt_id: str
    change_set_id: str
    files: tuple[ImportFile, ...]
    sent: int
    acknowledged: int
    problems: tuple[str, ...]
    reasons: tuple[RejectedRows, ...] = ()

    @property
    def rejected(self) -> int:
        """Rows that were sent and that ExactTarget does not hold as they were sent."""
        return self.sent - self.acknowledged


def settle_open_attempt(road: Road, data_extension: Declared[DataExtension], held: Lease) -> Settlement | None:
    """Settle what an earlier run left; None when nothing was, or when nothing of it had been sent.

    Opt-outs come first, since they go also while an attempt at rows waits for a decision; then NeedsDecision is raised.
    """
    settlements = [_settle_open(road, data_extension, held, kind) for kind in ("opt_out", "rows")]
    return next((one for one in reversed(settlements) if one is not None), None)


def _settle_open(road: Road, data_extension: Declared[DataExtension], held: Lease, kind: Kind) -> Settlement | None:
    attempt = road.ledger.open_attempt(road.mid, data_extension.is_.customer_key, [kind])
    if attempt is None:
        return None
    road.tell(f"Attempt {attempt.id} of an earlier run is open; settling it first.")
    with road.open_exacttarget() as exacttarget:
        return settle(road, exacttarget, attempt, held)


def settle(road: Road, exacttarget: "ExactTarget", attempt: Attempt, held: Lease) -> Settlement | None:
    """Bring every file of the attempt to its end, acknowledge what is proven, and close the attempt.

    It keeps to the declaration under which the change set was planned. Returns None when no file had been sent: the
    attempt is abandoned and its change set stays open.
    """
    change_set = road.ledger.change_set(attempt.change_set_id)
    sent = [resolve(road, exacttarget, file) for file in attempt.files if file.state not in (*UNSENT, "dropped")]
    unsent = [file for file in attempt.files if file.state in UNSENT]
    if unsent:
        clean_up(road, exacttarget, DataExtension.model_validate(change_set.declaration))
    if not sent:
        _remove_from_exacttarget(road, exacttarget, attempt.files)
        _drop(road, unsent)
        _remove_staged(road, attempt)
        road.ledger.close_attempt(attempt.id, acknowledged=None)
        road.tell(f"Attempt {attempt.id} had sent nothing; it is abandoned.")
        return None
    evidence = prove(road, exacttarget, change_set, sent)
    keys = (
        evidence.keys if is_applied(road, attempt) else decided(road, exacttarget, change_set, attempt, sent, evidence)
    )
    rejected = rejections.name_rejected(road, change_set, sent, keys)
    held.check()
    with road.lake.write() as connection:
        connection.register("proven_keys", keys)
        connection.register("rejected_rows", rejected.rows)
        rows = acknowledge(connection, change_set, attempt.id, sent, road.rows_of(change_set))
    _remove_from_exacttarget(road, exacttarget, attempt.files)
    counted = keys.group_by(["operation", "part"]).aggregate([([], "count_all")]).to_pylist()
    proven_by_file = {(one["operation"], one["part"]): one["count_all"] for one in counted}
    for file in sent:
        if file.state != "proven":
            proven = proven_by_file.get((file.operation, file.part), 0)
            road.ledger.advance_file(file, "proven", rejected=file.rows - proven)
        rejected_rows.record(road.ledger, file, rejected.counts)
    _drop(road, unsent)
    _remove_staged(road, attempt)
    road.ledger.close_attempt(attempt.id, acknowledged=rows)
    for line in (*evidence.problems, *rejected.words, f"Attempt {attempt.id}: {rows} rows acknowledged."):
        road.tell(line)
    files = road.ledger.attempt(attempt.id).files
    return Settlement(
        attempt.id,
        change_set.id,
        files,
        sum(file.rows for file in sent),
        rows,
        (*evidence.problems, *rejected.words),
        rejected.counts,
    )


def _drop(road: Road, unsent: list[ImportFile]) -> None:
    for file in unsent:
        road.ledger.advance_file(file, "dropped")


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
        _remove_from_exacttarget(road, exacttarget, (file,))
        task_id = _look_for_task(road, exacttarget, file, deadline=min(road.pace.doubt_deadline, 3 * road.pace.poll))
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
            road.tell(f"Import task {file.task_id} ended: {result.status}. {status_in_words(result.status)}")
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


def _remove_from_exacttarget(road: Road, exacttarget: "ExactTarget", files: tuple[ImportFile, ...]) -> None:
    """Take the attempt's definitions and files away; what is gone already is fine.

    Without its file a definition imports nothing, nor does a file without its definition: an account that may not
    remove one of them is no obstacle. Raises PermissionDenied where it may remove neither; of what was unpacked for an
    import in doubt, only the definition can be removed.
    """
    kept: set[str] = set()
    for file in files:
        try:
            exacttarget.imports.delete(customer_key=file.definition_key)
        except PermissionDenied as error:
            if file.state == "starting" and is_zipped(file):
                raise
            kept.add(file.definition_key)
            road.tell(f"Import definition {file.definition_key} stays in ExactTarget: {error}")
    with exacttarget.ftp() as ftp:
        for file in files:
            try:
                ftp.remove(remote=remote_path(file))
                ftp.remove(remote=remote_path(file, unfinished=True))
            except PermissionDenied as error:
                if file.definition_key in kept:
                    raise
                road.tell(f"{file.remote} stays on the Enhanced FTP until its days there are over: {error}")


def _remove_staged(road: Road, attempt: Attempt) -> None:
    """The rows stay in the change set; a second copy of personal data is not kept."""
    for file in attempt.files:
        shutil.rmtree((road.files / file.path).parent, ignore_errors=True)


def is_applied(road: Road, attempt: Attempt) -> bool:
    """Whether the lake has acknowledged the attempt already, and only the ledger does not know yet."""
    with road.lake.read() as connection:
        if not table_exists(connection, "acknowledged", "applied"):
            return False
        return acknowledged.is_applied(connection, attempt.id) is not None


def acknowledged_rows(road: Road, data_extension: Declared[DataExtension]) -> int:
    """How many rows of the data extension are acknowledged now."""
    name = road.lake_name(data_extension.is_)
    with road.lake.read() as connection:
        if not table_exists(connection, "acknowledged", name):
            return 0
        row = connection.execute(f"SELECT count(*) FROM {acknowledged.relation(name)}").fetchone()
    assert row is not None
    return row[0]
