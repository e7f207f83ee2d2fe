"""How long the definitions of many data extensions take to load, against those of one.

Each figure is of a process of its own, as Dagster starts one: the imports alone, then catalogue and definitions, with
all assets resolved. The aim: 200 data extensions in less than 3 s. The seconds of the processor are what a machine that
does nothing else would need.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import machine

from et_platform.catalog.catalog import PACKAGED

LOAD = """
import sys, time
began = time.perf_counter()
from pathlib import Path
from et_platform.catalog.catalog import load_catalog
from et_platform.definitions import build_defs
from et_platform.resources import Platform
imported = time.perf_counter()
catalog = load_catalog(Path(sys.argv[1]))
read = time.perf_counter()
defs = build_defs(catalog=catalog, platform=Platform())
assets = len(defs.resolve_all_asset_specs())
defs.resolve_asset_graph()
ended = time.perf_counter()
seconds = imported - began, read - imported, ended - read, ended - began, time.process_time()
print(len(catalog.data_extensions), assets, *seconds)
"""


def catalogue(folder: Path, count: int) -> Path:
    """Northern Trail's declarations, with `count` data extensions of 16 fields and two expressions each."""
    shutil.copytree(PACKAGED / "crm", folder / "crm")
    (folder / "data_extensions").mkdir()
    text = (PACKAGED / "data_extensions" / "customers.yaml").read_text(encoding="utf-8")
    text = text.replace("from: first_name", 'sql: "trim(first_name)"').replace(
        "from: last_name", 'sql: "trim(last_name)"'
    )
    for number in range(count):
        one = text.replace("NTO_Customers", f"NTO_{number}").replace("Northern Trail Customers", f"Customers {number}")
        (folder / "data_extensions" / f"customers_{number}.yaml").write_text(one, encoding="utf-8")
    return folder


def main() -> None:
    """Load one and many in turn, and print the medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folders = {count: catalogue(Path(scratch, str(count)), count) for count in (1, options.count)}
        figures: dict[int, list[list[float]]] = {count: [] for count in folders}
        for _ in range(options.rounds):
            for count, folder in folders.items():
                done = subprocess.run(
                    [sys.executable, "-c", LOAD, str(folder)], capture_output=True, text=True, check=True
                )
                found, _assets, *seconds = done.stdout.split()
                assert int(found) == count
                figures[count].append([float(one) for one in seconds])
    for count, rounds in figures.items():
        imports, reading, building, total, processor = (statistics.median(one) for one in zip(*rounds, strict=True))
        slowest = max(one[3] for one in rounds)
        print(f"{count:>4} data extensions: {total:.2f} s (slowest {slowest:.2f}), {processor:.2f} s of the processor")
        print(f"     imports {imports:.2f} s, catalogue {reading:.2f} s, definitions {building:.2f} s")
    few, many = (statistics.median(one[4] for one in figures[count]) for count in folders)
    each = (many - few) / (options.count - 1) * 1000
    print(f"{options.count} against 1: {many / few:.1f} times as long, {each:.1f} ms for each more")
    print(machine("dagster", "pydantic", "duckdb"))


if __name__ == "__main__":
    main()
