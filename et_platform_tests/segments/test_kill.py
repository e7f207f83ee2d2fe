"""kill -9 at every boundary of a segment's run, then a plain re-run: the state that an undisturbed run reaches."""

import json
import subprocess
import sys


def test_promise_3_kill_at_every_boundary_of_a_segment_then_a_plain_rerun(tmp_path, exacttarget_info):
    info = exacttarget_info | {"ftp_folder": str(exacttarget_info["ftp_folder"])}
    done = subprocess.run(
        [sys.executable, "-m", "et_platform_tests.segments.kill_matrix"],
        input=json.dumps({"folder": str(tmp_path / "worlds"), "info": info}) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    undisturbed, *disturbed = [json.loads(line) for line in done.stdout.splitlines()]
    expected = undisturbed["state"]
    assert expected["states"] == [["settled", 2, 2]]
    assert expected["rows"] == [["P2", "ben"], ["P3", "Cy"]]
    assert expected["left over"] == []
    assert len(disturbed) > 10
    for outcome in disturbed:
        where = outcome["boundary"]
        assert outcome["killed"], f"{where}: the process was not killed"
        last = outcome["state"] | {"states": outcome["state"]["states"][:1]}
        assert last == expected, where
        runs = len(outcome["state"]["states"])
        assert runs == (2 if "at the end" in where else 1), f"{where}: an open run is taken up, not left for another"
    (after_start,) = [one for one in disturbed if "ledger.advance started" in one["boundary"]]
    assert not any("is started; automation" in line for line in after_start["told"]), "it had started: never twice"
