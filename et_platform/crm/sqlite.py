"""A CRM in a SQLite file.

What belongs here: SQLite's way to list columns, to write values as text, and to fail. What does not: everything that
is the same for PostgreSQL (stream.py).

Only DuckDB's own copy of SQLite opens the file: with two copies in one process, one that closes the file would drop
the other's locks (sqlite_file.py keeps our own writing apart). All rows come from one statement on one connection, and
so from one snapshot.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from et_platform.crm.errors import CrmError, CrmUnreachable, MissingTable, ReadFailed
from et_platform.crm.source import Since, Source, SourceColumn, find_columns
from et_platform.crm.sqlite_file import reading
from et_platform.crm.stream import ATTACHED, StreamingCrm, said
from et_platform.crm.values import Kind
from et_platform.duckdb_support import literal, load_extension, quoted

_KINDS: tuple[tuple[tuple[str, ...], Kind], ...] = (
    # In this order: what SQLite asks first decides how a column stores a value.
    (("INT",), "integer"),
    (("CHAR", "CLOB", "TEXT"), "text"),
    (("BOOL",), "boolean"),
    (("TIMESTAMP", "DATETIME"), "timestamp"),
    (("DATE",), "date"),
    (("REAL", "FLOA", "DOUB", "DEC", "NUM"), "number"),
)


class SqliteCrm(StreamingCrm):
    """See connect.Crm. SQLite has no dates and times, so they come as the text or number that the CRM wrote.

    Columns of a table or view declared BOOLEAN give true and false; a query's 1 and 0 stay as they are, for SQLite
    does not say what a query's columns are. A BLOB is read as the UTF-8 text that its bytes spell.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; raises CrmUnreachable if it is absent, locked, unreadable or no SQLite database."""
        super().__init__()
        self._path = path
        self._asked: duckdb.DuckDBPyConnection | None = None
        if not path.is_file():
            trouble = "is not a file" if path.exists() else "does not exist"
            raise CrmUnreachable(f"The CRM's SQLite database {path} {trouble}. Correct the path in the CRM's URL.")
        self._open.enter_context(reading(path))
        try:
            self._ask("SELECT count(*) FROM sqlite_schema")
        except CrmError:
            self._open.close()
            raise

    def columns(self, source: Source) -> tuple[SourceColumn, ...]:
        """See connect.Crm."""
        return self._relation(source)[0]

    def clock(self) -> datetime:
        """See connect.Crm; SQLite has no clock but that of whoever writes the file."""
        return datetime.now(UTC).replace(tzinfo=None)

    def read(
        self, source: Source, columns: Sequence[str], *, since: Since | None = None, connections: int = 1
    ) -> pa.RecordBatchReader:
        """See connect.Crm. One statement on one connection, whatever `connections` says: no two of them could be made
        to see the same snapshot.
        """
        declared, is_table = self._relation(source)
        by_name = {column.name: column for column in declared}
        available = [column.name for column in declared]
        texts = ", ".join(
            f"{_text(by_name[name], is_table=is_table)} AS c{number}"
            for number, name in enumerate(find_columns(columns, available, source))
        )
        query = f"SELECT {texts} FROM {source.relation}"
        if since is not None:
            key, cursor = find_columns([since.key, since.cursor], available, source)
            query += f" WHERE {_changed(source, since, quoted(key), quoted(cursor))}"
        return self._stream(self._attach(), "sqlite_query", {ATTACHED: query}, columns=columns)

    def _relation(self, source: Source) -> tuple[tuple[SourceColumn, ...], bool]:
        """The columns, and whether they are a table's own: then a column of texts holds nothing but texts."""
        if source.table is None:
            rows = self._ask(f"SELECT * FROM {source.relation} LIMIT 0", describe=True)
            return tuple(SourceColumn(row[0], "", "untyped", None, enforced=False) for row in rows), False
        schema, dot, name = source.table.partition(".")
        schema, name = (schema, name) if dot else ("main", source.table)
        kinds = self._ask(
            f"SELECT type, strict FROM pragma_table_list({literal(name)}) WHERE schema = {literal(schema.lower())}"
        )
        is_table = bool(kinds) and kinds[0][0] == "table"
        is_strict = bool(kinds) and kinds[0][1] == "1"
        table = f"{literal(name)}, {literal(schema)}"
        rows = self._ask(f'SELECT name, type, "notnull" FROM pragma_table_xinfo({table}) WHERE hidden <> 1')
        if not rows:
            raise MissingTable(source.table, self._tables())
        columns = (
            SourceColumn(name, type_, _kind(type_), nullable=required == "0" if is_table else None, enforced=is_strict)
            for name, type_, required in rows
        )
        return tuple(columns), is_table

    def _tables(self) -> list[str]:
        rows = self._ask(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite#_%' ESCAPE '#'"
            " ORDER BY name"
        )
        return [row[0] for row in rows]

    def _ask(self, query: str, *, describe: bool = False) -> list[tuple[str, ...]]:
        """The rows of a query; what is asked shares one connection, for each attaching costs more than it."""
        try:
            if self._asked is None:
                self._asked = self._attach()
                self._open.callback(self._asked.close)
            verb = "DESCRIBE FROM" if describe else "FROM"
            return self._asked.execute(f"{verb} sqlite_query({literal(ATTACHED)}, {literal(query)})").fetchall()
        except duckdb.Error as error:
            self._asked = None  # it may be of no use any more
            raise self._explain(error, [query]) from error

    def _attach(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        load_extension(connection, "sqlite_scanner")
        # SQLite's types are promises that its values need not keep: a text in an INTEGER column is a row like others.
        connection.execute("SET sqlite_all_varchar = true")
        connection.execute(f"ATTACH {literal(str(self._path))} AS {ATTACHED} (TYPE sqlite, READ_ONLY)")
        return connection

    def _explain(self, error: Exception, queries: Iterable[str]) -> CrmError:
        what = said(error, queries)
        if what.startswith("no such table: "):
            return MissingTable(what.removeprefix("no such table: "), self._tables())
        if "locked" in what or "busy" in what:
            return CrmUnreachable(
                f"The CRM's SQLite database {self._path} is locked by another program ({what}). Let that program "
                "finish, then try again."
            )
        if "not a database" in what or "unable to open" in what or "disk" in what or "malformed" in what:
            return CrmUnreachable(
                f"The CRM's SQLite database {self._path} cannot be read: {what}. See whether it is a SQLite "
                "database, whole, and readable by this user."
            )
        return ReadFailed(f"The CRM's SQLite database {self._path} could not run the query: {what}. Correct the query.")


def _kind(declared: str) -> Kind:
    """What a column of this declared type is meant for; SQLite itself looks no further than to parts of the word."""
    words = declared.upper()
    for parts, kind in _KINDS:
        if any(part in words for part in parts):
            return kind
    return "other" if words else "untyped"


def _changed(source: Source, since: Since, key: str, cursor: str) -> str:
    """The condition for the rows of `since`. Keys are compared by their texts, as they will be in the snapshot."""
    if isinstance(since.low, int):
        older = f"typeof({cursor}) IN ('integer', 'real') AND {cursor} < {since.literal}"
    else:
        # A time zone in the text is respected, which a comparison of texts would not. SQLite counts milliseconds.
        older = (
            f"typeof({cursor}) = 'text' AND {cursor} GLOB '[0-9][0-9][0-9][0-9]-*'"
            f" AND julianday({cursor}) < julianday({since.literal}) - 0.002 / 86400"
        )
    text = f"CAST({key} AS TEXT)"
    return f"{key} IS NULL OR {text} IN (SELECT {text} FROM {source.relation} WHERE NOT coalesce({older}, 0))"


def _text(column: SourceColumn, *, is_table: bool) -> str:
    """The SQL expression that writes a column's values as text. SQLite's own text of a REAL loses digits.

    Fifteen to seventeen digits are tried in turn where SQLite's arithmetic is exact enough to judge them, so that
    0.1 stays 0.1; elsewhere twenty are always enough.
    """
    name = quoted(column.name)
    if is_table and column.kind == "text":
        return name  # a table's column of texts turns numbers into texts when they are put there
    is_boolean = column.kind == "boolean"
    boolean = f"WHEN 'integer' THEN CASE {name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE {name} END "
    digits = " ".join(
        f"WHEN CAST(printf('%!.{count}g', {name}) AS REAL) = {name} THEN printf('%!.{count}g', {name})"
        for count in (15, 16, 17)
    )
    return (
        f"CASE typeof({name}) WHEN 'real' THEN CASE"
        f" WHEN abs({name}) < 9e18 AND CAST({name} AS INTEGER) = {name}"
        f" THEN CAST(CAST({name} AS INTEGER) AS TEXT)"
        f" WHEN abs({name}) NOT BETWEEN 1e-4 AND 1e15 THEN printf('%!.20g', {name}) {digits}"
        f" ELSE printf('%!.20g', {name}) END {boolean if is_boolean else ''}ELSE {name} END"
    )
