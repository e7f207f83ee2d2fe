"""How long one look of the sensor takes at an Export folder with many files.

    python benchmarks/tick.py [--files 10000]

The files lie on the local ExactTarget's SFTP site under names of our extracts. One look sees new files, the next ones
some of them complete (as many as the cursor remembers at once; the ledger records them); the last one sees files that
are all loaded. The size of the cursor that Dagster keeps is told, and a bare listing of it by the same client.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import update

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine  # noqa: E402 - the path comes first
from et_platform.exacttarget.models import EXPORT  # noqa: E402
from et_platform.inbound.request import output_name  # noqa: E402
from et_platform.ingest.arrival import MOST_FILES  # noqa: E402
from et_platform.ledger.inbound_tables import extract_files  # noqa: E402
from et_platform_tests.inbound.world import World  # noqa: E402
from et_platform_tests.simulated import running_simulator  # noqa: E402

T = TypeVar("T")


def timed(what: str, work: Callable[[], T]) -> T:
    start = time.perf_counter()
    done = work()
    print(f"{what}: {time.perf_counter() - start:.2f} s")
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    arguments = parser.parse_args()
    print(machine("dagster", "asyncssh"))
    with tempfile.TemporaryDirectory() as name, running_simulator(Path(name, "exacttarget")) as simulator:
        world = World(Path(name, "world"), simulator.info | {"ftp_folder": simulator.ftp_folder}, prefix="etp_")
        start = datetime(2000, 1, 1, 6, tzinfo=UTC)
        for nth in range(arguments.files):
            window = (start + timedelta(days=nth), start + timedelta(days=nth + 1))
            (world.export / output_name("tracking", *window, 1)).write_bytes(b"x")

        def listing() -> int:
            with world.road.open_exacttarget() as exacttarget, exacttarget.ftp() as ftp:
                return len(ftp.list(folder=EXPORT))

        assert timed("a bare listing, with the login", listing) == arguments.files
        assert len(timed("first look, all new", world.look).waiting) == arguments.files
        at_once = min(arguments.files, MOST_FILES)
        assert len(timed(f"second look, {at_once} complete", world.look).complete) == at_once
        assert len(timed("third look, the same", world.look).complete) == at_once
        print(f"cursor: {len(world.cursor or '') / 1e3:.0f} kB")
        rounds = 0
        while True:
            with world.road.ledger.engine.begin() as connection:
                connection.execute(update(extract_files).values(state="loaded"))
            rounds += 1
            world.look()
            if not world.look().complete:
                break
        known = timed("a look when all are loaded", world.look)
        assert not known.complete
        assert not known.waiting
        print(f"{rounds} rounds of {at_once} took up all")


if __name__ == "__main__":
    main()
