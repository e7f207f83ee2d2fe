"""Step 4: start the import of each uploaded file, one after the other, and settle the attempt.

What belongs here: definition, the last look at consent, Perform, and the order “ledger first”. What does not: what the
outcome proves (settle.py).
"""

import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal
from et_platform.exacttarget.errors import ExactTargetError, InDoubt, InMaintenance
from et_platform.exacttarget.models import ImportDefinition, UpdateType
from et_platform.ledger.leases import Lease
from et_platform.ledger.records import UNSENT, Attempt, ImportFile
from et_platform.ledger.slots import MOST_IMPORTS, begin_import
from et_platform.outbound import transfer
from et_platform.outbound.approval import require_approval, standing_of
from et_platform.outbound.consent import rows_opting_in
from et_platform.outbound.errors import ConsentChanged, DeclarationMismatch, ImportsQueue, StalePlan
from et_platform.outbound.mapping import field_mapping, file_form, read_from
from et_platform.outbound.road import Road
from et_platform.outbound.schema import changed_by_hand
from et_platform.outbound.settle import Settlement, resolve, settle
from et_platform.outbound.source import read_source
from et_platform.sync import removals
from et_platform.sync.identity import Operation
from et_platform.sync.staging import CONTROL_COLUMN, DELETE

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget


_UPDATE_TYPES: dict[Operation, UpdateType] = {
    # They carry some fields only: a row that is gone must not come back as a part of itself.
    "opt_out": "UpdateButDoNotAdd",
    "bury": "UpdateButDoNotAdd",
    "delete": "ColumnBased",
}


def deliver(road: Road, catalog: Catalog, data_extension: Declared[DataExtension]) -> Settlement | None:
    """Import the open attempt's files and settle it; returns None when no attempt is open.

    Raises ConsentChanged, ImportStillRunning, LeaseTaken and the client's errors; the next plan takes up what is open
    then.
    """
    with road.lease_of(data_extension.is_) as held:
        attempt = road.ledger.open_attempt(road.mid, data_extension.is_.customer_key)
        if attempt is None:
            return None
        _require_approval(road, catalog, data_extension, attempt)
        with road.open_exacttarget() as exacttarget:
            return import_files(road, exacttarget, catalog, data_extension, attempt, held)


def _require_approval(road: Road, catalog: Catalog, declared: Declared[DataExtension], attempt: Attempt) -> None:
    """An approval may have lapsed since the files were staged; what was started is settled whatever became of it."""
    if any(file.state not in UNSENT for file in attempt.files):
        return
    change_set = road.ledger.change_set(attempt.change_set_id)
    require_approval(declared, change_set, standing_of(road, catalog, declared, change_set))


def import_files(
    road: Road,
    exacttarget: "ExactTarget",
    catalog: Catalog,
    data_extension: Declared[DataExtension],
    attempt: Attempt,
    held: Lease,
) -> Settlement | None:
    """Import an attempt's files, one at a time, and settle it. To be used with the data extension's lease.

    A file with rows that would opt in somebody who is out by now, or remove what is back, is not started, nor are those
    after it; nor one whose data extension was changed by hand. What was started before is settled; then ConsentChanged,
    StalePlan or DeclarationMismatch is raised.
    """
    opting_in = returned = 0
    changed = ""
    # The files are what was declared when they were planned and staged, whatever is declared by now.
    change_set = road.ledger.change_set(attempt.change_set_id)
    planned = replace(data_extension, is_=DataExtension.model_validate(change_set.declaration))
    for file in attempt.files:
        if file.state == "uploaded":
            held.check()
            transfer.bring(road, exacttarget, planned.is_, file)  # may take long, so every look comes after it
            held.check()
            if returned := _rows_back(road, catalog, data_extension, file):
                break
            if changed := changed_by_hand(exacttarget, planned, file.operation):
                break
            _define(road, exacttarget, planned.is_, file)
            file, opting_in = _start(road, exacttarget, catalog, data_extension, file, held)
            if opting_in:
                break
        resolve(road, exacttarget, file)  # one import at a time into one data extension
    settlement = settle(road, exacttarget, road.ledger.attempt(attempt.id), held)
    if opting_in:
        raise ConsentChanged(
            f"{opting_in} rows planned for {data_extension.name} would opt in persons who have opted out since, "
            "according to the CRM's newest snapshot or ExactTarget's own events. Their file was not imported; its rows "
            "stay changes. Run this again: the opt-outs go first, and the rest follows."
        )
    if returned:
        raise StalePlan(
            f"{returned} rows that were to be removed from {data_extension.name} are in the CRM's newest snapshot "
            "again. Their file was not imported and nothing was removed; run this again."
        )
    if changed:
        raise DeclarationMismatch(
            f"The data extension {data_extension.is_.customer_key} was changed in ExactTarget after its files were "
            f"staged: {changed}. The file was not imported; its rows stay changes. Run this again: it compares the "
            "data extension anew, and mends it or says what has to be mended there."
        )
    return settlement


def _rows_back(road: Road, catalog: Catalog, data_extension: Declared[DataExtension], file: ImportFile) -> int:
    """How many rows of a file of removals the newest snapshot has again."""
    if file.operation not in ("bury", "delete"):
        return 0
    change_set = road.ledger.change_set(road.ledger.attempt(file.attempt_id).change_set_id)
    changes = f"(FROM {road.rows_of(change_set, file)} WHERE _operation = {literal(file.operation)})"
    with road.lake.read() as connection:
        source = read_source(connection, catalog, data_extension)
        query = removals.back(snapshot=source.rows, changes=changes)
        found = connection.execute(f"SELECT count(*) FROM ({query})").fetchone()
    assert found is not None
    return found[0]


def _define(road: Road, exacttarget: "ExactTarget", planned: DataExtension, file: ImportFile) -> None:
    is_delete = file.operation == "delete"
    exacttarget.imports.define(
        definition=ImportDefinition(
            customer_key=file.definition_key,
            name=file.definition_key,
            destination_key=planned.customer_key,
            notify=road.reports.address if road.reports else None,
            file_spec=file.remote,
            update_type=_UPDATE_TYPES.get(file.operation, "AddAndUpdate"),
            control_column=CONTROL_COLUMN if is_delete else None,
            control_actions={DELETE: "Delete"} if is_delete else {},
            control_default_action="Skip" if is_delete else None,
            **field_mapping(planned, file.operation),
            **file_form(planned.file),
            **read_from(planned.file),
        )
    )


def _start(
    road: Road,
    exacttarget: "ExactTarget",
    catalog: Catalog,
    data_extension: Declared[DataExtension],
    file: ImportFile,
    held: Lease,
) -> tuple[ImportFile, int]:
    """Start the import, unless some of its rows would opt in somebody who is out by now; the file, and these rows."""
    change_set = road.ledger.change_set(road.ledger.attempt(file.attempt_id).change_set_id)
    longest = road.pace.import_deadline + road.pace.doubt_deadline
    until = time.monotonic() + longest
    is_told = False
    while not (opting_in := rows_opting_in(road, catalog, data_extension, change_set, file.operation, file)):
        if file.state == "uploaded":
            # The ledger says `starting` before ExactTarget is asked: a crash in between leaves a doubt, never a silent
            # repeat.
            begun = begin_import(road.ledger, file, mid=road.mid, longest=timedelta(seconds=longest))
            if begun is None:
                _queue(road, file, held, until, is_told=is_told)
                is_told = True
                continue
            file = begun
        try:
            task_id = exacttarget.imports.start(customer_key=file.definition_key)
        except InDoubt as doubt:
            road.tell(f"Whether the import of {file.remote} started is in doubt; asking. {doubt}")
            return file, 0
        except ExactTargetError as refusal:
            _wait_out(road, exacttarget, file, refusal)
            held.check()
            if exacttarget.imports.results_of(definition_key=file.definition_key):
                return file, 0  # it had started all the same; whoever resolves it adopts it
        else:
            road.tell(f"Import task {task_id} started for {file.remote}.")
            return road.ledger.advance_file(file, "started", task_id=task_id), 0
    return (road.ledger.advance_file(file, "missing") if file.state == "starting" else file), opting_in


def _queue(road: Road, file: ImportFile, held: Lease, until: float, *, is_told: bool) -> None:
    """Wait for a moment, for as many imports as may be are under way; raises ImportsQueue when it was long enough."""
    if time.monotonic() >= until:
        raise ImportsQueue(
            f"{MOST_IMPORTS} imports of MID {road.mid} are under way, as many as ExactTarget takes, and "
            f"none has ended for too long. {file.remote} was not started and nothing is lost: run this again later. "
            "`etp ledger list` shows the open attempts; applying their data extensions settles them."
        )
    if not is_told:
        road.tell(f"{MOST_IMPORTS} imports of MID {road.mid} are under way; {file.remote} waits for its turn.")
    time.sleep(road.pace.poll)
    held.check()


def _wait_out(road: Road, exacttarget: "ExactTarget", file: ImportFile, refusal: ExactTargetError) -> None:
    """Wait if ExactTarget is in maintenance. Every refusal is a definite no: nothing was started."""
    try:
        if not isinstance(refusal, InMaintenance):
            raise refusal
        exacttarget.wait_out(error=refusal)
    except ExactTargetError:
        road.ledger.advance_file(file, "missing")
        raise
