from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.imports import locales, mapping, plan, rules, source
from et_platform.simulator.schema import DataExtension, Field

DESTINATION = DataExtension(
    "de",
    {"CustomerKey": "de", "Name": "de"},
    [
        Field("1", "Key", "Text", "f1", 0, max_length=50, required=True, key=True),
        Field("2", "Note", "Text", "f2", 1),
    ],
)


def definition(**properties: str) -> dict[str, Any]:
    given = {
        "FieldMappingType": "InferFromColumnHeadings",
        "FileSpec": "f.csv",
        "FileType": "CSV",
        "RetrieveFileTransferLocation.CustomerKey": "ExactTarget Enhanced FTP",
    } | properties
    return {"object_id": "i", "destination": "de", "properties": given, "maps": [], "actions": []}


def staged(
    tmp_path: Path, content: str | bytes, document: dict[str, Any] | None = None, *, pad: bool = False
) -> list[tuple[Any, ...]]:
    path = tmp_path / "f.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    behaviour = Behaviour.from_pairs([])
    read = plan.read(document or definition(), behaviour)

    def mapped(headings: Sequence[str] | None) -> mapping.Columns:
        return mapping.columns(read, DESTINATION, headings, behaviour)

    with duckdb.connect() as connection:
        source.stage(connection, path, read, mapped, pad=pad, stopping=threading.Event())
        return connection.execute("SELECT * EXCLUDE (control) FROM staged ORDER BY line").fetchall()


def test_quotes_delimiters_and_line_breaks_inside_fields(tmp_path: Path) -> None:
    content = 'Key,Note\r\n1,"a ""b"", c"\r\n2,"two\r\nlines\n"\r\n3,plain "quote"\r\n'
    assert staged(tmp_path, content) == [
        (1, False, "1", 'a "b", c'),
        (2, False, "2", "two\r\nlines\n"),
        (3, False, "3", 'plain "quote"'),
    ]


@pytest.mark.parametrize(
    ("code_page", "encoded"),
    [
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ("65001", "utf-8-sig"),
        ("1200", "utf-16"),
        ("1200", "utf-16-le"),
        ("1201", "utf-16-be"),
        ("54936", "gb18030"),
    ],
)
def test_many_scripts_with_and_without_a_byte_order_mark(tmp_path: Path, code_page: str, encoded: str) -> None:
    content = "key,NOTE\n1,日本語 😀\n2,مرحبا\n3,naïve\n"
    expected = [(1, False, "1", "日本語 😀"), (2, False, "2", "مرحبا"), (3, False, "3", "naïve")]
    assert staged(tmp_path, content.encode(encoded), definition(EncodingCodePage=code_page)) == expected


@pytest.mark.parametrize(
    ("code_page", "encoded", "text"),
    [
        ("1252", "cp1252", "naïve €"),
        ("28591", "latin-1", "naïve"),
        ("28605", "iso8859-15", "naïve €"),
        ("1251", "cp1251", "Привет"),
        ("20866", "koi8-r", "Привет"),
        ("932", "cp932", "日本語"),
        ("20127", "ascii", "plain"),
    ],
)
def test_code_pages(tmp_path: Path, code_page: str, encoded: str, text: str) -> None:
    content = f"Key,Note\n1,{text}\n".encode(encoded)
    assert staged(tmp_path, content, definition(EncodingCodePage=code_page)) == [(1, False, "1", text)]


def test_bytes_that_the_encoding_lacks_do_not_stop_the_import(tmp_path: Path) -> None:
    assert staged(tmp_path, "Key,Note\n1,naïve\n2,b\n".encode("cp1252")) == [
        (1, False, "1", "na\ufffdve"),
        (2, False, "2", "b"),
    ]


@pytest.mark.parametrize(
    ("representation", "end"),
    [("CRLF", "\r\n"), (r"\r\n", "\r\n"), ("lf", "\n"), (r"\R", "\r"), ("\r", "\r"), ("|EOL|", "|EOL|"), (";", ";")],
)
def test_a_line_end_that_the_definition_names_is_the_only_one(tmp_path: Path, representation: str, end: str) -> None:
    ended = definition(EndOfLineRepresentation=representation)
    other = "\r" if end == "\n" else "\n"
    content = f'Key,Note{end}1,a{other}b{end}2,"c{end}d{other}""e"{end}{end}3,f'
    assert staged(tmp_path, content, ended) == [
        (1, False, "1", f"a{other}b"),
        (2, False, "2", f'c{end}d{other}"e'),
        (3, False, "3", "f"),
    ]


def test_a_line_end_across_two_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_BLOCK", 3)
    ended = definition(EndOfLineRepresentation="<end>")
    assert staged(tmp_path, "Key,Note<end>1,a<end>22,b<end>", ended) == [(1, False, "1", "a"), (2, False, "22", "b")]


def test_columns_may_come_in_any_order_and_unknown_ones_are_left_out(tmp_path: Path) -> None:
    assert staged(tmp_path, "Note,Other,Key\na,b,1\n") == [(1, False, "a", "1")]


def test_rows_of_another_width_are_malformed_or_padded(tmp_path: Path) -> None:
    content = "Key,Note\n1\n2,b,c\n\n3,d\n"
    assert [row[:3] for row in staged(tmp_path, content)] == [(1, True, "1"), (2, True, "2"), (3, False, "3")]
    assert staged(tmp_path, content, pad=True) == [(1, False, "1", ""), (2, False, "2", "b"), (3, False, "3", "d")]


def test_other_delimiters_and_no_quoting(tmp_path: Path) -> None:
    other = definition(FileType="Other", Delimiter="|", StandardQuotedStrings="false")
    assert staged(tmp_path, 'Key|Note\n1|"x\n', other) == [(1, False, "1", '"x')]
    assert staged(tmp_path, "Key\tNote\n1\tx\n", definition(FileType="TAB")) == [(1, False, "1", "x")]


def test_mapping_by_ordinal_and_by_name(tmp_path: Path) -> None:
    ordinal = definition(FieldMappingType="MapByOrdinal", HeaderLines="0")
    ordinal["maps"] = [
        {"SourceOrdinal": "3", "DestinationName": "key"},
        {"SourceOrdinal": "1", "DestinationName": "Note"},
    ]
    assert staged(tmp_path, "a,b,1\n", ordinal) == [(1, False, "a", "1")]
    manual = definition(FieldMappingType="ManualMap")
    manual["maps"] = [{"SourceName": "id", "DestinationName": "Key"}, {"SourceName": "ID", "DestinationName": "Note"}]
    assert staged(tmp_path, "Id,x\n1,2\n", manual) == [(1, False, "1", "1")]


@pytest.mark.parametrize(("content", "empty"), [("Key,Note\n", False), ("", True), ("\n\n", True)])
def test_a_file_without_rows_is_blank(tmp_path: Path, content: str, empty: bool) -> None:
    with pytest.raises(source.Blank) as raised:
        staged(tmp_path, content)
    assert raised.value.empty is empty


@pytest.mark.parametrize("content", ["Note\nx\n", "Other\n1\n", "Key,Note\n1," + "x" * 70_000_000])
def test_a_file_without_the_key_or_with_an_endless_field_cannot_be_imported(tmp_path: Path, content: str) -> None:
    with pytest.raises(plan.ImportFailed):
        staged(tmp_path, content)


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"UpdateType": "AddOnly"}, "UpdateType"),
        ({"UpdateType": "Merge"}, "reserved"),
        ({"AllowErrors": "perhaps"}, "AllowErrors"),
        ({"MaxFileAge": "-1"}, "MaxFileAge"),
        ({"MaxFileAgeScheduleOffset": "1.5"}, "MaxFileAgeScheduleOffset"),
        ({"SubscriberImportType": "Fax"}, "SubscriberImportType"),
        ({"DateFormattingLocale.LocaleCode": "xx-Klingon"}, "LocaleCode"),
        ({"Notification.ResponseType": "phone"}, "Notification.ResponseType"),
        ({"Filter": "Age > 3"}, "Filter"),
        ({"FileSpec": ""}, "FileSpec is required"),
        ({"FileType": "Other", "Delimiter": "\n"}, "Delimiter"),
        ({"FieldMappingType": "Guess"}, "FieldMappingType"),
        ({"FileType": "XML"}, "FileType"),
        ({"FileType": "Other"}, "Delimiter"),
        ({"HeaderLines": "one"}, "HeaderLines"),
        ({"EncodingCodePage": "77"}, "EncodingCodePage"),
        ({"UpdateType": "ColumnBased"}, "ControlColumn"),
        ({"FieldMappingType": "ManualMap"}, "FieldMaps"),
    ],
)
def test_wrong_definitions_are_named(changed: dict[str, str], part: str) -> None:
    assert part in (rules.problem(definition(**changed), DESTINATION, Behaviour()) or "")


def test_without_a_primary_key_only_overwrite_is_possible() -> None:
    keyless = DataExtension("de", DESTINATION.properties, DESTINATION.fields[1:])
    assert rules.problem(definition(UpdateType="Overwrite"), keyless, Behaviour()) is None
    assert rules.problem(definition(UpdateType="AddAndUpdate"), keyless, Behaviour())


@pytest.mark.parametrize(
    "maps",
    [
        [{"SourceName": "a"}],
        [{"SourceOrdinal": "0", "DestinationName": "Key"}],
        [{"SourceOrdinal": "x", "DestinationName": "Key"}],
        [{"SourceOrdinal": "1", "DestinationName": "Absent"}],
        [{"SourceOrdinal": "1", "DestinationName": "Key"}, {"SourceOrdinal": "2", "DestinationName": "KEY"}],
        [],
    ],
)
def test_wrong_maps_are_named(maps: list[dict[str, str | None]]) -> None:
    wrong = definition(FieldMappingType="MapByOrdinal")
    wrong["maps"] = maps
    assert rules.problem(wrong, DESTINATION, Behaviour())


@pytest.mark.parametrize(
    ("code", "order", "comma"),
    [
        ("en-US", "mdy", False),
        ("en-GB", "dmy", False),
        ("de-DE", "dmy", True),
        ("de", "dmy", True),
        ("de-CH", "dmy", False),
        ("fr-FR", "dmy", True),
        ("pt-BR", "dmy", True),
        ("ja-JP", "ymd", False),
        ("zh-CN", "ymd", False),
        ("sv-SE", "ymd", True),
    ],
)
def test_locales(code: str, order: str, comma: bool) -> None:
    assert locales.find(code) == locales.Locale(order, comma)
