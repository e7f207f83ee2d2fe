"""The sensor's stories: files that come whole, in pieces, twice, renamed, torn, too many, and none at all."""

import json
import os

import dagster as dg
import pytest

from et_platform.defs.extract import FETCHED, FILE_TAG, MOST_RUNS
from et_platform.exacttarget.models import RemoteFile
from et_platform.exacttarget.sftp import EnhancedFtp
from et_platform.inbound.request import output_name
from et_platform_tests.defs.return_story import Story, seconds
from et_platform_tests.inbound.archives import event, tracking
from et_platform_tests.simulated import running_simulator


@pytest.fixture
def clean_environment(monkeypatch):
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def story(tmp_path, exacttarget_info, clean_environment):
    with dg.DagsterInstance.ephemeral() as instance:
        yield Story(tmp_path, exacttarget_info, instance)


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        event.step_failure_data.user_failure_data.description or ""
        for event in result.all_events
        if event.is_step_failure and event.step_failure_data.user_failure_data
    ]


def metadata_of(result: dg.ExecuteInProcessResult, event_type: str) -> dict[str, dg.MetadataValue]:
    """What the run told of one type's events."""
    (told,) = [one for one in result.get_asset_materialization_events() if one.asset_key.path == ["events", event_type]]
    return dict(told.materialization.metadata)


def test_promise_12_a_file_is_taken_at_the_second_look_and_then_never_again(story: Story):
    story.deliver(story.file("2024-07-01"), tracking(Opens=[event("K1")], Unsubs=[event("K2")]))
    skipped, requests = story.tick()
    assert requests == []
    assert "one more look must see the same" in skipped
    skipped, (request,) = story.tick()
    assert skipped is None
    assert request.partition_key == "2024-07-01"
    assert story.tick()[1] == [], "the same run key while its run has not begun"
    result = story.run(request)
    assert result.success, failures(result)
    assert (story.keys("open"), story.keys("unsubscribe")) == (["K1"], ["K2"])
    for _ in range(3):
        skipped, requests = story.tick()
        assert requests == []
        assert "not loaded already" in skipped


def test_promise_12_a_file_that_grows_waits_until_it_stands_still(story: Story):
    name, content = story.file("2024-07-02"), tracking(Sent=[event(f"K{n}") for n in range(9)])
    for end in (100, 200):
        story.deliver(name, content[:end], mtime=1_700_000_000 + end)
        assert story.tick()[1] == []
    path = story.deliver(name, content, mtime=1_700_000_500)
    skipped, requests = story.tick()
    assert requests == []
    assert "still being written, or it was replaced" in skipped
    os.utime(path, (1_700_000_501, 1_700_000_501))  # only its time changes: not yet
    assert story.tick()[1] == []
    (result,) = story.go(ticks=1)
    assert result.success
    assert len(story.keys("sent")) == 9


def test_promise_12_the_same_content_again_or_under_another_name_changes_nothing(story: Story):
    content = tracking(Clicks=[event("K1")])
    story.deliver(story.file("2024-07-03"), content, mtime=seconds("2024-07-04 08:00:00"))
    assert [result.success for result in story.go()] == [True]
    story.deliver(story.file("2024-07-03", attempt=2), content)
    story.deliver(story.file("2024-07-03"), content, mtime=seconds("2024-07-05 08:00:00"))  # delivered once more
    story.deliver(f"{story.name}_by_hand_x.zip", content, mtime=seconds("2024-07-06 05:59:00"))
    results = story.go()
    assert [result.success for result in results] == [True, True, True]
    days = {result.dagster_run.tags["dagster/partition"] for result in results}
    assert days == {"2024-07-03", "2024-07-05"}, "a file without a window is shown on the server day it was written"
    told = [
        materialization.metadata["new events"].value
        for result in results
        for materialization in result.asset_materializations_for_node(f"events__{story.name}")
    ]
    assert set(told) == {0}
    assert story.keys("click") == ["K1"]


def test_another_content_under_the_same_name_is_another_file(story: Story):
    name = story.file("2024-07-04")
    story.deliver(name, tracking(Opens=[event("K1")]), mtime=1_700_000_000)
    story.go()
    story.deliver(name, tracking(Opens=[event("K1"), event("K2")]), mtime=1_700_000_100)
    story.go()
    assert story.keys("open") == ["K1", "K2"]


def test_promise_12_a_torn_archive_fails_with_a_remedy_and_is_tried_again_more_and_more_rarely(story: Story):
    name, content = story.file("2024-07-05"), tracking(Bounces=[event("K1")])
    story.deliver(name, content[:-30], mtime=1_700_000_000)
    (first,) = story.go()
    assert not first.success
    (problem,) = failures(first)
    assert name in problem
    assert "Nothing" in problem
    ticks = [len(story.go(ticks=1)) for _ in range(16)]
    assert ticks.count(1) == 2, "attempt 2 after 4 looks, attempt 3 after 8 more"
    assert ticks.index(1) == 3
    story.deliver(name, content, mtime=1_700_000_100)  # ExactTarget writes it anew
    *_, last = story.go()
    assert last.success
    assert story.keys("bounce") == ["K1"]


def test_promise_12_a_file_that_vanished_before_the_fetch_is_named_and_taken_when_it_is_back(story: Story):
    name, content = story.file("2024-07-06"), tracking(Sent=[event("K1")])
    path = story.deliver(name, content, mtime=1_700_000_000)
    story.tick()
    (request,) = story.tick()[1]
    path.unlink()
    result = story.run(request)
    assert not result.success
    assert "was seen with" in failures(result)[0]
    assert story.go(ticks=3) == []
    story.deliver(name, content, mtime=1_700_000_000)
    assert [one.success for one in story.go(ticks=5)] == [True]


def test_a_run_that_was_killed_is_followed_by_another(story: Story):
    story.deliver(story.file("2024-07-07"), tracking(Opens=[event("K1")]))
    story.tick()
    (request,) = story.tick()[1]
    run = story.instance.create_run_for_job(
        story.defs.resolve_implicit_global_asset_job_def(),
        tags={**request.tags, "dagster/sensor_name": "extract_files"},
    )
    story.instance.report_run_failed(run, "killed")  # as Dagster does once it has missed the process
    results = story.go(ticks=5)
    assert [one.success for one in results] == [True]
    assert results[0].dagster_run.tags["etp/attempt"] == "2"
    assert results[0].dagster_run.tags[FILE_TAG] == request.tags[FILE_TAG]
    assert story.keys("open") == ["K1"]


def test_promise_3_a_sensor_killed_between_ledger_and_cursor_asks_for_the_same_run_and_loads_once(story: Story):
    name = story.file("2024-07-18")
    story.deliver(name, tracking(Opens=[event("K1")]))
    story.tick()
    cursor = story.cursor
    (lost,) = story.tick()[1]
    written = story.road.inbound.files_named(story.road.mid, name)
    assert len(written) == 1, "the ledger has the file"
    assert story.cursor != cursor
    story.cursor = cursor  # and Dagster has neither the cursor nor the run that was asked for
    story.launched.remove(lost.run_key or "")
    (request,) = story.tick()[1]
    assert (request.run_key, request.tags) == (lost.run_key, lost.tags)
    result = story.run(request)
    assert result.success, failures(result)
    assert metadata_of(result, "open")["new events"].value == 1
    assert [story.tick()[1] for _ in range(3)] == [[], [], []]
    assert story.keys("open") == ["K1"]
    (file,) = story.road.inbound.files_named(story.road.mid, name)
    assert (file.identity, file.state, file.attempts) == (written[0].identity, "loaded", 1)


def test_a_tick_lists_the_site_once_however_many_files_there_are(story: Story, monkeypatch: pytest.MonkeyPatch):
    listed: list[str] = []
    list_ = EnhancedFtp.list

    def counted(site: EnhancedFtp, *, folder: str) -> list[RemoteFile]:
        listed.append(folder)
        return list_(site, folder=folder)

    monkeypatch.setattr(EnhancedFtp, "list", counted)
    for day, key in (("2024-07-19", "K1"), ("2024-07-20", "K2")):
        story.deliver(story.file(day), tracking(Opens=[event(key)]))
    for requested in (0, 2, 0):  # seen, complete, nothing new
        listed.clear()
        assert len(story.tick()[1]) == requested
        assert len(listed) == 1, listed


def test_clocks_that_are_wrong_on_either_side_change_nothing(story: Story):
    story.deliver(story.file("2024-07-08"), tracking(Opens=[event("K1")]), mtime=4_000_000_000)
    story.deliver(story.file("2024-07-09"), tracking(Opens=[event("K2")]), mtime=86_400)
    assert [one.success for one in story.go()] == [True, True]
    assert story.keys("open") == ["K1", "K2"]


def test_a_tick_starts_a_limited_number_of_runs_and_the_others_follow(story: Story):
    for number in range(MOST_RUNS + 3):
        story.deliver(f"{story.name}_by_hand_{number:02}.zip", tracking(Sent=[event(f"K{number:02}")]))
    story.tick()
    requests = story.tick()[1]
    assert len(requests) == MOST_RUNS
    assert story.tick()[1] == [], "those have not ended"
    for one in requests[:4]:
        assert story.run(one).success
    assert len(story.tick()[1]) == 3


def test_an_unreadable_cursor_raises_and_is_not_reset(story: Story):
    story.cursor = json.dumps({"version": 99, "files": {}})
    with pytest.raises(dg.Failure, match="another release wrote it"):
        story.tick()
    assert json.loads(story.cursor)["version"] == 99


def test_promise_12_an_outage_loses_no_file_and_the_tick_says_why(tmp_path, clean_environment):
    with running_simulator(tmp_path / "exacttarget") as simulator, dg.DagsterInstance.ephemeral() as instance:
        story = Story(tmp_path / "world", simulator.info | {"ftp_folder": simulator.ftp_folder}, instance)
        story.deliver(story.file("2024-07-10"), tracking(Unsubs=[event("K1")]))
        story.tick()
        cursor = story.cursor
        simulator.stop()
        with pytest.raises(dg.Failure, match="No connection to the SFTP server"):
            story.tick()
        assert story.cursor == cursor
        simulator.start()
        assert [one.success for one in story.go(ticks=1)] == [True]
        assert story.keys("unsubscribe") == ["K1"]


def test_materialized_by_hand_the_files_of_that_day_are_taken(story: Story):
    for day, key in (("2024-07-11", "K1"), ("2024-07-12", "K2")):
        story.deliver(story.file(day), tracking(Opens=[event(key)]))
    story.tick()
    story.tick()  # complete, and the runs that were requested never came
    file, opens = dg.AssetKey(["extract_file", story.name]), dg.AssetKey(["events", "open"])
    every = [dg.AssetKey(["events", name]) for name in ("unsubscribe", "open", "click", "bounce", "sent")]
    result = story.materialize(file, *every, partition="2024-07-12")
    assert result.success, failures(result)
    assert story.keys("open") == ["K2"]
    again = story.materialize(file, *every, partition="2024-07-12")
    assert again.success
    (told,) = [one for one in again.get_asset_materialization_events() if one.asset_key == opens]
    assert "No fetched file" in told.materialization.metadata["outcome"].value


def test_promise_16_materialized_by_hand_one_bad_file_stops_no_other_and_is_told_at_the_end(story: Story):
    day, names = "2024-07-14", [story.file("2024-07-14", attempt=n) for n in (1, 2, 3, 4)]
    for name, content in zip(names[:2], (b"no archive", tracking(Opens=[event("K1")])), strict=True):
        story.deliver(name, content)
    vanished = story.deliver(names[2], tracking(Opens=[event("K2")]))
    story.deliver(names[3], tracking(Opens=[event("K3")]))
    story.tick()
    story.tick()
    vanished.unlink()
    every = [dg.AssetKey(["events", name]) for name in ("unsubscribe", "open", "click", "bounce", "sent")]
    result = story.materialize(dg.AssetKey(["extract_file", story.name]), *every, partition=day)
    assert not result.success
    assert story.keys("open") == ["K1", "K3"]
    (fetched,) = [one for one in result.get_asset_check_evaluations() if one.check_name == FETCHED]
    assert not fetched.passed
    assert "is not on the site any more" in (fetched.description or "")
    (problem,) = failures(result)
    assert problem.startswith("1 of 3 files could not be taken; the others were, and stay.")
    assert names[0] in problem


def test_promise_15_of_a_type_that_no_file_tells_of_nothing_is_materialized(story: Story):
    from et_platform_tests.inbound.archives import archive, text

    story.deliver(story.file("2024-07-13"), archive({"Opens.csv": text("Opens", [event("K1")])}))
    (result,) = story.go()
    assert result.success
    told = {one.asset_key.path[-1] for one in result.get_asset_materialization_events()}
    assert told == {story.name, "open"}
    unknown = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert {one.asset_key.path[-1] for one in unknown} == {"unsubscribe", "click", "bounce", "sent"}
    assert all("cannot be known" in one.description for one in unknown)


def test_columns_that_nobody_knows_are_named_with_the_events_also_when_the_file_comes_again(story: Story):
    from et_platform_tests.inbound.archives import HEADERS, archive, text

    header = (*HEADERS["Opens"], "Colour", "Size")
    content = archive({"Opens.csv": text("Opens", [event("K1", Colour="red")], header=header)})
    for attempt in (1, 2):
        story.deliver(story.file("2024-07-15", attempt=attempt), content)
        (result,) = story.go()
        assert result.success
        told = metadata_of(result, "open")
        assert told["columns that are not read"].value == "Colour, Size"
        assert "red" not in repr(told)
    story.deliver(story.file("2024-07-16"), tracking(Opens=[event("K2")]))
    (result,) = story.go()
    assert "columns that are not read" not in metadata_of(result, "open")


def test_promise_12_what_another_business_unit_asked_for_is_not_taken(story: Story):
    """Both may write into one Export folder; each one's file names its own."""
    ours = story.road.mid
    theirs = output_name(story.name, *story.window("2024-07-17"), 1, ours + 1)
    story.deliver(theirs, tracking(Unsubs=[event("K1")]))
    for _ in range(3):
        skipped, requests = story.tick()
        assert requests == []
        assert theirs not in (skipped or "")
    assert story.road.inbound.files_named(ours, theirs) == []
    story.deliver(output_name(story.name, *story.window("2024-07-17"), 1, ours), tracking(Unsubs=[event("K2")]))
    (result,) = story.go()
    assert result.success, failures(result)
    assert story.keys("unsubscribe") == ["K2"]


def test_rejected_lines_are_a_red_check_with_its_remedy_and_the_rest_is_loaded(story: Story):
    story.deliver(story.file("2024-07-14"), tracking(Opens=[event("K1"), event(""), event("K2", EventDate="soon")]))
    (result,) = story.go()
    assert result.success, "a warning"
    (check,) = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert check.asset_key.path == ["events", "open"]
    assert "2 lines were rejected" in check.description
    assert "event_rejects" in check.description
    assert story.keys("open") == ["K1"]
    with story.road.lake.read() as connection:
        rows = connection.execute("SELECT line, field FROM lake.extracts.event_rejects ORDER BY line").fetchall()
    assert rows == [(3, "SubscriberKey"), (4, "EventDate")]
