"""kill -9 in the middle of an upload: the torn file never has the name that an import could read, and goes away."""

import pytest

from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import person


@pytest.mark.parametrize(("moment", "times"), [("halfway", 1), ("before the rename", 2)])
def test_promise_3_kill_in_the_middle_of_an_upload_then_a_plain_rerun(
    tmp_path, exacttarget_info, victims, moment, times
):
    world = World(tmp_path / "world", exacttarget_info)
    world.crm(*(person(id=f"P{n}") for n in range(5000)))
    for _ in range(times):
        assert victims("upload", folder=str(world.folder), moment=moment), "the process was not killed"
        assert [name.endswith(".csv.tmp") for name in world.left_on_the_ftp_site()] == [True]
    _, settlement = world.run()
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (5000, ())
    assert world.left_on_the_ftp_site() == []
    assert world.imported_rows() == 5000
    assert sorted(world.file_states()) == sorted(["dropped"] * times + ["proven"])
