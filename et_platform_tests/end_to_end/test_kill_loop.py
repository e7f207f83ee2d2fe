"""kill -9 at a random moment of each leg of the whole loop, then a plain re-run: the marts, the CRM and ExactTarget of
an undisturbed loop.
"""

import json
import subprocess
import sys

import pytest

from et_platform_tests.end_to_end.kill_loop import LEGS


@pytest.mark.timeout(600)
def test_promises_3_11_and_12_kill_the_whole_loop_anywhere_then_a_plain_rerun(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "et_platform_tests.end_to_end.kill_loop"],
        input=json.dumps({"folder": str(tmp_path / "worlds")}) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    undisturbed, *disturbed = [json.loads(line) for line in done.stdout.splitlines()]
    expected = undisturbed["state"]
    assert expected["out in the CRM by a file"] == [[3]]
    assert expected["customers in the mart"] > 30
    assert expected["request"] == "loaded"
    assert not (expected["write-back open"] or expected["import open"])
    assert len(disturbed) == len(LEGS)
    for outcome in disturbed:
        assert outcome["killed"], f"{outcome['boundary']}: the process was not killed"
        for name, value in expected.items():
            assert outcome["state"][name] == value, f"{outcome['boundary']}: {name}"
