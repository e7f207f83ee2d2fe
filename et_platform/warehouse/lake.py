"""The lake: DuckLake tables (Parquet) with their catalogue in SQLite; many processes read while one writes.

What belongs here: opening, locking, transactions, tidying. What does not: any particular table.

A write takes an inter-process lock, because two writers on a SQLite catalogue fail with “database is locked”;
reads need none. A writer that brings its own connection (dbt) holds the lock with `locked()` and uses `attach()`.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from et_platform.duckdb_support import literal, load_extension, quoted

CATALOGUE = "lake.sqlite"
CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""What a DuckDB is opened with: no extension from the network."""

SCHEMAS = ("crm", "acknowledged", "quarantine", "history", "extracts")


class LakeBusy(Exception):
    """Another process holds the lake's write lock for longer than we are willing to wait."""


class Lake:
    """A lake in `folder`. Inside `read()` and `write()` its tables are `lake.<schema>.<name>`."""

    def __init__(self, folder: Path, *, lock_seconds: float = 600, retention: timedelta = timedelta(days=7)):
        self._folder = folder.absolute()
        self._lock_seconds = lock_seconds
        self._retention = retention

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One consistent view of the lake; temporary tables and files may be written, the lake not."""
        if not (self._folder / CATALOGUE).exists():
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
        with self.locked(), self._connection() as connection:
            connection.execute("BEGIN TRANSACTION")
            try:
                for schema in SCHEMAS:
                    connection.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{schema}")
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """An empty folder beside the lake's data, for what is about to be written; gone at the end, or next time.

        Whoever uses a name holds a lease that makes it nobody else's.
        """
        folder = self._folder / "scratch" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def tidy(self) -> None:
        """Delete what nothing refers to: table versions older than retention, and what killed writers left."""
        age = f"INTERVAL {int(self._retention.total_seconds())} SECOND"
        with self.locked(), self._connection() as connection:
            connection.execute(f"CALL ducklake_expire_snapshots('lake', older_than => now() - {age})")
            connection.execute(f"CALL ducklake_cleanup_old_files('lake', older_than => now() - {age})")
            if not set("*?[") & set(str(self._folder)):
                # Files of a writer that was killed before its commit: nobody else writes while we hold the lock.
                # DuckLake looks for them by a pattern, so a path with a wildcard in it could mean another's files.
                connection.execute("CALL ducklake_delete_orphaned_files('lake', older_than => now())")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the write lock for the block. Raises LakeBusy; the end of the process, however it ends, frees it."""
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
        connection = _database(self._folder).cursor()
        try:
            yield connection
        except BaseException:
            _forget()  # what failed may have left the attached lake unusable; the next block attaches it anew
            raise
        finally:
            connection.close()


def table_exists(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> bool:
    """Whether the lake has this table.

    By asking for it: the list of all tables costs seconds where there are hundreds, for each one's files are counted.
    """
    try:
        connection.execute(f"DESCRIBE lake.{quoted(schema)}.{quoted(name)}")
    except duckdb.CatalogException:
        return False
    return True


def relation_exists(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> bool:
    """Whether the lake has a table or a view of this name, and all that the view reads."""
    return table_exists(connection, schema, name)


def built_at(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> datetime | None:
    """When the table was made (dbt makes it anew with each build); None for what is no table.

    Of a table that is older than what the lake remembers, the oldest moment that it does remember.
    """
    row = connection.execute(
        f"SELECT coalesce(max(s.snapshot_time), (SELECT min(snapshot_time) FROM {_META}.ducklake_snapshot)) "
        "::TIMESTAMPTZ "
        f"FROM {_META}.ducklake_table AS t JOIN {_META}.ducklake_schema AS c USING (schema_id) "
        f"LEFT JOIN {_META}.ducklake_snapshot AS s ON s.snapshot_id = t.begin_snapshot "
        "WHERE t.end_snapshot IS NULL AND c.end_snapshot IS NULL AND c.schema_name = ? AND t.table_name = ? "
        "HAVING count(*) > 0",
        [schema, name],
    ).fetchone()
    return row[0] if row is not None else None


_META = "__ducklake_metadata_lake"
_attached: dict[tuple[int, Path, int | None], duckdb.DuckDBPyConnection] = {}
_guard = threading.Lock()


def _database(folder: Path) -> duckdb.DuckDBPyConnection:
    """This process's DuckDB with the lake in `folder` attached.

    Loading the extensions costs more than most transactions, so the last lake stays attached; between transactions
    that holds no lock. A forked child (another process id) attaches for itself.
    """
    catalogue = folder / CATALOGUE
    with _guard:
        key = (os.getpid(), catalogue, _identity(catalogue))
        if key not in _attached:
            _forget_own()
            connection = _attach(folder)
            key = (os.getpid(), catalogue, _identity(catalogue))  # the first to attach makes the file
            _attached[key] = connection
        return _attached[key]


def _identity(catalogue: Path) -> int | None:
    """Which file it is: a folder that was removed or restored from a backup is another lake."""
    return catalogue.stat().st_ino if catalogue.exists() else None


def _forget() -> None:
    with _guard:
        _forget_own()


def _forget_own() -> None:
    # What a forked child inherited must not be closed there: the threads that it needs stayed with the parent.
    for key in [key for key in _attached if key[0] == os.getpid()]:
        del _attached[key]


def _attach(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config=CONFIGURATION)
    try:
        attach(connection, folder)
    except BaseException:
        connection.close()
        raise
    return connection


def attach(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Make the lake in `folder` the database `lake` of a connection that was opened with CONFIGURATION."""
    for extension in ("sqlite_scanner", "ducklake"):
        load_extension(connection, extension)
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    # What does not fit into memory goes to the lake's disk, not to whatever folder the process was started in.
    connection.execute(f"SET GLOBAL temp_directory = {literal(str(folder / 'spilled'))}")
    connection.execute(
        f"ATTACH {literal(f'ducklake:sqlite:{folder / CATALOGUE}')} AS lake "
        f"(DATA_PATH {literal(f'{folder}/data/')}, META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT 30000, "
        "OVERRIDE_DATA_PATH true)"  # a data path may be moved as a whole
    )
