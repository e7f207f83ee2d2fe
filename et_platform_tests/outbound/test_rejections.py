"""Rejected rows by name: line, field and reason, from the e-mail after an import; a report that does not fit is told."""

import csv
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from et_platform.defs.data_extension import _metadata
from et_platform.ledger.records import ImportFile
from et_platform.outbound import import_report, quarantine
from et_platform.outbound.rejections import field_of
from et_platform.outbound.report_words import without_values
from et_platform.outbound.road import Reports
from et_platform.trace.record import lines_of_record, record
from et_platform_tests.outbound.test_road import tamper
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import person


@pytest.fixture
def world(tmp_path, exacttarget_info):
    site = exacttarget_info["ftp_folder"]
    reports = {"report_address": "ops@a.example", "report_folder": site.parents[1] / "outbox" / site.name}
    return World(tmp_path / "world", exacttarget_info, changes=reports | {"report_deadline_seconds": 5.0})


PEOPLE = (person(id="P1", name="a\nb"), *(person(id=f"P{n}") for n in range(2, 6)))


def imported(world: World):
    """Five people, of whom ExactTarget rejects P2 for its address and P4 for its points."""
    world.crm(*PEOPLE)
    world.snapshot()
    world.plan()
    world.stage()
    tamper(
        world,
        "insert",
        lambda text: text.replace('"P2","p1@example.org"', '"P2","broken"').replace(
            '"P4","p1@example.org","Zoë 漢",7', '"P4","p1@example.org","Zoë 漢",x'
        ),
    )
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.acknowledged, settlement.rejected) == (3, 2)
    return settlement


def test_promise_6_a_rejected_row_is_named_with_line_field_and_reason(world):
    settlement = imported(world)
    assert {(one.field, one.rows, one.first_line) for one in settlement.reasons} == {("Email", 1, 4), ("Points", 1, 6)}
    assert "Email is" in str(_metadata(settlement)["rejected rows"])
    told = "\n".join(lines_of_record(record(world.road.ledger, settlement.attempt_id)))
    assert "1 rows rejected for Points, the first on line 6; ExactTarget's report says: Points is" in told

    with world.road.lake.read() as connection:
        found = connection.execute(
            "SELECT _folded_key, line, field FROM lake.quarantine.rejections ORDER BY line"
        ).fetchall()
    assert found == [("p2", 4, "Email"), ("p4", 6, "Points")]

    imported_again = imported_twice(world)
    shown, _ = quarantine.rows(world.road, world.declared, reveal=True)
    assert {(row.key, row.field, row.line, (row.said or "")[:9]) for row in shown} == {
        ("P2", "Email", 2, "Email is "),
        ("P4", "Points", 3, "Points is"),
    }
    assert imported_again.attempt_id == shown[0].attempt_id


def imported_twice(world: World):
    world.plan()
    world.stage()
    tamper(
        world,
        "insert",
        lambda text: (
            text.replace('"P2","p1@example.org"', '"P2","broken"')
            .replace('"Zoë 漢",7', '"Zoë 漢",x', 2)
            .replace('"broken","Zoë 漢",x', '"broken","Zoë 漢",7')
        ),
    )
    settlement = world.deliver()
    assert settlement is not None
    world.plan()
    return settlement


def test_promise_15_a_report_that_does_not_come_or_does_not_fit_is_told_and_not_believed(world, monkeypatch):
    world.changes |= {"report_folder": world.folder / "none", "report_deadline_seconds": 0.2}
    Path(world.folder / "none").mkdir()
    settlement = imported(world)
    assert "No report on etp_people_insert_" in settlement.problems[-1]
    assert {(one.field, one.told, one.rows) for one in settlement.reasons} == {("", "", 2)}
    told = "\n".join(lines_of_record(record(world.road.ledger, settlement.attempt_id)))
    assert "2 rows rejected, the first on line 4; no report says why" in told


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({1: "Email is bad", 2: "Name is bad"}, "are not those that the read-back found"),
        ({2: "Email is bad", 99: "Name is bad"}, "are not those that the read-back found"),
        ("no CSV file is attached.", "tells nothing of single rows: no CSV"),
    ],
)
def test_promise_15_a_strange_report_is_not_believed(world, monkeypatch, report, expected):
    monkeypatch.setattr(import_report, "wait_for", lambda *_, **__: report)
    settlement = imported(world)
    assert expected in settlement.problems[-1]
    assert {(one.field, one.rows) for one in settlement.reasons} == {("", 2)}


@pytest.mark.parametrize("report", [{2: "Email", 4: "Points"}, {3: "Email", 5: "Points"}, {4: "Email", 6: "Points"}])
def test_a_report_is_understood_however_it_numbers_rows(world, monkeypatch, report):
    monkeypatch.setattr(import_report, "wait_for", lambda *_, **__: report)
    assert {(one.field, one.first_line) for one in imported(world).reasons} == {("Email", 4), ("Points", 6)}


def mail(text: str, *, name: str = "rejected.csv", charset: str = "utf-8") -> EmailMessage:
    message = EmailMessage(policy=email.policy.default)
    message["Subject"] = "Import"
    message.set_content("body")
    message.add_attachment(text.encode(charset), maintype="text", subtype="csv", filename=name)
    return message


_UNKNOWN = "its table has {} headings that are not known as those of a row's number and of its reason."


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (mail("Row,Reason\n1,a b\n7,c\n"), {1: "a b", 7: "c"}),
        (mail('\ufeffLine Number,File,Error Message\n3,f,"x\ny"\n,f,z\n'), {3: "x y"}),
        (mail("Row,Reason\n"), "its table has no row."),
        (mail(""), _UNKNOWN.format(0)),
        (mail("Anna,Schmidt\n1,2\n"), _UNKNOWN.format(2)),
        (mail("Anna;Schmidt;anna@b.example\n1;2;3\n"), _UNKNOWN.format(3)),
        (mail("Row;Reason\n1;a, b\n7;c\n"), {1: "a, b", 7: "c"}),
        (mail("Row,Reason\r1,a\r7,c\r"), {1: "a", 7: "c"}),
        (mail(f"Row,Reason\n{2**64},a\n{'9' * 5000},b\n7,c\n"), {7: "c"}),
        (mail("Row,Reason\n1,a\n", name="x.pdf"), "no CSV file is attached."),
    ],
)
def test_a_report_of_any_form_is_read_or_explained(message, expected):
    assert import_report.read(message) == expected


def test_a_table_that_the_library_refuses_is_explained():
    usual = csv.field_size_limit(1000)  # the process's own: whatever else runs in it may have set another
    try:
        assert import_report.read(mail(f"Row,Reason\n1,{'x' * 1001}\n")) == "its table cannot be read (Error)."
    finally:
        csv.field_size_limit(usual)


def test_promise_15_a_message_that_moves_or_cannot_be_read_keeps_nothing_waiting(tmp_path, monkeypatch):
    file = ImportFile(
        *("a", "insert", "started", "x.csv", "x.csv", "0" * 64, 1, 1, "etp-key"), changed_at=datetime.now(UTC)
    )
    for name in ("1-moved", "2-odd", "3-report"):
        report = mail("Row,Reason\n1,a\n")
        report.replace_header("Subject", f"Import {file.definition_key}" if name == "3-report" else "Import")
        (tmp_path / "new").mkdir(exist_ok=True)
        (tmp_path / "new" / name).write_bytes(report.as_bytes())
    (tmp_path / "new" / "2-odd").write_bytes(b'Content-Type: text/plain; charset="a\\0b"\n\n\xff')
    (tmp_path / "0-nowhere").symlink_to(tmp_path / "gone")
    read_bytes = Path.read_bytes

    def moved(path: Path) -> bytes:
        if path.name == "1-moved":
            raise FileNotFoundError(path)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", moved)
    reports = Reports("ops@a.example", tmp_path, 5.0)
    assert import_report.wait_for(reports, file, poll=0.05) == {1: "a"}


def test_words_of_a_report_name_the_field():
    names = ["Name", "First Name", "Points"]
    assert field_of("value of first name is too long", names) == "First Name"
    assert field_of("Names are bad", names) is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("The value 'O'Brien' is too long", "The value … is too long"),
        ("Can't convert value Anna Schmidt to Number", "Can't convert value … to Number"),
        ("The value “Müller” of First Name is too long", "The value … of First Name is too long"),
        ("Invalid date 1970-01-31", "Invalid date …"),
        ("Phone +49 171 123 45", "Phone …"),
        ("Email 'a b' of x@y.example is 1234567, 12 long", "Email … of … is … long"),
        ("Name='Anna' is too long", "… is too long"),
        ("name:Anna, points: 7.", "… Points: …"),
        ("Value Long of field 'first name' is not valid.", "Value … of field First Name is not valid."),
        ("Value: Long", "Value: …"),
        ("Text 'no value' is too long", "Text … is too long"),
        ("Van der Long was rejected", "… was rejected"),
        ("Row 7: Grüße\nan Zoë 漢", "Row … an …"),
        ("Address1 is 'Hauptstr. 5'", "Address1 is …"),
        ("Address12 is empty", "… is empty"),
        ("Points is not a whole number of 32 bits", "Points is not a whole number of …"),
        ("Email is not a valid email address.", "Email is not a valid email address."),
        ("The required field [Email] is missing", "The required field Email is missing"),
        ("Duplicate primary key: no value is longer.", "Duplicate primary key: no value is longer."),
        ("", ""),
    ],
)
def test_words_of_a_report_lose_all_that_may_be_a_customers(told, expected):
    assert without_values(told, ["Email", "Name", "First Name", "Points", "Address1"]) == expected
