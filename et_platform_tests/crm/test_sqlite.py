"""Reading a CRM in a SQLite file."""

import random
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from et_platform.crm.connect import connect
from et_platform.crm.errors import (
    CrmError,
    CrmUnreachable,
    MissingColumn,
    MissingTable,
    ReadFailed,
)
from et_platform.crm.source import Source

TEXTS = [
    "plain",
    "",
    " blanks ",
    'O\'Hara "Ridge"; a,b\\c',
    "two\nlines\r\nthree\ttab",
    "👩‍👩‍👧 🏔️ ⛷🏽",
    "山田 𠮷野 김",
    "أحمد שירה ที่ हिन्दी",
    "e\u0301 is not é",
    "nul\x00inside",
    "NULL",
]


def database(path: Path, *statements: str, rows: Iterable[tuple] = (), into: str = "t") -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
        for row in rows:
            connection.execute(f"INSERT INTO {into} VALUES ({', '.join('?' * len(row))})", row)
    return path


def read(path: Path, source: Source, *columns: str) -> list[tuple]:
    with connect(f"sqlite:///{path}") as crm:
        table = crm.read(source, columns).read_all()
    assert table.schema == pa.schema([(name, pa.string()) for name in columns])
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "crm.db"


def test_text_arrives_as_it_is(path: Path):
    database(path, "CREATE TABLE t (a TEXT)", rows=[(text,) for text in [*TEXTS, None]])
    assert [row[0] for row in read(path, Source(table="t"), "a")] == [*TEXTS, None]


def test_every_type_becomes_uniform_text(path: Path):
    database(
        path,
        "CREATE TABLE t (i INTEGER, d DECIMAL(12,2), r REAL, b BOOLEAN, ts TIMESTAMP, x BLOB)",
        rows=[
            (12, "12.50", 0.1, True, "2026-01-02 03:04:05", b"caf\xc3\xa9"),
            (-(2**63), "9999999999.99", 1e16, False, "2026-01-02", None),
            ("twelve", "123456789012.34", 12.0, "maybe", "0000-00-00", b""),
            (1.5, 100, 0.30000000000000004, 2, 1767323045, "text"),
        ],
    )
    assert read(path, Source(table="t"), "i", "d", "r", "b", "ts", "x") == [
        ("12", "12.5", "0.1", "true", "2026-01-02 03:04:05", "café"),
        ("-9223372036854775808", "9999999999.99", "10000000000000000", "false", "2026-01-02", None),
        ("twelve", "123456789012.34", "12", "maybe", "0000-00-00", ""),
        ("1.5", "100", "0.30000000000000004", "2", "1767323045", "text"),
    ]


def test_every_float_reads_back_the_same(path: Path):
    dice = random.Random(1)
    bits = [struct.unpack("d", struct.pack("Q", dice.getrandbits(64)))[0] for _ in range(3_000)]
    usual = [dice.uniform(-1, 1) * 10 ** dice.randint(-5, 17) for _ in range(3_000)]
    floats = [value for value in (*bits, *usual, 5e-324, 1.7976931348623157e308) if value == value]
    database(path, "CREATE TABLE t (r REAL)", rows=[(value,) for value in floats])
    assert [float(row[0]) for row in read(path, Source(table="t"), "r")] == floats


def test_money_is_written_as_it_was_entered(path: Path):
    dice = random.Random(2)
    amounts = [f"{dice.randint(0, 10**9)}.{dice.randint(1, 9)}" for _ in range(2_000)]
    amounts += [f"{dice.randint(0, 10**9)}.{dice.randint(0, 9)}{dice.randint(1, 9)}" for _ in range(2_000)]
    database(path, "CREATE TABLE t (d DECIMAL(12,2))", rows=[(amount,) for amount in amounts])
    assert [row[0] for row in read(path, Source(table="t"), "d")] == amounts


def test_a_query_passes_unchanged_and_may_end_in_a_comment(path: Path):
    database(path, "CREATE TABLE t (a, n)", rows=[("x", 1), ("y", 2)])
    query = (
        "WITH big AS (SELECT a, n * 10 AS tens FROM t) SELECT tens, a FROM big WHERE a <> '%s;' ORDER BY a DESC -- done"
    )
    assert read(path, Source(query=query), "a", "tens") == [("y", "20"), ("x", "10")]
    with connect(f"sqlite:///{path}") as crm:
        assert [column.name for column in crm.columns(Source(query=query))] == ["tens", "a"]
        assert [column.name for column in crm.columns(Source(query="SELECT a FROM t;\n"))] == ["a"]


def test_views_schemas_and_awkward_names(path: Path):
    awkward = 'my "own" table\'s; name'
    column = 'a "b" c\'s'
    escaped = [name.replace('"', '""') for name in (awkward, column)]
    database(path, f'CREATE TABLE "{escaped[0]}" ("{escaped[1]}" BOOLEAN)', rows=[(1,)], into=f'"{escaped[0]}"')
    database(path, f'CREATE VIEW v AS SELECT * FROM "{escaped[0]}"')
    assert read(path, Source(table=awkward), column) == [("true",)]
    assert read(path, Source(table="v"), column) == [("true",)]
    assert read(path, Source(table="main.v"), column) == [("true",)]


def test_a_column_of_texts_in_a_view_may_hold_numbers(path: Path):
    database(path, "CREATE TABLE t (a TEXT, n)", rows=[("1.0", 0.1), ("x", 1e16)])
    database(path, "CREATE VIEW v AS SELECT a AS a FROM t UNION ALL SELECT n FROM t")
    assert sorted(read(path, Source(table="v"), "a")) == [("0.1",), ("1.0",), ("10000000000000000",), ("x",)]
    assert sorted(read(path, Source(table="t"), "a")) == [("1.0",), ("x",)]


def test_columns_tell_type_and_nullability_where_the_database_knows_them(path: Path):
    database(
        path,
        "CREATE TABLE t (id BIGINT NOT NULL, name VARCHAR(50), seen DATETIME, day DATE, spent DECIMAL(12,2), ok BOOLEAN,"
        " raw BLOB, anything)",
        "CREATE TABLE s (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
        "CREATE VIEW v AS SELECT id, name FROM t",
    )
    with connect(f"sqlite:///{path}") as crm:
        assert [(c.type, c.kind, c.nullable, c.enforced) for c in crm.columns(Source(table="T"))] == [
            ("BIGINT", "integer", False, False),
            ("VARCHAR(50)", "text", True, False),
            ("DATETIME", "timestamp", True, False),
            ("DATE", "date", True, False),
            ("DECIMAL(12,2)", "number", True, False),
            ("BOOLEAN", "boolean", True, False),
            ("BLOB", "other", True, False),
            ("", "untyped", True, False),
        ]
        assert [(c.kind, c.nullable, c.enforced) for c in crm.columns(Source(table="s"))] == [
            ("integer", True, True),
            ("text", False, True),
        ]
        assert [(c.kind, c.nullable) for c in crm.columns(Source(table="v"))] == [("integer", None), ("text", None)]
        assert [(c.kind, c.nullable) for c in crm.columns(Source(query="SELECT id FROM t"))] == [("untyped", None)]


def test_an_empty_table_has_a_schema_and_no_rows(path: Path):
    database(path, "CREATE TABLE t (a TEXT, b INTEGER)")
    assert read(path, Source(table="t"), "b", "a") == []


def test_columns_match_exactly_first_then_without_case(path: Path):
    database(path, "CREATE TABLE t (Email TEXT)", rows=[("x",)])
    assert read(path, Source(table="T"), "email") == [("x",)]
    with (
        connect(f"sqlite:///{path}") as crm,
        pytest.raises(MissingColumn, match="no column mail; there are Email") as e,
    ):
        crm.read(Source(table="t"), ["mail"])
    assert (e.value.column, e.value.available, e.value.source) == ("mail", ("Email",), Source(table="t"))


def test_a_missing_table_is_named_with_what_there_is(path: Path):
    database(path, "CREATE TABLE customers (a)")
    with connect(f"sqlite:///{path}") as crm:
        with pytest.raises(MissingTable, match="no table or view custommers; there are customers"):
            crm.columns(Source(table="custommers"))
        with pytest.raises(MissingTable, match="custommers"):
            crm.read(Source(query="SELECT * FROM custommers"), ["a"])


@pytest.mark.parametrize(
    ("query", "trouble"),
    [
        ("SELEC 1", 'near "1": syntax error'),
        ("DELETE FROM t", 'near "DELETE": syntax error'),
        ("SELECT nope FROM t", "no such column: nope"),
        ("SELECT 1 AS a; DELETE FROM t", 'near ";": syntax error'),
    ],
)
def test_a_query_that_is_none_is_refused_and_changes_nothing(path: Path, query: str, trouble: str):
    database(path, "CREATE TABLE t (a)", rows=[("kept",)])
    with connect(f"sqlite:///{path}") as crm, pytest.raises(ReadFailed, match=trouble):
        crm.read(Source(query=query), ["a"])
    assert read(path, Source(table="t"), "a") == [("kept",)]


@pytest.mark.parametrize(
    ("broken", "text"),
    [("ff41", "\x1aA"), ("eda080", "\x1a\x1a\x1a"), ("4a6f73e9", "Jos\x1a")],
    ids=["no start byte", "lone surrogate", "Latin-1"],
)
@pytest.mark.parametrize("kind", ["TEXT", "BLOB"])
def test_bytes_that_are_no_text_are_told_from_text(path: Path, broken: str, text: str, kind: str):
    rows = [(f"id-{number}", None if number % 2 else "né") for number in range(60_000)]
    database(path, "CREATE TABLE t (id TEXT, name TEXT)", rows=rows)
    database(path, f"UPDATE t SET name = CAST(x'{broken}' AS {kind}) WHERE id = 'id-55554'")
    rows[55_554] = ("id-55554", text)
    assert read(path, Source(table="t"), "id", "name") == rows


def test_the_error_survives_a_consumer_that_hides_it(path: Path):
    database(path, "CREATE TABLE t (a TEXT)", rows=[(str(number),) for number in range(60_000)])
    with duckdb.connect() as lake:
        with pytest.raises(ReadFailed, match="integer overflow"), connect(f"sqlite:///{path}") as crm:
            query = "SELECT CASE WHEN a < '59' THEN a ELSE abs(-9223372036854775807 - 1) END AS a FROM t"
            lake.register("incoming", crm.read(Source(query=query), ["a"]))
            lake.execute("CREATE TABLE snapshot AS FROM incoming")
        assert lake.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)


def test_huge_text_and_many_batches(path: Path):
    huge = "é" * 5_000_000
    database(path, "CREATE TABLE t (a TEXT)", rows=[(huge,), *((str(number),) for number in range(120_000))])
    with connect(f"sqlite:///{path}") as crm:
        batches = list(crm.read(Source(table="t"), ["a"]))
    assert batches[0].column(0)[0].as_py() == huge
    assert sum(batch.num_rows for batch in batches) == 120_001
    assert max(batch.num_rows for batch in batches) <= 50_000


def test_a_missing_file_is_an_error_and_is_not_made(path: Path):
    with pytest.raises(CrmUnreachable, match="does not exist"):
        connect(f"sqlite:///{path}")
    assert not path.exists()


def test_what_is_no_database_is_an_error(tmp_path: Path, path: Path):
    path.write_text("customer_id,email\n" * 1_000, encoding="utf-8")
    with pytest.raises(CrmUnreachable, match="not a database"):
        connect(f"sqlite:///{path}")
    with pytest.raises(CrmUnreachable, match="is not a file"):
        connect(f"sqlite:///{tmp_path}")


def elsewhere(path: Path, program: str) -> subprocess.Popen[bytes]:
    """Another process that runs `program` on a connection to the file, says when it has, and waits."""
    program = f"import sqlite3; c = sqlite3.connect({str(path)!r}, timeout=0, isolation_level=None); {program}"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{program}; print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"\n"
    return process


def finish(process: subprocess.Popen[bytes]) -> None:
    process.communicate(b"\n")
    assert process.returncode == 0


def test_a_locked_database_is_an_error(path: Path):
    database(path, "CREATE TABLE t (a)")
    process = elsewhere(path, "c.execute('BEGIN EXCLUSIVE')")
    try:
        with pytest.raises(CrmUnreachable, match="locked by another program"):
            connect(f"sqlite:///{path}")
    finally:
        finish(process)
    assert read(path, Source(table="t"), "a") == []


def test_the_rows_are_one_snapshot_while_others_write(path: Path):
    rows = [("old",)] * 150_000
    database(path, "PRAGMA journal_mode = WAL", "CREATE TABLE t (a TEXT)", rows=rows)
    with connect(f"sqlite:///{path}") as crm:
        reader = crm.read(Source(table="t"), ["a"])
        first = reader.read_next_batch()
        finish(elsewhere(path, "c.execute('UPDATE t SET a = \"new\"'); c.execute('INSERT INTO t VALUES (\"new\")')"))
        assert pa.Table.from_batches([first, *reader]).column("a").to_pylist() == ["old"] * 150_000
    assert read(path, Source(query="SELECT DISTINCT a FROM t"), "a") == [("new",)]


def test_a_relative_path_starts_in_the_working_folder(path: Path, monkeypatch: pytest.MonkeyPatch):
    database(path, "CREATE TABLE t (a)")
    monkeypatch.chdir(path.parent)
    with connect("sqlite:///crm.db") as crm:
        assert [column.name for column in crm.columns(Source(table="t"))] == ["a"]


@pytest.mark.parametrize(
    "url", ["db2://root:s3cret@db/crm", "crm.db", "", "sqlite://", "sqlite:///:memory:", "sqlite:///a.db?mode=rwc"]
)
def test_other_urls_are_told_what_is_supported(url: str):
    with pytest.raises(CrmError, match=r"sqlite:///relative/path\.db") as raised:
        connect(url)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(("table", "query"), [(None, None), ("t", "SELECT 1"), ("", None), (None, " ")])
def test_a_source_is_a_table_or_a_query(table: str | None, query: str | None):
    with pytest.raises(ValueError, match="exactly one"):
        Source(table=table, query=query)
