"""Writing back to the CRM: propose, write, settle; on SQLite and on a real PostgreSQL server, killed at every arrow."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from et_platform.inbound import write_back
from et_platform.inbound.errors import JournalMissing, NotDeclaredInCrm, NothingToProposeFrom
from et_platform.inbound.write_back import Apart
from et_platform.ledger import writeback as journal
from et_platform_tests.inbound.written_back import PEOPLE, World

SUMMER = datetime.fromisoformat("2026-06-01 12:00:00")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path) -> tuple[str, Callable[..., None]]:
    """A CRM's URL, and its own client."""
    if request.param == "sqlite":

        def run(statement: str, *values) -> None:
            with closing(sqlite3.connect(tmp_path / "crm.sqlite")) as connection, connection:
                connection.execute(statement, values)

        url = f"sqlite:///{tmp_path / 'crm.sqlite'}"
    else:
        url = request.getfixturevalue("postgresql_server").uri

        def run(statement: str, *values) -> None:
            with psycopg.connect(url, autocommit=True) as session:
                session.execute(statement.replace("?", "%s").encode(), values or None)

        run("DROP TABLE IF EXISTS people")
    run(PEOPLE)
    return url, run


@pytest.fixture
def world(tmp_path, database) -> World:
    url, run = database
    for number in range(1, 6):
        run("INSERT INTO people (id, wants, out, opens) VALUES (?, ?, ?, ?)", f"P{number}", True, False, None)
    run("INSERT INTO people (id, out) VALUES (?, ?)", "p5", False)
    world = World(tmp_path / "world", url)
    world.happened("unsubscribe", "p1", "P2 ", "P5", "nobody", at=SUMMER)
    world.happened("open", "P2", "P2", "P3", at=SUMMER - timedelta(days=1))
    return world


def columns(world: World, key: str) -> tuple:
    row = world.people()[key]
    return tuple(row[name] for name in ("wants", "out", "out_at", "proof", "opened", "opens"))


def assert_is_written(world: World) -> None:
    at, opened = "2026-06-01 12:00:00", "2026-05-31 12:00:00"
    assert columns(world, "P1") == ("false", "true", at, "t.zip/m.csv:2", None, None)
    assert columns(world, "P2") == ("false", "true", at, "t.zip/m.csv:3", opened, "2")
    assert columns(world, "P3") == ("true", "false", None, None, opened, "1")
    assert columns(world, "P4") == ("true", "false", None, None, None, None)
    assert columns(world, "P5") == ("true", "false", None, None, None, None)  # has a copy: told, and not written


def test_promise_9_and_10_opt_outs_and_figures_reach_the_crm_and_then_nothing_moves(world):
    proposal, settled = world.run()
    assert proposal.figures == {"change": 3, "held": 1, "unmatched": 1}
    assert proposal.opt_outs == {"change": 2, "held": 1, "unmatched": 1}
    assert settled is not None
    assert settled.outcome == {"written": 3, "already": 0, "conflict": 0, "missing": 0, "ambiguous": 0}
    assert_is_written(world)
    for _ in range(4):
        proposal, settled = world.run()
        assert (proposal.set_, settled) == (None, None)
    last = journal.last_settled(world.road.ledger, "people")
    assert last is not None
    assert (last.rows, last.state) == (3, "settled")
    assert last.outcome == {"written": 3, "already": 0, "conflict": 0, "missing": 0, "ambiguous": 0}


def test_promise_9_only_what_is_from_everything_of_this_unit_opts_out_and_the_rest_is_told(world):
    world.knows(mid=7, unsubscribes="{all_subscribers: [1], units: [8]}")
    world.happened("unsubscribe", "P3", at=SUMMER, unit=7, list_id=42)  # one newsletter's list
    world.happened("unsubscribe", "P4", "P3", at=SUMMER, unit=9, list_id=1)  # another brand's
    proposal, _ = world.run()
    assert columns(world, "P3")[:3] == ("true", "false", None)
    assert columns(world, "P4")[:3] == ("true", "false", None)
    at = SUMMER.replace(tzinfo=UTC)
    assert proposal.apart == (Apart(7, 42, 1, at), Apart(9, 1, 2, at))
    assert columns(world, "P1")[:2] == ("false", "true")  # names neither unit nor list
    world.happened("unsubscribe", "P3", at=SUMMER, unit=7, list_id=1)  # as one event with the one from the list
    world.happened("unsubscribe", "P4", at=SUMMER, unit=8, list_id=1)  # a unit whose unsubscribes hold here
    proposal, settled = world.run()
    assert (proposal.opt_outs["change"], settled is not None) == (2, True)
    assert columns(world, "P3")[:2] == columns(world, "P4")[:2] == ("false", "true")


def test_promise_9_a_complaint_opts_out_in_the_crm_a_hold_and_what_was_taken_back_do_not(world):
    world.knows(mid=7, unsubscribes="{all_subscribers: [1]}")
    world.status_changed("P3", "unsub", at=SUMMER)  # who complains leaves no unsubscribe event
    world.status_changed("P4", "held", at=SUMMER)
    world.happened("unsubscribe", "P4", at=SUMMER - timedelta(days=9), unit=7, list_id=1)
    world.status_changed("P4", "unsub", at=SUMMER - timedelta(days=9))
    world.status_changed("P4", "normal", at=SUMMER - timedelta(days=8), previous="unsub")
    world.status_changed("P1", "unsub", at=SUMMER + timedelta(seconds=5))  # follows the event of SUMMER
    proposal, _ = world.run()
    assert proposal.opt_outs["change"] == 3
    evidence = "SubscriberStatusEvent unsub of 2026-06-01T12:00:00Z"
    assert columns(world, "P3")[:4] == ("false", "true", "2026-06-01 12:00:00", evidence)
    assert columns(world, "P4")[:4] == ("true", "false", None, None)
    assert columns(world, "P1")[:2] == ("false", "true")
    for _ in range(2):
        proposal, settled = world.run()
        assert (proposal.set_, settled) == (None, None)


def test_where_lists_are_not_declared_every_unsubscribe_of_the_unit_counts(world):
    world.happened("unsubscribe", "P3", at=SUMMER, unit=7, list_id=42)
    world.happened("unsubscribe", "P4", at=SUMMER, unit=9, list_id=42)
    world.road = replace(world.road, mid=7)
    proposal, _ = world.run()
    assert columns(world, "P3")[:2] == ("false", "true")
    assert columns(world, "P4")[:2] == ("true", "false")
    assert [(one.unit, one.subscribers) for one in proposal.apart] == [(9, 1)]


def test_a_snapshot_from_before_the_last_write_back_is_not_proposed_from(world):
    world.run()
    declared = world.catalog.writeback["people"]
    with pytest.raises(NothingToProposeFrom, match="older than what was last written there"):
        write_back.propose(world.road, world.catalog, declared)
    world.snapshot()
    assert write_back.propose(world.road, world.catalog, declared).set_ is None


@pytest.mark.parametrize(
    "moment", ["before the CRM is touched", "before the CRM's commit", "after the CRM's commit", "before it is settled"]
)
def test_promise_3_kill_at_every_arrow_then_a_plain_rerun(world, moment):
    command = [sys.executable, "-m", "et_platform_tests.inbound.written_back", str(world.folder), world.crm_url, moment]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    left = journal.open_set(world.road.ledger, "people")
    assert left is not None
    assert left.state == ("written" if moment == "before it is settled" else "writing")
    again = subprocess.run(command, capture_output=True, text=True, check=False)  # and once more at the same place
    assert again.returncode == -9, again.stderr
    proposal, settled = world.run()
    assert (proposal.set_, settled) == (None, None)
    assert_is_written(world)
    ended = journal.write_back_set(world.road.ledger, left.id)
    assert ended.state == "settled"
    in_crm = "already" if moment == "after the CRM's commit" else "written"
    assert ended.outcome is not None
    assert ended.outcome[in_crm] == 3


@pytest.mark.parametrize("moment", ["before it is proposed", "before it is begun"])
def test_promise_3_killed_before_the_crm_may_have_been_touched_a_plain_rerun_writes(world, moment):
    command = [sys.executable, "-m", "et_platform_tests.inbound.written_back", str(world.folder), world.crm_url, moment]
    for _ in range(2):
        killed = subprocess.run(command, capture_output=True, text=True, check=False)
        assert killed.returncode == -9, killed.stderr
        left = journal.open_set(world.road.ledger, "people")
        assert (left and left.state) == (None if moment == "before it is proposed" else "proposed")
    _, settled = world.run()
    assert settled is not None
    assert settled.outcome is not None
    assert (settled.state, settled.outcome["written"]) == ("settled", 3)
    assert_is_written(world)
    assert world.run()[1] is None


@pytest.mark.parametrize("moment", ["before the CRM is touched", "after the CRM's commit"])
def test_promise_3_a_write_back_in_doubt_whose_rows_are_gone_is_decided_by_the_crm(world, moment):
    command = [sys.executable, "-m", "et_platform_tests.inbound.written_back", str(world.folder), world.crm_url, moment]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    left = journal.open_set(world.road.ledger, "people")
    assert left is not None
    (world.road.files / left.path).unlink()
    declared = world.catalog.writeback["people"]
    # Without a snapshot before it: the one that is there is older than what may have been written.
    _, settled = write_back.run(world.road, world.catalog, declared, take_snapshot=world.snapshot)
    assert_is_written(world)
    assert (settled is None) == (moment == "after the CRM's commit")
    assert any("is given up" in line for line in world.told)
    ended = journal.write_back_set(world.road.ledger, left.id)
    assert ended.state == ("settled" if settled is not None else "superseded")
    assert world.run()[1] is None


def test_what_changed_in_the_crm_meanwhile_is_a_conflict_and_judged_anew(world, database):
    world.snapshot()
    declared = world.catalog.writeback["people"]
    proposal = write_back.propose(world.road, world.catalog, declared)
    assert proposal.set_ is not None
    database[1]("UPDATE people SET wants_at = ? WHERE id = ?", "2026-09-01 00:00:00", "P1")
    settled = write_back.settle(world.road, write_back.write(world.road, declared, proposal.set_))
    assert settled.outcome == {"written": 2, "already": 0, "conflict": 1, "missing": 0, "ambiguous": 0}
    proposal, _ = world.run()  # the opt-in of September is newer than the unsubscribe of June
    assert proposal.set_ is None
    assert columns(world, "P1")[:2] == ("true", "false")


def test_values_are_in_a_private_file_and_not_in_the_ledger_or_in_what_is_told(world):
    _, settled = world.run()
    assert settled is not None
    path = world.road.files / settled.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert "P1" not in repr(settled)
    assert not any("P1" in line for line in world.told)
    assert world.crm_url not in repr(world.road)


def test_a_step_without_its_snapshot_its_rows_or_its_columns_says_what_to_do(world, database):
    declared = world.catalog.writeback["people"]
    with pytest.raises(NothingToProposeFrom, match="materialize crm_snapshot/people first"):
        write_back.propose(world.road, world.catalog, declared)
    world.snapshot()
    proposal = write_back.propose(world.road, world.catalog, declared)
    assert proposal.set_ is not None
    (world.road.files / proposal.set_.path).unlink()
    with pytest.raises(
        JournalMissing, match=r"Restore the file .* or, without one, materialize crm_writeback/people: "
    ):
        write_back.write(world.road, declared, proposal.set_)
    proposal = write_back.propose(world.road, world.catalog, declared)
    assert proposal.set_ is not None
    database[1]("ALTER TABLE people DROP COLUMN proof")
    with pytest.raises(NotDeclaredInCrm, match=r"people\.yaml:5: consent\.evidence: .* has no column proof"):
        write_back.write(world.road, declared, proposal.set_)
    database[1]("ALTER TABLE people RENAME TO persons")
    begun = journal.open_set(world.road.ledger, "people")
    assert begun is not None
    with pytest.raises(NotDeclaredInCrm, match=r"people\.yaml:3: table: "):
        write_back.write(world.road, declared, begun)
    database[1]("DROP TABLE persons")


def test_an_older_proposal_is_superseded_and_its_rows_are_forgotten(world):
    world.snapshot()
    declared = world.catalog.writeback["people"]
    first = write_back.propose(world.road, world.catalog, declared).set_
    world.happened("open", "P4", at=SUMMER)
    _, settled = world.run()
    assert first is not None
    assert settled is not None
    assert journal.write_back_set(world.road.ledger, first.id).state == "superseded"
    assert [path.name for path in (world.road.files / settled.path).parent.iterdir()] == [f"{settled.id}.parquet"]
