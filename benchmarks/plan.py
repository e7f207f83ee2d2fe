"""Planning against the floor: DuckDB reading every column of both relations once.

    python benchmarks/plan.py [--rows 1000000] [--changed 0.01] [--together] [--rounds 5] [--tools] [--kept FOLDER]

A lake is filled with `--rows` rows of 15 columns, all of which are acknowledged; then a part of them changes in the
CRM (eight tenths other values, one tenth new, one tenth gone): all over the table or, as where it is the newest rows
that change, `--together`. `--kept` fills a folder that stays, or measures what is there. Measured in turns are

- the floor: each column's largest value, for counting alone is answered from statistics without reading anything;
- the whole plan as a run makes it: evaluation, figures, files of changes and quarantine, records in lake and ledger;
- typing, folded keys and row hashes of all rows, from Parquet, which a snapshot costs once;
- the updates as CSV, and DuckDB's COPY of the same rows.

This is done in a process of its own, so that its peak of memory is its own. `--tools` compares the same two relations
with public diff tools, each in an environment of its own, installed when it is missing; most want CSV files.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine  # noqa: E402 - the path comes first
from et_platform.catalog.catalog import load_catalog  # noqa: E402
from et_platform.duckdb_support import literal, quoted  # noqa: E402
from et_platform.outbound.plan import make_plan, prepare_tables  # noqa: E402
from et_platform.outbound.road import Road  # noqa: E402
from et_platform.resources import build_road  # noqa: E402
from et_platform.settings import Settings  # noqa: E402
from et_platform.sync import plan as sql  # noqa: E402
from et_platform.sync.folding import folded_key  # noqa: E402
from et_platform.sync.sources import Rows  # noqa: E402
from et_platform.sync.staging import copy_to_csv  # noqa: E402
from et_platform.warehouse import acknowledged, quarantine, reading  # noqa: E402
from et_platform.warehouse.snapshots import Reading, write_snapshot  # noqa: E402

COLUMNS = {
    # column: (its type in the CRM, the field's declaration, the text of row n)
    "id": ("text", "{type: Text, length: 20, key: true, from: id}", "printf('P%09d', n)"),
    "email": ("text", "{type: EmailAddress, from: email}", "'person' || n || '@example.org'"),
    "first": ("text", "{type: Text, length: 50, from: first}", "'first name ' || n % 5000"),
    "last": ("text", "{type: Text, length: 50, from: last}", "'last name ' || n % 70000"),
    "phone": ("text", "{type: Phone, from: phone}", "'+49 123 ' || n"),
    "street": ("text", "{type: Text, length: 100, from: street}", "'a street with some number ' || n % 9000"),
    "city": ("text", "{type: Text, length: 50, from: city}", "'City ' || n % 3000"),
    "country": ("text", "{type: Text, length: 2, from: country}", "['DE', 'FR', 'US', 'JP'][1 + n % 4]"),
    "locale": ("text", "{type: Locale, from: locale}", "'en-US'"),
    "born": ("date", "{type: Date, from: born}", "CAST(DATE '1950-01-01' + CAST(n % 20000 AS INTEGER) AS VARCHAR)"),
    "points": ("integer", "{type: Number, from: points}", "CAST(n * 7 % 100000 AS VARCHAR)"),
    "worth": ("decimal", "{type: Decimal, precision: 18, scale: 2, from: worth}", "(n % 90000) || '.25'"),
    "happy": ("boolean", "{type: Boolean, from: happy}", "CAST(n % 2 AS VARCHAR)"),
    "since": ("timestamp", "{type: Date, from: since}", "'2024-03-05 11:12:' || lpad(CAST(n % 60 AS VARCHAR), 2, '0')"),
    "note": (
        "text",
        "{type: Text, length: 200, from: note}",
        "'some text of middling length, as notes are, about ' || n",
    ),
}
TOOLS = {
    # package: (what it needs beside, the code that compares a.csv with b.csv by `id`, or two tables of both.duckdb)
    "datacompy": (
        "datacompy==1.1.0 polars==1.33.1 pandas pyarrow",
        "import polars, datacompy; a, b = (polars.read_csv(f'{f}/{n}.csv', infer_schema=False) for n in 'ab'); "
        "c = datacompy.PolarsCompare(a, b, join_columns='id'); "
        "print(len(c.df1_unq_rows), len(c.df2_unq_rows), len(c.all_mismatch()))",
    ),
    "csv-diff": (
        "csv-diff==1.2",
        "from csv_diff import load_csv, compare; "
        "d = compare(*(load_csv(open(f'{f}/{n}.csv'), key='id') for n in 'ab')); "
        "print(len(d['removed']), len(d['added']), len(d['changed']))",
    ),
    "reladiff": (
        "reladiff==0.6.0 duckdb==1.5.5",
        f"import reladiff; c = {tuple(COLUMNS)[1:]!r}; u = 'duckdb://main:@/' + f + '/both.duckdb'; "
        "t = [reladiff.connect_to_table(u, n, 'id', extra_columns=c) for n in 'ab']; "
        "d = list(reladiff.diff_tables(*t, algorithm=reladiff.Algorithm.HASHDIFF)); print(len(d))",
    ),
    "daff": (
        "daff==1.4.2",
        "import csv, daff; a, b = (daff.PythonTableView([r for r in csv.reader(open(f'{f}/{n}.csv'))]) for n in 'ab'); "
        "g = daff.CompareFlags(); g.ids = ['id']; g.unchanged_context = 0; o = []; t = daff.PythonTableView(o); "
        "daff.TableDiff(daff.compareTables3(None, a, b, g).align(), g).hilite(t); print(len(o) - 1)",
    ),
}


def texts(rows: int, changed: float, *, are_together: bool = False) -> str:
    """SQL for the CRM's rows as text: `rows` of them, of which a part is new, gone, or has other points and city.

    Rows that changed lie all over the relation, or, if they `are_together`, one behind the other.
    """
    part = round(rows * changed / 10)
    values = {name: text for name, (_, _, text) in COLUMNS.items()}
    if part:
        step = max(rows // (8 * part), 1)
        is_changed = f"n >= {part} AND n < {9 * part}" if are_together else f"n % {step} = 0"
        values["city"] = f"CASE WHEN {is_changed} THEN 'Elsewhere' ELSE {values['city']} END"
        values["points"] = f"CASE WHEN {is_changed} THEN '-1' ELSE {values['points']} END"
    shown = ", ".join(f"{text} AS {quoted(name)}" for name, text in values.items())
    return f"SELECT {shown} FROM range({part}, {rows + part}) AS r(n)"


def road_in(folder: Path) -> Road:
    return build_road(Settings(data_path=folder / "data"), run_id="benchmark", tell=lambda line: None)  # type: ignore[call-arg]


def declare(folder: Path) -> None:
    for kind in ("crm", "data_extensions"):
        (folder / "catalog" / kind).mkdir(parents=True)
    columns = "\n".join(f"  {name}: {{type: {type_}}}" for name, (type_, _, _) in COLUMNS.items())
    fields = "\n".join(f"  {name}: {field}" for name, (_, field, _) in COLUMNS.items())
    (folder / "catalog/crm/people.yaml").write_text(
        f"description: People.\nsource: {{table: people}}\nkey: id\ncolumns:\n{columns}\n"
    )
    (folder / "catalog/data_extensions/people.yaml").write_text(
        f"description: People.\ncustomer_key: People\nname: People\nsource: {{crm: people}}\nfields:\n{fields}\n"
    )


def snapshot(folder: Path, road: Road, query: str) -> None:
    with duckdb.connect() as connection:
        write_snapshot(
            road.lake,
            name="people",
            entity=load_catalog(folder / "catalog").crm["people"].is_,
            rows=connection.execute(query).to_arrow_reader(100_000),
            fold=folded_key,
            run_id="benchmark",
            how=Reading(),
        )


def build(folder: Path, rows: int, changed: float, *, are_together: bool = False) -> None:
    """Fill lake, text file and the files for the tools."""
    declare(folder)
    road, catalog = road_in(folder), load_catalog(folder / "catalog")
    de, entity = catalog.data_extensions["people"], catalog.crm["people"].is_
    name = road.lake_name(de.is_)
    snapshot(folder, road, texts(rows, 0))
    prepare_tables(road, de)
    steps = sql.steps(
        de.is_,
        Rows(entity, "lake.crm.people"),
        acknowledged=acknowledged.relation(name),
        rejections=quarantine.rejections_of(name),
    )
    fields = ", ".join(quoted(field) for field in de.is_.fields)
    with road.lake.write() as connection:  # as if all of it had been imported
        for step in steps:
            connection.execute(step)
        connection.execute(
            f"INSERT INTO {acknowledged.relation(name)} BY NAME "
            "SELECT _folded_key, _source_hash, []::VARCHAR[] AS _theirs, "
            f"'benchmark' AS _attempt_id, now() AS _acknowledged_at, {fields} FROM {sql.EVALUATED}"
        )
    query = texts(rows, changed, are_together=are_together)
    snapshot(folder, road, query)
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO {literal(f'{folder}/text.parquet')} (FORMAT parquet)")


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(folder: Path, rounds: int) -> None:
    """Time floor, plan, hashing and staging in turns; prints JSON."""
    road, catalog = road_in(folder), load_catalog(folder / "catalog")
    de, entity = catalog.data_extensions["people"], catalog.crm["people"].is_
    name = road.lake_name(de.is_)

    def floor() -> None:
        largest = ", ".join(f"max({quoted(column)})" for column in COLUMNS)
        with road.lake.read() as connection:
            for relation in ("lake.crm.people", acknowledged.relation(name)):
                connection.execute(f"SELECT {largest} FROM {relation}").fetchall()

    def hashing() -> None:
        key, row = reading.key_text(entity), reading.row_hash(entity.columns)
        typed = (f"hash({reading.typed(column, quoted(name))})" for name, column in entity.columns.items())
        totals = ", ".join(f"bit_xor({value})" for value in (f"hash({folded_key(key)})", row, *typed))
        with road.lake.read() as connection:
            connection.execute(f"SELECT {totals} FROM read_parquet({literal(f'{folder}/text.parquet')})").fetchall()

    found = []
    times: dict[str, list[float]] = {"floor": [], "plan": [], "hashing": [], "staging": [], "copy": []}
    for _ in range(rounds):
        times["floor"].append(timed(floor))
        times["plan"].append(timed(lambda: found.append(make_plan(road, catalog, de))))
        times["hashing"].append(timed(hashing))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    change_set = found[-1].change_set
    if change_set is not None:
        changes, target = road.rows_of(change_set), f"{folder}/staged.csv"
        for _ in range(rounds):
            with duckdb.connect() as connection:
                ours = copy_to_csv(de.is_, "update", changes=changes, path=target)
                times["staging"].append(timed(partial(connection.execute, ours)))
                rows = f"SELECT {', '.join(map(quoted, de.is_.fields))} FROM {changes} WHERE _operation = 'update'"
                plain = f"COPY ({rows}) TO {literal(target)} (FORMAT csv, HEADER)"
                times["copy"].append(timed(partial(connection.execute, plain)))
    figures = found[-1].figures
    print(json.dumps({"times": times, "peak": peak, "figures": [figures.inserts, figures.updates, figures.unchanged]}))


def with_tools(folder: Path, rows: int, changed: float) -> None:
    """Time each tool on the same two relations."""
    for name, query in (("a", texts(rows, 0)), ("b", texts(rows, changed))):
        with duckdb.connect(str(folder / "both.duckdb")) as connection:
            connection.execute(f"CREATE TABLE {name} AS {query}")
            connection.execute(f"COPY {name} TO {literal(f'{folder}/{name}.csv')} (FORMAT csv, HEADER)")
    for name, (packages, code) in TOOLS.items():
        home = ROOT / ".venv" / "benchmarks" / name
        if not home.exists():
            venv.create(home, with_pip=True)
            install = [home / "bin/python", "-m", "pip", "install", "--quiet", *packages.split()]
            subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
        began = time.perf_counter()
        done = subprocess.run(
            [home / "bin/python", "-c", f"f = {str(folder)!r}; {code}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        said = done.stdout.strip() or done.stderr.strip()[-300:]
        print(f"  {name:<10} {time.perf_counter() - began:7.2f} s   (removed, added, changed, as it counts: {said})")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--changed", type=float, default=0.01, help="share of the rows that changed")
    parser.add_argument("--together", action="store_true", help="the rows that changed lie one behind the other")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kept", type=Path, help="a folder for the lake, which stays")
    parser.add_argument("--tools", action="store_true")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure, arguments.rounds)
        return
    with tempfile.TemporaryDirectory(prefix="plan-") as place:
        folder, seconds = arguments.kept or Path(place), 0.0
        if not (folder / "text.parquet").exists():
            folder.mkdir(parents=True, exist_ok=True)
            seconds = timed(lambda: build(folder, arguments.rows, arguments.changed, are_together=arguments.together))
        print(machine("duckdb", "polars"))
        print(
            f"{arguments.rows:,} rows × {len(COLUMNS)} fields, {arguments.changed:.1%} changed; "
            f"built in {seconds:.0f} s"
        )
        command = [sys.executable, __file__, "--measure", str(folder), "--rounds", str(arguments.rounds)]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        times = told["times"]
        middle = {name: statistics.median(found) for name, found in times.items() if found}
        print("  " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in middle.items()))
        print(f"  inserts, updates, unchanged: {told['figures']}; peak of memory {told['peak']:.0f} MiB")
        pairs = list(zip(times["floor"], times["plan"], times["hashing"], strict=True))
        ratio = statistics.median(plan / floor for floor, plan, _ in pairs)
        whole = statistics.median((plan + hashing) / floor for floor, plan, hashing in pairs)
        print(f"  plan / floor {ratio:.2f} (aim ≤ 0.8); with typing, keys and hashes {whole:.2f} (aim ≤ 2.5)")
        if times["copy"]:
            staged = statistics.median(
                ours / plain for ours, plain in zip(times["staging"], times["copy"], strict=True)
            )
            print(f"  staging / COPY {staged:.2f} (aim ≤ 1.1)")
        if arguments.tools:
            with_tools(folder, arguments.rows, arguments.changed)


if __name__ == "__main__":
    main()
