"""The front door: a URL in, a CRM out.

What belongs here: what every CRM can do, and which adapter speaks to which URL. What does not: the adapters
(sqlite.py, postgres.py, other.py).
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import quote, urlencode

import pyarrow as pa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from et_platform.crm.errors import CrmError
from et_platform.crm.other import DRIVERS, SqlAlchemyCrm
from et_platform.crm.postgres import PostgresCrm
from et_platform.crm.source import Since, Source, SourceColumn
from et_platform.crm.sqlite import SqliteCrm

_SUPPORTED = (
    "'sqlite:///relative/path.db', 'sqlite:////absolute/path.db', 'postgresql://user:password@host/database', and the "
    f"same form with {', '.join(DRIVERS)}"
)


class Crm(Protocol):
    """A CRM's database, open for reading; a context manager. Everything it raises is a CrmError."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def columns(self, source: Source) -> tuple[SourceColumn, ...]:
        """Return the source's columns, in its order. Raises MissingTable, ReadFailed."""
        ...

    def clock(self) -> datetime:
        """The time of the database's clock, in UTC without a zone."""
        ...

    def read(
        self, source: Source, columns: Sequence[str], *, since: Since | None = None, connections: int = 1
    ) -> pa.RecordBatchReader:
        """Stream the columns of all rows as text, up to 50,000 rows a batch, from one consistent snapshot.

        With `since` only the rows that it asks for. A large table may be read by up to so many connections at once;
        they see the same snapshot, and the rows come in no order.

        The batches' columns are strings, named and ordered as asked for; names are matched exactly first, then
        without regard to case. Missing things are noticed here; while the rows flow, the reader itself may raise
        ReadFailed or CrmUnreachable. A reader that ended in an error has not delivered the snapshot. Use it up before
        the CRM is closed. Where something that wraps errors uses it up, such as DuckDB, leaving the CRM's block raises
        the CrmError.

        The text: NULL is null; booleans are true and false; integers and decimals plain digits; floats the shortest
        that reads back the same, and without '.0'; dates YYYY-MM-DD; timestamps YYYY-MM-DD HH:MM:SS and up to six
        digits of a second where there are any; timestamps with a time zone are moved to UTC and end in +00; bytea is
        \\x and hexadecimal digits. Line breaks, blanks and control characters stay as they are. A byte that is not
        UTF-8 becomes the control character U+001A, by which such a row is held back later, and the others go on.
        """
        ...


def connect(url: str) -> Crm:
    """Open the CRM at `url`, to read it.

    A SQLite file is never created. PostgreSQL takes every parameter that its own client library takes
    (postgresql:///database?host=/run/postgresql for a Unix socket). MySQL, MariaDB, SQL Server and Oracle are read
    through SQLAlchemy and a driver that is an extra of this package (docs/crm.md).

    Raises CrmUnreachable, CrmAuthenticationFailed, or CrmError for a URL that cannot be used.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() in DRIVERS:
        return SqlAlchemyCrm(parsed)
    place = address(url)
    return PostgresCrm(place) if isinstance(place, str) else SqliteCrm(place)


def address(url: str) -> Path | str:
    """What the URL of a CRM that can be written leads to: the path of a SQLite file, or a PostgreSQL conninfo.

    Raises CrmError.
    """
    parsed = _parsed(url)
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return _path(parsed)
    if kind in ("postgresql", "postgres"):
        # The parameters apart: libpq takes a plus sign for itself, and SQLAlchemy writes blanks as plus signs.
        place = parsed.set(drivername="postgresql", query={}).render_as_string(hide_password=False)
        return f"{place}?{urlencode(parsed.query, doseq=True, quote_via=quote)}"
    if kind in DRIVERS:
        raise CrmError(f"A CRM at a {kind} URL can be read, and not written. Written are SQLite and PostgreSQL.")
    raise CrmError(f"A CRM at a {parsed.drivername} URL cannot be read. Supported are {_SUPPORTED}.")


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # The cause would quote the URL, password and all.
        raise CrmError(f"The CRM's URL cannot be understood. Supported are {_SUPPORTED}.") from None


def _path(url: URL) -> Path:
    if not url.database or url.database == ":memory:" or url.host or url.query:
        raise CrmError(
            "The CRM's SQLite URL must be a file's path and nothing else: sqlite:///relative/path.db or "
            "sqlite:////absolute/path.db, without host and parameters."
        )
    return Path(url.database)
