"""The ledger: constraints and state machine that make the promises hold whatever a caller does."""

import dataclasses
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, inspect
from sqlalchemy.exc import IntegrityError

from et_platform.ledger import approvals, tables
from et_platform.ledger.leases import LeaseTaken, lease
from et_platform.ledger.ledger import Ledger, LedgerError, StaleState
from et_platform.ledger.records import ChangeSet, ImportFile
from et_platform.sync.identity import Operation

MID = 100


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request, tmp_path):
    if request.param == "sqlite":
        yield Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
        return
    ledger = Ledger(request.getfixturevalue("postgresql_server").uri)
    yield ledger
    tables.metadata.drop_all(ledger.engine)
    ledger.engine.dispose()


def a_change_set(identity: str = "c1", **changes) -> ChangeSet:
    usual = ChangeSet(
        id=identity,
        mid=MID,
        data_extension="people",
        customer_key="Test_People",
        kind="rows",
        base_version="none",
        snapshot_id="s1",
        state="planned",
        declaration={},
        figures={"inserts": 1},
        gate=[],
        path="rows.parquet",
        run_id="r1",
        created_at=datetime.now(UTC),
    )
    return dataclasses.replace(usual, **changes)


def a_file(attempt: str, operation: Operation = "insert", part: int = 1, first_row: int | None = None) -> ImportFile:
    number = "" if part == 1 else f"_{part}"
    return ImportFile(
        attempt_id=attempt,
        operation=operation,
        part=part,
        first_row=first_row,
        state="staged",
        path="x.csv",
        remote=f"{attempt}_{operation}{number}.csv",
        sha256="0" * 64,
        bytes=1,
        rows=1,
        definition_key=f"etp-{attempt}-{operation}{number}",
        changed_at=datetime.now(UTC),
    )


def begin(ledger: Ledger, attempt: str = "a1", change_set: str = "c1") -> ImportFile:
    file = a_file(attempt)
    ledger.begin_attempt(attempt_id=attempt, change_set_id=change_set, run_id="r1", files=[file])
    return file


def test_what_was_written_is_read_back_with_aware_times(ledger):
    ledger.plan(a_change_set())
    begin(ledger)
    attempt = ledger.open_attempt(MID, "Test_People")
    assert attempt is not None
    assert attempt.created_at.tzinfo is not None
    assert attempt.files == (dataclasses.replace(a_file("a1"), changed_at=attempt.files[0].changed_at),)
    assert ledger.open_change_set(MID, "Test_People") == ledger.change_set("c1")


def test_promise_1_the_database_itself_refuses_two_open_change_sets_of_one_data_extension(ledger):
    ledger.plan(a_change_set("c1"))
    with pytest.raises(IntegrityError), ledger.engine.begin() as connection:
        connection.execute(insert(tables.change_sets).values(**dataclasses.asdict(a_change_set("c2"))))


def test_promises_1_and_9_an_opt_out_is_open_beside_the_rows_and_no_second_one(ledger):
    ledger.plan(a_change_set("c1"))
    ledger.plan(a_change_set("o1", kind="opt_out"))
    ledger.plan(a_change_set("u1", kind="unsubscribe"))
    with pytest.raises(IntegrityError), ledger.engine.begin() as connection:
        another = dataclasses.asdict(a_change_set("o2", kind="opt_out"))
        connection.execute(insert(tables.change_sets).values(**another))
    ledger.begin_attempt(attempt_id="a1", change_set_id="u1", run_id="r1", files=())
    assert ledger.open_attempt(MID, "Test_People") is None, "setting a status is no import"
    attempt = ledger.open_attempt(MID, "Test_People", ["unsubscribe"])
    assert attempt is not None
    assert attempt.files == ()
    ledger.close_attempt("a1", acknowledged=3)
    ledger.close_open_change_set(MID, "Test_People", "opt_out")
    kinds = [kind for kind in ("rows", "opt_out", "unsubscribe") if ledger.open_change_set(MID, "Test_People", kind)]
    assert kinds == ["rows"]


def test_promise_16_a_ledger_of_an_earlier_version_is_told_and_left_alone(ledger):
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX one_open_change_set")
        connection.exec_driver_sql("ALTER TABLE change_sets RENAME COLUMN kind TO former")
        connection.exec_driver_sql("DROP TABLE leases")
    url = ledger.engine.url.render_as_string(hide_password=False)
    with pytest.raises(LedgerError, match=r"earlier version: it lacks change_sets\.kind.*move the ledger aside"):
        Ledger(url)
    with ledger.engine.connect() as connection:
        assert not inspect(connection).has_table("leases"), "nothing was made in it"


def test_a_newer_plan_supersedes_and_the_same_plan_reopens(ledger):
    ledger.plan(a_change_set("c1"))
    ledger.plan(a_change_set("c2"))
    assert ledger.change_set("c1").state == "superseded"
    ledger.plan(a_change_set("c1"))
    assert ledger.change_set("c1").state == "planned"
    assert ledger.change_set("c2").state == "superseded"
    ledger.close_open_change_set(MID, "Test_People")
    assert ledger.open_change_set(MID, "Test_People") is None


def test_promise_1_no_plan_replaces_a_change_set_whose_attempt_is_open(ledger):
    ledger.plan(a_change_set("c1"))
    begin(ledger)
    with pytest.raises(StaleState):
        ledger.plan(a_change_set("c2"))
    with pytest.raises(StaleState):
        begin(ledger, "a2")


def test_promise_4_a_file_advances_only_along_the_state_machine_and_only_once(ledger):
    ledger.plan(a_change_set())
    file = begin(ledger)
    with pytest.raises(LedgerError, match="from staged to starting"):
        ledger.advance_file(file, "starting")
    uploaded = ledger.advance_file(file, "uploaded")
    with pytest.raises(StaleState):
        ledger.advance_file(file, "dropped")  # somebody who still believes it staged
    starting = ledger.advance_file(uploaded, "starting")
    started = ledger.advance_file(starting, "started", task_id=7)
    assert ledger.attempt("a1").files[0].task_id == started.task_id == 7


def test_settling_closes_attempt_and_change_set_and_abandoning_leaves_the_change_set_open(ledger):
    ledger.plan(a_change_set())
    begin(ledger)
    ledger.close_attempt("a1", acknowledged=None)
    assert ledger.attempt("a1").state == "abandoned"
    assert ledger.open_change_set(MID, "Test_People") is not None
    begin(ledger, "a2")
    ledger.close_attempt("a2", acknowledged=5)
    assert ledger.open_attempt(MID, "Test_People") is None
    assert ledger.change_set("c1").state == "settled"
    assert ledger.attempt("a2").acknowledged == 5


def test_a_lease_is_exclusive_between_threads_and_given_back(ledger):
    found: list[Exception] = []

    def other() -> None:
        try:
            with lease(ledger, "de", wait_seconds=0):
                pass
        except LeaseTaken as error:
            found.append(error)

    with lease(ledger, "de"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(found) == 1
    assert "working on de" in str(found[0])
    with lease(ledger, "de", wait_seconds=0):
        pass


def test_promise_3_the_lease_of_a_killed_process_is_taken_over_at_once(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    code = (
        "import os, signal, sys\n"
        "from et_platform.ledger.leases import lease\n"
        "from et_platform.ledger.ledger import Ledger\n"
        "with lease(Ledger(sys.argv[1]), 'de'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr
    with lease(Ledger(url), "de", wait_seconds=0):
        pass


def test_an_unreachable_ledger_is_explained_without_its_password():
    with pytest.raises(LedgerError, match="cannot be opened") as caught:
        Ledger("postgresql://someone:s3cret@127.0.0.1:1/nothing")
    assert "s3cret" not in str(caught.value)


def test_promise_13_many_who_want_the_same_lease_get_it_one_after_the_other(ledger):
    holders: list[int] = []
    at_once: list[int] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(5):
                with lease(ledger, "de", wait_seconds=60):
                    holders.append(1)
                    at_once.append(len(holders))
                    holders.pop()
        except Exception as error:  # noqa: BLE001 - the assertion below shows it
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert at_once == [1] * 20


def test_a_lease_that_was_lost_is_noticed_before_anything_is_done_twice(ledger, monkeypatch):
    from datetime import timedelta

    from sqlalchemy import update

    from et_platform.ledger import leases

    monkeypatch.setattr(leases, "LIFE", timedelta(seconds=0.3))
    with lease(ledger, "de") as held:
        held.check()
        with ledger.engine.begin() as connection:
            connection.execute(update(tables.leases).values(holder="1@elsewhere|1|1.00"))
        with pytest.raises(leases.LeaseLost, match="run it again"):
            for _ in range(100):
                held.check()
                threading.Event().wait(0.02)


def test_promise_8_a_decision_names_person_and_reason_the_newest_counts_and_a_rejection_closes(ledger):
    ledger.plan(a_change_set("a1b2c3d4e5f6"))
    found = approvals.find(ledger, "a1b2c3d4")
    assert (found.id, approvals.latest(ledger, found.id)) == ("a1b2c3d4e5f6", None)
    now = datetime(2026, 11, 2, 12, tzinfo=UTC)
    for who, why in (("", "looked at it"), ("ann", "  ")):
        with pytest.raises(LedgerError, match="a person and a reason"):
            approvals.approve(ledger, found.id, who=who, why=why, now=now)
    approvals.approve(ledger, found.id, who="ann", why="looked at it", now=now)
    approved = approvals.latest(ledger, found.id)
    assert approved is not None
    assert (approved.decision, approved.who, approved.expires_at) == ("approved", "ann", now + approvals.LIFETIME)
    with pytest.raises(StaleState, match="somebody else decided"):  # the same moment, and one was first
        approvals.reject(ledger, found.id, who="bob", why="no", now=now)
    approvals.reject(ledger, found.id, who="bob", why="no", now=now + timedelta(minutes=1))
    rejected = approvals.latest(ledger, found.id)
    assert rejected is not None
    assert (rejected.decision, rejected.why, rejected.expires_at) == ("rejected", "no", None)
    assert approvals.find(ledger, found.id).state == "superseded"
    with pytest.raises(StaleState, match="is superseded"):
        approvals.approve(ledger, found.id, who="ann", why="again", now=now)
