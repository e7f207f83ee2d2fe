"""The plan: which rows are inserts, updates, unchanged, held, unknown or for quarantine."""

from collections.abc import Mapping

import duckdb
import pytest

from et_platform.catalog.catalog import Catalog
from et_platform.sync import plan
from et_platform.sync.sources import Rows
from et_platform.warehouse import acknowledged, quarantine
from et_platform.warehouse.lake import Lake
from et_platform_tests.scenario import example_catalog, person, snapshot_of

NO_ASCII = "holds a letter or sign beyond ASCII, which ExactTarget takes in no e-mail address"


class World:
    """A lake with the example's data extension, for plans without files or network."""

    def __init__(self, folder):
        self.catalog: Catalog = example_catalog(folder / "catalog")
        self.lake = Lake(folder / "lake")
        self.data_extension = self.catalog.data_extensions["people"].is_
        with self.lake.write() as connection:
            acknowledged.ensure_tables(connection, "people", self.data_extension)
            quarantine.ensure_tables(connection, "people")

    def snapshot(self, *people: Mapping[str, str | None]) -> None:
        snapshot_of(self.lake, self.catalog, people)

    def evaluate(self, connection: duckdb.DuckDBPyConnection) -> None:
        for step in plan.steps(
            self.data_extension,
            Rows(self.catalog.crm["people"].is_, "lake.crm.people"),
            acknowledged=acknowledged.relation("people"),
            rejections=quarantine.rejections_of("people"),
            with_gone=self.data_extension.deletes != "keep",
        ):
            connection.execute(step)

    def classes(self) -> dict[str | None, str]:
        with self.lake.read() as connection:
            self.evaluate(connection)
            return dict(connection.execute("SELECT _key, _class FROM evaluated").fetchall())

    def reasons(self) -> set[tuple[str | None, str, str]]:
        with self.lake.read() as connection:
            self.evaluate(connection)
            query = plan.quarantine_rows(self.data_extension, "evaluated")
            return set(connection.execute(f"SELECT _key, field, reason FROM ({query})").fetchall())

    def acknowledge(self, attempt: str = "a1") -> None:
        """Acknowledge everything that would change."""
        with self.lake.write() as connection:
            self.evaluate(connection)
            rows = plan.change_rows(self.data_extension, "evaluated")
            connection.execute(f"CREATE TEMP TABLE proven AS {rows}")
            acknowledged.apply(
                connection,
                name="people",
                data_extension=self.data_extension,
                change_set_id="c",
                attempt_id=attempt,
                proven="proven",
            )

    def fingerprint(self) -> tuple[int, str]:
        with self.lake.read() as connection:
            self.evaluate(connection)
            rows = plan.change_rows(self.data_extension, "evaluated")
            found = connection.execute(plan.content_fingerprint(self.data_extension, f"({rows})")).fetchone()
            assert found is not None
            return found


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def test_a_new_row_is_an_insert_and_after_acknowledging_nothing_is_left(world):
    world.snapshot(person(), person(id="P2"))
    assert world.classes() == {"P1": "insert", "P2": "insert"}
    world.acknowledge()
    assert world.classes() == {}  # not even looked at: the stored hashes agree


def test_promise_1_only_a_row_whose_values_changed_is_an_update(world):
    world.snapshot(person(), person(id="P2"), person(id="P3"))
    world.acknowledge()
    world.snapshot(person(points="8"), person(id="P2"), person(id="P3", spent="12.5000"))
    assert world.classes() == {"P1": "update", "P3": "unchanged"}, "12.5000 is 12.50 in another spelling"


def test_changed_fields_are_named(world):
    world.snapshot(person())
    world.acknowledge()
    world.snapshot(person(points="8", born=None))
    with world.lake.read() as connection:
        world.evaluate(connection)
        assert connection.execute("SELECT _changed FROM evaluated").fetchall() == [(["Points", "Born"],)]


def test_a_field_that_exacttarget_owns_travels_on_insert_only(world):
    world.snapshot(person())
    world.acknowledge()
    world.snapshot(person(nickname="other"))
    assert world.classes() == {"P1": "unchanged"}


def test_promise_1_another_hash_version_sends_nothing_again(world):
    world.snapshot(person())
    world.acknowledge()
    with world.lake.write() as connection:
        connection.execute(f"UPDATE {acknowledged.relation('people')} SET _source_hash = _source_hash + 1")
    assert world.classes() == {"P1": "unchanged"}


@pytest.mark.parametrize("other", ["p1", "P1  ", "P1"])
def test_keys_that_exacttarget_takes_for_one_are_all_held(world, other):
    world.snapshot(person(), person(id=other, name="other"), person(id="P2"))
    assert world.classes() | {"P2": "insert"} == world.classes()
    assert sorted(c for k, c in world.classes().items() if k != "P2") == ["held"] * len({"P1", other})


def test_a_copy_that_appears_later_holds_the_key_and_deletes_nothing(world):
    world.snapshot(person(), person(id="P2"))
    world.acknowledge()
    world.snapshot(person(), person(id="p1", name="copy"), person(id="P2"))
    assert world.classes() == {"p1": "held"}


def test_case_of_a_key_that_changed_is_an_update_not_another_row(world):
    world.snapshot(person())
    world.acknowledge()
    world.snapshot(person(id="p1"))
    assert world.classes() == {"p1": "update"}


@pytest.mark.parametrize("key", ["Straße", "İstanbul", "ｐ１", "ключ"])
def test_a_key_that_folding_cannot_decide_is_unknown_never_guessed(world, key):
    world.snapshot(person(id=key))
    assert world.classes() == {key: "unknown"}


@pytest.mark.parametrize("key", [None, "", "   "])
def test_a_row_without_a_key_is_quarantined_with_the_reason(world, key):
    world.snapshot(person(id=key))
    assert world.reasons() == {(key, "PersonID", "is the key, and empty")}


@pytest.mark.parametrize(
    ("column", "value", "field", "reason"),
    [
        ("email", "no at sign", "Email", "is not an e-mail address"),
        ("email", "a@b", "Email", "is not an e-mail address"),
        ("email", "a@b@example.org", "Email", "is not an e-mail address"),
        ("email", "a@example.c", "Email", "is not an e-mail address"),
        ("email", "a b@example.org", "Email", "is not an e-mail address"),
        ("email", "a@.org", "Email", "is not an e-mail address"),
        ("email", "a@-example.org", "Email", "is not an e-mail address"),
        ("email", "é@example.org", "Email", NO_ASCII),
        ("email", "a@exämple.org", "Email", NO_ASCII),
        ("email", "a\u00a0b@example.org", "Email", NO_ASCII),
        ("email", f"{'x' * 101}@example.org", "Email", "has more than 100 characters before the @"),
        ("email", None, "Email", "is required, but empty"),
        ("email", "", "Email", "is required, but empty"),
        ("email", f"a@{'x.' * 130}org", "Email", "is longer than 254 characters"),
        ("name", "x" * 11, "Name", "is longer than 10 characters"),
        ("name", "🏔" * 6, "Name", "is longer than 10 characters"),
        ("name", "a\x07b", "Name", "holds a control character"),
        ("name", "a\x1bb", "Name", "holds a control character"),
        ("points", "twelve", "Points", "cannot be read as integer"),
        ("points", "12.7", "Points", "cannot be read as integer"),
        ("points", "2147483648", "Points", "does not fit a Number (-2147483648 to 2147483647)"),
        ("points", "99999999999999999999", "Points", "cannot be read as integer"),
        ("spent", "12.345", "Spent", "has more digits than Decimal(6,2) holds"),
        ("spent", "12345.00", "Spent", "has more digits than Decimal(6,2) holds"),
        ("spent", "1e400", "Spent", "cannot be read as decimal"),
        ("spent", "NaN", "Spent", "cannot be read as decimal"),
        ("born", "0000-00-00", "Born", "cannot be read as date"),
        ("born", "31.02.1987", "Born", "cannot be read as date"),
        ("born", "1987-02-30", "Born", "cannot be read as date"),
        ("born", "1752-12-31", "Born", "is outside the years 1753 to 9999"),
        ("born", "12024-01-01", "Born", "cannot be read as date"),
        ("opted_in", "maybe", "OptedIn", "cannot be read as boolean"),
        ("opted_in_at", "yesterday", "OptedInAt", "cannot be read as timestamp"),
        ("opted_in_at", "1753-01-01 05:00:00", "OptedInAt", "is outside the years 1753 to 9999"),
    ],
)
def test_promise_2_a_row_that_exacttarget_would_refuse_is_quarantined_with_field_and_reason(
    world, column, value, field, reason
):
    world.snapshot(person(**{column: value}), person(id="P2"))
    assert world.classes() == {"P1": "quarantined", "P2": "insert"}
    assert world.reasons() == {("P1", field, reason)}


@pytest.mark.parametrize(
    ("column", "value", "field", "expected"),
    [
        ("name", "", "Name", "None"),
        ("email", f"{'x' * 100}@example.org", "Email", f"{'x' * 100}@example.org"),
        ("email", "o'x+y.@a-b.example.org", "Email", "o'x+y.@a-b.example.org"),
        ("email", "a..b@1.example.org", "Email", "a..b@1.example.org"),
        ("name", "x" * 10, "Name", "x" * 10),
        ("name", '"a", b;\n', "Name", '"a", b;\n'),
        ("points", " 12 ", "Points", "12"),
        ("points", "12.0", "Points", "12"),
        ("spent", "9999.99", "Spent", "9999.99"),
        ("spent", "12.5000", "Spent", "12.50"),
        ("born", "1753-01-01", "Born", "1753-01-01 00:00:00"),
        ("born", "9999-12-31", "Born", "9999-12-31 00:00:00"),
        ("opted_in", "f", "OptedIn", "False"),
        ("opted_in_at", "2026-01-01 03:00:00", "OptedInAt", "2025-12-31 21:00:00"),
        ("opted_in_at", "2026-07-01T03:00:00+02:00", "OptedInAt", "2026-06-30 19:00:00"),
        ("opted_in_at", "2026-01-01 12:00:00.6", "OptedInAt", "2026-01-01 06:00:01"),
    ],
)
def test_values_are_put_in_exacttargets_own_terms(world, column, value, field, expected):
    world.snapshot(person(**{column: value}))
    with world.lake.read() as connection:
        world.evaluate(connection)
        row = connection.execute(f'SELECT _class, "{field}" FROM evaluated').fetchone()
    assert row is not None
    assert (row[0], str(row[1])) == ("insert", expected)


def test_promise_2_a_row_leaves_quarantine_when_it_is_mended_and_returns_when_it_breaks(world):
    world.snapshot(person(email="bad"))
    assert world.classes() == {"P1": "quarantined"}
    world.snapshot(person())
    assert world.classes() == {"P1": "insert"}
    world.acknowledge()
    world.snapshot(person(email="bad"))
    assert world.classes() == {"P1": "quarantined"}


def test_promise_2_a_row_rejected_twice_waits_in_quarantine_until_it_changes(world):
    world.snapshot(person())
    for times in (1, 2):
        with world.lake.write() as connection:
            world.evaluate(connection)
            quarantine.record_rejections(
                connection,
                name="people",
                rejected="(SELECT _folded_key, _source_hash, 2 AS line, NULL AS field, NULL AS told FROM evaluated)",
                attempt_id=f"a{times}",
                file="f.csv",
            )
        assert world.classes() == {"P1": "insert" if times == 1 else "quarantined"}
    assert world.reasons() == {("P1", "PersonID", "was rejected twice by ExactTarget with this content")}
    world.snapshot(person(name="mended"))
    assert world.classes() == {"P1": "insert"}


def test_the_same_changes_have_the_same_fingerprint_in_any_order_and_other_changes_another(world):
    world.snapshot(person(), person(id="P2"))
    first = world.fingerprint()
    world.snapshot(person(id="P2"), person())
    assert world.fingerprint() == first
    world.snapshot(person(id="P2"), person(name=None))
    assert world.fingerprint() != first
