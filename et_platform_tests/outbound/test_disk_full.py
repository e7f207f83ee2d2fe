"""A full disk while staging, with a real file system that is full."""

import contextlib
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from et_platform.outbound.errors import StagingFailed
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import person


@contextlib.contextmanager
def nearly_full(folder: Path) -> Iterator[None]:
    """A file system of 64 KiB at `folder`; where none may be mounted, a limit on the size of files instead."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = shutil.which("mount") is not None and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
        == 0
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if not mounted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_promise_3_a_full_disk_while_staging_is_explained_and_a_rerun_with_space_finishes(tmp_path, exacttarget_info):
    world = World(tmp_path / "world", exacttarget_info)
    world.crm(*(person(id=f"P{n}") for n in range(2000)))
    world.snapshot()
    plan = world.plan()
    with (
        nearly_full(world.road.staged(world.declared.is_)),
        pytest.raises(StagingFailed, match=r"(No space left|too large).*Free some space.*nothing was sent") as caught,
    ):
        world.stage()
    assert "@example.org" not in str(caught.value)
    assert world.road.ledger.open_attempt(world.road.mid, world.customer_key) is None
    again, settlement = world.run()
    assert plan.change_set is not None
    assert again.change_set is not None
    assert again.change_set.id == plan.change_set.id
    assert settlement is not None
    assert settlement.acknowledged == 2000
    assert world.imported_rows() == 2000
