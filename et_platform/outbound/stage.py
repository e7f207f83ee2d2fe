"""Step 3: write the open change set as CSV files and put them on the Enhanced FTP.

What belongs here: the gate's last look, files, hashes, uploads and their record. What does not: the CSV form
(sync/staging.py) and the import (deliver.py).
"""

import hashlib
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import duckdb

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal
from et_platform.ledger.records import Attempt, ChangeSet, ImportFile
from et_platform.outbound.errors import GateClosed, StagingFailed
from et_platform.outbound.road import Road
from et_platform.outbound.schema import ensure_data_extension
from et_platform.outbound.settle import remote_path, settle_open_attempt
from et_platform.sync.identity import Operation, definition_key, remote_name
from et_platform.sync.staging import copy_to_csv


def stage_and_upload(road: Road, data_extension: Declared[DataExtension]) -> Attempt | None:
    """Begin an attempt at the open change set; returns None when there is none.

    Raises GateClosed, DeclarationMismatch, StagingFailed, LeaseTaken and the client's errors; whatever was staged
    or uploaded by then is dropped by the next plan, and nothing was imported.
    """
    with road.lease(data_extension.name):
        settle_open_attempt(road, data_extension)
        change_set = road.ledger.open_change_set(road.mid, data_extension.name)
        if change_set is None:
            return None
        if change_set.gate:
            raise GateClosed(
                f"The gate holds change set {change_set.id[:12]} of {data_extension.name} back: "
                f"{' '.join(change_set.gate)} Nothing was sent. Mend the cause and plan again, or change the guards "
                f"in {data_extension.at('guards')}."
            )
        with road.open_exacttarget() as exacttarget:
            outcome = ensure_data_extension(exacttarget, data_extension)
            road.tell(f"Data extension {data_extension.is_.customer_key}: {outcome}.")
            attempt_id = secrets.token_hex(8)
            files = _write_files(road, data_extension, change_set, attempt_id)
            road.ledger.begin_attempt(
                attempt_id=attempt_id, change_set_id=change_set.id, run_id=road.run_id, files=files
            )
            with exacttarget.ftp() as ftp:
                for file in files:
                    ftp.put(Path(file.path), remote_path(file), temporary=remote_path(file, unfinished=True))
                    road.ledger.advance_file(file, "uploaded")
                    road.tell(f"Uploaded {file.remote}: {file.rows} rows, {file.bytes} bytes.")
        return road.ledger.attempt(attempt_id)


def _write_files(
    road: Road, data_extension: Declared[DataExtension], change_set: ChangeSet, attempt_id: str
) -> list[ImportFile]:
    folder = road.staged(data_extension.name) / attempt_id
    try:
        _clear(folder.parent)
        folder.mkdir(mode=0o700)
        files = [
            _write_file(data_extension, change_set, attempt_id, operation, folder) for operation in get_args(Operation)
        ]
    except (OSError, duckdb.IOException) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StagingFailed(
            f"The import files of {data_extension.name} could not be written below {folder.parent}: {_cause(error)}. "
            "Free some space (or correct the folder's rights) and run this again; nothing was sent."
        ) from None
    return [file for file in files if file is not None]


def _clear(folder: Path) -> None:
    """Remove what a run left that was killed before its attempt was recorded; the lease makes it nobody's."""
    for left in folder.iterdir():
        shutil.rmtree(left)


def _write_file(
    data_extension: Declared[DataExtension],
    change_set: ChangeSet,
    attempt_id: str,
    operation: Operation,
    folder: Path,
) -> ImportFile | None:
    path = folder / f"{operation}.csv"
    path.touch(mode=0o600)
    query = copy_to_csv(
        data_extension.is_, operation, changes=f"read_parquet({literal(change_set.path)})", path=str(path)
    )
    with duckdb.connect() as connection:
        row = connection.execute(query).fetchone()
    rows = row[0] if row else 0
    if rows == 0:
        path.unlink()
        return None
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return ImportFile(
        attempt_id=attempt_id,
        operation=operation,
        state="staged",
        path=str(path),
        remote=remote_name(data_extension.name, operation, attempt_id),
        sha256=sha256,
        bytes=path.stat().st_size,
        rows=rows,
        definition_key=definition_key(attempt_id, operation),
        changed_at=datetime.now(UTC),
    )


def _cause(error: Exception) -> str:
    """The operating system's words; DuckDB's messages end in them and hold no row."""
    return str(error).strip().rstrip(".").removeprefix("IO Error: ")
