"""Opt-outs that the CRM states: first, past every guard, proven, once; and never undone by an import."""

import threading
import time

import pytest

from et_platform.exacttarget.errors import ExactTargetError
from et_platform.ledger.leases import LeaseTaken, lease
from et_platform.outbound.errors import ConsentChanged, GateClosed
from et_platform.sync.plan import CLEARED, NEWER_OPT_OUT
from et_platform_tests.faults.ordering import Faults
from et_platform_tests.outbound.opted_out import OUT, SERVER_TIME, Story
from et_platform_tests.scenario import CONSENT


@pytest.fixture
def story(tmp_path, exacttarget_info):
    story = Story(tmp_path / "world", exacttarget_info)
    story.declare(CONSENT)
    return story


def test_promise_9_an_opt_out_goes_first_and_the_plan_then_has_nothing_left_of_it(story):
    story.acknowledge(story.who(1), story.who(2))
    assert story.statuses() == {}, "whoever is in is nothing to tell"

    outs = story.read_and_opt_out(story.who(1, **OUT), story.who(2, points="9"))
    assert (outs.subscribers.stated, outs.subscribers.sent, outs.subscribers.added) == (1, 1, 1)
    assert story.statuses() == {1: "Unsubscribed"}
    assert outs.settlement is not None
    assert (outs.settlement.sent, outs.settlement.acknowledged, outs.settlement.problems) == (1, 1, ())
    row = story.row(1)
    assert (row["OptedOut"], row["OptedIn"], row["OptedOutAt"]) == ("True", "False", SERVER_TIME)
    assert (row["Points"], row["Name"]) == ("7", "Zoë 漢"), "only what says so travelled"
    assert story.row(2)["Points"] == "7", "nothing else went"

    plan = story.plan()
    assert (plan.figures.updates, plan.figures.unchanged) == (1, 1)
    story.stage()
    settlement = story.deliver()
    assert settlement is not None
    assert settlement.sent == 1
    assert story.row(2)["Points"] == "9"


def test_promises_1_and_9_an_opt_out_is_sent_once(story, exacttarget_info):
    faults = Faults(exacttarget_info)
    story.acknowledge(story.who(1), story.who(2))
    calls = faults.add("stall", seconds=0, times="always")  # holds nothing up, and lists every call
    try:
        story.read_and_opt_out(story.who(1, **OUT), story.who(2))
        before = len(faults.strikes(calls))
        assert before > 0
        outs = story.read_and_opt_out(story.who(1, **OUT), story.who(2))
        assert (outs.subscribers.stated, outs.subscribers.pending, outs.change_set) == (1, 0, None)
        assert len(faults.strikes(calls)) == before, "nobody is asked about what is acknowledged"
    finally:
        faults.clear(calls)


@pytest.mark.parametrize("why", ["emptied", "dirty"])
def test_promise_9_a_closed_gate_holds_opt_ins_and_everything_else_but_never_opt_outs(story, why):
    story.declare(CONSENT.replace("maximum_quarantine_share: 1.0", "maximum_quarantine_share: 0.1"))
    was_out = story.who(2, **OUT)
    story.acknowledge(story.who(1), was_out, story.who(3), story.who(4), story.who(5))
    other = {"emptied": {}, "dirty": {"email": "no address"}}[why]
    changed = [story.who(1, **OUT, points="9"), story.who(2, points="9")]
    story.crm(*changed, *(story.who(number, **other) for number in (3, 4, 5)[: 0 if why == "emptied" else 3]))
    story.snapshot()
    outs = story.opt_out()
    assert not story.plan().verdict.is_open
    with pytest.raises(GateClosed):
        story.stage()
    assert story.statuses() == {1: "Unsubscribed", 2: "Unsubscribed"}
    assert outs.settlement is not None
    rows = story.rows()
    assert (rows[story.key(1)]["OptedOut"], rows[story.key(1)]["OptedIn"]) == ("True", "False")
    assert rows[story.key(2)]["OptedOut"] == "True", "the opt-in waits behind the gate"
    assert {row["Points"] for row in rows.values()} == {"7"}


def test_promise_9_a_row_in_quarantine_opts_out_like_any_other(story):
    story.acknowledge(story.who(1))
    story.set_status(1, "Active", "1@example.org")
    outs = story.read_and_opt_out(story.who(1, **OUT, email="no address"))
    assert story.plan().figures.quarantined == 1
    assert (outs.subscribers.sent, outs.subscribers.added, outs.subscribers.ineffective) == (1, 0, 0)
    assert story.statuses() == {1: "Unsubscribed"}
    row = story.row(1)
    assert (row["OptedOut"], row["Email"]) == ("True", f"{story.key(1)}@example.org")


def test_promises_9_and_15_whom_exacttarget_cannot_be_told_of_is_told_here_and_tried_again(story):
    nobody = {"email": "no address"}
    outs = story.read_and_opt_out(
        story.who(1, **OUT, **nobody), story.who(2, **OUT, **nobody), story.who(3, **OUT, id=None), story.who(4, opted_out="?")
    )  # fmt: skip
    people = outs.subscribers
    assert (people.stated, people.waiting, people.without_key, people.unreadable) == (2, 2, 1, 1)
    assert (people.change_set, people.ineffective, story.statuses()) == (None, 3, {})

    story.set_status(1, "Active", "1@example.org")  # somebody mails to 1 after all; and 2 has an address now
    outs = story.read_and_opt_out(story.who(1, **OUT, **nobody), story.who(2, **OUT))
    assert (outs.subscribers.sent, outs.subscribers.added, outs.subscribers.ineffective) == (2, 1, 0)
    assert story.statuses() == {1: "Unsubscribed", 2: "Unsubscribed"}


@pytest.mark.parametrize("status", ["Active", "Held", "Bounced", "Unsubscribed"])
def test_whatever_the_status_was_it_is_unsubscribed_then(story, status):
    story.set_status(1, status, "1@example.org")
    people = story.read_and_opt_out(story.who(1, **OUT)).subscribers
    assert (people.already, people.sent) == ((1, 0) if status == "Unsubscribed" else (0, 1))
    assert story.statuses() == {1: "Unsubscribed"}


def test_promise_9_nobody_is_ever_set_back_and_a_later_opt_out_is_sent_anew(story):
    story.acknowledge(story.who(1, **OUT))
    in_again = story.who(1, opted_in="1", opted_in_at="2026-04-01 00:00:00")
    outs = story.read_and_opt_out(in_again)
    assert (outs.subscribers.in_again, outs.subscribers.pending, outs.change_set) == (1, 0, None)
    story.run()
    assert story.row(1)["OptedOut"] == "False", "the CRM's newer word goes the ordinary way"
    assert story.statuses() == {1: "Unsubscribed"}

    story.set_status(1, "Active")  # the person says so in ExactTarget
    later = OUT | {"opted_out_at": "2026-05-01 10:00:00"}
    assert story.read_and_opt_out(story.who(1, **later)).subscribers.sent == 1
    assert story.statuses() == {1: "Unsubscribed"}

    story.set_status(1, "Active")  # in and out again between two snapshots
    latest = OUT | {"opted_out_at": "2026-06-01 10:00:00"}
    assert story.read_and_opt_out(story.who(1, **latest)).subscribers.sent == 1
    assert story.statuses() == {1: "Unsubscribed"}


def test_of_copies_that_disagree_one_opt_out_is_enough_and_an_undecidable_key_opts_out_as_it_is_written(story):
    story.acknowledge(story.who(1))
    strange = story.key(2).replace("-", "ß")
    outs = story.read_and_opt_out(
        story.who(1), story.who(1, **OUT, id=story.key(1).upper()), story.who(2, **OUT, id=strange)
    )
    assert story.plan().figures.held == 2
    assert story.plan().figures.unknown == 1
    assert (outs.subscribers.stated, outs.subscribers.sent) == (2, 2)
    assert story.statuses() == {1: "Unsubscribed"}
    assert (story.row(1)["OptedOut"], story.row(1)["OptedOutAt"]) == ("True", SERVER_TIME)
    with story.road.open_exacttarget() as exacttarget:
        (found,) = exacttarget.subscribers.read(keys=[strange])
    assert found.status == "Unsubscribed"


def test_promise_2_an_opt_out_of_a_row_that_is_gone_makes_no_part_of_a_row_and_is_not_sent_for_ever(story):
    story.acknowledge(story.who(1), story.who(2))
    with story.road.open_exacttarget() as exacttarget:
        exacttarget.rows.delete(customer_key=story.customer_key, keys=[{"PersonID": story.key(1)}])
    outs = story.read_and_opt_out(story.who(1, **OUT), story.who(2))
    assert outs.settlement is not None
    assert (outs.settlement.acknowledged, outs.settlement.rejected) == (0, 1)
    assert "0 of 1 rows" in outs.settlement.problems[0]
    assert set(story.rows()) == {story.key(2)}
    assert story.statuses() == {1: "Unsubscribed"}

    again, last = story.opt_out(), story.opt_out()
    assert again.settlement is not None
    assert (again.settlement.rejected, again.refused_rows) == (1, 0)
    assert (last.change_set, last.settlement, last.refused_rows) == (None, None, 1), "told, and not sent a third time"
    later = OUT | {"opted_out_at": "2026-05-01 10:00:00"}
    anew = story.read_and_opt_out(story.who(1, **later), story.who(2))
    assert (anew.change_set is not None, anew.refused_rows) == (True, 0), "another fact is another try"


def test_more_unknown_subscribers_than_declared_are_not_added_and_told(story):
    story.declare(CONSENT.replace("  email: Email", "  email: Email\n  most_added: 1"))
    story.set_status(1, "Active", "1@example.org")
    out = [story.who(number, **OUT) for number in (1, 2, 3)]
    people = story.read_and_opt_out(*out).subscribers
    assert (people.sent, people.added, people.too_many, people.ineffective) == (1, 0, 2, 2)
    assert story.statuses() == {1: "Unsubscribed"}
    people = story.read_and_opt_out(*out[:2]).subscribers
    assert (people.sent, people.added, people.too_many, people.ineffective) == (1, 1, 0, 0)
    assert story.statuses() == {1: "Unsubscribed", 2: "Unsubscribed"}


def test_opt_outs_of_two_data_extensions_wait_for_each_other(story, monkeypatch):
    monkeypatch.setitem(lease.__wrapped__.__kwdefaults__, "wait_seconds", 0.05)
    story.set_status(1, "Active", "1@example.org")
    taken = threading.Event()

    def other() -> None:
        with lease(story.road.ledger, f"opt-outs of MID {story.road.mid}", wait_seconds=30):
            taken.set()
            time.sleep(1)  # twenty times as long as others are waited for

    thread = threading.Thread(target=other)
    thread.start()
    assert taken.wait(30)
    with pytest.raises(LeaseTaken), story.road.lease(f"opt-outs of MID {story.road.mid}", wait_seconds=0):
        pass
    assert story.read_and_opt_out(story.who(1, **OUT)).subscribers.sent == 1
    thread.join()


def test_promise_9_an_opt_out_that_the_crm_takes_back_without_newer_consent_stays(story):
    story.acknowledge(story.who(1, **OUT), story.who(2, **OUT), story.who(3))
    taken_back = story.who(1, points="9")
    older = story.who(2, points="9", opted_in="1", opted_in_at="2026-02-01 00:00:00")
    story.crm(taken_back, older, story.who(3, points="9"))
    plan, settlement = story.run()
    assert plan.figures.reasons == {f"OptedIn: {CLEARED}": 2}
    assert settlement is not None
    assert settlement.acknowledged == 1
    rows = story.rows()
    assert [(rows[story.key(n)]["OptedOut"], rows[story.key(n)]["Points"]) for n in (1, 2, 3)] == [
        ("True", "7"), ("True", "7"), ("False", "9")
    ]  # fmt: skip
    newer = story.who(1, points="9", opted_in="1", opted_in_at="2026-04-01 00:00:00")
    story.crm(newer, story.who(2, **OUT), story.who(3, points="9"))
    plan, _ = story.run()
    assert (plan.figures.quarantined, story.row(1)["OptedOut"], story.row(1)["Points"]) == (0, "False", "9")


def test_promise_9_a_road_that_is_blocked_does_not_hold_the_status(story):
    story.acknowledge(story.who(1))
    story.crm(story.who(1, points="9"))
    story.snapshot()
    story.plan()
    story.stage()  # an attempt that the next step has to settle first, and cannot: the FTP site is gone
    blocked = Story(story.folder, story.info, changes={"sftp_port": 9})
    blocked.crm(story.who(1, **OUT))
    blocked.snapshot()
    with pytest.raises(ExactTargetError):
        blocked.opt_out()
    assert story.statuses() == {1: "Unsubscribed"}
    assert story.opt_out().settlement is not None
    assert story.row(1)["OptedOut"] == "True"


def test_promise_9_consent_is_read_again_right_before_perform(story):
    story.acknowledge(story.who(1), story.who(2))
    story.crm(story.who(1, points="9"), story.who(2, points="9"), story.who(3))
    story.snapshot()
    story.plan()
    story.stage()
    story.crm(story.who(1, **OUT, points="9"), story.who(2, points="9"), story.who(3))
    story.snapshot()  # another run reads the CRM
    with pytest.raises(ConsentChanged, match=r"1 rows planned .* Run this again"):
        story.deliver()
    assert {row["Points"] for row in story.rows().values()} == {"7"}, "of the updates none; the insert went before"
    assert set(story.rows()) == {story.key(number) for number in (1, 2, 3)}
    assert story.left_on_the_ftp_site() == []

    _, settlement = story.run()
    assert settlement is not None
    assert settlement.problems == ()
    assert {row["Points"] for row in story.rows().values()} == {"9", "7"}
    assert (story.row(1)["OptedOut"], story.row(1)["Points"]) == ("True", "9")


def test_promise_9_exacttargets_own_newer_opt_out_keeps_a_row_from_saying_otherwise(story):
    story.acknowledge(story.who(1), story.who(2))
    story.crm(story.who(1, points="9"), story.who(2, points="9"))
    story.snapshot()
    story.plan()
    story.stage()
    story.unsubscribe_event(1, "2026-07-01 00:00:00+00")  # its extract is loaded between plan and Perform
    with pytest.raises(ConsentChanged):
        story.deliver()
    plan, settlement = story.run()
    assert plan.figures.reasons == {f"OptedIn: {NEWER_OPT_OUT}": 1}
    assert settlement is not None
    assert settlement.acknowledged == 1
    assert (story.row(1)["Points"], story.row(2)["Points"]) == ("7", "9")

    newer = {"opted_in": "1", "opted_in_at": "2026-08-01 00:00:00", "points": "9"}
    story.crm(story.who(1, **newer), story.who(2, points="9"))  # the CRM has newer evidence
    plan, _ = story.run()
    assert (plan.figures.quarantined, story.row(1)["Points"]) == (0, "9")


def test_promise_9_whoever_is_out_is_not_in_whatever_the_crms_other_column_says(story):
    story.acknowledge(story.who(1, **(OUT | {"opted_in": "1"})))
    row = story.row(1)
    assert (row["OptedOut"], row["OptedIn"]) == ("True", "False")
    assert story.run()[0].change_set is None
