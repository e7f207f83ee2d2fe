"""Real input on the return road: what AdventureWorks' persons do in ExactTarget comes back into PostgreSQL.

What belongs here: a batch of events against what PostgreSQL holds in the end, and what the next change set carries.
What does not: single rules of consent (sync/test_consent.py) and of files (ingest).
"""

import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from click.testing import CliRunner

from et_platform.simulator.act import act
from et_platform_tests.adventureworks.world import World
from et_platform_tests.simulated import Simulator, running_simulator

SEED = 20261101


@pytest.fixture
def simulator(tmp_path) -> Simulator:
    """One of its own: an extract brings what everybody did."""
    with running_simulator(tmp_path / "exacttarget") as simulator:
        yield simulator


def happened(simulator: Simulator, at: datetime, **keys: list[str]) -> None:
    words = [word for kind, of in keys.items() for word in (f"--{kind}", *of)]
    done = CliRunner().invoke(act, ["--data", str(simulator.data_dir), "--at", at.isoformat(), *words])
    assert done.exit_code == 0, done.output


def told_by(crm: psycopg.Connection) -> dict[str, tuple]:
    """Who has anything in the columns for what comes back."""
    rows = crm.execute(
        "SELECT businessentityid::text, opted_out, opted_out_at, evidence, last_open, opens, last_click, clicks FROM person "
        "WHERE coalesce(opted_out, false) OR opens IS NOT NULL OR clicks IS NOT NULL OR last_open IS NOT NULL"
    ).fetchall()
    return {key: tuple(values) for key, *values in rows}


def test_promises_2_9_and_10_what_persons_do_reaches_postgresql_and_only_the_consequences_go_out(
    tmp_path, simulator, crm_url, crm
):
    world = World(tmp_path / "world", crm_url, simulator.info)
    world.run("persons")
    before = world.held_by_exacttarget("persons")
    dice = random.Random(SEED)
    print(f"seed {SEED}")  # noqa: T201
    keys = sorted(before)
    sent, opened, clicked, left = (dice.sample(keys, n) for n in (900, 400, 120, 60))
    second = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=3)
    first = second - timedelta(minutes=1)
    happened(simulator, first, sent=sent, open=opened, click=clicked)
    happened(simulator, second, open=opened[:150], unsubscribe=[*left, "no-such-person"], bounce=dice.sample(keys, 30))

    loaded = world.events_come_back()
    assert {name: (one.new, one.rejected) for name, one in loaded.figures.items()} == {
        "sent": (900, 0),
        "open": (550, 0),
        "click": (120, 0),
        "bounce": (30, 0),
        "unsubscribe": (61, 0),
    }
    proposal, written = world.write_back("persons")
    touched = {*opened, *clicked, *left}
    assert proposal.figures == {"change": len(touched), "unmatched": 1}
    assert proposal.opt_outs == {"change": len(left), "unmatched": 1}
    assert written is not None
    assert written.outcome == {"written": len(touched), "already": 0, "conflict": 0, "missing": 0, "ambiguous": 0}

    naive_first, naive_second = first.replace(tzinfo=None), second.replace(tzinfo=None)
    in_crm = told_by(crm)
    assert in_crm.keys() == touched
    for key, (out, out_at, evidence, last_open, opens, last_click, clicks) in in_crm.items():
        assert (out, out_at) == ((True, naive_second) if key in left else (None, None)), key
        assert (evidence is not None) == (key in left), key
        assert evidence is None or loaded.file.name in evidence
        again = key in opened[:150]
        expected = (naive_second, 2) if again else (naive_first, 1) if key in opened else (None, None)
        assert (last_open, opens) == expected, key
        assert (last_click, clicks) == ((naive_first, 1) if key in clicked else (None, None)), key

    plan, settlement = world.run("persons")
    assert settlement is not None
    assert (plan.figures.inserts, plan.figures.updates, settlement.acknowledged) == (0, len(left), len(left))
    after = world.held_by_exacttarget("persons")
    assert {key for key in after if after[key] != before[key]} == set(left)
    assert all(after[key]["OptedOut"] == "True" for key in left)
    imported = world.imported_rows()
    for _ in range(20):  # nothing more moves, however often both roads run
        assert world.write_back("persons")[1] is None
        plan, settlement = world.run("persons")
        assert (plan.change_set, settlement) == (None, None)
    assert world.imported_rows() == imported
    assert told_by(crm) == in_crm
    assert not any("@" in line for line in world.told), "what is told to people names no person"
