"""Writing to a CRM in a SQLite file.

What belongs here: SQLite's transaction, types and failures. What does not: which rows are written (write.py).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from et_platform.crm.errors import CrmError, CrmReadOnly, CrmUnreachable, MissingTable, WriteFailed
from et_platform.crm.source import Source
from et_platform.crm.sqlite_file import writing
from et_platform.crm.values import Kind, Value

BUSY_SECONDS = 30
"""How long another program's lock is waited for."""


@contextmanager
def open_sqlite(path: Path) -> Iterator["SqliteWriteSession"]:
    """A write transaction in the file, which is never created; raises CrmUnreachable or CrmReadOnly."""
    if not path.is_file():
        trouble = "is not a file" if path.exists() else "does not exist"
        raise CrmUnreachable(f"The CRM's SQLite database {path} {trouble}. Correct the path in the CRM's URL.")
    with writing(path):
        try:
            connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None
            )
        except sqlite3.Error as error:
            raise explain(path, error) from error
        with closing(connection):
            connection.text_factory = _text
            session = SqliteWriteSession(path, connection)
            session.run("BEGIN IMMEDIATE")
            try:
                yield session
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")


class SqliteWriteSession:
    """See write.WriteSession. The transaction holds the file's only write lock from its start."""

    is_not_distinct = "IS"
    lock_rows = ""

    def __init__(self, path: Path, connection: sqlite3.Connection):
        self._path, self._connection = path, connection

    def columns(self, source: Source) -> dict[str, Kind]:
        """See write.WriteSession."""
        schema, dot, name = (source.table or "").partition(".")
        given = (name, schema) if dot else (schema,)
        places = ", ".join("?" * len(given))
        rows = self._ask(f"SELECT name, type FROM pragma_table_xinfo({places}) WHERE hidden <> 1", given).fetchall()
        if not rows:
            raise MissingTable(source.table or "", self._tables())
        return {str(name): _kind(str(declared)) for name, declared in rows}

    def as_read(self, column: str) -> str:
        """See write.WriteSession."""
        return column

    def folded(self, column: str) -> str:
        """See write.WriteSession."""
        return f"lower(rtrim(CAST({column} AS TEXT), ' '))"

    def rows(self, query: str) -> list[tuple[Value | bytes, ...]]:
        """See write.WriteSession."""
        return self._ask(query).fetchall()

    def run(self, statement: str) -> int:
        """See write.WriteSession."""
        return self._ask(statement).rowcount

    def fill(self, table: str, rows: Sequence[Sequence[Value | bytes]]) -> None:
        """See write.WriteSession."""
        if not rows:
            return
        try:
            self._connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        except OverflowError as error:
            raise WriteFailed(
                f"The CRM's SQLite database {self._path} cannot hold an integer of more than 64 bits. Nothing was "
                "written."
            ) from error
        except sqlite3.Error as error:
            raise explain(self._path, error) from error

    def commit(self) -> None:
        """See write.WriteSession; SQLite always says whether it did."""
        self._ask("COMMIT")

    def _tables(self) -> list[str]:
        rows = self._ask("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite#_%' ESCAPE '#'")
        return sorted(str(row[0]) for row in rows)

    def _ask(self, query: str, values: Sequence[str] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(query, values)
        except sqlite3.Error as error:
            raise explain(self._path, error) from error


def explain(path: Path, error: sqlite3.Error) -> CrmError:
    """Make our error of SQLite's; its messages name columns and constraints, never values."""
    what = str(error)
    if "readonly" in what:
        return CrmReadOnly(
            f"The CRM's SQLite database {path} cannot be written: {what}. Let this user write the file and its folder."
        )
    if "locked" in what or "busy" in what:
        return CrmUnreachable(
            f"The CRM's SQLite database {path} has been locked by another program for {BUSY_SECONDS} s ({what}). Let "
            "that program finish, then try again; nothing was written."
        )
    if any(sign in what for sign in ("not a database", "unable to open", "disk", "malformed", "is full")):
        return CrmUnreachable(
            f"The CRM's SQLite database {path} cannot be written: {what}. See whether it is a SQLite database, whole, "
            "and whether there is room; nothing was written."
        )
    return WriteFailed(
        f"The CRM's SQLite database {path} refused the rows: {what}. Nothing was written. Correct the declaration, or "
        "the rule of the CRM that refuses."
    )


def _kind(declared: str) -> Kind:
    """Text keeps its empty texts; for all else SQLite keeps whatever is put there."""
    if any(word in declared.upper() for word in ("CHAR", "CLOB", "TEXT")) and "INT" not in declared.upper():
        return "text"
    return "untyped"


def _text(value: bytes) -> str | bytes:
    """What is not UTF-8 is not text; it stays bytes, which equal no value of ours."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value
