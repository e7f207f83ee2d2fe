"""A loaded file is read again from its copy: what was lost comes back, what is there stays, and nothing is doubled."""

from pathlib import Path

import pytest

from et_platform.inbound.errors import CopyGone
from et_platform.inbound.load import load
from et_platform.ledger.ledger import LedgerError
from et_platform.trace import extract_files
from et_platform_tests.inbound.archives import archive, event, text
from et_platform_tests.inbound.world import World


@pytest.fixture
def world(tmp_path, exacttarget_info):
    return World(tmp_path / "world", exacttarget_info)


def deliver(world: World) -> None:
    sent = text("Sent", [event("K1"), event("K2"), event("K9", EventDate="31/31/2026 6:00:00 PM")])
    world.deliver("a.zip", archive({"Sent.csv": sent, "Unsubs.csv": text("Unsubs", [event("K3")])}))


def test_promise_12_reading_a_file_again_doubles_neither_events_nor_rejected_lines(world):
    deliver(world)
    first = world.take()
    for _ in range(2):
        again = load(world.road, first.file.identity, again=True)
        assert again.figures == first.figures
        assert world.query("SELECT count(*) FROM lake.extracts.event_rejects") == [(1,)]
        assert (world.events()["sent"], world.events()["unsubscribe"]) == (["K1", "K2"], ["K3"])
    assert world.road.inbound.file(first.file.identity).rows["sent"]["new"] == 2
    assert load(world.road, first.file.identity).figures == first.figures


def test_what_somebody_deleted_from_the_lake_comes_back(world):
    deliver(world)
    first = world.take()
    with world.road.lake.write() as connection:
        connection.execute("DELETE FROM lake.extracts.events_sent WHERE \"SubscriberKey\" = 'K1'")
        connection.execute("DELETE FROM lake.extracts.events_unsubscribe")
        connection.execute("DELETE FROM lake.extracts.event_rejects")
    again = load(world.road, first.file.identity, again=True)
    assert again.figures == first.figures, "what was new once is new once"
    assert (world.events()["sent"], world.events()["unsubscribe"]) == (["K1", "K2"], ["K3"])
    assert world.query("SELECT line FROM lake.extracts.event_rejects") == [(4,)]


def test_of_two_files_with_one_content_the_first_is_read_again(world):
    deliver(world)
    first = world.take()
    deliver_again = (world.export / f"{world.prefix}a.zip").read_bytes()
    world.deliver("b.zip", deliver_again)
    second = world.take()
    assert second.duplicate_of == first.file.identity
    again = load(world.road, second.file.identity, again=True)
    assert (again.file.identity, again.figures) == (first.file.identity, first.figures)
    assert world.query("SELECT identity FROM lake.extracts.loaded_files") == [(first.file.identity,)]
    assert world.road.inbound.file(second.file.identity).duplicate_of == first.file.identity


def test_without_its_copy_a_file_is_not_read_again_and_stays_as_it_was(world):
    deliver(world)
    file = world.road.inbound.file(world.take().file.identity)
    Path(str(file.path)).unlink()
    with pytest.raises(CopyGone, match="Ask for its window again"):
        load(world.road, file.identity, again=True)
    assert world.road.inbound.file(file.identity) == file
    assert world.events()["sent"] == ["K1", "K2"]


def test_files_are_told_with_what_became_of_them(world):
    deliver(world)
    loaded = world.road.inbound.file(world.take().file.identity)
    world.deliver("b.zip", b"torn")
    world.look()
    (waiting,) = world.look().complete
    told = extract_files.files(world.road.inbound, world.road.mid, states=(), limit=10_000)
    outcomes = {one["name"]: one["outcome"] for one in told if one["name"].startswith(world.prefix)}
    assert outcomes[waiting.file.name] == "complete, and waits for the sensor or `etp pull`."
    assert outcomes[loaded.name] == "loaded: 2 new sent (1 rejected), 1 new unsubscribe."
    assert all("K1" not in line for line in extract_files.lines(told))
    assert [one["name"] for one in extract_files.files(world.road.inbound, world.road.mid, states=["seen"], limit=9)]
    meant = extract_files.file_meant
    assert meant(world.road.inbound, world.road.mid, loaded.name) == loaded
    assert meant(world.road.inbound, world.road.mid, loaded.identity[:12]).identity == loaded.identity
    for nothing in ("no such file", "%", ""):
        with pytest.raises(LedgerError, match=r"names no file|fits"):
            meant(world.road.inbound, world.road.mid, nothing)
