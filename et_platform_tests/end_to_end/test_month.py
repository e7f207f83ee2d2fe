"""A simulated month through faults: what happened is what the marts hold, to the row, per type and day."""

from pathlib import Path

import pytest

from et_platform_tests.end_to_end.month import DAYS, FAULTS, SEED, month


@pytest.mark.timeout(600)  # thirty days, each with its files, a send now and then, and every fault once
def test_promises_11_and_12_after_a_month_of_faults_the_marts_hold_what_happened(tmp_path: Path):
    with month(tmp_path, customers=200, tell=print) as lived:
        lived.tell(f"seed {SEED}; struck: {lived.struck}; failed: {dict(lived.refused)}")
        books, marts = lived.books(), lived.marts()
    assert len(lived.struck) == len(FAULTS), "every fault did its work"
    assert marts["events"] == books
    totals = {event_type: sum(days.values()) for event_type, days in books.items()}
    assert min(totals.values()) > 0, totals
    assert sum(len(days) for days in books.values()) > DAYS, "events lie on many days"
    for mart in ("send_performance", "customer_engagement"):
        assert marts[mart] == {
            **{"sent": totals["sent"], "bounces": totals["bounce"]},
            **{"opens": totals["open"], "clicks": totals["click"]},
        }
    assert marts["opt-outs"] == books["unsubscribe"]
    assert marts["rejects"] == 0
