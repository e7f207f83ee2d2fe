"""Writing to a CRM in a PostgreSQL database.

What belongs here: PostgreSQL's transaction, types and failures. What does not: which rows are written (write.py).

Stored values are fetched and put back as the server's own text, so that none is too large, too early or too odd for a
Python type.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from et_platform.crm.errors import CrmError, CrmReadOnly, CrmUnreachable, MissingTable, WriteFailed, WriteInDoubt
from et_platform.crm.postgres_session import UNIFORM_TEXT, kind_of, open_session, visible_tables
from et_platform.crm.source import Source
from et_platform.crm.values import Kind, Value

_SETTINGS = UNIFORM_TEXT | {"lock_timeout": "30s"}
_BUSY = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.QueryCanceled,
)


@contextmanager
def open_postgres(conninfo: str) -> Iterator["PostgresWriteSession"]:
    """A write transaction in the database; raises what opening it can raise."""
    _, connection = open_session(conninfo, _SETTINGS)
    try:
        yield PostgresWriteSession(connection)
    finally:
        connection.close()  # the server undoes what was not committed


class PostgresWriteSession:
    """See write.WriteSession. The rows read are locked; other rows of the table may be written by others."""

    is_not_distinct = "IS NOT DISTINCT FROM"
    lock_rows = "FOR UPDATE OF t"

    def __init__(self, connection: "psycopg.Connection[Any]"):
        self._connection = connection

    def columns(self, source: Source) -> dict[str, Kind]:
        """See write.WriteSession."""
        try:
            described = self._connection.execute(f"SELECT * FROM {source.relation} LIMIT 0".encode()).description or ()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
            self._connection.rollback()
            raise MissingTable(source.table or "", visible_tables(self._connection)) from error
        except psycopg.Error as error:
            raise explain(error) from error
        return {column.name: kind_of(self._connection, column.type_code) for column in described}

    def as_read(self, column: str) -> str:
        """See write.WriteSession."""
        return f"{column}::text"

    def folded(self, column: str) -> str:
        """See write.WriteSession."""
        return f"""lower(rtrim({column}::text, ' ') COLLATE "C")"""

    def rows(self, query: str) -> list[tuple[Value | bytes, ...]]:
        """See write.WriteSession."""
        return self._ask(query).fetchall()

    def run(self, statement: str) -> int:
        """See write.WriteSession."""
        return self._ask(statement).rowcount

    def fill(self, table: str, rows: Sequence[Sequence[Value | bytes]]) -> None:
        """See write.WriteSession."""
        try:
            with self._connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)
            self._connection.execute(f"ANALYZE {table}".encode())
        except psycopg.Error as error:
            raise explain(error) from error

    def commit(self) -> None:
        """See write.WriteSession."""
        try:
            self._connection.commit()
        except psycopg.OperationalError as error:
            if not self._connection.broken:
                raise explain(error) from error
            raise WriteInDoubt(
                "The connection to the CRM's PostgreSQL database broke while it was making the changes last; whether "
                "it did is unknown. Write the same changes again: rows that have them are recognised."
            ) from error
        except psycopg.Error as error:  # a deferred constraint speaks now
            raise explain(error) from error

    def _ask(self, statement: str) -> "psycopg.Cursor[Any]":
        try:
            return self._connection.execute(statement.encode())
        except psycopg.Error as error:
            raise explain(error) from error


def explain(error: psycopg.Error) -> CrmError:
    """Make our error of the server's, without its own words where they may quote a value."""
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return CrmReadOnly(
            "The CRM's PostgreSQL database can only be read (a standby server, or a user or database set to read "
            "only). Write to the primary server, as a user that may."
        )
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return CrmReadOnly(
            f"The CRM's PostgreSQL database does not let this user write: {error.diag.message_primary}. Grant it "
            "SELECT and UPDATE on the table, and TEMPORARY on the database."
        )
    if isinstance(error, _BUSY):
        return CrmUnreachable(
            f"The CRM's PostgreSQL rows are being written by another program ({type(error).__name__}). Let it finish, "
            "then try again; nothing was written."
        )
    if error.sqlstate is None or isinstance(error, psycopg.errors.AdminShutdown):
        return CrmUnreachable(
            f"The connection to the CRM's PostgreSQL database was lost ({type(error).__name__}). Nothing was written; "
            "try again."
        )
    names = ", ".join(
        f"{what} {name}"
        for what, name in (("column", error.diag.column_name), ("constraint", error.diag.constraint_name))
        if name
    )
    return WriteFailed(
        f"The CRM's PostgreSQL database refused the rows: {type(error).__name__}, SQLSTATE {error.sqlstate}"
        f"{f' ({names})' if names else ''}. Nothing was written. Correct the declaration, or the rule of the CRM that "
        "refuses."
    )
