"""Rows of data extensions: reading them in bulk as Arrow, writing and deleting them in small numbers.

Belongs here: DataExtensionObject. Does not: files and imports, the better way for many writes, and an extract,
the better way for many reads [D]. Values are texts, as the service gives them: dates in US form and rounded to
the second, booleans as True or False [D]; what they mean is the caller's.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from zeep.xsd import SkipValue

from et_platform.exacttarget.batches import NOT_XML, filters_of, write_all
from et_platform.exacttarget.models import FieldError, RowResult
from et_platform.exacttarget.row_pages import beginning_anew, read_rows
from et_platform.exacttarget.soap import MOST_RESULTS, Soap


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

    def upsert(
        self, *, customer_key: str, rows: Sequence[Mapping[str, str | None]], key_fields: Sequence[str] = ()
    ) -> list[RowResult]:
        """Add or update rows by primary key; returns one result for each row, in their order.

        None is null; an empty text is an empty text [D]. Fields that are not given keep their value. Fields named
        in `key_fields` travel as keys, which the service does not demand. Beware: a field that the data extension
        lacks is dropped without a word [D]. A row that XML cannot carry is refused here, the others are sent.
        """
        types = self._soap.types
        options = {"SaveOptions": {"SaveOption": [{"PropertyName": "*", "SaveAction": "UpdateAdd"}]}}

        def to_object(row: Mapping[str, str | None]) -> Any:
            one = types.DataExtensionObject(CustomerKey=customer_key)
            keys = [name for name in row if name in key_fields]
            if keys:
                one.Keys = {"Key": [self._property(name, row[name]) for name in keys]}
            one.Properties = {"Property": [self._property(name, row[name]) for name in row if name not in keys]}
            return one

        what = f"Writing rows to data extension {customer_key}"
        return self._write("Update", what, options, list(rows), to_object)

    def delete(self, *, customer_key: str, keys: Sequence[Mapping[str, str]]) -> list[RowResult]:
        """Delete rows by primary key; returns one result for each, in their order.

        A row that is not there is reported as not ok; after a lost answer the call is repeated, and reports rows
        that it had deleted itself in that way.
        """
        types = self._soap.types

        def to_object(key: Mapping[str, str]) -> Any:
            pairs = [self._property(name, value) for name, value in key.items()]
            return types.DataExtensionObject(CustomerKey=customer_key, Keys={"Key": pairs})

        what = f"Deleting rows of data extension {customer_key}"
        return self._write("Delete", what, {}, list(keys), to_object)

    def _property(self, name: str, value: str | None) -> Any:
        if value is None:
            return self._soap.types.NullAPIProperty(Name=name, Value=SkipValue)  # an empty Value is not null [D]
        return self._soap.types.APIProperty(Name=name, Value=value)

    def _write(
        self, operation: str, what: str, options: dict[str, Any], rows: list[Any], to_object: Any
    ) -> list[RowResult]:
        results: dict[int, RowResult] = {}
        for position, row in enumerate(rows):
            bad = [name for name, value in row.items() if NOT_XML.search(name + (value or ""))]
            if bad:
                message = f"Not sent: {', '.join(map(repr, bad))} has a character that XML cannot carry."
                results[position] = RowResult(row=position, ok=False, message=message)
        to_send = [position for position in range(len(rows)) if position not in results]
        found = write_all(self._soap, operation, (to_object(rows[one]) for one in to_send), what=what, options=options)
        results |= {position: read_row_result(position, one) for position, one in zip(to_send, found, strict=True)}
        return [results[position] for position in range(len(rows))]


def read_row_result(row: int, result: Any) -> RowResult:
    """The outcome of one row from a DataExtensionUpdateResult or DataExtensionDeleteResult."""
    key_errors, value_errors = getattr(result, "KeyErrors", None), getattr(result, "ValueErrors", None)
    errors = [
        *(key_errors.KeyError if key_errors is not None else ()),
        *(value_errors.ValueError if value_errors is not None else ()),
    ]
    return RowResult(
        row=row,
        ok=result.StatusCode == "OK",
        code=result.ErrorCode,
        message=getattr(result, "ErrorMessage", None) or result.StatusMessage or "",
        field_errors=tuple(
            FieldError(
                name=error.Name or "",
                code=None if error.ErrorCode is None else int(error.ErrorCode),
                message=error.ErrorMessage or "",
            )
            for error in errors
        ),
    )
