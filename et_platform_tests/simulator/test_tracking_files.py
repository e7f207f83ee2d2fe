"""The content of tracking extracts, without a server."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.envelope import parse
from et_platform.simulator.extracts import request, tracking_files
from et_platform.simulator.store import Store
from et_platform.simulator.tracking import events
from et_platform_tests.simulator.extracting import tables, tracking

MID = "510000001"
ALL = ("ExtractSent", "ExtractOpens", "ExtractClicks", "ExtractBounces", "ExtractUnsubs")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a few events around 1 July 2024."""
    kept = Store(tmp_path_factory.mktemp("store") / "exacttarget.duckdb")
    for moment, link in (("06-30T23:59:59.999", "a"), ("07-01T00:00:00", "a"), ("07-01T10:00:00.250", "b")):
        act(kept, moment, {"click": ["one"], "open": ["one"]}, {"URL": link})
    act(kept, "07-02T00:00:00", {"click": ["end"]}, {"URL": "a"})
    act(kept, "07-01T11:00:00", {"sent": ["één, 日本"]}, {}, send_id=2)
    yield kept
    kept.close()


def act(kept: Store, moment: str, keys: dict[str, list[str]], details: dict[str, str], **more: Any) -> None:
    events.record(kept, events.Act(keys, datetime.fromisoformat(f"2024-{moment}"), details=details, **more))


def ordered(store: Store, behaviour: Behaviour, *types: str, **changed: str) -> dict[str, Any]:
    with store.connect() as connection:
        element = parse(ElementTree.tostring(ElementTree.fromstring(tracking("t.zip", *types, **changed))))
        return request.read(connection, element, MID, behaviour)


def written(store: Store, target: Path, behaviour: Behaviour, *types: str, **changed: str) -> bool:
    task = {"order": ordered(store, behaviour, *types, **changed), "requested": "2024-07-03T00:00:00"}
    with store.transaction() as connection:
        return tracking_files.write(connection, target, task, MID, behaviour, lambda: None)


def found(
    store: Store, tmp_path: Path, *types: str, settings: tuple[str, ...] = (), **changed: str
) -> dict[str, list[dict[str, str]]]:
    written(store, tmp_path / "t.zip", Behaviour.from_pairs(settings), *types, **changed)
    return tables(tmp_path / "t.zip")


def test_the_columns_are_the_documented_ones(store: Store, tmp_path: Path) -> None:
    rows = found(store, tmp_path, *ALL, IncludeUnsubReason="true", settings=("extract_inclusive_end=true",))
    listed = (
        "ClientID,SendID,SubscriberKey,EmailAddress,SubscriberID,ListID,EventDate,EventType,SendURLID,URLID,URL,Alias,"
        "BatchID,TriggeredSendExternalKey,IsUnique,IsUniqueForURL,IpAddress,Country,Region,City,Latitude,Longitude,"
        "MetroCode,AreaCode,Browser,EmailClient,OperatingSystem,Device"
    )
    clicks = listed.split(",")
    assert list(rows["Clicks.csv"][0]) == clicks
    opens = [name for name in clicks if name not in ("SendURLID", "URLID", "URL", "Alias", "IsUniqueForURL")]
    assert list(rows["Opens.csv"][0]) == opens
    assert list(rows["Sent.csv"][0]) == [*clicks[:8], "BatchID", "TriggeredSendExternalKey", "CampaignID"]
    assert list(tracking_files.COLUMNS["Bounces"]) == [
        *clicks[:8],
        *("BounceCategory", "SMTPCode", "BounceReason", "BatchID", "TriggeredSendExternalKey"),
    ]
    assert list(tracking_files.COLUMNS["Unsubs"]) == [
        *clicks[:8],
        *("BatchID", "TriggeredSendExternalKey", "UnsubReason"),
    ]


def test_the_window_is_half_open_and_its_end_a_setting(store: Store, tmp_path: Path) -> None:
    dates = [one["EventDate"] for one in found(store, tmp_path, "ExtractClicks")["Clicks.csv"]]
    assert dates == ["7/1/2024 12:00:00 AM", "7/1/2024 10:00:00 AM"]
    closed = found(store, tmp_path, "ExtractClicks", settings=("extract_inclusive_end=true",))
    assert [one["EventDate"] for one in closed["Clicks.csv"]] == [*dates, "7/2/2024 12:00:00 AM"]
    exact = found(store, tmp_path, "ExtractClicks", IncludeMilliseconds="True")["Clicks.csv"]
    assert [one["EventDate"] for one in exact] == ["7/1/2024 12:00:00.000 AM", "7/1/2024 10:00:00.250 AM"]


def test_what_is_unique_is_judged_over_all_events(store: Store, tmp_path: Path) -> None:
    rows = found(store, tmp_path, "ExtractClicks", "ExtractOpens")
    assert [(one["IsUnique"], one["IsUniqueForURL"]) for one in rows["Clicks.csv"]] == [
        ("False", "False"),
        ("False", "True"),
    ]
    assert rows["Clicks.csv"][0]["URLID"] != rows["Clicks.csv"][1]["URLID"]
    earlier = found(store, tmp_path, "ExtractOpens", StartDate="6/30/2024 12:00:00 AM", EndDate="7/1/2024 12:00:00 AM")
    assert [one["IsUnique"] for one in earlier["Opens.csv"]] == ["True"]
    assert found(store, tmp_path, "ExtractClicks", SendIDs="2") == {"Clicks.csv": []}


def test_empty_types(store: Store, tmp_path: Path) -> None:
    assert found(store, tmp_path, "ExtractSent", "ExtractBounces")["Bounces.csv"] == []
    omit = found(store, tmp_path, "ExtractSent", "ExtractBounces", settings=("extract_empty_files=omit",))
    assert list(omit) == ["Sent.csv"]
    assert found(store, tmp_path, "ExtractBounces", settings=("extract_empty_files=omit",)) == {}
    no_file = Behaviour.from_pairs(["extract_empty_files=no_file"])
    assert not written(store, tmp_path / "t.zip", no_file, "ExtractBounces")
    assert written(store, tmp_path / "t.zip", no_file, "ExtractBounces", "ExtractSent")


def test_how_texts_are_written(store: Store, tmp_path: Path) -> None:
    def key(encoding: str = "utf-8", settings: tuple[str, ...] = (), **changed: str) -> str:
        written(store, tmp_path / "t.zip", Behaviour.from_pairs(settings), "ExtractSent", **changed)
        dialect = {"delimiter": changed.get("ColumnDelimiter", ",").replace("tab", "\t")}
        row = tables(tmp_path / "t.zip", encoding, **dialect)["Sent.csv"][0]
        return next(text for text in row.values() if text and "n" in text and text != "Sent")

    assert key() == "één, 日本"
    assert key("utf-16", UnicodeOutput="True") == "één, 日本"
    assert key("shift-jis", CharacterEncoding="shift-jis", ColumnDelimiter="tab") == "??n, 日本"
    assert key("utf-16-le", settings=("extract_encoding=utf-16-le",)) == "één, 日本"
    assert key(QuoteText="False") == "één"  # the comma splits it, as nothing holds it together
    assert key(settings=("extract_quote=false",), ColumnDelimiter="|") == "één, 日本"
    assert key(settings=("extract_quoting=all", "extract_column_order=reversed")) == "één, 日本"


def test_reversed_columns_keep_their_values(store: Store, tmp_path: Path) -> None:
    plain = found(store, tmp_path, "ExtractClicks")["Clicks.csv"]
    reverse = found(store, tmp_path, "ExtractClicks", settings=("extract_column_order=reversed",))["Clicks.csv"]
    assert reverse == plain
    assert list(reverse[0]) == list(plain[0])[::-1]


def test_the_same_request_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    contents = []
    for name in ("a.zip", "b.zip"):
        written(store, tmp_path / name, Behaviour.from_pairs([]), *ALL)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]


def test_settings_let_more_requests_through(store: Store) -> None:
    def types(*settings: str, **changed: str) -> list[str]:
        return ordered(store, Behaviour.from_pairs(settings), "ExtractSent", **changed)["types"]

    assert types("extract_other_types=ignore", ExtractConversions="True", UseLocalTZinQuery="True") == ["Sent"]
    assert types("extract_unknown_parameters=ignore", extractOpens="True") == ["Sent"]
    assert types("extract_max_days=60", EndDate="8/1/2024 12:00:00 AM", AccountIDs=f" {MID},7") == ["Sent"]
    assert types(EndDate="7/31/2024 12:00:00 AM", AccountIDs="*", Format="CSV", Timezone="x") == ["Sent"]
    with pytest.raises(request.BadRequest, match="UseLocalTZinQuery"):
        types(UseLocalTZinQuery="True")
    zone = Behaviour.from_pairs([])
    named = ordered(store, zone, "ExtractSent", OutputFileName="t%%Year%%%%Month%%%%Day%%.zip")["file"]
    assert (len(named), named[:3]) == (len("t20240702.zip"), "t20")
