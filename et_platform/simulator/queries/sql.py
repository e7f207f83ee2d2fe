"""What a query activity may say: from its T-SQL to SQL of the store.

What belongs here: parsing, what is allowed, which relations a query names, resolving its columns. What does not: the
meaning of single functions (`rewrite.py`), what the relations hold (`relations.py`).

A query is one SELECT [3]. Only what is listed here passes: every other statement, clause and function is refused by
name. So a query reaches neither files nor settings nor another unit's rows, whatever DuckDB offers: its tables are
replaced by relations that the caller gives, and a function that is not listed never gets as far as DuckDB.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, ParseError, TokenError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from et_platform.simulator.queries import rewrite
from et_platform.simulator.queries.rewrite import QueryError


@dataclass(frozen=True)
class Relation:
    """What a name in a query stands for: SQL of the store with these columns (lower case), and their T-SQL types."""

    sql: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Named:
    """A table as a query names it; `shared` with the prefix `ENT.`."""

    name: str
    shared: bool = False


Resolve = Callable[[Named], Relation | None]


@dataclass(frozen=True)
class Translated:
    """A query in SQL of the store, its columns in order (lower case), and what it reads."""

    sql: str
    columns: tuple[str, ...]
    reads: tuple[Named, ...]


_SYNTAX = (
    *(exp.Select, exp.Union, exp.Except, exp.Intersect, exp.Subquery, exp.From, exp.Join, exp.Where, exp.Group),
    *(
        exp.Having,
        exp.Order,
        exp.Ordered,
        exp.Limit,
        exp.Offset,
        exp.Fetch,
        exp.LimitOptions,
        exp.Distinct,
        exp.With,
        exp.CTE,
    ),
    *(exp.Table, exp.TableAlias, exp.WithTableHint, exp.Column, exp.Identifier, exp.Alias, exp.Star, exp.Literal),
    *(exp.Null, exp.Paren, exp.Tuple, exp.Var, exp.DataType, exp.DataTypeParam, exp.Window, exp.WindowSpec),
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between),
    *(exp.Like, exp.Exists, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.Case, exp.If, exp.National),
    *(exp.LimitOptions,),
)
_FUNCTIONS = (
    *(exp.Cast, exp.TryCast, exp.Convert, exp.Coalesce, exp.Nullif, exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max),
    *(exp.Length, exp.Left, exp.Right, exp.Substring, exp.Upper, exp.Lower, exp.Trim, exp.Replace, exp.Concat),
    *(exp.StrPosition, exp.Reverse, exp.Stuff, exp.Repeat, exp.Abs, exp.Ceil, exp.Floor, exp.Round, exp.Sign),
    *(exp.Sqrt, exp.Pow, exp.Uuid, exp.CurrentTimestamp, exp.CurrentDate, exp.DateAdd, exp.DateDiff, exp.Extract),
    *(exp.Year, exp.Month, exp.Day, exp.DateFromParts, exp.LastDay, exp.TimeToStr, exp.TimeStrToTime, exp.TsOrDsToDate),
    *(exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue),
    *(exp.GroupConcat, exp.Stddev, exp.StddevPop, exp.Variance),
)
_TAKEN = frozenset((*_SYNTAX, *_FUNCTIONS))
_ONLY_SELECT = "Only one SELECT statement is allowed in a query"


def translate(text: str, resolve: Resolve, *, now: datetime, ctes: bool) -> Translated:
    """The query as SQL of the store; `now` is what GETDATE() gives. Raises QueryError."""
    tree = _parsed(text, ctes=ctes)
    names = _column_names(tree)
    relations: dict[str, Relation] = {}
    reads: list[Named] = []
    for table in list(_tables(tree)):
        named = _named(table)
        relation = resolve(named)
        if relation is None:
            raise QueryError(f"Invalid object name '{'ENT.' if named.shared else ''}{named.name}'.")
        stand_in = f"$relation{len(relations)}"
        relations[stand_in] = relation
        reads.append(named)
        alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(named.name, quoted=True))
        table.replace(exp.Table(this=exp.to_identifier(stand_in, quoted=True), alias=alias))
    sql = _generated(tree, relations, now)
    if names is None:
        names = tuple(one.alias_or_name for one in _leftmost(sql).expressions)
    names = tuple(name.lower() for name in names)
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise QueryError(f"The column name '{twice}' is specified more than once.")
    listed = ", ".join(f'"{name}" AS NOT MATERIALIZED ({one.sql})' for name, one in relations.items())
    body = sql.sql(dialect="duckdb")
    wrapped = f"SELECT * FROM ({body})"
    return Translated(f"WITH {listed} {wrapped}" if listed else wrapped, names, tuple(dict.fromkeys(reads)))


def _parsed(text: str, *, ctes: bool) -> exp.Query:
    try:
        statements = [one for one in sqlglot.parse(text, dialect="tsql") if one is not None]
    except (ParseError, TokenError) as error:
        raise QueryError(f"Incorrect syntax: {_first_line(str(error))}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise QueryError(f"{_ONLY_SELECT}.")
    tree = statements[0]
    for node in tree.walk():
        _check(node)
        if isinstance(node, exp.Select):
            _check_clauses(node)
    if not ctes and tree.find(exp.With):
        raise QueryError("Incorrect syntax near the keyword 'WITH'.")
    return tree


def _check(node: exp.Expr) -> None:
    if isinstance(node, exp.Anonymous):
        if node.name.upper() not in rewrite.BY_NAME:
            raise QueryError(f"'{node.name}' is not a recognized built-in function name.")
    elif type(node) not in _TAKEN:
        if isinstance(node, exp.Func):
            raise QueryError(f"'{node.sql_name()}' is not a recognized built-in function name.")
        raise QueryError(f"{_ONLY_SELECT}; {node.key.upper()} is not supported.")


def _check_clauses(select: exp.Select) -> None:
    for clause in ("into", "for_", "locks", "options", "laterals", "sample", "connect", "match", "qualify", "windows"):
        if select.args.get(clause):
            raise QueryError(f"{_ONLY_SELECT}; {clause.rstrip('_').upper()} is not supported.")
    for options in (one.args for one in select.find_all(exp.LimitOptions)):
        if options.get("percent") or options.get("with_ties"):
            raise QueryError("TOP takes a number of rows; PERCENT and WITH TIES are not supported.")


def _tables(tree: exp.Query) -> Iterator[exp.Table]:
    """The tables that are no names of common table expressions."""
    known = {one.alias_or_name.lower() for one in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and not table.args.get("db") and table.name.lower() in known:
            continue
        yield table


def _named(table: exp.Table) -> Named:
    if not isinstance(table.this, exp.Identifier):
        raise QueryError(f"Invalid object name '{table.this.sql(dialect='tsql')}'.")
    schema = table.db.lower()
    if table.catalog or schema not in ("", "dbo", "ent"):
        raise QueryError(f"Invalid object name '{table.catalog or table.db}.{table.name}'.")
    return Named(table.name, shared=schema == "ent")


def _leftmost(tree: exp.Query) -> exp.Select:
    while not isinstance(tree, exp.Select):
        tree = tree.this
    return tree


def _column_names(tree: exp.Query) -> tuple[str, ...] | None:
    """The names of the result's columns; None where a star hides some. Raises QueryError for one without a name."""
    columns = _leftmost(tree).expressions
    for place, one in enumerate(columns, 1):
        if not one.is_star and not one.alias_or_name:
            raise QueryError(f"No column name was specified for column {place}.")
    if any(one.is_star for one in columns):
        return None
    return tuple(one.alias_or_name for one in columns)


def _generated(tree: exp.Query, relations: Mapping[str, Relation], now: datetime) -> exp.Query:
    """The tree with every column resolved and typed, and its functions as DuckDB has them. Raises QueryError."""
    schema: dict[str, object] = {name: dict(one.columns) for name, one in relations.items()}
    try:
        resolved = qualify(tree, schema=schema, dialect="tsql", quote_identifiers=True)
        typed = annotate_types(resolved, schema=schema, dialect="tsql")
    except OptimizeError as error:
        raise QueryError(_unresolved(str(error))) from error
    rewritten = rewrite.rewritten(typed, now)
    assert isinstance(rewritten, exp.Query)
    return rewritten


_COLUMN = re.compile(r"[Cc]olumn '([^']*)'|Unknown column: (.*?)\.?$")


def _unresolved(message: str) -> str:
    found = _COLUMN.search(_first_line(message))
    if found is None:
        return _first_line(message)
    name = (found[1] or found[2] or "").replace('"', "")
    word = "Ambiguous" if "mbiguous" in message else "Invalid"
    return f"{word} column name '{name}'."


def _first_line(message: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", message).strip().partition("\n")[0]
