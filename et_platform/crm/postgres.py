"""A CRM in a PostgreSQL database.

What belongs here: PostgreSQL's way to list columns, to write values as text, and to fail. What does not: everything
that is the same for SQLite (stream.py).

psycopg asks small questions, because its errors have names; DuckDB's scanner fetches the rows. The server itself turns
every value into text, under settings that leave nothing to its configuration. All rows come from one statement, and so
from one snapshot.
"""

from collections.abc import Sequence
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
from psycopg.conninfo import make_conninfo

from et_platform.crm.errors import CrmError, CrmUnreachable, MissingTable, ReadFailed
from et_platform.crm.postgres_session import UNIFORM_TEXT, open_session, visible_tables
from et_platform.crm.source import Source, find_columns
from et_platform.crm.stream import ATTACHED, StreamingCrm, said
from et_platform.duckdb_support import literal, load_extension, quoted

_SETTINGS = UNIFORM_TEXT | {"default_transaction_read_only": "on"}


class PostgresCrm(StreamingCrm):
    """See connect.Crm. A query may do what a read-only transaction may; a pooler in between must let options pass."""

    def __init__(self, conninfo: str) -> None:
        """Open the database at a libpq URI; raises CrmUnreachable, CrmAuthenticationFailed or CrmError."""
        super().__init__()
        self._conninfo, session = open_session(conninfo, _SETTINGS)
        self._session = self._open.enter_context(session)
        self._session.autocommit = True
        if self._session.info.parameter_status("server_encoding") == "SQL_ASCII":
            # Such a server knows no encodings: it would stop at the first odd byte without saying where it is.
            self._conninfo = make_conninfo(self._conninfo, client_encoding="SQL_ASCII")

    def columns(self, source: Source) -> tuple[str, ...]:
        """See connect.Crm."""
        cursor = self._ask(f"SELECT * FROM {source.relation} LIMIT 0", source)
        return tuple(column.name for column in cursor.description or ())

    def read(self, source: Source, columns: Sequence[str]) -> pa.RecordBatchReader:
        """See connect.Crm."""
        names = find_columns(columns, self.columns(source), source)
        texts = ", ".join(f"{quoted(name)}::text AS c{number}" for number, name in enumerate(names))
        connection = duckdb.connect()
        load_extension(connection, "postgres_scanner")
        try:
            connection.execute(f"ATTACH {literal(self._conninfo)} AS {ATTACHED} (TYPE postgres, READ_ONLY)")
        except duckdb.Error as error:
            # The cause quotes the connection's parameters; what the server says about them comes last.
            connection.close()
            raise self._failed(str(error).rpartition(": ")[2].strip()) from None
        query = f"SELECT {texts} FROM {source.relation}"
        return self._stream(connection, "postgres_query", query, columns=columns, source=source)

    def _ask(self, query: str, source: Source) -> "psycopg.Cursor[Any]":
        try:
            return self._session.execute(query.encode())
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
            if source.table is None:
                raise self._failed(error.diag.message_primary or str(error)) from error
            raise MissingTable(source.table, self._tables()) from error
        except psycopg.OperationalError as error:
            raise CrmUnreachable(
                f"The connection to the CRM's PostgreSQL database was lost: {error.diag.message_primary or error}. "
                "Try again."
            ) from error
        except psycopg.Error as error:
            raise self._failed(error.diag.message_primary or str(error)) from error

    def _tables(self) -> list[str]:
        return visible_tables(self._session)

    def _explain(self, error: Exception, query: str) -> CrmError:
        return self._failed(said(error, query))

    @staticmethod
    def _failed(what: str) -> ReadFailed:
        return ReadFailed(
            f"The CRM's PostgreSQL database did not give the rows: {what}. Correct the query or the user's rights, "
            "or try again if the connection broke."
        )
