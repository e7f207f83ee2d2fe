"""Segments meet faults: a start whose answer is lost, one that hangs, a status that errs; and a plain re-run mends it."""

from datetime import timedelta

import pytest

from et_platform.exacttarget.client import ExactTarget
from et_platform.segments.errors import SegmentFailed, SegmentInDoubt, SegmentStillRunning
from et_platform_tests.exacttarget.scripted import AT_ONCE, QUICK, simulated_connection
from et_platform_tests.faults.ordering import Faults
from et_platform_tests.segments.world import FILTER, QUERY, World
from et_platform_tests.simulated import running_simulator

PERFORM = {"operation": "Perform"}
STATUS = {"operation": "Retrieve", "object": "Automation"}


class HastyWorld(World):
    """Its client gives up on an answer after a second or two."""

    @property
    def road(self):
        from dataclasses import replace

        connection = simulated_connection(dict(self.info))
        return replace(super().road, open_exacttarget=lambda: ExactTarget(connection, timeouts=QUICK, retries=AT_ONCE))


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    with running_simulator(tmp_path_factory.mktemp("sim") / "data") as running:
        yield running


@pytest.fixture
def faults(simulator):
    faults = Faults(simulator.info)
    yield faults
    faults.clear()


@pytest.fixture
def world(tmp_path, simulator):
    return HastyWorld(tmp_path / "world", simulator.info | {"ftp_folder": simulator.ftp_folder})


def starts(world: World) -> int:
    return sum("is started; automation" in line for line in world.told)


@pytest.mark.parametrize("text", [QUERY, FILTER], ids=["query", "filter"])
@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "cut", "when": "after"},
        {"effect": "stall", "when": "after"},
        {"effect": "status", "when": "after", "code": 500},
        {"effect": "soap_fault", "when": "after", "message": "System exception", "code": 2},
    ],
    ids=["cut", "no answer", "gateway", "fault"],
)
def test_promise_4_a_start_whose_answer_is_lost_is_looked_for_and_never_made_twice(world, faults, fault, text):
    world.declare(text)
    with faults.striking(**fault, **PERFORM, strikes=1):
        outcome = world.run()
    assert (outcome.run.state, outcome.run.rows_counted) == ("settled", 2)
    assert starts(world) == 0
    assert any("in doubt; looking" in line for line in world.told)
    assert any("that run is adopted" in line for line in world.told)
    assert world.left_over() == []


def test_promise_4_a_start_that_never_arrived_is_made_once_it_was_looked_for(world, faults):
    with faults.striking("status", code=500, **PERFORM, strikes=1):
        outcome = world.run()
    assert outcome.run.rows_counted == 2
    assert any("no trace of a start" in line for line in world.told)
    assert starts(world) == 1


def test_promise_4_what_stays_in_doubt_says_so_and_the_next_run_looks_first(world, faults):
    with (
        faults.striking("status", code=500, times="always", **PERFORM),
        pytest.raises(SegmentInDoubt, match="run it again: it looks"),
    ):
        world.run()
    first = world.runs()[0]
    assert first.state == "preparing"
    assert world.run().run.id == first.id


def test_a_run_that_hangs_says_so_at_its_deadline_and_is_adopted_later(world, faults):
    world.declare(QUERY + "deadline: 1 second\n")
    with (
        faults.striking("alter", elements={"Status": "3"}, times="always", **STATUS),
        pytest.raises(SegmentStillRunning, match=r"s\w+\.yaml:11: .*still Running\. .*adopted, not started twice"),
    ):
        world.run()
    assert world.runs()[0].state == "started"
    outcome = world.run()  # long after the deadline, too
    assert (outcome.run.id, outcome.run.rows_counted) == (world.runs()[0].id, 2)
    assert starts(world) == 1


def test_a_run_that_hung_and_was_stopped_by_hand_fails_and_the_next_one_starts_anew(world, faults):
    world.declare(QUERY + "deadline: 1 second\n")
    with (
        faults.striking("alter", elements={"Status": "3"}, times="always", **STATUS),
        pytest.raises(SegmentStillRunning),
    ):
        world.run()
    with (
        faults.striking("alter", elements={"Status": "5"}, times="always", **STATUS),
        pytest.raises(SegmentFailed, match="is Stopped"),
    ):
        world.run()
    outcome = world.run()
    assert outcome.run.rows_counted == 2
    assert [one.state for one in world.runs()] == ["settled", "failed"]
    assert world.left_over() == []


def test_a_status_of_error_is_one_although_the_mark_is_there(world, faults):
    with (
        faults.striking("alter", elements={"Status": "-1"}, times="always", **STATUS),
        pytest.raises(SegmentFailed, match="is Error"),
    ):
        world.run()
    assert world.run().run.rows_counted == 2


def test_a_run_that_says_it_is_over_and_left_no_mark_is_not_believed(world, faults):
    world.declare(QUERY + "deadline: 1 second\n")
    with (
        faults.striking(
            "no_results", operation="Retrieve", object="DataExtensionObject", key="ETP_Segment_Runs", times="always"
        ),
        pytest.raises(SegmentFailed, match="is Ready, and no row in ETP_Segment_Runs"),
    ):
        world.run()
    world.later = timedelta(0)
    assert world.run().run.rows_counted == 2


def test_in_maintenance_nothing_is_started_and_a_rerun_starts(world, faults):
    from et_platform.exacttarget.errors import InMaintenance

    with faults.striking("maintenance", times="always", **PERFORM), pytest.raises(InMaintenance):
        world.run()
    assert world.runs()[0].state == "preparing"
    assert world.run().run.rows_counted == 2
    assert starts(world) == 1
