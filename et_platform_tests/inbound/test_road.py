"""The return road against a real SFTP site: files come, are taken once, and nothing is lost."""

import stat
from datetime import UTC, datetime, timedelta

import pytest

from et_platform.catalog.tracking import EVENT_TYPES
from et_platform.inbound.errors import FileChanged, FileVanished, NotFetched, NothingRecognised
from et_platform.inbound.fetch import fetch
from et_platform.inbound.load import load, take
from et_platform.ingest.errors import BadHeader, CorruptArchive, EmptyFile, UnsafeArchive
from et_platform_tests.inbound.archives import HEADERS, archive, event, text, tracking
from et_platform_tests.inbound.world import World


@pytest.fixture
def world(tmp_path, exacttarget_info):
    return World(tmp_path / "world", exacttarget_info)


def test_every_type_lands_typed_in_utc_with_file_and_line(world):
    world.deliver(
        "a.zip",
        tracking(
            Unsubs=[event("K1", UnsubReason="too, many\nmails")],
            Opens=[event("K1"), event("K2", Latitude="47.5", IsUnique="False")],
            Clicks=[event("K1"), event("K1", URL="https://shop.example/b")],
            Bounces=[event("K3", EventType="Bounce", BounceReason="full")],
            Sent=[event(f"K{n}") for n in range(3)],
        ),
    )
    loaded = world.take()
    assert {name: one.new for name, one in loaded.figures.items()} == {
        "unsubscribe": 1,
        "open": 2,
        "click": 2,
        "bounce": 1,
        "sent": 3,
    }
    assert (loaded.absent, loaded.rejected, loaded.duplicate_of) == ((), 0, None)
    row = world.query(
        "SELECT SubscriberKey, EventDate, UnsubReason, _folded_key, _file, _member, _line "
        "FROM lake.extracts.events_unsubscribe"
    )
    assert row == [
        (
            "K1",
            datetime(2026, 11, 2, 0, 0, tzinfo=UTC),
            "too, many\nmails",
            "k1",
            f"{world.prefix}a.zip",
            "Unsubs.csv",
            2,
        )
    ]
    assert world.query("SELECT IsUnique, Latitude FROM lake.extracts.events_open ORDER BY SubscriberKey") == [
        (True, None),
        (False, 47.5),
    ]
    assert world.left_over() == []


def test_the_fetched_file_is_for_its_owner_only(world):
    world.deliver("a.zip", tracking())
    file = fetch(world.road, world.identity())
    assert file.path is not None
    path = world.road.extracts / str(file.sha256) / "archive.zip"
    assert str(path) == file.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_promise_12_the_same_file_taken_again_changes_nothing(world):
    world.deliver("a.zip", tracking(Sent=[event("K1")]))
    first = world.take()
    again = take(world.road, first.file.identity)
    assert (again.figures, again.duplicate_of) == (first.figures, None)
    assert world.look().complete == ()
    assert world.events()["sent"] == ["K1"]


def test_promise_12_the_same_content_under_another_name_changes_nothing(world):
    content = tracking(Sent=[event("K1"), event("K2")])
    world.deliver("a.zip", content)
    first = world.take()
    world.deliver("b.zip", content)
    second = world.take()
    assert second.duplicate_of == first.file.identity
    assert (second.figures["sent"].new, second.figures["sent"].duplicates) == (0, 2)
    assert world.query("SELECT count(*) FROM lake.extracts.loaded_files") == [(1,)]


def test_promise_12_the_same_name_with_other_content_is_another_file(world):
    world.deliver("a.zip", tracking(Sent=[event("K1")]))
    world.take()
    world.deliver("a.zip", tracking(Sent=[event("K1"), event("K2"), event("K2")]))
    figures = world.take().figures["sent"]
    assert (figures.read, figures.new, figures.duplicates) == (3, 2, 1)
    assert world.events()["sent"] == ["K1", "K2", "K2"], "what one file tells twice happened twice"


def test_promise_12_a_file_in_pieces_waits_until_it_is_whole(world):
    content = tracking(Sent=[event("K1")])
    for end in (100, 300, len(content)):
        world.deliver("a.zip", content[:end])
        found = world.look()
        assert found.complete == ()
        assert list(found.waiting) == [f"{world.prefix}a.zip"]
    (arrival,) = world.look().complete
    assert take(world.road, arrival.identity).figures["sent"].new == 1


def test_promise_12_a_torn_archive_fails_and_the_whole_one_is_taken(world):
    content = tracking(Sent=[event("K1")])
    world.deliver("a.zip", content[:-30], mtime=1_800_000_000)
    torn = world.identity()
    with pytest.raises(CorruptArchive, match=r"a\.zip .* is torn"):
        take(world.road, torn)
    assert world.road.inbound.file(torn).state == "failed"
    assert "attempt 1 to take it did not succeed" in next(iter(world.look().waiting.values()))
    world.deliver("a.zip", content, mtime=1_800_000_100)
    assert world.take().figures["sent"].new == 1
    assert world.left_over() == []


def test_promise_12_a_failed_take_is_tried_again_with_another_run_key(world):
    path = world.deliver("a.zip", tracking(Sent=[event("K1")]), mtime=1_800_000_000)
    world.look()
    (first,) = world.look().complete
    aside = path.rename(path.with_name(path.name + ".aside"))
    with pytest.raises(FileVanished, match="not on the site any more"):
        fetch(world.road, first.identity)
    file = world.road.inbound.file(first.identity)
    assert (file.state, file.attempts) == ("failed", 1)
    assert "ask for its window again" in str(file.problem)
    aside.rename(path)
    looks = [world.look() for _ in range(4)]
    assert [len(one.complete) for one in looks] == [0, 0, 0, 1]
    (second,) = looks[-1].complete
    assert (second.identity, second.attempt) == (first.identity, 2)
    assert first.run_key != second.run_key
    assert take(world.road, second.identity).figures["sent"].new == 1


def test_a_file_that_changed_between_look_and_fetch_is_not_taken_for_the_other(world):
    world.deliver("a.zip", tracking(Sent=[event("K1")]), mtime=1_800_000_000)
    identity = world.identity()
    world.deliver("a.zip", tracking(Sent=[event("K2")]), mtime=1_800_000_001)
    with pytest.raises(FileChanged, match="another file has its name"):
        fetch(world.road, identity)
    assert world.road.inbound.file(identity).state == "failed"
    assert world.take().figures["sent"].new == 1
    assert world.events()["sent"] == ["K2"]


def test_a_file_that_was_not_fetched_is_not_loaded(world):
    world.deliver("a.zip", tracking())
    with pytest.raises(NotFetched, match="is seen"):
        load(world.road, world.identity())


def test_a_fetched_copy_that_was_damaged_is_fetched_anew(world):
    world.deliver("a.zip", tracking(Sent=[event("K1")]))
    identity = world.identity()
    file = fetch(world.road, identity)
    (world.road.extracts / str(file.sha256) / "archive.zip").write_bytes(b"x")
    assert take(world.road, identity).figures["sent"].new == 1
    assert world.road.inbound.file(identity).attempts == 2


def test_rejects_are_named_and_the_rest_goes_on(world):
    good, late = event("K1"), event("K9", EventDate="31/31/2026 6:00:00 PM")
    members = {"Sent.csv": text("Sent", [good, late, event("")]) + '7,100,"K3\r\n', "Unsubs.csv": text("Unsubs", [])}
    world.deliver("a.zip", archive(members))
    loaded = world.take()
    assert (loaded.figures["sent"].read, loaded.figures["sent"].new, loaded.rejected) == (4, 1, 3)
    assert loaded.absent == ("open", "click", "bounce")
    assert loaded.figures["unsubscribe"].read == 0
    rejects = world.query("SELECT line, field, reason, raw FROM lake.extracts.event_rejects ORDER BY line")
    assert [(line, field) for line, field, _, _ in rejects] == [(3, "EventDate"), (4, "SubscriberKey"), (5, None)]
    assert "truncated" in rejects[2][2]
    assert "K9" in rejects[0][3]
    assert not any("K1" in line or "people.example" in line for line in world.told)


def test_an_opt_out_is_not_lost_over_another_value(world):
    world.deliver("a.zip", tracking(Unsubs=[event("K1", ListID="x", SendID="", BatchID="")]))
    figures = world.take().figures["unsubscribe"]
    assert (figures.new, figures.rejected, figures.kept) == (1, 0, 1)
    assert world.query("SELECT field, kept FROM lake.extracts.event_rejects") == [("ListID", True)]


BAD = {
    "empty": (b"", CorruptArchive, "is empty"),
    "no ZIP": (b"hello" * 100, CorruptArchive, "not a whole ZIP archive"),
    "leaves the folder": (archive({"../Sent.csv": text("Sent", [])}), UnsafeArchive, "would leave the folder"),
    "absolute": (archive({"/etc/Sent.csv": text("Sent", [])}), UnsafeArchive, "would leave the folder"),
    "bomb": (archive({"Sent.csv": b"0" * (64 << 20)}), UnsafeArchive, "would grow"),
    "nothing known": (archive({"readme.txt": b"hi"}), NothingRecognised, "none of which is a tracking file"),
    "twice": (archive({"Sent.csv": "", "x/sent.txt": ""}), UnsafeArchive, "both claim"),
    "empty member": (archive({"Sent.csv": b""}), EmptyFile, "not even a header"),
    "blank member": (archive({"Sent.csv": b"\xef\xbb\xbf\r\n\r\n"}), EmptyFile, "not even a header"),
    "wrong header": (
        archive({"Sent.csv": text("Sent", [event("K1")], header=HEADERS["Sent"][1:])}),
        BadHeader,
        "misses ClientID",
    ),
    "no header": (
        archive({"Sent.csv": text("Sent", [event("KEY1")]).split("\r\n")[1]}),
        BadHeader,
        "not shown, for they may be a row",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_promise_16_a_bad_file_is_named_and_nothing_of_it_is_loaded(world, kind):
    content, error, words = BAD[kind]
    world.deliver("bad.zip", content)
    identity = world.identity()
    with pytest.raises(error, match=words) as caught:
        take(world.road, identity)
    message = str(caught.value)
    assert "bad.zip" in message
    assert "KEY1" not in message
    assert "\n" not in message
    file = world.road.inbound.file(identity)
    assert (file.state, file.problem) == ("failed", message)
    assert not any(world.events().values())
    assert world.left_over() == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", "\t", "|"])
def test_encodings_delimiters_and_the_order_of_columns_do_not_matter(world, encoding, delimiter):
    header = [name.upper() for name in reversed(HEADERS["Sent"])]
    rows = [{name.upper(): value for name, value in event("Ключ").items()}]
    content = text("Sent", rows, delimiter=delimiter, header=header).encode(encoding)
    world.deliver("a.zip", archive({"Sent.txt": content}))
    assert world.take().figures["sent"].new == 1
    assert world.events()["sent"] == ["Ключ"]


def test_a_request_is_made_once_for_window_and_attempt_and_its_file_answers_it(world):
    from et_platform.ledger.inbound_records import ExtractRequest

    start = datetime(2026, 11, 1, tzinfo=UTC)
    now = datetime.now(UTC)
    name = f"{world.prefix}t.zip"
    asked = ExtractRequest(
        world.road.mid, "t", start, start + timedelta(days=1), 1, name, list(EVENT_TYPES), "asking", "r", now
    )
    assert world.road.inbound.begin_request(asked) == asked
    world.deliver("t.zip", tracking())
    file = world.take().file
    assert (file.window_start, file.window_end) == (start, start + timedelta(days=1))
    request = world.road.inbound.request_for(name)
    assert request is not None
    assert request.state == "loaded"
    assert world.road.inbound.begin_request(asked) == request
