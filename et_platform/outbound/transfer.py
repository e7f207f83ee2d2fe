"""A zipped file on its way from the Enhanced FTP to where its import reads it, by a File Transfer activity.

What belongs here: giving the file the one name that the activity takes, and starting the activity. What does not:
zipping (parts.py), and the import (deliver.py).

An activity takes one name, so it is used by one data extension at a time. Nothing tells when or whether it has brought
the file [K]: an import that does not find it ends in error with no row, and its rows stay changes. What it brings has a
name of its own in every attempt, so no import reads another's file. The activity changes no data extension: a kill
before the ledger says `starting` leaves an attempt that had sent nothing.
"""

import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from et_platform.catalog.import_file import ZippedFiles
from et_platform.catalog.models import DataExtension
from et_platform.exacttarget.errors import InDoubt
from et_platform.ledger.leases import Lease
from et_platform.ledger.records import ImportFile
from et_platform.outbound.road import Road

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget


def bring(road: Road, exacttarget: "ExactTarget", planned: DataExtension, file: ImportFile) -> None:
    """Have a zipped file unpacked for its import; any other needs nothing.

    Raises LeaseTaken and the client's errors.
    """
    packed = planned.file.zip
    if packed is None:
        return
    with _alone(road, packed) as held:
        with exacttarget.ftp() as ftp:
            if not ftp.move(remote=remote_path(file), target=_taken(packed)):  # a run that was killed here had moved it
                unfinished = remote_path(file, unfinished=True)
                ftp.put(local=road.files / file.path, remote=_taken(packed), temporary=unfinished, resume=True)
        held.check()
        try:
            exacttarget.file_transfers.start(customer_key=packed.transfer)
        except InDoubt as doubt:
            road.tell(f"Whether {file.remote} is being unpacked is in doubt; its import will tell. {doubt}")
        time.sleep(packed.wait)
        with exacttarget.ftp() as ftp:
            ftp.remove(remote=_taken(packed))


def clean_up(road: Road, exacttarget: "ExactTarget", planned: DataExtension) -> None:
    """Remove what a killed run may have left under the name that the activity takes."""
    packed = planned.file.zip
    if packed is None:
        return
    with _alone(road, packed), exacttarget.ftp() as ftp:
        ftp.remove(remote=_taken(packed))


def remote_path(file: ImportFile, *, unfinished: bool = False) -> str:
    """Where the file is on the Enhanced FTP site, or what it is called while it travels there."""
    form = file.path.rpartition("/")[2].partition(".")[2]
    packed = "" if form == "csv" else f".{form}"
    return f"Import/{file.remote}{packed}{'.tmp' if unfinished else ''}"


def is_zipped(file: ImportFile) -> bool:
    """Whether the file travels as an archive."""
    return file.path.endswith((".zip", ".zip.pgp"))


def _taken(packed: ZippedFiles) -> str:
    return f"Import/{packed.name}"


def _alone(road: Road, packed: ZippedFiles) -> AbstractContextManager[Lease]:
    what = f"file transfer of {packed.name.lower()} of MID {road.mid}"
    return road.lease(what, wait_seconds=road.pace.turn_deadline)
