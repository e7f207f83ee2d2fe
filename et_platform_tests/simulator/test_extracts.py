"""Extract over SOAP, and the files that arrive."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import lxml.etree as etree
import pytest
import requests
import zeep

from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.extracting import (
    DATA_EXTENSION,
    JULY,
    NO_DATES,
    TRACKING,
    arrived,
    extract,
    of_data_extension,
    request,
    tables,
    tracking,
    until,
)
from et_platform_tests.simulator.soap import (
    PERSON,
    PERSON_FIELDS,
    Soap,
    a_field,
    data_extension,
    equals,
    local,
    named,
    row,
)

ALL = ("ExtractSent", "ExtractOpens", "ExtractClicks", "ExtractBounces", "ExtractUnsubs")


def act(
    simulator: Simulator, at: str = "2024-07-01T12:00:00", told: dict[str, int] | None = None, **events: list[str]
) -> None:
    info = simulator.info
    reply = requests.post(
        info["rest_url"] + "sim/act",
        json={"events": events, "at": at} | (told or {}),
        auth=(info["client_id"], info["client_secret"]),
        timeout=60,
    )
    assert reply.status_code == 200, reply.text


def test_a_good_request_answers_nothing_but_an_empty_result(soap: Soap, key: str) -> None:
    reply = extract(soap, tracking(f"{key}.zip", *ALL))
    assert reply.header.findtext("{*}Action") == "ExtractResponse"
    assert [local(one) for one in reply.message] == ["OverallStatus", "RequestID", "Results"]
    assert reply.text("OverallStatus") == "OK"
    assert (len(reply.message[2]), reply.message[2].text, dict(reply.message[2].attrib)) == (0, None, {})
    arrived(soap.simulator, f"{key}.zip")


def test_zeep_takes_the_reply_and_the_descriptions(simulator: Simulator, soap: Soap, key: str) -> None:
    soap.token or soap.login()
    client = zeep.Client(simulator.info["wsdl_url"])
    header = etree.Element("{http://exacttarget.com}fueloauth")
    header.text = soap.token
    asked = {"ID": TRACKING, "Options": {}, "Parameters": {"Parameter": [{"Name": "_AsyncID", "Value": "0"}]}}
    for name, value in (JULY | {"OutputFileName": f"{key}.zip", "ExtractSent": "True"}).items():
        asked["Parameters"]["Parameter"].append({"Name": name, "Value": value})
    reply = client.service.Extract(Requests=[asked], _soapheaders=[header])
    assert (reply.OverallStatus, reply.Results) == ("OK", [None])
    wanted = {"ObjectType": "ExtractDescription", "Properties": ["ObjectID", "Name"]}
    found = client.service.Retrieve(RetrieveRequest=wanted, _soapheaders=[header]).Results
    assert {one.Name: one.ObjectID for one in found}["Tracking Extract"] == TRACKING


def test_the_descriptions_are_the_recorded_ones(soap: Soap) -> None:
    reply = soap.retrieve("ExtractDescription", ["ObjectID", "Name"])
    known = dict(zip(reply.texts("Results/ObjectID"), reply.texts("Results/Name"), strict=True))
    assert len(known) == 12
    assert (known[TRACKING], known[DATA_EXTENSION]) == ("Tracking Extract", "Data Extension Extract")
    one = soap.retrieve("ExtractDescription", ["ObjectID"], equals("Name", "Data Extension Extract"))
    assert one.texts("Results/ObjectID") == [DATA_EXTENSION]


def test_the_files_of_a_tracking_extract(simulator: Simulator, soap: Soap) -> None:
    act(simulator, sent=["t-1", "t-2"], open=["t-1"], click=["t-1"], bounce=["t-2"], unsubscribe=["t-1"])
    extract(soap, tracking("all.zip", *ALL))
    found = tables(arrived(simulator, "all.zip"))
    assert list(found) == ["Sent.csv", "Opens.csv", "Clicks.csv", "Bounces.csv", "Unsubs.csv"]
    ours = {name: [one for one in rows if one["SubscriberKey"].startswith("t-")] for name, rows in found.items()}
    assert [one["SubscriberKey"] for one in ours["Sent.csv"]] == ["t-1", "t-2"]
    unsub = ours["Unsubs.csv"][0]
    assert unsub == {
        "ClientID": simulator.info["mid"],
        "SendID": "1001",
        "SubscriberKey": "t-1",
        "EmailAddress": "",
        "SubscriberID": ours["Sent.csv"][0]["SubscriberID"],
        "ListID": "1",
        "EventDate": "7/1/2024 12:00:00 PM",
        "EventType": "Unsubscribe",
        "BatchID": "1",
        "TriggeredSendExternalKey": "",
    }
    assert [len(rows) for rows in ours.values()] == [2, 1, 1, 1, 1]


def test_only_chosen_types_come_and_one_without_events_has_headings_only(soap: Soap) -> None:
    extract(soap, tracking("few.zip", "ExtractUnsubs", ExtractSent="False", EndDate="7/1/2024 12:00:01 AM"))
    with zipfile.ZipFile(arrived(soap.simulator, "few.zip")) as archive:
        assert archive.namelist() == ["Unsubs.csv"]
        assert archive.read("Unsubs.csv").startswith(b"ClientID,SendID,SubscriberKey,")
        assert archive.read("Unsubs.csv").count(b"\r\n") == 1


def test_rows_of_a_data_extension(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    rows = [
        {"Key": "日本", "Name": 'a "b", c\nd', "Born": "2024-01-02T03:04:05", "Happy": "yes", "Worth": "1.5"},
        {"Key": "2", "Tier": ""},
    ]
    soap.good("Create", *(row(key, dict(one)) for one in rows))
    reply = extract(soap, of_data_extension(key.upper(), f"{key}.csv"))
    assert reply.text("OverallStatus") == "OK"
    with arrived(soap.simulator, f"{key}.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.reader(file))
    assert found[0] == PERSON_FIELDS
    assert found[1] == ["日本", 'a "b", c\nd', "", "", "1.50", "1/2/2024 3:04:05 AM", "True", "basic"]
    assert found[2] == ["2", "", "", "", "", "", "", ""]


def test_delimiters_and_encoding_of_a_data_extension(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, a_field("Key", MaxLength=50, key=True), a_field("Note", MaxLength=50)))
    soap.good("Create", row(key, {"Key": "é", "Note": 'x|"y"'}))
    form = {"ColumnDelimiter": "|", "HasColumnHeaders": "False", "UsesLineFeed": "True"}
    extract(
        soap,
        of_data_extension(key, f"{key}-1", **form, TextQualified="False", CharacterEncoding="windows-1252"),
        of_data_extension(key, f"{key}-2", **form, UnicodeOutput="True", TextQualifier="'"),
    )
    export = soap.simulator.ftp_folder / "Export"
    until(lambda: (export / f"{key}-1").exists() and (export / f"{key}-2").exists())
    assert (export / f"{key}-1").read_bytes() == 'é|x|"y"\n'.encode("windows-1252")
    content = (export / f"{key}-2").read_bytes()
    assert content.startswith((b"\xff\xfe", b"\xfe\xff"))
    assert content.decode("utf-16") == "é|'x|\"y\"'\n"


BAD = {
    "a name that is no zip": (tracking("a.csv", *ALL), ".zip"),
    "a path": (tracking("../a.zip", *ALL), "OutputFileName"),
    "no type": (tracking("a.zip"), "type"),
    "a misspelt parameter": (tracking("a.zip", *ALL, ExtractListMembershipChanges="True"), "case-sensitive"),
    "a type that is not simulated": (tracking("a.zip", "ExtractConversions"), "ExtractConversions"),
    "a date of another form": (tracking("a.zip", *ALL, StartDate="2024-07-01"), "StartDate"),
    "an end before the start": (tracking("a.zip", *ALL, EndDate="6/1/2024 12:00:00 AM"), "EndDate"),
    "more than 30 days": (tracking("a.zip", *ALL, EndDate="7/31/2024 12:00:01 AM"), "30 days"),
    "no end": (tracking("a.zip", *ALL, EndDate=""), "EndDate is required"),
    "another account": (tracking("a.zip", *ALL, AccountIDs="1,2"), "1, 2"),
    "an unknown encoding": (tracking("a.zip", *ALL, CharacterEncoding="zip"), "CharacterEncoding"),
    "a Boolean that is none": (tracking("a.zip", *ALL, QuoteText="perhaps"), "QuoteText"),
    "another format": (tracking("a.zip", *ALL, Format="xml"), "Format"),
    "an unknown extract": (request("8c0b3a4e-0000-4000-8000-000000000000", JULY), "does not exist"),
    "an extract that is not simulated": (request("9a487c7d-96bd-484c-ad80-0f0bcbb91ca7", JULY), "Zip"),
    "an unknown data extension": (of_data_extension("nobody", "a.csv"), "nobody"),
    "a data extension with real dates": (of_data_extension("nobody", "a.csv", **JULY), "1/1/1900 1:00:00 AM"),
    "no _AsyncID": (of_data_extension("nobody", "a.csv", _AsyncID=""), "_AsyncID is required"),
    "no key": (request(DATA_EXTENSION, NO_DATES | {"OutputFileName": "a.csv"}), "DECustomerKey is required"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_requests_are_refused_with_a_reason(soap: Soap, case: str) -> None:
    asked, part = BAD[case]
    reply = extract(soap, asked)
    assert (reply.status, reply.text("OverallStatus"), reply.text("Results/StatusCode")) == (200, "Error", "Error")
    assert part in reply.text("Results/StatusMessage")
    assert [local(one) for one in reply.results[0]] == ["StatusCode", "StatusMessage", "OrdinalID", "ErrorCode"]


def test_of_two_requests_the_good_one_is_done(soap: Soap, key: str) -> None:
    reply = extract(soap, tracking("a.csv", *ALL), tracking(f"{key}.zip", *ALL, AccountIDs="*"))
    assert reply.text("OverallStatus") == "Has Errors"
    assert [len(one) for one in reply.results] == [4, 0]
    arrived(soap.simulator, f"{key}.zip")


def test_a_request_without_requests_is_a_fault(soap: Soap) -> None:
    assert extract(soap).status == 500


def parts(simulator: Simulator) -> list[Path]:
    return list((simulator.ftp_folder / "Export").glob(".*.part"))


def test_a_file_is_renamed_into_place_also_after_a_kill(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--set", "extract_write_seconds=600") as simulator:
        soap, final = Soap(simulator), simulator.ftp_folder / "Export" / "t.zip"
        act(simulator, sent=["a"])
        extract(soap, tracking("t.zip", "ExtractSent"))
        until(lambda: any(path.stat().st_size for path in parts(simulator)))
        assert not final.exists()
        simulator.kill()
        simulator.start("--set", "extract_write_seconds=0")
        assert [one["SubscriberKey"] for one in tables(arrived(simulator, "t.zip"))["Sent.csv"]] == ["a"]
        until(lambda: not parts(simulator))
        assert [path.name for path in final.parent.iterdir()] == ["t.zip"]
        final.unlink()
        simulator.restart()
        extract(soap, tracking("u.zip", "ExtractSent"))
        arrived(simulator, "u.zip")
        assert not final.exists()  # what is done is not done again


def test_a_half_written_file_grows_and_is_whole_after_a_restart(tmp_path: Path) -> None:
    settings = ("extract_half_written=true", "extract_write_seconds=60", "extract_write_chunks=6000")
    args = [word for setting in settings for word in ("--set", setting)]
    with running_simulator(tmp_path / "data", *args) as simulator:
        act(simulator, sent=[f"k{number}" for number in range(100)])
        extract(Soap(simulator), tracking("t.zip", "ExtractSent"))
        path, sizes = arrived(simulator, "t.zip"), set()
        until(lambda: len(sizes.add(path.stat().st_size) or sizes) > 3)
        assert not zipfile.is_zipfile(path)
        assert not parts(simulator)
        assert simulator.stop() == 0  # does not wait for the file
        assert not zipfile.is_zipfile(path)
        simulator.start("--set", "extract_half_written=true")
        until(lambda: zipfile.is_zipfile(path))
        assert len(tables(path)["Sent.csv"]) == 100


def test_a_delayed_extract_runs_at_the_next_start_with_what_is_there_then(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--set", "extract_delay_seconds=600") as simulator:
        soap = Soap(simulator)
        soap.good("Create", data_extension("gone", *PERSON))
        assert extract(soap, of_data_extension("gone", "gone.csv")).text("OverallStatus") == "OK"
        extract(soap, tracking("t.zip", "ExtractOpens"))
        act(simulator, open=["late"])
        soap.good("Delete", named("DataExtension", "gone"))
        assert list((simulator.ftp_folder / "Export").iterdir()) == []
        simulator.kill()
        simulator.start("--set", "extract_bad_requests=silent")
        assert [one["SubscriberKey"] for one in tables(arrived(simulator, "t.zip"))["Opens.csv"]] == ["late"]
        silent = extract(soap, of_data_extension("gone", "never.csv"))
        assert (silent.text("OverallStatus"), len(silent.results[0])) == ("OK", 0)
        extract(soap, tracking("last.zip", "ExtractOpens"))
        arrived(simulator, "last.zip")
        assert sorted(path.name for path in (simulator.ftp_folder / "Export").iterdir()) == ["last.zip", "t.zip"]
