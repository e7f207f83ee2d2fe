"""A ledger that another process holds locked, and one whose disk takes no more: told, and nothing is half done."""

import sqlite3
from contextlib import closing

import pytest

from et_platform.ledger.leases import lease
from et_platform.ledger.ledger import Ledger, LedgerError
from et_platform_tests.ledger.test_ledger import MID, a_change_set, begin


@pytest.fixture
def ledger(tmp_path):
    return Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}?timeout=0.2")


def test_promise_16_a_ledger_with_a_write_transaction_of_another_process_says_what_to_end(ledger, tmp_path):
    ledger.plan(a_change_set())
    file = begin(ledger)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match=r"ledger.sqlite.* is held locked by another process.*End what holds it"):
            ledger.advance_file(file, "uploaded")
        with pytest.raises(LedgerError, match="held locked"), lease(ledger, "de", wait_seconds=0):
            pass
        other.execute("ROLLBACK")
    assert ledger.advance_file(file, "uploaded").state == "uploaded", "it had not moved"


def test_promise_16_a_ledger_whose_disk_is_full_says_what_to_free_and_nothing_is_half_done(ledger):
    ledger.plan(a_change_set())
    big = a_change_set("c2", customer_key="Other", declaration={"text": "x" * 100_000})
    allow_pages(ledger, 0)  # SQLite's own way to a disk that is full: no page more than there are
    with pytest.raises(LedgerError, match=r"could not be written .*disk is full.*Free some disk space"):
        ledger.plan(big)
    allow_pages(ledger, 1_000_000)
    assert ledger.open_change_set(MID, "Other") is None
    ledger.plan(big)
    assert ledger.open_change_set(MID, "Other") is not None


def allow_pages(ledger: Ledger, pages: int) -> None:
    """In the one connection that this thread's pool holds."""
    with ledger.engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages or 1}")
        connection.rollback()
