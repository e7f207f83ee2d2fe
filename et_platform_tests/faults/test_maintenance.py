"""Promise 13: when ExactTarget is in maintenance, work waits, asks once in a while, and goes on where it stood."""

from datetime import datetime
from itertools import pairwise

import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.connection import Patience
from et_platform.settings import Settings
from et_platform_tests.faults.roads import HastyWorld, people
from et_platform_tests.faults.test_outbound import ALL, undisturbed

POLL = 0.05


@pytest.fixture
def world(tmp_path, simulator):
    world = HastyWorld(tmp_path / "world", simulator.info | {"ftp_folder": simulator.ftp_folder})
    world.patience = Patience(longest=60, poll=POLL)
    world.call(people("n"))
    return world


@pytest.mark.parametrize("first", [0, 2, 4, 5])
def test_promise_13_a_run_waits_out_a_maintenance_that_begins_with_any_of_its_calls(world, faults, first):
    """It holds for six calls, the questions for the status among them; the other calls are a run's own."""
    with faults.striking("maintenance", skip=first, times=6, strikes=6) as name:
        _, settlement = world.go()
        operations = [one["operation"] for one in faults.strikes(name)]
    assert operations == [operations[0], *["GetSystemStatus"] * 5], "it asks, and does nothing else"
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged, settlement.problems) == (ALL, ALL, ())
    assert any("asking again" in line for line in world.told)
    assert any("works again" in line for line in world.told)
    undisturbed(world, people("n"), ALL)


@pytest.mark.parametrize("first", [0, 4])
def test_promise_13_an_outage_is_waited_out_as_well(world, faults, first):
    """A start that met it is a doubt, as the service's own failure is no refusal; so the next run makes it."""
    with faults.striking("outage", skip=first, times=6, strikes=6) as name:
        _, settlement = world.go()
        operations = [one["operation"] for one in faults.strikes(name)]
    assert "GetSystemStatus" in operations
    assert settlement is not None
    assert settlement.acknowledged == (0 if "Perform" in operations else ALL)
    undisturbed(world, people("n"), ALL)


def test_promise_13_a_run_whose_patience_ends_fails_and_the_next_goes_on(world, faults):
    world.patience = Patience(longest=0.12, poll=POLL)
    with (
        faults.striking("maintenance", times="always"),
        pytest.raises(errors.InMaintenance, match=r"longer was not to be waited\. Nothing is lost"),
    ):
        world.go()
    undisturbed(world, people("n"), ALL)


def test_promise_13_a_maintenance_between_two_pages_of_a_read_back_starts_it_again(world, faults):
    faults.add("wrong_figures", duplicated=1, key=world.customer_key)
    with faults.striking("maintenance", object="DataExtensionObject", key=world.customer_key, times=2, strikes=2):
        _, settlement = world.go()
    assert settlement is not None
    assert settlement.acknowledged == ALL
    faults.clear()
    undisturbed(world, people("n"), ALL)


def test_promise_13_questions_are_not_asked_more_often_than_wanted(world, faults):
    world.patience = Patience(longest=60, poll=0.3)
    with faults.striking("maintenance", times=4, operation="GetSystemStatus", strikes=4) as name:
        faults.add("maintenance", operation="Perform", key=world.customer_key)
        _, settlement = world.go()
        moments = [datetime.fromisoformat(one["moment"]) for one in faults.strikes(name)]
    assert settlement is not None
    assert settlement.acknowledged == ALL
    assert all((b - a).total_seconds() >= 0.29 for a, b in pairwise(moments))


def test_by_default_a_call_fails_at_once_and_the_platform_asks_once_a_minute(exacttarget, faults):
    with faults.striking("maintenance", strikes=1), pytest.raises(errors.InMaintenance):
        exacttarget.data_extensions.get(customer_key="x")
    assert Patience() == Patience(longest=0, poll=60)
    settings = Settings()
    assert settings.maintenance_poll_seconds >= 60
    assert settings.maintenance_patience_seconds > 0
