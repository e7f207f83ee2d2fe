"""Reading tracking files against DuckDB's bare CSV reader on the same file.

    python benchmarks/ingest.py [--rows 1000000] [--rounds 5]

A file of `--rows` opens with all documented columns, quoted as we ask for it, is read in turns

- by DuckDB alone: every column as text, each one's largest value, for what is not looked at is not read;
- by the platform: typed events and named rejects as Parquet (`parse`), and then into the lake (`load`);

and again with one line in a thousand damaged, which the platform has to tell by file and line.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.machine import machine
from et_platform.catalog.tracking import COLUMNS
from et_platform.duckdb_support import literal, quoted
from et_platform.ingest.tracking import Parsed, parse
from et_platform.sync.folding import folded_key
from et_platform.warehouse import events
from et_platform.warehouse.events import Content, MemberRows
from et_platform.warehouse.lake import Lake

NAMES = tuple(COLUMNS["open"])
VALUES = {
    "ClientID": "7000001",
    "SendID": "1000 + n % 30",
    "SubscriberKey": "printf('NTO-%07d', n)",
    "EmailAddress": "'person' || n || '@example.org'",
    "SubscriberID": "n",
    "ListID": "1",
    "EventDate": "strftime(TIMESTAMP '2026-11-01' + INTERVAL (n % 86400) SECOND, '%-m/%-d/%Y %-I:%M:%S %p')",
    "EventType": "'Open'",
    "BatchID": "1",
    "IsUnique": "'True'",
    "IpAddress": "'192.0.2.' || n % 250",
    "Country": "'US'",
    "Region": "'WA'",
    "City": "'City ' || n % 3000",
    "Latitude": "47.6",
    "Longitude": "-122.3",
    "Browser": "'Chrome 150'",
    "EmailClient": "'Gmail'",
    "OperatingSystem": "'Windows'",
    "Device": "'PC'",
}


def write(path: Path, rows: int, *, damaged: bool) -> None:
    values = ", ".join(f"CAST({VALUES.get(name, 'NULL')} AS VARCHAR) AS {quoted(name)}" for name in NAMES)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT {values} FROM range({rows}) AS r(n)) TO {literal(str(path))} "
            "(FORMAT csv, HEADER true, FORCE_QUOTE *, NEW_LINE '\\r\\n')"
        )
    if damaged:
        lines = path.read_bytes().split(b"\r\n")
        lines[1:-1:1000] = [line.partition(b",")[2] for line in lines[1:-1:1000]]
        path.write_bytes(b"\r\n".join(lines))


def bare(path: Path) -> None:
    largest = ", ".join(f"max({quoted(name)})" for name in NAMES)
    with duckdb.connect() as connection:
        connection.execute(
            f"SELECT {largest} FROM read_csv({literal(str(path))}, header = true, all_varchar = true, "
            "ignore_errors = true)"
        ).fetchall()


def parsed(path: Path, folder: Path) -> Parsed:
    return parse(path, "open", file="a.zip", member="Opens.csv", folder=folder)


def into_lake(one: Parsed, folder: Path) -> None:
    rows = MemberRows(
        one.type, one.member, one.events, one.rejects, one.rows, one.rejected, one.kept, one.other_columns
    )
    with Lake(folder).write() as connection:
        events.load(connection, Content("0" * 64, "identity", "a.zip", "benchmark"), [rows], fold=folded_key)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(path: Path, folder: Path, rounds: int, damaged: int) -> None:
    floor, ours, loading = [], [], []
    for turn in range(rounds):
        floor.append(timed(partial(bare, path)))
        ours.append(timed(partial(parsed, path, folder)))
        one = parsed(path, folder)
        assert one.rejected == damaged, one
        loading.append(timed(partial(into_lake, one, folder / f"lake{turn}")))
    bare_s, parse_s, load_s = (statistics.median(one) for one in (floor, ours, loading))
    print(
        f"{one.rows} rows, {path.stat().st_size / 1e6:.0f} MB, {damaged} damaged: DuckDB {bare_s:.2f} s, parsed in "
        f"{parse_s:.2f} s: ratio {bare_s / parse_s:.2f} (aim 0.5), {one.rows / parse_s:,.0f} events/s; "
        f"and {load_s:.2f} s into the lake: {bare_s / (parse_s + load_s):.2f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(machine())
    for damaged in (0, len(range(0, given.rows, 1000))):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name, "Opens.csv")
            write(path, given.rows, damaged=damaged > 0)
            measure(path, Path(name), given.rounds, damaged)


if __name__ == "__main__":
    main()
