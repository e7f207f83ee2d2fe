"""Waiting in maintenance: asked once a minute at most, for as long as was wanted, and never for anything else."""

import itertools
import threading

import pytest

from et_platform.exacttarget.connection import Patience
from et_platform.exacttarget.errors import InMaintenance, ServiceUnavailable, Throttled, Unreachable
from et_platform.exacttarget.models import SystemStatus
from et_platform.exacttarget.patience import Outages

OK, MAINTENANCE, OUTAGE = SystemStatus.OK, SystemStatus.InMaintenance, SystemStatus.UnplannedOutage


class World:
    """A clock that only sleeping moves, and a service that answers in turn, the last answer for good."""

    def __init__(self, *answers, longest: float = 3600, poll: float = 60):
        self.now, self.asked_at, self.slept, self.told = 1000.0, [], [], []
        self.answers = list(answers)
        self.outages = Outages(
            self.status,
            Patience(longest=longest, poll=poll),
            self.told.append,
            clock=lambda: self.now,
            sleep=self.sleep,
        )

    def sleep(self, seconds):
        self.now += seconds
        self.slept.append(seconds)

    def status(self):
        self.asked_at.append(self.now)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_promise_13_maintenance_is_waited_out_with_a_question_a_minute():
    world = World(MAINTENANCE, MAINTENANCE, OK)
    world.outages.wait_out(InMaintenance("in maintenance"))
    assert world.asked_at == [1060.0, 1120.0, 1180.0]
    assert world.told[0].startswith("ExactTarget does not work (InMaintenance): asking again in 60 s")
    assert world.told[-1] == "ExactTarget works again, after 180 s; going on."


def test_promise_13_a_second_maintenance_is_not_asked_about_sooner():
    world = World(OK)
    world.outages.wait_out(InMaintenance("in maintenance"))
    with pytest.raises(ServiceUnavailable):  # it works, so this is something else; the question had to wait as well
        world.outages.wait_out(ServiceUnavailable("HTTP 503"))
    assert [b - a for a, b in zip(world.asked_at, world.asked_at[1:], strict=False)] == [60.0]


def test_an_outage_is_waited_out_and_what_gives_no_answer_meanwhile_too():
    world = World(OUTAGE, Unreachable("gone", sent=False), Throttled("busy"), OK)
    world.outages.wait_out(ServiceUnavailable("HTTP 503"))
    assert len(world.asked_at) == 4


@pytest.mark.parametrize("answer", [OK, Unreachable("gone", sent=False)])
def test_what_the_service_does_not_call_an_outage_is_not_waited_for(answer):
    world = World(answer)
    error = ServiceUnavailable("HTTP 503")
    with pytest.raises(ServiceUnavailable) as raised:
        world.outages.wait_out(error)
    assert raised.value is error
    assert world.slept == []


def test_patience_ends():
    world = World(MAINTENANCE, longest=200)
    with pytest.raises(InMaintenance, match=r"for 180 s .*\(InMaintenance\).*Nothing is lost"):
        world.outages.wait_out(InMaintenance("in maintenance", code=9))
    assert sum(world.slept) <= 200


def test_without_patience_nothing_is_asked():
    world = World(OK, longest=0)
    with pytest.raises(InMaintenance):
        world.outages.wait_out(InMaintenance("in maintenance"))
    assert world.asked_at == []


def test_threads_wait_together_and_one_of_them_asks():
    """All four meet the maintenance before the first has asked; the others go on with its answer."""
    asked: list[int] = []
    looks = itertools.count()
    all_met = threading.Event()

    def clock() -> float:
        look = next(looks)
        if look == 3:
            all_met.set()
        return 0.0 if look < 4 else 100.0

    def sleep(seconds: float) -> None:
        assert all_met.wait(30)

    def status() -> SystemStatus:
        asked.append(1)
        return OK

    outages = Outages(status, Patience(longest=3600), lambda line: None, clock=clock, sleep=sleep)
    refusal = InMaintenance("in maintenance")
    with outages._lock:  # nobody waits before all have looked at the clock
        threads = [threading.Thread(target=outages.wait_out, args=(refusal,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert all_met.wait(30)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert len(asked) == 1
