from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from et_platform_tests.simulator.soap import (
    PERSON,
    PERSON_FIELDS,
    UPSERT,
    Soap,
    a_field,
    data_extension,
    import_definition,
    row,
    simple,
)


def test_values_are_kept_and_shown_as_the_service_does(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    soap.good(
        "Create",
        row(
            key,
            {
                "Key": "Ünï 日本 😀",
                "Name": 'مرحبا "x", <y>\r\nz',
                "Email": "a@b.example",
                "Age": "7",
                "Worth": "12.345",
                "Born": "2024-01-02T03:04:05.6Z",
                "Happy": "1",
            },
        ),
    )
    assert soap.rows(key, PERSON_FIELDS) == [
        {
            "Key": "Ünï 日本 😀",
            "Name": 'مرحبا "x", <y>\nz',  # XML itself turns the line end of the request into \n
            "Email": "a@b.example",
            "Age": "7",
            "Worth": "12.35",
            "Born": "1/1/2024 9:04:06 PM",
            "Happy": "True",
            "Tier": "basic",
        }
    ]


def test_keys_compare_without_case_and_trailing_blanks_and_keep_their_spelling(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    soap.good("Create", row(key, {"Key": "Abc", "Name": "one", "Age": "1"}))
    refused = soap.write("Create", row(key, {"Key": "ABC  "}))
    assert refused.text("Results/ErrorCode") == "310003"
    assert refused.text("Results/KeyErrors/KeyError/Name") == "Key"
    soap.good("Update", row(key, {"Name": "two"}, {"Key": "aBC "}))
    soap.good("Update", row(key, {"Key": "abc", "Name": "three"}), options=UPSERT)
    assert soap.rows(key, ["key", "NAME", "Age"]) == [{"key": "Abc", "NAME": "three", "Age": "1"}]
    assert soap.good("Delete", row(key, {}, {"Key": "ABC"})).text("Results/StatusMessage") == (
        "Deleted DataExtensionObject"
    )
    assert soap.rows(key, ["Key"]) == []
    missing = soap.write("Delete", row(key, {}, {"Key": "ABC"}))
    assert missing.text("Results/ErrorCode") == "310002"


def test_null_and_empty_differ(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    soap.good("Create", row(key, {"Key": "1", "Name": "", "Age": "5"}), row(key, {"Key": "2", "Name": None}))
    assert soap.rows(key, ["Key"], simple("Name", "isNull")) == [{"Key": "2"}]
    assert soap.rows(key, ["Key"], simple("Name", "equals", "")) == [{"Key": "1"}]
    soap.good("Update", row(key, {"Name": None, "Age": ""}, {"Key": "1"}))
    assert soap.rows(key, ["Key", "Age"], simple("Name", "isNull")) == [
        {"Key": "1", "Age": ""},
        {"Key": "2", "Age": ""},
    ]


def test_all_errors_of_a_row_are_told_and_other_rows_are_written(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    bad = row(key, {"Name": "x" * 51, "Age": "old", "Email": "nobody", "Colour": "red"}, {"Key": "k" * 51})
    reply = soap.write("Update", bad, row(key, {"Name": "ok", "Colour": "red"}, {"Key": "1"}), options=UPSERT)
    assert reply.text("OverallStatus") == "Has Errors"
    assert reply.texts("Results/KeyErrors/KeyError/Name") == ["Key"]
    assert reply.texts("Results/ValueErrors/ValueError/Name") == ["Name", "Email", "Age"]
    assert all(reply.texts("Results/ValueErrors/ValueError/ErrorMessage"))
    assert soap.rows(key, ["Name"]) == [{"Name": "ok"}]


def test_required_fields_and_defaults(soap: Soap, key: str) -> None:
    needed = a_field("Needed", IsRequired="true"), a_field("Filled", IsRequired="true", DefaultValue="f")
    made = a_field("Made", "Date", DefaultValue="Now()")
    soap.good("Create", data_extension(key, PERSON[0], *needed, made))
    reply = soap.write(
        "Create", row(key, {"Key": "1"}), row(key, {"Needed": "x"}), row(key, {"Key": "2", "Needed": None})
    )
    assert reply.text("OverallStatus") == "Error"
    assert reply.texts("Results/ValueErrors/ValueError/Name") == ["Needed", "Needed"]
    assert reply.texts("Results/KeyErrors/KeyError/Name") == ["Key"]
    soap.good("Create", row(key, {"Key": "3", "Needed": "x", "Filled": None}))
    (found,) = soap.rows(key, ["Filled", "Made"])
    assert found["Filled"] == "f"
    assert found["Made"].endswith("M")
    soap.good("Update", row(key, {"Filled": "g"}, {"Key": "3"}))


def test_a_row_that_is_not_there_cannot_be_updated(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    assert soap.write("Update", row(key, {"Name": "x"}, {"Key": "1"})).text("Results/ErrorCode") == "310004"
    assert soap.write("Update", row("nowhere", {"Name": "x"})).text("Results/ErrorCode") == "310002"


def test_composite_and_missing_primary_keys(soap: Soap, key: str) -> None:
    second = a_field("Part", "Number", key=True)
    soap.good("Create", data_extension(key, PERSON[0], second, a_field("Note")))
    soap.good("Create", row(key, {"Key": "a", "Part": "1"}), row(key, {"Key": "a", "Part": "2"}))
    soap.good("Update", row(key, {"Note": "n"}, {"Key": "A", "Part": "02"}))
    assert soap.rows(key, ["Part", "Note"]) == [{"Part": "1", "Note": ""}, {"Part": "2", "Note": "n"}]
    keyless = key + "k"
    soap.good("Create", data_extension(keyless, a_field("Note")))
    soap.good("Create", row(keyless, {"Note": "n"}), row(keyless, {"Note": "n"}))
    assert len({one["_CustomObjectKey"] for one in soap.rows(keyless, ["Note", "_CustomObjectKey"])}) == 2
    assert soap.write("Update", row(keyless, {"Note": "x"})).text("OverallStatus") == "Error"


def test_pages_of_2500_rows_in_a_stable_order(soap: Soap, key: str) -> None:
    numbers = list(range(6001))
    soap.good("Create", data_extension(key, *PERSON))
    soap.good("Create", import_definition(key, key, f"{key}.csv"))
    lines = "".join(f"{n:05d},{n}\n" for n in numbers)
    (soap.simulator.ftp_folder / "Import" / f"{key}.csv").write_text(f"Key,Age\n{lines}")
    assert soap.run(key)["ImportStatus"] == "Completed"
    address, seen, sizes, more = f"DataExtensionObject[{key}]", [], [], ""
    while True:
        reply = soap.retrieve(address, ["Key"], "", more)
        seen += [one["Key"] for one in reply.rows]
        sizes.append(len(reply.rows))
        if reply.text("OverallStatus") == "OK":
            break
        assert reply.text("OverallStatus") == "MoreDataAvailable"
        if len(sizes) == 1:  # rows that change while one reads do not disturb the order
            soap.good("Update", row(key, {"Age": "0"}, {"Key": "05000"}))
            repeated = soap.retrieve(address, [], "", f"<ContinueRequest>{reply.text('RequestID')}</ContinueRequest>")
            assert repeated.rows[0]["Key"] == "02500"
        more = f"<ContinueRequest>{reply.text('RequestID')}</ContinueRequest>"
    assert sizes == [2500, 2500, 1001]
    assert seen == [f"{n:05d}" for n in numbers]
    small = soap.retrieve(
        address, ["Key"], simple("Age", "lessThan", "2000"), "<Options><BatchSize>1500</BatchSize></Options>"
    )
    assert (len(small.rows), small.text("OverallStatus")) == (1500, "MoreDataAvailable")
    big = soap.retrieve(address, ["Key"], "", "<Options><BatchSize>9999</BatchSize></Options>")
    assert len(big.rows) == 2500
    lost = soap.retrieve(address, ["Key"], "", "<ContinueRequest>nothing</ContinueRequest>")
    assert lost.text("OverallStatus").startswith("Error: ")
    wanted = [f"{n:05d}" for n in range(0, 6000, 3)]
    assert [one["Key"] for one in soap.rows(key, ["Key"], simple("Key", "IN", *wanted, "none"))] == wanted


def test_pages_go_on_over_gaps_of_any_width(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    soap.good("Create", *(row(key, {"Key": f"{n:03d}", "Age": str(n)}) for n in range(300)))
    soap.good("Delete", *(row(key, {}, {"Key": f"{n:03d}"}) for n in range(2, 20)))
    # With one row a page, the next ones lie beside it, a few pages further, and beyond the near look.
    wanted = ["0", "1", "20", "25", "26", "299"]
    reply = soap.retrieve(
        f"DataExtensionObject[{key}]",
        ["Age"],
        simple("Age", "IN", *wanted),
        "<Options><BatchSize>1</BatchSize></Options>",
    )
    seen = []
    while True:
        seen += [one["Age"] for one in reply.rows]
        if reply.text("OverallStatus") == "OK":
            break
        reply = soap.retrieve("", [], "", f"<ContinueRequest>{reply.text('RequestID')}</ContinueRequest>")
    assert seen == wanted


def test_rows_are_found_by_name_and_refuse_unknown_columns_and_like(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON, name=f"People of {key}"))
    soap.good("Create", row(key, {"Key": "1"}))
    assert soap.rows(f"people of {key}", ["Key"]) == [{"Key": "1"}]
    address = f"DataExtensionObject[{key}]"
    assert soap.retrieve(address, ["Size"]).text("OverallStatus") == "Error: Invalid column name 'Size'."
    assert soap.retrieve(address, ["*"]).text("OverallStatus").startswith("Error: ")
    assert soap.retrieve(address, []).text("OverallStatus").startswith("Error: ")
    assert soap.retrieve(address, ["Key"], simple("Name", "like", "a%")).text("OverallStatus").startswith("Error: ")


def test_calls_at_the_same_time_never_make_a_key_twice(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))

    def upsert(number: int) -> str:
        own = Soap(soap.simulator, token=soap.token)
        rows = (row(key, {"Name": str(number)}, {"Key": f"K{n}"}) for n in range(20))
        return own.write("Update", *rows, options=UPSERT).text("OverallStatus")

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(upsert, range(12))) == {"OK"}
    assert len(soap.rows(key, ["Key"])) == 20


def test_keys_name_the_row_whatever_its_properties_say(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    soap.good("Create", row(key, {"Key": "a", "Name": "one"}))
    soap.good("Update", row(key, {"Key": "b", "Name": "two"}, {"Key": "a"}), options=UPSERT)
    soap.good("Update", row(key, {"key": "c", "Name": "three"}, {"KEY": "a"}))
    assert soap.rows(key, ["Key", "Name"]) == [{"Key": "a", "Name": "three"}]


@pytest.mark.parametrize(
    ("options", "added"),
    [
        ([("*", "UpdateAdd")], True),
        ([("DataExtensionObject", "UpdateAdd")], True),
        ([("", "UpdateAdd")], True),
        ([("Subscriber", "UpdateAdd")], False),
        ([("Name", "UpdateAdd")], False),
        ([("*", "UpdateAdd"), ("DataExtensionObject", "UpdateOnly")], False),
        ([("DataExtensionObject", "UpdateAdd"), ("*", "UpdateOnly"), ("Subscriber", "AddOnly")], True),
    ],
)
def test_a_save_option_counts_for_the_type_that_it_names(
    soap: Soap, key: str, options: list[tuple[str, str]], *, added: bool
) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    listed = "".join(
        f"<SaveOption><PropertyName>{name}</PropertyName><SaveAction>{action}</SaveAction></SaveOption>"
        for name, action in options
    )
    wanted = f"<Options><SaveOptions>{listed}</SaveOptions></Options>"
    reply = soap.write("Update", row(key, {"Key": "new"}), options=wanted)
    assert reply.text("OverallStatus") == ("OK" if added else "Error")
    assert soap.rows(key, ["Key"]) == ([{"Key": "new"}] if added else [])
