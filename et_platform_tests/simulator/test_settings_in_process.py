"""Settings whose effect needs no server: encodings, names of files, locks, nights, memory, events that come late."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from et_platform.simulator import clock, retrieval
from et_platform.simulator.account import BusinessUnit
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.ftp_login import Door, Login
from et_platform.simulator.imports import files, plan
from et_platform.simulator.nightly import Nights
from et_platform.simulator.objects import tracking_event
from et_platform.simulator.store import Store
from et_platform.simulator.tracking import events
from et_platform_tests.simulator.test_source import definition

EVENING = datetime(2026, 1, 31, 20)  # noqa: DTZ001 - naive server time, as everywhere


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Let it be that moment."""
    monkeypatch.setattr(clock, "now", lambda: moment)


def test_how_a_file_is_read_whose_definition_does_not_say() -> None:
    read = plan.read(definition(), Behaviour(default_encoding="latin-1", default_header_lines=0))
    assert (read.encoding, read.header_lines) == ("latin-1", 0)
    told = definition(EncodingCodePage="65001", HeaderLines="2")
    read = plan.read(told, Behaviour(default_encoding="latin-1", default_header_lines=0))
    assert (read.encoding, read.header_lines) == ("utf-8-sig", 2)


def test_the_zone_of_file_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, EVENING)
    read = plan.read(definition(FileSpec="f-%%Month%%-%%Day%%.csv"), Behaviour())
    for zone, name in (("server", "f-01-31.csv"), ("utc", "f-02-01.csv")):
        behaviour = Behaviour.model_validate({"file_name_zone": zone})
        where = files.places(tmp_path, "1", behaviour)
        folder = next(iter(where.locations.values()))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("Key\n1\n")
        assert files.find(where, read, behaviour, 0).name == name


@pytest.mark.parametrize("minutes", [10, 60])
def test_how_long_a_user_is_locked_out(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    at(monkeypatch, EVENING)
    unit = BusinessUnit(mid="1", name="One", sftp_password="right")
    login = Login(Door([unit], Behaviour(sftp_lock_minutes=minutes, sftp_bad_passwords=1)))
    login.begin_auth("1")
    assert not login.validate_password("1", "wrong")
    at(monkeypatch, EVENING + timedelta(minutes=minutes - 1))
    assert not login.validate_password("1", "right")
    at(monkeypatch, EVENING + timedelta(minutes=minutes))
    assert login.validate_password("1", "right")


def test_at_which_hour_and_age_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "old.csv").write_text("Key\n")
    monkeypatch.setattr(clock, "at", lambda stamp: EVENING)  # when the file came
    store = Store(tmp_path / "store.duckdb")
    nights = Nights(store, Behaviour(sftp_keep_days=3, retention_hour=5), site)

    def left(days: int, hour: int) -> list[str]:
        at(monkeypatch, EVENING.replace(hour=hour) + timedelta(days))
        nights.catch_up()
        return [one.name for one in site.iterdir()]

    assert left(1, 6) == ["old.csv"]
    assert left(3, 6) == ["old.csv"]
    assert left(4, 4) == ["old.csv"]  # old enough, but it is not five yet
    assert left(4, 5) == []
    store.close()


def test_the_memory(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.duckdb", memory_mib=Behaviour(memory_mib=512).memory_mib)
    with store.connect() as connection:
        assert connection.execute("SELECT current_setting('memory_limit')").fetchone() == ("512.0 MiB",)
    store.close()


def test_events_show_late_and_none_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store.duckdb")
    behaviour = Behaviour(event_delay_seconds=300)
    service: Any = SimpleNamespace(store=store, behaviour=behaviour, account=SimpleNamespace(mid="1"))

    def clicks(minutes: int, *, since_last_batch: bool = False) -> list[str]:
        at(monkeypatch, EVENING + timedelta(minutes=minutes))
        query = retrieval.Query("ClickEvent", ("SubscriberKey",), None, 100, since_last_batch=since_last_batch)
        results = "".join(tracking_event.CLICK.retrieve(service, query).results)
        return [key for key in ("first", "earlier") if f"<SubscriberKey>{key}<" in results]

    at(monkeypatch, EVENING)
    events.record(store, events.Act({"click": ["first"]}, EVENING))
    events.record(store, events.Act({"click": ["earlier"]}, EVENING - timedelta(hours=1)))
    assert clicks(4) == ["earlier"]
    assert clicks(5) == ["first", "earlier"]
    assert clicks(4, since_last_batch=True) == ["earlier"]
    assert "first" in clicks(5, since_last_batch=True)
    assert clicks(6, since_last_batch=True) == []
    store.close()
