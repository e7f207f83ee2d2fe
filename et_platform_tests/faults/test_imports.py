"""Faults of imports as ImportResultsSummary and the rows show them."""

import time

import pytest

from et_platform_tests.simulator.importing import put, ready
from et_platform_tests.simulator.soap import figures

FOUR = "Key,Age\n1,1\n2,2\n3,3\n4,4\n"


def keys(soap, key):
    return [one["Key"] for one in soap.rows(key, ["Key"])]


def start(soap, key):
    return soap.perform(key).text("Results/Result/Task/ID")


def until(condition):
    deadline = time.monotonic() + 30
    while not (found := condition()):
        assert time.monotonic() < deadline
    return found


@pytest.mark.parametrize(
    ("when", "words"), [("before", {"New"}), ("during", {"Processing", "IOWork"}), ("after", {"Processing", "IOWork"})]
)
def test_an_import_hangs_until_it_is_released(faults, soap, key, when, words):
    ready(soap, key, FOUR)
    with faults.striking("stall", at="import", when=when, key=key) as name:
        task = start(soap, key)
        until(lambda: faults.shown(name)["waiting"])
        # Of the last case the rows are there, and only the summary does not end.
        until(lambda: soap.summary(task)["EndDate"] == "")
        status, *counted = figures(soap.summary(task))
        assert status in words
        assert counted == [0, 0, 0, 0]
        assert keys(soap, key) == (["1", "2", "3", "4"] if when == "after" else [])
        faults.release(name)
        assert figures(soap.wait(task)) == ("Completed", 4, 0, 0, 4)
    assert keys(soap, key) == ["1", "2", "3", "4"]


def test_a_hanging_import_runs_again_after_a_restart(tmp_path):
    from et_platform_tests.faults.ordering import Faults
    from et_platform_tests.simulated import running_simulator
    from et_platform_tests.simulator.soap import Soap

    with running_simulator(tmp_path / "sim", "--set", "summary_delay_seconds=0") as simulator:
        soap, faults = Soap(simulator), Faults(simulator.info)
        ready(soap, "again", FOUR)
        name = faults.add("stall", at="import")
        task = start(soap, "again")
        until(lambda: faults.shown(name)["waiting"])
        assert simulator.stop() == 0
        simulator.start()
        assert figures(Soap(simulator).wait(task)) == ("Completed", 4, 0, 0, 4)


def test_good_rows_are_rejected_although_the_import_completes(faults, soap, key):
    ready(soap, key, FOUR)
    with faults.striking("reject_rows", at="import", key=key, rows=3):
        assert figures(soap.run(key)) == ("Completed", 1, 0, 3, 4)
    assert keys(soap, key) == ["4"]
    assert figures(soap.run(key)) == ("Completed", 4, 0, 0, 4)


@pytest.mark.parametrize(
    ("when", "told", "left"),
    [
        ("before", ("Error", 0, 0, 0, 0), []),
        ("during", ("Error", 2, 0, 0, 4), ["1", "2"]),
        ("after", ("Error", 4, 0, 0, 4), ["1", "2", "3", "4"]),
    ],
)
def test_an_import_ends_in_error_before_after_or_in_the_midst_of_its_rows(faults, soap, key, when, told, left):
    ready(soap, key, FOUR)
    with faults.striking("import_error", when=when, key=key, rows=2):
        assert figures(soap.run(key)) == told
    assert keys(soap, key) == left


def test_figures_may_be_wrong(faults, soap, key):
    ready(soap, key, FOUR)
    with faults.striking("wrong_figures", key=key, successful=7, total=9):
        assert figures(soap.run(key)) == ("Completed", 7, 0, 0, 9)
    assert len(keys(soap, key)) == 4


def test_an_import_sees_half_of_its_file_as_of_an_upload_under_way(faults, simulator, soap, key):
    ready(soap, key, FOUR)
    with faults.striking("half_file", file=f"{key}.csv"):
        assert figures(soap.run(key))[0] == "Completed"
        assert keys(soap, key) == ["1"]
    assert (simulator.ftp_folder / "Import" / f"{key}.csv").read_text() == FOUR
    assert not list((simulator.data_dir / "half-files").iterdir())
    put(simulator, f"{key}.csv", FOUR)
    assert figures(soap.run(key)) == ("Completed", 4, 0, 0, 4)


def test_the_summary_is_empty_for_so_many_polls_and_may_say_unknown_words(faults, soap, key):
    ready(soap, key, FOUR)
    with faults.striking("no_results", key=key, object="ImportResultsSummary", times=3, strikes=3):
        task = start(soap, key)
        assert [soap.summary(task) for _ in range(3)] == [{}, {}, {}]
        assert figures(soap.wait(task))[0] == "Completed"
    with faults.striking("alter", key=key, object="ImportResultsSummary", elements={"ImportStatus": "Halted"}):
        assert soap.summary(task)["ImportStatus"] == "Halted"
        assert soap.summary(task)["ImportStatus"] == "Completed"


def test_an_import_is_told_by_definition_task_and_target(faults, soap, key):
    put(soap.simulator, f"{key}.csv", FOUR)
    from et_platform_tests.simulator.soap import PERSON, data_extension, import_definition

    soap.good("Create", data_extension(key, *PERSON))
    with faults.striking("alter", key=key, elements={"Nothing": "x"}, times="always") as name:
        soap.good("Create", import_definition(f"d{key}", key, f"{key}.csv"))
        task = start(soap, f"d{key}")
        soap.summary(task)
        told = [(one["operation"], one["object"]) for one in faults.strikes(name)]
    assert told == [
        ("Create", "ImportDefinition"),
        ("Perform", "ImportDefinition"),
        ("Retrieve", "ImportResultsSummary"),
    ]
