"""Faults of extracts: what becomes of the file that was asked for."""

import time
import zipfile

import pytest
import requests

from et_platform_tests.simulator.extracting import arrived, extract, of_data_extension, tables, tracking, until
from et_platform_tests.simulator.soap import PERSON, data_extension, row


@pytest.fixture
def export(simulator):
    return simulator.ftp_folder / "Export"


def act(simulator, *people, hour=1):
    body = {"events": {"sent": list(people)}, "at": f"2024-07-01T{hour:02d}:00:00", "send_id": 77}
    mine = (simulator.info["client_id"], simulator.info["client_secret"])
    reply = requests.post(f"{simulator.info['rest_url']}sim/act", json=body, auth=mine, timeout=60)
    assert reply.status_code == 200


def ask(soap, name, **more):
    assert extract(soap, tracking(name, "ExtractSent", SendIDs="77", **more)).text("OverallStatus") == "OK"


def keys(path):
    return [one["SubscriberKey"] for one in tables(path)["Sent.csv"]]


def test_a_file_comes_twice_later_or_under_another_name(faults, soap, simulator, export, key):
    with faults.striking("twice", file=f"{key}.zip", seconds=0.1, rename="{stem}_again.zip"):
        ask(soap, f"{key}.zip")
        first = arrived(simulator, f"{key}.zip").read_bytes()
        assert arrived(simulator, f"{key}_again.zip").read_bytes() == first
    with faults.striking("twice", file=f"{key}_b.zip", seconds=1.1):
        ask(soap, f"{key}_b.zip")
        before = arrived(simulator, f"{key}_b.zip").stat()
        until(lambda: (export / f"{key}_b.zip").stat().st_mtime_ns > before.st_mtime_ns + 1_000_000_000)
        assert (export / f"{key}_b.zip").stat().st_size == before.st_size


def test_a_file_grows_under_its_own_name_when_released(faults, soap, simulator, export, key):
    act(simulator, *(f"{key}-{n}" for n in range(50)))
    ask(soap, f"{key}_whole.zip")
    whole = arrived(simulator, f"{key}_whole.zip").stat().st_size
    with faults.striking("pieces", pieces=3, file=f"{key}.zip") as name:
        ask(soap, f"{key}.zip")
        path = arrived(simulator, f"{key}.zip")
        for part in (1, 2):
            until(lambda: faults.shown(name)["waiting"])
            assert path.stat().st_size == whole * part // 3
            assert not zipfile.is_zipfile(path)
            faults.release(name)
            until(lambda part=part: path.stat().st_size > whole * part // 3)
        until(lambda: path.stat().st_size == whole)
    assert f"{key}-0" in keys(path)


@pytest.mark.parametrize("how", ["torn", "crc", "garbage"])
def test_a_file_is_damaged(faults, soap, simulator, key, how):
    act(simulator, *(f"{key}-{n}" for n in range(50)))
    with faults.striking("corrupt", how=how, file=f"{key}.zip"):
        ask(soap, f"{key}.zip")
        path = arrived(simulator, f"{key}.zip")
    if how == "crc":
        with zipfile.ZipFile(path) as archive, pytest.raises(zipfile.BadZipFile, match="CRC"):
            archive.read("Sent.csv")
    else:
        assert not zipfile.is_zipfile(path)


def test_a_file_is_empty_renamed_or_never_comes(faults, soap, simulator, export, key):
    with faults.striking("empty_file", file=f"{key}_empty.zip"):
        ask(soap, f"{key}_empty.zip")
        assert arrived(simulator, f"{key}_empty.zip").stat().st_size == 0
    with faults.striking("renamed", file=f"{key}_r.zip", rename="{name}.bak"):
        ask(soap, f"{key}_r.zip")
        assert zipfile.is_zipfile(arrived(simulator, f"{key}_r.zip.bak"))
    with faults.striking("never", file=f"{key}_n.zip"):
        ask(soap, f"{key}_n.zip")
        until(lambda: faults.strikes())
        ask(soap, f"{key}_n.zip")  # one at a time for each name, so this one comes after it
        assert zipfile.is_zipfile(arrived(simulator, f"{key}_n.zip"))
    assert not (export / f"{key}_r.zip").exists()


def test_an_extract_is_late_or_waits_to_be_released(faults, soap, simulator, export, key):
    with faults.striking("stall", at="extract", file=f"{key}.zip") as name:
        ask(soap, f"{key}.zip")
        until(lambda: faults.shown(name)["waiting"])
        assert not (export / f"{key}.zip").exists()
        faults.release(name)
        arrived(simulator, f"{key}.zip")
    began = time.monotonic()
    with faults.striking("stall", at="extract", seconds=0.4):
        ask(soap, f"{key}_late.zip")
        arrived(simulator, f"{key}_late.zip")
    assert time.monotonic() - began >= 0.4


def test_late_events_come_when_the_window_is_asked_for_again(faults, soap, simulator, key):
    act(simulator, f"{key}-a", hour=2)
    act(simulator, f"{key}-b", f"{key}-c", hour=3)
    with faults.striking("late_events", events=2, file=f"{key}.zip"):
        ask(soap, f"{key}.zip")
        first = keys(arrived(simulator, f"{key}.zip"))
    assert f"{key}-a" in first
    assert not {f"{key}-b", f"{key}-c"} & set(first)
    ask(soap, f"{key}_again.zip")
    assert keys(arrived(simulator, f"{key}_again.zip")) == [*first, f"{key}-b", f"{key}-c"]


def test_late_events_come_with_another_window(faults, soap, simulator, key):
    act(simulator, f"{key}-z", hour=23)
    other = {"StartDate": "7/5/2024 12:00:00 AM", "EndDate": "7/6/2024 12:00:00 AM"}
    with faults.striking("late_events", elsewhere=True, file=f"{key}.zip"):
        ask(soap, f"{key}.zip")
        assert f"{key}-z" not in keys(arrived(simulator, f"{key}.zip"))
    ask(soap, f"{key}_other.zip", **other)
    assert keys(arrived(simulator, f"{key}_other.zip")) == [f"{key}-z"]
    ask(soap, f"{key}_third.zip", **other)
    assert keys(arrived(simulator, f"{key}_third.zip")) == []


def test_a_data_extensions_file_is_told_by_its_key(faults, soap, simulator, key):
    soap.good("Create", data_extension(key, *PERSON))
    soap.good("Create", row(key, {"Key": "a"}))
    with faults.striking("empty_file", key=key, operation="data_extension") as name:
        assert extract(soap, of_data_extension(key, f"{key}.csv")).text("OverallStatus") == "OK"
        assert arrived(simulator, f"{key}.csv").read_bytes() == b""
        assert faults.strikes(name)[0]["keys"] == [key]
    with faults.striking("throttle", file=f"{key}.csv", operation="Extract"):
        assert extract(soap, of_data_extension(key, f"{key}.csv")).status == 500
