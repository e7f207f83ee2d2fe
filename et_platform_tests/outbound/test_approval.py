"""Change sets that wait for somebody: frozen, approved, lapsed, rejected; and what no approval can do."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from et_platform.ledger import approvals
from et_platform.ledger.approvals import Decision
from et_platform.ledger.ledger import LedgerError, StaleState
from et_platform.outbound import approval
from et_platform.outbound.approval import standing
from et_platform.outbound.errors import GateClosed, NotApprovable, NotApproved
from et_platform_tests.outbound.opted_out import OUT, Story
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import CONSENT, DATA_EXTENSION, person

REQUIRED = DATA_EXTENSION.replace("guards: {", "approval: required\nguards: {")
ABOVE_ONE = DATA_EXTENSION.replace("guards: {", "approval: {changes_above: 1}\nguards: {")
NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


@pytest.fixture
def world(tmp_path, exacttarget_info):
    world = World(tmp_path / "world", exacttarget_info)
    world.declare(REQUIRED)
    return world


def planned(world, *people) -> str:
    world.crm(*people)
    world.snapshot()
    change_set = world.plan().change_set
    assert change_set is not None
    return change_set.id


def approve(world, id_: str, why: str = "looked at") -> None:
    approval.approve(world.road, world.catalog, id_[:12], who="ada", why=why)


def decision(**changes) -> Decision:
    usual = {"decision": "approved", "who": "ada", "why": "ok", "at": NOW, "expires_at": NOW + timedelta(hours=24)}
    return Decision(**(usual | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"wanted": None}, "not needed"),
        ({"decision": None}, "waiting"),
        ({}, "approved"),
        ({"now": NOW + timedelta(hours=23, minutes=59)}, "approved"),
        ({"now": NOW + timedelta(hours=24)}, "lapsed"),
        ({"now": NOW + timedelta(days=4000)}, "lapsed"),
        ({"now": NOW - timedelta(minutes=4)}, "approved"),
        ({"now": NOW - timedelta(minutes=6)}, "lapsed"),
        ({"base_version": "other"}, "stale"),
        ({"base_version": "other", "decision": None}, "stale"),
        ({"opted_out": 1}, "stale"),
        ({"decision": decision(decision="rejected", expires_at=None)}, "rejected"),
    ],
)
def test_promise_8_an_approval_holds_a_day_and_no_longer_than_base_and_consent(changes, expected):
    usual = {
        "wanted": "w",
        "decision": decision(),
        "now": NOW,
        "planned_on": "a1",
        "base_version": "a1",
        "opted_out": 0,
    }
    found = standing(**(usual | changes))
    assert (found.state, found.may_go) == (expected, expected in ("not needed", "approved"))


def test_promise_8_a_change_set_waits_frozen_later_plans_are_previews_and_it_goes_as_it_was_approved(world):
    id_ = planned(world, person(), person(id="P2"))
    with pytest.raises(NotApproved, match=f"{id_[:12]}.*waits for approval"):
        world.stage()
    world.crm(person(points="9"), person(id="P3"))
    world.snapshot()
    plan = world.plan()
    assert plan.is_preview
    assert plan.change_set is not None
    assert (plan.change_set.id, plan.report.as_json()["is_preview"]) == (id_, True)
    assert plan.figures.inserts == 2, "of the newest snapshot"
    approve(world, id_)
    assert world.plan().is_preview, "approved is frozen, too"
    world.stage()
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.change_set_id, settlement.acknowledged) == (id_, 2)
    assert {key: row["Points"] for key, row in world.rows().items()} == {"P1": "7", "P2": "7"}
    plan = world.plan()
    assert (plan.is_preview, plan.figures.inserts, plan.figures.updates) == (False, 1, 1)
    with pytest.raises(NotApproved):
        world.stage()


def test_promise_8_an_approval_lapses_after_a_day_also_between_staging_and_import_and_can_be_given_again(world):
    id_ = planned(world, person())
    approve(world, id_)
    world.stage()
    world.later = timedelta(hours=25)
    with pytest.raises(NotApproved, match="lapsed: approved by ada"):
        world.deliver()
    world.later = -timedelta(hours=1)
    with pytest.raises(NotApproved, match="correct the clock"):
        world.deliver()
    assert world.rows() == {}
    world.later = timedelta()
    assert world.plan().change_set is not None
    approve(world, id_, why="again")
    world.stage()
    assert world.deliver() is not None
    assert set(world.rows()) == {"P1"}


def test_promise_8_a_lapsed_set_gives_way_to_the_next_plan(world):
    id_ = planned(world, person())
    approve(world, id_)
    world.later = timedelta(hours=25)
    world.crm(person(points="8"))
    world.snapshot()
    plan = world.plan()
    assert not plan.is_preview
    assert plan.change_set is not None
    assert plan.change_set.id != id_
    with pytest.raises(StaleState, match="superseded"):
        approvals.approve(world.road.ledger, id_, who="ada", why="late", now=datetime.now(UTC))


def test_promise_8_what_is_rejected_is_not_imported_and_the_next_plan_takes_its_place(world):
    id_ = planned(world, person())
    approval.reject(world.road, id_[:12], who="ada", why="wrong season")
    assert world.stage() is None
    plan = world.plan()
    assert plan.change_set is not None
    assert plan.change_set.id == id_, "the same content is the same change set"
    assert plan.report.standing.says == "rejected by ada: wrong season"
    with pytest.raises(NotApproved, match="wrong season"):
        world.stage()
    approve(world, id_, why="the season changed")
    world.stage()
    assert world.deliver() is not None


def test_a_threshold_lets_small_change_sets_go_and_no_approval_opens_a_closed_gate(world):
    world.declare(ABOVE_ONE)
    planned(world, person())
    world.stage()
    assert world.deliver() is not None
    id_ = planned(world, *(person(id=f"P{n}") for n in range(1, 4)))
    with pytest.raises(NotApproved, match=r"2 rows, and approval\.changes_above is 1"):
        world.stage()
    approve(world, id_)
    world.stage()
    world.deliver()
    world.declare(ABOVE_ONE.replace("minimum_rows: 1,", "minimum_rows: 9,"))
    id_ = planned(world, *(person(id=f"P{n}", name="new") for n in range(1, 4)))
    with pytest.raises(NotApprovable, match=r"no approval opens: .*minimum_rows"):
        approve(world, id_)
    with pytest.raises(GateClosed, match="minimum_rows"):
        world.stage()


def test_a_decision_needs_a_reason_a_person_and_a_change_set(world):
    id_ = planned(world, person())
    ledger = world.road.ledger
    for who, why in (("ada", "  "), ("", "ok")):
        with pytest.raises(LedgerError, match="needs a person and a reason"):
            approvals.approve(ledger, id_, who=who, why=why, now=NOW)
    with pytest.raises(LedgerError, match="no such change set"):
        approvals.find(ledger, "0123456789ab")
    with pytest.raises(LedgerError, match="no id"):
        approvals.find(ledger, "abc")
    with ledger.engine.begin() as connection, pytest.raises(IntegrityError):
        connection.exec_driver_sql(
            "INSERT INTO change_set_decisions (change_set_id, number, decision, who, why, at) "
            f"VALUES ('{id_}', 1, 'rejected', 'ada', ' ', '2026-01-01')"
        )
    world.declare(DATA_EXTENSION)
    other = planned(world, person(points="8"))
    if other != id_:
        with pytest.raises(NotApprovable, match="needs no approval"):
            approve(world, other)


def test_promises_8_and_9_an_opt_out_does_not_wait_for_approval_and_lapses_the_set_that_would_undo_it(
    tmp_path, exacttarget_info
):
    story = Story(tmp_path / "world", exacttarget_info)
    story.declare(CONSENT)
    story.acknowledge(story.who(1), story.who(2))
    story.declare(CONSENT.replace("guards: {", "approval: required\nguards: {"))
    id_ = planned(story, story.who(1, points="9"), story.who(2, points="9"))
    approve(story, id_)
    story.read_and_opt_out(story.who(1, **OUT, points="9"), story.who(2, points="9"))
    assert story.statuses() == {1: "Unsubscribed"}
    assert story.row(1)["OptedOut"] == "True"
    with pytest.raises(NotApproved, match="lapsed"):
        story.stage()
    plan = story.plan()
    assert (plan.is_preview, plan.figures.updates) == (False, 2)
    with pytest.raises((NotApproved, GateClosed)):
        story.stage()


def test_the_report_of_a_plan_says_everything_and_shows_no_person(world):
    world.declare(DATA_EXTENSION)
    world.crm(person(), person(id="P2", email="broken"))
    world.run()
    world.crm(person(points="8", name="Secret"), person(id="P2", email="broken"), person(id="P3", name="Hidden"))
    world.snapshot()
    first, again = world.plan().report, world.plan().report
    assert first.as_json() == again.as_json()
    found = first.as_json()
    assert found["counts"]["inserts"] == found["counts"]["updates"] == found["counts"]["quarantined"] == 1
    assert found["figures"]["updates_by_field"] == {"Name": 1, "Points": 1}
    update = next(one for one in found["samples"] if one["operation"] == "update")
    assert {"field": "Points", "from": "7", "to": "8"} in update["fields"]
    assert {"field": "Name", "from": "Z… (5)", "to": "S… (6)"} in update["fields"]
    text = str(found) + str(first.tables()) + str(first.facts())
    assert not [secret for secret in ("Secret", "Hidden", "p1@example.org", "'P1'") if secret in text]
    assert found["estimate"]["files"] == 2
    attempt = world.stage()
    assert attempt is not None
    assert abs(found["estimate"]["bytes"] - sum(file.bytes for file in attempt.files)) < 40
    assert found["schema"] is None, "nobody asked ExactTarget"
    assert {ruling["guard"] for ruling in found["gate"]} >= {
        "minimum_rows",
        "maximum_age",
        "consent",
        "unknown_results",
    }


def test_promise_7_a_source_that_was_read_too_long_ago_closes_the_gate_where_it_matters(world):
    world.declare(DATA_EXTENSION)
    planned(world, person())
    world.later = timedelta(hours=25)
    with pytest.raises(GateClosed, match="maximum_age"):
        world.stage()
    world.later = -timedelta(hours=2)
    with pytest.raises(GateClosed, match="in the future"):
        world.stage()
    world.later = timedelta()
    assert world.stage() is not None
