from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.imports import plan, source
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
    given = {"FieldMappingType": "InferFromColumnHeadings", "FileSpec": "f.csv", "FileType": "CSV"} | properties
    return {"object_id": "i", "destination": "de", "properties": given, "maps": [], "actions": []}


def staged(
    tmp_path: Path, content: str | bytes, document: dict[str, Any] | None = None, *, pad: bool = False
) -> list[tuple[Any, ...]]:
    path = tmp_path / "f.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    behaviour = Behaviour.from_pairs([])
    read = plan.read(document or definition(), behaviour)

    def mapped(headings: Sequence[str] | None) -> plan.Columns:
        return plan.columns(read, DESTINATION, headings, behaviour)

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


def test_many_scripts_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    content = "key,NOTE\n1,日本語 😀\n2,مرحبا\n3,naïve\n"
    expected = [(1, False, "1", "日本語 😀"), (2, False, "2", "مرحبا"), (3, False, "3", "naïve")]
    assert staged(tmp_path, content) == expected
    assert staged(tmp_path, b"\xef\xbb\xbf" + content.encode()) == expected
    utf16 = definition(EncodingCodePage="1200")
    assert staged(tmp_path, content.encode("utf-16"), utf16) == expected


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


def test_a_file_of_headings_only_has_no_rows(tmp_path: Path) -> None:
    assert staged(tmp_path, "Key,Note\n") == []


@pytest.mark.parametrize("content", ["", "Note\nx\n", "Other\n1\n"])
def test_a_file_without_the_key_cannot_be_imported(tmp_path: Path, content: str) -> None:
    with pytest.raises(plan.ImportFailed):
        staged(tmp_path, content)


def test_placeholders_in_a_file_name() -> None:
    name = plan.file_name("a%%Year%%-%%Month%%-%%Day%%.csv", "server")
    assert len(name) == len("a2024-01-02.csv")
    assert "%" not in name


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"UpdateType": "AddOnly"}, "UpdateType"),
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
    assert part in (plan.problem(definition(**changed), DESTINATION) or "")


def test_without_a_primary_key_only_overwrite_is_possible() -> None:
    keyless = DataExtension("de", DESTINATION.properties, DESTINATION.fields[1:])
    assert plan.problem(definition(UpdateType="Overwrite"), keyless) is None
    assert plan.problem(definition(UpdateType="AddAndUpdate"), keyless)
