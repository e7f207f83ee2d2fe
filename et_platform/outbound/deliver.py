"""Step 4: start the import of each uploaded file, one after the other, and settle the attempt.

What belongs here: definition, Perform, and the order “ledger first”. What does not: what the outcome proves
(settle.py).
"""

from typing import TYPE_CHECKING

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension
from et_platform.exacttarget.errors import ExactTargetError, InDoubt
from et_platform.exacttarget.models import ImportDefinition
from et_platform.ledger.records import ImportFile
from et_platform.outbound.road import Road
from et_platform.outbound.settle import Settlement, resolve, settle

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget


def deliver(road: Road, data_extension: Declared[DataExtension]) -> Settlement | None:
    """Import the open attempt's files and settle it; returns None when no attempt is open.

    Raises ImportStillRunning, LeaseTaken and the client's errors; the next plan takes up what is open then.
    """
    with road.lease_of(data_extension.is_) as held:
        attempt = road.ledger.open_attempt(road.mid, data_extension.is_.customer_key)
        if attempt is None:
            return None
        with road.open_exacttarget() as exacttarget:
            for file in attempt.files:
                if file.state == "uploaded":
                    held.check()
                    file = _start(road, exacttarget, data_extension, file)
                resolve(road, exacttarget, file)  # one import at a time into one data extension
            return settle(road, exacttarget, road.ledger.attempt(attempt.id), held)


def _start(
    road: Road, exacttarget: "ExactTarget", data_extension: Declared[DataExtension], file: ImportFile
) -> ImportFile:
    exacttarget.imports.define(
        ImportDefinition(
            customer_key=file.definition_key,
            name=file.definition_key,
            destination_key=data_extension.is_.customer_key,
            file_spec=file.remote,
        )
    )
    # The ledger says `starting` before ExactTarget is asked: a crash in between leaves a doubt, never a silent repeat.
    file = road.ledger.advance_file(file, "starting")
    try:
        task_id = exacttarget.imports.start(customer_key=file.definition_key)
    except InDoubt as doubt:
        road.tell(f"Whether the import of {file.remote} started is in doubt; asking. {doubt}")
        return file
    except ExactTargetError:
        road.ledger.advance_file(file, "missing")  # a definite no: nothing was started
        raise
    road.tell(f"Import task {task_id} started for {file.remote}.")
    return road.ledger.advance_file(file, "started", task_id=task_id)
