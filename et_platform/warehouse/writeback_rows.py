"""The rows of a write-back, before and after, in a file of their own: the journal that the ledger's set points to.

What belongs here: one Parquet file a set, private, complete on the disk before anybody may rely on it. What does not:
what is in it and why (sync/consent.py), and what became of it (ledger/writeback.py).
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from et_platform.duckdb_support import literal

BATCH_ROWS = 10_000


def relation(path: Path) -> str:
    """SQL for the rows of a file: _key, before, after."""
    return f"read_parquet({literal(str(path))})"


def save(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write the rows of `query` (_key, before, after) to a file that only its owner may read."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    connection.execute(f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet)")
    path.chmod(0o600)


def keep(scratch: Path, path: Path) -> None:
    """Give a saved file its lasting name, once it is on the disk; the same set's file may be there already."""
    with scratch.open("rb") as saved:
        os.fsync(saved.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield key, values before and values after of every row."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            for row in batch.to_pylist():
                yield row["_key"], row["before"], row["after"]
