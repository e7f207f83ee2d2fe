"""Reading tracking files: every line below the header is an event or a named reject."""

import csv
import io
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from et_platform.catalog.tracking import COLUMNS, EVENT_TYPES, key_of
from et_platform.ingest.errors import BadHeader, EmptyFile
from et_platform.ingest.tracking import parse, type_of
from et_platform_tests.inbound.archives import HEADERS, event, text


def read(folder, content: str | bytes, event_type="sent", latest=None):
    path = folder / "member"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    parsed = parse(path, event_type, file="a.zip", member="Sent.csv", folder=folder, latest=latest)
    events = duckdb.sql(f"FROM '{parsed.events}' ORDER BY _line").to_arrow_table().to_pylist()
    rejects = duckdb.sql(f"FROM '{parsed.rejects}' ORDER BY line").to_arrow_table().to_pylist()
    return parsed, events, rejects


def row(**values: str) -> str:
    return text("Sent", [event("K1", **values)])


def test_the_members_names_tell_their_type():
    assert {name: type_of(f"{name}.csv") for name in HEADERS} == {
        "Unsubs": "unsubscribe",
        "Opens": "open",
        "Clicks": "click",
        "Bounces": "bounce",
        "Sent": "sent",
    }
    assert type_of("folder/CLICKS.txt") == "click"
    assert type_of("SendJobs.csv") is None
    assert type_of("NotSent.csv") is None


@pytest.mark.parametrize("member", HEADERS)
def test_every_documented_column_is_known(member):
    event_type = type_of(member)
    assert event_type is not None
    assert set(HEADERS[member]) == set(COLUMNS[event_type])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("11/1/2026 6:00:00 PM", datetime(2026, 11, 2, 0, 0, 0, tzinfo=UTC)),
        ("7/4/2026 12:00:00 AM", datetime(2026, 7, 4, 6, 0, 0, tzinfo=UTC)),
        ("07/04/2026 12:30:05 PM", datetime(2026, 7, 4, 18, 30, 5, tzinfo=UTC)),
        ("11/1/2026 6:00:00.250 PM", datetime(2026, 11, 2, 0, 0, 0, 250_000, tzinfo=UTC)),
        ("11/1/2026 18:00:00", datetime(2026, 11, 2, 0, 0, 0, tzinfo=UTC)),
        ("2026-11-01 18:00:00", datetime(2026, 11, 2, 0, 0, 0, tzinfo=UTC)),
        ("2026-11-01T18:00:00.5", datetime(2026, 11, 2, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-01T18:00:00Z", datetime(2026, 11, 1, 18, 0, 0, tzinfo=UTC)),
        ("2026-11-01T18:00:00+02:00", datetime(2026, 11, 1, 16, 0, 0, tzinfo=UTC)),
    ],
)
def test_times_are_server_time_without_daylight_saving_unless_they_say_otherwise(tmp_path, given, expected):
    (one,) = read(tmp_path, row(EventDate=given))[1]
    assert one["EventDate"].astimezone(UTC) == expected


@pytest.mark.parametrize(
    "given", ["", "  ", "yesterday", "31/12/2026 6:00:00 PM", "1/1/1752 6:00:00 PM", "1/1/20260 6:00:00 PM", "1e400"]
)
def test_a_time_that_is_none_rejects_the_row_by_name(tmp_path, given):
    parsed, events, rejects = read(tmp_path, row(EventDate=given))
    assert (parsed.rows, parsed.rejected, events) == (1, 1, [])
    assert [(one["line"], one["field"], one["kept"]) for one in rejects] == [(2, "EventDate", False)]
    assert rejects[0]["raw"].startswith('"7"')


@pytest.mark.parametrize("given", ["1.5", "x", "1e3", "9" * 19, "0x10"])
def test_a_number_is_never_guessed(tmp_path, given):
    _, events, rejects = read(tmp_path, row(SendID=given))
    assert events == []
    assert [(one["field"], one["reason"]) for one in rejects] == [("SendID", "not a whole number")]
    _, (kept,), notes = read(tmp_path, row(SubscriberID=given))
    assert kept["SubscriberID"] is None
    assert [(one["field"], one["kept"]) for one in notes] == [("SubscriberID", True)]


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    content = text("Sent", [event("K1", TriggeredSendExternalKey="two\r\nlines"), event("K2")]) + "\r\n" + '"7"\r\n'
    parsed, events, rejects = read(tmp_path, content)
    assert [(one["SubscriberKey"], one["_line"]) for one in events] == [("K1", 2), ("K2", 4)]
    assert [(one["line"], one["reason"]) for one in rejects] == [(6, "1 fields, and the header has 11")]
    assert parsed.rows == 3


def test_a_last_line_without_its_end_is_taken_if_whole_and_rejected_if_truncated(tmp_path):
    content = text("Sent", [event("K1"), event("K2")]).removesuffix("\r\n")
    assert len(read(tmp_path, content)[1]) == 2
    _, events, rejects = read(tmp_path, content[:-30])
    assert [one["SubscriberKey"] for one in events] == ["K1"]
    assert [one["line"] for one in rejects] == [3]
    assert "truncated" in rejects[0]["reason"]


def test_bytes_that_are_no_text_reject_their_row_only(tmp_path):
    content = text("Sent", [event("K1"), event("K\xff2"), event("K\x003"), event("K4")]).encode("latin-1")
    _, events, rejects = read(tmp_path, content)
    assert [one["SubscriberKey"] for one in events] == ["K1", "K4"]
    assert [(one["line"], one["reason"]) for one in rejects] == [
        (3, "bytes that are not in the encoding"),
        (4, "a NUL character"),
    ]
    assert "K\\udcff2" in rejects[0]["raw"]


ARRIVED = datetime(2026, 11, 3, 12, tzinfo=UTC)
KEPT = "the opt-out was kept without what is damaged"


def unsubs(content: bytes) -> bytes:
    """A file with a good line on each side of the given one."""
    head, good = text("Unsubs", [event("K1")]).encode().splitlines(keepends=True)
    return head + good + content + good.replace(b"K1", b"K9")


@pytest.mark.parametrize(
    ("line", "lost", "reason"),
    [
        (b'7,100,K2,p\xff@x.example,1,1,11/1/2026 6:00:00 PM,Unsubscribe,1,,"moved"\r\n', "EmailAddress", None),
        (b'7,100,K2,a@x.example,1,1,11/1/2026 6:00:00 PM,Unsubscribe,1,,"a\x00b"\r\n', "UnsubReason", None),
        (b'7,100,K2,a@x.example,1,1,11/1/2026 6:00:00 PM,Unsubscribe,1,,"\xed\xa0\x80"\r\n', "UnsubReason", None),
        (b"7,1e400,K2,a@x.example,1,1,11/1/2026 6:00:00 PM,Unsubscribe,1,,\r\n", "SendID", "SendID"),
        (b"x,100,K2,a@x.example,NaN,1,11/1/2026 6:00:00 PM,Unsubscribe,1,,\r\n", "ClientID", "ClientID"),
        (b"7,100,K2,a@x.example,1,one,11/1/2026 6:00:00 PM,Unsubscribe,1.5,,\r\n", "ListID", "ListID"),
        (b"7,100,K2,a@x.example,1,1,11/1/2026 6:00:00 PM,Unsubscribe,1,,too,many\r\n", "UnsubReason", None),
        (b"7,100,K2,a@x.example,1,1,11/1/2026 6:00:00 PM,Unsubscribe\r\n", "UnsubReason", None),
        (b'7,100,"K2",a@x.example,1,1,11/1/2026 6:00:00 PM,Unsubscribe,1,,"a "word" of it"\r\n', None, None),
    ],
)
def test_promise_9_an_opt_out_is_kept_whatever_else_of_its_line_is_damaged(tmp_path, line, lost, reason):
    parsed, events, rejects = read(tmp_path, unsubs(line), "unsubscribe", ARRIVED)
    assert [one["SubscriberKey"] for one in events] == ["K1", "K2", "K9"]
    assert {one["EventDate"].astimezone(UTC) for one in events} == {datetime(2026, 11, 2, tzinfo=UTC)}
    assert (parsed.rows, parsed.rejected, parsed.kept) == (3, 0, 1)
    assert {(one["line"], one["kept"]) for one in rejects} == {(3, True)}
    assert all("K2" in one["raw"] for one in rejects)
    if lost is not None:
        assert events[1][lost] is None
    if reason is None:
        assert rejects[0]["reason"].endswith(KEPT)
    else:
        assert reason in [one["field"] for one in rejects]


def test_promise_9_a_quote_without_end_swallows_no_opt_out(tmp_path):
    line = b'7,100,"K2",a@x.example,1,1,11/1/2026 6:00:00 PM,Unsubscribe,1,,"without end\r\n'
    parsed, events, rejects = read(tmp_path, unsubs(line), "unsubscribe", ARRIVED)
    assert [(one["SubscriberKey"], one["_line"]) for one in events] == [("K1", 2), ("K2", 3), ("K9", 4)]
    assert (parsed.rows, parsed.rejected, parsed.kept) == (3, 0, 2)
    assert [(one["line"], one["kept"]) for one in rejects] == [(3, True), (4, True)]


@pytest.mark.parametrize(
    "line",
    [
        b"7,100,K\xff2,a@x.example,1,1,11/1/2026 6:00:00 PM,Unsubscribe,1,,\r\n",
        b"7,100,,a@x.example,1,1,11/1/2026 6:00:00 PM,Unsubscribe,1,,\r\n",
        b"7,100,more,K2,a@x.example,1,1,11/1/2026 6:00:00 PM,Unsubscribe,1,,\r\n",  # which of them is the key?
        b"7,100,K2,a@x.example,1,1,11/1/20\r\n",
    ],
)
def test_a_line_whose_subscriber_cannot_be_told_is_rejected(tmp_path, line):
    parsed, events, rejects = read(tmp_path, unsubs(line), "unsubscribe", ARRIVED)
    assert [one["SubscriberKey"] for one in events] == ["K1", "K9"]
    assert (parsed.rejected, [(one["line"], one["kept"]) for one in rejects]) == (1, [(3, False)])


@pytest.mark.parametrize("given", ["1/1/9999 6:00:00 PM", "11/5/2026 6:00:01 AM", "1/1/1752 6:00:00 PM", "", "later"])
def test_promise_9_an_opt_out_whose_time_cannot_be_is_dated_when_the_file_came(tmp_path, given):
    content = text("Unsubs", [event("K1", EventDate=given), event("K2", EventDate="11/4/2026 6:00:00 AM")])
    parsed, events, rejects = read(tmp_path, content, "unsubscribe", ARRIVED)
    assert [one["EventDate"].astimezone(UTC) for one in events] == [ARRIVED, ARRIVED + timedelta(days=1)]
    assert [(one["line"], one["field"], one["kept"]) for one in rejects] == [(2, "EventDate", True)]
    assert "dated at the latest moment" in rejects[0]["reason"]
    assert (parsed.rejected, parsed.kept) == (0, 1)


def test_another_event_that_is_later_than_its_file_is_rejected(tmp_path):
    content = text("Opens", [event("K1", EventDate="1/1/9999 6:00:00 PM"), event("K2")])
    _, events, rejects = read(tmp_path, content, "open", ARRIVED)
    assert [one["SubscriberKey"] for one in events] == ["K2"]
    assert [(one["line"], one["reason"]) for one in rejects] == [(2, "later than the file that tells of it")]


def test_a_file_of_unsubscribes_may_leave_out_the_list(tmp_path):
    header = [name for name in HEADERS["Unsubs"] if name != "ListID"]
    (one,) = read(tmp_path, text("Unsubs", [event("K1")], header=header), "unsubscribe")[1]
    assert one["ListID"] is None


def test_an_endless_field_does_not_swallow_the_file(tmp_path):
    rows = text("Sent", [event(f"K{n}") for n in range(4000)])
    broken = rows.replace('"K3"', '"K3', 1)
    parsed, events, rejects = read(tmp_path, broken)
    assert parsed.rows == len(events) + len(rejects)
    assert len(events) >= 3
    assert any("K3" in one["raw"] for one in rejects)


def test_only_a_header_is_no_event_and_no_file_is_an_error(tmp_path):
    assert read(tmp_path, text("Sent", []))[0].rows == 0
    for nothing in ("", "\r\n \r\n", "\ufeff"):
        with pytest.raises(EmptyFile, match=r"Sent\.csv in a\.zip is empty"):
            read(tmp_path, nothing)


def test_a_wrong_header_names_what_is_expected_and_found(tmp_path):
    with pytest.raises(BadHeader, match=r"misses EventDate\. Expected are .*CampaignID.*found: ClientID, SendID"):
        read(tmp_path, ",".join(name for name in HEADERS["Sent"] if name != "EventDate"))
    with pytest.raises(BadHeader, match="has SendID, sendid more than once"):
        read(tmp_path, ",".join((*HEADERS["Sent"], "sendid")))
    with pytest.raises(BadHeader, match="misses URL"):
        read(tmp_path, ",".join(HEADERS["Sent"]), "click")


def test_a_file_without_a_header_does_not_show_its_first_row(tmp_path):
    with pytest.raises(BadHeader) as caught:
        read(tmp_path, "7,100,SECRETKEY,secret@people.example\r\n")
    assert "secret" not in str(caught.value).lower()


def test_newer_columns_are_left_out_and_named(tmp_path):
    parsed, (one,), _ = read(tmp_path, text("Sent", [event("K1", Colour="red")], header=(*HEADERS["Sent"], "Colour")))
    assert parsed.other_columns == ("Colour",)
    assert "Colour" not in one


def test_an_absent_column_beside_the_key_is_null(tmp_path):
    (one,) = read(tmp_path, text("Sent", [event("K1")], header=key_of("sent")))[1]
    assert (one["SubscriberKey"], one["EmailAddress"]) == ("K1", None)


values = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(deadline=None, max_examples=120)
@given(st.sampled_from(EVENT_TYPES), st.lists(st.lists(values, min_size=1, max_size=30), max_size=6), st.booleans())
def test_promise_16_every_row_is_an_event_or_a_reject(tmp_path_factory, event_type, rows, end):
    folder = tmp_path_factory.mktemp("any")
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(COLUMNS[event_type])
    for one in rows:
        writer.writerow(one)
    content = target.getvalue() if end else target.getvalue().removesuffix("\r\n")
    parsed, events, rejects = read(folder, content, event_type)
    assert parsed.rows == len(events) + sum(not one["kept"] for one in rejects)
    assert parsed.rows == sum(bool("".join(one).strip()) or len(one) > 1 or one[0] == "" for one in rows) or any(
        any("\x00" in field or "\n" in field or "\r" in field for field in one) or not "".join(one).strip()
        for one in rows
    )


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=300))
def test_promise_16_any_bytes_below_a_header_are_read(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("bytes")
    parsed, events, rejects = read(folder, ",".join(HEADERS["Sent"]).encode() + b"\r\n" + content)
    assert parsed.rows == len(events) + sum(not one["kept"] for one in rejects)
