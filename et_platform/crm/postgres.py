"""A CRM in a PostgreSQL database.

What belongs here: PostgreSQL's way to list columns, to write values as text, and to fail. What does not: everything
that is the same for SQLite (stream.py).

psycopg asks small questions, because its errors have names; DuckDB's scanner fetches the rows. The server itself turns
every value into text, under settings that leave nothing to its configuration. All rows come from one statement, and so
from one snapshot.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
from psycopg.conninfo import make_conninfo

from et_platform.crm.errors import CrmError, CrmUnreachable, MissingTable, ReadFailed
from et_platform.crm.postgres_session import UNIFORM_TEXT, kind_of, open_session, visible_tables
from et_platform.crm.source import Since, Source, SourceColumn, find_columns
from et_platform.crm.stream import ATTACHED, StreamingCrm, close, said
from et_platform.duckdb_support import literal, load_extension, quoted

_SETTINGS = UNIFORM_TEXT | {"default_transaction_read_only": "on"}

PAGES_A_CONNECTION = 8_192
"""Of 8 KiB. Fewer are read sooner than another connection is opened."""


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

    def columns(self, source: Source) -> tuple[SourceColumn, ...]:
        """See connect.Crm."""
        result = self._ask(f"SELECT * FROM {source.relation} LIMIT 0", source).pgresult
        assert result is not None
        places = range(result.nfields)
        # A view or query passes other relations' columns on, and may add empty ones by an outer join: nobody knows.
        facts = self._session.execute(
            "SELECT format_type(type_oid, modifier), CASE WHEN relkind IN ('r', 'p') THEN NOT attnotnull END"
            " FROM unnest(%s::oid[], %s::int[], %s::oid[], %s::int[]) WITH ORDINALITY"
            " AS described (type_oid, modifier, relation, place, number)"
            " LEFT JOIN pg_attribute ON attrelid = relation AND attnum = place"
            " LEFT JOIN pg_class ON pg_class.oid = relation"
            " ORDER BY number",
            [
                [read(place) for place in places]
                for read in (result.ftype, result.fmod, result.ftable, result.ftablecol)
            ],
        ).fetchall()
        is_table = source.table is not None
        return tuple(
            SourceColumn(
                name=(result.fname(place) or b"").decode(errors="backslashreplace"),
                type=type_,
                kind=kind_of(self._session, result.ftype(place)),
                nullable=nullable if is_table else None,
                enforced=True,
            )
            for place, (type_, nullable) in zip(places, facts, strict=True)
        )

    def clock(self) -> datetime:
        """See connect.Crm."""
        return self._session.execute("SELECT clock_timestamp() AT TIME ZONE 'UTC'").fetchall()[0][0]

    def read(
        self, source: Source, columns: Sequence[str], *, since: Since | None = None, connections: int = 1
    ) -> pa.RecordBatchReader:
        """See connect.Crm. Tables are divided by their pages; views and queries have none."""
        described = self.columns(source)
        available = [column.name for column in described]
        names = find_columns(columns, available, source)
        query = f"SELECT {', '.join(f'{quoted(n)}::text AS c{i}' for i, n in enumerate(names))} FROM {source.relation}"
        if since is not None:
            key, cursor = find_columns([since.key, since.cursor], available, source)
            query = _changed(query, source, since, quoted(key), quoted(cursor))
            return self._scan([query], None, columns)
        if connections > 1 and (parts := self._parts(source, connections)):
            return self._scan([f"{query} WHERE {part}" for part in parts], self._exported_snapshot(), columns)
        return self._scan([query], None, columns)

    def _scan(self, queries: list[str], snapshot: str | None, columns: Sequence[str]) -> pa.RecordBatchReader:
        """Pass each query on a connection of its own, all seeing the exported snapshot where there is one."""
        connection = duckdb.connect()
        load_extension(connection, "postgres_scanner")
        attached = {f"{ATTACHED}{number}": query for number, query in enumerate(queries)}
        try:
            for name in attached:
                connection.execute(f"ATTACH {literal(self._conninfo)} AS {name} (TYPE postgres, READ_ONLY)")
            if snapshot is not None:
                connection.execute(f"SET threads = {len(attached) + 1}")  # one is whoever takes the rows
                connection.execute("SET preserve_insertion_order = false")  # else the parts would be read in turn
                connection.execute("BEGIN TRANSACTION")
                for name in attached:
                    statement = f"SET TRANSACTION SNAPSHOT {literal(snapshot)}"
                    connection.execute(f"CALL postgres_execute({literal(name)}, {literal(statement)})")
        except duckdb.Error as error:
            # The cause quotes the connection's parameters; what the server says about them comes last.
            close(connection)
            raise self._failed(str(error).rpartition(": ")[2].strip()) from None
        return self._stream(connection, "postgres_query", attached, columns=columns)

    def _parts(self, source: Source, connections: int) -> list[str]:
        """Conditions that divide a large table into parts of about as many pages; none if it is not worth it."""
        if source.table is None or self._session.info.server_version < 140_000:  # earlier ones read all pages each time
            return []
        found = self._session.execute(
            "SELECT pg_relation_size(oid) / current_setting('block_size')::int FROM pg_class"
            " WHERE oid = to_regclass(%s) AND relkind IN ('r', 'm')",
            [source.relation],
        ).fetchone()
        pages = found[0] if found else 0
        parts = min(connections, pages // PAGES_A_CONNECTION)
        if parts < 2:
            return []
        starts = [pages * part // parts for part in range(parts)]
        # The last one is open: the table may have grown since it was measured.
        ends = [f" AND ctid < '({start},0)'" for start in starts[1:]] + [""]
        return [f"ctid >= '({start},0)'{end}" for start, end in zip(starts, ends, strict=True)]

    def _exported_snapshot(self) -> str:
        """The name of a snapshot that other connections can see as long as this CRM is open."""
        _, holder = open_session(self._conninfo, {})
        self._open.callback(holder.close)
        holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            return holder.execute("SELECT pg_export_snapshot()").fetchall()[0][0]
        except psycopg.Error as error:
            raise self._failed(error.diag.message_primary or str(error)) from error

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

    def _explain(self, error: Exception, queries: Iterable[str]) -> CrmError:
        return self._failed(said(error, queries))

    @staticmethod
    def _failed(what: str) -> ReadFailed:
        return ReadFailed(
            f"The CRM's PostgreSQL database did not give the rows: {what}. Correct the query or the user's rights, "
            "or try again if the connection broke."
        )


def _changed(query: str, source: Source, since: Since, key: str, cursor: str) -> str:
    """`query` for the rows of `since` alone, in a form for which the server can use indexes on cursor and key."""
    changed = f"{cursor} >= {since.literal} OR {cursor} IS NULL"
    if not isinstance(since.low, int):
        changed += f" OR {cursor} = '-infinity'"
    keys = f"SELECT {key} FROM {source.relation} WHERE {changed}"
    return f"{query} WHERE {key} IN ({keys}) UNION ALL {query} WHERE {key} IS NULL"
