"""The whole way out, step by step: a first load, changes of every row, and a run in which nothing changed.

    python benchmarks/road.py [--rows 1000000]

A SQLite CRM of 15 columns, and a local ExactTarget on the loopback, whose import counts as a step: the real one takes
its own time. Transfer is the upload alone, inside staging. One run each, so shares are to be read, not single seconds.
"""

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine  # noqa: E402 - the path comes first
from benchmarks.plan import COLUMNS, declare, texts  # noqa: E402
from et_platform.catalog.catalog import load_catalog  # noqa: E402
from et_platform.duckdb_support import literal, load_extension  # noqa: E402
from et_platform.exacttarget.sftp import EnhancedFtp  # noqa: E402
from et_platform.outbound import settle  # noqa: E402
from et_platform.outbound.deliver import deliver  # noqa: E402
from et_platform.outbound.plan import make_plan  # noqa: E402
from et_platform.outbound.snapshot import take_snapshot  # noqa: E402
from et_platform.outbound.stage import stage_and_upload  # noqa: E402
from et_platform.resources import build_road  # noqa: E402
from et_platform_tests.outbound.world import settings_for  # noqa: E402
from et_platform_tests.simulated import running_simulator  # noqa: E402


class Clock:
    """Seconds by step; what is inside another step is told apart."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

        return wrapped

    def tell(self, title: str, rows: int) -> None:
        seconds = self.seconds
        steps = {
            "reading the CRM": seconds["snapshot"],
            "planning": seconds["plan"],
            "writing files": seconds.get("stage", 0.0) - seconds.get("transfer", 0.0),
            "transfer": seconds.get("transfer", 0.0),
            "import": seconds.get("import", 0.0),
            "reconciling": seconds.get("deliver", 0.0) - seconds.get("import", 0.0),
        }
        whole = sum(steps.values())
        shares = ", ".join(f"{name} {one:.1f} s ({one / whole:.0%})" for name, one in steps.items())
        print(f"{title}: {rows:,} rows imported in {whole:.1f} s: {shares}", flush=True)
        self.seconds = {}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    clock = Clock()
    EnhancedFtp.put = clock.timed("transfer", EnhancedFtp.put)
    settle._wait_for_end = clock.timed("import", settle._wait_for_end)
    print(machine("duckdb", "asyncssh"))
    with (
        tempfile.TemporaryDirectory(prefix="road-") as place,
        running_simulator(Path(place) / "sim", "--set", "summary_delay_seconds=0") as simulator,
    ):
        folder = Path(place)
        declare(folder)
        path = folder / "crm.sqlite"
        with duckdb.connect() as connection:
            load_extension(connection, "sqlite_scanner")
            connection.execute(f"ATTACH {literal(str(path))} AS crm (TYPE sqlite)")
            connection.execute(f"CREATE TABLE crm.people ({', '.join(f'{name} VARCHAR' for name in COLUMNS)})")
            connection.execute(f"INSERT INTO crm.people {texts(rows, 0)}")
        changes = {"import_deadline_seconds": 600.0, "poll_seconds": 0.2}
        road = build_road(settings_for(folder, simulator.info, **changes), run_id="benchmark", tell=lambda line: None)
        catalog = load_catalog(folder / "catalog")
        de = catalog.data_extensions["people"]
        for title, statement in (
            ("first load", None),
            ("every row changed", "UPDATE people SET points = '-1', city = 'Elsewhere'"),
            ("nothing changed", None),
        ):
            if statement is not None:
                with closing(sqlite3.connect(path)) as crm, crm:
                    crm.execute(statement)
            clock.timed("snapshot", take_snapshot)(road, catalog.crm["people"])
            clock.timed("plan", make_plan)(road, catalog, de)
            clock.timed("stage", stage_and_upload)(road, de)
            settlement = clock.timed("deliver", deliver)(road, catalog, de)
            done = settlement.acknowledged if settlement is not None else 0
            assert done == (0 if title == "nothing changed" else rows), settlement
            clock.tell(title, done)


if __name__ == "__main__":
    main()
