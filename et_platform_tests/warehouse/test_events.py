"""Events in the lake: a content is loaded once, an event is kept once, all in one transaction."""

import duckdb
import pytest

from et_platform.catalog.tracking import COLUMNS, EVENT_TYPES
from et_platform.warehouse import events
from et_platform.warehouse.events import Content, Figures, MemberRows
from et_platform.warehouse.lake import Lake

REJECTS = "SELECT 1::BIGINT AS line, 'f' AS field, 'r' AS reason, false AS kept, 'raw' AS raw"


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def member(folder, *rows: tuple, event_type="open", rejected: int = 0) -> MemberRows:
    """Rows of (SendID, SubscriberKey, EventDate, BatchID, IsUnique)."""
    given = {"SendID": 0, "SubscriberKey": 1, "EventDate": 2, "BatchID": 3, "IsUnique": 4}
    kinds = {"integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "text": "VARCHAR", "time": "TIMESTAMPTZ"}
    columns = COLUMNS[event_type]
    paths = folder / "e.parquet", folder / "r.parquet"
    with duckdb.connect() as scratch:
        scratch.execute("SET TimeZone = 'UTC'")
        typed = ", ".join(f'"{name}" {kinds[kind]}' for name, kind in columns.items())
        scratch.execute(f"CREATE TABLE t (_line BIGINT, {typed})")
        for line, row in enumerate(rows, 2):
            values = [row[given[name]] if name in given and given[name] < len(row) else None for name in columns]
            scratch.execute(f"INSERT INTO t VALUES ({', '.join('?' * (len(columns) + 1))})", [line, *values])
        scratch.execute(f"COPY t TO '{paths[0]}' (FORMAT parquet)")
        scratch.execute(f"COPY ({REJECTS} LIMIT {rejected}) TO '{paths[1]}' (FORMAT parquet)")
    return MemberRows(event_type, "Opens.csv", *paths, len(rows) + rejected, rejected, 0)


def load(lake, one: MemberRows, sha: str = "s1", identity: str = "i1"):
    with lake.write() as connection:
        return events.load(
            connection, Content(sha, identity, "a.zip", "run"), [one], fold=lambda column: f"lower({column})"
        )


def count(lake, table: str = "events_open") -> int:
    with lake.read() as connection:
        return connection.execute(f"SELECT count(*) FROM lake.extracts.{table}").fetchall()[0][0]


T1, T2 = "2026-11-02 00:00:00+00", "2026-11-02 00:00:01+00"


def test_every_type_has_its_table_before_its_first_event(lake):
    with lake.read() as connection:
        assert not events.are_tables_ready(connection)
    with lake.write() as connection:
        events.ensure_tables(connection)
        events.ensure_tables(connection)
        assert events.are_tables_ready(connection)
    assert [count(lake, f"events_{one}") for one in EVENT_TYPES] == [0] * 5


def test_the_natural_key_decides_and_null_equals_null(lake, tmp_path):
    rows = [(1, "K", T1, 5), (1, "K", T1, 5, True), (1, "K", T2, 5), (2, "K", T1, 5), (1, "L", T1, 5), (1, "K", T1, 6)]
    first = load(lake, member(tmp_path, *rows, (None, "K", T1, None), (None, "K", T1, None)))
    assert first.figures["open"] == Figures(read=8, new=6, duplicates=2, rejected=0, kept=0)
    second = load(lake, member(tmp_path, (None, "K", T1, None), (1, "k", T1, 5), *rows), sha="s2")
    assert second.figures["open"] == Figures(read=8, new=1, duplicates=7, rejected=0, kept=0)
    with lake.read() as connection:
        found = connection.execute("SELECT DISTINCT _folded_key FROM lake.extracts.events_open ORDER BY 1").fetchall()
    assert found == [("k",), ("l",)]


def test_promise_12_a_content_is_loaded_once_under_whatever_name(lake, tmp_path):
    one = member(tmp_path, (1, "K", T1, 5), rejected=1)
    first = load(lake, one)
    assert load(lake, member(tmp_path, (9, "other", T1, 5)), identity="i2") == first
    assert (count(lake), count(lake, "event_rejects"), count(lake, "loaded_files")) == (1, 1, 1)
    with lake.read() as connection:
        assert events.loaded(connection, "s1") == first
        assert events.loaded(connection, "s2") is None


def test_promise_3_a_load_that_fails_leaves_nothing(lake, tmp_path):
    one = member(tmp_path, (1, "K", T1, 5))
    with pytest.raises(ZeroDivisionError), lake.write() as connection:
        events.load(connection, Content("s1", "i1", "a", "r"), [one], fold=lambda column: column)
        raise ZeroDivisionError
    with lake.read() as connection:
        assert events.loaded(connection, "s1") is None
    assert load(lake, one).figures["open"].new == 1
