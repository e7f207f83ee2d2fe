"""A query's answer into its target: Overwrite, Append or Update.

What belongs here: fitting the columns to the target's fields, and writing the rows. What does not: computing the answer
(`worker.py`), the locks and the transaction around it.

A query fails as a whole: one value that does not fit, a missing required one, or a key that is there twice, and no
row is written.
"""

from __future__ import annotations

from datetime import datetime

from et_platform.simulator import rows, schema, values
from et_platform.simulator.queries.rewrite import DATE, QueryError
from et_platform.simulator.schema import DataExtension, Field
from et_platform.simulator.store import Connection

ANSWER = "answer"
"""The temporary relation that holds the query's answer; `$row` numbers it."""

_FITTED = "fitted"
UPDATE_TYPES = ("Overwrite", "Append", "Update")


def check(target: DataExtension, columns: tuple[str, ...], update_type: str) -> list[Field]:
    """The fields that the columns fill, in their order. Raises QueryError."""
    if update_type not in UPDATE_TYPES:
        raise QueryError(f"The TargetUpdateType {update_type or '(none)'} is none of {', '.join(UPDATE_TYPES)}.")
    if update_type == "Update" and not target.keys:
        raise QueryError("The TargetUpdateType Update needs a data extension with a primary key.")
    found = []
    for column in columns:
        field = target.field(column)
        if field is None:
            raise QueryError(f"The column '{column}' is not a field of the target data extension.")
        found.append(field)
    filled = {field.object_id for field in found}
    for field in target.fields:
        needed = field.key or (field.required and not field.default)
        if needed and field.object_id not in filled:
            raise QueryError(f"The required field '{field.name}' of the target data extension is not in the query.")
    return found


def write(
    connection: Connection,
    target: DataExtension,
    fields: list[Field],
    columns: tuple[str, ...],
    kind: str,
    now: datetime,
) -> int:
    """Write ANSWER's rows; how many they were. Raises QueryError. The caller holds the lock and a transaction."""
    _fit(connection, target, fields, columns, now)
    table, keyed = rows.table(target), bool(target.keys)
    if keyed and _any(connection, f"SELECT 1 FROM {_FITTED} GROUP BY {rows.KEY} HAVING count(*) > 1"):
        raise QueryError("Violation of PRIMARY KEY constraint. Cannot insert duplicate key.")
    held = f"SELECT {rows.KEY} FROM {table}"
    if kind == "Overwrite":
        connection.execute(f"DELETE FROM {table}")
    elif kind == "Append":
        if keyed and _any(connection, f"SELECT 1 FROM {_FITTED} WHERE {rows.KEY} IN ({held})"):
            raise QueryError("Violation of PRIMARY KEY constraint. Cannot insert duplicate key.")
    else:
        changed = ", ".join(f"{one.column} = f.{one.column}" for one in fields if not one.key)
        if changed:
            connection.execute(
                f"UPDATE {table} AS held SET {changed} FROM {_FITTED} AS f WHERE held.{rows.KEY} = f.{rows.KEY}"
            )
    new = f"WHERE {rows.KEY} NOT IN ({held})" if kind == "Update" else ""
    filled = {field.object_id for field in fields}
    names = ", ".join([rows.ID, rows.KEY, rows.CREATED, *(field.column for field in target.fields)])
    taken = [field.column if field.object_id in filled else values.default(field, now) for field in target.fields]
    connection.execute(
        f"INSERT INTO {table} ({names}) SELECT nextval('row_id'), {rows.KEY}, TIMESTAMP '{now.isoformat()}',"
        f' {", ".join(taken)} FROM {_FITTED} {new} ORDER BY "$row"'
    )
    counted = connection.execute(f"SELECT count(*) FROM {_FITTED}").fetchone()
    assert counted is not None
    return int(counted[0])


def forget(connection: Connection) -> None:
    """Drop the temporary relations."""
    connection.execute(f"DROP TABLE IF EXISTS {ANSWER}")
    connection.execute(f"DROP TABLE IF EXISTS {_FITTED}")


def _fit(
    connection: Connection, target: DataExtension, fields: list[Field], columns: tuple[str, ...], now: datetime
) -> None:
    """ANSWER with the target's columns and types. Raises QueryError for the first field that a value does not fit."""
    held = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {ANSWER}").fetchall()}
    typed = [
        _typed(field, f'"{column}"', str(held[column]), now) for field, column in zip(fields, columns, strict=True)
    ]
    key = values.key([field.column for field in target.keys])
    inner = f'SELECT "$row", {", ".join(typed)} FROM {ANSWER}'
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_FITTED} AS SELECT *, {key} AS {rows.KEY} FROM ({inner})")
    for field in fields:
        if field.required and _any(connection, f"SELECT 1 FROM {_FITTED} WHERE {field.column} IS NULL"):
            raise QueryError(f"Cannot insert the value NULL into the field '{field.name}'.")
        length = field.max_length if field.type in schema.TEXT_TYPES else None
        if length and _any(connection, f"SELECT 1 FROM {_FITTED} WHERE {values.too_long(field.column, length)}"):
            raise QueryError(f"String or binary data would be truncated: the field '{field.name}'.")


def _typed(field: Field, column: str, held: str, now: datetime) -> str:
    if field.sql_type == "VARCHAR":
        value = _as_text(column, held)
    elif field.type == "Date" and held == "VARCHAR":
        value = f"{DATE}({column})"
    elif field.type == "Date":
        value = f"date_trunc('second', CAST({column} AS TIMESTAMP) + INTERVAL 500 MILLISECOND)"
    else:
        value = f"CAST({column} AS {field.sql_type})"
    if field.required and field.default:
        value = f"coalesce({value}, {values.default(field, now)})"
    return f"{value} AS {field.column}"


def _as_text(column: str, held: str) -> str:
    if held == "TIMESTAMP":
        return f"strftime({column}, '%b %-d %Y %-I:%M%p')"
    if held == "BOOLEAN":
        return f"CAST(CAST({column} AS INTEGER) AS VARCHAR)"
    return f"CAST({column} AS VARCHAR)"


def _any(connection: Connection, sql: str) -> bool:
    return connection.execute(f"{sql} LIMIT 1").fetchone() is not None
