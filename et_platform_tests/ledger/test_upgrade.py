"""A ledger that an earlier version wrote becomes today's, whole or not at all; a newer one is refused."""

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from et_platform.ledger import rejected_rows, tables
from et_platform.ledger.ledger import Ledger, LedgerError
from et_platform.ledger.rejected_rows import RejectedRows
from et_platform.ledger.upgrade import VERSION
from et_platform_tests.ledger.test_ledger import MID, a_file

VERSION_1 = """
CREATE TABLE change_sets (
    id VARCHAR(32) NOT NULL, mid INTEGER NOT NULL, data_extension VARCHAR(100) NOT NULL,
    customer_key VARCHAR(200) NOT NULL, kind VARCHAR(12) NOT NULL, base_version VARCHAR(64) NOT NULL,
    snapshot_id VARCHAR(64) NOT NULL, state VARCHAR(12) NOT NULL, declaration JSON NOT NULL, figures JSON NOT NULL,
    gate JSON NOT NULL, path VARCHAR NOT NULL, run_id VARCHAR(64) NOT NULL, created_at {moment} NOT NULL,
    closed_at {moment}, PRIMARY KEY (id),
    CONSTRAINT change_set_state CHECK (state IN ('planned', 'settled', 'superseded')),
    CONSTRAINT change_set_kind CHECK (kind IN ('rows', 'opt_out', 'unsubscribe')));
CREATE UNIQUE INDEX one_open_change_set ON change_sets (mid, lower(customer_key), kind) WHERE state = 'planned';
CREATE TABLE attempts (
    id VARCHAR(32) NOT NULL, change_set_id VARCHAR(32) NOT NULL, state VARCHAR(12) NOT NULL, acknowledged INTEGER,
    run_id VARCHAR(64) NOT NULL, created_at {moment} NOT NULL, closed_at {moment}, PRIMARY KEY (id),
    CONSTRAINT attempt_state CHECK (state IN ('open', 'settled', 'abandoned')),
    FOREIGN KEY(change_set_id) REFERENCES change_sets (id));
CREATE UNIQUE INDEX one_open_attempt ON attempts (change_set_id) WHERE state = 'open';
CREATE TABLE files (
    attempt_id VARCHAR(32) NOT NULL, operation VARCHAR(8) NOT NULL, state VARCHAR(12) NOT NULL, path VARCHAR NOT NULL,
    remote VARCHAR(200) NOT NULL, sha256 VARCHAR(64) NOT NULL, bytes BIGINT NOT NULL, rows INTEGER NOT NULL,
    definition_key VARCHAR(36) NOT NULL, task_id BIGINT, status VARCHAR(40), successful INTEGER, duplicated INTEGER,
    errors INTEGER, restricted INTEGER, total INTEGER, rejected INTEGER, changed_at {moment} NOT NULL,
    PRIMARY KEY (attempt_id, operation),
    CONSTRAINT file_state CHECK (state IN
        ('staged', 'uploaded', 'starting', 'started', 'finished', 'missing', 'proven', 'dropped')),
    UNIQUE (definition_key), UNIQUE (remote), FOREIGN KEY(attempt_id) REFERENCES attempts (id));
CREATE TABLE rejected_rows (
    definition_key VARCHAR(36) NOT NULL, number INTEGER NOT NULL, field VARCHAR(200) NOT NULL, told VARCHAR NOT NULL,
    rows INTEGER NOT NULL, first_line BIGINT, PRIMARY KEY (definition_key, number),
    FOREIGN KEY(definition_key) REFERENCES files (definition_key))
"""
"""The tables of version 1 that refer to each other, as that version wrote them."""

ROWS = """
INSERT INTO change_sets VALUES ('c1', 100, 'people', 'Test_People', 'rows', 'none', 's1', 'planned', '{{}}', '{{}}', '[]',
    'x.parquet', 'r1', '{now}', NULL);
INSERT INTO attempts VALUES ('a1', 'c1', 'open', NULL, 'r1', '{now}', NULL);
INSERT INTO files VALUES ('a1', 'insert', 'proven', 'x.csv', 'a1_insert.csv', '0', 10, 2, 'etp-1', 7, 'Completed', 1, 0,
    1, NULL, 2, 1, '{now}');
INSERT INTO files VALUES ('a1', 'update', 'uploaded', 'y.csv', 'a1_update.csv', '0', 10, 2, 'etp-2', NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, '{now}');
INSERT INTO rejected_rows VALUES ('etp-1', 0, 'Name', 'too long', 1, 3)
"""
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def written_by_version_1(engine: Engine) -> None:
    moment = "DATETIME" if engine.dialect.name == "sqlite" else "TIMESTAMP WITH TIME ZONE"
    now = f"{NOW:%Y-%m-%d %H:%M:%S.%f}" + ("" if engine.dialect.name == "sqlite" else "+00")
    with engine.begin() as connection:
        for statement in (VERSION_1.format(moment=moment) + ";" + ROWS.format(now=now)).split(";"):
            connection.exec_driver_sql(statement)


@pytest.fixture(params=["sqlite", "postgresql"])
def older(request, tmp_path):
    """The URL of a ledger that version 1 wrote, and an engine that knows nothing of ours."""
    url = plain = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_server").uri
        plain = url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(plain)
    written_by_version_1(engine)
    yield url, engine
    tables.metadata.drop_all(engine)
    engine.dispose()


def test_promise_2_a_ledger_of_version_1_is_upgraded_where_it_is_and_keeps_every_row(older):
    url, _ = older
    ledger = Ledger(url)
    inserts, updates = ledger.attempt("a1").files
    assert (inserts.part, inserts.first_row, inserts.task_id, inserts.rejected) == (1, None, 7, 1)
    assert (inserts.changed_at, updates.state) == (NOW, "uploaded")
    assert rejected_rows.of_file(ledger, inserts) == [RejectedRows("etp-1", "Name", "too long", 1, 3)]
    assert ledger.open_change_set(MID, "Test_People") == ledger.change_set("c1")
    assert ledger.advance_file(updates, "starting").state == "starting"
    again = Ledger(url)
    assert again.attempt("a1").files[1].state == "starting"
    with again.engine.connect() as connection:
        assert connection.execute(text("SELECT version FROM ledger_version")).scalars().all() == [VERSION]


def test_an_upgraded_ledger_guards_what_a_new_one_guards(older):
    ledger = Ledger(older[0])
    ledger.close_attempt("a1", acknowledged=None)
    parts = [a_file("a2", part=part, first_row=first) for part, first in ((2, 1), (1, 0))]
    ledger.begin_attempt(attempt_id="a2", change_set_id="c1", run_id="r2", files=parts)
    assert [file.part for file in ledger.attempt("a2").files] == [1, 2]
    broken = (
        "UPDATE files SET part = 1 WHERE attempt_id = 'a2'",
        "UPDATE files SET state = 'lost'",
        "UPDATE files SET definition_key = 'etp-1'",
        "UPDATE files SET attempt_id = 'nobody'",
        "INSERT INTO rejected_rows VALUES ('etp-unknown', 0, '', '', 1, NULL)",
    )
    for statement in broken:
        with pytest.raises(IntegrityError), ledger.engine.begin() as connection:
            connection.execute(text(statement))


def test_promise_3_an_upgrade_that_cannot_be_finished_leaves_the_ledger_as_it_was(older):
    url, engine = older
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE attempts RENAME COLUMN acknowledged TO former"))
    with pytest.raises(LedgerError, match=r"lacks attempts\.acknowledged, which no upgrade adds"):
        Ledger(url)
    names = {column["name"] for column in inspect(engine).get_columns("files")}
    assert "part" not in names
    assert not inspect(engine).has_table("ledger_version")
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE attempts RENAME COLUMN former TO acknowledged"))
    assert len(Ledger(url).attempt("a1").files) == 2


def test_two_who_open_a_ledger_of_version_1_at_once_both_get_it_upgraded(older):
    found: list[int] = []

    def open_it() -> None:
        found.append(len(Ledger(older[0]).attempt("a1").files))

    threads = [threading.Thread(target=open_it) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2, 2, 2]


def test_promise_16_a_ledger_of_a_newer_version_is_refused_and_left_alone(older):
    url, engine = older
    Ledger(url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE ledger_version SET version = {VERSION + 1}"))
        connection.execute(text("DROP TABLE leases"))
    with pytest.raises(LedgerError, match=rf"newer version .* of version {VERSION + 1}, .* up to {VERSION}\. Run that"):
        Ledger(url)
    assert not inspect(engine).has_table("leases"), "nothing was made in it"
