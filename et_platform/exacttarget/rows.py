"""Rows of data extensions: reading them in bulk as Arrow, writing and deleting them in small numbers.

Belongs here: DataExtensionObject. Does not: files and imports, the better way for many writes, and an extract,
the better way for many reads [D]. Values are texts, as the service gives them: dates in US form and rounded to
the second, booleans as True or False [D]; what they mean is the caller's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa
from zeep.xsd import SkipValue

from et_platform.exacttarget.asynchronous import results_of, submit
from et_platform.exacttarget.batches import NOT_XML, filters_of, write_all
from et_platform.exacttarget.errors import InvalidDefinition
from et_platform.exacttarget.models import AsyncWrite, RowResult
from et_platform.exacttarget.row_pages import beginning_anew, read_rows
from et_platform.exacttarget.row_results import read_row_result
from et_platform.exacttarget.soap import MOST_RESULTS, Repeat, Soap

Row = Mapping[str, str | None]
"""A row to write: values by field name."""
QueuePriority = Literal["Low", "Medium", "High"]

UPSERT: Mapping[str, Any] = {"SaveOptions": {"SaveOption": [{"PropertyName": "*", "SaveAction": "UpdateAdd"}]}}


class Rows:
    """The rows of the business unit's data extensions. Every method raises what `Soap.call` raises."""

    def __init__(self, soap: Soap):
        self._soap = soap

    def read(
        self,
        *,
        customer_key: str,
        fields: Sequence[str],
        keys: tuple[str, Sequence[str]] | None = None,
        batch_size: int = MOST_RESULTS,
        rereads: int = 0,
    ) -> Iterator[pa.RecordBatch]:
        """Read rows, one record batch for each page; a data extension without rows gives none.

        Every column is a string, named as in `fields`. A value that is absent or nil is null; an empty Value is
        an empty text, and the service may show null as that [K]. `keys` is a field and the values wanted of it:
        only rows that match one are read (each once, as the service compares: without case), in as many calls as
        needed. `batch_size` is rows in a page, at most 2,500.

        Raises NotFound, InvalidDefinition for an unknown field, and ReadInterrupted if a page after the first is
        lost; what was given out before is then not the whole. A lost page cannot be asked for again: whether the same
        or the next one would come is not documented [K]. With `rereads`, the read begins anew so many times instead;
        pages that were given out are compared with those that come now, and are not given out again. If they differ,
        for the data extension changed meanwhile, ReadInterrupted is raised after all.
        """
        if not fields:
            raise ValueError("fields is empty: the service wants every field named")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        object_type = f"DataExtensionObject[{customer_key}]"
        what = f"Reading rows of data extension {customer_key}"
        for where in [None] if keys is None else filters_of(self._soap, *keys):

            def begin(where: Any = where) -> Iterator[pa.RecordBatch]:
                pages = self._soap.pages(
                    object_type, fields, what=what, where=where, batch_size=batch_size, hide_values=True
                )
                return (batch for page in pages if (batch := read_rows(page, fields)).num_rows)

            yield from beginning_anew(begin, times=rereads, what=what) if rereads else begin()

    def insert(self, *, customer_key: str, rows: Sequence[Row]) -> list[RowResult]:
        """Add rows; returns one result for each, in their order. A key that is there already is an error of its row.

        None is null; an empty text is an empty text [D]. Beware: a field that the data extension lacks is dropped
        without a word [D]. A row that XML cannot carry is refused here, the others are sent. No call is repeated, for
        a data extension without primary key takes every row twice: raises InDoubt when an answer was lost.
        """
        what = f"Adding rows to data extension {customer_key}"
        return self._write("Create", what, {}, rows, lambda row: self._row(customer_key, row), Repeat.NEVER)

    def update(self, *, customer_key: str, rows: Sequence[Row], key_fields: Sequence[str] = ()) -> list[RowResult]:
        """Change rows that are there, by primary key; a row that is not there is an error. Else as `upsert`."""
        what = f"Updating rows of data extension {customer_key}"
        return self._write("Update", what, {}, rows, lambda row: self._row(customer_key, row, key_fields))

    def upsert(self, *, customer_key: str, rows: Sequence[Row], key_fields: Sequence[str] = ()) -> list[RowResult]:
        """Add or update rows by primary key; returns one result for each row, in their order.

        None is null; an empty text is an empty text [D]. Fields that are not given keep their value. Fields named
        in `key_fields` travel as keys, which the service does not demand. Beware: a field that the data extension
        lacks is dropped without a word [D]. A row that XML cannot carry is refused here, the others are sent.
        """
        what = f"Writing rows to data extension {customer_key}"
        return self._write("Update", what, UPSERT, rows, lambda row: self._row(customer_key, row, key_fields))

    def upsert_later(self, *, customer_key: str, rows: Sequence[Row], priority: QueuePriority = "Medium") -> AsyncWrite:
        """Hand rows over to be added or updated later; returns at once. `results_of` tells what came of them.

        Raises InvalidDefinition for a row that XML cannot carry, before anything is sent. Parts are not ordered among
        each other: do not hand over one key twice.
        """
        what = f"Handing over rows to data extension {customer_key}"
        bad = [str(position) for position, row in enumerate(rows) if bad_fields(row)]
        if bad:
            raise InvalidDefinition(
                f"{what} was not done: rows {', '.join(bad[:20])} have characters that XML cannot carry. Remove them."
            )
        objects = [self._row(customer_key, row) for row in rows]
        return submit(self._soap, "Update", objects, what=what, options={**UPSERT, "QueuePriority": priority})

    def results_of(self, write: AsyncWrite) -> list[RowResult] | None:
        """One result for each row of a write that was handed over, in their order; None while it is not done.

        Results are kept for 30 days [D].
        """
        return results_of(self._soap, write)

    def delete(self, *, customer_key: str, keys: Sequence[Mapping[str, str]]) -> list[RowResult]:
        """Delete rows by primary key; returns one result for each, in their order.

        A row that is not there is reported as not ok; after a lost answer the call is repeated, and reports rows
        that it had deleted itself in that way.
        """

        def to_object(key: Mapping[str, str]) -> Any:
            pairs = [self._property(name, value) for name, value in key.items()]
            return self._soap.types.DataExtensionObject(CustomerKey=customer_key, Keys={"Key": pairs})

        return self._write("Delete", f"Deleting rows of data extension {customer_key}", {}, keys, to_object)

    def _row(self, customer_key: str, row: Row, key_fields: Sequence[str] = ()) -> Any:
        one = self._soap.types.DataExtensionObject(CustomerKey=customer_key)
        keys = [name for name in row if name in key_fields]
        if keys:
            one.Keys = {"Key": [self._property(name, row[name]) for name in keys]}
        one.Properties = {"Property": [self._property(name, row[name]) for name in row if name not in keys]}
        return one

    def _property(self, name: str, value: str | None) -> Any:
        if value is None:
            return self._soap.types.NullAPIProperty(Name=name, Value=SkipValue)  # an empty Value is not null [D]
        return self._soap.types.APIProperty(Name=name, Value=value)

    def _write(
        self,
        operation: str,
        what: str,
        options: Mapping[str, Any],
        rows: Sequence[Row],
        to_object: Callable[[Any], Any],
        repeat: Repeat = Repeat.SAFE,
    ) -> list[RowResult]:
        results: dict[int, RowResult] = {}
        for position, row in enumerate(rows):
            if bad := bad_fields(row):
                message = f"Not sent: {', '.join(map(repr, bad))} has a character that XML cannot carry."
                results[position] = RowResult(row=position, ok=False, message=message)
        to_send = [position for position in range(len(rows)) if position not in results]
        objects = (to_object(rows[one]) for one in to_send)
        found = write_all(self._soap, operation, objects, what=what, options=options, repeat=repeat)
        results |= {position: read_row_result(position, one) for position, one in zip(to_send, found, strict=True)}
        return [results[position] for position in range(len(rows))]


def bad_fields(row: Row) -> list[str]:
    """The fields of a row that have a character that XML cannot carry."""
    return [name for name, value in row.items() if NOT_XML.search(name + (value or ""))]
