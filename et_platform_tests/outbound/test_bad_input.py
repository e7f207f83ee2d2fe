"""Bad input of the CRM on the whole outbound road: every row arrives as it is, or is held back with a reason.

What belongs here: one table of rows, and three CRMs that hold them: SQLite, which takes anything; PostgreSQL as old
CRMs use it, with texts in every column; and PostgreSQL with proper types. What does not: single rules
(sync/test_plan.py), and real data (adventureworks).
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from et_platform.catalog.catalog import load_catalog
from et_platform.outbound.deliver import deliver
from et_platform.outbound.errors import GateClosed
from et_platform.outbound.plan import make_plan
from et_platform.outbound.snapshot import take_snapshot
from et_platform.outbound.stage import stage_and_upload
from et_platform.resources import build_road
from et_platform.warehouse import quarantine
from et_platform_tests.adventureworks.sample import database
from et_platform_tests.outbound.world import settings_for

CRM = """
description: People with everything that is wrong with people in a CRM.
owners: ["team:tests"]
source: {table: people}
key: id
columns:
  id: {type: text, pii: identifier}
  email: {type: text, pii: contact}
  name: {type: text, pii: name}
  notes: {type: text}
  points: {type: integer}
  spent: {type: decimal, precision: 18, scale: 4}
  born: {type: date}
  seen: {type: timestamp}
  wants: {type: boolean}
  ratio: {type: double}
"""
DATA_EXTENSION = """
description: People, for tests.
owners: ["team:tests"]
customer_key: T_KEY
name: T_KEY
source: {crm: people}
fields:
  PersonID: {type: Text, length: 20, key: true, from: id, pii: identifier}
  Email: {type: EmailAddress, required: true, from: email, pii: contact}
  Name: {type: Text, length: 50, from: name, pii: name}
  Notes: {type: Text, length: 4000, from: notes}
  Points: {type: Number, from: points}
  Spent: {type: Decimal, precision: 6, scale: 2, from: spent}
  Born: {type: Date, from: born}
  Seen: {type: Date, from: seen}
  Wants: {type: Boolean, from: wants}
guards: {minimum_rows: 1, maximum_quarantine_share: 1.0, maximum_duplicate_share: 1.0, minimum_share_of_acknowledged: 0.5}
"""
USUAL: dict[str, Any] = {
    "email": "p@example.org",
    "name": "Zoë",
    "notes": None,
    "points": "7",
    "spent": "12.50",
    "born": "1987-02-03",
    "seen": "2026-01-02 03:04:05",
    "wants": "1",
    "ratio": "0.5",
}
SHOWN = {
    "Email": "p@example.org",
    "Name": "Zoë",
    "Notes": "",
    "Points": "7",
    "Spent": "12.50",
    "Born": "2/3/1987 12:00:00 AM",
    "Seen": "1/1/2026 9:04:05 PM",
    "Wants": "True",
}
PROPER = {
    "points": "bigint",
    "spent": "numeric",
    "born": "date",
    "seen": "timestamptz",
    "wants": "boolean",
    "ratio": "double precision",
}
ALL, TEXTS, SQLITE = ("sqlite", "texts", "types"), ("sqlite", "texts"), ("sqlite",)


@dataclass(frozen=True)
class Row:
    """A row, the CRMs that can hold it (each other one refuses it), and either what ExactTarget shows or the reasons."""

    id: str | bytes | None
    columns: dict[str, Any] = field(default_factory=dict)
    shows: dict[str, str] | None = None
    held: set[str] = field(default_factory=set)
    holds: tuple[str, ...] = ALL


def fine(id_: str, holds: tuple[str, ...] = ALL, shows: dict[str, str] | None = None, **columns: Any) -> Row:
    return Row(id_, columns, shows or {}, holds=holds)


def bad(id_: Any, *reasons: str, holds: tuple[str, ...] = ALL, **columns: Any) -> Row:
    return Row(id_, columns, held=set(reasons), holds=holds)


CONTROL = "holds a control character"
COPIES = "PersonID has copies: another row has the same key, without regard to case and blanks at the end"
NO_KEY = "PersonID is the key, and empty"
UNDECIDED = "PersonID holds characters whose equality ExactTarget decides by an unknown rule"
NO_TEXT = "cannot be read as text"
NO_ADDRESS = "Email is not an e-mail address"
TOO_MANY = "Spent has more digits than Decimal(6,2) holds"
YEARS = "is outside the years 1753 to 9999"

ROWS = [
    fine("usual"),
    # Keys: none, copies, and such as ExactTarget takes for one
    *(bad(key, NO_KEY) for key in (None, "", "   ")),
    *(bad(key, COPIES) for key in ("copy", "copy", "case", "CASE", "blank", "blank  ")),
    bad("straße", UNDECIDED),
    bad("k" * 21, "PersonID is longer than 20 characters"),
    bad("nul\0key", UNDECIDED, holds=SQLITE),
    bad(b"\xff", UNDECIDED, holds=SQLITE),
    # Texts
    fine("formula 1", name='=HYPERLINK("http://example.org";"x")', shows={"Name": '=HYPERLINK("http://example.org";"x")'}),
    fine("formula 2", name="@SUM(A1:A9)", shows={"Name": "@SUM(A1:A9)"}),
    fine("formula 3", name="-1+1", shows={"Name": "-1+1"}),
    fine("line breaks", name="two\nlines", notes="a\r\nb\tc", shows={"Name": "two\nlines", "Notes": "a\r\nb\tc"}),
    fine("quotes", name='O\'Hara "x", y; z\\', shows={"Name": 'O\'Hara "x", y; z\\'}),
    fine("null word", name="NULL", notes="\\N", shows={"Name": "NULL", "Notes": "\\N"}),
    fine("scripts", name="漢 🏔 שלום e\u0301", shows={"Name": "漢 🏔 שלום e\u0301"}),
    fine("4000", notes="ä" * 4000, shows={"Notes": "ä" * 4000}),
    bad("5000", "Name is longer than 50 characters", "Notes is longer than 4000 characters", name="x" * 5000, notes="é" * 5000),
    bad("emoji", "Name is longer than 50 characters", name="🏔" * 26),
    bad("control", f"Name {CONTROL}", name="bell\a"),
    bad("nul", f"Name {NO_TEXT}", f"Name {CONTROL}", name="a\0b", holds=SQLITE),
    bad("surrogate", f"Name {NO_TEXT}", f"Name {CONTROL}", name=b"\xed\xa0\x80", holds=SQLITE),
    bad("latin-1", f"Notes {NO_TEXT}", f"Notes {CONTROL}", notes=b"caf\xe9", holds=SQLITE),
    # Addresses
    fine("dots", email="a..b.@example.org", shows={"Email": "a..b.@example.org"}),
    *(bad(f"no mail {n}", "Email is required, but empty", email=email) for n, email in enumerate((None, ""))),
    *(
        bad(f"address {n}", NO_ADDRESS, email=email)
        for n, email in enumerate(("a@b", "a b@example.org", "a@@example.org", "a@example.org,", " a@example.org", "x\n@example.org"))
    ),
    bad("beyond ascii", "Email holds a letter or sign beyond ASCII, which ExactTarget takes in no e-mail address", email="é@example.org"),
    bad("long address", "Email has more than 100 characters before the @", email=f"{'a' * 101}@example.org"),
    # Numbers
    fine("smallest", points="-2147483648", spent="-9999.99", shows={"Points": "-2147483648", "Spent": "-9999.99"}),
    fine("zeros", spent="0001.5000000", shows={"Spent": "1.50"}),
    fine("no numbers", points=None, spent=None, wants=None, born=None, seen=None, shows=dict.fromkeys(("Points", "Spent", "Wants", "Born", "Seen"), "")),
    fine("blank numbers", TEXTS, points=" ", spent="", wants="", born=" ", seen="", shows=dict.fromkeys(("Points", "Spent", "Wants", "Born", "Seen"), "")),
    bad("too large", "Points does not fit a Number (-2147483648 to 2147483647)", points="2147483648"),
    bad("1e400", "Spent cannot be read as decimal", spent="1e400"),
    bad("nan", "Spent cannot be read as decimal", spent="NaN"),
    bad("infinity", "Spent cannot be read as decimal", spent="Infinity"),
    bad("integer 1e400", "Points cannot be read as integer", points="1e400", holds=TEXTS),
    bad("half", "Points cannot be read as integer", points="7.5", holds=TEXTS),
    bad("comma", "Spent cannot be read as decimal", spent="12,5", holds=TEXTS),
    bad("3 digits", TOO_MANY, spent="1.234"),
    bad("5 places", TOO_MANY, spent="12345.67"),
    bad("6 digits", "Spent cannot be read as decimal", spent="1.234567"),
    # A column that no field takes holds nothing back
    *(fine(f"ratio {value}", ratio=value) for value in ("NaN", "-Infinity")),
    fine("ratio 1e400", TEXTS, ratio="1e400"),
    # Dates and times
    fine("first day", born="1753-01-01", seen="1753-01-01 06:00:00", shows={"Born": "1/1/1753 12:00:00 AM", "Seen": "1/1/1753 12:00:00 AM"}),
    fine("last day", born="9999-12-31", seen="9999-12-31 23:59:59.4", shows={"Born": "12/31/9999 12:00:00 AM", "Seen": "12/31/9999 5:59:59 PM"}),
    fine("without zone", seen="2026-07-01 00:00:00", shows={"Seen": "6/30/2026 6:00:00 PM"}),
    fine("with zone", seen="2026-07-01T02:00:00+02:00", shows={"Seen": "6/30/2026 6:00:00 PM"}),
    fine("rounded", seen="2026-07-01 00:00:00.5", shows={"Seen": "6/30/2026 6:00:01 PM"}),
    bad("before 1753", f"Born {YEARS}", f"Seen {YEARS}", born="1752-12-31", seen="1753-01-01 05:59:59"),
    bad("after 9999", "Born cannot be read as date", "Seen cannot be read as timestamp", born="10000-01-01", seen="10000-01-01 00:00:00"),
    bad("before Christ", "Born cannot be read as date", born="0044-03-15 BC"),
    bad("never", "Seen cannot be read as timestamp", seen="infinity"),
    bad("zero", "Born cannot be read as date", born="0000-00-00", holds=TEXTS),
    bad("no day", "Born cannot be read as date", born="2026-02-30", holds=TEXTS),
    bad("german", "Born cannot be read as date", born="31.12.1999", holds=TEXTS),
    bad("noon", "Born cannot be read as date", born="1987-02-03 12:00:00 at noon", holds=TEXTS),
    # Booleans
    *(fine(f"wants {word}", wants=word, shows={"Wants": shown}) for word, shown in (("t", "True"), ("no", "False"), ("0", "False"))),
    bad("maybe", "Wants cannot be read as boolean", wants="maybe", holds=TEXTS),
]  # fmt: skip


class SqliteCrm:
    """SQLite without types: it takes everything, and keeps whatever is put there."""

    def __init__(self, folder):
        self._path = folder / "crm.sqlite"
        self.url = f"sqlite:///{self._path}"
        self.run(f"CREATE TABLE people (id, {', '.join(USUAL)})")

    def run(self, statement: str, values: tuple = ()) -> None:
        with closing(sqlite3.connect(self._path)) as session, session:
            session.execute(statement, values)

    def insert(self, rows: list[tuple]) -> None:
        with closing(sqlite3.connect(self._path)) as session, session:
            places = ", ".join("CAST(? AS TEXT)" for _ in rows[0])  # bytes become a text that is none
            session.executemany(f"INSERT INTO people VALUES ({places})", rows)

    def points_become_text(self) -> None:
        self.run("ALTER TABLE people DROP COLUMN points")
        self.run("ALTER TABLE people ADD COLUMN points TEXT")
        self.run("UPDATE people SET points = 7")


class PostgresqlCrm:
    def __init__(self, url: str, types: dict[str, str]):
        self.url, self._types = url, types
        columns = ", ".join(f"{name} {types.get(name, 'text')}" for name in ("id", *USUAL))
        self.run(f"CREATE TABLE people ({columns})")

    def run(self, statement: str, values: tuple = ()) -> None:
        with psycopg.connect(self.url, autocommit=True) as session:
            session.execute(statement.replace("?", "%s").encode(), values)

    def insert(self, rows: list[tuple]) -> None:
        places = ", ".join(f"%s::{self._types.get(name, 'text')}" for name in ("id", *USUAL))
        with psycopg.connect(self.url) as session:
            session.execute("SET TimeZone = 'UTC'")
            session.cursor().executemany(f"INSERT INTO people VALUES ({places})".encode(), rows)

    def refuses(self, row: tuple) -> bool:
        if any(isinstance(value, bytes) for value in row):
            return True  # what its own client cannot even send as a text
        try:
            self.insert([row])
        except psycopg.DataError:
            return True
        return False

    def points_become_text(self) -> None:
        self.run("ALTER TABLE people ALTER COLUMN points TYPE text")


def values(row: Row) -> tuple:
    return (row.id, *(USUAL | row.columns).values())


@pytest.fixture(params=["sqlite", "texts", "types"])
def crm(request, tmp_path):
    if request.param == "sqlite":
        yield SqliteCrm(tmp_path)
        return
    server = request.getfixturevalue("postgresql_server").uri
    with database(server, f"bad_{request.param}_{tmp_path.parent.name.replace('-', '_')}") as url:
        yield PostgresqlCrm(url, PROPER if request.param == "types" else {})


def test_promise_16_bad_input_arrives_as_it_is_or_is_held_back_with_a_reason(request, crm, tmp_path, exacttarget_info):
    kind = request.node.callspec.params["crm"]
    rows = [row for row in ROWS if kind in row.holds]
    if isinstance(crm, PostgresqlCrm):
        assert [row.id for row in ROWS if kind not in row.holds and not crm.refuses(values(row))] == []
    crm.insert([values(row) for row in rows])

    customer_key = f"T_bad_{kind}_{tmp_path.parent.parent.name}"[-36:]
    for name, text in (("crm", CRM), ("data_extensions", DATA_EXTENSION.replace("T_KEY", customer_key))):
        (tmp_path / "catalog" / name).mkdir(parents=True)
        (tmp_path / "catalog" / name / "people.yaml").write_text(text, encoding="utf-8")
    catalog = load_catalog(tmp_path / "catalog")
    declared, told = catalog.data_extensions["people"], []
    road = build_road(settings_for(tmp_path, exacttarget_info, crm_url=crm.url), run_id="test", tell=told.append)

    def run():
        snapshot = take_snapshot(road, catalog.crm["people"])
        plan = make_plan(road, catalog, declared)
        stage_and_upload(road, declared)
        return snapshot, plan, deliver(road, catalog, declared)

    def shown() -> dict[str, dict[str, str]]:
        with road.open_exacttarget() as exacttarget:
            batches = list(exacttarget.rows.read(customer_key=customer_key, fields=list(declared.is_.fields)))
        found = [row for batch in batches for row in batch.to_pylist()]
        return {row.pop("PersonID"): row for row in found}

    def held() -> list[tuple[str | None, set[str]]]:
        relation = quarantine.relation(road.lake_name(declared.is_))
        with road.lake.read() as connection:
            reasons = connection.execute(
                f"SELECT _key, list(DISTINCT field || ' ' || reason) FROM {relation} GROUP BY 1"
            ).fetchall()
        return sorted(((key, set(found)) for key, found in reasons), key=str)

    snapshot, plan, settlement = run()
    arrived = {row.id: SHOWN | row.shows for row in rows if row.shows is not None}
    assert {key: lines(row) for key, row in shown().items()} == {key: lines(row) for key, row in arrived.items()}
    expected = {as_kept(row.id): row.held for row in rows if row.held}
    assert held() == sorted(expected.items(), key=str)
    assert (snapshot.rows, plan.figures.withheld) == (len(rows), len(rows) - len(arrived))
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged, settlement.problems) == (len(arrived), len(arrived), ())
    assert run()[1:] != (plan, settlement)
    assert run()[2] is None, "what is held back is not sent by and by"

    # A column turns from integer to text: what still is a number travels, what is none is held back, the rest is left.
    crm.points_become_text()
    crm.run("UPDATE people SET points = ? WHERE id = ?", ("8", "usual"))
    crm.run("UPDATE people SET points = ? WHERE id = ?", ("many", "dots"))
    if kind != "texts":
        with pytest.raises(GateClosed, match="schema_drift: accept"):  # promise 7: until somebody has looked
            run()
        path = tmp_path / "catalog" / "data_extensions" / "people.yaml"
        path.write_text(path.read_text("utf-8").replace("guards: {", "guards: {schema_drift: accept, "), "utf-8")
        declared = load_catalog(tmp_path / "catalog").data_extensions["people"]
    snapshot, plan, settlement = run()
    assert bool(snapshot.warnings) is (kind != "texts"), "a column of texts never said that it was another"
    assert ("dots", {"Points cannot be read as integer"}) in held()
    assert settlement is not None
    assert settlement.problems == ()
    after = shown()
    assert after["usual"]["Points"] == "8"
    assert lines(after["dots"]) == lines(arrived["dots"])
    assert not any("@" in line or "Zoë" in line for line in told), "what is told to people names no person"


def as_kept(key: Any) -> str | None:
    """A key as the quarantine shows it."""
    text = key.decode("utf-8", "replace").replace("\ufffd", "\x1a") if isinstance(key, bytes) else key
    return text.replace("\0", "\x1a") if text else text


def lines(row: dict[str, str]) -> dict[str, str]:
    """A row without regard to how line breaks are written: files of imports know but one way."""
    return {name: (value or "").replace("\r\n", "\n") for name, value in row.items()}
