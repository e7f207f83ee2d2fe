"""Which version a ledger's tables are of, and how those of an earlier one become today's, where they are.

What belongs here: one step a version, written out as it was: tables.py goes on changing, a step does not. What does
not: today's tables (tables.py), and the words in which a refusal is told (ledger.py).

A step keeps every row. All steps, and the version that they reach, are one transaction, so a ledger that was not
brought up whole is what it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, inspect, select, text

from et_platform.ledger.tables import ledger_version, metadata

VERSION = 2
"""What the tables are by now. Version 1 told no version; since 2, an operation's rows may be in several files."""


class MadeByNewer(Exception):
    """The ledger's tables are of a version that this one does not know."""

    def __init__(self, version: int):
        super().__init__(version)
        self.version = version


def bring_up(engine: Engine) -> list[str]:
    """Create what is missing, or upgrade what is older.

    Returns `table.column` of what the ledger lacks and no step adds; then nothing was changed. Raises MadeByNewer.
    """
    with _alone(engine) as connection:
        version = _version(connection)
        if version is not None and version > VERSION:
            raise MadeByNewer(version)
        if version == 1:
            if connection.dialect.name == "postgresql":  # SQLite's transaction has the only right to write already
                connection.execute(text("LOCK TABLE files"))
            if (version := _version(connection)) == 1:  # nobody else was quicker
                _number_the_parts(connection)
        if lacking := list(_missing_columns(connection)):
            connection.rollback()
            return lacking
        metadata.create_all(connection)
        if version != VERSION:
            connection.execute(text(f"INSERT INTO ledger_version VALUES ({VERSION}) ON CONFLICT DO NOTHING"))
        connection.commit()
    return []


def _version(connection: Connection) -> int | None:
    """The version of what is there; None where there is nothing."""
    present = inspect(connection)
    if present.has_table(ledger_version.name):
        return connection.execute(select(ledger_version.c.version)).scalar_one()
    return 1 if present.has_table("files") else None


def _missing_columns(connection: Connection) -> Iterator[str]:
    """`table.column` of what a ledger that is there already lacks; a table that is missing is no lack."""
    present = inspect(connection).get_multi_columns()
    for name, columns in ((name, {one["name"] for one in found}) for (_, name), found in present.items()):
        table = metadata.tables.get(name)
        if table is not None:
            yield from (f"{name}.{column.name}" for column in table.columns if column.name not in columns)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A connection whose transaction may rebuild a table that others refer to."""
    with engine.connect() as connection:
        if connection.dialect.name != "sqlite":
            yield connection
            return
        # SQLite checks references while it drops a table, and heeds this outside of a transaction only.
        driver = connection.connection.cursor()
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            yield connection
        finally:
            connection.rollback()
            driver.execute("PRAGMA foreign_keys=ON")
            driver.close()


def _number_the_parts(connection: Connection) -> None:
    """Version 1 → 2: a file's key has its part, of which there was one only."""
    postgresql = (
        "ALTER TABLE files ADD COLUMN part INTEGER NOT NULL DEFAULT 1, ADD COLUMN first_row BIGINT",
        "ALTER TABLE files ALTER COLUMN part DROP DEFAULT, DROP CONSTRAINT files_pkey, "
        "ADD PRIMARY KEY (attempt_id, operation, part)",
    )
    columns = (
        "attempt_id, operation, state, path, remote, sha256, bytes, rows, definition_key, task_id, status, successful, "
        "duplicated, errors, restricted, total, rejected, changed_at"
    )
    sqlite = (  # which cannot change a table's key
        """CREATE TABLE files_with_parts (
            attempt_id VARCHAR(32) NOT NULL, operation VARCHAR(8) NOT NULL, part INTEGER NOT NULL, first_row BIGINT,
            state VARCHAR(12) NOT NULL, path VARCHAR NOT NULL, remote VARCHAR(200) NOT NULL,
            sha256 VARCHAR(64) NOT NULL, bytes BIGINT NOT NULL, rows INTEGER NOT NULL,
            definition_key VARCHAR(36) NOT NULL, task_id BIGINT, status VARCHAR(40), successful INTEGER,
            duplicated INTEGER, errors INTEGER, restricted INTEGER, total INTEGER, rejected INTEGER,
            changed_at DATETIME NOT NULL,
            PRIMARY KEY (attempt_id, operation, part),
            CONSTRAINT file_state CHECK (state IN ('staged', 'uploaded', 'starting', 'started', 'finished', 'missing',
                'proven', 'dropped')),
            UNIQUE (definition_key),
            UNIQUE (remote),
            FOREIGN KEY(attempt_id) REFERENCES attempts (id))""",
        f"INSERT INTO files_with_parts (part, {columns}) SELECT 1, {columns} FROM files",
        "DROP TABLE files",
        "ALTER TABLE files_with_parts RENAME TO files",
    )
    for statement in postgresql if connection.dialect.name == "postgresql" else sqlite:
        connection.execute(text(statement))
