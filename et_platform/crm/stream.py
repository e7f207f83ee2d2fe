"""Rows on their way from a database through DuckDB into Arrow.

What belongs here: what adapters share, and what those two do that have a DuckDB connection with the CRM attached. What
does not: the databases' own SQL and errors (sqlite.py, postgres.py, other.py).
"""

import codecs
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

from et_platform.crm.errors import CrmError
from et_platform.duckdb_support import literal

BATCH_ROWS = 50_000
ATTACHED = "crm"
"""The name under which the CRM's database is attached to DuckDB."""
SUBSTITUTE = "\x1a"
"""Stands for a byte that is no text: Unicode's own control character for it, which no field of ExactTarget takes."""


class OpenCrm:
    """What all adapters share: the connections that are open, and the failure that a reader ended in.

    Whoever uses up a reader may hide its errors in others (DuckDB does); so leaving the CRM's block with an error
    after a reader failed raises the reader's own CrmError.
    """

    def __init__(self) -> None:
        self._open = ExitStack()
        self._failure: CrmError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        if isinstance(error, Exception) and not isinstance(error, CrmError) and self._failure is not None:
            raise self._failure from error


class StreamingCrm(OpenCrm, ABC):
    """A CRM whose rows one of DuckDB's scanners fetches."""

    @abstractmethod
    def _explain(self, error: Exception, queries: Iterable[str]) -> CrmError:
        """Make our error of one that one of `queries` ended in."""

    def _stream(
        self,
        connection: duckdb.DuckDBPyConnection,
        scan: str,
        queries: Mapping[str, str],
        *,
        columns: Sequence[str],
    ) -> pa.RecordBatchReader:
        """Pass each query to the database attached under its name, by the table function `scan`, all at once.

        Their columns are text and get the names in `columns`. The connection is closed after the last row, or with
        the CRM.
        """
        self._open.callback(close, connection)
        schema = pa.schema([(name, pa.string()) for name in columns])
        scans = " UNION ALL ".join(f"FROM {scan}({literal(attached)}, ?)" for attached in queries)
        try:
            reader = connection.execute(scans, list(queries.values())).to_arrow_reader(BATCH_ROWS)
        except duckdb.Error as error:
            close(connection)
            raise self._explain(error, queries.values()) from error

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for batch in reader:
                    yield _as_text(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
            except (duckdb.Error, pa.ArrowException, OSError) as error:  # in mid-stream errors come by way of Arrow
                self._failure = self._explain(error, queries.values())
                raise self._failure from error
            finally:
                close(connection)

        return pa.RecordBatchReader.from_batches(schema, batches())


def close(connection: duckdb.DuckDBPyConnection) -> None:
    """Close a connection that may have a transaction open."""
    # By hand, where anything can be caught: a transaction whose server is gone ends the process when DuckDB itself
    # undoes it on the way out. In a connection that is closed already, or has none, there is nothing to undo.
    with contextlib.suppress(duckdb.Error):
        connection.execute("ROLLBACK")
    connection.close()


def said(error: Exception, queries: Iterable[str]) -> str:
    """Return what the database said about one of the queries, without DuckDB's frame around it."""
    text = str(error)
    for query in queries:
        text = text.rpartition(f'{query}": ')[2]
    text = text.partition("\n\nLINE 1: ")[0].partition("\nLINE ")[0]
    return text.removeprefix("IO Error: ").replace("ERROR:  ", "").strip()


def _as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, with SUBSTITUTE for every byte that is not UTF-8; the scanners hand on what the database holds."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        columns = [_mended(column) for column in batch.columns]
        return pa.RecordBatch.from_arrays(columns, schema=batch.schema)
    return batch


def _mended(column: pa.Array) -> pa.Array:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        values = column.cast(pa.binary()).to_pylist()
        texts = [None if value is None else value.decode("utf-8", _SUBSTITUTING) for value in values]
        return pa.array(texts, pa.string())
    return column


_SUBSTITUTING = "et_platform.substitute"
codecs.register_error(_SUBSTITUTING, lambda error: (SUBSTITUTE * (error.end - error.start), error.end))  # type: ignore
