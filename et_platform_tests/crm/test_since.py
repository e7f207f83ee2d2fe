"""Reading what changed lately: one behaviour, shown on a SQLite file and on a real PostgreSQL server."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from et_platform.crm.connect import connect
from et_platform.crm.source import Since, Source

NOON = datetime.fromisoformat("2026-11-02 12:00:00")


class Database:
    """A CRM of either kind. `run` runs statements of its own client."""

    def __init__(self, url: str, run: Callable[[str], object]):
        self.url, self.run = url, run

    def since(self, low: datetime | int, source: Source | None = None, cursor: str = "at") -> list[str | None]:
        with connect(self.url) as crm:
            rows = crm.read(source or Source(table="t"), ["n"], since=Since("id", cursor, low)).read_all()
        return sorted(rows.column("n").to_pylist(), key=lambda n: int(n or 0))


@pytest.fixture(params=["sqlite", "postgresql"])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        path = tmp_path / "crm.sqlite"

        def run(statements: str) -> None:
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.executescript(statements)

        return Database(f"sqlite:///{path}", run)
    session: psycopg.Connection = request.getfixturevalue("postgres")
    return Database(request.getfixturevalue("postgres_uri"), lambda statements: session.execute(statements.encode()))


def test_equal_and_later_moments_are_read_and_earlier_ones_are_not(crm: Database):
    crm.run(
        "CREATE TABLE t (n int, id text, at timestamp);"
        "INSERT INTO t VALUES (1, 'a', '2026-11-02 11:59:59.9'), (2, 'b', '2026-11-02 12:00:00'),"
        " (3, 'c', '2026-11-02 12:00:00.000001'), (4, 'd', '2026-11-03 00:00:00'), (5, 'e', '2025-12-31 23:59:59')"
    )
    assert crm.since(NOON) == ["2", "3", "4"]
    assert crm.since(NOON, Source(query="SELECT * FROM t WHERE n <> 3 -- a comment")) == ["2", "4"]


def test_every_copy_of_a_changed_rows_key_is_read_with_it(crm: Database):
    """Else the copy that did not change would be taken for gone, and its key for unique."""
    crm.run(
        "CREATE TABLE t (n int, id text, at timestamp);"
        "INSERT INTO t VALUES (1, 'a', '2020-01-01 00:00:00'), (2, 'a', '2026-11-02 12:00:01'),"
        " (3, 'b', '2020-01-01 00:00:00'), (4, 'A', '2020-01-01 00:00:00')"
    )
    assert crm.since(NOON) == ["1", "2"]


def test_rows_without_a_cursor_or_a_key_are_always_read(crm: Database):
    crm.run(
        "CREATE TABLE t (n int, id text, at timestamp);"
        "INSERT INTO t VALUES (1, 'a', NULL), (2, NULL, '2020-01-01 00:00:00'), (3, NULL, NULL), (4, NULL, NULL),"
        " (5, 'b', '2020-01-01 00:00:00'), (6, NULL, '2027-01-01 00:00:00')"
    )
    assert crm.since(NOON) == ["1", "2", "3", "4", "6"]


@pytest.mark.parametrize("type_", ["bigint", "numeric(22, 2)"])
def test_a_cursor_may_count(crm: Database, type_: str):
    crm.run(
        f"CREATE TABLE t (n int, id int, at {type_});"
        "INSERT INTO t VALUES (1, 1, 9), (2, 2, 10), (3, 3, 9223372036854775807), (4, 4, NULL), (5, 5, -10)"
    )
    assert crm.since(10) == ["2", "3", "4"]


def test_a_cursor_of_days_reads_the_whole_day(crm: Database):
    crm.run(
        "CREATE TABLE t (n int, id text, at date);"
        "INSERT INTO t VALUES (1, 'a', '2026-11-01'), (2, 'b', '2026-11-02'), (3, 'c', '2026-11-03')"
    )
    assert crm.since(NOON.replace(hour=0)) == ["2", "3"]


def test_postgresql_knows_time_zones_and_infinity(postgres: psycopg.Connection, postgres_uri: str):
    postgres.execute(
        "CREATE TABLE t (n int, id text, at timestamptz);"
        "INSERT INTO t VALUES (1, 'a', '2026-11-02 05:59:59-06'), (2, 'b', '2026-11-02 06:00:00-06'),"
        " (3, 'c', '2026-11-02 12:59:59+01'), (4, 'd', 'infinity'), (5, 'e', '-infinity')"
    )
    assert Database(postgres_uri, postgres.execute).since(NOON) == ["2", "4", "5"]


def test_sqlites_moments_are_compared_as_moments_and_never_left_out_in_doubt(tmp_path: Path):
    path = tmp_path / "crm.sqlite"
    moments = [
        ("2026-11-02T11:59:59Z", False),
        ("2026-11-02T12:00:00Z", True),
        ("2026-11-02 05:59:59-06:00", False),
        ("2026-11-02 06:00:00-06:00", True),
        ("2026-11-02 13:30+02:00", False),
        ("2026-11-02", False),
        ("2026-11-03", True),
        ("02.11.2026", True),
        ("soon", True),
        ("", True),
        (1762084800, True),
        (2026.5, True),
        (b"2020-01-01", True),
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (n, id, at TIMESTAMP)")
        connection.executemany("INSERT INTO t VALUES (?1, ?1, ?2)", [(n, at) for n, (at, _) in enumerate(moments)])
    found = Database(f"sqlite:///{path}", print).since(NOON)
    assert found == [str(n) for n, (_, expected) in enumerate(moments) if expected]


def test_sqlites_keys_are_compared_as_they_are_read(tmp_path: Path):
    path = tmp_path / "crm.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (n, id, at)")
        rows = [(1, 7, 1), (2, "7", 99), (3, "8", 1), (4, 8, 1), (5, "x", "x")]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    assert Database(f"sqlite:///{path}", print).since(10) == ["1", "2", "5"]
