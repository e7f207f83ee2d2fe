"""A row's timeline: complete, in order, with file and line, and without personal data."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import duckdb

from et_platform.catalog.masking import masked
from et_platform.catalog.sql_types import sql_type
from et_platform.catalog.tracking import EventType
from et_platform.duckdb_support import literal
from et_platform.inbound import write_back
from et_platform.resources import build_write_back_road
from et_platform.sync.folding import folded_key
from et_platform.sync.staging import copy_to_csv, line_in_file
from et_platform.trace.timeline import Sources, lines, timeline
from et_platform.warehouse import events
from et_platform_tests.outbound.world import World, settings_for
from et_platform_tests.scenario import example_catalog, person


def told(world: World, key: str) -> list[str]:
    road = world.road
    entity = world.catalog.entity("people")
    return list(lines(timeline(Sources(road.mid, road.lake, road.ledger, road.files), world.catalog, entity, key)))


def happened(world: World, event_type: EventType, key: str, at: datetime) -> None:
    with world.road.lake.write() as connection:
        events.ensure_tables(connection)
        connection.execute(
            f'INSERT INTO {events.relation(event_type)} ("SubscriberKey", "SendID", "EventDate", _folded_key, _file, '
            f"_member, _line, _run_id) VALUES ($key, 12, $at, {folded_key('$key')}, 't.zip', 'Opens.csv', 7, 'run')",
            {"key": key, "at": at},
        )


def test_everything_that_happened_to_a_row_is_told_in_order_and_masked(tmp_path, exacttarget_info):
    world = World(tmp_path, exacttarget_info)
    world.crm(person(), person(id="P2"))
    world.run()
    world.crm(person(name="Secretive", points="8"), person(id="P2"))
    world.run()
    happened(world, "open", "p1", datetime(2031, 1, 1, tzinfo=UTC))
    lines_of = told(world, "p1 ")
    kinds = [line[25:37].strip() for line in lines_of]
    assert kinds == ["change set", "import", "snapshot", "change set", "import", "event"]
    assert "insert planned for" in lines_of[0]
    for line in (lines_of[1], lines_of[4]):
        assert re.search(r": import task \d+ Completed; ", line), line
    assert [line.rpartition("  ")[2] for line in lines_of] == ["[run test]"] * 5 + ["[run run]"]
    assert "acknowledged then" in lines_of[1]
    assert "name S… (9)" in lines_of[2]
    assert "points 8" in lines_of[2]
    assert "update of Name, Points planned" in lines_of[3]
    assert "line 2 of etp_people_update_" in lines_of[4]
    assert lines_of[4].partition("[run")[0].rstrip().endswith("Completed; acknowledged")
    assert "open of send 12 (t.zip/Opens.csv:7)" in lines_of[5]
    assert not [line for line in lines_of if "Secretive" in line or "example.org" in line]


WRITE_BACK = """
description: Opt-outs, for tests.
owners: ["team:tests"]
table: people
key: id
consent: {opted_out: opted_out, opted_out_at: opted_out_at, evidence: nickname, opted_in: opted_in, opted_in_at: opted_in_at}
"""


def test_consent_and_what_was_written_to_the_crm_are_told_and_name_nobody(tmp_path, exacttarget_info):
    world = World(tmp_path, exacttarget_info)
    declarations = tmp_path / "catalog"
    (declarations / "writeback").mkdir()
    (declarations / "writeback/people.yaml").write_text(WRITE_BACK, encoding="utf-8")
    crm = declarations / "crm/people.yaml"
    crm.write_text(crm.read_text("utf-8").replace("nickname: {type: text}", "nickname: {type: text, pii: profile}"))
    wanted = {"opted_in": "true", "opted_in_at": "2026-01-01 00:00:00", "nickname": None}
    world.crm(
        person(**wanted),
        person(id="P2", opted_in_at=None, opted_out="true", opted_out_at="2026-02-03 04:05:06", nickname="Secretly"),
    )
    world.snapshot()
    happened(world, "unsubscribe", "p1", datetime(2026, 6, 1, 12, tzinfo=UTC))
    settings = settings_for(tmp_path, exacttarget_info)
    road = build_write_back_road(settings, run_id="run of the write-back", tell=world.told.append)
    declared = world.catalog.writeback["people"]
    _, written = write_back.run(road, world.catalog, declared, take_snapshot=world.snapshot)
    assert written is not None

    before = told(world, "P1")
    assert [line[25:37].strip() for line in before] == ["consent", "event", "snapshot", "write-back"]
    assert before[0].endswith("opted in, by the CRM")
    at = "2026-06-01 12:00:00"
    assert f"opted_out False → True; opted_out_at empty → {at}" in before[3]
    assert "nickname empty → t… (17)" in before[3], "what a column of persons holds is masked, whoever wrote it"
    assert "opted_in True → False" in before[3]
    assert f"(write-back {written.id[:12]}, settled)  [run run of t]" in before[3]

    world.snapshot()
    after = told(world, "p1 ")
    assert [line[25:37].strip() for line in after] == ["consent", "consent", "event", "write-back", "snapshot"]
    assert {line[:23] for line in after[1:3]} == {f"{at} UTC"}
    # A file with its line is nobody's data, so it is shown; it is what proves the opt-out.
    assert after[1].endswith("opted out, by the CRM; evidence: t.zip/Opens.csv:7")

    other = told(world, "P2")
    assert [line[25:37].strip() for line in other] == ["consent", "snapshot"]
    assert other[0].startswith("2026-02-03 04:05:06 UTC")
    assert other[0].endswith("opted out, by the CRM; evidence: S… (8)"), "what somebody typed may be about a person"
    shown = "\n".join([*before, *after, *other])
    assert not [word for word in ("Secretly", "example.org", "Zoë") if word in shown]
    assert not any("P1" in line or "P2" in line for line in world.told)


def test_a_write_back_whose_rows_are_gone_or_that_missed_some_says_so(tmp_path, exacttarget_info):
    world = World(tmp_path, exacttarget_info)
    (tmp_path / "catalog/writeback").mkdir()
    (tmp_path / "catalog/writeback/people.yaml").write_text(WRITE_BACK, encoding="utf-8")
    world.crm(person(), person(id="P2"))
    world.snapshot()
    for key in ("P1", "P2"):
        happened(world, "unsubscribe", key, datetime(2026, 6, 1, 12, tzinfo=UTC))
    road = build_write_back_road(settings_for(tmp_path, exacttarget_info), run_id="test", tell=world.told.append)
    declared = world.catalog.writeback["people"]
    proposal = write_back.propose(road, world.catalog, declared)
    assert proposal.set_ is not None
    with closing(sqlite3.connect(tmp_path / "crm.sqlite")) as crm, crm:
        crm.execute("UPDATE people SET opted_out_at = '2026-01-01 00:00:00' WHERE id = 'P1'")
    write_back.settle(road, write_back.write(road, declared, proposal.set_))
    (line,) = [line for line in told(world, "P1") if "write-back" in line[25:37]]
    assert "of its 2 rows {'conflict': 1}" in line
    (road.files / proposal.set_.path).unlink()
    assert not [line for line in told(world, "P1") if "write-back" in line[25:37]]


def test_a_row_that_is_withheld_says_why_and_an_unknown_one_says_so(tmp_path, exacttarget_info):
    world = World(tmp_path, exacttarget_info)
    world.crm(person(email="nobody"), person(id="P2"), person(id="C1"), person(id="c1"))
    world.run()
    assert any("quarantined for" in line and "is not an e-mail address" in line for line in told(world, "P1"))
    copied = told(world, "C1")
    assert "The CRM has 2 rows with this key" in copied[0]
    assert any("has copies" in line for line in copied)
    assert told(world, "nobody")[0].endswith("the CRM has no row with this key  [run test]")
    assert "unknown rule" in told(world, "straße")[0]
    with closing(sqlite3.connect(world.folder / "crm.sqlite")) as crm:
        assert crm.execute("SELECT count(*) FROM people").fetchone() == (4,), "looking changes nothing"


def test_the_line_counts_breaks_inside_texts(tmp_path):
    declared = example_catalog(tmp_path).data_extensions["people"].is_
    rows, file = tmp_path / "rows.parquet", tmp_path / "rows.csv"
    file.touch()
    with duckdb.connect() as connection:
        rest = {name: sql_type(field) for name, field in declared.fields.items() if name not in ("PersonID", "Name")}
        fields = ", ".join(f"NULL::{type_} AS {name}" for name, type_ in rest.items())
        connection.execute(
            f"COPY (SELECT 'insert' AS _operation, k AS _folded_key, k AS PersonID, n AS Name, {fields} FROM "
            f"(VALUES ('a', 'x'), ('b', E'two\\nlines'), ('c', 'y'), ('d', E'\\n\\n'), ('e', 'z')) AS t(k, n)) "
            f"TO {literal(str(rows))} (FORMAT parquet)"
        )
        relation = f"read_parquet({literal(str(rows))}, file_row_number = true)"
        connection.execute(copy_to_csv(declared, "insert", changes=relation, path=str(file)))
        written = file.read_text("utf-8").split("\n")
        for key in "abcde":
            query = line_in_file(declared, "insert", changes=relation)
            (line,) = connection.execute(query, {"folded_key": key}).fetchone() or (0,)
            assert written[line - 1].startswith(f'"{key}"')


def test_values_about_a_person_show_their_first_sign_and_length_only():
    assert masked("Zoë", "name") == "Z… (3)"
    assert masked(None, "name") == "empty"
    assert masked(datetime(2026, 1, 2, 3, 4, 5), "profile") == "2… (19)"  # noqa: DTZ001 - as the lake has them
    assert masked(7, "none") == "7"
    assert len(masked("x" * 999, "none")) == 201
