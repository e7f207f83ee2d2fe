"""Taking a snapshot: when only what changed is read, and what becomes of a CRM whose columns drift."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.loader import CatalogError
from et_platform.defs import crm_snapshot
from et_platform.ledger import writeback
from et_platform.ledger.writeback import WriteBackSet
from et_platform.outbound.errors import DeclarationMismatch
from et_platform.outbound.snapshot import take_snapshot
from et_platform.resources import Platform, build_road
from et_platform.settings import Settings
from et_platform.warehouse.snapshots import Snapshot

ENTITY = """
description: People, for tests.
source: {table: people, incremental: {cursor: changed_at, overlap: 15 minutes}}
key: id
columns:
  id: {type: integer}
  name: {type: text}
  points: {type: integer}
  changed_at: {type: timestamp}
"""


class Crm:
    """A CRM of either kind with one table, its declaration and a lake."""

    def __init__(self, folder: Path, url: str, run: Callable[[str], object]):
        self.folder, self.url, self.run = folder, url, run
        self.told: list[str] = []
        self.declare(ENTITY)

    def declare(self, text: str) -> None:
        (self.folder / "catalog" / "crm").mkdir(parents=True, exist_ok=True)
        (self.folder / "catalog" / "crm" / "people.yaml").write_text(text, encoding="utf-8")

    @property
    def declared(self):
        return load_catalog(self.folder / "catalog").crm["people"]

    @property
    def road(self):
        settings = Settings(crm_url=self.url, data_path=self.folder / "data")  # type: ignore[arg-type]
        return build_road(settings, run_id="test", tell=self.told.append)

    def take(self, **options: bool) -> Snapshot:
        return take_snapshot(self.road, self.declared, **options)

    def ids(self) -> list[int]:
        return [row[0] for row in self.ask("SELECT id FROM lake.crm.people ORDER BY id")]

    def ask(self, query: str) -> list[tuple]:
        with self.road.lake.read() as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(params=["sqlite", "postgresql"])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Crm:
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_crm")
    return request.getfixturevalue("sqlite_crm")


@pytest.fixture
def sqlite_crm(tmp_path: Path) -> Crm:
    path = tmp_path / "crm.sqlite"

    def run(statements: str) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript(statements)

    return filled(Crm(tmp_path, f"sqlite:///{path}", run))


@pytest.fixture
def postgresql_crm(postgresql_server, tmp_path: Path):
    name = f"snapshot_{re.sub('[^a-z0-9]', '', str(tmp_path).lower())[-40:]}"
    with psycopg.connect(postgresql_server.uri, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        uri = postgresql_server.uri.replace("/postgres?", f"/{name}?")
        with psycopg.connect(uri, autocommit=True) as session:
            yield filled(Crm(tmp_path, uri, lambda statements: session.execute(statements.encode())))
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def filled(crm: Crm) -> Crm:
    crm.run(
        "CREATE TABLE people (id bigint NOT NULL, name varchar(50), points int, changed_at timestamp);"
        "INSERT INTO people VALUES (1, 'a', 1, '2026-01-01 00:00:00'), (2, 'b', 2, '2026-01-02 11:00:00'),"
        " (3, 'c', 3, '2026-01-02 12:00:00'), (4, 'd', 4, NULL)"
    )
    return crm


def test_only_what_changed_is_read_and_ties_and_late_commits_are_not_missed(crm: Crm):
    first = crm.take()
    assert (first.kind, first.why, first.read, first.cursor) == ("full", "it is the first", 4, "2026-01-02 12:00:00")

    # As late as the highest cursor, and a little earlier: both were committed after the snapshot.
    crm.run(
        "INSERT INTO people VALUES (5, 'tie', 5, '2026-01-02 12:00:00'), (6, 'late', 6, '2026-01-02 11:45:00'),"
        " (7, 'too late', 7, '2026-01-02 11:44:59');"
        "UPDATE people SET name = 'A', changed_at = '2026-01-02 12:30:00' WHERE id = 1;"
        "UPDATE people SET name = 'D' WHERE id = 4;"
        "DELETE FROM people WHERE id = 2"
    )
    second = crm.take()
    assert (second.kind, second.why) == ("incremental", "changed_at from 2026-01-02 11:45:00 on")
    assert (second.read, second.new, second.changed, second.removed) == (5, 2, 2, 0)
    assert crm.ids() == [1, 2, 3, 4, 5, 6]
    assert crm.ask("SELECT name FROM lake.crm.people WHERE id IN (1, 4) ORDER BY id") == [("A",), ("D",)]
    assert second.cursor == "2026-01-02 12:30:00"

    third = crm.take()
    assert (third.kind, third.read, third.new, third.changed) == ("incremental", 2, 0, 0)

    fourth = crm.take(full=True)
    assert (fourth.kind, fourth.why, fourth.new, fourth.removed) == ("full", "it was asked for", 1, 1)
    assert crm.ids() == [1, 3, 4, 5, 6, 7]
    assert "6 rows, full (it was asked for); 6 read" in crm.told[-1]
    kinds = crm.ask("SELECT kind, cursor, seconds > 0 FROM lake.history.snapshots ORDER BY taken_at")
    assert kinds == [
        ("full", "2026-01-02 12:00:00", True),
        ("incremental", "2026-01-02 12:30:00", True),
        ("incremental", "2026-01-02 12:30:00", True),
        ("full", "2026-01-02 12:30:00", True),
    ]


def write_back(crm: Crm, *, settled: bool) -> None:
    set_ = WriteBackSet(
        id="w", entity="people", state="proposed", rows=1, figures={}, snapshot_id="s", path="p", run_id="r",
        proposed_at=datetime.now(UTC),
    )  # fmt: skip
    ledger = crm.road.ledger
    begun = writeback.begin(ledger, writeback.propose(ledger, set_))
    if settled:
        writeback.settle(ledger, writeback.record(ledger, begun, {"written": 1}))


REASONS: dict[str, tuple[Callable[[Crm], Any], str]] = {
    "nothing": (lambda crm: None, "incremental: changed_at from"),
    "declared type": (
        lambda crm: crm.declare(ENTITY.replace("points: {type: integer}", "points: {type: decimal}")),
        "full: the declaration or its reading changed",
    ),
    "cursor": (
        lambda crm: crm.declare(ENTITY.replace("changed_at, overlap: 15 minutes", "points, overlap: 1")),
        "full: no value of points is known",
    ),
    "no cursor declared": (
        lambda crm: crm.declare(ENTITY.replace(", incremental: {cursor: changed_at, overlap: 15 minutes}", "")),
        "full: no cursor is declared",
    ),
    "one in two": (
        lambda crm: (crm.take(), crm.declare(ENTITY.replace("15 minutes", "15 minutes, full_every: 2"))),
        "full: one in 2 is",
    ),
    "one in three": (
        lambda crm: (crm.take(), crm.declare(ENTITY.replace("15 minutes", "15 minutes, full_every: 3"))),
        "incremental: changed_at from",
    ),
    "old": (
        lambda crm: crm.declare(ENTITY.replace("15 minutes", "15 minutes, full_after: 0 seconds")),
        "full: the last full one is older than 0:00:00",
    ),
    "written back": (lambda crm: write_back(crm, settled=True), "full: rows were written back"),
    "perhaps written back": (lambda crm: write_back(crm, settled=False), "full: rows were written back"),
    "written back, and a trigger": (
        lambda crm: (
            write_back(crm, settled=True),
            crm.declare(ENTITY.replace("15 minutes", "15 minutes, moves_with_every_write: true")),
        ),
        "incremental: changed_at from",
    ),
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_full_reading_has_a_reason(sqlite_crm: Crm, reason: str):
    sqlite_crm.take()
    change, expected = REASONS[reason]
    change(sqlite_crm)
    snapshot = sqlite_crm.take()
    assert f"{snapshot.kind}: {snapshot.why}".startswith(expected)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("changed_at text USING changed_at::text", "changed_at is of type text in the database, which does not order"),
        ("id text USING id::text", "id is of type text in the database, which does not tell which keys are one"),
    ],
)
def test_what_the_database_cannot_order_or_tell_apart_is_read_in_full(postgresql_crm: Crm, column: str, expected: str):
    postgresql_crm.run(f"ALTER TABLE people ALTER COLUMN {column.split(' ', 1)[0]} TYPE {column.split(' ', 1)[1]}")
    postgresql_crm.take()
    snapshot = postgresql_crm.take()
    assert (snapshot.kind, snapshot.why.startswith(expected)) == ("full", True)


def test_every_problem_of_the_columns_is_told_at_once_with_its_line(postgresql_crm: Crm):
    postgresql_crm.take()
    postgresql_crm.run(
        "ALTER TABLE people RENAME COLUMN name TO full_name;"
        "ALTER TABLE people ALTER COLUMN points TYPE date USING '2026-01-01'"
    )
    with pytest.raises(DeclarationMismatch) as raised:
        postgresql_crm.take()
    text = str(raised.value)
    assert re.search(r"people\.yaml:7: columns\.name: .* has no column name; there are id, full_name,", text)
    assert "New since the last snapshot: full_name; perhaps it was renamed." in text
    assert re.search(r"people\.yaml:8: columns\.points: .* is of type date, and no value .* as integer", text)
    assert text.endswith("The former snapshot was kept and nothing was sent.")
    assert postgresql_crm.ids() == [1, 2, 3, 4]


def test_a_column_that_turned_from_integer_to_text_is_read_on_with_a_warning(postgresql_crm: Crm):
    postgresql_crm.take()
    postgresql_crm.run(
        "ALTER TABLE people ALTER COLUMN points TYPE text; UPDATE people SET points = 'many' WHERE id = 1;"
        "ALTER TABLE people ALTER COLUMN name TYPE varchar(80); ALTER TABLE people ADD COLUMN more int"
    )
    snapshot = postgresql_crm.take()
    assert (snapshot.kind, snapshot.why) == ("full", "columns have other types than in the last: name, points")
    assert (snapshot.rows, snapshot.invalid) == (4, 1)
    (warning,) = snapshot.warnings
    assert re.search(r"people\.yaml:8: columns\.points: points was of type integer and is of type text now", warning)
    assert "a value that is no integer is held back" in warning
    assert set(snapshot.notes) == {
        "points was integer and is text.",
        "name was character varying(50) and is character varying(80).",
        "more is new (integer).",
    }
    again = postgresql_crm.take()
    assert (again.kind, again.warnings, again.notes) == ("incremental", (warning,), ())
    postgresql_crm.declare(ENTITY.replace("points: {type: integer}", "points: {type: text}"))
    assert postgresql_crm.take().warnings == ()


def test_a_key_of_another_type_stops_until_somebody_has_looked(crm: Crm):
    crm.take()
    crm.run(
        "DROP TABLE people; CREATE TABLE people (id text, name varchar(50), points int, changed_at timestamp);"
        "INSERT INTO people VALUES ('01', 'a', 1, NULL)"
    )
    for _ in range(2):
        with pytest.raises(DeclarationMismatch, match=r"people\.yaml:6: columns\.id: .* might come under other keys"):
            crm.take()
        assert crm.ids() == [1, 2, 3, 4]
    snapshot = crm.take(accept_drift=True)
    assert (snapshot.rows, crm.ids()) == (1, [1])
    assert any("may be empty now" in warning for warning in snapshot.warnings)
    assert crm.take().rows == 1
    crm.declare(ENTITY.replace("id: {type: integer}", "id: {type: text}"))
    assert crm.take().warnings == ()


def test_a_column_that_gained_a_time_zone_is_doubtful(postgresql_crm: Crm):
    postgresql_crm.take()
    postgresql_crm.run("ALTER TABLE people ALTER COLUMN changed_at TYPE timestamptz")
    (warning,) = postgresql_crm.take().warnings
    assert "without a time zone, times are taken for UTC" in warning


@pytest.mark.parametrize(
    ("incremental", "expected"),
    [
        ("{cursor: nothing, overlap: 1 day}", "source.incremental.cursor: 'nothing' is not one of the columns"),
        ("{cursor: name, overlap: 1 day}", "must be a timestamp, a date or an integer"),
        ("{cursor: changed_at, overlap: 5}", "source.incremental.overlap: must be a length of time"),
        ("{cursor: points, overlap: 1 day}", "source.incremental.overlap: must be a number"),
        ("{cursor: changed_at, overlap: soon}", "'soon' is no length of time; write for instance `90 seconds`"),
        ("{cursor: changed_at}", "people.yaml:3: source.incremental.overlap: this key is required"),
        ("{cursor: changed_at, overlap: 1 day, full_every: 1}", "greater than or equal to 2"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(sqlite_crm: Crm, incremental: str, expected: str):
    sqlite_crm.declare(ENTITY.replace("{cursor: changed_at, overlap: 15 minutes}", incremental))
    with pytest.raises(CatalogError, match=re.escape(expected)):
        _ = sqlite_crm.declared


def test_the_asset_shows_how_it_was_read_and_what_drifted(sqlite_crm: Crm, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ET_CRM_URL", sqlite_crm.url)
    monkeypatch.setenv("ET_DATA_PATH", str(sqlite_crm.folder / "data"))
    asset = crm_snapshot.build(sqlite_crm.declared)

    def materialize(**config: bool) -> dg.ExecuteInProcessResult:
        run_config = {"ops": {"crm_snapshot__people": {"config": config}}}
        return dg.materialize(
            [asset], resources={"platform": Platform()}, raise_on_error=False, run_config=run_config
        )  # fmt: skip

    def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
        (materialization,) = result.asset_materializations_for_node("crm_snapshot__people")
        return {name: value.value for name, value in materialization.metadata.items()}

    shown = metadata(materialize())
    assert (shown["reading"], shown["cursor"]) == ("full: it is the first", "changed_at = 2026-01-02 12:00:00")
    shown = metadata(materialize())
    assert shown["reading"] == "incremental: changed_at from 2026-01-02 11:45:00 on"
    assert shown["keys removed"] == "not known before the next full reading"
    assert metadata(materialize(full=True))["reading"] == "full: it was asked for"

    sqlite_crm.run("ALTER TABLE people DROP COLUMN points; ALTER TABLE people ADD COLUMN points TEXT")
    result = materialize()
    (check,) = result.get_asset_check_evaluations()
    assert result.success
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "columns.points: points was of type INT and is of type TEXT now" in (check.description or "")
    assert "| note | points was INT and is TEXT. |" in metadata(result)["columns, compared with before"]

    sqlite_crm.run("ALTER TABLE people DROP COLUMN points")
    result = materialize()
    (check,) = result.get_asset_check_evaluations()
    assert not result.success
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "columns.points: The CRM's table people has no column points" in (check.description or "")
