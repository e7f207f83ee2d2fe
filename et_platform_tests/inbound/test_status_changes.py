"""Changes of subscribers' statuses, from a real simulator into facts: complaints, holds, and the platform's own doing."""

import json
import time

import pytest
from click.testing import CliRunner

from et_platform.inbound import status_changes
from et_platform.inbound.status_changes import Read
from et_platform.resources import build_inbound_road
from et_platform.simulator.act import act
from et_platform.sync.plan import NEWER_OPT_OUT
from et_platform.trace.consent import as_json, consent_of, lines
from et_platform.trace.timeline import Sources, timeline
from et_platform.warehouse import status_changes as table
from et_platform_tests.outbound.opted_out import OUT, Story
from et_platform_tests.outbound.world import settings_for
from et_platform_tests.scenario import CONSENT


@pytest.fixture
def story(tmp_path, exacttarget_info):
    story = Story(tmp_path / "world", exacttarget_info)
    story.declare(CONSENT)
    return story


def read(story: Story) -> Read:
    return status_changes.read(
        build_inbound_road(settings_for(story.folder, story.info), run_id="test", tell=story.told.append)
    )


def acts(story: Story, *words: str) -> None:
    done = CliRunner().invoke(act, ["--data", str(story.info["ftp_folder"].parents[1]), *words])
    assert done.exit_code == 0, done.output


def changes(story: Story) -> dict[int, list[tuple[str, str, bool]]]:
    """By number: from what to what, and whether it was this platform."""
    keys = {story.key(number): number for number in range(10)}
    found: dict[int, list[tuple[str, str, bool]]] = {}
    with story.road.lake.read() as connection:
        rows = connection.execute(
            f"SELECT subscriber_key, previous, current, _attempt_id IS NOT NULL FROM {table.relation(connection)} ORDER BY changed_at"
        ).fetchall()
    for key, *change in rows:
        if key in keys:
            found.setdefault(keys[key], []).append((change[0], change[1], change[2]))
    return found


def wait_for_the_next_second() -> None:
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.01)


def verdict(story: Story, number: int) -> str:
    found = consent_of(story.road.lake, story.catalog, story.key(number), mid=story.road.mid)
    (one,) = found.verdicts
    return one.verdict


def test_promise_9_complaints_and_holds_are_facts_and_what_the_platform_did_itself_is_none(story):
    story.acknowledge(*(story.who(number) for number in (1, 2, 3, 4)))
    acts(story, "--sent", story.key(1), story.key(2), story.key(4), "--complaint", story.key(1))
    story.set_status(2, "Held")
    outs = story.read_and_opt_out(story.who(1), story.who(2), story.who(3, **OUT), story.who(4))
    assert outs.subscribers.sent == 1

    first = read(story)
    assert first.new == first.read >= 3
    assert first.ours == 1
    assert changes(story) == {
        1: [("normal", "unsub", False)],
        2: [("normal", "held", False)],
        3: [("normal", "unsub", True)],
    }
    assert [verdict(story, number) for number in (1, 2, 3, 4)] == ["out", "held", "out", "in"]
    again = read(story)
    assert again.new == 0
    assert again.since is not None

    # The CRM takes its opt-out back, with newer evidence: what the platform did for it is no reason against.
    back = story.who(3, opted_out="0", opted_out_at=None, opted_in_at="2026-03-02 10:00:00")
    story.read_and_opt_out(story.who(1), story.who(2), back, story.who(4))
    assert verdict(story, 3) == "in"

    wait_for_the_next_second()  # of two words in one the opt-out would count
    # And whoever ExactTarget lets in again is so there; the hold alone says nothing of consent.
    story.set_status(1, "Active")
    story.set_status(2, "Active")
    assert read(story).new == 2
    assert changes(story)[1] == [("normal", "unsub", False), ("unsub", "normal", False)]
    assert [verdict(story, number) for number in (1, 2)] == ["in", "in"]


def test_promise_10_an_opt_out_that_the_crm_took_back_before_it_was_read_is_still_the_platforms(story):
    story.acknowledge(story.who(1), story.who(2))
    assert story.read_and_opt_out(story.who(1, **OUT), story.who(2)).subscribers.sent == 1
    story.read_and_opt_out(story.who(1, opted_out="0", opted_out_at=None), story.who(2))
    assert read(story).ours == 1
    assert changes(story) == {1: [("normal", "unsub", True)]}
    assert verdict(story, 1) != "out"


def test_promise_9_a_status_without_a_date_takes_nobodys_opt_out_back(story):
    story.acknowledge(story.who(1))
    acts(story, "--complaint", story.key(1))
    read(story)
    assert verdict(story, 1) == "out"
    with story.road.lake.write() as connection:
        connection.execute(
            f"INSERT INTO {table.TABLE} (mid, subscriber_key, _folded_key, current, previous, changed_at, undated) "
            "VALUES (?, ?, ?, 'normal', 'unsub', now() + INTERVAL 1 HOUR, true)",
            [story.road.mid, story.key(1), story.key(1).lower()],
        )
    assert verdict(story, 1) == "out"


def test_promise_9_a_row_that_would_opt_in_who_complained_is_held_back_by_the_plan(story):
    story.acknowledge(story.who(1), story.who(2))
    acts(story, "--complaint", story.key(1))
    read(story)
    story.crm(story.who(1, points="9"), story.who(2, points="9"))
    story.snapshot()
    plan = story.plan()
    assert plan.figures.updates == 1
    assert plan.figures.reasons == {f"OptedIn: {NEWER_OPT_OUT}": 1}


def test_consent_is_told_in_order_with_its_evidence_and_names_nobody(story):
    story.acknowledge(story.who(1))
    story.unsubscribe_event(1, "2026-02-01 10:00:00+00")
    acts(story, "--complaint", story.key(1))
    read(story)
    found = consent_of(story.road.lake, story.catalog, f"{story.key(1).upper()} ", mid=story.road.mid)
    assert [(fact.says, fact.source) for fact in found.facts] == [
        ("in", "CRM"),
        ("out", "unsubscribe"),
        ("out", "status change"),
    ]
    told = list(lines(found))
    assert told[0].startswith(
        "2026-01-02 03:04:05 UTC   in        everywhere: asked for mail (CRM; crm_snapshot/people 2"
    )
    assert ", column opted_in_at)" in told[0]
    assert told[-1].startswith(f"→ business unit {story.road.mid}, this one: OUT, by the status change of 20")
    assert "(SubscriberStatusEvent unsub of 20" in told[-1]
    road = story.road
    entity, sources = story.catalog.entity("people"), Sources(road.mid, road.lake, road.ledger, road.files)
    moments = timeline(sources, story.catalog, entity, story.key(1)).moments
    assert "status normal → unsub in ExactTarget" in [moment.text for moment in moments]
    text = json.dumps(as_json(found)) + "".join(told)
    assert story.key(1).lower() not in text.lower()
    assert "example.org" not in text
    nobody = list(lines(consent_of(story.road.lake, story.catalog, "nobody", mid=story.road.mid)))
    assert nobody == [
        "Nobody said anything of this key's consent: no snapshot, event or change of status that is here does."
    ]
    strange = list(lines(consent_of(story.road.lake, story.catalog, "straße", mid=story.road.mid)))
    assert "unknown rule" in strange[0]
