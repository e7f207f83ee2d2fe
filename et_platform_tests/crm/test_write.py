"""Writing to a CRM: one behaviour, shown on a SQLite file and on a real PostgreSQL server."""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from et_platform.crm.connect import connect
from et_platform.crm.errors import (
    CrmAuthenticationFailed,
    CrmError,
    CrmReadOnly,
    CrmUnreachable,
    MissingColumn,
    MissingTable,
    WriteFailed,
)
from et_platform.crm.source import Source
from et_platform.crm.sqlite_file import reading, writing
from et_platform.crm.write import RowChange, WriteReport, fold, write_back

PEOPLE = """CREATE TABLE people (
    id TEXT, name TEXT, out BOOLEAN, out_at TIMESTAMP, day DATE, opens INTEGER, spent DECIMAL(12, 2)
)"""
CENTRAL = timezone(timedelta(hours=-6))
NOON = datetime.fromisoformat("2026-11-02 12:00:01")


class Database:
    """A CRM of either kind, asked and changed by its own client."""

    def __init__(self, url: str, run: Callable[[str, Sequence], list[tuple]]):
        self.url, self._run = url, run

    def run(self, statement: str, *values) -> list[tuple]:
        return self._run(statement, values)

    def write(self, *changes: RowChange, table: str = "people", key: str = "id") -> WriteReport:
        return write_back(self.url, table=table, key=key, changes=changes)

    def read(self, *columns: str, table: str = "people") -> list[tuple]:
        """All rows as the platform reads them."""
        with connect(self.url) as crm:
            rows = crm.read(Source(table=table), columns).read_all()
        return sorted(zip(*(column.to_pylist() for column in rows.columns), strict=True))


@pytest.fixture(params=["sqlite", "postgresql"])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        path = tmp_path / "crm.sqlite"

        def run(statement: str, values: Sequence) -> list[tuple]:
            with closing(sqlite3.connect(path)) as connection, connection:
                return connection.execute(statement, [_for_sqlite(value) for value in values]).fetchall()

        database = Database(f"sqlite:///{path}", run)
    else:
        session: psycopg.Connection = request.getfixturevalue("postgres")

        def run(statement: str, values: Sequence) -> list[tuple]:
            cursor = session.execute(statement.replace("?", "%s").encode(), values or None)
            return cursor.fetchall() if cursor.description else []

        database = Database(request.getfixturevalue("postgres_uri"), run)
    database.run(PEOPLE)
    return database


def _for_sqlite(value):
    return value.isoformat(" ") if isinstance(value, datetime) else str(value) if isinstance(value, Decimal) else value


def add(crm: Database, *rows: tuple) -> None:
    for row in rows:
        crm.run("INSERT INTO people (id, name, out, out_at, opens) VALUES (?, ?, ?, ?, ?)", *row)


def opt_out(key: str = "P1", *, at: datetime = NOON, **before) -> RowChange:
    return RowChange(key, {"out": False, "out_at": None} | before, {"out": True, "out_at": at})


def test_a_row_that_is_as_it_was_read_gets_its_new_values_and_nothing_else_changes(crm):
    add(crm, ("P1", "Zoë", False, None, 3), ("P2", "Ola", False, None, 4))
    assert crm.write(opt_out()).outcomes == ("written",)
    assert crm.read("id", "name", "out", "out_at", "opens") == [
        ("P1", "Zoë", "true", "2026-11-02 12:00:01", "3"),
        ("P2", "Ola", "false", None, "4"),
    ]


def test_promise_3_writing_again_changes_nothing(crm):
    add(crm, ("P1", "Zoë", False, None, 3))
    assert crm.write(opt_out()).outcomes == ("written",)
    before = crm.read("id", "out", "out_at")
    assert crm.write(opt_out()).outcomes == ("already",)
    assert crm.read("id", "out", "out_at") == before


def test_every_outcome_is_counted_and_only_written_rows_are_touched(crm):
    add(
        crm,
        ("P1", "written", False, None, 1),
        ("P2", "already", True, NOON, 1),
        ("P3", "changed meanwhile", True, NOON - timedelta(days=300), 1),
        ("P4", "exact copy", False, None, 1),
        ("P4", "exact copy", False, None, 1),
        ("P5", "copy in another case", False, None, 1),
        ("p5", "copy in another case", False, None, 1),
        ("P6", "copy with blanks", False, None, 1),
        ("P6  ", "copy with blanks", False, None, 1),
        ("p7", "key changed meanwhile", False, None, 1),
        ("P9", "asked for twice", False, None, 1),
        (None, "no key", False, None, 1),
    )
    keys = ["P1", "P2", "P3", "P4", "P5", "p5", "P6", "P7", "P8", "P9", "P9", "nul\0", "\ud800"]
    report = crm.write(*(opt_out(key) for key in keys))
    assert report.outcomes == (
        "written", "already", "conflict", "ambiguous", "ambiguous", "ambiguous", "ambiguous", "conflict", "missing",
        "ambiguous", "ambiguous", "missing", "missing",
    )  # fmt: skip
    assert report.counts == {"written": 1, "already": 1, "conflict": 2, "missing": 3, "ambiguous": 6}
    assert crm.run("SELECT name FROM people WHERE out_at = ? ORDER BY id", NOON) == [("written",), ("already",)]


def test_a_guard_is_a_column_that_is_compared_and_not_written(crm):
    add(crm, ("P1", "a", False, None, 3), ("P2", "b", False, None, 4))
    report = crm.write(opt_out("P1", opens=3), opt_out("P2", opens=3))
    assert report.outcomes == ("written", "conflict")


@pytest.mark.parametrize(
    ("column", "stored", "before", "after", "then"),
    [
        ("out", None, None, True, "true"),
        ("out", True, True, None, None),
        ("opens", None, None, 7, "7"),
        ("opens", 6, 6, 7, "7"),
        ("name", "6", 6, 7, "7"),  # a column that turned from integer to text
        ("name", None, None, "x", "x"),
        ("name", "", "", "x", "x"),
        ("name", "x", "x", "", ""),
        ("name", "x", "x", None, None),
        ("name", "a'b\"c\n\\,\t", "a'b\"c\n\\,\t", "\\N", "\\N"),
        ("name", "x", "x", "🏔️ ; DROP TABLE people --", "🏔️ ; DROP TABLE people --"),
        ("out_at", NOON, NOON, NOON + timedelta(microseconds=7), "2026-11-02 12:00:01.000007"),
        ("out_at", NOON, NOON.replace(tzinfo=UTC), NOON.replace(tzinfo=CENTRAL), "2026-11-02 18:00:01"),
        ("day", "2026-01-02", date(2026, 1, 2), date(2026, 1, 3), "2026-01-03"),
        ("day", None, None, date(1, 1, 1), "0001-01-01"),
        ("spent", Decimal("12.50"), Decimal("12.5"), Decimal("13.25"), "13.25"),
    ],
)
def test_a_value_of_every_type_is_recognised_and_stored_as_it_is_meant(crm, column, stored, before, after, then):
    crm.run(f"INSERT INTO people (id, {column}) VALUES (?, ?)", "P1", stored)
    change = RowChange("P1", {column: before}, {column: after})
    assert crm.write(change).outcomes == ("written",)
    assert crm.read(column) == [(then,)]
    assert crm.write(change).outcomes == ("already",)


@pytest.mark.parametrize(
    ("column", "stored", "before", "after"),
    [
        ("out", False, True, None),
        ("out", None, False, True),
        ("out", False, None, True),
        ("opens", 0, None, 7),
        ("opens", None, 0, 7),
        ("name", "", None, "x"),
        ("name", None, "", "x"),
        ("name", "x ", "x", "y"),
        ("name", "X", "x", "y"),
        ("out_at", NOON, NOON + timedelta(microseconds=1), NOON + timedelta(days=1)),
        ("out_at", NOON, NOON.replace(tzinfo=CENTRAL), NOON + timedelta(days=1)),
        ("day", "2026-01-02", date(2026, 1, 1), date(2026, 1, 3)),
        ("spent", Decimal("12.50"), Decimal("12.51"), Decimal("13.25")),
    ],
)
def test_a_value_that_is_another_is_not_overwritten(crm, column, stored, before, after):
    crm.run(f"INSERT INTO people (id, {column}) VALUES (?, ?)", "P1", stored)
    shown = crm.read(column)
    assert crm.write(RowChange("P1", {column: before}, {column: after})).outcomes == ("conflict",)
    assert crm.read(column) == shown


def test_names_are_quoted_and_found_without_regard_to_case(crm):
    crm.run('CREATE TABLE "my ""own"" table" ("the Key" TEXT, "select" INTEGER, "ÄÖ" TEXT)')
    crm.run('INSERT INTO "my ""own"" table" VALUES (?, ?, ?)', "k", 1, "x")
    change = RowChange("k", {"SELECT": 1, "ÄÖ": "x"}, {"SELECT": 2})
    assert crm.write(change, table='my "own" table', key="THE KEY").outcomes == ("written",)
    assert crm.run('SELECT * FROM "my ""own"" table"') == [("k", 2, "x")]


def test_changes_of_different_columns_go_together(crm):
    add(crm, ("P1", "a", False, None, 3), ("P2", "b", False, None, 4), ("P3", "c", False, None, 5))
    report = crm.write(
        opt_out("P1"), RowChange("P2", {"opens": 4}, {"opens": 5}), RowChange("P3", {"name": "c"}, {"name": None})
    )
    assert report.outcomes == ("written",) * 3
    assert crm.read("id", "name", "out", "opens") == [
        ("P1", "a", "true", "3"), ("P2", "b", "false", "5"), ("P3", None, "false", "5"),
    ]  # fmt: skip


def test_nothing_is_written_when_one_row_is_refused_and_no_value_is_quoted(crm):
    crm.run("CREATE TABLE strict (id TEXT PRIMARY KEY, email TEXT UNIQUE, n INTEGER CHECK (n < 10))")
    for row in (("P1", "a@example.org", 1), ("P2", "b@example.org", 2)):
        crm.run("INSERT INTO strict VALUES (?, ?, ?)", *row)
    refused = [
        RowChange("P1", {"n": 1}, {"n": 3}),
        RowChange("P2", {"n": 2}, {"n": 4711}),
    ]
    with pytest.raises(WriteFailed) as caught:
        crm.write(*refused, table="strict")
    assert "4711" not in str(caught.value)
    with pytest.raises(WriteFailed) as caught:
        crm.write(RowChange("P2", {"email": "b@example.org"}, {"email": "a@example.org"}), table="strict")
    assert "example.org" not in str(caught.value)
    assert crm.run("SELECT n FROM strict ORDER BY id") == [(1,), (2,)]


def test_a_text_with_half_a_character_is_refused_and_named_by_its_column(crm):
    add(crm, ("P1", "a", False, None, 3))
    with pytest.raises(WriteFailed, match="column name would get a text with half a character"):
        crm.write(RowChange("P1", {"name": "a"}, {"name": "x\ud800"}))


def test_a_missing_table_or_column_is_named_with_what_there_is(crm):
    with pytest.raises(MissingTable, match=r"there are .*people"):
        crm.write(opt_out(), table="persons")
    with pytest.raises(MissingColumn, match="has no column optout; there are id, name, out"):
        crm.write(RowChange("P1", {"optout": False}, {"optout": True}))
    with pytest.raises(MissingColumn, match="no column ident"):
        crm.write(opt_out(), key="ident")


def test_a_value_that_was_never_read_is_not_written(crm):
    for before, after in (({"out": False}, {"out_at": NOON}), ({"out": False}, {})):
        with pytest.raises(ValueError, match="each of them in `before`"):
            crm.write(RowChange("P1", before, after))
    assert crm.write().outcomes == ()


def test_two_writers_at_once_write_every_row_once(crm):
    add(crm, *((f"P{number}", "x", False, None, 0) for number in range(200)))
    reports: list[WriteReport] = []

    def write() -> None:
        reports.append(crm.write(*(opt_out(f"P{number}") for number in range(200))))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.counts["written"] for report in reports) == [0, 0, 0, 200]
    assert sorted(report.counts["already"] for report in reports) == [0, 200, 200, 200]


def test_many_rows_take_seconds_even_without_an_index(crm):
    count = 20_000
    crm.run(
        "INSERT INTO people (id, out, opens) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        f"WHERE i < {count}) SELECT 'P' || i, false, i FROM n"
    )
    changes = [opt_out(f"P{number}", opens=number) for number in range(1, count + 1)]
    started = time.monotonic()
    assert crm.write(*changes).counts["written"] == count
    assert crm.write(*changes).counts["already"] == count
    assert time.monotonic() - started < 20


# SQLite alone: what its columns hold is up to the row


def sqlite_table(path: Path, statement: str, *rows: tuple) -> str:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
        for row in rows:
            connection.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(row))})", row)
    return f"sqlite:///{path}"


def content(path: Path) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM t ORDER BY rowid").fetchall()


@pytest.mark.parametrize(
    ("declared", "stored", "then"),
    [
        ("BOOLEAN", 0, 1),
        ("BOOLEAN", "false", "true"),
        ("BOOLEAN", "No", "Yes"),
        ("TEXT", "N", "Y"),
        ("TEXT", "0", "1"),
        ("TEXT", "F", "T"),
        ("", "0", 1),
        ("INTEGER", 0, 1),
    ],
)
def test_a_boolean_keeps_the_words_that_the_crm_has_for_it(tmp_path, declared, stored, then):
    url = sqlite_table(tmp_path / "c.db", f"CREATE TABLE t (id TEXT, b {declared})", ("k", stored))
    change = RowChange("k", {"b": False}, {"b": True})
    assert write_back(url, table="t", key="id", changes=[change]).outcomes == ("written",)
    assert content(tmp_path / "c.db") == [("k", then)]
    assert write_back(url, table="t", key="id", changes=[change]).outcomes == ("already",)


@pytest.mark.parametrize(
    "stored",
    ["2026-11-02 12:00:01", "2026-11-02T12:00:01Z", "2026-11-02 06:00:01-06", "2026-11-02 12:00:01.000 +00:00"],
)
def test_a_moment_is_the_same_in_whatever_form_it_is_written(tmp_path, stored):
    url = sqlite_table(tmp_path / "c.db", "CREATE TABLE t (id TEXT, at TIMESTAMP)", ("k", stored))
    later = NOON + timedelta(days=1)
    assert write_back(url, table="t", key="id", changes=[RowChange("k", {"at": NOON}, {"at": later})]).outcomes == (
        "written",
    )
    assert content(tmp_path / "c.db") == [("k", "2026-11-03 12:00:01")]


@pytest.mark.parametrize("stored", ["maybe", b"\xff", 1762084801, "2026-02-31 00:00:00", "13:00"])
def test_what_cannot_be_read_is_never_overwritten(tmp_path, stored):
    url = sqlite_table(tmp_path / "c.db", "CREATE TABLE t (id TEXT, at TIMESTAMP)", ("k", stored))
    for before in (None, NOON):
        change = RowChange("k", {"at": before}, {"at": NOON + timedelta(days=1)})
        assert write_back(url, table="t", key="id", changes=[change]).outcomes == ("conflict",)
    assert content(tmp_path / "c.db") == [("k", stored)]


def test_an_empty_text_where_none_belongs_was_read_as_nothing(tmp_path):
    url = sqlite_table(tmp_path / "c.db", "CREATE TABLE t (id TEXT, at TIMESTAMP)", ("k", " "))
    change = RowChange("k", {"at": None}, {"at": NOON})
    assert write_back(url, table="t", key="id", changes=[change]).outcomes == ("written",)


def test_integer_keys_and_tables_without_rowid(tmp_path):
    url = sqlite_table(tmp_path / "c.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)", (12, 1), (120, 1))
    assert write_back(url, table="t", key="id", changes=[RowChange("12", {"n": 1}, {"n": 2})]).outcomes == ("written",)
    assert content(tmp_path / "c.db") == [(12, 2), (120, 1)]
    url = sqlite_table(tmp_path / "d.db", "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID", ("a", 1))
    assert write_back(url, table="t", key="id", changes=[RowChange("a", {"n": 1}, {"n": 2})]).outcomes == ("written",)


def test_a_file_that_is_not_there_is_not_made_and_one_that_is_no_database_is_named(tmp_path):
    missing = tmp_path / "missing.db"
    with pytest.raises(CrmUnreachable, match="does not exist"):
        write_back(f"sqlite:///{missing}", table="t", key="id", changes=[opt_out()])
    assert not missing.exists()
    missing.write_bytes(b"not a database at all " * 100)
    with pytest.raises(CrmUnreachable, match="not a database"):
        write_back(f"sqlite:///{missing}", table="t", key="id", changes=[opt_out()])


def test_a_database_that_can_only_be_read_says_so(tmp_path):
    url = sqlite_table(tmp_path / "c.db", "CREATE TABLE t (id TEXT, n INTEGER)", ("k", 1))
    with (tmp_path / "c.db").open("r+b") as file:
        file.seek(18)
        file.write(b"\x03")  # a later file format: this version of SQLite may read it and not write it
    with pytest.raises(CrmReadOnly, match="cannot be written"):
        write_back(url, table="t", key="id", changes=[RowChange("k", {"n": 1}, {"n": 2})])


def test_a_view_is_not_written(tmp_path):
    url = sqlite_table(tmp_path / "c.db", "CREATE TABLE t (id TEXT, n INTEGER)", ("k", 1))
    with closing(sqlite3.connect(tmp_path / "c.db")) as connection:
        connection.execute("CREATE VIEW v AS SELECT * FROM t")
    with pytest.raises(WriteFailed, match="cannot modify v"):
        write_back(url, table="v", key="id", changes=[RowChange("k", {"n": 1}, {"n": 2})])


def test_reading_and_writing_of_one_file_in_one_process_exclude_each_other(tmp_path):
    path = tmp_path / "c.db"
    in_use = pytest.raises(CrmUnreachable, match="still open in this very process")
    with reading(path), reading(path), in_use, writing(path, wait_seconds=0.1):
        pass
    with writing(path), pytest.raises(CrmUnreachable), reading(path, wait_seconds=0.1):
        pass
    with writing(path):
        pass


def test_a_reader_that_could_not_be_opened_holds_nothing(tmp_path):
    (tmp_path / "c.db").write_bytes(b"not a database at all " * 100)
    with pytest.raises(CrmUnreachable):
        connect(f"sqlite:///{tmp_path / 'c.db'}")
    with writing(tmp_path / "c.db", wait_seconds=0.1):
        pass


# PostgreSQL alone


def test_postgresql_types_of_every_kind_take_a_boolean_a_moment_and_odd_keys(postgres, postgres_uri):
    postgres.execute(
        "CREATE TABLE t (id uuid PRIMARY KEY, flag smallint, word varchar(5), zoned timestamptz, plain timestamp,"
        " old timestamp, doc json)"
    )
    key = "a1b2c3d4-0000-4000-8000-000000000001"
    postgres.execute("INSERT INTO t VALUES (%s, 0, 'No', null, 'infinity', '0044-03-15 BC', '{}')", [key])
    change = RowChange(
        key, {"flag": False, "word": False, "zoned": None}, {"flag": True, "word": True, "zoned": NOON.replace(tzinfo=UTC)}
    )  # fmt: skip
    assert write_back(postgres_uri, table="public.t", key="id", changes=[change]).outcomes == ("written",)
    row = postgres.execute("SELECT flag, word, zoned FROM t").fetchone()
    assert row == (1, "Yes", NOON.replace(tzinfo=UTC))
    assert write_back(postgres_uri, table="public.t", key="id", changes=[change]).outcomes == ("already",)
    odd = RowChange(key, {"plain": None, "old": None}, {"plain": NOON, "old": NOON})
    assert write_back(postgres_uri, table="t", key="id", changes=[odd]).outcomes == ("conflict",)


def test_postgresql_refusals_name_the_kind_of_error_and_no_value(postgres, postgres_uri):
    postgres.execute("CREATE TABLE t (id text, n smallint, day date, word varchar(3))")
    postgres.execute("INSERT INTO t VALUES ('k', 1, null, null)")
    for column, before, after, match in (
        ("n", 1, 123456, "SQLSTATE 22003"),
        ("word", None, "secret", "SQLSTATE 22001"),
        ("day", None, NOON, "holds dates without a time of day"),
        ("n", 1, "secret", "SQLSTATE 22P02"),
    ):
        with pytest.raises(WriteFailed, match=match) as caught:
            write_back(postgres_uri, table="t", key="id", changes=[RowChange("k", {column: before}, {column: after})])
        assert "123456" not in str(caught.value)
        assert "secret" not in str(caught.value)
    assert postgres.execute("SELECT * FROM t").fetchall() == [("k", 1, None, None)]


def test_postgresql_read_only_and_privileges_are_told_apart(postgres, postgres_uri):
    postgres.execute("CREATE TABLE t (id text, n int)")
    postgres.execute("INSERT INTO t VALUES ('k', 1)")
    change = RowChange("k", {"n": 1}, {"n": 2})
    dash = "&" if "?" in postgres_uri else "?"
    with pytest.raises(CrmReadOnly, match="standby"):
        write_back(
            f"{postgres_uri}{dash}options=-c%20default_transaction_read_only%3Don",
            table="t",
            key="id",
            changes=[change],
        )
    postgres.execute("DROP ROLE IF EXISTS reader")
    postgres.execute("CREATE ROLE reader LOGIN")
    postgres.execute("GRANT SELECT ON t TO reader")
    postgres.execute("GRANT USAGE ON SCHEMA public TO reader")
    with pytest.raises(CrmReadOnly, match="Grant it SELECT and UPDATE"):
        write_back(f"{postgres_uri}{dash}options=-c%20role%3Dreader", table="t", key="id", changes=[change])
    postgres.execute("DROP OWNED BY reader")
    postgres.execute("DROP ROLE reader")


def test_postgresql_passwords_stay_out_of_messages(postgres_uri):
    with pytest.raises((CrmAuthenticationFailed, CrmUnreachable)) as caught:
        write_back("postgresql://nobody:s3cret@127.0.0.1:1/none", table="t", key="id", changes=[opt_out()])
    assert "s3cret" not in str(caught.value)
    with pytest.raises(CrmError, match="cannot be understood"):
        write_back("not a url", table="t", key="id", changes=[opt_out()])


def test_postgresql_a_writer_in_between_is_waited_for_and_then_seen(postgres, postgres_uri):
    postgres.execute("CREATE TABLE t (id text, n int)")
    postgres.execute("INSERT INTO t VALUES ('k', 1), ('l', 1)")
    outcomes: list[WriteReport] = []
    with psycopg.connect(postgres_uri) as other:
        other.execute("UPDATE t SET n = 5 WHERE id = 'k'")
        changes = [RowChange("k", {"n": 1}, {"n": 2}), RowChange("l", {"n": 1}, {"n": 2})]
        thread = threading.Thread(
            target=lambda: outcomes.append(write_back(postgres_uri, table="t", key="id", changes=changes))
        )
        thread.start()
        while not postgres.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall():
            time.sleep(0.01)
        other.commit()
    thread.join()
    assert outcomes[0].outcomes == ("conflict", "written")
    assert postgres.execute("SELECT n FROM t ORDER BY id").fetchall() == [(5,), (2,)]


def test_a_trigger_that_holds_a_row_back_undoes_everything(postgres, postgres_uri):
    postgres.execute("CREATE TABLE t (id text, n int)")
    postgres.execute("INSERT INTO t VALUES ('k', 1), ('l', 1)")
    postgres.execute(
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.id = 'k' THEN RETURN NULL; END IF; RETURN NEW; END $$"
    )
    postgres.execute("CREATE TRIGGER hold BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION hold()")
    changes = [RowChange(key, {"n": 1}, {"n": 2}) for key in ("k", "l")]
    with pytest.raises(WriteFailed, match="took 1 of 2 rows"):
        write_back(postgres_uri, table="t", key="id", changes=changes)
    assert postgres.execute("SELECT n FROM t").fetchall() == [(1,), (1,)]


@pytest.mark.parametrize("key", ["ABC", "abc  ", "Straße", "ＡＢＣ", "İ", "a\tb "])
def test_both_databases_fold_keys_as_we_do(postgres, key):
    ours = fold(key)
    assert postgres.execute("""SELECT lower(rtrim(%s::text, ' ') COLLATE "C")""", [key]).fetchone() == (ours,)
    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute("SELECT lower(rtrim(CAST(? AS TEXT), ' '))", [key]).fetchone() == (ours,)
