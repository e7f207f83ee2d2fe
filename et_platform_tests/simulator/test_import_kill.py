"""Imports of a simulator that was killed or stopped: done after the restart, once."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb
import pytest

from et_platform.simulator import store
from et_platform.simulator.imports import tasks
from et_platform_tests.simulated import running_simulator
from et_platform_tests.simulator.importing import put, ready
from et_platform_tests.simulator.soap import PERSON, Soap, a_field, data_extension, figures, import_definition, named


def test_an_import_that_was_killed_is_done_after_the_restart(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--set", "import_processing_seconds=600") as simulator:
        soap = Soap(simulator)
        ready(soap, "k", [["Key", "Name"], *([f"{number:05d}", "n"] for number in range(3000))])
        soap.good("Create", import_definition("second", "k", "k.csv"))
        first = soap.perform("k").text("Results/Result/Task/ID")
        soap.wait(first, ("Processing",))
        second = soap.perform("second").text("Results/Result/Task/ID")
        soap.good("Delete", named("ImportDefinition", "second"))  # does not stop the queued task
        assert soap.wait(second, ("New",))["ImportStatus"] == "New"
        simulator.kill()
        simulator.start("--set", "summary_delay_seconds=0")
        assert figures(soap.wait(first)) == ("Completed", 3000, 0, 0, 3000)
        assert figures(soap.wait(second)) == ("Completed", 3000, 0, 0, 3000)
        reply = soap.retrieve("DataExtensionObject[k]", ["Key"])
        assert (len(reply.rows), reply.text("OverallStatus")) == (2500, "MoreDataAvailable")
        simulator.kill()
        simulator.start()
        again = soap.retrieve("", [], "", f"<ContinueRequest>{reply.text('RequestID')}</ContinueRequest>")
        assert (len(again.rows), again.text("OverallStatus")) == (500, "OK")


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_a_kill_at_any_moment_neither_loses_nor_repeats_rows(tmp_path: Path, seconds: float) -> None:
    with running_simulator(tmp_path / "data", "--set", "summary_delay_seconds=0") as simulator:
        soap = Soap(simulator)
        soap.good("Create", data_extension("k", a_field("Note", MaxLength=50)))
        soap.good("Create", import_definition("k", "k", "k.csv", UpdateType="Overwrite"))
        put(simulator, "k.csv", [["Note"], *([f"{number:06d}"] for number in range(30_000))])
        task = soap.perform("k").text("Results/Result/Task/ID")
        time.sleep(seconds)  # wherever the import is by then, the outcome is the same
        simulator.kill()
        simulator.start()
        assert figures(soap.wait(task)) == ("Completed", 30_000, 0, 0, 30_000)
        simulator.stop()
        with duckdb.connect(str(simulator.data_dir / "exacttarget.duckdb"), read_only=True) as connection:
            tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'rows'").fetchall()
            assert len(tables) == 1
            counted = connection.execute(f'SELECT count(*) FROM rows."{tables[0][0]}"').fetchone()
        assert counted == (30_000,)


def test_a_waiting_import_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--set", "import_delay_seconds=600") as simulator:
        soap = Soap(simulator)
        ready(soap, "k", "Key\n1\n")
        task = soap.perform("k").text("Results/Result/Task/ID")
        assert simulator.stop() == 0
        simulator.start("--set", "summary_delay_seconds=0")
        assert figures(soap.wait(task)) == ("Completed", 1, 0, 0, 1)


def test_ten_at_once_and_words_for_each_state(tmp_path: Path) -> None:
    words = ("--set", "queued_word=Queued", "--set", "second_start=refuse")
    settings = ("--set", "import_processing_seconds=600", "--set", "summary_delay_seconds=0", *words)
    with running_simulator(tmp_path / "data", *settings) as simulator:
        soap = Soap(simulator)
        keys = [f"k{number}" for number in range(12)]
        soap.good("Create", *(data_extension(one, *PERSON) for one in keys))
        soap.good("Create", *(import_definition(one, one, "k.csv") for one in keys))
        tasks = [soap.perform(one).text("Results/Result/Task/ID") for one in keys]
        for task in tasks[:10]:
            soap.wait(task, ("Processing",))
        for task in tasks[10:]:
            assert soap.summary(task)["ImportStatus"] == "Queued"
        assert soap.perform("k0").text("Results/Result/ErrorCode") == "2"
        put(simulator, "k.csv", "Key\n1\n")
        simulator.kill()
        simulator.start("--set", "summary_delay_seconds=0")
        assert [figures(soap.wait(task)) for task in tasks] == [("Completed", 1, 0, 0, 1)] * 12


def test_a_file_to_delete_is_deleted_after_a_kill_unless_another_has_its_name(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--set", "summary_delay_seconds=0") as simulator:
        soap = Soap(simulator)
        for one in ("k", "other"):
            ready(soap, one, "Key\n1\n")
        done = [soap.run(one)["TaskResultID"] for one in ("k", "other")]
        simulator.stop()
        imports = simulator.ftp_folder / "Import"
        kept = store.Store(simulator.data_dir / "exacttarget.duckdb")
        with kept.transaction() as connection:  # as it is once the rows are there, and the file is still to go
            for task in store.find(connection, tasks.KIND):
                path = imports / task["definition"]["properties"]["FileSpec"]
                seen = path.stat()
                task["delete"] = {"path": str(path), "modified": seen.st_mtime_ns, "size": seen.st_size}
                task["state"] = tasks.PROCESSING
                tasks.show(connection, task, "IOWork")
                tasks.mark(connection, task, "Completed", tasks.Figures(7, 0, 0, 7))
        kept.close()
        put(simulator, "other.csv", "Key\n1\n2\n")
        simulator.start()
        assert [figures(soap.wait(task)) for task in done] == [("Completed", 7, 0, 0, 7)] * 2
        assert sorted(path.name for path in imports.iterdir() if path.is_file()) == ["other.csv"]
