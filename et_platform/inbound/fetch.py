"""Step 3: bring one file here, whole, private and hashed.

What belongs here: the download of exactly the file that was seen. What does not: looking into it (load.py).
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from et_platform.exacttarget.errors import ExactTargetError, NotFound
from et_platform.exacttarget.models import EXPORT
from et_platform.inbound.errors import FileChanged, FileVanished, InboundError
from et_platform.inbound.road import InboundRoad
from et_platform.ledger.inbound_records import ExtractFile


def fetch(road: InboundRoad, identity: str) -> ExtractFile:
    """Fetch the file into `files/extracts/<sha256>/`; one that is here already, or loaded, is not fetched again.

    Raises FileVanished, FileChanged and the client's errors; the ledger then says `failed`, and the file is taken
    again when a later look finds it. Raises LeaseTaken while another run works on the file.
    """
    with road.lease(identity):
        file = road.inbound.file(identity)
        if file.state == "loaded" or (file.state == "fetched" and is_here(file)):
            road.tell(f"{file.name} is {file.state} already.")
            return file
        file = road.inbound.begin_take(file, run_id=road.run_id)
        if file.sha256 is not None and file.path is not None and is_here(file):
            # It was fetched before and could not be loaded; the site may not have it any more.
            return road.inbound.fetched(file, sha256=file.sha256, path=file.path)
        try:
            with empty_folder(road.scratch(identity, "fetch")) as folder:
                return _download(road, file, folder / "archive.zip")
        except (ExactTargetError, InboundError, OSError) as error:
            road.inbound.failed(file, problem=_told(error))
            raise


def is_here(file: ExtractFile) -> bool:
    """Whether the fetched file still lies where it was put, byte for byte."""
    path = Path(file.path) if file.path is not None else None
    return path is not None and path.is_file() and sha256_of(path) == file.sha256


def sha256_of(path: Path) -> str:
    """The hash of the file's content."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextlib.contextmanager
def empty_folder(path: Path) -> Iterator[Path]:
    """A private folder that holds nothing at first, and is gone afterwards."""
    if path.exists():
        shutil.rmtree(path)  # of a run that was killed
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _download(road: InboundRoad, file: ExtractFile, local: Path) -> ExtractFile:
    remote = f"{EXPORT}/{file.name}"
    with road.open_exacttarget() as exacttarget, exacttarget.ftp() as ftp:
        try:
            found = ftp.get(remote=remote, local=local, resume=True)
        except NotFound:
            raise FileVanished(
                f"{remote} (identity {file.identity}) was seen with {file.size} bytes and is not on the site any more: "
                "it was removed, or its days there are over. Nothing of it was loaded. If it was an extract of this "
                "platform, ask for its window again, as another attempt; else put it back."
            ) from None
    if (found.size, int(found.mtime.timestamp())) != (file.size, int(file.mtime.timestamp())):
        raise FileChanged(
            f"{remote} (identity {file.identity}) had {file.size} bytes when it was seen and has {found.size} now, or "
            "another time: another file has its name. Nothing was kept. The sensor takes the new file by itself, as a "
            "file of its own; the old one cannot be had any more."
        )
    sha256 = sha256_of(local)
    path = road.extracts / sha256 / "archive.zip"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    local.replace(path)  # the same content may lie there already: then it is the same file
    done = road.inbound.fetched(file, sha256=sha256, path=str(path))
    road.tell(f"Fetched {file.name}: {file.size} bytes, sha256 {sha256[:12]}.")
    return done


def _told(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"The file could not be written here ({error.strerror}). Free some space or correct the folder's rights."
    return str(error)
