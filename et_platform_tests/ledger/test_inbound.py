"""The return road's part of the ledger: what may follow what, and who was first."""

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from et_platform.ledger.inbound import InboundLedger
from et_platform.ledger.inbound_records import ExtractFile, ExtractRequest
from et_platform.ledger.ledger import Ledger, LedgerError, StaleState

NOW = datetime(2026, 11, 2, 3, 4, tzinfo=UTC)
START = datetime(2026, 11, 1, tzinfo=UTC)
FILE = ExtractFile("i1", 7, "a.zip", 5_000_000_000, NOW, "seen", 0, "r", NOW, NOW)
REQUEST = ExtractRequest(7, "t", START, START + timedelta(days=1), 1, "a.zip", ["open"], "asking", "r", NOW)


@pytest.fixture
def ledger(tmp_path):
    return InboundLedger(Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}"))


def test_a_file_goes_its_way_and_answers_its_request(ledger):
    ledger.begin_request(REQUEST)
    ledger.see([FILE, dataclasses.replace(FILE, identity="i2")])
    ledger.see([dataclasses.replace(FILE, size=1)])  # known already: left as it is
    file = ledger.begin_take(ledger.file("i1"), run_id="r2")
    assert (file.attempts, file.size) == (1, FILE.size)
    file = ledger.fetched(file, sha256="s", path="p")
    assert (file.window_start, file.window_end) == (START, START + timedelta(days=1))
    assert ledger.request_for("a.zip").state == "arrived"
    file = ledger.loaded(file, rows={"open": {"new": 1}})
    assert ledger.file("i1") == file
    request = ledger.request_for("a.zip")
    assert (request.state, request.arrived_at is not None, request.loaded_at is not None) == ("loaded", True, True)
    assert ledger.requested(REQUEST).state == "loaded"
    assert {one.identity for one in ledger.files_named(7, "a.zip")} == {"i1", "i2"}
    assert [one.identity for one in ledger.files([f"x{n}" for n in range(1200)] + ["i1"])] == ["i1"]


def test_a_failed_take_may_begin_again_and_a_loaded_file_not(ledger):
    ledger.see([FILE])
    failed = ledger.failed(ledger.begin_take(FILE, run_id="r"), problem="torn")
    assert (failed.state, failed.problem) == ("failed", "torn")
    again = ledger.begin_take(failed, run_id="r")
    assert (again.attempts, again.problem) == (2, None)
    loaded = ledger.loaded(ledger.fetched(again, sha256="s", path="p"), rows={})
    for forbidden in (
        lambda: ledger.begin_take(loaded, run_id="r"),
        lambda: ledger.failed(loaded, problem="x"),
        lambda: ledger.loaded(failed, rows={}),
    ):
        with pytest.raises(LedgerError, match="cannot go from"):
            forbidden()


def test_two_that_see_the_same_file_at_the_same_moment_record_it_once(ledger):
    together = threading.Barrier(4)

    def see() -> None:
        together.wait()
        ledger.see([dataclasses.replace(FILE, identity=f"i{n}") for n in range(50)])

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(see) for _ in range(4)]:
            done.result()
    assert len(ledger.files([f"i{n}" for n in range(50)])) == 50


def test_two_that_take_the_same_file_do_not_both_win(ledger):
    ledger.see([FILE])
    ledger.begin_take(FILE, run_id="r1")
    with pytest.raises(StaleState, match="another run took it over"):
        ledger.begin_take(FILE, run_id="r2")


def test_an_unknown_file_says_what_to_do(ledger):
    with pytest.raises(LedgerError, match="Let the sensor look again"):
        ledger.file("nobody")


def test_a_request_is_recorded_once_and_an_output_name_belongs_to_one(ledger):
    assert ledger.begin_request(REQUEST) == REQUEST
    assert ledger.requested(REQUEST).state == "requested"
    assert ledger.begin_request(dataclasses.replace(REQUEST, run_id="other")).state == "requested"
    with pytest.raises(IntegrityError):
        ledger.begin_request(dataclasses.replace(REQUEST, attempt=2))
    with pytest.raises(IntegrityError):
        ledger.begin_request(dataclasses.replace(REQUEST, attempt=3, output_name="b", window_end=START))
