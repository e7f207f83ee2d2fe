"""The lake: DuckLake tables (Parquet) with their catalogue in SQLite; many processes read while one writes.

What belongs here: opening, locking, transactions, tidying. What does not: any particular table.

A write takes an inter-process lock, because two writers on a SQLite catalogue fail with “database is locked”;
reads need none. A connection lives for one `with` block: a process that holds no connection blocks nobody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from et_platform.duckdb_support import literal, load_extension

SCHEMAS = ("crm", "acknowledged", "quarantine", "history")


class LakeBusy(Exception):
    """Another process holds the lake's write lock for longer than we are willing to wait."""


class Lake:
    """A lake in `folder`. Inside `read()` and `write()` its tables are `lake.<schema>.<name>`."""

    def __init__(self, folder: Path, *, lock_seconds: float = 600, retention: timedelta = timedelta(days=7)):
        self._folder = folder
        self._lock_seconds = lock_seconds
        self._retention = retention

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One consistent view of the lake; temporary tables and files may be written, the lake not."""
        if not self._catalogue.exists():
            with self.write():
                pass  # the first writer creates the schemas
        with self._connection() as connection:
            connection.execute("BEGIN TRANSACTION")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One write transaction: everything in the block happens, or nothing. Raises LakeBusy."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked(), self._connection() as connection:
            connection.execute("BEGIN TRANSACTION")
            try:
                for schema in SCHEMAS:
                    connection.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{schema}")
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def tidy(self) -> None:
        """Forget table versions, and delete the files that only they used, once they are older than retention."""
        age = f"INTERVAL {int(self._retention.total_seconds())} SECOND"
        with self._locked(), self._connection() as connection:
            connection.execute(f"CALL ducklake_expire_snapshots('lake', older_than => now() - {age})")
            connection.execute(f"CALL ducklake_cleanup_old_files('lake', older_than => now() - {age})")

    @property
    def _catalogue(self) -> Path:
        return self._folder / "lake.sqlite"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with FileLock(self._folder / "write.lock", timeout=self._lock_seconds):
                yield
        except Timeout:
            raise LakeBusy(
                f"Another process has been writing the lake {self._folder} for over {self._lock_seconds:.0f} s. "
                "Let it finish (or end it, if it hangs), then run this again; nothing was written."
            ) from None

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
        try:
            for extension in ("sqlite_scanner", "ducklake"):
                load_extension(connection, extension)
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(
                f"ATTACH {literal(f'ducklake:sqlite:{self._catalogue}')} AS lake "
                f"(DATA_PATH {literal(f'{self._folder}/data/')}, "
                "META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT 30000)"
            )
            yield connection
        finally:
            connection.close()
