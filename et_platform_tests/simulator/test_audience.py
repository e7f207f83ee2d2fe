"""The audience that behaves: same seed, same events; statuses and profiles follow; the books agree with what is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from et_platform.simulator import clock
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.cli import sim
from et_platform.simulator.sending import books, crowd, jobs, judging
from et_platform.simulator.store import Store
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.extracting import arrived, extract, tables, tracking
from et_platform_tests.simulator.sending import SENDABLE, a_list_of, email, figures, send_definition, sending, sent
from et_platform_tests.simulator.soap import KEY_FIELD, Soap, a_field, data_extension, equals, row

NEW_YEAR = datetime(2026, 1, 1)  # noqa: DTZ001 - naive server time, as everywhere
EVENTS = (
    "SELECT e.type, e.moment, s.key, e.details FROM tracking.events e JOIN tracking.subscribers s"
    " ON s.id = e.subscriber_id ORDER BY ALL"
)


class Crowd:
    """A unit without a server: its store, its behaviour, and a clock of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **behaviour: Any):
        self.store, self.now, self._monkeypatch = Store(folder / "store.duckdb"), NEW_YEAR, monkeypatch
        self.service: Any = SimpleNamespace(
            store=self.store,
            behaviour=Behaviour.model_validate(behaviour),
            sends=SimpleNamespace(settle=lambda: None),
        )

    def _at(self, moment: datetime) -> None:
        self.now = moment
        self._monkeypatch.setattr(clock, "now", lambda: moment)

    def send(self, people: int) -> dict[str, int]:
        self._at(self.now)
        with self.store.transaction() as connection:
            connection.execute(
                "CREATE OR REPLACE TEMP TABLE meant AS SELECT i AS place, 'p' || i AS key, 'p' || i || '@x.example' AS"
                f" email, 1 AS list_id, false AS excluded FROM range({people}) AS people(i)"
            )
            job = jobs.new(connection, "1", {})
            batch = judging.Batch(job["number"], self.now)
            verdicts = judging.judge(connection, batch)
            judging.record(connection, batch)
        return verdicts

    def live(self, days: float, seed: int | None = None) -> dict[str, int]:
        self._at(self.now + timedelta(days))
        return crowd.behave(self.service, seed)

    def all(self, sql: str) -> list[tuple[Any, ...]]:
        with self.store.connect() as connection:
            return connection.execute(sql).fetchall()


Make = Callable[..., Crowd]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    made: list[Crowd] = []

    def crowd_of(**behaviour: Any) -> Crowd:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Crowd(folder, monkeypatch, **behaviour))
        return made[-1]

    yield crowd_of
    for one in made:
        one.store.close()


def month(one: Crowd, step: float, seed: int) -> list[tuple[Any, ...]]:
    """A month of weekly sends, lived through in steps of so many days; everything that happened."""
    for _ in range(4):
        one.send(500)
        for _ in range(round(7 / step)):
            one.live(step, seed)
    return one.all(EVENTS)


def test_same_seed_same_events_however_time_is_cut(make: Make) -> None:
    settings = {"audience_hard_bounces": 0.1, "audience_unsubscribes": 0.02, "audience_edits": 0.01}
    weekly, daily, other = (make(**settings) for _ in range(3))
    expected = month(weekly, 7, seed=7)
    assert {kind for kind, *_ in expected} >= {"sent", "open", "click", "bounce", "unsubscribe", "profile"}
    assert month(daily, 1, seed=7) == expected
    assert month(other, 7, seed=8) != expected
    for table in ("subscribers", "status_changes"):
        rows = f"SELECT * FROM tracking.{table} ORDER BY ALL"
        assert daily.all(rows.replace("*", "* EXCLUDE (id)")) == weekly.all(rows.replace("*", "* EXCLUDE (id)"))


def test_nobody_reacts_before_the_mail_twice_to_leaving_or_to_what_bounced(make: Make) -> None:
    one = make(audience_hard_bounces=0.2, audience_unsubscribes=0.1, audience_complaints=0.1)
    month(one, 7, seed=1)
    reactions = (
        "tracking.events r JOIN tracking.events s ON (s.send_id, s.subscriber_id) = (r.send_id, r.subscriber_id)"
    )
    assert one.all(f"FROM {reactions} WHERE s.type = 'sent' AND r.moment < s.moment") == []
    assert one.all(f"FROM {reactions} WHERE s.type = 'bounce' AND r.type IN ('open', 'click', 'unsubscribe')") == []
    left = "type IN ('unsubscribe', 'complaint') GROUP BY subscriber_id HAVING count(*) > 1"
    assert one.all(f"SELECT subscriber_id FROM tracking.events WHERE {left}") == []
    clicks = "SELECT send_id, subscriber_id FROM tracking.events WHERE type = 'click' EXCEPT"
    assert one.all(f"{clicks} SELECT send_id, subscriber_id FROM tracking.events WHERE type = 'open'") == []


def test_bounces_in_a_row_make_held_and_held_people_get_no_mail(make: Make) -> None:
    one = make(audience_hard_bounces=1, audience_edits=0)
    for _ in range(4):  # the first and the third are ten days apart, the first and the fourth fifteen
        assert one.send(20)["sent"] == 20
        one.live(5)
    assert one.all("SELECT status, count(*), count(held) FROM tracking.subscribers GROUP BY ALL") == [("Held", 20, 20)]
    assert one.send(20)["held"] == 20
    changes = one.all("SELECT DISTINCT previous, current, reason FROM tracking.status_changes")
    assert changes == [("normal", "held", "bounced")]
    spans = one.all(
        "SELECT min(s.held - b.first) FROM tracking.subscribers s JOIN (SELECT subscriber_id, min(moment) AS first"
        " FROM tracking.events WHERE type = 'bounce' GROUP BY ALL) b ON b.subscriber_id = s.id"
    )
    assert spans[0][0] > timedelta(14)


def test_who_leaves_is_unsubscribed_from_that_moment_and_not_mailed_again(make: Make) -> None:
    one = make(audience_unsubscribes=0.5)
    one.send(200)
    left = one.live(15)["unsubscribe"]
    assert left > 50
    assert one.send(200)["unsubscribed"] == left + len(one.all("FROM tracking.events WHERE type = 'complaint'"))
    assert one.all(
        "SELECT count(*) FROM tracking.events e JOIN tracking.subscribers s ON s.id = e.subscriber_id"
        " JOIN tracking.status_changes c ON c.subscriber_id = s.id"
        " WHERE e.type = 'unsubscribe' AND s.unsubscribed = e.moment AND c.moment = e.moment AND c.current = 'unsub'"
    ) == [(left,)]


def test_a_still_audience_and_one_without_sends_do_nothing(make: Make) -> None:
    quiet, alone = make(audience="still"), make()
    quiet.send(100)
    assert quiet.live(30) == {}
    assert alone.live(30) == {}
    assert books.counted(alone.store) == {}


@pytest.mark.parametrize(
    ("settings", "held"),
    [
        ({"held_after_bounces": 2, "held_after_days": 4}, 10),
        ({"held_after_bounces": 2, "held_after_days": 6}, 0),
        ({"held_after_bounces": 3, "held_after_days": 4}, 0),
    ],
)
def test_when_bounces_make_held_can_be_set(make: Make, settings: dict[str, float], held: int) -> None:
    one = make(audience_hard_bounces=1, audience_edits=0, **settings)
    for _ in range(2):
        one.send(10)
        one.live(5)
    assert one.all("SELECT count(*) FROM tracking.subscribers WHERE status = 'Held'") == [(held,)]


def test_shares_of_the_audience_can_be_set(make: Make) -> None:
    none = {"audience_hard_bounces": 0, "audience_soft_bounces": 0, "audience_blocks": 0, "audience_unsubscribes": 0}
    none |= {"audience_complaints": 0, "audience_edits": 0}

    def lived(**settings: float) -> dict[str, int]:
        one = make(**(none | settings))
        one.send(100)
        return one.live(30)

    assert lived(audience_opens=0) == {}
    opened = lived(audience_opens=0.4, audience_clicks=0)
    assert set(opened) == {"open"}
    clicked = lived(audience_opens=0.4, audience_clicks=1)
    assert clicked["open"] == opened["open"]
    assert clicked["click"] > 0
    assert lived(audience_soft_bounces=1) == {"bounce": 100}
    assert lived(audience_blocks=1) == {"bounce": 100}


def test_the_seed_is_a_setting_too(make: Make) -> None:
    lives = []
    for seed in (1, 1, 2):
        one = make(audience_seed=seed)
        one.send(100)
        one.live(30)
        lives.append(one.all(EVENTS))
    assert lives[0] == lives[1] != lives[2]


@pytest.mark.parametrize("wrong", ["Language=de|en", "customers.Language", "customers.Language=de||en"])
def test_a_wrong_profile_is_explained(wrong: str) -> None:
    with pytest.raises(ValueError, match="DATAEXTENSION"):
        Behaviour.from_pairs([f"audience_profile={wrong}"])


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    settings = (
        *("--set", "audience_profile=people.Language=de|en|fr", "--set", "audience_edits=0.02"),
        *("--set", "audience_unsubscribes=0.02", "--verbose"),
    )
    with running_simulator(tmp_path_factory.mktemp("sim") / "data", *settings) as running:
        yield running


def asked(simulator: Simulator, verb: str, *args: str) -> dict[str, Any]:
    result = CliRunner().invoke(sim, [verb, "--data", str(simulator.data_dir), *args])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_month_over_soap_is_in_the_books_the_extract_the_send_and_the_rows(simulator: Simulator, soap: Soap) -> None:
    fields = [KEY_FIELD, a_field("Mail", "EmailAddress"), a_field("Language", MaxLength=2)]
    audience = soap.good("Create", data_extension("people", *fields, more=SENDABLE)).text("Results/NewObjectID")
    people = [f"p{number}" for number in range(300)]
    rows = (row("people", {"Key": one, "Mail": f"{one}@x.example", "Language": "de"}) for one in people)
    soap.good("Create", *rows)
    soap.good("Create", send_definition("news", email(soap, "news"), a_list_of(audience)))
    first = sending(soap, "news")
    assert figures(first) == {"NumberTargeted": 300, "NumberSent": 300}
    start = datetime.fromisoformat(first["SentDate"])
    told = asked(simulator, "advance", "--days", "29", "--seed", "7")["events"]
    assert set(told) >= {"open", "click", "bounce", "unsubscribe", "profile"}
    books_by_day = asked(simulator, "books")["events"]
    assert {kind: sum(days.values()) for kind, days in books_by_day.items()} == {"sent": 300, **told}

    window = {"StartDate": clock.american(start - timedelta(1)), "EndDate": clock.american(start + timedelta(29))}
    types = {"Opens": "open", "Clicks": "click", "Bounces": "bounce", "Unsubs": "unsubscribe", "Sent": "sent"}
    extract(soap, tracking("month.zip", *(f"Extract{name}" for name in types), **window))
    found = tables(arrived(simulator, "month.zip"))
    for name, kind in types.items():
        days: dict[str, int] = {}
        for one in found[f"{name}.csv"]:
            day = datetime.strptime(one["EventDate"], "%m/%d/%Y %I:%M:%S %p").strftime("%Y-%m-%d")  # noqa: DTZ007
            days[day] = days.get(day, 0) + 1
        assert days == books_by_day[kind]

    send = sent(soap, first["ID"], ("UniqueOpens", "Unsubscribes", "HardBounces", "SoftBounces", "OtherBounces"))
    assert int(send["UniqueOpens"]) == len({one["SubscriberKey"] for one in found["Opens.csv"]})
    assert int(send["Unsubscribes"]) == told["unsubscribe"]
    assert sum(int(send[name]) for name in ("HardBounces", "SoftBounces", "OtherBounces")) == told["bounce"]
    languages = {one["Language"] for one in soap.rows("people", ["Language"])}
    assert languages == {"de", "en", "fr"}
    changed = soap.retrieve("Subscriber", ["SubscriberKey"], equals("Status", "Unsubscribed")).results
    assert len(changed) == told["unsubscribe"] + told.get("complaint", 0)
    assert figures(sending(soap, "news"))["ExistingUnsubscribes"] == len(changed)
