"""Events in the lake: a content is loaded once, an event as often as it happened, all in one transaction."""

from itertools import permutations

import duckdb
import pytest

from et_platform.catalog.tracking import COLUMNS, EVENT_TYPES, EventType
from et_platform.warehouse import events
from et_platform.warehouse.events import Content, Figures, MemberRows
from et_platform.warehouse.lake import Lake

REJECTS = "SELECT 1::BIGINT AS line, 'f' AS field, 'r' AS reason, false AS kept, 'raw' AS raw"


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def member(folder, *rows: tuple, event_type: EventType = "open", rejected: int = 0) -> MemberRows:
    """Rows of (SendID, SubscriberKey, EventDate, BatchID), and then IsUnique, of clicks URL, SendURLID, Alias."""
    more = ("URL", "SendURLID", "Alias") if event_type == "click" else ("IsUnique",)
    given = {name: place for place, name in enumerate(("SendID", "SubscriberKey", "EventDate", "BatchID", *more))}
    kinds = {"integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "text": "VARCHAR", "time": "TIMESTAMPTZ"}
    columns = COLUMNS[event_type]
    number = len(list(folder.glob("*.parquet")))
    paths = folder / f"e{number}.parquet", folder / f"r{number}.parquet"
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
    rows = [(1, "K", T1, 5), (1, "K", T2, 5), (2, "K", T1, 5), (1, "L", T1, 5), (1, "K", T1, 6), (None, "K", T1, None)]
    first = load(lake, member(tmp_path, *rows))
    assert first.figures["open"] == Figures(read=6, new=6, duplicates=0, rejected=0, kept=0)
    other = (1, "K", T1, 5, True)  # the same, with a column more
    second = load(lake, member(tmp_path, (None, "K", T1, None), (1, "k", T1, 5), other, *rows[1:-1]), sha="s2")
    assert second.figures["open"] == Figures(read=7, new=1, duplicates=6, rejected=0, kept=0)
    with lake.read() as connection:
        found = connection.execute("SELECT DISTINCT _folded_key FROM lake.extracts.events_open ORDER BY 1").fetchall()
    assert found == [("k",), ("l",)]


X = "https://shop.example/"
CLICKS = [(1, "K", T1, 5, X, 11, "top"), (1, "K", T1, 5, X, 12, "bottom"), (1, "K", T1, 5, X, 12, "bottom")]


def test_promise_12_repeats_in_one_file_are_as_many_events_and_the_same_file_again_adds_none(lake, tmp_path):
    one = member(tmp_path, *CLICKS, (1, "K", T1, 5, f"{X}other", 13, ""), event_type="click", rejected=2)
    first = load(lake, one)
    assert first.figures["click"] == Figures(read=6, new=4, duplicates=0, rejected=2, kept=0)
    with lake.write() as connection:
        again = events.load_again(connection, Content("s1", "i1", "a.zip", "run"), [one], fold=lambda column: column)
    assert again.figures == first.figures
    without = member(tmp_path, *(row[:5] for row in CLICKS), event_type="click")
    assert load(lake, without, sha="s2").figures["click"].new == 0, "columns that are left out make no other event"
    with lake.read() as connection:
        (found,) = connection.execute(
            'SELECT count(*), count(DISTINCT (_sha256, _member, _line)), count(*) FILTER ("SendURLID" = 12) '
            "FROM lake.extracts.events_click"
        ).fetchall()
    assert found == (4, 4, 2)


def test_promise_12_of_overlapping_files_the_one_that_tells_most_of_an_event_decides_in_any_order(lake, tmp_path):
    k, other = (1, "K", T1, 5), (1, "L", T2, 5)
    files = {"s1": [k, k], "s2": [other, k, k, k], "s3": [k, other, other]}
    for number, order in enumerate(permutations(files)):
        mine = Lake(tmp_path / f"lake{number}")
        new = [load(mine, member(tmp_path, *files[sha]), sha=sha).figures["open"].new for sha in order]
        with mine.read() as connection:
            found = connection.execute(
                'SELECT "SubscriberKey", count(*), count(DISTINCT (_sha256, _line)) FROM lake.extracts.events_open '
                "GROUP BY ALL ORDER BY ALL"
            ).fetchall()
        assert (found, sum(new)) == ([("K", 3, 3), ("L", 2, 2)], 5), order


def test_promise_12_what_is_read_of_a_file_only_now_is_added_and_its_other_lines_are_not_again(lake, tmp_path):
    one = member(tmp_path, (1, "K", T1, 5), (1, "K", T1, 5))
    load(lake, one)
    with lake.write() as connection:
        connection.execute("DELETE FROM lake.extracts.events_open WHERE _line = 2")
    for _ in range(2):
        with lake.write() as connection:
            again = events.load_again(
                connection, Content("s1", "i1", "a.zip", "run"), [one], fold=lambda column: column
            )
        assert again.figures["open"] == Figures(read=2, new=2, duplicates=0, rejected=0, kept=0)
        with lake.read() as connection:
            found = connection.execute("SELECT _line FROM lake.extracts.events_open ORDER BY 1").fetchall()
        assert found == [(2,), (3,)]


def test_an_opt_out_that_is_told_twice_is_one(lake, tmp_path):
    one = member(tmp_path, (1, "K", T1, 5), (1, "K", T1, 5), (1, "K", T2, 5), event_type="unsubscribe")
    first = load(lake, one)
    assert first.figures["unsubscribe"] == Figures(read=3, new=2, duplicates=1, rejected=0, kept=0)
    with lake.write() as connection:
        again = events.load_again(connection, Content("s1", "i1", "a.zip", "run"), [one], fold=lambda column: column)
    assert again.figures == first.figures
    assert load(lake, one, sha="s2").figures["unsubscribe"].new == 0
    assert count(lake, "events_unsubscribe") == 2


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
