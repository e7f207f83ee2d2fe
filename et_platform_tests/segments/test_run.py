"""Runs of segments in a running simulator: what is picked, counted, compared; what is refused, and why."""

from dataclasses import replace
from datetime import timedelta

import pytest

from et_platform.ledger import segments as ledger
from et_platform.outbound.errors import DeclarationMismatch
from et_platform.segments.errors import LakeQueryFailed, SegmentFailed, SegmentRefused, WouldErase
from et_platform_tests.segments.world import FILTER, QUERY, World


@pytest.fixture
def world(tmp_path, exacttarget_info):
    return World(tmp_path / "world", exacttarget_info)


@pytest.mark.parametrize("text", [QUERY, FILTER], ids=["query", "filter"])
def test_a_segment_is_picked_inside_counted_and_replaced_by_the_next_run(tmp_path, exacttarget_info, text):
    world = World(tmp_path / "world", exacttarget_info, text)
    outcome = world.run()
    assert (outcome.run.state, outcome.run.rows_told, outcome.run.rows_counted) == ("settled", 2, 2)
    assert world.rows() == [("P2", "ben"), ("P3", "Cy")]
    world.fill({"P1": ("Ann", "11"), "P2": ("ben", "1"), "P3": ("Cy", "2")})
    again = world.run()
    assert again.run.id != outcome.run.id
    assert world.rows() == [("P1", "Ann")]
    assert again.run.rows_counted == 1
    assert world.left_over() == []


def test_a_declaration_that_changed_is_what_runs_next(world):
    world.run()
    world.declare(QUERY.replace("Points > 10", "Points > 25"))
    assert (world.run().run.rows_counted, world.rows()) == (1, [("P3", "Cy")])
    world.declare(FILTER.replace("value: 10", "value: 25"))
    assert (world.run().run.rows_counted, world.rows()) == (1, [("P3", "Cy")])


def test_nobody_is_a_result_too(world):
    world.declare(QUERY.replace("Points > 10", "Points > 1000"))
    outcome = world.run()
    assert (outcome.run.rows_told, outcome.run.rows_counted) == (0, 0)


def test_a_filter_by_days_goes_by_the_server_day_of_the_run(world):
    text = FILTER.replace(
        "where: {field: Points, is: greaterThan, value: 10}",
        "where: {any: [{field: Born, is: lessThan, days_ago: 30}, {field: Name, is: beginsWith, value: cy}]}",
    )
    world.declare(text)
    key = world.catalog.data_extensions["people"].is_.customer_key
    rows = [{"PersonID": "P1", "Born": "2026-01-01"}, {"PersonID": "P2", "Born": "2199-01-01"}]
    with world.road.open_exacttarget() as exacttarget:
        assert all(one.ok for one in exacttarget.rows.upsert(customer_key=key, rows=rows))
    world.run()
    assert world.rows() == [("P1", "Ann"), ("P3", "Cy")]
    world.later = timedelta(days=200 * 365)
    world.run()
    assert world.rows() == [("P1", "Ann"), ("P2", "ben"), ("P3", "Cy")]


def test_promise_7_rows_that_others_put_there_are_not_replaced_unasked(world):
    with world.road.open_exacttarget() as exacttarget:
        from et_platform.outbound.schema import ensure_data_extension
        from et_platform.segments.define import _as_data_extension

        ensure_data_extension(exacttarget, _as_data_extension(world.declared), acknowledged=0, is_first_load=False)
        exacttarget.rows.upsert(customer_key=world.result_key, rows=[{"PersonID": "theirs", "Name": "x"}])
    with pytest.raises(WouldErase, match=r"s\w+\.yaml:5: .*holds rows that no known run.*--replace"):
        world.run()
    assert world.rows() == [("theirs", "x")]
    assert world.run(replace=True).run.rows_counted == 2
    assert world.run().run.rows_counted == 2


def test_what_exacttarget_refuses_is_told_with_its_line_and_nothing_is_started(world):
    world.run()
    world.declare(QUERY.replace("Points FROM", "Points, Nothing AS Nobody FROM"))
    with pytest.raises(SegmentRefused, match=r"s\w+\.yaml:3: ExactTarget does not take .* rows of its result are as"):
        world.run()
    assert world.rows() == [("P2", "ben"), ("P3", "Cy")]
    assert world.runs()[0].state == "preparing"
    world.declare(QUERY)
    assert world.run().run.state == "settled"


def test_a_filter_of_what_is_not_there_says_so(world):
    world.declare(FILTER.replace("{data_extension: people}", "{customer_key: Survey_of_nobody}"))
    with pytest.raises(SegmentRefused, match=r"s\w+\.yaml:3: .*Survey_of_nobody.* was not found"):
        world.run()
    assert world.runs()[0].state == "preparing"


def test_a_result_whose_field_cannot_be_mended_is_told_with_its_line(world):
    world.run()
    world.declare(QUERY.replace("Points: {type: Number}", "Points: {type: Date}"))
    with pytest.raises(DeclarationMismatch, match=r"s\w+\.yaml:10: Points"):
        world.run()


def test_a_run_that_ends_in_error_says_so_and_the_next_one_starts_anew(world):
    world.run()
    world.declare(QUERY.replace("PersonID, Name", "'same' AS PersonID, Name"))
    with pytest.raises(SegmentFailed, match=r"is Error\. .* may be empty now: .*a key twice"):
        world.run()
    (failed, _) = world.runs()
    assert (failed.state, failed.problem) == ("failed", "Error")
    with world.road.open_exacttarget() as exacttarget:
        assert exacttarget.automations.state(customer_key=failed.automation_key) is not None, "to be looked at"
    world.declare(QUERY)
    assert world.run().run.rows_counted == 2
    assert world.left_over() == []


def test_the_count_is_read_back_and_not_taken_from_what_exacttarget_told(world, monkeypatch):
    from et_platform.segments import run

    original = run._settle

    def meddled(road, exacttarget, *given):
        exacttarget.rows.upsert(customer_key=world.result_key, rows=[{"PersonID": "P9", "Name": "meddler"}])
        return original(road, exacttarget, *given)

    monkeypatch.setattr(run, "_settle", meddled)
    outcome = world.run()
    assert (outcome.run.rows_told, outcome.run.rows_counted) == (2, 3)


def test_the_result_is_compared_with_what_the_lake_gives(world):
    world.declare(QUERY + "lake: SELECT x FROM (VALUES ('p2 '), ('P4'), ('P5')) AS t(x)\n")
    found = world.run().comparison
    assert found is not None
    assert (found.expected, found.missing, found.extra) == (3, 2, 1)
    world.declare(QUERY + "lake: SELECT nothing FROM nowhere\n")
    with pytest.raises(LakeQueryFailed, match=r"s\w+\.yaml:11: lake: the SQL cannot be run"):
        world.run()
    assert world.runs()[0].state == "finished"
    world.declare(QUERY)
    assert world.run().run.id == world.runs()[0].id
    assert [one.state for one in world.runs()] == ["settled", "settled"]


def test_an_open_run_whose_result_is_another_by_now_is_closed(world):
    run = ledger.begin(world.road.ledger, replace(world.run().run, id="0" * 32, state="preparing", customer_key="old"))
    assert run.id == "0" * 32
    assert world.run().run.state == "settled"
    assert {one.id: one.state for one in world.runs()}["0" * 32] == "failed"
