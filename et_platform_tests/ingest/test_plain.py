"""Plain lines are read by DuckDB, the others by the rules; what comes of a file is the same whichever way it was read."""

from datetime import UTC, datetime
from itertools import islice, product
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from et_platform.ingest import plain, tracking
from et_platform.ingest.plain import DelimitedText, is_simple
from et_platform.ingest.records import read_records
from et_platform_tests.inbound.archives import HEADERS, event, text

LATEST = datetime(2026, 11, 2, tzinfo=UTC)


def outcome(content: bytes, folder: Path, *, closely: bool):
    """What comes of a file of opens, by lines; and whether plain lines were read as such."""
    folder.mkdir()
    path, seen = folder / "member", []
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        if closely:
            patch.setattr(tracking, "is_simple", lambda _path: False)
        others = plain._others
        patch.setattr(plain, "_others", lambda *given: (seen.append(others(*given)), seen[-1])[1])
        parsed = tracking.parse(path, "open", file="a.zip", member="Opens.csv", folder=folder, latest=LATEST)
    counts = (parsed.rows, parsed.rejected, parsed.kept)
    events = duckdb.sql(f"FROM '{parsed.events}' ORDER BY _line").to_arrow_table().to_pylist()
    rejects = duckdb.sql(f"FROM '{parsed.rejects}' ORDER BY line, field, reason").to_arrow_table().to_pylist()
    return (counts, events, rejects), bool(seen) and seen[-1] is not None


def same_both_ways(content: bytes) -> bool:
    """Assert that it is; whether plain lines were read as such."""
    with TemporaryDirectory() as name:
        plainly, is_plain = outcome(content, Path(name, "plainly"), closely=False)
        closely, _ = outcome(content, Path(name, "closely"), closely=True)
        assert plainly == closely
        return is_plain


QUOTED = text("Opens", [event("K1"), event("K2")]).splitlines(keepends=True)
HEADER, GOOD, OTHER = text("Opens", [event("K1"), event("K2")]).replace('"', "").splitlines(keepends=True)
FIELDS = GOOD.rstrip("\r\n").split(",")


def changed(**values: str) -> str:
    names = HEADERS["Opens"]
    return ",".join(values.get(name, old) for name, old in zip(names, FIELDS, strict=True)) + "\r\n"


@pytest.mark.parametrize(
    ("lines", "is_plain"),
    [
        ([GOOD, OTHER], True),
        ([], True),
        ([GOOD, "\r\n", OTHER], False),  # a blank line
        ([GOOD, "a,b\r\n", OTHER, changed(SendID="x"), changed(EventDate="never")], True),
        ([GOOD, changed(Latitude="north"), OTHER, changed(SubscriberKey=" ")], True),
        ([GOOD, changed(City='"Walla, Walla"'), OTHER], True),
        ([GOOD, changed(City='Walla "Walla'), OTHER], True),
        ([GOOD, changed(City='"Walla'), OTHER], False),  # a quote that may end anywhere
        ([GOOD, changed(City='a"b", "c'), OTHER], False),
        ([GOOD, changed(City="Z\xfcrich"), changed(City="\u6f22"), OTHER], True),
        ([GOOD, changed(City="a\x00b"), OTHER], False),
        ([GOOD, changed(City="a\rb"), OTHER], False),
        ([GOOD, OTHER.rstrip("\r\n")], False),  # the file may be cut
        (["\ufeff"], False),
    ],
)
def test_a_file_is_the_same_whichever_way_it_is_read(lines, is_plain):
    assert same_both_ways((HEADER + "".join(lines)).encode()) is is_plain


def test_so_it_is_with_other_line_ends_delimiters_and_a_byte_order_mark():
    content = HEADER + GOOD + changed(City="b\xe9") + "a,b\r\n" + OTHER
    assert same_both_ways(b"\xef\xbb\xbf" + content.encode())
    assert same_both_ways(content.replace("\r\n", "\n").encode())
    assert same_both_ways(content.replace(",", "\t").encode())
    assert not same_both_ways(content.replace("\r\n", "\n", 2).encode())
    assert not same_both_ways(content.encode("latin-1"))
    assert not same_both_ways(content.encode("utf-16"))


def quoted(*values: str) -> str:
    """A line of quoted fields, of which the first have these values."""
    fields = QUOTED[1].rstrip("\r\n").split(",")
    return ",".join([*(f'"{value}"' for value in values), *fields[len(values) :]]) + "\r\n"


@pytest.mark.parametrize(
    ("lines", "is_plain"),
    [
        (QUOTED[1:], True),
        ([*QUOTED[1:], "\r\n"], False),
        ([quoted("7", "100", "a,b"), *QUOTED[1:]], True),
        ([quoted("7", "100", "a,\u6f22 "), quoted("x"), *QUOTED[1:]], True),
        ([quoted("7", "100", 'a""b'), *QUOTED[1:]], True),
        ([quoted("7", "100", 'a"b'), *QUOTED[1:]], False),
        ([quoted("7", "100", "a\r\nb"), *QUOTED[1:]], False),
        ([QUOTED[1].replace(',"K1"', ', "K1"'), *QUOTED[1:]], False),
        ([QUOTED[1].replace('"K1"', '"K1" '), *QUOTED[1:]], False),
        ([QUOTED[1].replace('"K1"', "K1"), GOOD, *QUOTED[1:]], True),
        ([*QUOTED[1:], '"a","b"\r\n'], True),
        ([quoted("7", "100", ","), *QUOTED[1:]], True),
    ],
)
def test_so_it_is_with_quoted_fields(lines, is_plain):
    assert same_both_ways((QUOTED[0] + "".join(lines)).encode()) is is_plain


def test_a_file_of_too_many_notes_is_read_line_by_line(monkeypatch):
    content = (HEADER + changed(Latitude="47_6") * 5 + "a,b\r\n" + GOOD).encode()
    assert same_both_ways(content)
    monkeypatch.setattr(plain, "_MOST_NOTED", 5)
    assert not same_both_ways(content)


TEXTS = st.text(st.sampled_from([*'ab1,"\t ;|\r\n\x00\x0b\x0c\x85\u2028\xfc\u6f22']), max_size=6)
LINES = st.one_of(
    st.just(QUOTED[1]),
    st.builds(quoted, TEXTS, TEXTS, TEXTS),
    st.builds(lambda value: QUOTED[1].replace('"K1"', value), TEXTS),
    st.just(GOOD),
    st.just("\r\n"),
    st.builds(lambda value: changed(City=value), TEXTS),
    st.builds(lambda value: changed(SubscriberKey=value), TEXTS),
    st.builds(lambda value: changed(SendID=value), TEXTS),
    TEXTS,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(LINES, max_size=6))
def test_whatever_stands_in_a_file_it_is_the_same_whichever_way_it_is_read(lines):
    same_both_ways((HEADER + "".join(lines)).encode())


def test_every_short_line_is_read_as_the_rules_read_it_or_not_at_all(tmp_path):
    path, plainly, found = tmp_path / "file", 0, {"x": 0, "y": 1, "z": 2}
    for length in range(1, 5):
        for letters in product('", a', repeat=length):
            line = "".join(letters)
            path.write_bytes(f"x,y,z\n{line}\nq,r,s\n".encode())
            with duckdb.connect() as scratch:
                others = plain.read_plain(
                    scratch,
                    DelimitedText(path, ",", 3, found),
                    lambda rows: f"SELECT *, _problem AS _reason, []::VARCHAR[] AS _notes FROM {rows}",
                )
                if others is None:
                    continue
                rows = scratch.execute(f"SELECT _line, [x, y, z] FROM {plain.PLAIN}").fetchall()
            plainly += len(rows) == 2
            told = {**dict(rows), **{one.line: one.fields for one in others}}
            assert told == {one.line: one.fields for one in islice(read_records(path, ","), 1, None)}, line
    assert plainly > 20


def test_a_simple_file_is_utf_8_in_whole_lines(tmp_path):
    path = tmp_path / "file"
    for content, expected in (
        *((b"", False), (b"a\n", True), (b"a\r\n", True), (b"a\n\r\nb\n", True), (b"a", False)),
        *((b"a\r", False), (b"a\rb\n", False), (b"\xff\n", False), (b"\xc3\xbc\n", True), (b"a\0\n", False)),
    ):
        path.write_bytes(content)
        assert is_simple(path) is expected, content
