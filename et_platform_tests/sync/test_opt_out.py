"""Who is out according to the CRM, and what ExactTarget does not have of it yet: on relations alone."""

import pytest

from et_platform.catalog.catalog import load_catalog
from et_platform.duckdb_support import literal
from et_platform.sync import opt_out
from et_platform.warehouse import acknowledged
from et_platform.warehouse.lake import Lake
from et_platform_tests.scenario import CONSENT, person, snapshot_of, write_catalog

MARCH, APRIL = "2026-03-01 00:00:00", "2026-04-01 00:00:00"


class World:
    """A lake with a snapshot, and relations that stand for what ExactTarget has."""

    def __init__(self, folder, declaration: str = CONSENT):
        self.catalog = load_catalog(write_catalog(folder / "catalog", data_extension=declaration))
        self.data_extension = self.catalog.data_extensions["people"].is_
        self.entity = self.catalog.crm["people"].is_
        self.lake = Lake(folder / "lake")

    def snapshot(self, *people) -> None:
        snapshot_of(self.lake, self.catalog, people)

    def query(self, text: str) -> list[tuple]:
        with self.lake.read() as connection:
            return connection.execute(text).fetchall()

    @property
    def stated(self) -> str:
        return f"({opt_out.stated(self.data_extension, self.entity, snapshot='lake.crm.people')})"

    def pending(self, *known: tuple[str, str | None]) -> set[str]:
        return {row[0] for row in self.query(opt_out.pending(self.stated, relation(known)))}

    def in_again(self, *known: tuple[str, str | None]) -> set[str]:
        query = opt_out.in_again(
            self.data_extension,
            self.entity,
            snapshot="lake.crm.people",
            stated=self.stated,
            acknowledged=relation(known),
        )
        return {key for (key,) in self.query(query)}


def relation(known: tuple[tuple[str, str | None], ...]) -> str:
    """SQL for what ExactTarget has: keys, and the dates of their opt-outs."""
    rows = ", ".join(f"('{key}', {literal(at) if at else 'NULL'}::TIMESTAMP)" for key, at in known)
    return f"(SELECT * FROM (VALUES {rows or '(NULL, NULL)'}) AS known(_folded_key, opted_out_at))"


def out(key: str | None, at: str | None = MARCH, **more):
    return person(**{"id": key, "opted_out": "1", "opted_out_at": at, **more})


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_promise_9_of_copies_one_is_enough_and_the_latest_date_counts(world):
    world.snapshot(person(), out("p1 "), out("P1", APRIL, email="bad"), out("P2", None), person(id="P3"), out(None))
    found = world.query(f"SELECT _folded_key, opted_out_at::VARCHAR, email FROM {world.stated} ORDER BY 1")
    assert found == [("p1", APRIL, "p1@example.org"), ("p2", None, "p1@example.org")]
    assert world.query(opt_out.listed(world.data_extension, world.entity, snapshot="lake.crm.people")) == [(1, 0)]


@pytest.mark.parametrize("email", ["bad", None, "zoë@example.org"])
def test_an_address_that_the_field_would_not_take_is_none(world, email):
    world.snapshot(out("P1", email=email))
    assert world.query(f"SELECT email FROM {world.stated}") == [(None,)]


@pytest.mark.parametrize(
    ("stated", "known", "pending"),
    [(MARCH, MARCH, False), (MARCH, APRIL, False), (APRIL, MARCH, True), (None, MARCH, False), (APRIL, None, True)],
)
def test_promise_9_a_later_opt_out_than_the_acknowledged_one_is_a_new_one(world, stated, known, pending):
    world.snapshot(out("P1", stated))
    assert world.pending() == {"p1"}
    assert world.pending(("p1", known)) == ({"p1"} if pending else set())


def test_promise_9_only_whom_the_crm_still_has_can_be_in_again(world):
    world.snapshot(person(), out("P2"), person(id="P2"))
    known = (("p1", MARCH), ("p2", MARCH), ("p3", MARCH))
    assert world.in_again(*known) == {"p1"}


def test_what_cannot_be_read_as_yes_or_no_is_counted(world):
    world.snapshot(out("P1", opted_out="perhaps"))
    assert world.query(opt_out.listed(world.data_extension, world.entity, snapshot="lake.crm.people")) == [(0, 1)]
    assert world.query(f"FROM {world.stated}") == []


def test_a_data_extension_without_fields_for_it_has_no_rows_to_opt_out(tmp_path):
    fields = ("  OptedOut: {type: Boolean, from: opted_out}\n", "  OptedIn: {type: Boolean, from: opted_in}\n")
    declaration = CONSENT
    for line in fields:
        assert line in declaration
        declaration = declaration.replace(line, "")
    world = World(tmp_path, declaration)
    assert not opt_out.can_say(world.data_extension)
    query = opt_out.row_changes(
        world.data_extension, world.entity, snapshot="s", acknowledged=acknowledged.relation("people")
    )
    assert query is None


def test_the_subscriber_key_may_be_another_field_than_the_rows_own_key(tmp_path):
    world = World(tmp_path, CONSENT.replace("subscriber_key: PersonID", "subscriber_key: Nickname"))
    world.snapshot(out("P1", nickname="Sub"), person(id="P2", nickname="sub"), out("P3", nickname=None))
    assert world.query(f"SELECT _folded_key, _key FROM {world.stated}") == [("sub", "Sub")]
