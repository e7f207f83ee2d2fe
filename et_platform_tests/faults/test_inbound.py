"""The return road meets each fault, and ends where an undisturbed one would have: every event once, none lost.

Each test has a day of events of its own, and an extract of its own name.
"""

import itertools
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import Patience
from et_platform.inbound.detect import detect
from et_platform.inbound.load import Loaded, take
from et_platform.inbound.request import asked_by, request_window
from et_platform.inbound.road import InboundRoad
from et_platform.ingest.arrival import Look
from et_platform.ingest.errors import CorruptArchive, IngestError
from et_platform.ledger.inbound_records import ExtractRequest
from et_platform.resources import build_inbound_road
from et_platform_tests.exacttarget.scripted import AT_ONCE, QUICK, simulated_connection
from et_platform_tests.outbound.world import settings_for

_DAYS = itertools.count()
EVENTS = ("a", "b", "c")


@dataclass
class World:
    folder: Path
    info: dict
    name: str
    patience: Patience = field(default_factory=Patience)
    cursor: str | None = None
    failed: list[Exception] = field(default_factory=list)
    start: datetime = datetime(2024, 1, 1, 6, tzinfo=UTC)

    def __post_init__(self):
        self.start += timedelta(days=next(_DAYS))
        for hour, key in enumerate(EVENTS, start=1):
            self.happens(key, self.start + timedelta(hours=hour))

    def happens(self, key: str, at: datetime) -> None:
        """A message is sent to a subscriber of this test's own."""
        body = {"events": {"sent": [f"{self.name}-{key}"]}, "at": at.isoformat()}
        mine = (self.info["client_id"], self.info["client_secret"])
        assert requests.post(f"{self.info['rest_url']}sim/act", json=body, auth=mine, timeout=60).status_code == 200

    @property
    def road(self) -> InboundRoad:
        settings = settings_for(self.folder, self.info)
        connection = simulated_connection(self.info)
        return replace(
            build_inbound_road(settings, run_id="test", tell=lambda line: None),
            open_exacttarget=lambda: ExactTarget(connection, timeouts=QUICK, retries=AT_ONCE, patience=self.patience),
        )

    def ask(self, attempt: int = 1) -> ExtractRequest:
        end = self.start + timedelta(days=1)
        return request_window(self.road, name=self.name, start=self.start, end=end, types={"sent"}, attempt=attempt)

    def look(self) -> Look:
        def wanted(name: str) -> bool:
            asked = asked_by(name)
            return asked is not None and asked.name == self.name

        found = detect(self.road, self.cursor, wanted=wanted)
        self.cursor = found.cursor
        return found

    def until_here(self, request: ExtractRequest) -> Path:
        """The answer, as it lies on the site."""
        path = self.info["ftp_folder"] / "Export" / request.output_name
        deadline = time.monotonic() + 30
        while not path.exists():
            assert time.monotonic() < deadline
        return path

    def take(self) -> list[Loaded]:
        """What the sensor and its runs do: two looks, then every complete file, each for itself."""
        loaded: list[Loaded] = []
        self.look()
        for arrival in self.look().complete:
            try:
                loaded.append(take(self.road, arrival.identity))
            except (errors.ExactTargetError, IngestError) as error:
                self.failed.append(error)
        return loaded

    def events(self) -> list[str]:
        """The keys whose events the lake holds, as often as it does."""
        with self.road.lake.read() as connection:
            if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = 'extracts'").fetchone():
                return []
            rows = connection.execute(
                "SELECT SubscriberKey FROM lake.extracts.events_sent WHERE starts_with(SubscriberKey, ?) ORDER BY 1",
                [f"{self.name}-"],
            ).fetchall()
        return [key.removeprefix(f"{self.name}-") for (key,) in rows]

    def states(self) -> list[str]:
        """What the ledger says of the requests for the window."""
        found = self.road.inbound.requests_of(self.road.mid, self.name, self.start, self.start + timedelta(days=1))
        return [one.state for one in found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One lake and one ledger for all; each test has names of its own."""
    return tmp_path_factory.mktemp("worlds") / "world"


@pytest.fixture
def world(folder, simulator, key):
    return World(folder, simulator.info | {"ftp_folder": simulator.ftp_folder}, key)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"effect": "cut", "when": "before"}, "asking"),
        ({"effect": "cut", "when": "after"}, "asking"),
        ({"effect": "throttle"}, "asking"),
        ({"effect": "soap_fault", "when": "after"}, "asking"),
        ({"effect": "token_expired"}, "requested"),
        ({"effect": "maintenance"}, errors.InMaintenance),
        ({"effect": "login_failed", "at": "soap"}, errors.AuthenticationFailed),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_promise_11_a_request_that_met_a_fault_is_not_called_made_and_is_made_again(world, faults, fault, outcome):
    with faults.striking(operation="Extract", file=f"*{world.name}*", strikes=1, **fault):
        if isinstance(outcome, str):
            assert world.ask().state == outcome
        else:
            with pytest.raises(outcome):
                world.ask()
            assert world.states() == ["asking"]
    request = world.ask()
    assert request.state == "requested"
    world.until_here(request)
    settle(world)


def settle(world: World) -> None:
    """Take what is there until the window's file is loaded; then every event is there once, and nothing is left."""
    deadline = time.monotonic() + 30
    while world.states()[-1] != "loaded":
        assert time.monotonic() < deadline
        world.take()
    assert world.events() == list(EVENTS)
    # A request that was made twice may write its file twice: the second look at it changes nothing.
    world.take()
    assert world.events() == list(EVENTS)


def test_promise_13_a_request_waits_out_a_maintenance(world, faults):
    world.patience = Patience(longest=30, poll=0.05)
    with faults.striking("maintenance", times=4, strikes=4):
        assert world.ask().state == "requested"
    world.until_here(world.ask())
    settle(world)


def test_promise_12_a_file_that_comes_twice_is_loaded_once(world, faults):
    with faults.striking("twice", file=f"*{world.name}*", seconds=1.1):
        path = world.until_here(world.ask())
        first = path.stat().st_mtime
        assert [one.duplicate_of for one in world.take()] == [None]
        deadline = time.monotonic() + 30
        while path.stat().st_mtime == first:
            assert time.monotonic() < deadline
    (again,) = world.take()
    assert again.duplicate_of is not None
    assert world.events() == list(EVENTS)


def test_promise_12_a_file_that_grows_is_not_taken_before_it_is_whole(world, faults):
    with faults.striking("pieces", pieces=3, file=f"*{world.name}*") as name:
        path = world.until_here(world.ask())
        for _ in range(2):
            until_waiting(faults, name)
            size = path.stat().st_size
            assert world.look().complete == ()  # seen for the first time, or it has grown
            faults.release(name)
            deadline = time.monotonic() + 30
            while path.stat().st_size == size:
                assert time.monotonic() < deadline
    settle(world)


def until_waiting(faults, name):
    deadline = time.monotonic() + 30
    while not faults.shown(name)["waiting"]:
        assert time.monotonic() < deadline


def test_promise_12_a_file_that_stands_still_half_written_is_refused_and_taken_when_it_is_whole(world, faults):
    with faults.striking("pieces", pieces=2, file=f"*{world.name}*") as name:
        path = world.until_here(world.ask())
        until_waiting(faults, name)
        world.look()
        (arrival,) = world.look().complete  # two looks saw the same, as of a writer that hangs
        with pytest.raises(CorruptArchive):
            take(world.road, arrival.identity)
        assert world.events() == []
        faults.release(name)
        deadline = time.monotonic() + 30
        while path.stat().st_size == arrival.file.size:
            assert time.monotonic() < deadline
    settle(world)


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "corrupt", "how": "torn"},
        {"effect": "corrupt", "how": "crc"},
        {"effect": "corrupt", "how": "garbage"},
        {"effect": "empty_file"},
    ],
    ids=lambda fault: fault.get("how", fault["effect"]),
)
def test_promise_11_a_damaged_file_loads_nothing_and_the_window_is_asked_for_again(world, faults, fault):
    with faults.striking(file=f"*{world.name}*", **fault):
        world.until_here(world.ask())
    assert world.take() == []
    assert [type(one) for one in world.failed] == [CorruptArchive]
    assert world.events() == []
    assert world.states()[0] != "loaded", "a window is not covered because a file came"
    world.until_here(world.ask(attempt=2))
    settle(world)


@pytest.mark.parametrize("effect", ["never", "renamed"])
def test_promise_11_a_file_that_does_not_come_leaves_the_window_open(world, faults, effect):
    with faults.striking(effect, file=f"*{world.name}*") as name:
        world.ask()
        deadline = time.monotonic() + 30
        while not faults.shown(name)["struck"]:
            assert time.monotonic() < deadline
    assert world.take() == []
    assert (world.states(), world.events()) == (["requested"], [])
    world.until_here(world.ask(attempt=2))
    settle(world)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["with-a-second-look", "with-another-window"])
def test_promise_11_late_events_come_with_the_next_file_and_no_event_twice(world, faults, elsewhere):
    with faults.striking("late_events", events=2, elsewhere=elsewhere, file=f"*{world.name}*"):
        world.until_here(world.ask())
        world.take()
    assert world.events() == ["a"]
    if elsewhere:  # the file of the day after brings them, outside of its window
        world.start += timedelta(days=1)
    world.until_here(world.ask(attempt=2))
    world.take()
    assert world.events() == list(EVENTS)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"effect": "cut", "operation": "list", "when": "before"}, errors.TransferInterrupted),
        ({"effect": "permission_denied", "operation": "list"}, errors.PermissionDenied),
        ({"effect": "login_failed"}, errors.SftpAuthenticationFailed),
        ({"effect": "cut", "operation": "login", "when": "before"}, errors.Unreachable),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_promise_12_a_look_that_fails_forgets_nothing(world, faults, fault, error):
    world.until_here(world.ask())
    world.look()
    with faults.striking(at="sftp", strikes=1, **fault), pytest.raises(error):
        world.look()
    (arrival,) = world.look().complete
    take(world.road, arrival.identity)
    assert world.events() == list(EVENTS)


def test_promise_12_a_download_that_is_cut_goes_on(world, faults):
    world.until_here(world.ask())
    with faults.striking("cut", at="sftp", operation="read", file=f"*{world.name}*", at_byte=50):
        assert len(world.take()) == 1
    assert world.events() == list(EVENTS)


def test_promise_12_a_download_that_keeps_breaking_is_tried_again_later(world, faults):
    world.until_here(world.ask())
    fault = {"at": "sftp", "operation": "read", "file": f"*{world.name}*", "at_byte": 50}
    with faults.striking("cut", times="always", **fault):
        assert world.take() == []
    assert [type(one) for one in world.failed] == [errors.TransferInterrupted]
    assert world.events() == []
    settle(world)
