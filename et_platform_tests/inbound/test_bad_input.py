"""Bad input of the write-back: whoever refused is out in the CRM, or is told with the reason; nothing else is touched.

What belongs here: one table of rows of a CRM and keys of events. What does not: files (ingest/test_bad_input.py).
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from et_platform_tests.adventureworks.sample import database
from et_platform_tests.inbound.written_back import COLUMNS, PEOPLE, World

AT = datetime(2026, 6, 1, 12)  # noqa: DTZ001 - as the lake and the CRM have it: UTC
BOTH, SQLITE = ("sqlite", "postgresql"), ("sqlite",)
LONG = "x" * 5000


@dataclass(frozen=True)
class Row:
    """A row of the CRM, the key of its events, what becomes of it, and which CRMs can hold it."""

    id: Any
    class_: str = "change"
    columns: dict[str, Any] = field(default_factory=dict)
    event_key: str | None = None
    holds: tuple[str, ...] = BOTH

    @property
    def says(self) -> str:
        return self.event_key if self.event_key is not None else self.id


def unreadable(id_: str, holds: tuple[str, ...] = BOTH, **columns: Any) -> Row:
    return Row(id_, "unreadable", columns, holds=holds)


ROWS = [
    # Keys
    Row("usual"),
    Row("CASE", event_key="case  "),
    Row('=HYPERLINK("http://x.example";"y")'),
    Row("@SUM(A1:A9)"),
    Row("two\nlines", "unknown"),
    Row("two\r\nmore", "unknown"),
    Row("O'Hara \"x\"; DROP TABLE people --"),
    Row("%s {} $key ?"),
    Row("NULL"),
    Row("a@b"),
    Row("a b@@x.example,"),
    Row("漢 🏔 שלום", "unknown"),
    Row(LONG),
    Row("straße", "unknown"),
    Row("nul\0key", "unmatched", event_key="nul", holds=SQLITE),
    Row(b"\xed\xa0\x80", "unmatched", event_key="no surrogate", holds=SQLITE),
    # What stands in the columns that are read, and guard the row
    Row("long proof", columns={"proof": LONG}),
    Row("formula", columns={"proof": "=1+1\n-2"}),
    Row("first", columns={"wants_at": "1753-01-01 00:00:00"}),
    Row("fractions", columns={"wants_at": "2026-06-01 12:00:00.999"}),
    Row("in vain", "unchanged", {"out": True, "out_at": "9999-12-31 23:59:59", "opened": "2026-06-01 12:00:00", "opens": 1}),
    unreadable("never", out_at="infinity"),
    Row("before 1753", columns={"wants_at": "0044-03-15 00:00:00"}),
    unreadable("after 9999", out_at="10000-01-01 00:00:00"),
    unreadable("no day", SQLITE, opened="2026-02-30 00:00:00"),
    unreadable("german", SQLITE, wants_at="31.12.1999"),
    unreadable("nul in the proof", SQLITE, proof="a\0b"),
    unreadable("surrogate in the proof", SQLITE, proof=b"\xed\xa0\x80"),
    unreadable("maybe", SQLITE, out="maybe"),
    unreadable("1e400", SQLITE, opens="1e400"),
    unreadable("nan", SQLITE, opens="NaN"),
    unreadable("half", SQLITE, opens="1.5"),
]  # fmt: skip
STRANGERS = ("", "  ", "=cmd()", LONG[1:], "nobody@", "a\nb")
"""Keys of events that no row of the CRM has; a blank one names nobody."""


@pytest.fixture(params=BOTH)
def crm(request, tmp_path):
    """Its kind, its URL, and its own client: a function that runs a statement for each of some rows."""
    if request.param == "sqlite":

        def run(statement: str, rows=((),)) -> list[tuple]:
            with closing(sqlite3.connect(tmp_path / "crm.sqlite")) as session, session:
                session.text_factory = bytes
                return [row for values in rows for row in session.execute(statement, values).fetchall()]

        yield request.param, f"sqlite:///{tmp_path / 'crm.sqlite'}", run
        return
    with database(
        request.getfixturevalue("postgresql_server").uri, f"bad_back_{tmp_path.parent.name[-20:]}".replace("-", "_")
    ) as url:

        def run(statement: str, rows=((),)) -> list[tuple]:
            with psycopg.connect(url, autocommit=True) as session:
                found = [session.execute(statement.replace("?", "%s").encode(), values) for values in rows]
                return [row for one in found if one.description for row in one.fetchall()]

        yield request.param, url, run


def test_promises_9_and_16_who_refused_is_out_in_the_crm_or_told_whatever_stands_there(crm, tmp_path):
    kind, url, run = crm
    run(PEOPLE if kind == "postgresql" else PEOPLE.replace("INTEGER", "TEXT").replace("TIMESTAMP", "TEXT"))
    rows = [row for row in ROWS if kind in row.holds]
    blank = {"wants": True, "out": False}
    text = "CAST(? AS TEXT)" if kind == "sqlite" else "?"  # bytes become a text that is none
    places = ", ".join(text if name in ("id", "proof") else "?" for name in COLUMNS)
    run(
        f"INSERT INTO people ({', '.join(COLUMNS)}) VALUES ({places})",
        [(row.id, *({**blank, **row.columns}.get(name) for name in COLUMNS[1:])) for row in rows],
    )
    before = by_key(run)
    world = World(tmp_path / "world", url)
    keys = [*(row.says for row in rows), *STRANGERS]
    world.happened("unsubscribe", *keys, at=AT)
    world.happened("open", *keys, at=AT)

    proposal, written = world.run()
    expected = {
        class_: sum(row.class_ == class_ for row in rows) for class_ in ("change", "unreadable", "unmatched", "unknown")
    }
    nobody = sum(not key.strip() for key in STRANGERS)
    expected["unmatched"] += len(STRANGERS) - nobody - 1
    expected["unknown"] += 2  # a line break, and nobody: however many lines name nobody, it is one
    assert proposal.figures == {class_: count for class_, count in expected.items() if count}
    assert proposal.opt_outs == proposal.figures, "each of them refused"
    assert written is not None
    assert written.outcome == {"written": expected["change"], "already": 0, "conflict": 0, "missing": 0, "ambiguous": 0}

    after = by_key(run)
    assert after.keys() == before.keys()
    changed = {row.id if isinstance(row.id, bytes) else row.id.encode() for row in rows if row.class_ == "change"}
    assert {key for key in after if after[key] != before[key]} == changed
    people = world.people()
    for row in rows:
        if row.class_ == "change":
            shown = people[row.id]
            assert (shown["out"], shown["wants"], shown["opens"]) in (("true", "false", "1"), ("1", "0", "1")), row.id
            assert (shown["out_at"] or "").startswith("2026-06-01 12:00:00"), row.id
            assert (shown["proof"] or "").startswith("t.zip/m.csv:"), row.id
    again, nothing = world.run()
    assert (again.set_, nothing) == (None, None)
    assert {name: count for name, count in proposal.figures.items() if name != "change"} == again.figures
    assert not any("x.example" in line or LONG[:50] in line for line in world.told)


def by_key(run) -> dict[bytes, tuple]:
    """Every row as the CRM's own client shows it."""
    rows = run(f"SELECT id, {', '.join(f'CAST({name} AS TEXT)' for name in COLUMNS[1:])} FROM people")
    return {key if isinstance(key, bytes) else key.encode(): tuple(values) for key, *values in rows}


def test_promise_16_events_at_the_ends_of_time_are_written_and_found_again(crm, tmp_path):
    _, url, run = crm
    run(PEOPLE)
    run("INSERT INTO people (id, wants, out) VALUES (?, ?, ?)", [("first", True, False), ("last", True, False)])
    world = World(tmp_path / "world", url)
    first, last = datetime(1753, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    for event_type in ("unsubscribe", "open"):
        world.happened(event_type, "first", at=first)
        world.happened(event_type, "last", at=last)
    _, written = world.run()
    assert written is not None
    assert written.outcome is not None
    assert written.outcome["written"] == 2
    people = world.people()
    assert (people["first"]["out_at"] or "").startswith("1753-01-01 00:00:00")
    assert (people["last"]["opened"] or "").startswith("9999-12-31 23:59:59")
    assert world.run()[1] is None
