from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from et_platform.simulator import clock
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.importing import put, ready
from et_platform_tests.simulator.soap import (
    PERSON,
    PERSON_FIELDS,
    Soap,
    a_field,
    data_extension,
    equals,
    figures,
    import_definition,
    named,
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


def test_a_missing_file_ends_in_error_with_no_rows(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    for number, name in enumerate(("absent.csv", "../../account.json", "sub/x.csv")):
        soap.good("Create", import_definition(f"{key}{number}", key, name))
        assert figures(soap.run(f"{key}{number}")) == ("Error", 0, 0, 0, 0)


def test_a_file_may_be_deleted_after_its_import_and_named_by_date(soap: Soap, simulator: Simulator, key: str) -> None:
    ready(soap, key, "Key\n1\n", DeleteFile="true", FileSpec=f"{key}-%%Year%%%%Month%%%%Day%%.csv")
    name = f"{key}-{clock.now():%Y%m%d}.csv"
    put(simulator, name, "Key\n1\n")
    assert figures(soap.run(key)) == ("Completed", 1, 0, 0, 1)
    assert not (simulator.ftp_folder / "Import" / name).exists()


def test_summaries_are_found_by_definition_and_outlive_it(soap: Soap, key: str) -> None:
    ready(soap, key, "Key\n1\n")
    first = soap.run(key)
    second = soap.run(key)
    assert int(second["TaskResultID"]) > int(first["TaskResultID"])
    soap.good("Delete", named("ImportDefinition", key))
    reply = soap.retrieve("ImportResultsSummary", ["TaskResultID"], equals("ImportDefinitionCustomerKey", key))
    assert reply.texts("Results/TaskResultID") == [first["TaskResultID"], second["TaskResultID"]]
    assert soap.perform(key).text("Results/Result/ErrorCode") == "43010"


def test_error_codes_of_import_definitions(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    made = import_definition(key, key, "a.csv")
    soap.good("Create", made)

    def code(operation: str, content: str) -> str:
        return soap.write(operation, content).text("Results/ErrorCode")

    assert code("Create", made) == "43030"
    assert code("Create", made.replace(f"<CustomerKey>{key}</CustomerKey>", "", 1)) == "43000"
    assert code("Update", import_definition("absent", key, "a.csv")) == "43010"
    assert code("Delete", named("ImportDefinition", "absent")) == "43010"
    assert code("Create", import_definition("new", key, "a.csv").replace("DataExtension", "List", 1)) == "43020"
    assert code("Create", import_definition("new", "absent", "a.csv")) == "43060"
    assert code("Create", import_definition("x" * 37, key, "a.csv")) == "43060"
    assert code("Create", import_definition("new", key, "")) == "43060"
    assert code("Create", import_definition("new", key, "a.csv").replace("ExactTarget Enhanced FTP", "X")) == "43060"
    assert code("Create", import_definition("new", key, "a.csv", UpdateType="AddOnly")) == "43060"


def test_an_update_changes_only_what_it_names(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON), import_definition(key, key, "a.csv"))
    changed = (
        f'<Objects xsi:type="ImportDefinition"><CustomerKey>{key}</CustomerKey><FileSpec>b.csv</FileSpec></Objects>'
    )
    soap.good("Update", changed)
    asked = ["FileSpec", "UpdateType", "DestinationObject.CustomerKey", "RetrieveFileTransferLocation.CustomerKey"]
    reply = soap.retrieve("ImportDefinition", asked, equals("CustomerKey", key))
    assert reply.text("Results/FileSpec") == "b.csv"
    assert reply.text("Results/UpdateType") == "AddAndUpdate"
    assert reply.text("Results/DestinationObject/CustomerKey") == key
    assert reply.text("Results/RetrieveFileTransferLocation/CustomerKey") == "ExactTarget Enhanced FTP"


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


def test_many_imports_at_once_beside_other_calls(soap: Soap, key: str) -> None:
    keys = [f"{key}-{number}" for number in range(6)]
    for one in keys:
        ready(soap, one, [["Key", "Name"], *([f"{number}", one] for number in range(2000))])

    def run(one: str) -> tuple[str, int, int, int, int]:
        own = Soap(soap.simulator, token=soap.token)
        tasks = [own.perform(one).text("Results/Result/Task/ID") for _ in range(2)]  # the second waits for the first
        own.good("Update", row(one, {"Tier": "x"}, {"Key": "by soap"}), options=UPSERT_ROW)
        return [figures(own.wait(task)) for task in tasks][-1]

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(run, keys)) == {("Completed", 2000, 0, 0, 2000)}
    assert "Traceback" not in soap.simulator.log


UPSERT_ROW = "<Options><SaveOptions><SaveOption><SaveAction>UpdateAdd</SaveAction></SaveOption></SaveOptions></Options>"


def test_settings_of_an_import(tmp_path: Path) -> None:
    settings = {
        "summary_delay_seconds": "30",
        "duplicates": "reject",
        "blank_means_null": "false",
        "add_only_existing": "successful",
        "destination_id": "customer_key",
    }
    args = [text for name, value in settings.items() for text in ("--set", f"{name}={value}")]
    with running_simulator(tmp_path / "data", *args) as simulator:
        soap = Soap(simulator)
        ready(soap, "k", "Key,Name\na,1\nA,2\nb,\nc,3\n", UpdateType="AddAndDoNotUpdate")
        soap.good("Create", row("k", {"Key": "C"}))
        task = soap.perform("k").text("Results/Result/Task/ID")
        assert soap.summary(task) == {}  # nothing shows at first
        # Should the import not be done yet, the next process finishes it: with the same settings but for the delay.
        simulator.restart(*args, "--set", "summary_delay_seconds=0")
        summary = soap.wait(task)
        assert figures(summary) == ("Completed", 2, 2, 0, 4)
        assert summary["DestinationID"] == "k"


def test_an_import_that_was_killed_is_done_after_the_restart(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--set", "import_processing_seconds=600") as simulator:
        soap = Soap(simulator)
        ready(soap, "k", [["Key", "Name"], *([f"{number:05d}", "n"] for number in range(3000))])
        soap.good("Create", import_definition("second", "k", "k.csv"))
        first = soap.perform("k").text("Results/Result/Task/ID")
        soap.wait(first, ("Processing",))
        second = soap.perform("second").text("Results/Result/Task/ID")
        soap.good("Delete", named("ImportDefinition", "second"))  # does not stop the queued task
        assert soap.wait(second, ("New",))["ImportStatus"] == "New"
        simulator.kill()
        simulator.start("--set", "summary_delay_seconds=0")
        assert figures(soap.wait(first)) == ("Completed", 3000, 0, 0, 3000)
        assert figures(soap.wait(second)) == ("Completed", 3000, 0, 0, 3000)
        reply = soap.retrieve("DataExtensionObject[k]", ["Key"])
        assert (len(reply.rows), reply.text("OverallStatus")) == (2500, "MoreDataAvailable")
        simulator.kill()
        simulator.start()
        again = soap.retrieve("", [], "", f"<ContinueRequest>{reply.text('RequestID')}</ContinueRequest>")
        assert (len(again.rows), again.text("OverallStatus")) == (500, "OK")


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_a_kill_at_any_moment_neither_loses_nor_repeats_rows(tmp_path: Path, seconds: float) -> None:
    with running_simulator(tmp_path / "data", "--set", "summary_delay_seconds=0") as simulator:
        soap = Soap(simulator)
        soap.good("Create", data_extension("k", a_field("Note", MaxLength=50)))
        soap.good("Create", import_definition("k", "k", "k.csv", UpdateType="Overwrite"))
        put(simulator, "k.csv", [["Note"], *([f"{number:06d}"] for number in range(30_000))])
        task = soap.perform("k").text("Results/Result/Task/ID")
        time.sleep(seconds)  # wherever the import is by then, the outcome is the same
        simulator.kill()
        simulator.start()
        assert figures(soap.wait(task)) == ("Completed", 30_000, 0, 0, 30_000)
        simulator.stop()
        with duckdb.connect(str(simulator.data_dir / "exacttarget.duckdb"), read_only=True) as connection:
            tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'rows'").fetchall()
            assert len(tables) == 1
            counted = connection.execute(f'SELECT count(*) FROM rows."{tables[0][0]}"').fetchone()
        assert counted == (30_000,)


def test_a_waiting_import_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--set", "import_delay_seconds=600") as simulator:
        soap = Soap(simulator)
        ready(soap, "k", "Key\n1\n")
        task = soap.perform("k").text("Results/Result/Task/ID")
        assert simulator.stop() == 0
        simulator.start("--set", "summary_delay_seconds=0")
        assert figures(soap.wait(task)) == ("Completed", 1, 0, 0, 1)
