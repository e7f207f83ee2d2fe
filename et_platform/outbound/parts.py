"""A change set's rows as CSV files, none larger than declared.

What belongs here: writing, cutting to size, encoding, zipping, encrypting. What does not: the CSV form
(sync/staging.py), and the files' names, hashes, upload and record (stage.py).

An operation's rows are written at once, and again in more files only if they were too large for one: what fits into
one file costs nothing more.
"""

import math
import shutil
import zipfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb
import pysequoia

from et_platform.catalog.models import DataExtension
from et_platform.sync.identity import Operation
from et_platform.sync.staging import copy_to_csv, part_of

_BLOCK = 1 << 20  # characters
_ROWS_DIFFER = 1.05
"""By so much more than a file is too large, it is cut into more: rows are not all of one length."""


@dataclass(frozen=True)
class Part:
    """Rows of one operation that stand together in the change set's file: the first's number, from 0, and how many;
    None: all of the operation. `path` is the CSV file, once it is written.
    """

    first: int | None
    rows: int
    path: Path


def write_parts(
    data_extension: DataExtension, operations: tuple[Operation, ...], *, changes: str, folder: Path, attempt_id: str
) -> dict[Operation, list[Part]]:
    """Write the rows of the Parquet relation `changes` into files in `folder`; operations without rows have none.

    Raises OSError and duckdb.IOException.
    """
    with duckdb.connect() as connection:
        found = {
            operation: (first, rows)
            for operation, first, rows in connection.execute(
                f"SELECT _operation, min(file_row_number), count(*) FROM {changes} GROUP BY 1"
            ).fetchall()
        }
        return {
            operation: _write(connection, data_extension, operation, changes, *found[operation], folder, attempt_id)
            for operation in operations
            if operation in found
        }


def _write(
    connection: duckdb.DuckDBPyConnection,
    data_extension: DataExtension,
    operation: Operation,
    changes: str,
    first: int,
    rows: int,
    folder: Path,
    attempt_id: str,
) -> list[Part]:
    form = data_extension.file
    done: list[Part] = []
    left = deque(_cut(first, rows, of=form.maximum_rows or rows))
    while left:
        begin, count = left.popleft()
        path = folder / f"{operation}_{len(done) + 1}.csv"
        path.touch(mode=0o600)
        is_whole = count == rows
        part = part_of(changes, first_row=None if is_whole else begin, rows=count)
        connection.execute(copy_to_csv(data_extension, operation, changes=part, path=str(path), attempt_id=attempt_id))
        _encode(path, form.encoding)
        size = path.stat().st_size
        if size > form.maximum_bytes and count > 1:
            path.unlink()
            into = min(count, math.ceil(size * _ROWS_DIFFER / form.maximum_bytes))
            left.extendleft(reversed(_cut(begin, count, of=math.ceil(count / into))))
        else:
            done.append(Part(None if is_whole else begin, count, path))
    return done


def _cut(first: int, rows: int, *, of: int) -> list[tuple[int, int]]:
    """(first, rows) of pieces of at most `of` rows."""
    return [(begin, min(of, first + rows - begin)) for begin in range(first, first + rows, of)]


def _encode(path: Path, encoding: Literal["utf-8", "utf-16"]) -> None:
    """Make a file that was written as UTF-8 one of that encoding; UTF-16 begins with a byte order mark."""
    if encoding == "utf-8":
        return
    plain = path.with_suffix(".utf8")
    path.rename(plain)
    path.touch(mode=0o600)
    with plain.open(encoding="utf-8", newline="") as source, path.open("w", encoding="utf-16-le", newline="") as target:
        target.write("\ufeff")
        shutil.copyfileobj(source, target, _BLOCK)
    plain.unlink()


def zipped(path: Path, name: str) -> Path:
    """Make a file an archive beside it, which holds it as `name`; the same content makes the same archive."""
    packed = path.with_suffix(".zip")
    packed.touch(mode=0o600)
    member = zipfile.ZipInfo(name)
    member.compress_type, member.external_attr, member.file_size = (
        zipfile.ZIP_DEFLATED,
        0o600 << 16,
        path.stat().st_size,
    )
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
        path.open("rb") as source,
        archive.open(member, "w") as target,
    ):
        shutil.copyfileobj(source, target, _BLOCK)
    path.unlink()
    return packed


class KeyUnusable(Exception):
    """Files cannot be encrypted to the key; the message says why."""


def encrypted(path: Path, key: Path) -> Path:
    """Make a file one that only the owner of the public OpenPGP key in `key` can read. Raises KeyUnusable, OSError."""
    try:
        key.open("rb").close()
    except OSError as error:
        raise KeyUnusable(error.strerror) from None
    sealed = path.with_name(f"{path.name}.pgp")
    sealed.touch(mode=0o600)
    try:
        to = pysequoia.Cert.from_file(str(key))
        pysequoia.encrypt_file(str(path), str(sealed), recipients=[to], armor=False)
    except RuntimeError as error:  # its only kind; the first line says what, a trace of its own follows
        raise KeyUnusable(str(error).partition("\n")[0]) from None
    path.unlink()
    return sealed
