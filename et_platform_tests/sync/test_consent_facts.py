"""The rule of consent: which facts the sources give, and what follows from them; on relations alone."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from et_platform.catalog.extract import Unsubscribes
from et_platform.catalog.models import ConsentFacts
from et_platform.sync import consent_facts

START = datetime.fromisoformat("2026-03-01 12:00:00")
MID = 7
MEANS = Unsubscribes(all_subscribers=(1,), units=(8,))
CONSENT = ConsentFacts(opted_out="out", opted_out_at="out_at", opted_in="wants", opted_in_at="wants_at")
TYPES = consent_facts.FACTS


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def fact(says: str, number: float | None, *, level: str = "unit", **more: Any) -> dict[str, Any]:
    """A fact of P1 on that day, of this unit unless `more` says otherwise; evidence is the day's number."""
    usual: dict[str, Any] = {
        "_folded_key": "p1",
        "subscriber_key": "P1",
        "source": "somebody",
        "level": level,
        "unit": None if level == "everything" else MID,
        "list_id": None,
        "binds": level != "list",
        "says": says,
        "stands": False,
        "happened_at": None if number is None else day(number),
        "evidence": str(number),
    }
    return usual | more


def stands(number: float | None) -> dict[str, Any]:
    return fact("out", number, level="everything", stands=True)


def on_list(says: str, number: float, list_id: int = 42) -> dict[str, Any]:
    return fact(says, number, level="list", list_id=list_id)


def of_unit(says: str, number: float, unit: int = 9) -> dict[str, Any]:
    return fact(says, number, unit=unit, binds=False)


def judged(facts: Iterable[dict[str, Any]]) -> dict[tuple[str, int | None], tuple[str, str | None]]:
    """By (level, number of the list or of another unit) the verdict and the evidence that decides."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE facts ({', '.join(f'{name} {kind}' for name, kind in TYPES.items())})")
        for one in facts:
            places = ", ".join(f"${name}" for name in TYPES)
            connection.execute(f"INSERT INTO facts VALUES ({places})", {name: one[name] for name in TYPES})
        rows = connection.execute(
            f"SELECT level, CASE level WHEN 'list' THEN list_id WHEN 'unit' THEN unit END, verdict, because.evidence "
            f"FROM ({consent_facts.verdicts('facts', mid=MID)})"
        ).fetchall()
    return {(level, number): (verdict, evidence) for level, number, verdict, evidence in rows}


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ([fact("out", 1)], ("out", "1")),
        ([fact("in", 1)], ("in", "1")),
        ([fact("bounced", 1)], ("unsaid", None)),
        ([fact("echo", 1)], ("unsaid", None)),
        ([fact("out", 2), fact("in", 1)], ("out", "2")),
        ([fact("out", 1), fact("in", 2)], ("in", "2")),
        ([fact("out", 1), fact("in", 1)], ("out", "1")),  # a tie
        ([fact("out", 1), fact("in", 2), fact("out", 3), fact("in", 2.5)], ("out", "3")),
        ([fact("out", 1), fact("echo", 3), fact("in", 2)], ("in", "2")),
        ([fact("out", 1), fact("in", 2, level="everything")], ("in", "2")),
        ([stands(1), fact("in", 2)], ("out", "1")),
        ([stands(None), fact("in", 2)], ("out", "None")),
        ([stands(1), fact("out", 2)], ("out", "1")),
        ([fact("held", 1)], ("held", "1")),
        ([fact("held", 1), fact("in", 2)], ("held", "1")),  # consent given anew brings no mailbox back
        ([fact("held", 1), fact("released", 2)], ("unsaid", None)),
        ([fact("held", 1), fact("released", 2), fact("held", 3)], ("held", "3")),
        ([fact("held", 1), fact("released", 1)], ("held", "1")),
        ([fact("held", 2), fact("out", 1)], ("out", "1")),
        ([fact("out", 1), fact("held", 2), fact("released", 3)], ("out", "1")),  # released is not asked for mail
    ],
)
def test_promise_9_the_latest_evidence_counts_and_a_tie_goes_to_the_opt_out(facts, verdict):
    assert judged(facts)["everything", None] == verdict
    assert judged(reversed(facts))["everything", None] == verdict


def test_promise_9_what_one_list_or_another_unit_was_told_holds_there_alone():
    found = judged([fact("in", 1), on_list("out", 2), of_unit("out", 2), on_list("out", 0, 43)])
    assert found == {
        ("everything", None): ("in", "1"),
        ("list", 42): ("out", "2"),
        ("list", 43): ("in", "1"),  # the newer word is about everything of the unit, and so about its lists
        ("unit", 9): ("out", "2"),
    }
    assert judged([fact("out", 3), on_list("in", 4)]) == {
        ("everything", None): ("out", "3"),
        ("list", 42): ("in", "4"),
    }
    of_all = judged([stands(1), of_unit("in", 2), on_list("in", 2)])
    assert {verdict for verdict, _ in of_all.values()} == {"out"}, "the CRM's word holds everywhere"


FACTS = st.lists(
    st.builds(
        fact,
        st.sampled_from(["in", "out", "held", "released", "echo", "bounced"]),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=60, deadline=None)
@given(FACTS)
def test_promise_9_an_opt_out_is_undone_by_newer_evidence_alone_and_nothing_else(facts):
    verdict, evidence = judged(facts)["everything", None]
    outs = [one["happened_at"] for one in facts if one["says"] == "out"]
    ins = [one["happened_at"] for one in facts if one["says"] == "in"]
    assert (verdict == "out") == (bool(outs) and not any(one > max(outs) for one in ins))
    if verdict == "out":
        assert evidence == str((max(outs) - START).days)
    added = judged([*facts, fact("out", 9)])["everything", None]
    assert added == ("out", "9")
    assert judged([*facts, stands(0)])["everything", None][0] == "out"
    assert judged([*facts, on_list("out", 9), of_unit("out", 9)])["everything", None] == (verdict, evidence)


class Sources:
    """What the lake has of ExactTarget, and one CRM row."""

    def __init__(self):
        self.duckdb = duckdb.connect()
        self.duckdb.execute(
            'CREATE TABLE unsubscribes (_folded_key VARCHAR, "SubscriberKey" VARCHAR, "ClientID" BIGINT, '
            '"ListID" BIGINT, "EventDate" TIMESTAMPTZ, _file VARCHAR, _member VARCHAR, _line BIGINT)'
        )
        self.duckdb.execute(
            "CREATE TABLE statuses (mid BIGINT, subscriber_key VARCHAR, _folded_key VARCHAR, current VARCHAR, "
            "previous VARCHAR, reason VARCHAR, changed_at TIMESTAMPTZ, undated BOOLEAN, _attempt_id VARCHAR)"
        )
        self.duckdb.execute(
            "CREATE TABLE people (_folded_key VARCHAR, _key VARCHAR, out BOOLEAN, out_at TIMESTAMP, wants BOOLEAN, "
            "wants_at TIMESTAMP, proof VARCHAR)"
        )

    def unsubscribed(self, number: float, unit: int | None = MID, list_id: int | None = 1) -> None:
        at = day(number).replace(tzinfo=UTC)
        self.duckdb.execute(
            "INSERT INTO unsubscribes VALUES ('p1', 'P1', ?, ?, ?, 't.zip', 'Unsubs.csv', 2)", [unit, list_id, at]
        )

    def status(self, current: str, number: float, previous: str = "normal", reason: str = "", **more: Any) -> None:
        row = {"mid": MID, "undated": False, "attempt": None} | more
        self.duckdb.execute(
            "INSERT INTO statuses VALUES ($mid, 'P1', 'p1', $current, $previous, $reason, $at, $undated, $attempt)",
            {**row, "current": current, "previous": previous, "reason": reason, "at": day(number).replace(tzinfo=UTC)},
        )

    def told(self, mid: int | None = MID, declared: Unsubscribes | None = MEANS) -> str:
        return consent_facts.of_exacttarget(
            unsubscribes="unsubscribes", status_changes="statuses", mid=mid, declared=declared
        )

    def crm(self, **row: Any) -> list[tuple]:
        values = {"out": None, "out_at": None, "wants": None, "wants_at": None, "proof": None} | row
        self.duckdb.execute("INSERT INTO people VALUES ('p1', 'P1', $out, $out_at, $wants, $wants_at, $proof)", values)
        facts = consent_facts.of_crm(
            CONSENT, origin="crm_snapshot/people", snapshot="people", key="s._key", evidence="proof"
        )
        return self.query(f"SELECT says, stands, happened_at, evidence FROM {facts} ORDER BY says DESC")

    def query(self, sql: str) -> list[tuple]:
        return self.duckdb.execute(sql).fetchall()


def test_every_relation_of_facts_has_the_same_columns():
    sources = Sources()
    of_crm = consent_facts.of_crm(
        CONSENT, origin="crm_snapshot/people", snapshot="people", key="s._key", evidence="proof"
    )
    for facts in (sources.told(), of_crm):
        described = sources.query(f"DESCRIBE FROM {facts}")
        assert [(name, kind) for name, kind, *_ in described] == list(consent_facts.FACTS.items())


@pytest.mark.parametrize(
    ("unit", "list_id", "level", "binds"),
    [
        (MID, 1, "unit", True),
        (None, None, "unit", True),
        (MID, 0, "unit", True),
        (8, 1, "unit", True),  # a unit whose unsubscribes are declared to hold here
        (MID, 42, "list", False),
        (9, 1, "unit", False),
        (9, 42, "list", False),
        (8, 42, "list", False),
    ],
)
def test_promise_9_whose_word_an_unsubscribe_is_goes_by_unit_and_list(unit, list_id, level, binds):
    sources = Sources()
    sources.unsubscribed(1, unit, list_id)
    (found,) = sources.query(f"SELECT level, unit, list_id, binds, says, happened_at, evidence FROM {sources.told()}")
    assert found[:4] == (level, unit or MID, list_id if level == "list" else None, binds)
    assert found[4:] == ("out", day(1), "t.zip/Unsubs.csv:2")


def test_where_nothing_is_declared_every_list_counts_and_without_a_unit_of_ones_own_every_unit():
    sources = Sources()
    sources.unsubscribed(1, MID, 42)
    sources.unsubscribed(1, 9, 42)
    assert sources.query(f"SELECT unit, binds FROM {sources.told(declared=None)} ORDER BY 1") == [(7, True), (9, False)]
    assert sources.query(f"SELECT bool_and(binds) FROM {sources.told(mid=None, declared=None)}") == [(True,)]


def test_promise_9_a_status_whose_date_is_not_known_takes_nothing_back():
    sources = Sources()
    sources.status("unsub", 3, undated=True)
    sources.status("normal", 5, previous="unsub", undated=True)
    assert sources.query(f"SELECT says FROM {sources.told()}") == [("out",)]


def test_promise_9_statuses_opt_out_hold_release_and_take_back():
    sources = Sources()
    sources.status("unsub", 1, reason="Spam complaint")
    sources.status("normal", 2, "unsub")
    sources.status("held", 3)
    sources.status("normal", 4, "held")
    sources.status("unsub", 5, attempt="a1")
    sources.status("a word that nobody knows", 6)
    found = sources.query(f"SELECT source, says, happened_at FROM {sources.told()} ORDER BY happened_at, says")
    assert found == [
        ("complaint", "out", day(1)),
        ("status change", "in", day(2)),
        ("status change", "released", day(2)),
        ("status change", "held", day(3)),
        ("status change", "released", day(4)),
        ("status change", "echo", day(5)),
    ]
    assert sources.query(f"FROM {consent_facts.standing_outs(sources.told())}") == []
    assert sources.query(consent_facts.held(sources.told())) == []


def test_promise_9_exacttargets_own_opt_outs_stand_until_it_takes_them_back_with_newer_evidence():
    sources = Sources()
    sources.unsubscribed(1)
    sources.status("unsub", 1)
    sources.status("normal", 1, "unsub")  # within the same second
    outs = f"SELECT event_at, is_status FROM {consent_facts.standing_outs(sources.told())} ORDER BY 2"
    assert sources.query(outs) == [(day(1), False), (day(1), True)]
    sources.status("normal", 2, "held")  # tells nothing of an opt-out
    assert len(sources.query(outs)) == 2
    sources.status("normal", 2, "unsub", mid=9)  # another unit's status
    assert len(sources.query(outs)) == 2
    sources.status("normal", 2, "unsub")
    assert sources.query(outs) == []
    sources.status("held", 3)
    sources.status("held", 3, mid=9)
    assert sources.query(consent_facts.held(sources.told())) == [("p1",)]


@pytest.mark.parametrize(
    ("row", "facts"),
    [
        ({}, []),
        ({"out": False, "wants": True}, []),
        ({"out": True, "out_at": day(1)}, [("out", True, day(1), "column out")]),
        ({"out": True}, [("out", True, None, "column out")]),
        (
            {"out": True, "out_at": day(1), "proof": "t.zip/Unsubs.csv:7"},
            [("out", True, day(1), "column out, told by t.zip/Unsubs.csv:7")],
        ),
        ({"out": True, "out_at": day(1), "proof": "Ann rang"}, [("out", True, day(1), "column out")]),
        ({"out": False, "out_at": day(1)}, [("in", False, day(1), "column out_at")]),
        ({"wants": True, "wants_at": day(1.000001)}, [("in", False, day(1), "column wants_at")]),
        ({"wants": None, "wants_at": day(1)}, [("in", False, day(1), "column wants_at")]),
        ({"wants": False, "wants_at": day(1)}, []),
        (
            {"out": True, "out_at": day(2), "wants": True, "wants_at": day(1)},
            [("out", True, day(2), "column out"), ("in", False, day(1), "column wants_at")],
        ),
    ],
)
def test_what_a_row_of_the_crm_says_and_whose_free_text_is_not_repeated(row, facts):
    assert Sources().crm(**row) == [(*one, f"crm_snapshot/people, {evidence}") for *one, evidence in facts]


MOMENTS = st.none() | st.integers(0, 3).map(day)


@settings(max_examples=80, deadline=None)
@given(
    st.fixed_dictionaries(
        {"out": st.none() | st.booleans(), "out_at": MOMENTS, "wants": st.none() | st.booleans(), "wants_at": MOMENTS}
    ),
    st.integers(0, 3) | st.none(),
)
def test_promise_9_the_verdict_that_is_shown_is_the_one_that_the_gate_and_the_write_back_go_by(row, left):
    """A row of the CRM and an unsubscribe: what `verdicts` says of their facts is what the row-wise conditions say."""
    from et_platform.catalog.models import Column, CrmEntity, CrmSource
    from et_platform.sync.consent import is_newer

    sources = Sources()
    sources.crm(**row)
    if left is not None:
        sources.unsubscribed(left)
    of_crm = consent_facts.of_crm(CONSENT, origin="crm_snapshot/people", snapshot="people", key="s._key")
    facts = f"(FROM {sources.told()} UNION ALL FROM {of_crm})"
    shown = sources.query(f"SELECT verdict FROM ({consent_facts.verdicts(facts, mid=MID)}) WHERE level = 'everything'")
    types = {"out": "boolean", "out_at": "timestamp", "wants": "boolean", "wants_at": "timestamp"}
    columns = {name: Column.model_validate({"type": kind}) for name, kind in types.items()}
    entity = CrmEntity(description="x", source=CrmSource(table="p"), key=("out",), columns=columns)
    unsubscribe = 'NULL::STRUCT("at" TIMESTAMP)' if left is None else f"{{'at': TIMESTAMP '{day(left)}'}}"
    (by_rows,) = sources.query(
        f"SELECT coalesce(s.out, false) OR coalesce({is_newer(CONSENT, entity)}, false) "
        f"FROM people AS s, (SELECT {unsubscribe} AS unsubscribe) AS e"
    )
    assert ([verdict for (verdict,) in shown] == ["out"]) == by_rows[0]
