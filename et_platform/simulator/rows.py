"""The rows of data extensions: one DuckDB table each, its columns following the fields.

What belongs here: making, changing and dropping that table, and the names in it. What does not: deciding whether a
change is allowed (`objects/data_extension.py`), importing (`imports/`).

Besides one column per field a table has `$id` (`_CustomObjectKey`), `$key`, the folded key, and `$created`, when the
row's retention period began. There is no index: bulk loads stay fast, and uniqueness is kept by whoever writes under
the data extension's lock.
"""

from __future__ import annotations

from datetime import datetime

from et_platform.simulator import values
from et_platform.simulator.schema import DataExtension, Field
from et_platform.simulator.store import Connection

ID = '"$id"'
KEY = '"$key"'
CREATED = '"$created"'


def table(data_extension: DataExtension) -> str:
    """The quoted name of the data extension's table."""
    return f'rows."{data_extension.object_id}/{data_extension.revision}"'


def create(connection: Connection, data_extension: DataExtension) -> None:
    """Make the empty table."""
    columns = [f"{ID} BIGINT", f"{KEY} VARCHAR", f"{CREATED} TIMESTAMP"]
    columns += [f"{field.column} {field.sql_type}" for field in data_extension.fields]
    connection.execute(f"CREATE TABLE {table(data_extension)} ({', '.join(columns)})")


def drop(connection: Connection, data_extension: DataExtension) -> None:
    """Drop the table with all rows."""
    connection.execute(f"DROP TABLE {table(data_extension)}")


def clear(connection: Connection, data_extension: DataExtension) -> None:
    """Remove all rows."""
    connection.execute(f"DELETE FROM {table(data_extension)}")


def count(connection: Connection, data_extension: DataExtension) -> int:
    """How many rows there are."""
    row = connection.execute(f"SELECT count(*) FROM {table(data_extension)}").fetchone()
    return int(row[0]) if row else 0


def rebuild(connection: Connection, old: DataExtension, new: DataExtension, now: datetime) -> None:
    """Carry the rows over to changed fields, into a new table.

    DuckDB does not alter a table twice in one transaction, and a change may come with several fields. A new required
    field takes its default; a new nullable one is null.
    """
    before = {field.column for field in old.fields}
    columns = "".join(f", {_carried(field, before, now)} AS {field.column}" for field in new.fields)
    new.revision = old.revision + 1
    connection.execute(f"CREATE TABLE {table(new)} AS SELECT {ID}, {KEY}, {CREATED}{columns} FROM {table(old)}")
    drop(connection, old)


def _carried(field: Field, before: set[str], now: datetime) -> str:
    if field.column in before:
        return f"CAST({field.column} AS {field.sql_type})"
    return values.default(field, now) if field.required else f"CAST(NULL AS {field.sql_type})"
