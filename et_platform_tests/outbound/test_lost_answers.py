"""Between Perform and its answer: while nobody can be asked, and processes that are killed (promises 1, 3, 4).

What becomes of each single lost answer is shown in `faults/test_outbound.py`.
"""

import signal
import subprocess
import time

import pytest

from et_platform.exacttarget.errors import ExactTargetError
from et_platform.warehouse.lake import Lake
from et_platform_tests.end_to_end.platform import ETP, figures, platform_in
from et_platform_tests.faults.ordering import Faults
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import person


@pytest.fixture
def faults(exacttarget_info):
    faults = Faults(exacttarget_info)
    yield faults
    faults.clear()


def test_promise_4_while_exacttarget_cannot_be_asked_nothing_is_planned_or_sent(tmp_path, exacttarget_info, faults):
    world = World(tmp_path / "world", exacttarget_info)
    world.crm(person())
    world.snapshot()
    world.plan()
    world.stage()
    performs = faults.add("cut", when="after", operation="Perform", key=world.customer_key, times="always")
    # What an import became can be asked of its summaries alone; before it starts, other things are looked at.
    faults.add("cut", when="before", operation="Retrieve", object="ImportResultsSummary", times="always")
    with pytest.raises(ExactTargetError):
        world.deliver()
    with pytest.raises(ExactTargetError):
        world.plan()
    assert faults.shown(performs)["struck"] == 1
    faults.clear()
    plan, settlement = world.run()
    assert plan.settled is not None
    assert (plan.settled.acknowledged, plan.change_set, settlement) == (1, None, None)
    assert world.imported_rows() == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_promises_1_3_4_kill_between_perform_and_its_answer_then_a_plain_rerun(
    tmp_path, exacttarget_info, faults, moment
):
    customer_key = f"K_{tmp_path.name[-20:]}"
    platform = platform_in(tmp_path / "p", exacttarget_info, customers=120, customer_key=customer_key)
    held = faults.add("stall", when=moment, operation="Perform", key=customer_key)
    process = subprocess.Popen(
        [*ETP, "apply", "customers"], cwd=platform.folder, env=platform.environment, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not faults.shown(held)["waiting"]:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    assert process.wait(timeout=60) == -signal.SIGKILL
    again = platform.etp("apply", "customers")
    assert again.returncode == 0, again.stdout + again.stderr
    plan = figures(again.stdout, "change_set/customers")
    delivered = figures(again.stdout, "data_extension/customers")
    if moment == "after":  # the import had started: it is adopted, and nothing is left to send
        first = figures(again.stdout, "opt_out/customers")  # the first step that needs the data extension
        assert "rows acknowledged" in first["settled first"]
        assert delivered["imported"] == "0"
    else:  # it had not: nothing was there, and everything is sent now
        assert int(delivered["imported"]) == int(plan["inserts"]) > 0
    faults.release(held)  # the old start arrives at last; without its definition and its file it starts nothing
    assert _imported(platform) == _acknowledged(platform)


def _acknowledged(platform) -> int:
    with Lake(platform.folder / "data" / "lake").read() as connection:
        row = connection.execute("SELECT sum(rows) FROM lake.acknowledged.applied").fetchone()
    assert row is not None
    return row[0]


def _imported(platform) -> int:
    """The rows of every import that ExactTarget ran for this platform."""
    from sqlalchemy import select

    from et_platform.ledger.ledger import Ledger
    from et_platform.ledger.tables import files
    from et_platform.resources import build_road
    from et_platform.settings import Settings

    values = {name[3:].lower(): value for name, value in platform.environment.items() if name.startswith("ET_")}
    settings = Settings(**values)  # type: ignore[arg-type, call-arg]
    with Ledger(settings.ledger_database_url()).engine.connect() as connection:
        keys = connection.execute(select(files.c.definition_key)).scalars().all()
    with build_road(settings, run_id="test", tell=lambda line: None).open_exacttarget() as exacttarget:
        return sum(r.total_rows for key in keys for r in exacttarget.imports.results_of(definition_key=key))
