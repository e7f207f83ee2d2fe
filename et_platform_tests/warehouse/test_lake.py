"""The lake: all or nothing, readers beside a writer, and what a snapshot keeps."""

import os
import signal
import subprocess
import sys

import pyarrow as pa
import pytest

from et_platform.catalog.catalog import load_catalog
from et_platform.warehouse import acknowledged
from et_platform.warehouse.lake import Lake, LakeBusy
from et_platform.warehouse.snapshots import latest_snapshot
from et_platform_tests.scenario import CRM, example_catalog, person, snapshot_of, write_catalog


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def catalog(tmp_path):
    return example_catalog(tmp_path / "catalog")


def test_a_snapshot_keeps_every_row_and_says_what_could_not_be_read(lake, catalog):
    snapshot = snapshot_of(lake, catalog, [person(), person(id=None), person(points="x", born="y")])
    assert (snapshot.rows, snapshot.invalid, snapshot.empty_keys) == (3, 1, 1)
    with lake.read() as connection:
        assert connection.execute("SELECT _invalid FROM lake.crm.people WHERE len(_invalid) > 0").fetchall() == [
            (["points", "born"],)
        ]
        assert latest_snapshot(connection, "people") == (snapshot.id, 3)


@pytest.mark.parametrize(
    ("type_", "keys", "expected"),
    [
        ("integer", ["7", "007", " 7 ", "7.0", "+7"], {"7"}),
        ("integer", ["7", "-7", "x7", None], {"7", "-7", "x7", None}),
        ("decimal, scale: 2", ["7", "7.0", "7.00"], {"7.00"}),
        ("text", ["7", "007"], {"7", "007"}),
    ],
)
def test_one_key_in_several_spellings_is_one_key(lake, tmp_path, type_, keys, expected):
    crm = CRM.replace("id: {type: text", f"id: {{type: {type_}")
    snapshot_of(lake, load_catalog(write_catalog(tmp_path / "keys", crm=crm)), [person(id=key) for key in keys])
    with lake.read() as connection:
        found = connection.execute("SELECT _key, _folded_key, CAST(id AS VARCHAR) FROM lake.crm.people").fetchall()
    assert {key for key, _, _ in found} == {folded for _, folded, _ in found} == expected
    assert all(value in (key, None) for key, _, value in found), "the key is what is sent as the key"


def test_promise_7_a_reader_that_fails_midway_leaves_the_former_snapshot(lake, catalog):
    former = snapshot_of(lake, catalog, [person()])

    def failing():
        schema = pa.schema([(name, pa.string()) for name in catalog.crm["people"].is_.columns])
        yield pa.RecordBatch.from_pylist([person(id="P2")], schema=schema)
        raise OSError("connection lost")

    from et_platform.sync.folding import folded_key
    from et_platform.warehouse.snapshots import write_snapshot

    schema = pa.schema([(name, pa.string()) for name in catalog.crm["people"].is_.columns])
    reader = pa.RecordBatchReader.from_batches(schema, failing())
    with pytest.raises(Exception, match="connection lost"):
        write_snapshot(lake, name="people", entity=catalog.crm["people"].is_, rows=reader, fold=folded_key, run_id="r")
    with lake.read() as connection:
        assert connection.execute("SELECT _key FROM lake.crm.people").fetchall() == [("P1",)]
        assert latest_snapshot(connection, "people") == (former.id, 1)


def test_a_failed_write_changes_nothing(lake):
    with pytest.raises(ZeroDivisionError), lake.write() as connection:
        connection.execute("CREATE TABLE lake.crm.t AS SELECT 1 AS x")
        raise ZeroDivisionError
    with lake.read() as connection:
        assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'lake'").fetchone() == (
            0,
        )


def test_many_read_while_one_writes_and_a_second_writer_waits(lake, tmp_path):
    with lake.write() as writer:
        writer.execute("CREATE TABLE lake.crm.t AS SELECT 1 AS x")
        with lake.read() as reader:
            assert reader.execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'lake'").fetchone() == (
                0,
            )
        with pytest.raises(LakeBusy, match="nothing was written"), Lake(tmp_path / "lake", lock_seconds=0.1).write():
            pass
    with lake.read() as reader:
        assert reader.execute("SELECT x FROM lake.crm.t").fetchall() == [(1,)]


def test_promise_3_a_writer_killed_before_its_commit_holds_no_lock_and_its_files_are_tidied_away(lake, tmp_path):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from et_platform.warehouse.lake import Lake\n"
        "with Lake(Path(sys.argv[1])).write() as connection:\n"
        "    connection.execute('CREATE TABLE lake.crm.t AS SELECT * FROM range(100000)')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "lake")], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with Lake(tmp_path / "lake", lock_seconds=1).write() as connection:
        connection.execute("CREATE TABLE lake.crm.t AS SELECT 2 AS x")
    with lake.read() as connection:
        assert connection.execute("SELECT x FROM lake.crm.t").fetchall() == [(2,)]
    assert list((tmp_path / "lake" / "data").rglob("*.parquet")), "the killed writer had written its rows already"
    lake.tidy()
    assert not list((tmp_path / "lake" / "data").rglob("*.parquet")), "one row is kept in the catalogue itself"
    with lake.read() as connection:
        assert connection.execute("SELECT x FROM lake.crm.t").fetchall() == [(2,)]


def test_a_lake_whose_folder_was_replaced_is_attached_anew(lake, tmp_path):
    import shutil

    with lake.write() as connection:
        connection.execute("CREATE TABLE lake.crm.t AS SELECT 1 AS x")
    shutil.rmtree(tmp_path / "lake")
    with lake.read() as connection:
        assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'lake'").fetchone() == (
            0,
        )


def test_promise_3_an_attempt_is_applied_once_however_often_it_is_replayed(lake, catalog):
    data_extension = catalog.data_extensions["people"].is_

    def apply(name: str) -> int:
        with lake.write() as connection:
            acknowledged.ensure_tables(connection, "people", data_extension)
            connection.execute(
                "CREATE TEMP TABLE proven AS SELECT 'insert' AS _operation, 'p1' AS _folded_key, 1::UBIGINT AS _source_hash, 'P1' AS PersonID, "
                f"'e' AS Email, '{name}' AS Name, 1 AS Points, 1.0 AS Spent, NULL AS Born, true AS OptedIn, "
                "NULL AS OptedInAt, 'nick' AS Nickname"
            )
            return acknowledged.apply(
                connection,
                name="people",
                data_extension=data_extension,
                change_set_id="c",
                attempt_id="a1",
                proven="proven",
            )

    assert [apply("first"), apply("second")] == [1, 1]
    with lake.read() as connection:
        assert connection.execute("SELECT Name FROM lake.acknowledged.people").fetchall() == [("first",)]
        assert acknowledged.base_version(connection, "people") == "a1"


def test_a_newly_declared_field_gets_its_column(lake, tmp_path):
    from et_platform_tests.scenario import DATA_EXTENSION, load_catalog, write_catalog

    older = DATA_EXTENSION.replace("  Points: {type: Number, from: points}\n", "")
    before = load_catalog(write_catalog(tmp_path / "before", data_extension=older)).data_extensions["people"].is_
    after = load_catalog(write_catalog(tmp_path / "after")).data_extensions["people"].is_
    with lake.write() as connection:
        acknowledged.ensure_tables(connection, "people", before)
        assert not acknowledged.are_tables_ready(connection, "people", after)
        acknowledged.ensure_tables(connection, "people", after)
        assert acknowledged.are_tables_ready(connection, "people", after)


def test_the_lakes_files_are_for_their_owner_only(lake, tmp_path):
    with lake.write() as connection:
        connection.execute("CREATE TABLE lake.crm.t AS SELECT 1 AS x")
    assert os.stat(tmp_path / "lake").st_mode & 0o077 == 0  # noqa: PTH116


def test_a_data_path_may_be_moved_as_a_whole(lake, tmp_path):
    with lake.write() as connection:
        connection.execute("CREATE TABLE lake.crm.t AS SELECT range AS x FROM range(5000)")
    (tmp_path / "lake").rename(tmp_path / "elsewhere")
    with Lake(tmp_path / "elsewhere").read() as connection:
        assert connection.execute("SELECT count(*) FROM lake.crm.t").fetchone() == (5000,)


def test_tidying_a_lake_whose_path_is_a_pattern_leaves_its_neighbours_alone(tmp_path):
    neighbour, mine = Lake(tmp_path / "lake1"), Lake(tmp_path / "lake[1]")
    for lake in (neighbour, mine):
        with lake.write() as connection:
            connection.execute("CREATE TABLE lake.crm.t AS SELECT range AS x FROM range(5000)")
    mine.tidy()
    with neighbour.read() as connection:
        assert connection.execute("SELECT sum(x) FROM lake.crm.t").fetchone() == (12497500,)
