"""What an import does to rows: update types, mappings, control columns, locales, copies, bad rows."""

from __future__ import annotations

import pytest

from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.imports.plan import keeps_first
from et_platform_tests.simulator.importing import put, ready
from et_platform_tests.simulator.soap import (
    PERSON,
    PERSON_FIELDS,
    Soap,
    a_field,
    data_extension,
    figures,
    import_definition,
    row,
)


def test_nasty_rows_arrive_unharmed(soap: Soap, key: str) -> None:
    rows = [
        ["日本 太郎", '田中 "Q", 様', "a@b.example", "30", "12.5", "1/2/2024 3:04:05 PM", "yes", "gold"],
        ["مرحبا", "two\nlines", "", "", "", "", "", ""],
        ["😀 key", "comma, quote ' semi;", "c@d.example", "-1", "0", "2024-01-02T00:00:00Z", "FALSE", "x"],
    ]
    ready(soap, key, [PERSON_FIELDS, *rows])
    summary = soap.run(key)
    assert figures(summary) == ("Completed", 3, 0, 0, 3)
    assert summary["ImportDefinitionCustomerKey"] == key
    assert summary["ImportType"] == "Data Extensions"
    assert summary["StartDate"].endswith("M")
    assert summary["EndDate"].endswith("M")
    found = {one["Key"]: one for one in soap.rows(key, PERSON_FIELDS)}
    assert found["日本 太郎"] == dict(
        zip(PERSON_FIELDS, [*rows[0][:4], "12.50", "1/2/2024 3:04:05 PM", "True", "gold"], strict=True)
    )
    assert found["مرحبا"]["Name"] == "two\nlines"
    assert (found["😀 key"]["Born"], found["😀 key"]["Happy"]) == ("1/1/2024 6:00:00 PM", "False")


def test_only_mapped_fields_change_and_others_take_their_default_on_insert(soap: Soap, key: str) -> None:
    ready(soap, key, "Key,Age\nABC,2\nnew,3\n")
    soap.good("Create", row(key, {"Key": "abc", "Name": "Ann", "Age": "1", "Tier": "gold"}))
    assert figures(soap.run(key)) == ("Completed", 2, 0, 0, 2)
    assert soap.rows(key, ["Key", "Name", "Age", "Tier"]) == [
        {"Key": "abc", "Name": "Ann", "Age": "2", "Tier": "gold"},
        {"Key": "new", "Name": "", "Age": "3", "Tier": "basic"},
    ]


def test_required_fields_of_new_rows(soap: Soap, key: str) -> None:
    needed = a_field("Needed", IsRequired="true"), a_field("Filled", IsRequired="true", DefaultValue="f")
    soap.good("Create", data_extension(key, PERSON[0], *needed))
    soap.good("Create", row(key, {"Key": "old", "Needed": "x", "Filled": "g"}))
    soap.good("Create", import_definition(key, key, f"{key}.csv"))
    put(soap.simulator, f"{key}.csv", "Key,Filled\nold,h\nnew,h\n")
    assert figures(soap.run(key)) == ("Completed", 1, 0, 1, 2)
    put(soap.simulator, f"{key}.csv", "Key,Needed,Filled\nnew,n,\nolder,,\n")
    assert figures(soap.run(key)) == ("Completed", 1, 0, 1, 2)
    assert soap.rows(key, ["Key", "Needed", "Filled"]) == [
        {"Key": "old", "Needed": "x", "Filled": "h"},
        {"Key": "new", "Needed": "n", "Filled": "f"},
    ]


def test_bad_rows_are_counted_and_the_others_imported(soap: Soap, key: str) -> None:
    content = "Key,Name,Email,Age\n1,ok,,1\n,no key,,1\n2,bad age,,x\n3,bad mail,nobody,1\n4,ragged\n5,ok,,2\n"
    ready(soap, key, content + f"6,{'x' * 51},,1\n")
    assert figures(soap.run(key)) == ("Completed", 2, 0, 5, 7)
    assert [one["Key"] for one in soap.rows(key, ["Key"])] == ["1", "5"]


def test_without_allow_errors_the_first_bad_row_stops_the_import(soap: Soap, key: str) -> None:
    ready(soap, key, "Key,Age\n1,1\n2,x\n3,3\n", AllowErrors="false")
    assert figures(soap.run(key)) == ("Error", 1, 0, 1, 2)
    assert [one["Key"] for one in soap.rows(key, ["Key"])] == ["1"]


def test_of_copies_in_one_file_the_last_counts(soap: Soap, key: str) -> None:
    ready(soap, key, "Key,Name\na,first\nb,only\nA ,last\n")
    assert figures(soap.run(key)) == ("Completed", 2, 1, 0, 3)
    assert {one["Name"] for one in soap.rows(key, ["Name"])} == {"last", "only"}


def test_of_copies_in_one_file_the_first_counts_where_rows_are_only_added(soap: Soap, key: str) -> None:
    ready(soap, key, "Key,Name\na,first\nb,only\nA ,last\n", UpdateType="AddAndDoNotUpdate")
    assert figures(soap.run(key)) == ("Completed", 2, 1, 0, 3)
    assert {one["Name"] for one in soap.rows(key, ["Name"])} == {"first", "only"}


@pytest.mark.parametrize("update_type", ["AddAndUpdate", "AddAndDoNotUpdate", "UpdateButDoNotAdd", "Overwrite"])
def test_which_copy_counts_can_be_set_for_every_update_type(update_type: str) -> None:
    assert keeps_first(update_type, Behaviour(duplicates="first"))
    assert not keeps_first(update_type, Behaviour(duplicates="last"))
    assert keeps_first(update_type, Behaviour()) == (update_type == "AddAndDoNotUpdate")


@pytest.mark.parametrize(
    ("update_type", "expected", "names"),
    [
        ("AddAndUpdate", ("Completed", 2, 0, 0, 2), {"old": "changed", "new": "new"}),
        ("AddAndDoNotUpdate", ("Completed", 1, 1, 0, 2), {"old": "before", "new": "new"}),
        ("UpdateButDoNotAdd", ("Completed", 1, 0, 1, 2), {"old": "changed"}),
        ("Overwrite", ("Completed", 2, 0, 0, 2), {"old": "changed", "new": "new"}),
    ],
)
def test_update_types(
    soap: Soap, key: str, update_type: str, expected: tuple[str, int, int, int, int], names: dict[str, str]
) -> None:
    ready(soap, key, "Key,Name\nold,changed\nnew,new\n", UpdateType=update_type)
    soap.good("Create", row(key, {"Key": "old", "Name": "before"}), row(key, {"Key": "other", "Name": "other"}))
    assert figures(soap.run(key)) == expected
    kept = {} if update_type == "Overwrite" else {"other": "other"}
    assert {one["Key"]: one["Name"] for one in soap.rows(key, ["Key", "Name"])} == names | kept


def test_a_control_column_picks_the_action_of_each_row(soap: Soap, key: str) -> None:
    actions = "".join(
        f"<ControlColumnAction><Value>{value}</Value><Action>{action}</Action></ControlColumnAction>"
        for value, action in (("D", "Delete"), ("U", "UpdateButDoNotAdd"), ("A", "AddButDoNotUpdate"), ("S", "Skip"))
    )
    content = "Action,Key,Name,Age\nd,GONE,,x\nU,old,changed,1\nU,absent,,\nA,new,n,\nA,keep,no,\nS,skip,,\n?,what,,\nD,absent2,,\n"
    ready(
        soap,
        key,
        content,
        f"<ControlColumnActions>{actions}</ControlColumnActions>",
        UpdateType="ColumnBased",
        ControlColumn="Action",
    )
    soap.good("Create", *(row(key, {"Key": one, "Name": "before"}) for one in ("gone", "old", "keep")))
    # good: gone, old, new, the skipped and the absent one to delete; copy: keep; errors: absent and '?'
    assert figures(soap.run(key)) == ("Completed", 5, 1, 2, 8)
    found = {one["Key"]: one["Name"] for one in soap.rows(key, ["Key", "Name"])}
    assert found == {"old": "changed", "keep": "before", "new": "n"}


def test_mapping_by_ordinal_with_tabs_and_a_null_representation(soap: Soap, key: str) -> None:
    maps = "".join(
        f"<FieldMap><SourceOrdinal>{ordinal}</SourceOrdinal><DestinationName>{name}</DestinationName></FieldMap>"
        for ordinal, name in ((2, "Key"), (1, "Name"))
    )
    ready(
        soap,
        key,
        "Ann\t1\nNIL\t2\n",
        f"<FieldMaps>{maps}</FieldMaps>",
        FieldMappingType="MapByOrdinal",
        FileType="TAB",
        HeaderLines="0",
        NullRepresentation="NIL",
    )
    assert figures(soap.run(key)) == ("Completed", 2, 0, 0, 2)
    assert soap.rows(key, ["Key", "Name"]) == [{"Key": "1", "Name": "Ann"}, {"Key": "2", "Name": ""}]


def test_a_merge_is_reserved_and_a_default_action_stands_in(soap: Soap, key: str) -> None:
    actions = "<ControlColumnAction><Value>D</Value><Action>Delete</Action></ControlColumnAction>"
    ready(
        soap,
        key,
        "Key,Do,Name\ngone,d,\nnew,?,n\nold,,changed\n",
        f"<ControlColumnActions>{actions}</ControlColumnActions>",
        UpdateType="ColumnBased",
        ControlColumn="do",
        ControlColumnDefaultAction="AddAndUpdate",
    )
    soap.good("Create", *(row(key, {"Key": one, "Name": "before"}) for one in ("gone", "old")))
    assert figures(soap.run(key)) == ("Completed", 3, 0, 0, 3)
    found = {one["Key"]: one["Name"] for one in soap.rows(key, ["Key", "Name"])}
    assert found == {"old": "changed", "new": "n"}


def test_a_control_column_by_ordinal(soap: Soap, key: str) -> None:
    maps = "<FieldMap><SourceOrdinal>2</SourceOrdinal><DestinationName>Key</DestinationName></FieldMap>"
    ready(
        soap,
        key,
        "x,1\nD,2\n",
        f"<FieldMaps>{maps}</FieldMaps><ControlColumnActions><ControlColumnAction><Value>D</Value>"
        "<Action>Delete</Action></ControlColumnAction></ControlColumnActions>",
        UpdateType="ColumnBased",
        ControlColumn="1",
        ControlColumnDefaultAction="AddButDoNotUpdate",
        FieldMappingType="MapByOrdinal",
        HeaderLines="0",
    )
    soap.good("Create", row(key, {"Key": "2"}))
    assert figures(soap.run(key)) == ("Completed", 2, 0, 0, 2)
    assert soap.rows(key, ["Key"]) == [{"Key": "1"}]


def test_a_manual_map_names_columns_and_several_heading_lines_end_in_the_names(soap: Soap, key: str) -> None:
    maps = "".join(
        f"<FieldMap><SourceName>{source}</SourceName><DestinationName>{name}</DestinationName></FieldMap>"
        for source, name in (("Customer No", "Key"), ("full name", "Name"))
    )
    content = "export of today\nFull Name;Customer No;Age\nAnn;1;44\n"
    more = f"<FieldMaps>{maps}</FieldMaps>"
    changed = {"FileType": "Other", "Delimiter": ";", "HeaderLines": "2", "FieldMappingType": "ManualMap"}
    ready(soap, key, content, more, **changed)
    assert figures(soap.run(key)) == ("Completed", 1, 0, 0, 1)
    assert soap.rows(key, ["Key", "Name", "Age"]) == [{"Key": "1", "Name": "Ann", "Age": ""}]
    put(soap.simulator, f"{key}.csv", content.replace("Customer No", "Number"))
    assert figures(soap.run(key)) == ("Error", 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("code", "born", "worth", "read"),
    [
        ("en-US", "3/4/2024", "1.5", "3/4/2024 12:00:00 AM"),
        ("en-GB", "03/04/2024 15:00", "1.5", "4/3/2024 3:00:00 PM"),
        ("de-DE", "3.4.2024", "1,5", "4/3/2024 12:00:00 AM"),
        ("ja-JP", "2024/3/4", "1.5", "3/4/2024 12:00:00 AM"),
    ],
)
def test_dates_and_decimals_of_a_locale(soap: Soap, key: str, code: str, born: str, worth: str, read: str) -> None:
    locale = f"<DateFormattingLocale><LocaleCode>{code}</LocaleCode></DateFormattingLocale>"
    ready(soap, key, [["Key", "Born", "Worth"], ["1", born, worth], ["2", "31/31/2024", ""]], locale)
    assert figures(soap.run(key)) == ("Completed", 1, 0, 1, 2)
    assert soap.rows(key, ["Born", "Worth"]) == [{"Born": read, "Worth": "1.50"}]


def test_a_code_page_and_a_line_end_of_ones_own(soap: Soap, key: str) -> None:
    content = "Key,Name<eol>1,naïve €\nand more<eol>2,b<eol>".encode("cp1252")
    ready(soap, key, content, EncodingCodePage="1252", EndOfLineRepresentation="<eol>")
    assert figures(soap.run(key)) == ("Completed", 2, 0, 0, 2)
    assert [one["Name"] for one in soap.rows(key, ["Name"])] == ["naïve €\nand more", "b"]


def test_rows_without_a_key_can_only_overwrite(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, a_field("Note", MaxLength=10)))
    refused = soap.write("Create", import_definition(key, key, f"{key}.csv"))
    assert refused.text("Results/ErrorCode") == "43060"
    soap.good("Create", import_definition(key, key, f"{key}.csv", UpdateType="Overwrite"))
    put(soap.simulator, f"{key}.csv", "Note\na\na\nb\n")
    for _ in range(2):
        assert figures(soap.run(key)) == ("Completed", 3, 0, 0, 3)
        assert sorted(one["Note"] for one in soap.rows(key, ["Note"])) == ["a", "a", "b"]


def test_an_ordinal_may_stand_in_the_source_name(soap: Soap, key: str) -> None:
    maps = "".join(
        f"<FieldMap><SourceName>{place}</SourceName><DestinationName>{name}</DestinationName></FieldMap>"
        for place, name in ((2, "Key"), (1, "Name"))
    )
    ready(soap, key, "Ann,1\n", f"<FieldMaps>{maps}</FieldMaps>", FieldMappingType="MapByOrdinal", HeaderLines="0")
    assert figures(soap.run(key)) == ("Completed", 1, 0, 0, 1)
    assert soap.rows(key, ["Key", "Name"]) == [{"Key": "1", "Name": "Ann"}]
