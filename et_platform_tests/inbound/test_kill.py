"""kill -9 at every boundary of the return road, then a plain re-run: the state that an undisturbed run reaches."""

import json
import subprocess
import sys

import pytest

from et_platform_tests.simulated import running_simulator


@pytest.mark.timeout(900)
def test_promises_3_and_12_kill_at_every_boundary_then_a_plain_rerun(tmp_path):
    # A simulator that takes requests and is slow to answer: the file that answers is the one that lies there.
    with running_simulator(tmp_path / "exacttarget", "--set", "extract_delay_seconds=3600") as simulator:
        info = simulator.info | {"ftp_folder": str(simulator.ftp_folder)}
        done = subprocess.run(
            [sys.executable, "-m", "et_platform_tests.inbound.kill_matrix"],
            input=json.dumps({"folder": str(tmp_path / "worlds"), "info": info}) + "\n",
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    undisturbed, *disturbed = [json.loads(line) for line in done.stdout.splitlines()]
    expected = undisturbed["state"]
    assert expected["events"]["open"] == ["K1", "K2", "K2"], "two alike in one file are two"
    assert (expected["rejects"], expected["loaded contents"], expected["request"]) == (1, 1, "loaded")
    assert expected["left over"] == []
    assert len(disturbed) > 12
    for outcome in disturbed:
        assert outcome["killed"], f"{outcome['boundary']}: the process was not killed"
        assert outcome["state"] == expected, outcome["boundary"]
