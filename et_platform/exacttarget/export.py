"""Rows into a file of this machine: CSV or Parquet, in bounded memory.

Belongs here: writing batches, and masking values. Does not: reading them (`rows.py`).
"""

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from et_platform.exacttarget.errors import InvalidDefinition


def masked(value: str) -> str:
    """A value as it may be shown: its first sign and its length."""
    return f"{value[:1]}… ({len(value)})" if value else ""


def write_rows(batches: Iterable[pa.RecordBatch], fields: Sequence[str], path: Path, *, unmasked: bool) -> int:
    """Write to a new file, CSV or Parquet by its name, readable by its owner alone; returns the number of rows.

    The file appears when it is whole. In CSV, null is nothing and an empty text is `""`. Raises InvalidDefinition if
    the file is there already, or its name ends otherwise; nothing is read then.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise InvalidDefinition(f"{path.name} must end in .csv or .parquet. Nothing was read.")
    if path.exists():
        raise InvalidDefinition(f"{path.name} is there already. Nothing was read. Choose another name, or remove it.")
    schema = pa.schema([(name, pa.string()) for name in fields])
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    written = 0
    try:
        with _writer(temporary, path.suffix, schema) as writer:
            for batch in batches:
                writer.write_batch(batch if unmasked else _masked(batch))
                written += batch.num_rows
        os.link(temporary, path)  # not replacing one that has come meanwhile
    except FileExistsError as error:
        raise InvalidDefinition(
            f"{path.name} has come meanwhile; it was left as it is. Choose another name."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return written


@contextlib.contextmanager
def _writer(path: Path, suffix: str, schema: pa.Schema) -> Iterator[Any]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        if suffix == ".csv":
            with pyarrow.csv.CSVWriter(file, schema) as writer:
                yield writer
        else:
            with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
                yield writer


def _masked(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [[None if value is None else masked(value) for value in column.to_pylist()] for column in batch.columns]
    return pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in columns], schema=batch.schema)
