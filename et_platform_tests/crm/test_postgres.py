"""Reading a CRM in a PostgreSQL database, on a real server."""

import time
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from et_platform.crm.connect import connect
from et_platform.crm.errors import (
    CrmAuthenticationFailed,
    CrmError,
    CrmUnreachable,
    MissingColumn,
    MissingTable,
    ReadFailed,
)
from et_platform.crm.source import Source

pytestmark = pytest.mark.usefixtures("postgres")


def read(uri: str, source: Source, *columns: str) -> list[tuple]:
    with connect(uri) as crm:
        table = crm.read(source, columns).read_all()
    assert table.schema == pa.schema([(name, pa.string()) for name in columns])
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def value(uri: str, expression: str) -> str | None:
    return read(uri, Source(query=f"SELECT {expression} AS v"), "v")[0][0]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("timestamp '2026-01-02 03:04:05'", "2026-01-02 03:04:05"),
        ("timestamp '2026-01-02 03:04:05.000007'", "2026-01-02 03:04:05.000007"),
        ("timestamptz '2026-01-02 03:04:05-06'", "2026-01-02 09:04:05+00"),
        ("timestamp 'infinity'", "infinity"),
        ("date '10000-01-01'", "10000-01-01"),
        ("date '0044-03-15 BC'", "0044-03-15 BC"),
        ("true", "true"),
        ("false", "false"),
        ("null::boolean", None),
        ("0.10::numeric(12,2)", "0.10"),
        ("12345678901234567890123456789012345678901234567.5::numeric", "12345678901234567890123456789012345678901234567.5"),
        ("1e-20::numeric", "0.00000000000000000001"),
        ("0.1::float8", "0.1"),
        ("(0.1::float8 + 0.2)", "0.30000000000000004"),
        ("0.1::float4", "0.1"),
        ("12::float8", "12"),
        ("(-9223372036854775808)::int8", "-9223372036854775808"),
        ("'a1b2c3d4-0000-4000-8000-000000000001'::uuid", "a1b2c3d4-0000-4000-8000-000000000001"),
        ("'{\"a\": [1, null]}'::jsonb", '{"a": [1, null]}'),
        ("array['x', null, 'y,z']", '{x,NULL,"y,z"}'),
        ("'\\xff00'::bytea", "\\xff00"),
        ("interval '1 day 2 hours'", "P1DT2H"),
        ("'trailing  '::text", "trailing  "),
    ],
)  # fmt: skip
def test_every_type_becomes_uniform_text(postgres_uri: str, expression: str, text: str | None):
    assert value(postgres_uri, expression) == text


def test_the_text_does_not_depend_on_the_servers_settings(postgres: psycopg.Connection, postgres_uri: str):
    postgres.execute("ALTER ROLE postgres SET TimeZone = 'Asia/Tokyo'")
    postgres.execute("ALTER ROLE postgres SET DateStyle = 'German'")
    postgres.execute("ALTER ROLE postgres SET extra_float_digits = -10")
    try:
        assert value(postgres_uri, "timestamptz '2026-01-02 03:04:05+00'") == "2026-01-02 03:04:05+00"
        assert value(postgres_uri, "1.0::float8 / 3") == "0.3333333333333333"
    finally:
        postgres.execute("ALTER ROLE postgres RESET ALL")


def test_text_arrives_as_it_is(postgres: psycopg.Connection, postgres_uri: str):
    texts = [
        "",
        " x ",
        'O\'Hara "Ridge"; a,b\\c',
        "two\nlines\r\n\t",
        "👩‍👩‍👧 🏔️",
        "𠮷野 김",
        "أحمد שירה हिन्दी",
        "\\N",
        None,
    ]
    postgres.execute("CREATE TABLE t (n serial, a text)")
    for text in texts:
        postgres.execute("INSERT INTO t (a) VALUES (%s)", (text,))
    assert read(postgres_uri, Source(query="SELECT a FROM t ORDER BY n"), "a") == [(text,) for text in texts]


def test_a_database_in_another_encoding_arrives_as_unicode(postgres: psycopg.Connection, postgres_uri: str):
    postgres.execute("DROP DATABASE IF EXISTS latin")
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    assert value(postgres_uri.replace("/postgres?", "/latin?"), "convert_from('\\xe9', 'LATIN1')") == "é"


def test_bytes_that_are_no_text_are_told_from_text(postgres: psycopg.Connection, postgres_uri: str):
    postgres.execute("DROP DATABASE IF EXISTS anything")
    postgres.execute("CREATE DATABASE anything ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    uri = postgres_uri.replace("/postgres?", "/anything?")
    query = "SELECT 'id-7' AS id, convert_from('\\xff41', 'SQL_ASCII') AS name UNION ALL SELECT 'id-8', 'é' ORDER BY 1"
    assert read(uri, Source(query=query), "id", "name") == [("id-7", "\x1aA"), ("id-8", "é")]


def test_schemas_views_and_awkward_names(postgres: psycopg.Connection, postgres_uri: str):
    postgres.execute('CREATE SCHEMA IF NOT EXISTS "Sales; Dept"')
    postgres.execute('DROP TABLE IF EXISTS "Sales; Dept"."my ""own"" table\'s"')
    postgres.execute('CREATE TABLE "Sales; Dept"."my ""own"" table\'s" ("a ""b"" c\'s" int)')
    postgres.execute('INSERT INTO "Sales; Dept"."my ""own"" table\'s" VALUES (1)')
    postgres.execute('CREATE VIEW v AS SELECT * FROM "Sales; Dept"."my ""own"" table\'s"')
    column = 'a "b" c\'s'
    assert read(postgres_uri, Source(table='Sales; Dept.my "own" table\'s'), column) == [("1",)]
    assert read(postgres_uri, Source(table="v"), column) == [("1",)]
    assert read(postgres_uri, Source(table="public.v"), column) == [("1",)]


def test_a_query_passes_unchanged_and_may_end_in_a_comment(postgres_uri: str):
    query = "WITH n AS (SELECT generate_series(1, 3) AS i) SELECT i, '50 %s;' AS t FROM n WHERE i % 2 = 1 ORDER BY i DESC -- done"
    assert read(postgres_uri, Source(query=query), "t", "i") == [("50 %s;", "3"), ("50 %s;", "1")]
    with connect(postgres_uri) as crm:
        assert [column.name for column in crm.columns(Source(query=query))] == ["i", "t"]
        assert [column.name for column in crm.columns(Source(query="SELECT 1 AS a;\n"))] == ["a"]


def test_columns_match_exactly_first_then_without_case(postgres: psycopg.Connection, postgres_uri: str):
    postgres.execute('CREATE TABLE t ("Email" text, "name" text, "Name" text)')
    postgres.execute("INSERT INTO t VALUES ('e', 'lower', 'upper')")
    assert read(postgres_uri, Source(table="t"), "EMAIL", "Name", "name") == [("e", "upper", "lower")]
    with connect(postgres_uri) as crm:
        with pytest.raises(MissingColumn, match="several columns that could be NAME \\(name, Name\\)"):
            crm.read(Source(table="t"), ["NAME"])
        with pytest.raises(MissingColumn, match="no column mail; there are Email, name, Name"):
            crm.read(Source(table="t"), ["mail"])
        with pytest.raises(MissingColumn, match="several"):
            crm.read(Source(query="SELECT 1 AS a, 2 AS a"), ["a"])


def test_an_empty_table_has_a_schema_and_no_rows(postgres: psycopg.Connection, postgres_uri: str):
    postgres.execute("CREATE TABLE t (a text, b int)")
    assert read(postgres_uri, Source(table="t"), "b", "a") == []


def test_a_missing_table_is_named_with_what_there_is(postgres: psycopg.Connection, postgres_uri: str):
    postgres.execute("CREATE TABLE customers (a text)")
    with connect(postgres_uri) as crm:
        with pytest.raises(MissingTable, match=r"no table or view custommers; there are .*customers"):
            crm.read(Source(table="custommers"), ["a"])
        with pytest.raises(MissingTable, match=r"nowhere\.customers"):
            crm.columns(Source(table="nowhere.customers"))
        assert [column.name for column in crm.columns(Source(table="customers"))] == ["a"]


@pytest.mark.parametrize(
    "query",
    [
        "SELEC 1",
        "DELETE FROM t RETURNING a",
        "SELECT 1 AS a; DELETE FROM t",
        "SELECT nope FROM t",
        "SELECT 1/0 AS a",
        "SELECT setval('s', 5)::text AS a",
    ],
)
def test_a_query_that_cannot_run_is_refused_and_changes_nothing(
    postgres: psycopg.Connection, postgres_uri: str, query: str
):
    postgres.execute("CREATE TABLE t (a text)")
    postgres.execute("CREATE SEQUENCE s")
    postgres.execute("INSERT INTO t VALUES ('kept')")
    with connect(postgres_uri) as crm, pytest.raises(ReadFailed, match="did not give the rows"):
        crm.read(Source(query=query), ["a"]).read_all()
    assert read(postgres_uri, Source(table="t"), "a") == [("kept",)]


def test_an_error_in_mid_stream_is_raised_and_not_taken_for_the_end(postgres_uri: str):
    source = Source(query="SELECT 1 / (150000 - i) AS a FROM generate_series(1, 200000) AS i")
    with connect(postgres_uri) as crm:
        reader = crm.read(source, ["a"])
        # Which of its threads tells first is DuckDB's: the one that failed, or one that was stopped because of it.
        with pytest.raises(ReadFailed, match=r"division by zero|Interrupted"):
            reader.read_all()


def test_huge_text_and_many_batches(postgres: psycopg.Connection, postgres_uri: str):
    postgres.execute(
        "CREATE TABLE t AS SELECT repeat('é', 5000000) AS a UNION ALL SELECT i::text FROM generate_series(1, 120000) i"
    )
    with connect(postgres_uri) as crm:
        batches = list(crm.read(Source(table="t"), ["a"]))
    assert batches[0].column(0)[0].as_py() == "é" * 5_000_000
    assert sum(batch.num_rows for batch in batches) == 120_001
    assert max(batch.num_rows for batch in batches) <= 50_000


def test_the_rows_are_one_snapshot_while_others_write(postgres: psycopg.Connection, postgres_uri: str):
    postgres.execute("CREATE TABLE t AS SELECT 'old' AS a, repeat('x', 100) AS b FROM generate_series(1, 300000)")
    with connect(postgres_uri) as crm:
        reader = crm.read(Source(table="t"), ["a", "b"])
        first = reader.read_next_batch()
        postgres.execute("UPDATE t SET a = 'new'")
        postgres.execute("INSERT INTO t VALUES ('new', '')")
        assert pa.Table.from_batches([first, *reader]).column("a").to_pylist() == ["old"] * 300_000
    assert read(postgres_uri, Source(query="SELECT DISTINCT a FROM t"), "a") == [("new",)]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of a few pages are read by several connections already."""
    monkeypatch.setattr("et_platform.crm.postgres.PAGES_A_CONNECTION", 10)


def connections_of(session: psycopg.Connection) -> int:
    row = session.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'et_platform' AND query ~ '^COPY.*ctid'"
    ).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.usefixtures("small_parts")
def test_parts_of_a_large_table_are_read_by_several_connections_from_one_snapshot(
    postgres: psycopg.Connection, postgres_uri: str
):
    postgres.execute("CREATE TABLE t AS SELECT i AS id, repeat('x', 200) AS b FROM generate_series(1, 200000) AS i")
    postgres.execute("DELETE FROM t WHERE id % 7 = 0")
    with connect(postgres_uri) as crm:
        reader = crm.read(Source(table="t"), ["id", "b"], connections=3)
        batches = [reader.read_next_batch()]
        postgres.execute("UPDATE t SET b = 'new'")
        postgres.execute("INSERT INTO t SELECT -i, 'new' FROM generate_series(1, 1000) AS i")
        at_once = 0
        for batch in reader:
            at_once = max(at_once, connections_of(postgres))
            batches.append(batch)
    assert at_once > 1
    table = pa.Table.from_batches(batches)
    assert sorted(map(int, table.column("id").to_pylist())) == [n for n in range(1, 200_001) if n % 7]
    assert set(table.column("b").to_pylist()) == {"x" * 200}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("relation", ["VIEW v AS SELECT * FROM t", "MATERIALIZED VIEW v AS SELECT * FROM t"])
def test_what_has_pages_is_divided_and_what_has_none_is_read_whole(
    postgres: psycopg.Connection, postgres_uri: str, relation: str
):
    postgres.execute("CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 20000) AS i")
    postgres.execute(f"CREATE {relation}".encode())
    for source in (Source(table="v"), Source(table="public.v"), Source(query="SELECT * FROM v")):
        with connect(postgres_uri) as crm:
            table = crm.read(source, ["id"], connections=2).read_all()
        assert sorted(map(int, table.column("id").to_pylist())) == list(range(1, 20_001))


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("connections", [1, 3])
def test_a_server_that_ends_the_connections_is_an_error_and_not_the_end_of_this_process(
    postgres: psycopg.Connection, postgres_uri: str, connections: int
):
    """DuckDB undoes an open transaction when it is thrown away, and ends the process if the server is gone by then."""
    postgres.execute("CREATE TABLE t AS SELECT i AS id, repeat('x', 500) AS b FROM generate_series(1, 300000) AS i")
    with connect(postgres_uri) as crm, pytest.raises(ReadFailed, match="did not give the rows"):
        reader = crm.read(Source(table="t"), ["id", "b"], connections=connections)
        reader.read_next_batch()
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'et_platform'"
        )
        reader.read_all()


def test_columns_tell_type_and_nullability_where_the_database_knows_them(
    postgres: psycopg.Connection, postgres_uri: str
):
    postgres.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, name varchar(50), seen timestamptz NOT NULL, spent numeric(12,2), raw bytea)"
    )
    postgres.execute("CREATE VIEW v AS SELECT * FROM t")
    expected = [
        ("id", "bigint", "integer"),
        ("name", "character varying(50)", "text"),
        ("seen", "timestamp with time zone", "timestamp"),
        ("spent", "numeric(12,2)", "number"),
        ("raw", "bytea", "other"),
    ]
    with connect(postgres_uri) as crm:
        for source, nullable in (
            (Source(table="t"), [False, True, False, True, True]),
            (Source(table="v"), [None] * 5),
            (Source(query="SELECT * FROM t"), [None] * 5),
        ):
            columns = crm.columns(source)
            assert [(column.name, column.type, column.kind) for column in columns] == expected
            assert [column.nullable for column in columns] == nullable
            assert all(column.enforced for column in columns)


def test_two_sources_can_be_read_at_once(postgres_uri: str):
    with connect(postgres_uri) as crm:
        first = crm.read(Source(query="SELECT generate_series(1, 100000) AS a"), ["a"])
        second = crm.read(Source(query="SELECT generate_series(1, 100000) AS a"), ["a"])
        assert first.read_all().equals(second.read_all())


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgres"])
def test_the_usual_schemes_are_understood(postgres_uri: str, scheme: str):
    assert value(postgres_uri.replace("postgresql", scheme, 1), "1") == "1"


def wait_until_refused(uri: str) -> None:
    """The server takes up new access rules in its own time."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            psycopg.connect(uri).close()
        except psycopg.OperationalError:
            return
        time.sleep(0.05)
    raise AssertionError("The server did not take up the new access rules.")


def test_a_wrong_password_is_told_without_repeating_it(postgres: psycopg.Connection, postgres_folder: Path):
    rules = postgres_folder / "pg_hba.conf"
    before = rules.read_text(encoding="utf-8")
    postgres.execute("DROP ROLE IF EXISTS guarded")
    postgres.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    rules.write_text(f"local all guarded scram-sha-256\n{before}", encoding="utf-8")
    postgres.execute("SELECT pg_reload_conf()")
    uri = "postgresql://guarded:{}@/postgres?host=" + str(postgres_folder)
    try:
        wait_until_refused(uri.format("wr0ng-s3cret"))
        with pytest.raises(CrmAuthenticationFailed, match="does not let user guarded in") as raised:
            connect(uri.format("wr0ng-s3cret"))
        assert "wr0ng-s3cret" not in str(raised.value)
        assert value(uri.format("right"), "current_user") == "guarded"
        with connect(uri.format("right")) as crm, pytest.raises(ReadFailed, match="permission denied"):
            crm.read(Source(table="pg_catalog.pg_authid"), ["rolname"])
    finally:
        rules.write_text(before, encoding="utf-8")
        postgres.execute("SELECT pg_reload_conf()")
        postgres.execute("DROP ROLE guarded")


def test_an_unknown_user_is_an_authentication_error(postgres_folder: Path):
    with pytest.raises(CrmAuthenticationFailed, match="user nobody-here"):
        connect(f"postgresql://nobody-here:s3cret@/postgres?host={postgres_folder}")


def test_an_unknown_database_is_unreachable(postgres_folder: Path):
    with pytest.raises(CrmUnreachable, match='"nowhere" does not exist') as raised:
        connect(f"postgresql://postgres:s3cret@/nowhere?host={postgres_folder}")
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("place", ["127.0.0.1:1", "no-such-host.invalid"])
def test_an_unknown_host_is_unreachable(place: str):
    with pytest.raises(CrmUnreachable, match="cannot be reached") as raised:
        connect(f"postgresql://user:s3cret@{place}/crm")
    assert "s3cret" not in str(raised.value)


def test_a_parameter_that_does_not_exist_is_an_error():
    with pytest.raises(CrmError, match="cannot be used") as raised:
        connect("postgresql://user:s3cret@localhost/crm?colour=blue")
    assert "s3cret" not in str(raised.value)
