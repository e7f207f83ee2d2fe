"""kill -9 at every boundary of the road, then a plain re-run: the state that an undisturbed run reaches."""

import json
import subprocess
import sys

import pytest


@pytest.mark.timeout(900)
def test_promises_1_to_5_kill_at_every_boundary_then_a_plain_rerun(tmp_path, exacttarget_info):
    request = {"folder": str(tmp_path), "info": {k: str(v) for k, v in exacttarget_info.items()}}
    done = subprocess.run(
        [sys.executable, "-m", "et_platform_tests.outbound.kill_matrix"],
        input=json.dumps(request) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    undisturbed, *disturbed = [json.loads(line) for line in done.stdout.splitlines()]
    expected = undisturbed["state"]
    assert expected["imported"] == 6  # three first, then one insert and two updates
    assert expected["open"] is False
    assert expected["left on the FTP site"] == 0
    assert len(disturbed) > 25
    for outcome in disturbed:
        assert outcome["killed"], f"{outcome['boundary']}: the process was not killed"
        state = outcome["state"]
        assert state["rows"] == expected["rows"], outcome["boundary"]
        assert state["acknowledged"] == expected["acknowledged"], outcome["boundary"]
        assert state["imported"] == expected["imported"], f"{outcome['boundary']}: imported again, or not at all"
        assert state["open"] is False, outcome["boundary"]
        assert state["left on the FTP site"] == 0, outcome["boundary"]
