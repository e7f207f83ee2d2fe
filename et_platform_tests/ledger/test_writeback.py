"""Write-back sets in the ledger: one open for each entity, and only the allowed transitions."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, inspect
from sqlalchemy.exc import IntegrityError

from et_platform.ledger import tables, writeback
from et_platform.ledger.ledger import Ledger, LedgerError, StaleState
from et_platform.ledger.writeback import WriteBackSet
from et_platform.ledger.writeback_tables import writeback_sets

DONE = {"written": 2, "already": 0, "conflict": 1, "missing": 0, "ambiguous": 0}


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request, tmp_path):
    if request.param == "sqlite":
        yield Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
        return
    ledger = Ledger(request.getfixturevalue("postgresql_server").uri)
    yield ledger
    tables.metadata.drop_all(ledger.engine)
    ledger.engine.dispose()


def a_set(identity: str = "w1", **changes) -> WriteBackSet:
    usual = WriteBackSet(
        id=identity,
        entity="people",
        state="proposed",
        rows=3,
        figures={"change": 3, "held": 1},
        snapshot_id="s1",
        path=f"writeback/people/{identity}.parquet",
        run_id="r1",
        proposed_at=datetime.now(UTC),
    )
    return dataclasses.replace(usual, **changes)


def test_a_set_goes_its_way_and_every_step_is_dated(ledger):
    written = writeback.record(ledger, writeback.begin(ledger, writeback.propose(ledger, a_set())), DONE)
    assert writeback.open_set(ledger, "people") == written
    settled = writeback.settle(ledger, written)
    assert writeback.open_set(ledger, "people") is None
    assert writeback.last_settled(ledger, "people") == writeback.write_back_set(ledger, "w1") == settled
    assert settled.outcome == DONE
    assert None not in (settled.writing_at, settled.written_at, settled.closed_at)


def test_promise_3_a_set_in_doubt_is_begun_again_and_no_other_takes_its_place(ledger):
    begun = writeback.begin(ledger, writeback.propose(ledger, a_set()))
    assert writeback.begin(ledger, begun) == begun
    with pytest.raises(StaleState, match="is writing; it is settled before a new one"):
        writeback.propose(ledger, a_set("w2"))
    assert writeback.propose(ledger, a_set()) == begun  # the same set again is the same set
    writeback.propose(ledger, a_set("w3", entity="others"))


def test_the_database_itself_refuses_two_open_sets_of_one_entity(ledger):
    writeback.propose(ledger, a_set())
    with pytest.raises(IntegrityError), ledger.engine.begin() as connection:
        connection.execute(insert(writeback_sets).values(**dataclasses.asdict(a_set("w2"))))


def test_a_newer_proposal_supersedes_and_the_same_one_is_opened_anew(ledger):
    writeback.propose(ledger, a_set())
    writeback.propose(ledger, a_set("w2"))
    assert writeback.write_back_set(ledger, "w1").state == "superseded"
    writeback.settle(ledger, writeback.record(ledger, writeback.begin(ledger, a_set("w2")), DONE))
    again = writeback.propose(ledger, a_set("w2"))
    assert writeback.open_set(ledger, "people") == again
    assert (again.state, again.outcome, again.closed_at) == ("proposed", None, None)
    writeback.close_proposal(ledger, "people")
    assert writeback.open_set(ledger, "people") is None


def test_steps_out_of_order_and_steps_of_others_are_refused(ledger):
    proposed = writeback.propose(ledger, a_set())
    with pytest.raises(LedgerError, match="was not written"):
        writeback.record(ledger, proposed, DONE)
    with pytest.raises(LedgerError, match="cannot be settled"):
        writeback.settle(ledger, proposed)
    begun = writeback.begin(ledger, proposed)
    with pytest.raises(StaleState, match="no longer proposed"):
        writeback.begin(ledger, proposed)
    with pytest.raises(LedgerError, match="of 3 rows has an outcome of 1"):
        writeback.record(ledger, begun, {"written": 1})
    writeback.record(ledger, begun, DONE)
    with pytest.raises(StaleState):
        writeback.record(ledger, begun, DONE)
    with pytest.raises(LedgerError, match="has no write-back w9"):
        writeback.write_back_set(ledger, "w9")


def test_files_are_forgotten_once_nothing_needs_them(ledger):
    now = datetime.now(UTC)
    writeback.propose(ledger, a_set("w1"))
    writeback.settle(
        ledger, writeback.record(ledger, writeback.begin(ledger, writeback.propose(ledger, a_set("w2"))), DONE)
    )
    writeback.propose(ledger, a_set("w3"))
    soon, later = now - timedelta(days=1), now + timedelta(days=1)
    assert writeback.forgettable_paths(ledger, "people", closed_before=soon) == ["writeback/people/w1.parquet"]
    assert len(writeback.forgettable_paths(ledger, "people", closed_before=later)) == 2


def test_the_ledger_keeps_no_values_and_makes_its_tables_itself(ledger):
    assert "writeback_sets" in inspect(ledger.engine).get_table_names()
    assert not {"before", "after", "key"} & {column.name for column in writeback_sets.columns}
