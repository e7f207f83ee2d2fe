"""Reading a CRM through SQLAlchemy. What needs a driver that is not installed is told; what all have in common is shown
on databases that are at hand: SQLite and a real PostgreSQL server.
"""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from sqlalchemy.engine import make_url

from et_platform.crm import other
from et_platform.crm.connect import address, connect
from et_platform.crm.errors import CrmError, CrmUnreachable, MissingColumn, MissingTable, ReadFailed
from et_platform.crm.other import SqlAlchemyCrm
from et_platform.crm.source import Since, Source

PEOPLE = (
    "CREATE TABLE people (id bigint NOT NULL, name varchar(50), spent numeric(12, 2), ok boolean, born date,"
    " at timestamp, ratio double precision)"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def crm(request: pytest.FixtureRequest, tmp_path: Path):
    rows = (
        "INSERT INTO people VALUES (1, 'Zoë :x', 12.50, true, '1987-02-03', '2026-11-02 12:00:00.5', 0.1),"
        " (2, NULL, NULL, false, NULL, NULL, 12), (2, 'a''b\\c\nd', -1, NULL, '0999-01-01', '2026-11-02 11:00:00', 1e300)"
    )
    if request.param == "sqlite":
        path = tmp_path / "crm.sqlite"
        with closing(sqlite3.connect(path)) as session, session:
            session.execute(PEOPLE)
            session.execute(rows)
        url = make_url(f"sqlite:///{path}")
    else:
        session = request.getfixturevalue("postgres")
        session.execute(PEOPLE)
        session.execute(rows)
        url = make_url(request.getfixturevalue("postgres_uri").replace("postgresql://", "postgresql+psycopg://", 1))
    with SqlAlchemyCrm(url) as opened:
        yield opened


def read(crm: SqlAlchemyCrm, source: Source, *columns: str, since: Since | None = None) -> list[tuple]:
    table = crm.read(source, columns, since=since).read_all()
    assert table.schema == pa.schema([(name, pa.string()) for name in columns])
    return sorted(zip(*(column.to_pylist() for column in table.columns), strict=True), key=str)


def test_rows_come_as_uniform_text(crm: SqlAlchemyCrm):
    found = read(crm, Source(table="people"), "id", "name", "spent", "born", "at", "ratio")
    assert found == [
        ("1", "Zoë :x", "12.50" if crm._kind == "postgresql" else "12.5", "1987-02-03", *found[0][4:]),
        (
            "2",
            "a'b\\c\nd",
            "-1.00" if crm._kind == "postgresql" else "-1",
            "0999-01-01",
            "2026-11-02 11:00:00",
            "1e+300",
        ),
        ("2", None, None, None, None, "12"),
    ]
    assert found[0][4].startswith("2026-11-02 12:00:00.5")
    assert found[0][5] == "0.1"


def test_a_query_is_read_and_may_hold_colons_and_a_comment(crm: SqlAlchemyCrm):
    query = Source(query="SELECT id AS number, ':x ' || id AS text FROM people WHERE name LIKE '%:x' -- done")
    assert read(crm, query, "TEXT", "number") == [(":x 1", "1")]
    assert [column.name for column in crm.columns(query)] == ["number", "text"]
    with pytest.raises(ReadFailed, match="did not give the rows"):
        read(crm, Source(query="DELETE FROM people"), "id")
    with pytest.raises(ReadFailed, match="nowhere"):
        read(crm, Source(query="SELECT * FROM nowhere"), "id")


def test_what_changed_is_read_with_every_copy_of_its_key(crm: SqlAlchemyCrm):
    since = Since("id", "at", datetime.fromisoformat("2026-11-02 12:00:00"))
    assert read(crm, Source(table="people"), "id", since=since) == [("1",), ("2",), ("2",)]
    since = Since("id", "at", datetime.fromisoformat("2026-11-02 12:00:01"))
    assert read(crm, Source(table="people"), "id", since=since) == [("2",), ("2",)]


def test_columns_are_described_and_missing_things_named(crm: SqlAlchemyCrm):
    columns = {column.name: column for column in crm.columns(Source(table="people"))}
    kinds = {name: column.kind for name, column in columns.items()}
    assert kinds == {
        **{"id": "integer", "name": "text", "spent": "number", "ok": "boolean", "born": "date"},
        **{"at": "timestamp", "ratio": "number"},
    }
    assert (columns["id"].nullable, columns["name"].nullable) == (False, True)
    assert columns["name"].type == "VARCHAR(50)"
    with pytest.raises(MissingTable, match="no table or view peple; there are people"):
        crm.columns(Source(table="peple"))
    with pytest.raises(MissingColumn, match="no column mail; there are id"):
        crm.read(Source(table="people"), ["mail"])


def test_the_rows_are_streamed_in_batches(postgres: psycopg.Connection, postgres_uri: str):
    url = make_url(postgres_uri.replace("postgresql://", "postgresql+psycopg://", 1))
    with SqlAlchemyCrm(url) as crm:
        query = Source(
            query="SELECT i, timestamptz '2026-01-02 03:04:05-06' AS t, '\\xff00'::bytea AS b FROM generate_series(1, 120000) i"
        )
        batches = list(crm.read(query, ["i", "t", "b"]))
    assert [batch.num_rows for batch in batches] == [50_000, 50_000, 20_000]
    assert batches[0].slice(0, 1).to_pylist() == [{"i": "1", "t": "2026-01-02 09:04:05+00", "b": "\\xff00"}]


def test_an_error_in_mid_stream_survives_a_consumer_that_hides_it(postgres: psycopg.Connection, postgres_uri: str):
    url = make_url(postgres_uri.replace("postgresql://", "postgresql+psycopg://", 1))
    query = Source(query="SELECT 1 / (70000 - i) AS a FROM generate_series(1, 200000) AS i")
    with pytest.raises(ReadFailed, match="division by zero"), SqlAlchemyCrm(url) as crm:
        for _ in crm.read(query, ["a"]):
            pass


@pytest.mark.parametrize("kind", other.DRIVERS)
def test_a_driver_that_is_not_installed_is_told_with_the_way_to_get_it(kind: str, monkeypatch: pytest.MonkeyPatch):
    import builtins

    real = builtins.__import__

    def without_drivers(name: str, *rest):
        level = rest[3] if len(rest) > 3 else 0
        if level == 0 and name in other.DRIVERS.values():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_drivers)
    with pytest.raises(
        CrmError, match=rf"through the package {other.DRIVERS[kind]}, .*et-platform\[{kind}\]"
    ) as raised:
        connect(f"{kind}://root:s3cret@localhost/crm")
    assert "s3cret" not in str(raised.value)


def test_what_can_only_be_read_says_so(tmp_path: Path):
    with pytest.raises(CrmError, match="mysql URL can be read, and not written"):
        address("mysql://root:s3cret@localhost/crm")
    with pytest.raises(CrmError, match="knows no driver mysql\\+nothing"):
        connect("mysql+nothing://root:s3cret@localhost/crm")


def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path: Path):
    url = make_url(f"postgresql+psycopg://root:s3cret@/crm?host={tmp_path}")
    with pytest.raises(CrmUnreachable, match="postgresql database crm at this machine cannot be reached") as raised:
        SqlAlchemyCrm(url)
    assert "s3cret" not in str(raised.value)
