"""When a file is complete, and what the sensor remembers: stories of several looks, and properties of all of them."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from et_platform.ingest.arrival import MOST_FILES, Sighting, look
from et_platform.ingest.errors import CursorUnreadable

A = Sighting("a.zip", 10, 1_000)


def names(found) -> list[str]:
    return [one.file.name for one in found.complete]


def test_a_file_is_complete_at_the_second_look_that_sees_the_same():
    first = look(None, [A])
    assert (first.complete, list(first.waiting)) == ((), ["a.zip"])
    assert "seen for the first time, with 10 bytes" in first.waiting["a.zip"]
    second = look(first.cursor, [A])
    assert (names(second), second.waiting) == (["a.zip"], {})
    assert second.complete[0].run_key == f"{A.identity}:1"


@pytest.mark.parametrize("changed", [Sighting("a.zip", 11, 1_000), Sighting("a.zip", 10, 1_001)])
def test_another_size_or_time_is_another_file_and_waits_anew(changed):
    second = look(look(None, [A]).cursor, [changed])
    assert second.complete == ()
    assert "still being written, or it was replaced" in second.waiting["a.zip"]
    third = look(second.cursor, [changed])
    assert [one.identity for one in third.complete] == [changed.identity]
    assert changed.identity != A.identity


def test_a_complete_file_is_returned_with_the_same_run_key_until_it_is_loaded():
    cursor, keys = None, []
    for _ in range(5):
        found = look(cursor, [A])
        cursor = found.cursor
        keys += [one.run_key for one in found.complete]
    assert keys == [f"{A.identity}:1"] * 4
    settled = look(cursor, [A], loaded={A.identity})
    assert (settled.complete, settled.waiting) == ((), {})
    assert json.loads(settled.cursor)["files"] == {}


def test_a_file_that_vanished_is_forgotten_and_must_be_seen_twice_again():
    gone = look(look(None, [A]).cursor, [])
    assert json.loads(gone.cursor)["files"] == {}
    assert look(gone.cursor, [A]).complete == ()


def test_a_take_that_ended_is_tried_again_ever_more_rarely_and_never_given_up():
    cursor, looks, tries = None, 0, []
    ended: dict[str, int] = {}
    while len(tries) < 11:
        found = look(cursor, [A], ended=ended)
        cursor, looks = found.cursor, looks + 1
        for one in found.complete:
            tries.append((one.attempt, looks))
            ended[one.identity] = one.attempt
    assert [attempt for attempt, _ in tries] == list(range(1, 12))
    gaps = [b - a for (_, a), (_, b) in pairwise(tries)]
    assert gaps == [4, 8, 16, 32, 64, 128, 128, 128, 128, 128]


def test_told_twice_that_an_attempt_ended_it_is_tried_once():
    cursor = look(look(None, [A]).cursor, [A]).cursor
    for looked in range(1, 5):
        found = look(cursor, [A], ended={A.identity: 1})
        cursor = found.cursor
        assert [one.attempt for one in found.complete] == ([2] if looked == 4 else [])
        if looked < 4:
            assert f"after {4 - looked} more looks" in found.waiting["a.zip"]


def test_many_files_wait_their_turn_and_the_cursor_is_bounded():
    crowd = [Sighting(f"{n:05d}.zip", 1, n) for n in range(MOST_FILES + 3)]
    first = look(None, crowd)
    assert len(json.loads(first.cursor)["files"]) == MOST_FILES
    assert len(first.cursor) < 40 * MOST_FILES
    second = look(first.cursor, crowd)
    assert len(second.complete) == MOST_FILES
    assert f"{MOST_FILES} files before it" in second.waiting["01002.zip"]
    third = look(second.cursor, crowd, loaded={one.identity for one in second.complete})
    assert look(third.cursor, crowd[-3:]).complete != ()


def test_files_that_can_never_be_loaded_do_not_keep_newer_ones_waiting():
    hopeless = [Sighting(f"{n:05d}.zip", 1, n) for n in range(MOST_FILES)]
    cursor, ended = None, {}
    for attempt in range(1, 4):
        ended = {one.identity: attempt for one in hopeless}
        cursor = look(cursor, hopeless, ended=ended).cursor
    first = look(cursor, [*hopeless, A], ended=ended)
    second = look(first.cursor, [*hopeless, A], ended=ended)
    assert names(second) == ["a.zip"]
    last = hopeless[-1].name
    assert f"{MOST_FILES} files before it" in second.waiting[last]
    # What gave way is tried again when there is room for it.
    cursor = second.cursor
    for _ in range(2**4):
        found = look(cursor, hopeless, ended=ended)
        cursor = found.cursor
    assert last in names(found)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "[]",
        "{}",
        "null",
        '{"version":1}',
        '{"version":1,"files":[]}',
        '{"version":1,"files":{"a":[1,2]}}',
        '{"version":1,"files":{"a":[1,2,3,"x"]}}',
        '{"version":1,"files":{"a":[1,2,3,-1]}}',
        '{"version":2,"files":{}}',
    ],
)
def test_an_unreadable_cursor_is_never_reset_silently(cursor):
    with pytest.raises(CursorUnreadable, match="reset the cursor"):
        look(cursor, [A])


files = st.builds(
    Sighting,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.integers(0, 3),
    st.integers(0, 2**33),
)
listings = st.lists(files, max_size=6, unique_by=lambda one: one.name)


@given(st.lists(listings, min_size=1, max_size=8))
def test_promise_12_complete_means_the_same_in_two_looks_running(looks):
    cursor, before = None, []
    for listing in looks:
        found = look(cursor, listing)
        cursor = found.cursor
        assert {one.file for one in found.complete} == set(listing) & set(before)
        assert set(found.waiting) == {one.name for one in listing} - set(names(found))
        assert set(json.loads(cursor)["files"]) == {one.name for one in listing}
        before = listing


@given(listings, st.integers(-(2**31), 2**31))
def test_clock_skew_between_the_site_and_us_changes_nothing(listing, skew):
    moved = [Sighting(one.name, one.size, one.mtime + 2**31 + skew) for one in listing]
    plain, skewed = (look(look(None, seen).cursor, seen) for seen in (listing, moved))
    assert names(plain) == names(skewed)
