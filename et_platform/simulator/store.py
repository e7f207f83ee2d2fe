"""The store of a business unit: a DuckDB file with documents (definitions, tasks, continuations), the rows of data
extensions, subscribers and events.

What belongs here: connections, transactions, locks, and documents by kind and id.
What does not: the columns of data extensions (`rows.py`), what documents mean (`objects/`, `imports/`, `extracts/`)
and what events and subscribers are (`tracking/`, which brings their tables).

Locking: DuckDB refuses the later of two transactions that touch the same thing, so writers queue. Whoever writes
rows or changes fields of a data extension holds its lock; whoever writes definitions holds `definitions`. A data
extension's lock is always taken first. Readers never wait.

Each business unit has a file of its own, all attached to one DuckDB: nothing can leak between units, and yet one
statement may read the tables of several, as `"MID".rows."..."`. A transaction writes to one file only.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from et_platform.simulator.tracking import TABLES

Connection = duckdb.DuckDBPyConnection

# Tasks are numbered apart in each unit, as their ids are unique over the account; they stay within 32 bits [W].
_TASKS_OF_A_UNIT = 10_000_000
FOLDERS_OF_A_UNIT = 1_000_000
"""Folders are numbered apart as well; those of a unit that are not roots begin at a tenth of it."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents
    (kind VARCHAR NOT NULL, id VARCHAR NOT NULL, seq BIGINT NOT NULL, body VARCHAR NOT NULL);
CREATE SCHEMA IF NOT EXISTS rows;
CREATE SEQUENCE IF NOT EXISTS document_seq;
CREATE SEQUENCE IF NOT EXISTS row_id;
CREATE SEQUENCE IF NOT EXISTS task_id START {first_task};
CREATE SEQUENCE IF NOT EXISTS folder_id START {first_folder};
"""


class StoreInUse(Exception):
    """Another process has the data folder open."""


class Store:
    """The store of one unit. Open once per process; thread-safe.

    `beside` is the enterprise's store for that of a child, which ends with it; `number` counts the children from 1.
    `memory_mib` is what DuckDB may use for all units together; what does not fit goes to disk.
    """

    def __init__(
        self, path: Path, *, beside: Store | None = None, mid: str = "", number: int = 0, memory_mib: int = 1024
    ):
        self._catalog, self._name, self.number = mid, mid or path.stem, number
        try:
            if beside is None:
                self._root, self._opening = duckdb.connect(str(path)), threading.Lock()
                self._root.execute(f"SET temp_directory = {_quoted(path)[:-1]}.tmp'")
                self._root.execute(f"SET memory_limit = '{memory_mib}MiB'")
            else:
                self._root, self._opening = beside._root, beside._opening
                self._root.execute(f'ATTACH {_quoted(path)} AS "{mid}"')
        except duckdb.IOException as error:
            raise StoreInUse(f"{path.parent} is in use by another simulator, or cannot be opened") from error
        self._locks: dict[str, threading.RLock] = defaultdict(threading.RLock)
        self.definitions = threading.RLock()
        with self.connect() as connection:
            first_task = 600_000 + number * _TASKS_OF_A_UNIT
            first_folder = number * FOLDERS_OF_A_UNIT + FOLDERS_OF_A_UNIT // 10
            connection.execute(_SCHEMA.format(first_task=first_task, first_folder=first_folder) + TABLES)
            self._upgrade(connection)

    def _upgrade(self, connection: Connection) -> None:
        """Rows of a store that knew no retention yet have no age, and so never expire."""
        old = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'rows' AND database_name = current_database()"
            " EXCEPT SELECT table_name FROM duckdb_columns() WHERE column_name = '$created'"
            " AND schema_name = 'rows' AND database_name = current_database()"
        ).fetchall()
        for (name,) in old:
            connection.execute(f'ALTER TABLE rows."{name}" ADD COLUMN "$created" TIMESTAMP')

    @property
    def catalog(self) -> str:
        """The name of its database, for statements that go beyond one unit."""
        return self._name

    def close(self) -> None:
        """Write everything into the files and let them go."""
        self._root.close()

    def lock(self, object_id: str) -> threading.RLock:
        """The lock of one data extension's rows and fields."""
        with self._opening:
            return self._locks[object_id]

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection of one's own, with its own temporary tables."""
        with self._opening:
            connection = self._root.cursor()
        try:
            if self._catalog:
                connection.execute(f'USE "{self._catalog}"')
            yield connection
        finally:
            connection.close()

    @contextmanager
    def transaction(self, connection: Connection | None = None) -> Iterator[Connection]:
        """All or nothing, and one consistent view of everything; on the given connection or a new one."""
        if connection is None:
            with self.connect() as own, self.transaction(own):
                yield own
            return
        connection.begin()
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def get(connection: Connection, kind: str, id: str) -> dict[str, Any] | None:  # noqa: A002 - documents have ids
    """The document, or None."""
    row = connection.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", [kind, id]).fetchone()
    return json.loads(row[0]) if row else None


def find(
    connection: Connection, kind: str, where: str = "true", parameters: Sequence[object] = ()
) -> list[dict[str, Any]]:
    """The documents of a kind that fulfil a condition on `body`, oldest first."""
    rows = connection.execute(
        f"SELECT body FROM documents WHERE kind = ? AND ({where}) ORDER BY seq",
        [kind, *parameters],
    ).fetchall()
    return [json.loads(body) for (body,) in rows]


def put(connection: Connection, kind: str, id: str, body: dict[str, Any]) -> None:  # noqa: A002
    """Write the document, new or changed; a changed one keeps its place in the order."""
    content = json.dumps(body, ensure_ascii=False)
    changed = connection.execute(
        "UPDATE documents SET body = ? WHERE kind = ? AND id = ? RETURNING 1", [content, kind, id]
    ).fetchone()
    if not changed:
        connection.execute("INSERT INTO documents VALUES (?, ?, nextval('document_seq'), ?)", [kind, id, content])


def remove(connection: Connection, kind: str, id: str) -> None:  # noqa: A002
    """Remove the document; nothing happens when there is none."""
    connection.execute("DELETE FROM documents WHERE kind = ? AND id = ?", [kind, id])


def next_task_id(connection: Connection) -> int:
    """The next number for an asynchronous task."""
    row = connection.execute("SELECT nextval('task_id')").fetchone()
    assert row is not None
    return int(row[0])
