"""A CRM in a SQLite file.

What belongs here: SQLite's way to list columns, to write values as text, and to fail. What does not: everything that
is the same for PostgreSQL (stream.py).

Only DuckDB's own copy of SQLite opens the file: with two copies in one process, one that closes the file would drop
the other's locks (sqlite_file.py keeps our own writing apart). All rows come from one statement on one connection, and
so from one snapshot.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from et_platform.crm.errors import CrmError, CrmUnreachable, MissingTable, ReadFailed
from et_platform.crm.source import Source, find_columns
from et_platform.crm.sqlite_file import reading
from et_platform.crm.stream import ATTACHED, StreamingCrm, said
from et_platform.duckdb_support import literal, load_extension, quoted


class SqliteCrm(StreamingCrm):
    """See connect.Crm. SQLite has no dates and times, so they come as the text or number that the CRM wrote.

    Columns of a table or view declared BOOLEAN give true and false; a query's 1 and 0 stay as they are, for SQLite
    does not say what a query's columns are. A BLOB is read as the UTF-8 text that its bytes spell.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; raises CrmUnreachable if it is absent, locked, unreadable or no SQLite database."""
        super().__init__()
        self._path = path
        if not path.is_file():
            trouble = "is not a file" if path.exists() else "does not exist"
            raise CrmUnreachable(f"The CRM's SQLite database {path} {trouble}. Correct the path in the CRM's URL.")
        self._open.enter_context(reading(path))
        try:
            self._ask("SELECT count(*) FROM sqlite_schema")
        except CrmError:
            self._open.close()
            raise

    def columns(self, source: Source) -> tuple[str, ...]:
        """See connect.Crm."""
        if source.table is None:
            return tuple(row[0] for row in self._ask(f"SELECT * FROM {source.relation} LIMIT 0", describe=True))
        return tuple(self._declared(source))

    def read(self, source: Source, columns: Sequence[str]) -> pa.RecordBatchReader:
        """See connect.Crm."""
        declared = {} if source.table is None else self._declared(source)
        names = find_columns(columns, list(declared) or self.columns(source), source)
        texts = ", ".join(
            f"{_text(quoted(name), is_boolean=declared.get(name, '').upper() in ('BOOLEAN', 'BOOL'))} AS c{number}"
            for number, name in enumerate(names)
        )
        query = f"SELECT {texts} FROM {source.relation}"
        return self._stream(self._attach(), "sqlite_query", query, columns=columns, source=source)

    def _declared(self, source: Source) -> dict[str, str]:
        """The columns of a table or view, and their declared types."""
        table = source.table or ""
        schema, dot, name = table.partition(".")
        arguments = f"{literal(name)}, {literal(schema)}" if dot else literal(table)
        rows = self._ask(f"SELECT name, type FROM pragma_table_xinfo({arguments}) WHERE hidden <> 1")
        declared = {row[0]: row[1] for row in rows}
        if not declared:
            raise MissingTable(table, self._tables())
        return declared

    def _tables(self) -> list[str]:
        rows = self._ask(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite#_%' ESCAPE '#'"
            " ORDER BY name"
        )
        return [row[0] for row in rows]

    def _ask(self, query: str, *, describe: bool = False) -> list[tuple[str, ...]]:
        connection = self._attach()
        try:
            verb = "DESCRIBE FROM" if describe else "FROM"
            return connection.execute(f"{verb} sqlite_query({literal(ATTACHED)}, {literal(query)})").fetchall()
        except duckdb.Error as error:
            raise self._explain(error, query) from error
        finally:
            connection.close()

    def _attach(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        load_extension(connection, "sqlite_scanner")
        # SQLite's types are promises that its values need not keep: a text in an INTEGER column is a row like others.
        connection.execute("SET sqlite_all_varchar = true")
        connection.execute(f"ATTACH {literal(str(self._path))} AS {ATTACHED} (TYPE sqlite, READ_ONLY)")
        return connection

    def _explain(self, error: Exception, query: str) -> CrmError:
        what = said(error, query)
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


def _text(column: str, *, is_boolean: bool) -> str:
    """The SQL expression that writes a column's values as text. SQLite's own text of a REAL loses digits.

    Fifteen to seventeen digits are tried in turn where SQLite's arithmetic is exact enough to judge them, so that
    0.1 stays 0.1; elsewhere twenty are always enough.
    """
    boolean = f"WHEN 'integer' THEN CASE {column} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE {column} END "
    digits = " ".join(
        f"WHEN CAST(printf('%!.{count}g', {column}) AS REAL) = {column} THEN printf('%!.{count}g', {column})"
        for count in (15, 16, 17)
    )
    return (
        f"CASE typeof({column}) WHEN 'real' THEN CASE"
        f" WHEN abs({column}) < 9e18 AND CAST({column} AS INTEGER) = {column}"
        f" THEN CAST(CAST({column} AS INTEGER) AS TEXT)"
        f" WHEN abs({column}) NOT BETWEEN 1e-4 AND 1e15 THEN printf('%!.20g', {column}) {digits}"
        f" ELSE printf('%!.20g', {column}) END {boolean if is_boolean else ''}ELSE {column} END"
    )
