"""`etp sim act`, and what it changes."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from et_platform.simulator.cli import sim
from et_platform_tests.simulated import Simulator
from et_platform_tests.simulator.extracting import arrived, extract, tables, tracking
from et_platform_tests.simulator.soap import PERSON, Soap, data_extension, row

SENDABLE = (
    "<IsSendable>true</IsSendable><SendableDataExtensionField><Name>Key</Name></SendableDataExtensionField>"
    "<SendableSubscriberField><Name>Subscriber Key</Name></SendableSubscriberField>"
)


def run(*args: str) -> Result:
    return CliRunner().invoke(sim, ["act", *args])


def good(simulator: Simulator, *args: str) -> dict[str, Any]:
    result = run("--data", str(simulator.data_dir), *args)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_keys_follow_an_option_and_options_may_be_repeated(simulator: Simulator) -> None:
    said = good(simulator, "--open", "a", "b", "--click", "a", "--open", "-c", "--at", "2020-01-01T00:00:00Z")
    assert said == {
        "events": {"open": 3, "click": 1},
        "at": "2019-12-31T18:00:00",
        "send_id": 1001,
        "new_subscribers": ["a", "b", "-c"],
    }
    assert good(simulator, "--open=A ", "B")["new_subscribers"] == []  # keys compare without case and blanks


def test_everything_that_can_be_told_arrives_in_the_files(simulator: Simulator, soap: Soap) -> None:
    told = ("--send-id", "7", "--batch-id", "8", "--list-id", "9", "--triggered-send", "welcome")
    link = ("--link", "https://x.example/?a=1,2", "--alias", "offer")
    bounce = ("--bounce-category", "Soft bounce", "--smtp-code", "452", "--bounce-reason", "mailbox\nfull")
    both = ("--click", "told", "--bounce", "told", "--unsubscribe", "told", "--unsub-reason", "too many")
    good(simulator, *both, *told, *link, *bounce, "--at", "2024-07-01T01:02:03.456")
    types = ("ExtractClicks", "ExtractBounces", "ExtractUnsubs", "ExtractSubscribers")
    extract(soap, tracking("told.zip", *types, IncludeUnsubReason="True", SendIDs="7, 8"))
    found = tables(arrived(simulator, "told.zip"))
    for name in ("Clicks.csv", "Bounces.csv", "Unsubs.csv"):
        one = found[name][0]
        assert (one["SendID"], one["BatchID"], one["ListID"]) == ("7", "8", "9")
        assert (one["TriggeredSendExternalKey"], one["EventDate"]) == ("welcome", "7/1/2024 1:02:03 AM")
    assert (found["Clicks.csv"][0]["URL"], found["Clicks.csv"][0]["Alias"]) == ("https://x.example/?a=1,2", "offer")
    bounced = found["Bounces.csv"][0]
    assert (bounced["EventType"], bounced["BounceCategory"], bounced["SMTPCode"]) == ("Bounce", "Soft bounce", "452")
    assert bounced["BounceReason"] == "mailbox\nfull"
    assert found["Unsubs.csv"][0]["UnsubReason"] == "too many"
    subscriber = next(one for one in found["Subscribers.csv"] if one["SubscriberKey"] == "told")
    assert (subscriber["Status"], subscriber["DateUnsubscribed"]) == ("Unsubscribed", "7/1/2024 1:02:03 AM")


def test_address_and_spelling_come_from_a_sendable_data_extension(simulator: Simulator, soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON, more=SENDABLE))
    soap.good("Create", row(key, {"Key": "Known-1", "Email": "ann@b.example"}))
    said = good(simulator, "--bounce", "KNOWN-1 ", "--sent", "known-1", "me@c.example", "--at", "2024-07-01")
    assert said["new_subscribers"] == ["Known-1", "me@c.example"]
    extract(soap, tracking(f"{key}.zip", "ExtractSent", "ExtractSubscribers"))
    found = tables(arrived(simulator, f"{key}.zip"))
    sent = [(one["SubscriberKey"], one["EmailAddress"]) for one in found["Sent.csv"]]
    assert sent[-2:] == [("Known-1", "ann@b.example"), ("me@c.example", "me@c.example")]
    status = {one["SubscriberKey"]: one["Status"] for one in found["Subscribers.csv"]}
    assert (status["Known-1"], status["me@c.example"]) == ("Bounced", "Active")


def test_it_is_found_by_address_too(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    info = simulator.info
    monkeypatch.delenv("ET_CLIENT_ID", raising=False)
    url = ("--url", info["rest_url"], "--open", "by-url")
    login = ("--client-id", info["client_id"], "--client-secret", info["client_secret"])
    assert json.loads(run(*url, *login).output)["events"] == {"open": 1}
    assert "needs --client-id" in run(*url).output
    wrong = run(*url, "--client-id", "x", "--client-secret", "y")
    assert (wrong.exit_code, "client id or secret" in wrong.output) == (1, True)


@pytest.mark.parametrize(
    ("args", "part"),
    [
        ((), "at least one of"),
        (("--at", "2024-07-01"), "at least one of"),
        (("--open", "a", "--at", "yesterday"), "ISO 8601"),
        (("--open", " "), "empty"),
        (("--open", "a", "--send-id", "0"), "send-id"),
        (("stray", "--open", "a"), "stray"),
    ],
)
def test_mistakes_are_explained(simulator: Simulator, args: tuple[str, ...], part: str) -> None:
    result = run("--data", str(simulator.data_dir), *args)
    assert result.exit_code != 0
    assert part in result.output


def test_no_simulator_is_explained(tmp_path: Path) -> None:
    assert "no simulator has run" in run("--data", str(tmp_path / "none"), "--open", "a").output
    assert not (tmp_path / "none").exists()
    account = {"client_id": "a", "client_secret": "b", "mid": "1", "sftp_password": "c", "token_key": "d"}
    (tmp_path / "account.json").write_text(json.dumps(account | {"http_port": 1}))
    assert "is it running" in run("--data", str(tmp_path), "--open", "a").output
    assert "--data DIR or --url" in run("--open", "a").output


def test_only_who_has_the_secret_may_act(simulator: Simulator) -> None:
    url = simulator.info["rest_url"] + "sim/act"
    body = {"events": {"open": ["a"]}}
    assert stat.S_IMODE((simulator.data_dir / "account.json").stat().st_mode) == 0o600
    assert requests.post(url, json=body, timeout=60).status_code == 401
    assert requests.post(url, json=body, auth=(simulator.info["client_id"], "x"), timeout=60).status_code == 401
    assert requests.get(url, timeout=60).status_code == 405
    mine = (simulator.info["client_id"], simulator.info["client_secret"])
    for wrong in ({"events": {"sneeze": ["a"]}}, {"events": {}}, body | {"details": {"Mood": "x"}}, {}):
        reply = requests.post(url, json=wrong, auth=mine, timeout=60)
        assert (reply.status_code, bool(reply.json()["error"])) == (400, True)


def test_twenty_thousand_act_at_once(simulator: Simulator, soap: Soap) -> None:
    keys = [f"many-{number}" for number in range(20_000)]
    mine = (simulator.info["client_id"], simulator.info["client_secret"])
    body = {"events": {"sent": keys, "open": keys}, "at": "2024-07-01T20:00:00", "send_id": 20_000}
    reply = requests.post(simulator.info["rest_url"] + "sim/act", json=body, auth=mine, timeout=60)
    assert len(reply.json()["new_subscribers"]) == 20_000
    extract(soap, tracking("many.zip", "ExtractSent", "ExtractOpens", SendIDs="20000"))
    found = tables(arrived(simulator, "many.zip"))
    assert [one["SubscriberKey"] for one in found["Sent.csv"]] == keys
    assert len(found["Opens.csv"]) == 20_000
