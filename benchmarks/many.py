"""Many data extensions in three business units at once: how long, and where the time goes.

    python benchmarks/many.py [--data-extensions 50] [--rows 200] [--parallel 4] [--dagster]

A local ExactTarget with two more business units, one CRM of `--rows` people, and so many data extensions that each live
in all three units. `etp apply --all` runs three times: first everything is imported, then nothing changed, then one in
ten fails by a closed gate. `--dagster` runs the job `sync_all` in one process instead. Seconds are by the clock; those
of the processor are all workers' together.
"""

import argparse
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine  # noqa: E402 - the path comes first
from et_platform_tests.outbound.world import settings_for  # noqa: E402
from et_platform_tests.scenario import CRM, DATA_EXTENSION, PERSON, person  # noqa: E402
from et_platform_tests.simulated import running_simulator  # noqa: E402

UNITS = ("mountain", "coast")
DAGSTER = (
    "from et_platform.instance import materialize; from et_platform.settings import load; "
    "from et_platform.definitions import load_defs; "
    "keys = [k.path for k in load_defs(models=False).resolve_asset_graph().executable_asset_keys]; "
    "r = materialize(load(), keys); print('succeeded' if r.success else 'FAILED')"
)


def declare(folder: Path, number: int, minimum: int) -> None:
    text = DATA_EXTENSION.replace("Test_People", f"Many_{number}").replace("Test People", f"Many {number}")
    text = text.replace("minimum_rows: 1", f"minimum_rows: {minimum}")
    path = folder / "catalog" / "data_extensions" / f"de{number:03}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}business_units: [default, {', '.join(UNITS)}]\n")


def world(folder: Path, info: dict, count: int, rows: int) -> dict[str, str]:
    """Catalogue and CRM below `folder`; the environment that joins them with the local ExactTarget."""
    for kind, name, text in (
        ("crm", "people", CRM),
        *(("business_units", unit, f"description: {unit}\n") for unit in UNITS),
    ):
        path = folder / "catalog" / kind / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for number in range(count):
        declare(folder, number, 1)
    with closing(sqlite3.connect(folder / "crm.sqlite")) as crm, crm:
        crm.execute(f"CREATE TABLE people ({', '.join(PERSON)})")
        people = [tuple(person(id=f"P{n}", email=f"p{n}@example.org").values()) for n in range(rows)]
        crm.executemany(f"INSERT INTO people VALUES ({', '.join('?' * len(PERSON))})", people)
    settings = settings_for(folder, info).model_dump(exclude_unset=True)
    environment = os.environ | {"DAGSTER_DISABLE_TELEMETRY": "1", "PYTHONPATH": str(ROOT)}
    for name, value in settings.items():
        plain = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        environment[f"ET_{name.upper()}"] = str(plain)
    for child in info["business_units"]:
        unit = f"ET_BUSINESS_UNITS__{child['name'].upper()}__"
        environment |= {f"{unit}MID": child["mid"], f"{unit}SFTP_PASSWORD": child["sftp_password"]}
    return environment


def run(label: str, command: list[str], folder: Path, environment: dict[str, str], count: int) -> None:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    last = next((line for line in reversed(done.stdout.splitlines()) if "succeeded" in line or "FAILED" in line), "")
    print(
        f"{label:<28} {seconds:7.1f} s, {seconds / count:5.2f} for each; processor {busy / count:5.2f} for each; "
        f"exit code {done.returncode}; {last or done.stderr[-300:]}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data-extensions", type=int, default=50)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--dagster", action="store_true")
    arguments = parser.parse_args()
    children = [word for n, unit in enumerate(UNITS) for word in ("--business-unit", f"{7000002 + n}:{unit}")]
    with (
        tempfile.TemporaryDirectory(prefix="many-") as place,
        running_simulator(Path(place) / "sim", "--mid", "7000001", *children) as simulator,
    ):
        folder = Path(place)
        environment = world(folder, simulator.info, arguments.data_extensions, arguments.rows)
        count = arguments.data_extensions * (1 + len(UNITS))
        print(machine("dagster", "duckdb"))
        print(f"{arguments.data_extensions} data extensions × {1 + len(UNITS)} units, {arguments.rows} rows each")
        command = [sys.executable, "-m", "et_platform.cli", "apply", "--all", "--parallel", str(arguments.parallel)]
        if arguments.dagster:
            command = [sys.executable, "-c", DAGSTER]
        run("everything is new", command, folder, environment, count)
        run("nothing changed", command, folder, environment, count)
        for number in range(0, arguments.data_extensions, 10):
            declare(folder, number, arguments.rows + 1)
        run("one in ten fails", command, folder, environment, count)


if __name__ == "__main__":
    main()
