"""kill -9 at the boundaries of the road, then a plain re-run: the state that an undisturbed run reaches."""

import json
import subprocess
import sys
from typing import Any

import pytest


def told(story: str, folder, info) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The state that an undisturbed run reaches, and what became of the run that was killed at each boundary."""
    request = {"story": story, "folder": str(folder), "info": {k: str(v) for k, v in info.items()}}
    done = subprocess.run(
        [sys.executable, "-m", "et_platform_tests.outbound.kill_matrix"],
        input=json.dumps(request) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    undisturbed, *disturbed = [json.loads(line) for line in done.stdout.splitlines()]
    for outcome in disturbed:
        assert outcome["killed"], f"{outcome['boundary']}: the process was not killed"
    return undisturbed["state"], disturbed


@pytest.mark.timeout(900)
def test_promises_1_to_5_kill_at_every_boundary_then_a_plain_rerun(tmp_path, exacttarget_info):
    expected, disturbed = told("rows", tmp_path, exacttarget_info)
    assert expected["imported"] == 6  # three first, then one insert and two updates
    assert expected["open"] is False
    assert expected["left on the FTP site"] == 0
    assert len(disturbed) > 25
    for outcome in disturbed:
        state = outcome["state"]
        assert state["rows"] == expected["rows"], outcome["boundary"]
        assert state["acknowledged"] == expected["acknowledged"], outcome["boundary"]
        assert state["imported"] == expected["imported"], f"{outcome['boundary']}: imported again, or not at all"
        assert state["open"] is False, outcome["boundary"]
        assert state["left on the FTP site"] == 0, outcome["boundary"]


@pytest.mark.timeout(900)
def test_promises_3_and_9_kill_while_opt_outs_travel_then_a_plain_rerun(tmp_path, exacttarget_info):
    expected, disturbed = told("opt_outs", tmp_path, exacttarget_info)
    assert expected["statuses"] == dict.fromkeys("123", "Unsubscribed")  # 4 is unknown and has no address
    assert expected["rows"] == {"1": "True", "2": "True"}
    assert expected["acknowledged"] == ["1", "2", "3"]
    assert expected["imported"] == 4  # two rows first, then two opt-outs
    assert not (expected["open"] or expected["left to opt out"] or expected["left on the FTP site"])
    assert len(disturbed) > 10
    for outcome in disturbed:
        state = {name: value for name, value in outcome["state"].items() if name != "files"}
        assert state == {name: value for name, value in expected.items() if name != "files"}, outcome["boundary"]


@pytest.mark.timeout(900)
def test_promises_1_3_and_7_kill_while_rows_are_deleted_then_a_plain_rerun(tmp_path, exacttarget_info):
    expected, disturbed = told("removals", tmp_path, exacttarget_info)
    assert set(expected["rows"]) == {"P1", "P2"}
    assert set(expected["acknowledged"]) == {"p1", "p2"}
    assert expected["imported"] == 5  # three first, then an update and a delete
    assert len(disturbed) > 10
    for outcome in disturbed:
        state = {name: value for name, value in outcome["state"].items() if name != "files"}
        assert state == {name: value for name, value in expected.items() if name != "files"}, outcome["boundary"]
