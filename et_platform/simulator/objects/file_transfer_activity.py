"""FileTransferActivity: Perform start, which unpacks a file into the Safehouse.

What belongs here: the one thing SOAP can do with it; it cannot be created, retrieved, updated or deleted over SOAP, but
is made in the product's web pages [D]. Here `file_transfers` declares which there are. What does not: imports, which
read the Safehouse (`imports/files.py`). Whether Perform waits for the transfer is unconfirmed [K]: the setting
`file_transfer_seconds` says so, and like there nothing tells of a failure but the missing file. A transfer that has not
ended when the simulator does is lost.
"""

from __future__ import annotations

import contextlib
import gzip
import logging
import shutil
import threading
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

import pysequoia

from et_platform.simulator import envelope, markup, store
from et_platform.simulator.describe import Property, declared
from et_platform.simulator.envelope import Element
from et_platform.simulator.imports import files
from et_platform.simulator.results import Refused, Result
from et_platform.simulator.retrieval import Shape
from et_platform.simulator.schema import folded

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = Shape(object_type="FileTransferActivity", order=("PartnerKey", "ObjectID", "CustomerKey"), types={})

_NOT_FOUND = 2  # the general error: its own codes are not known [K]

_log = logging.getLogger(__name__)


def describe(service: Service, object_type: str) -> list[Property]:
    """Its properties; none of them can be retrieved [D]."""
    return declared(object_type)


def start(service: Service, element: Element) -> Result:
    """Transfer the file now. Raises Refused for an unknown activity."""
    key = (envelope.value(element, "CustomerKey") or "").strip()
    declared = {folded(name): spec for name, spec in service.behaviour.file_transfers.items()}
    if folded(key) not in declared:
        raise Refused(_NOT_FOUND, f"The FileTransferActivity was not found: {key or '(no CustomerKey)'}")
    name = files.name(declared[folded(key)], service.behaviour.file_name_zone)
    with service.store.transaction() as connection:
        number = store.next_task_id(connection)
    places, key_file = service.importer.places, service.behaviour.pgp_secret_key
    if seconds := service.behaviour.file_transfer_seconds:
        later = threading.Timer(seconds, _transfer, (places.stock / name, places.safehouse, number, key_file))
        later.daemon = True
        later.start()
    else:
        _transfer(places.stock / name, places.safehouse, number, key_file)
    details = markup.element(
        "Task",
        markup.text("StatusCode", "OK"),
        markup.text("StatusMessage", "OK"),
        markup.text("ID", number),
        markup.text("TblAsyncID", number),
        markup.text("InteractionObjectID", str(uuid.uuid4())),
    )
    shown = SHAPE.render({"CustomerKey": key}, {"CustomerKey"}, tag="Object")
    return Result(f"FileTransferActivity performed AsyncID:{number}", shown, details=details)


def _transfer(path: Path, safehouse: Path, number: int, key_file: str) -> None:
    try:
        with _decrypted(path, key_file, safehouse) as plain:
            _unpack(plain, safehouse)
    except (OSError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        _log.info("file transfer %s brought nothing: %s", number, error)


@contextlib.contextmanager
def _decrypted(path: Path, key_file: str, safehouse: Path) -> Iterator[Path]:
    """The file as it is, or, if its name ends as an encrypted one's, decrypted for as long as it is unpacked."""
    if path.suffix.lower() not in (".pgp", ".gpg"):
        yield path
        return
    plain = safehouse / f".{path.stem}"
    try:
        key = pysequoia.Tsk.from_file(key_file)
        pysequoia.decrypt_file(str(path), str(plain), decryptor=key.decryptor())
        yield plain
    finally:
        plain.unlink(missing_ok=True)


def _unpack(path: Path, safehouse: Path) -> None:
    """Bring what a ZIP or gzip file holds, or else the file itself, into the Safehouse; folders are left out [K]."""
    with path.open("rb") as file:
        beginning = file.read(4)
    if beginning.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    with archive.open(member) as content:
                        _lay(content, safehouse / PurePosixPath(member.filename).name)
    elif beginning.startswith(b"\x1f\x8b"):
        with gzip.open(path) as content:
            _lay(cast("IO[bytes]", content), safehouse / path.name.removesuffix(".gz"))
    else:
        with path.open("rb") as content:
            _lay(content, safehouse / path.name)


def _lay(content: IO[bytes], target: Path) -> None:
    unfinished = target.with_name(f".{target.name}.part")
    with unfinished.open("wb") as file:
        shutil.copyfileobj(content, file)
    unfinished.replace(target)
