"""Consent and engagement: what events propose for the CRM, on relations alone."""

from datetime import date, datetime, timedelta

import duckdb
import pytest

from et_platform.catalog.models import Column, CrmEntity, CrmSource, WriteBack
from et_platform.sync import consent
from et_platform.sync.folding import folded_key

SPRING, SUMMER, AUTUMN = (datetime.fromisoformat(f"2026-{month}-01 12:00:00") for month in ("03", "06", "09"))
TYPES = {
    "id": "text",
    "out": "boolean",
    "out_at": "timestamp",
    "proof": "text",
    "wants": "boolean",
    "wants_at": "timestamp",
    "opened": "timestamp",
    "clicked": "timestamp",
    "opens": "integer",
    "clicks": "integer",
}
SQL = {"text": "VARCHAR", "boolean": "BOOLEAN", "timestamp": "TIMESTAMP", "date": "DATE", "integer": "BIGINT"}
DECLARED = {
    "description": "x",
    "table": "people",
    "key": "id",
    "consent": {"opted_out": "out", "opted_out_at": "out_at", "evidence": "proof", "opted_in": "wants", "opted_in_at": "wants_at"},
    "engagement": {"last_open_at": "opened", "last_click_at": "clicked", "opens": "opens", "clicks": "clicks"},
}  # fmt: skip
PERSON = {"id": "P1", "out": False}


class World:
    """A snapshot and events in a DuckDB of their own."""

    def __init__(self, declared: dict | None = None, **types: str):
        self.types = TYPES | types
        self.write_back = WriteBack.model_validate(declared or DECLARED)
        self.entity = CrmEntity(
            description="x",
            source=CrmSource(table="people"),
            key="id",
            columns={name: Column.model_validate({"type": kind}) for name, kind in self.types.items()},
        )
        self.duckdb = duckdb.connect()
        columns = ", ".join(f"{name} {SQL[kind]}" for name, kind in self.types.items())
        self.duckdb.execute(f"CREATE TABLE people ({columns}, _key VARCHAR, _folded_key VARCHAR, _invalid VARCHAR[])")
        for kind in ("unsubscribes", "opens", "clicks"):
            self.duckdb.execute(
                f"CREATE TABLE {kind} "
                "(subscriber_key VARCHAR, event_at TIMESTAMP, evidence VARCHAR, is_status BOOLEAN DEFAULT false)"
            )

    def person(self, *, invalid: tuple[str, ...] = (), **values) -> "World":
        row = PERSON | values
        names = ", ".join(row)
        places = ", ".join(f"${name}" for name in row)
        fold = folded_key("$id")
        self.duckdb.execute(
            f"INSERT INTO people ({names}, _key, _folded_key, _invalid) VALUES ({places}, $id, {fold}, $invalid)",
            row | {"invalid": list(invalid)},
        )
        return self

    def event(
        self,
        kind: str,
        at: datetime | None,
        key: str | None = "P1",
        evidence: str = "u.csv:2",
        *,
        is_status: bool = False,
    ) -> "World":
        self.duckdb.execute(f"INSERT INTO {kind} VALUES (?, ?, ?, ?)", [key, at, evidence, is_status])
        return self

    def unsubscribe(self, at: datetime, key: str | None = "P1", evidence: str = "u.csv:2") -> "World":
        return self.event("unsubscribes", at, key, evidence)

    def proposed(self) -> str:
        query = consent.proposals(
            self.write_back,
            self.entity,
            snapshot="people",
            unsubscribes="unsubscribes",
            engagement=consent.engagement_of("opens", "clicks"),
        )
        return f"({query})"

    def classes(self) -> dict[str | None, tuple[str, bool]]:
        rows = self.duckdb.execute(f"SELECT _key, _class, _opt_out FROM {self.proposed()}").fetchall()
        assert len({row[0] for row in rows}) == len(rows)
        return {key: (kind, opt_out) for key, kind, opt_out in rows}

    def changes(self) -> dict[str, dict]:
        """By key, the columns that would get another value."""
        rows = self.duckdb.execute(consent.change_rows(self.proposed())).fetchall()
        for _, before, after in rows:
            assert after.keys() <= before.keys() <= self.types.keys()
        return {key: {name: v for name, v in after.items() if v != before[name]} for key, before, after in rows}

    def write(self) -> None:
        """Do what is proposed."""
        for key, values in self.changes().items():
            assignments = ", ".join(f"{name} = ${name}" for name in values)
            self.duckdb.execute(f"UPDATE people SET {assignments} WHERE _key = $k", values | {"k": key})


@pytest.fixture
def world() -> World:
    return World()


OPTED_OUT = {"out": True, "out_at": SUMMER, "proof": "u.csv:2"}


@pytest.mark.parametrize(
    ("crm", "expected"),
    [
        ({}, OPTED_OUT),
        ({"out": None}, OPTED_OUT),
        ({"wants": True, "wants_at": SPRING}, OPTED_OUT | {"wants": False}),
        ({"wants": True}, OPTED_OUT | {"wants": False}),
        ({"wants": True, "wants_at": AUTUMN}, None),
        ({"wants": None, "wants_at": AUTUMN}, None),
        ({"wants": False, "wants_at": AUTUMN}, OPTED_OUT),
        ({"wants": True, "wants_at": SUMMER}, OPTED_OUT | {"wants": False}),
        ({"wants": True, "wants_at": SUMMER + timedelta(milliseconds=300)}, OPTED_OUT | {"wants": False}),
        ({"out": True, "out_at": SUMMER, "proof": "told on the phone"}, None),
        ({"out": True, "out_at": AUTUMN}, None),
        ({"out": True, "out_at": SPRING, "proof": "told on the phone"}, {"out_at": SUMMER, "proof": "u.csv:2"}),
        ({"out": True}, {"out_at": SUMMER, "proof": "u.csv:2"}),
        ({"out": True, "wants": True, "wants_at": AUTUMN}, None),
        ({"out": False, "out_at": SPRING, "wants": True, "wants_at": SPRING}, OPTED_OUT | {"wants": False}),
        ({"out": False, "out_at": AUTUMN}, None),
        ({"out": False, "out_at": SUMMER}, {"out": True, "proof": "u.csv:2"}),  # the flag alone was cleared
        ({"out": None, "out_at": SUMMER, "wants": True}, {"out": True, "proof": "u.csv:2", "wants": False}),
    ],
)
def test_promise_9_an_unsubscribe_counts_where_it_is_newer_and_never_clears_anything(world, crm, expected):
    world.person(**crm).unsubscribe(SUMMER)
    assert world.changes() == ({"P1": expected} if expected else {})
    world.write()
    assert world.changes() == {}


@pytest.mark.parametrize(
    ("crm", "expected"),
    [
        ({}, {"out": True, "out_at": SUMMER, "proof": "status"}),
        ({"wants": True, "wants_at": SPRING}, {"out": True, "out_at": SUMMER, "proof": "status", "wants": False}),
        ({"wants": True, "wants_at": AUTUMN}, None),
        ({"out": True, "out_at": SPRING, "proof": "told on the phone"}, None),
        ({"out": True}, None),
    ],
)
def test_promise_9_and_10_a_status_opts_out_whom_the_crm_does_not_have_out_and_moves_no_date(world, crm, expected):
    world.person(**crm).event("unsubscribes", SUMMER, evidence="status", is_status=True)
    assert world.changes() == ({"P1": expected} if expected else {})
    world.write()
    assert world.changes() == {}


def test_promise_10_the_status_that_follows_an_unsubscribe_is_no_news(world):
    world.person().unsubscribe(SUMMER)
    world.write()
    world.event("unsubscribes", SUMMER + timedelta(seconds=3), evidence="status", is_status=True)
    assert world.changes() == {}


def test_the_newest_unsubscribe_counts_with_its_own_evidence(world):
    world.person().unsubscribe(SPRING, evidence="a:9").unsubscribe(SUMMER, evidence="b:1")
    world.unsubscribe(SUMMER, evidence="a:1").unsubscribe(SPRING, evidence="z:1")
    assert world.changes() == {"P1": {"out": True, "out_at": SUMMER, "proof": "b:1"}}
    world.write()
    world.unsubscribe(SUMMER, evidence="late:1")
    assert world.changes() == {}  # the same second again is no news


def test_promise_9_opting_in_again_in_the_crm_holds_until_a_newer_unsubscribe(world):
    world.person(wants=True, wants_at=SPRING).unsubscribe(SUMMER)
    world.write()
    world.duckdb.execute("UPDATE people SET wants = true, wants_at = ?, out = false, out_at = NULL", [AUTUMN])
    assert world.changes() == {}
    world.unsubscribe(AUTUMN + timedelta(days=1))
    assert world.changes()["P1"]["out"] is True


def test_promise_9_an_undated_clearing_in_the_crm_is_no_newer_evidence(world):
    world.person().unsubscribe(SUMMER)
    world.write()
    world.duckdb.execute("UPDATE people SET out = false, out_at = NULL")
    assert world.changes()["P1"] == {"out": True, "out_at": SUMMER}


def test_promise_10_fractions_of_a_second_and_days_do_not_echo():
    for world, stored in ((World(), SUMMER), (World(out_at="date", opened="date"), SUMMER.date())):
        at = SUMMER + timedelta(milliseconds=900)
        world.person().unsubscribe(at).event("opens", at)
        assert world.changes()["P1"]["out_at"] == world.changes()["P1"]["opened"] == stored
        world.write()
        assert world.changes() == {}


def test_an_unsubscribe_later_on_the_day_of_an_opt_in_counts_though_the_crm_keeps_days():
    world = World(out_at="date").person(wants=True, wants_at=SUMMER - timedelta(hours=1)).unsubscribe(SUMMER)
    assert world.changes()["P1"] == {"out": True, "out_at": date(2026, 6, 1), "proof": "u.csv:2", "wants": False}


def test_engagement_is_what_events_say_and_nothing_is_taken_away(world):
    world.person(clicks=4, clicked=SPRING, opens=99)
    for at in (SPRING, AUTUMN, SUMMER):
        world.event("opens", at)
    assert world.changes() == {"P1": {"opened": AUTUMN, "opens": 3}}
    world.write()
    assert world.changes() == {}
    world.event("clicks", SUMMER)
    assert world.changes() == {"P1": {"clicked": SUMMER, "clicks": 1}}


def test_keys_meet_folded_and_what_cannot_be_decided_is_listed(world):
    world.person(id="NTO-1").person(id="Straße").person(id="copy").person(id="COPY ").person(id="bad")
    world.duckdb.execute("UPDATE people SET _invalid = ['out'] WHERE id = 'bad'")
    world.person(id="other")
    world.duckdb.execute("UPDATE people SET _invalid = ['something else'] WHERE id = 'other'")
    for key in ("nto-1  ", "straße", "ＮＴＯ-1", "Copy", "nobody", "bad", "other", None, "  "):
        world.unsubscribe(SUMMER, key)
    world.event("opens", SUMMER, "stranger")
    assert world.classes() == {
        "NTO-1": ("change", True),
        "other": ("change", True),
        "Straße": ("unknown", True),
        "ＮＴＯ-1": ("unknown", True),
        "COPY ": ("held", True),
        "bad": ("unreadable", True),
        "nobody": ("unmatched", True),
        "stranger": ("unmatched", False),
        None: ("unknown", True),
        "  ": ("unknown", True),
    }
    rows = world.duckdb.execute(consent.figures(world.proposed())).fetchall()
    assert rows == [("change", 2, 2), ("held", 1, 1), ("unknown", 4, 4), ("unmatched", 2, 1), ("unreadable", 1, 1)]


def test_an_odd_key_that_folds_to_a_plain_one_does_not_hold_up_the_plain_one(world):
    world.person(id="K1").unsubscribe(SUMMER, "k1").unsubscribe(AUTUMN, "\u212a1")  # the Kelvin sign
    assert world.changes() == {"K1": OPTED_OUT}


def test_a_person_who_opened_only_is_a_change_and_no_opt_out(world):
    world.person().event("opens", SUMMER)
    assert world.classes() == {"P1": ("change", False)}


def test_an_event_without_a_time_says_nothing(world):
    world.person().event("unsubscribes", None)
    assert world.classes() == {}


def test_a_declaration_of_two_columns_is_enough():
    short = {"description": "x", "table": "t", "key": "id", "consent": {"opted_out": "out", "opted_out_at": "out_at"}}
    world = World(short).person(wants=True, wants_at=AUTUMN).unsubscribe(SUMMER).event("opens", SUMMER)
    assert world.changes() == {"P1": {"out": True, "out_at": SUMMER}}


def test_the_fingerprint_says_what_is_written_and_not_in_which_order(world):
    def fingerprint() -> tuple:
        changes = f"({consent.change_rows(world.proposed())})"
        row = world.duckdb.execute(consent.content_fingerprint(changes)).fetchone()
        assert row is not None
        return row

    world.person().person(id="P2").unsubscribe(SUMMER).unsubscribe(SUMMER, "P2")
    first = fingerprint()
    assert first[0] == 2
    assert fingerprint() == first
    world.duckdb.execute("UPDATE people SET wants_at = ? WHERE id = 'P2'", [SPRING])
    assert fingerprint() != first  # the guard is part of it
    world.duckdb.execute("DELETE FROM people")
    assert fingerprint() == (0, "0")
