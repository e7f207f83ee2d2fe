"""Expressions over the columns of a row: what they may hold, which columns they read, and of which type they are.

What belongs here: one expression against the columns it may use. What does not: which data extension says it
(sources.py), and whether its value may be sent (field_rules.py).

A row that did not change is not computed anew. So an expression sees its row and nothing else: no clock, no chance, no
other row. It is parsed by DuckDB itself, so what is accepted here is what will run.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

import duckdb

from et_platform.catalog.models import Column, ColumnType
from et_platform.duckdb_support import quoted

_SQL_TYPES: dict[ColumnType, str] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
_READ_AS: dict[str, ColumnType] = {
    "VARCHAR": "text",
    "UUID": "text",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "integer"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "double"),
    "BOOLEAN": "boolean",
    "DATE": "date",
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "timestamp"),
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


class BadExpression(ValueError):
    """An expression cannot be used; the message says why and what to write, and starts with a small letter."""


def column_of(sql_type: str) -> Column | None:
    """The column that values of a DuckDB type are read as; None for a type that no field can take (list, blob, …)."""
    if found := _DECIMAL.fullmatch(sql_type):
        return Column(type="decimal", precision=int(found[1]), scale=int(found[2]))
    if sql_type.startswith("ENUM"):
        return Column(type="text")
    read_as = _READ_AS.get(sql_type)
    return Column(type=read_as) if read_as is not None else None


def as_column(value: str, sql_type: str) -> str:
    """SQL for a value of a DuckDB type in the form that a column of the lake keeps it in: moments in UTC, no zones."""
    if sql_type == "TIMESTAMP WITH TIME ZONE":
        return f"timezone('UTC', {value})"
    if sql_type == "UUID" or sql_type.startswith("ENUM"):
        return f"CAST({value} AS VARCHAR)"
    return f"CAST({value} AS TIMESTAMP)" if sql_type.startswith("TIMESTAMP_") else value


def columns_read(expression: str, columns: Mapping[str, Column] | None) -> list[str]:
    """The columns that an expression reads, as they are declared; None for `columns` takes every name for one.

    Raises BadExpression.
    """
    known = {name.lower(): name for name in columns or ()}
    found: dict[str, None] = {}
    for node in parts(_parsed(expression)):
        match node.get("class"):
            case "COLUMN_REF":
                path = node["column_names"]
                name = known.get(path[0].lower())
                if name is not None:
                    found[name] = None
                elif _stability(path[0]) is not None:
                    _refuse_unless_steady(path[0])  # current_date and its like are written as columns are
                elif columns is None and not _is_parameter(path[0], expression):
                    found[path[0]] = None
                elif columns is not None and not _is_parameter(path[0], expression):
                    raise BadExpression(f"there is no column {path[0]!r}; the source has: {', '.join(columns)}")
            case "FUNCTION":
                _refuse_unless_steady(node["function_name"])
            case "WINDOW" | "SUBQUERY" | "STAR":
                raise BadExpression(
                    "an expression sees one row: no window function, no subquery and no *; use `source: {sql: …}` "
                    "or a dbt model for what needs other rows"
                )
    return list(found)


def type_of(expression: str, columns: Mapping[str, Column]) -> tuple[Column, str]:
    """What the expression's values are read as, and their DuckDB type. Raises BadExpression."""
    columns_read(expression, columns)
    empty = ", ".join(f"NULL::{_sql_type(column)} AS {quoted(name)}" for name, column in columns.items())
    try:
        row = (
            empty_database()
            .execute(f"DESCRIBE SELECT {in_brackets(expression)} AS value FROM (SELECT {empty})")
            .fetchone()
        )
    except duckdb.Error as error:
        raise BadExpression(_cause(error)) from None
    assert row is not None
    column = column_of(row[1])
    if column is None:
        raise BadExpression(
            f"its values are of type {row[1]}, which no field takes; cast them, as in CAST(… AS VARCHAR)"
        )
    return column, row[1]


def parsed(sql: str) -> list[dict[str, Any]]:
    """The statements of a text, as DuckDB's parser has them. Raises BadExpression."""
    row = empty_database().execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    assert row is not None
    found = json.loads(row[0])
    if found["error"]:
        raise BadExpression(f"it cannot be read as SQL: {found['error_message']}")
    return found["statements"]


@lru_cache(maxsize=4096)
def _parsed(expression: str) -> Any:
    statements = parsed(f"SELECT {in_brackets(expression)} AS value")
    node = statements[0]["node"]
    if len(statements) > 1 or len(node["select_list"]) > 1 or node["from_table"]["type"] != "EMPTY":
        raise BadExpression("it is more than one expression; write the expression alone")
    return node["select_list"]


def in_brackets(expression: str) -> str:
    """The expression as a part of a larger one, whatever comment it ends in."""
    return f"(\n{expression}\n)"


def parts(of: Any) -> Iterator[dict[str, Any]]:
    """What a parsed statement is made of, at every depth."""
    if isinstance(of, dict):
        yield of
    for value in of.values() if isinstance(of, dict) else of if isinstance(of, list) else ():
        yield from parts(value)


def _is_parameter(name: str, expression: str) -> bool:
    """Whether the name is one of a lambda's own, which DuckDB writes as it writes columns."""
    return re.search(rf"\blambda\b[^:]*\b{re.escape(name)}\b[^:]*:", expression, re.IGNORECASE) is not None


def _refuse_unless_steady(function: str) -> None:
    known = _stability(function)
    if known == "aggregate":
        raise BadExpression(f"{function}() is over many rows, and an expression sees one; use a dbt model for it")
    if known not in (None, "CONSISTENT"):
        raise BadExpression(
            f"{function}() is not the same each time, and a row that did not change is not computed anew; "
            "use `source: {sql: …}` or a dbt model for what depends on the time"
        )


def _stability(function: str) -> str | None:
    return _functions().get(function.lower())


@cache
def _functions() -> dict[str, str]:
    rows = empty_database().execute(
        "SELECT lower(function_name), min(CASE WHEN function_type = 'aggregate' THEN 'aggregate' ELSE stability END) "
        "FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate') GROUP BY 1"
    )
    return dict(rows.fetchall())


def empty_database() -> duckdb.DuckDBPyConnection:
    """An empty database of nobody's; a cursor of it may be used beside others."""
    return _empty().cursor()


@cache
def _empty() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _sql_type(column: Column) -> str:
    return f"DECIMAL({column.precision}, {column.scale})" if column.type == "decimal" else _SQL_TYPES[column.type]


def _cause(error: duckdb.Error) -> str:
    first = str(error).split("\n")[0]
    return first.split(": ", 1)[-1].strip().rstrip(".!")
