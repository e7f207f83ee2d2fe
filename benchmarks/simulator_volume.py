"""How much the local ExactTarget takes and holds: many rows of 15 fields in one data extension, import by import.

Run by hand: `.venv/bin/python benchmarks/simulator_volume.py` (20 M rows: some 10 GB of disk while it runs; `--rows`
for fewer). Prints the time of each import and the simulator's memory, and checks figures and rows at the end.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import sys
import tempfile
from pathlib import Path

from machine import machine

from et_platform_tests.simulator import volume


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--chunk", type=int, default=1_000_000, help="rows of one import")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        free = shutil.disk_usage(folder).free / 2**30
        needed = given.rows * 500 / 2**30
        if free < needed:
            sys.exit(f"{folder} has {free:.0f} GiB free; {needed:.0f} GiB are needed for {given.rows:,} rows")
        print(f"{given.rows:,} rows of {len(volume.FIELDS)} fields in imports of {given.chunk:,}; {free:.0f} GiB free")
        print(machine("duckdb"))
        found = volume.run(Path(folder), given.rows, given.chunk, functools.partial(print, flush=True))
    for name, seconds in (("by the clock", found.seconds), ("of the processor", found.processor_seconds)):
        print(f"{name}: slowest import {max(seconds):.1f} s, all {sum(seconds):.0f} s")
    print(f"one row of {found.rows:,} found by its key in {found.retrieve_seconds:.2f} s")
    print(f"peak memory of the simulator {found.peak_mib} MiB, its file {found.file_mib} MiB")


if __name__ == "__main__":
    main(sys.argv[1:])
