"""With the local ExactTarget's own extracts: subscribers act, a file comes, events land; also in bad weather."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from et_platform.catalog.tracking import EVENT_TYPES
from et_platform.exacttarget.errors import Retriable
from et_platform.inbound.load import Loaded, take
from et_platform.inbound.request import request_window
from et_platform.simulator.act import act
from et_platform_tests.inbound.archives import event, tracking
from et_platform_tests.inbound.world import World
from et_platform_tests.simulated import running_simulator


def went(world: World, *, attempt: int = 1) -> Loaded:
    end = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
    request = request_window(
        world.road, name="t", start=end - timedelta(days=1), end=end, types=EVENT_TYPES, attempt=attempt
    )
    deadline = time.monotonic() + 30
    while True:
        for one in world.look().complete:
            if one.file.name == request.output_name:
                return take(world.road, one.identity)
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("extract_column_order=reversed", "extract_encoding=utf-16", "extract_quoting=all"),
        ("extract_half_written=true", "extract_write_seconds=2", "extract_empty_files=omit"),
    ],
    ids=["as usual", "other form", "slowly"],
)
def test_what_subscribers_do_comes_back_as_events(tmp_path, settings):
    given = [word for one in settings for word in ("--set", one)]
    with running_simulator(tmp_path / "exacttarget", *given) as simulator:
        world = World(tmp_path / "world", simulator.info | {"ftp_folder": simulator.ftp_folder}, prefix="etp_t_")
        data = ["--data", str(simulator.data_dir)]
        done = CliRunner().invoke(act, [*data, "--sent", "K1", "K2", "--open", "K1", "--unsubscribe", "K2"])
        assert done.exit_code == 0, done.output
        before = datetime.now(UTC)
        loaded = went(world)
        assert loaded.rejected == 0
        assert {name: keys for name, keys in world.events().items() if keys} == {
            "sent": ["K1", "K2"],
            "open": ["K1"],
            "unsubscribe": ["K2"],
        }
        ((at,),) = world.query("SELECT EventDate FROM lake.extracts.events_unsubscribe")
        assert abs(at - before) < timedelta(minutes=2)
        again = went(world, attempt=2)
        assert {name: one.new for name, one in again.figures.items()} == dict.fromkeys(again.figures, 0)


def test_an_outage_of_the_site_loses_nothing(tmp_path):
    with running_simulator(tmp_path / "exacttarget") as simulator:
        world = World(tmp_path / "world", simulator.info | {"ftp_folder": simulator.ftp_folder})
        world.deliver("a.zip", tracking(Sent=[event("K1")]), mtime=4_000_000_000)  # the site's clock is far ahead
        world.look()
        simulator.stop()
        before = world.cursor
        with pytest.raises(Retriable):
            world.look()
        assert world.cursor == before
        simulator.start()
        world.info = simulator.info | {"ftp_folder": simulator.ftp_folder}
        (arrival,) = world.look().complete
        simulator.stop()
        with pytest.raises(Retriable):
            take(world.road, arrival.identity)
        assert world.road.inbound.file(arrival.identity).state == "failed"
        simulator.start()
        world.info = simulator.info | {"ftp_folder": simulator.ftp_folder}
        retried = [one for _ in range(4) for one in world.look().complete]
        assert [one.attempt for one in retried] == [2]
        assert take(world.road, retried[0].identity).figures["sent"].new == 1
