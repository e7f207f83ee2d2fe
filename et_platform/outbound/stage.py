"""Step 3: write the open change set as CSV files and put them on the Enhanced FTP.

What belongs here: the last look at gate, plan and data extension, then hashes, uploads and their record. What does not:
writing the files (parts.py) and the import (deliver.py).
"""

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension
from et_platform.ledger import approvals
from et_platform.ledger.records import Attempt, ChangeSet, ImportFile, Kind
from et_platform.outbound import gate
from et_platform.outbound.approval import declared_anew, require_approval, standing_of
from et_platform.outbound.errors import GateClosed, StagingFailed, StalePlan
from et_platform.outbound.parts import KeyUnusable, Part, encrypted, write_parts, zipped
from et_platform.outbound.road import Road
from et_platform.outbound.schema import ensure_data_extension
from et_platform.outbound.settle import acknowledged_rows, settle_open_attempt
from et_platform.outbound.source import version_of
from et_platform.outbound.transfer import remote_path
from et_platform.sync.folding import folded_key
from et_platform.sync.identity import Operation, definition_key, remote_name
from et_platform.sync.plan import PlanFigures
from et_platform.warehouse.snapshot_history import says_otherwise

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget

_OPERATIONS: dict[Kind, tuple[Operation, ...]] = {
    "rows": ("insert", "update", "bury", "delete"),
    "opt_out": ("opt_out",),
}
"""The files of a change set, in the order in which they are imported."""


def stage_and_upload(road: Road, data_extension: Declared[DataExtension]) -> Attempt | None:
    """Begin an attempt at the open change set; returns None when there is none.

    Raises GateClosed, StalePlan, DeclarationMismatch, StagingFailed, LeaseTaken and the client's errors; whatever
    was staged or uploaded by then is dropped by the next plan, and nothing was imported.
    """
    with road.lease_of(data_extension.is_) as held:
        settle_open_attempt(road, data_extension, held)
        change_set = road.ledger.open_change_set(road.mid, data_extension.is_.customer_key)
        if change_set is None:
            return None
        _look_again(road, data_extension, change_set)
        known = acknowledged_rows(road, data_extension)
        with road.open_exacttarget() as exacttarget:
            outcome = ensure_data_extension(
                exacttarget, data_extension, acknowledged=known, is_first_load=change_set.base_version == "none"
            )
            road.tell(f"Data extension {change_set.customer_key}: {outcome}.")
            return begin_attempt(road, exacttarget, data_extension, change_set)


def begin_attempt(
    road: Road, exacttarget: "ExactTarget", data_extension: Declared[DataExtension], change_set: ChangeSet
) -> Attempt:
    """Write the change set's files, record the attempt, and upload them. To be used with the data extension's lease."""
    attempt_id = secrets.token_hex(8)
    files = _write_files(road, data_extension, change_set, attempt_id)
    road.ledger.begin_attempt(attempt_id=attempt_id, change_set_id=change_set.id, run_id=road.run_id, files=files)
    with exacttarget.ftp() as ftp:
        for file in files:
            unfinished = remote_path(file, unfinished=True)
            ftp.put(local=road.files / file.path, remote=remote_path(file), temporary=unfinished, resume=True)
            road.ledger.advance_file(file, "uploaded")
            road.tell(f"Uploaded {file.remote}: {file.rows} rows, {file.bytes} bytes.")
    return road.ledger.attempt(attempt_id)


def _look_again(road: Road, data_extension: Declared[DataExtension], change_set: ChangeSet) -> None:
    """The writing step trusts no earlier verdict: guards, approval, source and declaration are looked at as they are.

    What was approved goes as it was approved, even if the CRM was read again since.
    """
    found = standing_of(road, None, data_extension, change_set)
    decided = approvals.latest(road.ledger, change_set.id) if found.state == "approved" else None
    verdict = gate.verdict(
        road, data_extension, PlanFigures(**change_set.figures), at=decided.at if decided is not None else None
    )
    if not verdict.is_open:
        raise GateClosed(
            f"The gate holds change set {change_set.id[:12]} of {data_extension.name} back: "
            f"{' '.join(verdict.reasons)} Nothing was sent. Mend the cause and plan again, or change the guards "
            f"in {data_extension.at('guards')}."
        )
    require_approval(data_extension, change_set, found)
    crm, fold = data_extension.is_.source.crm, partial(folded_key, parts=len(data_extension.is_.key_fields))
    with road.lake.read() as connection:
        version = version_of(connection, data_extension)
        is_overtaken = version != change_set.snapshot_id and (
            crm is None
            or says_otherwise(connection, crm, than=change_set.snapshot_id, of=road.rows_of(change_set), fold=fold)
        )
    if is_overtaken and found.state != "approved":
        raise StalePlan(
            f"The source was read again since change set {change_set.id[:12]} of {data_extension.name} was planned, "
            f"and says otherwise of its rows. Materialize change_set/{data_extension.name} again, then this; nothing "
            "was sent."
        )
    if anew := declared_anew(data_extension, change_set):
        raise StalePlan(
            f"{data_extension.at(anew[0])}: {' and '.join(anew)} declared anew since change set {change_set.id[:12]} "
            f"was planned. Materialize change_set/{data_extension.name} again, then this; nothing was sent."
        )


def _write_files(
    road: Road, data_extension: Declared[DataExtension], change_set: ChangeSet, attempt_id: str
) -> list[ImportFile]:
    rows = road.rows_of(change_set)
    planned = DataExtension.model_validate(change_set.declaration)
    folder = road.staged(data_extension.is_) / attempt_id
    try:
        _clear(folder.parent)
        folder.mkdir(mode=0o700)
        operations = _OPERATIONS[change_set.kind]
        written = write_parts(planned, operations, changes=rows, folder=folder, attempt_id=attempt_id)
        return [
            file
            for operation, parts in written.items()
            for file in _recorded(road, data_extension.name, planned, operation, attempt_id, parts)
        ]
    except KeyUnusable as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StagingFailed(
            f"The import files of {data_extension.name} cannot be encrypted to the key in ET_PGP_PUBLIC_KEY_FILE "
            f"({road.pgp_key}): {error}. Export ExactTarget's public OpenPGP key anew and run this again; nothing was "
            "sent."
        ) from None
    except (OSError, duckdb.IOException) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StagingFailed(
            f"The import files of {data_extension.name} could not be written below {folder.parent}: {_cause(error)}. "
            "Free some space (or correct the folder's rights) and run this again; nothing was sent."
        ) from None


def _clear(folder: Path) -> None:
    """Remove what a run left that was killed before its attempt was recorded; the lease makes it nobody's."""
    for left in folder.iterdir():
        shutil.rmtree(left)


def _recorded(
    road: Road, name: str, planned: DataExtension, operation: Operation, attempt_id: str, parts: list[Part]
) -> Iterator[ImportFile]:
    for number, part in enumerate(parts, start=1):
        remote = remote_name(name, operation, attempt_id, number if len(parts) > 1 else None)
        path = part.path
        if planned.file.zip is not None:
            path = zipped(path, remote)
            if planned.file.zip.encrypted:
                path = encrypted(path, _key(road, name))
        with path.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        yield ImportFile(
            attempt_id=attempt_id,
            operation=operation,
            part=number,
            first_row=part.first,
            state="staged",
            path=road.kept(path),
            remote=remote,
            sha256=sha256,
            bytes=path.stat().st_size,
            rows=part.rows,
            definition_key=definition_key(attempt_id, operation, number),
            changed_at=datetime.now(UTC),
        )


def _key(road: Road, name: str) -> Path:
    if road.pgp_key is None:
        raise KeyUnusable(f"it is not set, and the files of {name} are declared as encrypted")
    return road.pgp_key


def _cause(error: Exception) -> str:
    """The operating system's words; DuckDB's messages end in them and hold no row."""
    return str(error).strip().rstrip(".").removeprefix("IO Error: ")
