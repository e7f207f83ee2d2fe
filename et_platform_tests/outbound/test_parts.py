"""Rows that do not fit into one file: each part has its own import, and is proven, rejected or in doubt by itself."""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from et_platform.catalog.data_extension import DataExtension
from et_platform.catalog.sql_types import sql_type
from et_platform.duckdb_support import literal
from et_platform.ledger.records import ImportFile
from et_platform.outbound.parts import write_parts
from et_platform.trace.record import lines_of_record, record
from et_platform_tests.faults.ordering import Faults
from et_platform_tests.ledger.test_upgrade import VERSION_1
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import DATA_EXTENSION, example_catalog, person
from et_platform_tests.trace.test_timeline import told

COLUMNS = (
    "attempt_id, operation, state, path, remote, sha256, bytes, rows, definition_key, task_id, status, successful, "
    "duplicated, errors, restricted, total, rejected, changed_at"
)


def declared(form: str) -> str:
    return DATA_EXTENSION.replace("fields:", f"file: {form}\nfields:")


@pytest.fixture
def world(tmp_path, exacttarget_info) -> World:
    found = World(tmp_path / "world", exacttarget_info, changes={"doubt_deadline_seconds": 0.3})
    found.declare(declared("{maximum_rows: 2}"))
    return found


@pytest.fixture
def faults(exacttarget_info) -> Iterator[Faults]:
    faults = Faults(exacttarget_info)
    yield faults
    faults.clear()


def five(**changes: str) -> list[dict[str, str | None]]:
    return [person(id=f"P{number}", **changes) for number in range(1, 6)]


def uploaded(world: World) -> tuple[ImportFile, ...]:
    world.snapshot()
    world.plan()
    attempt = world.stage()
    assert attempt is not None
    return attempt.files


def on_the_site(world: World, file: ImportFile) -> Path:
    return world.info["ftp_folder"] / "Import" / file.remote


def test_promise_5_every_part_is_hashed_imported_by_itself_and_proven(world):
    world.crm(*five())
    world.snapshot()
    plan = world.plan()
    assert plan.report.estimate.files == 3
    attempt = world.stage()
    assert attempt is not None
    assert [(file.part, file.first_row, file.rows) for file in attempt.files] == [(1, 0, 2), (2, 2, 2), (3, 4, 1)]
    assert len({file.definition_key for file in attempt.files}) == 3
    assert "insert_2_" in attempt.files[1].remote
    for file in attempt.files:
        assert hashlib.sha256(on_the_site(world, file).read_bytes()).hexdigest() == file.sha256
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged, settlement.problems) == (5, 5, ())
    assert sorted(one.total_rows for one in world.imports()) == [1, 2, 2]
    assert len(world.rows()) == 5
    shown = record(world.road.ledger, attempt.id)
    assert "_insert_2_" in "\n".join(lines_of_record(shown))
    assert "insert (part 2 of 3), 2 rows" in "\n".join(lines_of_record(shown))
    assert json.loads(json.dumps(shown))["attempts"][0]["files"][2]["parts"] == 3
    (line,) = (one for one in told(world, "p4") if "import" in one)
    assert f"line 3 of {attempt.files[1].remote}" in line
    plan, settlement = world.run()
    assert (plan.change_set, settlement) == (None, None)
    assert world.left_on_the_ftp_site() == []


def test_promise_6_a_rejected_row_names_its_part_and_its_line_there(world):
    world.crm(*five())
    second = uploaded(world)[1]
    path = on_the_site(world, second)
    path.write_text(path.read_text("utf-8").replace('"P4","p1@example.org"', '"P4","broken"'), "utf-8")
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged, settlement.rejected) == (5, 4, 1)
    assert [file.rejected for file in settlement.files] == [0, 1, 0]
    assert [(one.definition_key, one.first_line) for one in settlement.reasons] == [(second.definition_key, 3)]
    assert settlement.problems[0].startswith(f"{second.remote}, import task ")
    assert "Read back: 1 of 2 rows" in settlement.problems[0]
    with world.road.lake.read() as connection:
        found = connection.execute("SELECT _folded_key, file, line FROM lake.quarantine.rejections").fetchall()
    assert found == [("p4", second.remote, 3)]
    plan, settlement = world.run()
    assert plan.figures.inserts == 1, "promise 2: only what was not acknowledged is a change again"
    assert settlement is not None
    assert settlement.acknowledged == 1


def test_promises_1_and_4_a_part_in_doubt_is_asked_for_and_no_part_is_imported_twice(world, faults):
    world.crm(*five())
    uploaded(world)
    name = faults.add("status", operation="Perform", key=world.customer_key, skip=1)
    settlement = world.deliver()
    assert settlement is not None
    assert faults.shown(name)["struck"] == 1
    assert [file.task_id is None for file in settlement.files] == [False, True, False]
    assert (settlement.sent, settlement.acknowledged) == (5, 3)
    assert settlement.problems == (
        f"{settlement.files[1].remote}, the import: ExactTarget knows no such import. Read back: 0 of 2 rows are in the "
        "data extension as they were sent and are acknowledged; 2 are not, and stay changes.",
    )
    plan, settlement = world.run()
    assert plan.figures.inserts == 2
    assert settlement is not None
    assert settlement.acknowledged == 2
    assert world.imported_rows() == 5
    assert len(world.rows()) == 5


def test_promise_4_an_attempt_of_a_ledger_of_version_1_is_finished_after_the_upgrade(world):
    world.declare(DATA_EXTENSION)
    world.crm(*five())
    (file,) = uploaded(world)
    ledger = world.road.ledger
    table = VERSION_1[VERSION_1.index("CREATE TABLE files") : VERSION_1.index("CREATE TABLE rejected_rows")]
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(table.format(moment="DATETIME").replace("TABLE files", "TABLE older").strip(";\n"))
        connection.exec_driver_sql(f"INSERT INTO older ({COLUMNS}) SELECT {COLUMNS} FROM files")
        connection.exec_driver_sql("DROP TABLE files")
        connection.exec_driver_sql("ALTER TABLE older RENAME TO files")
        connection.exec_driver_sql("DROP TABLE ledger_version")
    ledger.engine.dispose()
    settlement = world.deliver()
    assert settlement is not None
    assert [one.remote for one in settlement.files] == [file.remote]
    assert (settlement.acknowledged, settlement.problems) == (5, ())


def changes_of(declared: DataExtension, names: list[str], folder: Path) -> str:
    """A change set of one insert a name, and of one update."""
    rest = {name: sql_type(field) for name, field in declared.fields.items() if name not in ("PersonID", "Name")}
    nothing = ", ".join(f"NULL::{type_} AS {name}" for name, type_ in rest.items())
    rows = [("insert", f"k{number:04}", name) for number, name in enumerate(names)] + [("update", "u", "x")]
    listed = ", ".join(f"({literal(operation)}, {literal(key)}, {literal(name)})" for operation, key, name in rows)
    path = folder / "changes.parquet"
    duckdb.execute(
        f"COPY (SELECT o AS _operation, k AS _folded_key, k AS PersonID, n AS Name, {nothing} "
        f"FROM (VALUES {listed}) AS t(o, k, n)) TO {literal(str(path))} (FORMAT parquet)"
    )
    return f"read_parquet({literal(str(path))})"


NAMES = {
    "all of a length": ["n" * 20] * 200,
    "long ones last": ["n"] * 150 + ["l" * 900] * 50,
    "line ends and quotes": ['a\n"b"\r\n,é'] * 200,
    "one that is longer than a file may be": ["n"] * 5 + ["l" * 3000] + ["n"] * 5,
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("limit", [{"maximum_megabytes": 0.002}, {"maximum_rows": 7}, {}])
def test_parts_hold_every_row_once_in_order_and_none_is_too_large(tmp_path, names, encoding, limit):
    example = example_catalog(tmp_path).data_extensions["people"].is_
    form = example.file.model_copy(update={"encoding": encoding, **limit})
    de = example.model_copy(update={"file": form})
    changes = changes_of(de, names, tmp_path)
    written = write_parts(de, ("insert", "update", "delete"), changes=changes, folder=tmp_path, attempt_id="a")
    assert {operation: sum(part.rows for part in parts) for operation, parts in written.items()} == {
        "insert": len(names),
        "update": 1,
    }
    found: list[str] = []
    for part in written["insert"]:
        assert part.path.stat().st_size <= form.maximum_bytes or part.rows == 1
        assert part.rows <= (form.maximum_rows or len(names))
        assert part.path.stat().st_mode & 0o777 == 0o600
        with part.path.open(encoding="utf-8" if encoding == "utf-8" else "utf-16", newline="") as content:
            rows = list(csv.DictReader(content))
        assert len(rows) == part.rows
        assert part.first in (None, len(found))
        found += [row["PersonID"] + row["Name"] for row in rows]
    assert found == [f"k{number:04}{name}" for number, name in enumerate(names)]
    assert (len(written["insert"]) == 1) == (not limit)
    assert {path.name for path in tmp_path.glob("*.csv")} == {
        part.path.name for parts in written.values() for part in parts
    }
