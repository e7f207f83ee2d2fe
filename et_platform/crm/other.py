"""A CRM in any other database that SQLAlchemy speaks to: MySQL, MariaDB, SQL Server, Oracle.

What belongs here: what holds for all of them, in SQLAlchemy's terms. What does not: SQLite and PostgreSQL, which are
read three times as fast by adapters of their own (sqlite.py, postgres.py).

The drivers are extras of the package. Rows come one by one through Python and are written as text here; all of them
from one statement, which is one snapshot where the database's isolation makes it one (docs/crm.md says where).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from et_platform.crm.errors import CrmError, CrmUnreachable, MissingTable, ReadFailed
from et_platform.crm.source import Since, Source, SourceColumn, find_columns
from et_platform.crm.stream import BATCH_ROWS, OpenCrm
from et_platform.crm.values import Kind

DRIVERS = {"mysql": "pymysql", "mariadb": "pymysql", "mssql": "pymssql", "oracle": "oracledb"}
"""The driver that is used for a kind of database when the URL names none; each is an extra of the package."""

_KINDS: tuple[tuple[type[sa.types.TypeEngine], Kind], ...] = (
    # In this order: a type of SQLAlchemy's may be several of these.
    (sa.Boolean, "boolean"),
    (sa.Uuid, "other"),
    (sa.String, "text"),
    (sa.Integer, "integer"),
    (sa.Numeric, "number"),
    (sa.Float, "number"),
    (sa.DateTime, "timestamp"),
    (sa.Date, "date"),
)


class SqlAlchemyCrm(OpenCrm):
    """See connect.Crm. A query is read as a part of a larger one, so it must be such as may stand in parentheses."""

    def __init__(self, url: URL) -> None:
        """Open the database; raises CrmUnreachable, or CrmError without its driver."""
        super().__init__()
        if "+" not in url.drivername and url.drivername in DRIVERS:
            url = url.set(drivername=f"{url.drivername}+{DRIVERS[url.drivername]}")
        self._kind, self._secret = url.get_backend_name(), str(url.password or "")
        try:
            engine = sa.create_engine(url, poolclass=sa.NullPool)
        except ModuleNotFoundError as error:
            raise CrmError(
                f"A CRM at a {self._kind} URL is read through the package {error.name}, which is not installed. "
                f"Install it (pip install 'et-platform[{self._kind}]'), and try again."
            ) from None
        except NoSuchModuleError:
            raise CrmError(
                f"SQLAlchemy knows no driver {url.drivername}. Leave the driver out of the CRM's URL, or correct it."
            ) from None
        try:
            self._connection = self._open.enter_context(engine.connect())
        except SQLAlchemyError as error:
            raise CrmUnreachable(
                f"The CRM's {self._kind} database {url.database or ''} at {url.host or 'this machine'} cannot be "
                f"reached: {self._said(error)}. See whether the server runs, and whether host, port, database, user "
                "and password in the CRM's URL are right."
            ) from None

    def columns(self, source: Source) -> tuple[SourceColumn, ...]:
        """See connect.Crm. Of a query's columns nothing but the names is known."""
        try:
            if source.table is not None:
                schema, name = _parts(source.table)
                return tuple(
                    SourceColumn(
                        name=column["name"],
                        type=_name(column["type"], self._connection.dialect),
                        kind=_kind(column["type"]),
                        nullable=column["nullable"],
                        enforced=self._kind != "sqlite",
                    )
                    for column in sa.inspect(self._connection).get_columns(name, schema=schema)
                )
            names = self._connection.execute(sa.select(sa.text("*")).select_from(_relation(source)).limit(0)).keys()
        except NoSuchTableError as error:
            raise MissingTable(source.table or "", self._tables()) from error
        except SQLAlchemyError as error:
            raise self._failed(error) from None
        return tuple(SourceColumn(name, "", "untyped", None, enforced=False) for name in names)

    def clock(self) -> datetime:
        """See connect.Crm; our own, for every kind of database asks for its clock in another way."""
        return datetime.now(UTC).replace(tzinfo=None)

    def read(
        self, source: Source, columns: Sequence[str], *, since: Since | None = None, connections: int = 1
    ) -> pa.RecordBatchReader:
        """See connect.Crm. One statement on one connection, whatever `connections` says."""
        available = [column.name for column in self.columns(source)]
        wanted = [sa.column(name) for name in find_columns(columns, available, source)]
        query = sa.select(*wanted).select_from(_relation(source))
        if since is not None:
            key, cursor = (sa.column(name) for name in find_columns([since.key, since.cursor], available, source))
            low = sa.literal(since.low)
            changed = sa.select(key).select_from(_relation(source)).where(sa.or_(cursor >= low, cursor.is_(None)))
            query = query.where(sa.or_(key.in_(changed), key.is_(None)))
        try:
            result = self._connection.execution_options(stream_results=True).execute(query)
        except SQLAlchemyError as error:
            raise self._failed(error) from None
        schema = pa.schema([(name, pa.string()) for name in columns])

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for rows in result.partitions(BATCH_ROWS):
                    values = zip(*rows, strict=True)
                    arrays = [pa.array([_text(value) for value in column], pa.string()) for column in values]
                    yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            except SQLAlchemyError as error:
                self._failure = self._failed(error)
                raise self._failure from None
            finally:
                result.close()

        return pa.RecordBatchReader.from_batches(schema, batches())

    def _tables(self) -> list[str]:
        inspector = sa.inspect(self._connection)
        return sorted([*inspector.get_table_names(), *inspector.get_view_names()])

    def _failed(self, error: SQLAlchemyError) -> ReadFailed:
        if not self._connection.invalidated:
            self._connection.rollback()  # or the database would refuse whatever is asked next
        return ReadFailed(
            f"The CRM's {self._kind} database did not give the rows: {self._said(error)}. Correct the query or the "
            "user's rights, or try again if the connection broke."
        )

    def _said(self, error: SQLAlchemyError) -> str:
        """What the driver said, without SQLAlchemy's copy of the statement."""
        said = str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
        said = " ".join(said.split()).rstrip(".")
        return said.replace(self._secret, "***") if self._secret else said


def _parts(table: str) -> tuple[str | None, str]:
    schema, dot, name = table.partition(".")
    return (schema, name) if dot else (None, table)


def _relation(source: Source) -> sa.FromClause:
    if source.table is not None:
        schema, name = _parts(source.table)
        return sa.table(name, schema=schema)
    # A colon would begin a parameter; line breaks, because the query may end in a comment.
    query = (source.query or "").rstrip().rstrip(";").replace(":", "\\:")
    return sa.text(f"{query}\n").columns().subquery("source")


def _kind(type_: Any) -> Kind:
    for known, kind in _KINDS:
        if isinstance(type_, known):
            return kind
    return "other"


def _name(type_: Any, dialect: sa.Dialect) -> str:
    return "" if isinstance(type_, sa.types.NullType) else type_.compile(dialect=dialect)


def _text(value: Any) -> str | None:
    """A value as connect.Crm.read shows it."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 9e18 else repr(value)
        case datetime():
            moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            return f"{moment.isoformat(' ')}{'+00' if value.tzinfo else ''}"
        case bytes() | bytearray() | memoryview():
            return f"\\x{bytes(value).hex()}"
        case _:
            return str(value)
