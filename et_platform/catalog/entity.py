"""crm/<entity>.yaml: one relation of the CRM, and how it is read.

What belongs here: sources and columns of the CRM, and rules that one such file can break alone. What does not: where a
column goes (data_extension.py), and what is written back (write_back.py).
"""

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from et_platform.catalog.base import ColumnType, Declaration, Documented, Duration, Pii

ROW_NUMBER = "rowid"
"""What DuckDB calls the number of a row, unless a column of a table is called so, without regard to case."""


class Column(Declaration):
    """A column of the CRM: what its values are read as."""

    type: ColumnType
    precision: Annotated[int, Field(ge=1, le=38)] = 18
    scale: Annotated[int, Field(ge=0, le=38)] = 4
    description: str = ""
    pii: Pii = "none"


class Incremental(Declaration):
    """Reading only what changed, by a column that the CRM moves up whenever it changes a row.

    `overlap` is read again each time, because a change may be committed after a later one was read: longer than the
    CRM's longest transaction and than the clocks that fill the column disagree; a number where the column counts.
    A full reading sees what the column does not tell, removals above all: at the latest after `full_after`, as every
    `full_every`-th reading, and after each write-back, unless the CRM itself moves the column then, too
    (`moves_with_every_write`, which a trigger does).
    """

    cursor: str
    overlap: Duration | Annotated[int, Field(ge=0)]
    full_after: Duration = timedelta(days=1)
    full_every: Annotated[int, Field(ge=2)] | None = None
    moves_with_every_write: bool = False


class CrmSource(Declaration):
    """Where an entity is read: one table, or one query in the CRM's own SQL.

    A large table may be read by up to `connections` connections at once, where the database allows.
    """

    table: str | None = None
    query: str | None = None
    incremental: Incremental | None = None
    connections: Annotated[int, Field(ge=1, le=16)] = 4

    @model_validator(mode="after")
    def _one_of_two(self) -> "CrmSource":
        if (self.table is None) == (self.query is None):
            raise ValueError("say either `table` or `query`, and only one of them")
        return self


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Keys = Annotated[
    tuple[str, ...],
    Field(min_length=1),
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
"""The column, or the columns in their order, by which rows are told apart."""


class CrmEntity(Documented):
    """crm/<entity>.yaml: one relation of the CRM, and how it is read."""

    source: CrmSource
    keys: Keys = Field(alias="key")
    columns: Annotated[dict[str, Column], Field(min_length=1)]

    @property
    def key(self) -> str:
        """The column that is the key; of a key of several columns the first."""
        return self.keys[0]

    @model_validator(mode="after")
    def _no_column_hides_the_numbers_of_rows(self) -> "CrmEntity":
        # Plans find rows again by the number that the lake gives them, and a column of that name would be taken for it.
        for name in self.columns:
            if name.casefold() == ROW_NUMBER:
                raise ValueError(
                    f"columns.{name}: no column can be called `{ROW_NUMBER}`, in any case, for the lake numbers its "
                    "rows by that name; give it another name in a view of the CRM, or in `source.query`"
                )
        return self

    @model_validator(mode="after")
    def _key_is_a_column(self) -> "CrmEntity":
        for key in self.keys:
            if key not in self.columns:
                raise ValueError(f"key {key!r} is not one of the columns: {', '.join(self.columns)}")
        if len(set(self.keys)) != len(self.keys):
            raise ValueError(f"key names a column twice: {', '.join(self.keys)}")
        return self

    @model_validator(mode="after")
    def _cursor_orders_changes(self) -> "CrmEntity":
        incremental = self.source.incremental
        if incremental is None:
            return self
        cursor, known = incremental.cursor, ", ".join(self.columns)
        if cursor not in self.columns:
            raise ValueError(f"source.incremental.cursor: {cursor!r} is not one of the columns: {known}")
        counts = self.columns[cursor].type == "integer"
        if not counts and self.columns[cursor].type not in ("timestamp", "date"):
            raise ValueError(f"source.incremental.cursor: {cursor!r} must be a timestamp, a date or an integer")
        if counts is isinstance(incremental.overlap, timedelta):
            wanted = "a number, as the cursor counts" if counts else "a length of time, such as `15 minutes`"
            raise ValueError(f"source.incremental.overlap: must be {wanted}")
        return self
