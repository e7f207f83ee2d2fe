"""Filling one data extension of 15 fields, import by import: for the benchmark of volume and its small version."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import psutil

from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.soap import Soap, a_field, data_extension, equals, figures, import_definition

KEY = "volume"
FIELDS = {
    "CustomerId": ("Text", {"MaxLength": 50, "key": True}, "'C' || lpad(i::VARCHAR, 12, '0')"),
    "Email": ("EmailAddress", {}, "'person' || i || '@mail' || (i % 97) || '.example'"),
    "FirstName": ("Text", {"MaxLength": 50}, "['Ann', 'Βασίλης', '太郎', 'Zoë', 'فاطمة'][1 + i % 5]"),
    "LastName": ("Text", {"MaxLength": 80}, "'Family ' || (i * 7919 % 100003)"),
    "Street": ("Text", {"MaxLength": 100}, "(i % 999) || ' Long Street, floor ' || (i % 12)"),
    "City": ("Text", {"MaxLength": 50}, "'City ' || (i % 5003)"),
    "Country": ("Locale", {}, "['en-US', 'de-DE', 'ja-JP'][1 + i % 3]"),
    "Phone": ("Phone", {}, "'+1' || lpad((i % 10000000000)::VARCHAR, 10, '0')"),
    "Orders": ("Number", {}, "(i % 211 + {round})::VARCHAR"),
    "Revenue": ("Decimal", {"MaxLength": 12, "Scale": 2}, "((i % 1000000) / 100.0)::DECIMAL(12, 2)::VARCHAR"),
    "Born": ("Date", {}, "strftime(DATE '1940-01-01' + (i % 25000)::INTEGER, '%Y-%m-%d')"),
    "LastOrder": ("Date", {}, "strftime(TIMESTAMP '2024-01-01' + to_seconds(i % 31000000), '%Y-%m-%d %H:%M:%S')"),
    "Consent": ("Boolean", {}, "CASE i % 2 WHEN 0 THEN 'True' ELSE 'False' END"),
    "Tier": ("Text", {"MaxLength": 10}, "['gold', 'silver', 'basic'][1 + i % 3]"),
    "Note": ("Text", {"MaxLength": 200}, "CASE i % 10 WHEN 0 THEN 'said \"yes\", then' || chr(10) || 'no' END"),
}


@dataclass
class Outcome:
    """What one run showed. Seconds are per import, by the clock and of the simulator's processor time; memory is its
    peak, in MiB, as is its file."""

    seconds: list[float] = field(default_factory=list)
    processor_seconds: list[float] = field(default_factory=list)
    peak_mib: int = 0
    rows: int = 0
    updated: int = 0
    retrieve_seconds: float = 0
    file_mib: int = 0


def run(folder: Path, rows: int, chunk: int, say: Callable[[str], None]) -> Outcome:
    """Import `rows` new rows in chunks, then one more chunk that updates rows all over. Raises AssertionError."""
    outcome = Outcome()
    with running_simulator(folder / "data", "--set", "summary_delay_seconds=0") as simulator:
        try:
            _fill(simulator, rows, chunk, outcome, say)
        except Exception:
            ended = simulator.process.poll() if simulator.process else None
            say(f"the simulator {'runs still' if ended is None else f'ended with {ended}'}; its log: {simulator.log}")
            raise
        assert simulator.stop() == 0
    database = folder / "data" / "exacttarget.duckdb"
    outcome.file_mib = database.stat().st_size // 2**20
    outcome.rows = _counted(database, outcome.updated)
    assert outcome.rows == rows, outcome.rows
    return outcome


def _fill(simulator: Simulator, rows: int, chunk: int, outcome: Outcome, say: Callable[[str], None]) -> None:
    soap = Soap(simulator)
    fields = [a_field(name, kind, **more) for name, (kind, more, _) in FIELDS.items()]
    soap.good("Create", data_extension(KEY, *fields), import_definition(KEY, KEY, f"{KEY}.csv", DeleteFile="true"))
    for first in range(0, rows, chunk):
        last = min(first + chunk, rows)
        expected = ("Completed", last - first, 0, 0, last - first)
        _import(simulator, f"range({first}, {last})", 0, expected, outcome, say)
    # Keys all over the data extension: the hardest case for a merge.
    step = max(1, rows // chunk)
    outcome.updated = len(range(0, rows, step))
    expected = ("Completed", outcome.updated, 0, 0, outcome.updated)
    _import(simulator, f"range(0, {rows}, {step})", 1000, expected, outcome, say)
    began = time.perf_counter()
    soap.login()  # a long run outlives a token
    found = soap.rows(KEY, ["CustomerId", "Orders", "Note"], equals("CustomerId", f"c{0:012d} "))
    outcome.retrieve_seconds = time.perf_counter() - began
    assert found == [{"CustomerId": f"C{0:012d}", "Orders": "1000", "Note": 'said "yes", then\nno'}], found


def _import(
    simulator: Simulator,
    source: str,
    round_: int,
    expected: tuple[str, int, int, int, int],
    outcome: Outcome,
    say: Callable[[str], None],
) -> None:
    columns = ", ".join(f'{sql.format(round=round_)} AS "{name}"' for name, (_, _, sql) in FIELDS.items())
    with duckdb.connect() as connection:
        target = simulator.ftp_folder / "Import" / f"{KEY}.csv"
        connection.execute(f"COPY (SELECT {columns} FROM {source} AS numbers(i)) TO '{target}' (HEADER, DELIMITER ',')")
    soap = Soap(simulator)  # its own token: a long run outlives one
    process = psutil.Process(simulator.pid)
    began, used = time.perf_counter(), sum(process.cpu_times()[:2])
    summary = soap.wait(soap.perform(KEY).text("Results/Result/Task/ID"), seconds=3600)
    outcome.seconds.append(time.perf_counter() - began)
    outcome.processor_seconds.append(sum(process.cpu_times()[:2]) - used)
    assert figures(summary) == expected, summary
    memory = _memory(simulator.pid)
    outcome.peak_mib = max(outcome.peak_mib, memory["VmHWM"])
    seconds = f"{outcome.seconds[-1]:.1f} s ({outcome.processor_seconds[-1]:.1f} s of the processor)"
    say(f"{source}: {seconds}; memory {memory['VmRSS']} MiB, peak {memory['VmHWM']}")


def _memory(pid: int) -> dict[str, int]:
    """Memory of a process in MiB: VmRSS now, VmHWM at its peak."""
    status = Path(f"/proc/{pid}/status").read_text()
    return {name: int(size) // 1024 for name, size in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE)}


def _counted(database: Path, updated: int) -> int:
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'rows'").fetchall()
        assert len(tables) == 1, tables
        sql = f'SELECT count(*), count(DISTINCT "$key"), count(*) FILTER (f9 >= 1000) FROM rows."{tables[0][0]}"'
        total, keys, changed = connection.execute(sql).fetchall()[0]
    assert (keys, changed) == (total, updated), (total, keys, changed, updated)
    return total
