"""Bad input of extract files: each line is an event as it stands, an event without what is damaged, or a named reject.

What belongs here: one table of lines, in each encoding that a file may have. What does not: single rules
(test_tracking.py), archives (test_unpack.py), and what the CRM is told of it (inbound/test_bad_input.py).
"""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from et_platform.ingest.tracking import Parsed, parse
from et_platform_tests.inbound.archives import HEADERS, USUAL

ARRIVED = datetime(2026, 11, 3, 12, tzinfo=UTC)
AT = datetime(2026, 11, 2, tzinfo=UTC)
"""When the usual event happened: 11/1/2026 6:00:00 PM at the server."""
LONG = "x" * 5000
ENCODINGS = {
    "utf-8": ("utf-8", b""),
    "utf-8 with mark": ("utf-8", codecs.BOM_UTF8),
    "utf-16 le": ("utf-16-le", b""),
    "utf-16 le with mark": ("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-16 be": ("utf-16-be", b""),
    "utf-16 be with mark": ("utf-16-be", codecs.BOM_UTF16_BE),
}


@dataclass(frozen=True)
class Line:
    """Given values beside the usual ones; what the event then holds of them; which fields are named as left out.

    `rejected`: the field that makes it no event (of other types than unsubscribes); `lost`: also of unsubscribes.
    """

    given: Mapping[str, str]
    holds: Mapping[str, Any] = field(default_factory=dict)
    noted: frozenset[str] = frozenset()
    rejected: str | None = None
    lost: bool = False


def fine(**given: str) -> Line:
    return Line(given, given)


def without(name: str, value: str) -> Line:
    return Line({name: value}, {name: None}, noted=frozenset({name}))


def bad(name: str, value: str, *, becomes: Any = None, lost: bool = False) -> Line:
    """No event; an unsubscribe is kept with `becomes` in the field, unless that tells nobody who it is."""
    return Line({name: value}, {name: becomes}, noted=frozenset({name}), rejected=name, lost=lost)


SURROGATE, NUL = "a\ud800b", "a\0b"
LINES = {
    "usual": fine(),
    "long text": fine(TriggeredSendExternalKey=LONG, EmailAddress=LONG),
    "formulas": fine(TriggeredSendExternalKey='=HYPERLINK("http://x.example")', EmailAddress="@SUM(A1)", SubscriberKey="+K1"),
    "line breaks": fine(TriggeredSendExternalKey="two\r\nlines\nthree\rfour", EmailAddress="a\n@x.example"),
    "line break in a key": fine(SubscriberKey="K\r\n1"),
    "quotes": fine(TriggeredSendExternalKey="O'Hara \"x\", y;\t|z\\"),
    "scripts": fine(TriggeredSendExternalKey="漢 🏔 שלום e\u0301"),
    "a mark in a text": fine(TriggeredSendExternalKey="\ufeffx"),
    "separators that are none": fine(TriggeredSendExternalKey="a\u2028b\x85c\x0bd\x1ce"),
    **{f"no mail {n}": fine(SubscriberKey=key, EmailAddress=key) for n, key in enumerate(("a@b", "a b@@x", "@", "x@y@z.example,", "é@x.example"))},
    "long key": fine(SubscriberKey=LONG),
    "null word": fine(SubscriberKey="NULL", EmailAddress="\\N"),
    "no key": bad("SubscriberKey", "", lost=True),
    "blank key": bad("SubscriberKey", "   ", lost=True),
    "nul in the key": bad("SubscriberKey", NUL, lost=True),
    "surrogate in the key": bad("SubscriberKey", SURROGATE, lost=True),
    "nul beside the key": without("EmailAddress", NUL),
    "surrogate beside the key": without("TriggeredSendExternalKey", SURROGATE),
    **{f"number beside the key {n}": without("SubscriberID", value) for n, value in enumerate(("1e400", "NaN", "Infinity", "1.5", "9" * 30, "١٢"))},
    **{f"number in the key {n}": bad("SendID", value) for n, value in enumerate(("1e400", "NaN", "-Infinity", "1,5", "9" * 30))},
    "nul in a number of the key": bad("SendID", "1\0"),
    "surrogate in a number of the key": bad("BatchID", "\udfff"),
    "first moment": Line({"EventDate": "1/1/1753 12:00:00 AM"}, {"EventDate": datetime(1753, 1, 1, 6, tzinfo=UTC)}),
    "without zone": Line({"EventDate": "2026-07-01 00:00:00"}, {"EventDate": datetime(2026, 7, 1, 6, tzinfo=UTC)}),
    "with zone": Line({"EventDate": "2026-07-01T00:00:00+02:00"}, {"EventDate": datetime(2026, 6, 30, 22, tzinfo=UTC)}),
    **{
        f"time {n}": bad("EventDate", value, becomes=ARRIVED)
        for n, value in enumerate(
            ("12/31/1752 5:59:59 PM", "1/1/10000 12:00:00 AM", "12/31/9999 11:59:59 PM", "0000-00-00", "1e400", "NaN", "infinity", "-Infinity", "epoch", "31.12.2025 12:00", "2/30/2026 1:00:00 AM", "1/1/2026 25:00:00", "", "\0")
        )
    },
}  # fmt: skip
OPENS = {
    **{f"number {n}": without("Latitude", value) for n, value in enumerate(("1e400", "NaN", "-Infinity", "1,5", "9" * 99))},
    "word": without("IsUnique", "maybe"),
    "long city": fine(City=LONG, Browser="=cmd|' /C calc'!A0"),
}  # fmt: skip
CLICKS = {
    "formula": fine(URL='=HYPERLINK("http://x.example";"y")', Alias="-1+1"),
    "line breaks": fine(URL="https://x.example/\r\n?a=1\n2", Alias="two\nlines"),
    "long": fine(URL=f"https://x.example/{LONG}", Alias=LONG),
    "none": Line({"URL": ""}, {"URL": None}),
    "nul": bad("URL", "https://x.example/\0"),
    "surrogate": bad("URL", "https://x.example/\udfff"),
    "surrogate beside": without("Alias", SURROGATE),
}


def cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def file_of(member: str, lines: Mapping[str, Line], encoding: str) -> tuple[bytes, dict[int, str]]:
    """The member's bytes, and the name of the line that begins at each line of text."""
    codec, mark = ENCODINGS[encoding]
    texts, starts, number = [",".join(HEADERS[member]) + "\r\n"], {}, 2
    for name, line in lines.items():
        values = {**USUAL, "SubscriberKey": "K1", **line.given}
        text = ",".join(cell(values.get(column, "")) for column in HEADERS[member]) + "\r\n"
        starts[number] = name
        number += len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")) - 1
        texts.append(text)
    return mark + "".join(texts).encode(codec, "surrogatepass"), starts


def read(path, content: bytes, event_type) -> tuple[Parsed, dict[int, dict], dict[int, list[dict]]]:
    path.write_bytes(content)
    parsed = parse(path, event_type, file="a.zip", member="m.csv", folder=path.parent, latest=ARRIVED)
    events = {row["_line"]: row for row in duckdb.sql(f"FROM '{parsed.events}'").to_arrow_table().to_pylist()}
    rejects: dict[int, list[dict]] = {}
    for row in duckdb.sql(f"FROM '{parsed.rejects}'").to_arrow_table().to_pylist():
        rejects.setdefault(row["line"], []).append(row)
    return parsed, events, rejects


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("member", "event_type", "more"),
    [
        ("Unsubs", "unsubscribe", {}),
        ("Opens", "open", OPENS),
        ("Clicks", "click", CLICKS),
        ("Bounces", "bounce", {}),
        ("Sent", "sent", {}),
    ],
    ids=["unsubscribe", "open", "click", "bounce", "sent"],
)
def test_promises_9_and_16_each_line_is_an_event_or_is_named_with_line_and_field(
    tmp_path, encoding, member, event_type, more
):
    lines = {**LINES, **{f"{member} {name}": line for name, line in more.items()}}
    content, starts = file_of(member, lines, encoding)
    parsed, events, rejects = read(tmp_path / "member", content, event_type)
    kept_whatever = event_type == "unsubscribe"
    assert parsed.rows == len(lines)
    assert events.keys() | rejects.keys() == starts.keys(), "every line is told of"
    for number, name in starts.items():
        line, told = lines[name], rejects.get(number, [])
        if line.lost or (line.rejected is not None and not kept_whatever):
            assert number not in events, name
            assert [(one["field"], one["kept"]) for one in told] == [(line.rejected, False)], name
        else:
            shown = {column: events[number][column] for column in line.holds}
            expected = {column: value or None for column, value in line.holds.items()}
            assert shown == expected, name
            assert {one["field"] for one in told if one["field"]} == line.noted, name
            assert all(one["kept"] for one in told), name
        assert all(one["reason"] and one["raw"] for one in told), name
    assert parsed.rejected == sum(not one["kept"] for told in rejects.values() for one in told)


GOOD = {"usual": fine()}


@pytest.mark.parametrize(
    ("line", "is_event"),
    [
        (b"7,100,K2,p\xff@x.example,1,2,11/1/2026 6:00:00 PM,Open,1,,True\r\n", True),
        (b'7,100,K2,a@x.example,1,2,11/1/2026 6:00:00 PM,Open,1,"a "word" of it",True\r\n', True),
        (b"7,100,K2,a@x.example,1,2,11/1/2026 6:00:00 PM,Open,1,\x00,True\r\n", True),
        (b"7,1\x0000,K2,a@x.example,1,2,11/1/2026 6:00:00 PM,Open,1,,True\r\n", False),
        # Of these nobody can tell the batch: the whole line, in a later file, would be another event.
        (b"7,100,K2,a@x.example,1,2,11/1/2026 6:00:00 PM,Open\r\n", False),
        (b"7,100,K2,a@x.example,1,2,11/1/2026 6:00:00 PM,Open,1,,True,more\r\n", False),
        (b'7,100,K2,a@x.example,1,2,11/1/2026 6:00:00 PM,Open,1,,"Tr', True),  # the file ends here
    ],
)
def test_promise_16_a_damaged_line_of_opens_keeps_its_readable_part_if_it_is_known_which_event_it_is(
    tmp_path, line, is_event
):
    header = [*HEADERS["Opens"][:11]]
    assert header[-1] == "IsUnique"
    good = b"7,100,K1,a@x.example,1,2,11/1/2026 6:00:00 PM,Open,1,,True\r\n"
    content = ",".join(header).encode() + b"\r\n" + good + line
    parsed, events, rejects = read(tmp_path / "member", content, "open")
    assert [row["SubscriberKey"] for row in events.values()] == ["K1", "K2"][: 1 + is_event]
    assert [(one["line"], one["kept"]) for told in rejects.values() for one in told] == [(3, is_event)]
    assert (parsed.rows, parsed.rejected, parsed.kept) == (2, int(not is_event), int(is_event))
    if is_event:
        assert (events[3]["EventDate"].astimezone(UTC), events[3]["BatchID"]) == (AT, 1)
        assert rejects[3][0]["reason"].endswith("the event was kept without what is damaged")


def test_promise_9_a_file_that_ends_within_the_subscriber_key_opts_nobody_else_out(tmp_path):
    header = [name for name in HEADERS["Unsubs"] if name != "SubscriberKey"] + ["SubscriberKey"]
    rows = [{**USUAL, "SubscriberKey": key} for key in ("K1", "K2345")]
    content = "\r\n".join([",".join(header), *(",".join(cell(row.get(name, "")) for name in header) for row in rows)])
    _, events, rejects = read(tmp_path / "member", content.removesuffix('45"').encode(), "unsubscribe")
    assert [row["SubscriberKey"] for row in events.values()] == ["K1"]
    assert [(one["field"], one["kept"]) for one in rejects[3]] == [("SubscriberKey", False)]
