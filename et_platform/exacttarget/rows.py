"""Rows of data extensions: reading them in bulk as Arrow, writing and deleting them in small numbers.

Belongs here: DataExtensionObject. Does not: files and imports, the better way for many writes, and an extract,
the better way for many reads [D]. Values are texts, as the service gives them: dates in US form and rounded to
the second, booleans as True or False [D]; what they mean is the caller's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from zeep.xsd import SkipValue

from et_platform.exacttarget.asynchronous import QueuePriority, results_of, submit
from et_platform.exacttarget.batches import NOT_XML, filters_of, write_all
from et_platform.exacttarget.data_extensions import fields_of
from et_platform.exacttarget.errors import InvalidDefinition
from et_platform.exacttarget.filters import Filter, checked, joined, to_part
from et_platform.exacttarget.models import AsyncWrite, Field, RowResult
from et_platform.exacttarget.row_pages import beginning_anew, read_rows
from et_platform.exacttarget.row_results import read_row_result
from et_platform.exacttarget.soap import MOST_RESULTS, Repeat, Soap

Row = Mapping[str, str | None]
"""A row to write: values by field name."""

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
        where: Filter | None = None,
        known: Sequence[Field] | None = None,
        batch_size: int = MOST_RESULTS,
        rereads: int = 0,
    ) -> Iterator[pa.RecordBatch]:
        """Read rows, one record batch for each page; a data extension without rows gives none.

        Every column is a string, named as in `fields`. A value that is absent or nil is null; an empty Value is
        an empty text, and the service may show null as that [K]. `keys` is a field and the values wanted of it:
        only rows that match one are read (each once, as the service compares: without case), in as many calls as
        needed. `where` is a condition (`filters.py`); it is checked against the fields' types before it is sent, for
        which they are read, unless they are given as `known`: do so for a shared data extension, whose fields a child
        does not find under `ENT.…` [K]. With both, rows must fulfil both. `batch_size` is rows in a page, at most
        2,500.

        Raises NotFound, InvalidDefinition for an unknown field or a condition that does not fit, and ReadInterrupted if
        a page after the first is lost; what was given out before is then not the whole. A lost page cannot be asked for
        again: whether the same or the next one would come is not documented [K]. With `rereads`, the read begins anew
        so many times instead; pages that were given out are compared with those that come now, and are not given out
        again. If they differ, for the data extension changed meanwhile, ReadInterrupted is raised after all.
        """
        if not fields:
            raise ValueError("fields is empty: the service wants every field named")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        object_type = f"DataExtensionObject[{customer_key}]"
        what = f"Reading rows of data extension {customer_key}"
        condition = None if where is None else self._condition(customer_key, where, known, what)
        for one in [condition] if keys is None else self._with_keys(keys, condition):

            def begin(part: Any = one) -> Iterator[pa.RecordBatch]:
                pages = self._soap.pages(
                    object_type, fields, what=what, where=part, batch_size=batch_size, hide_values=True
                )
                return (batch for page in pages if (batch := read_rows(page, fields)).num_rows)

            yield from beginning_anew(begin, times=rereads, what=what) if rereads else begin()

    def _condition(self, customer_key: str, where: Filter, known: Sequence[Field] | None, what: str) -> Any:
        fields = fields_of(self._soap, customer_key) if known is None else known
        # like is not supported for rows [D]
        return to_part(checked(where, fields, what=what, refused=("like",)), self._soap.types)

    def _with_keys(self, keys: tuple[str, Sequence[str]], condition: Any) -> Iterator[Any]:
        for part in filters_of(self._soap, *keys):
            yield part if condition is None else joined([part, condition], "AND", self._soap.types)

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

    def insert_later(
        self,
        *,
        customer_key: str,
        rows: Sequence[Row],
        priority: QueuePriority = "Medium",
        not_before: datetime | None = None,
    ) -> AsyncWrite:
        """As `upsert_later`, to be added: a key that is there by then is an error of its row."""
        return self._later("Create", customer_key, rows, {}, (), priority, not_before)

    def update_later(
        self,
        *,
        customer_key: str,
        rows: Sequence[Row],
        key_fields: Sequence[str] = (),
        priority: QueuePriority = "Medium",
        not_before: datetime | None = None,
    ) -> AsyncWrite:
        """As `upsert_later`, to be changed: a row that is not there by then is an error."""
        return self._later("Update", customer_key, rows, {}, key_fields, priority, not_before)

    def upsert_later(
        self,
        *,
        customer_key: str,
        rows: Sequence[Row],
        key_fields: Sequence[str] = (),
        priority: QueuePriority = "Medium",
        not_before: datetime | None = None,
    ) -> AsyncWrite:
        """Hand rows over to be added or updated later; returns at once. `results_of` tells what came of them.

        `not_before` is aware, and at most 30 days ahead [D]. Raises InvalidDefinition for a row that XML cannot carry,
        before anything is sent, and for what the service refuses to take (200-227). Parts are not ordered among each
        other: do not hand over one key twice.
        """
        return self._later("Update", customer_key, rows, UPSERT, key_fields, priority, not_before)

    def delete_later(
        self,
        *,
        customer_key: str,
        keys: Sequence[Mapping[str, str]],
        priority: QueuePriority = "Medium",
        not_before: datetime | None = None,
    ) -> AsyncWrite:
        """As `upsert_later`, to be deleted by primary key: a row that is not there by then is an error."""
        return self._later("Delete", customer_key, keys, {}, None, priority, not_before)

    def results_of(self, *, write: AsyncWrite) -> list[RowResult] | None:
        """One result for each row of a write that was handed over, in their order; None while it is not done.

        Results are kept for 30 days [D].
        """
        return results_of(self._soap, write, read_row_result)

    def delete(self, *, customer_key: str, keys: Sequence[Mapping[str, str]]) -> list[RowResult]:
        """Delete rows by primary key; returns one result for each, in their order.

        A row that is not there is reported as not ok; after a lost answer the call is repeated, and reports rows
        that it had deleted itself in that way.
        """
        what = f"Deleting rows of data extension {customer_key}"
        return self._write("Delete", what, {}, keys, lambda key: self._key(customer_key, key))

    def _key(self, customer_key: str, key: Row) -> Any:
        pairs = [self._property(name, value) for name, value in key.items()]
        return self._soap.types.DataExtensionObject(CustomerKey=customer_key, Keys={"Key": pairs})

    def _later(
        self,
        operation: str,
        customer_key: str,
        rows: Sequence[Row],
        options: Mapping[str, Any],
        key_fields: Sequence[str] | None,
        priority: QueuePriority,
        not_before: datetime | None,
    ) -> AsyncWrite:
        """Hand over rows, or keys alone where there are no `key_fields`."""
        what = f"Handing over rows to data extension {customer_key}"
        bad = [str(position) for position, row in enumerate(rows) if bad_fields(row)]
        if bad:
            raise InvalidDefinition(
                f"{what} was not done: rows {', '.join(bad[:20])} have characters that XML cannot carry. Remove them."
            )
        return submit(
            self._soap,
            operation,
            [
                self._key(customer_key, row) if key_fields is None else self._row(customer_key, row, key_fields)
                for row in rows
            ],
            what=what,
            options=options,
            priority=priority,
            not_before=not_before,
        )

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
