"""Between Perform and its answer: connections that break and processes that are killed (promises 1, 3, 4)."""

import os
import signal
import subprocess
import threading

import pytest

from et_platform.exacttarget.errors import ExactTargetError
from et_platform.warehouse.lake import Lake
from et_platform_tests.end_to_end.platform import ETP, figures, platform_in
from et_platform_tests.outbound.proxy import Proxy
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import person


@pytest.fixture
def proxy(exacttarget_info):
    proxy = Proxy(exacttarget_info["soap_url"])
    yield proxy
    proxy.close()


@pytest.fixture
def world(tmp_path, exacttarget_info, proxy):
    return World(tmp_path / "world", exacttarget_info, changes={"soap_url": proxy.url})


def once(action: str, answer: bool = False):
    """A hook that acts on the first request of `action` alone."""
    seen: list[str] = []

    def hook(name: str) -> bool:
        if name != action or seen:
            return True
        seen.append(name)
        return answer

    return hook


def test_promise_4_an_answer_that_was_lost_after_the_effect_is_adopted_not_repeated(world, proxy):
    world.crm(person(), person(id="P2"))
    proxy.after = once("Perform")
    _, settlement = world.run()
    assert proxy.actions.count("Perform") == 1, "Perform is never repeated without a look first"
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (2, ())
    assert world.imported_rows() == 2
    assert any("is adopted" in line for line in world.told)


def test_promise_4_a_request_that_never_arrived_is_found_missing_and_its_rows_stay_changes(world, proxy):
    world.crm(person(), person(id="P2"))
    proxy.before = once("Perform")
    _, settlement = world.run()
    assert proxy.actions.count("Perform") == 1
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged) == (2, 0)
    assert "ExactTarget knows no such import" in settlement.problems[0]
    _, settlement = world.run()
    assert settlement is not None
    assert settlement.acknowledged == 2
    assert world.imported_rows() == 2


def test_promise_4_while_exacttarget_cannot_be_asked_nothing_is_planned_or_sent(world, proxy):
    world.crm(person())
    performed: list[str] = []

    def cut_all_after_perform(action: str) -> bool:
        if action == "Perform":
            performed.append(action)
        return not performed

    proxy.after = cut_all_after_perform
    with pytest.raises(ExactTargetError):
        world.run()
    with pytest.raises(ExactTargetError):
        world.plan()
    assert proxy.actions.count("Perform") == 1
    proxy.after = lambda action: True
    plan, settlement = world.run()
    assert plan.settled is not None
    assert (plan.settled.acknowledged, plan.change_set, settlement) == (1, None, None)
    assert world.imported_rows() == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_promises_1_3_4_kill_between_perform_and_its_answer_then_a_plain_rerun(
    tmp_path, exacttarget_info, proxy, moment
):
    platform = platform_in(tmp_path / "p", exacttarget_info, customers=120, customer_key=f"K_{tmp_path.name[-20:]}")
    platform.environment["ET_SOAP_URL"] = proxy.url
    started = threading.Event()
    process: list[subprocess.Popen[bytes]] = []

    def kill(action: str) -> bool:
        if action != "Perform" or started.is_set():
            return True
        started.set()
        os.kill(process[0].pid, signal.SIGKILL)
        return False

    setattr(proxy, moment, kill)
    process.append(
        subprocess.Popen(
            [*ETP, "apply", "customers"], cwd=platform.folder, env=platform.environment, stdout=subprocess.DEVNULL
        )
    )
    assert process[0].wait(timeout=120) == -signal.SIGKILL
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
