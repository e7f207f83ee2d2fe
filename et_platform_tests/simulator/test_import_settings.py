"""Imports where the unconfirmed behaviours are the less likely ones."""

from __future__ import annotations

import gzip
import io
import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from et_platform.simulator import clock
from et_platform.simulator.behaviour import Behaviour
from et_platform_tests.simulated import running_simulator
from et_platform_tests.simulator.importing import NOTIFY, mail, new_list, on_list, put, ready, rejected, to_list
from et_platform_tests.simulator.soap import Reply, Soap, figures, import_definition, named, row
from et_platform_tests.simulator.test_subscribers import place, subscriber


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


OTHERWISE = {
    "summary_delay_seconds": "0",
    "second_start": "refuse",
    "too_frequent": "refuse",
    "import_names": "free",
    "delete_validates": "false",
    "blank_files": "skip",
    "file_age_offset": "shortens",
    "control_without_action": "skip",
    "locale_decimals": "false",
    "import_filter": "ignore",
    "file_locations": "Feeds = feeds/daily, Other=other",
    "file_transfers": "Unzip=people-%%Year%%.zip,Gunzip=people.csv.gz,Move=plain.csv,Absent=absent.zip,Torn=torn.zip",
    "report_rows": "1",
    "stopped_import": "rollback",
    "first_ordinal": "0",
    "list_import_resubscribes": "true",
    "stopped_import_status": "Completed",
}


@pytest.fixture(scope="module")
def otherwise(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soap]:
    """A simulator whose unconfirmed behaviours are the less likely ones."""
    args = [text for name, value in OTHERWISE.items() for text in ("--set", f"{name}={value}")]
    with running_simulator(tmp_path_factory.mktemp("otherwise") / "data", *args) as simulator:
        yield Soap(simulator)


def test_the_other_settings_of_files(otherwise: Soap, key: str) -> None:
    soap = otherwise
    feeds = import_definition(f"{key}-2", key, "f.csv").replace("ExactTarget Enhanced FTP", "feeds")
    ready(soap, key, "Key\n", MaxFileAge="2", MaxFileAgeScheduleOffset="1", UpdateType="Overwrite", Filter="any")
    soap.good("Create", row(key, {"Key": "old"}), feeds)
    assert figures(soap.run(key)) == ("Completed", 0, 0, 0, 0)
    put(soap.simulator, f"{key}.csv", "")
    assert figures(soap.run(key)) == ("Completed", 0, 0, 0, 0)
    assert soap.rows(key, ["Key"]) == [{"Key": "old"}]  # skipped, though it is an Overwrite
    old = soap.simulator.ftp_folder / "Import" / f"{key}.csv"
    put(soap.simulator, old.name, "Key\n1\n")
    hours_ago = time.time() - 1.5 * 3600
    os.utime(old, (hours_ago, hours_ago))
    assert figures(soap.run(key)) == ("Error", 0, 0, 0, 0)
    (soap.simulator.ftp_folder / "Import" / "feeds" / "daily" / "f.csv").write_text("Key\nfed\n")
    assert figures(soap.run(f"{key}-2")) == ("Completed", 1, 0, 0, 1)


def test_the_other_settings_of_rows(otherwise: Soap, key: str) -> None:
    soap = otherwise
    locale = "<DateFormattingLocale><LocaleCode>de-DE</LocaleCode></DateFormattingLocale>"
    changed = {"UpdateType": "ColumnBased", "ControlColumn": "Name", "AllowErrors": "false"}
    ready(soap, key, 'Key,Worth,Name\n1,1.5,a\n2,"1,5",?\n3,"1,5",a\n4,x,a\n', NOTIFY.format("") + locale, **changed)
    action = "<ControlColumnAction><Value>A</Value><Action>AddAndUpdate</Action></ControlColumnAction>"
    control = f"<CustomerKey>{key}</CustomerKey><ControlColumnActions>{action}</ControlColumnActions>"
    soap.good("Update", f'<Objects xsi:type="ImportDefinition">{control}</Objects>')
    summary = soap.run(key)
    assert figures(summary) == ("Completed", 0, 0, 1, 3)  # stopped at the third row, and the first is undone
    assert rejected(mail(soap.simulator, summary["TaskResultID"]))[1:] == [["1", "a later row stopped the import"]]
    assert soap.rows(key, ["Key"]) == []


def test_the_other_settings_of_definitions(otherwise: Soap, key: str) -> None:
    soap = otherwise
    ready(soap, key, "Key\n1\n", MaxImportFrequency="1")
    twin = import_definition(f"{key}-2", key, f"{key}.csv").replace(f"<Name>{key}-2</Name>", f"<Name>{key}</Name>")
    soap.good("Create", twin)
    soap.run(key)
    reply = soap.perform(key)
    assert (reply.text("Results/Result/ErrorCode"), reply.text("OverallStatus")) == ("2", "Error")
    soap.good("Delete", named("DataExtension", key))
    soap.good("Delete", named("ImportDefinition", key))


def transfer(soap: Soap, key: str) -> Reply:
    return soap.call(
        "Perform",
        "<PerformRequestMsg><Action>start</Action><Definitions>"
        f'<Definition xsi:type="FileTransferActivity"><CustomerKey>{key}</CustomerKey></Definition>'
        "</Definitions></PerformRequestMsg>",
    )


def test_a_file_transfer_unpacks_into_the_safehouse_what_an_import_then_reads(otherwise: Soap, key: str) -> None:
    soap, people = otherwise, b"Key\nunzipped\n"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("../../folder/people.csv", people)
        archive.writestr("folder/", "")
    imports = soap.simulator.ftp_folder / "Import"
    safehouse = soap.simulator.data_dir / "safehouse" / soap.simulator.info["mid"]
    (imports / f"people-{clock.now():%Y}.zip").write_bytes(zipped.getvalue())
    (imports / "torn.zip").write_bytes(zipped.getvalue()[:-30])
    (imports / "people.csv.gz").write_bytes(gzip.compress(people))
    (imports / "plain.csv").write_bytes(people)
    for activity, laid in (("UNZIP", "people.csv"), ("Gunzip", "people.csv"), ("Move", "plain.csv")):
        reply = transfer(soap, activity)
        assert reply.text("OverallStatus") == "OK"
        assert reply.text("Results/Result/Task/ID").isdecimal()
        assert {path.name: path.read_bytes() for path in safehouse.iterdir()} == {laid: people}
        if activity == "UNZIP":
            ready(soap, key, "", FileSpec=laid)
            located = (
                "<RetrieveFileTransferLocation><CustomerKey>safehouse</CustomerKey></RetrieveFileTransferLocation>"
            )
            soap.good("Update", named("ImportDefinition", key).replace("</Objects", f"{located}</Objects"))
            assert figures(soap.run(key)) == ("Completed", 1, 0, 0, 1)
            assert soap.rows(key, ["Key"]) == [{"Key": "unzipped"}]
        (safehouse / laid).unlink()
    for fruitless in ("Absent", "Torn"):
        assert transfer(soap, fruitless).text("OverallStatus") == "OK"
    assert list(safehouse.iterdir()) == []
    assert transfer(soap, "unknown").text("Results/Result/ErrorCode") == "2"


def test_ordinals_from_zero(otherwise: Soap, key: str) -> None:
    maps = "<FieldMap><SourceOrdinal>{}</SourceOrdinal><DestinationName>Key</DestinationName></FieldMap>"
    changed = {"FieldMappingType": "MapByOrdinal", "HeaderLines": "0"}
    ready(otherwise, key, "1,x\n", f"<FieldMaps>{maps.format(0)}</FieldMaps>", **changed)
    assert figures(otherwise.run(key)) == ("Completed", 1, 0, 0, 1)
    assert otherwise.rows(key, ["Key"]) == [{"Key": "1"}]


def test_an_import_to_a_list_may_resubscribe_and_is_undone_when_it_stops(otherwise: Soap, key: str) -> None:
    soap = otherwise
    number = new_list(soap, key)
    soap.good("Create", subscriber(f"{key}-a", "a@b.example", place(number, status="Unsubscribed")))
    to_list(soap, key, number, f"Subscriber Key,Email Address,Status\n{key}-a,a@b.example,active\n")
    assert figures(soap.run(key)) == ("Completed", 1, 0, 0, 1)
    assert on_list(soap, number) == {f"{key}-a": "Active"}
    content = f"Subscriber Key,Email Address\n{key}-b,b@b.example\n{key}-c,nobody\n{key}-d,d@b.example\n"
    to_list(soap, f"{key}-2", number, content, AllowErrors="false")
    assert figures(soap.run(f"{key}-2")) == ("Completed", 0, 0, 1, 2)
    assert on_list(soap, number) == {f"{key}-a": "Active"}


@pytest.mark.parametrize("wrong", ["Feeds", "Feeds=", "=feeds", "Feeds=/etc", "Feeds=../other"])
def test_wrong_locations_are_explained(wrong: str) -> None:
    with pytest.raises(ValueError, match="below Import"):
        Behaviour.from_pairs([f"file_locations={wrong}"])
