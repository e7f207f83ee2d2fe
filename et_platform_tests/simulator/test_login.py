"""Who may call: packages, scopes, tokens, users; and the faults of those who may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from et_platform.simulator.cli import sim
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.extracting import extract, tracking
from et_platform_tests.simulator.soap import API, KEY_FIELD, Reply, Soap, data_extension, import_definition, row
from et_platform_tests.simulator.test_http import STATUS, fault

GERMANY = "2000001"
SETTINGS = f"""
business_units: [{{mid: {GERMANY}, name: Germany}}]
packages:
  - {{client_id: reader, client_secret: r, scopes: data_extensions_read tracking_events_read, business_units: [{GERMANY}]}}
  - {{client_id: old, client_secret: o, legacy: true}}
users:
  - {{username: api user, password: "pass & <word>", business_unit: {GERMANY}}}
  - {{username: no api, password: p, business_unit: {GERMANY}, api_access: false}}
behaviour: {{summary_delay_seconds: 0}}
"""
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder = tmp_path_factory.mktemp("sim")
    (folder / "settings.yaml").write_text(SETTINGS)
    with running_simulator(folder / "data", "--mid", "1000001", "--settings", str(folder / "settings.yaml")) as running:
        yield running


def reader(simulator: Simulator, **more: Any) -> Soap:
    soap = Soap(simulator)
    assert soap.login(client_id="reader", client_secret="r", **more).status_code == 200
    return soap


def legacy(simulator: Simulator, client_id: str, client_secret: str, query: str = "?legacy=1") -> requests.Response:
    body = {"clientId": client_id, "clientSecret": client_secret, "accessType": "offline"}
    return requests.post(f"{simulator.info['auth_url']}v1/requestToken{query}", json=body, timeout=30)


def with_header(soap: Soap, header: str, body: str = STATUS, action: str = "GetSystemStatus") -> Reply:
    return soap.post(
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{API}">'
        f"<s:Body>{body}</s:Body><s:Header>{header}</s:Header></s:Envelope>",
        action,
    )


def username_token(name: str, password: str) -> str:
    return (
        f'<wsse:Security xmlns:wsse="{WSSE}" s:mustUnderstand="1"><wsse:UsernameToken><wsse:Username>{name}'
        f"</wsse:Username><wsse:Password>{password}</wsse:Password></wsse:UsernameToken></wsse:Security>"
    )


def test_a_token_has_the_scopes_and_the_unit_of_its_package(simulator: Simulator) -> None:
    soap = Soap(simulator)
    everything = soap.login().json()["scope"].split()
    assert {"data_extensions_write", "list_and_subscribers_read", "offline"} <= set(everything)
    assert soap.login(client_id="reader", client_secret="r").json()["scope"] == (
        "data_extensions_read tracking_events_read"
    )
    only = soap.login(client_id="reader", client_secret="r", scope="data_extensions_read", account_id=int(GERMANY))
    assert only.json()["scope"] == "data_extensions_read"
    for changed, error in (
        ({"scope": "data_extensions_write"}, "invalid_scope"),
        ({"account_id": 1000001}, "invalid_request"),
    ):
        refused = soap.login(client_id="reader", client_secret="r", **changed)
        assert (refused.status_code, refused.json()["error"]) == (400, error)
    refused = soap.login(client_id="reader", client_secret="wrong")
    assert refused.json()["error_description"].startswith("Client authentication failed. Make sure")


def test_what_a_scope_does_not_allow_fails_as_recorded(simulator: Simulator, key: str) -> None:
    writer = Soap(simulator)
    writer.login(account_id=GERMANY)
    writer.good("Create", data_extension(key, KEY_FIELD), import_definition(key, key, "none.csv"))
    soap = reader(simulator)
    assert soap.rows(key, ["Key"]) == []
    written = soap.write("Create", row(key, {"Key": "1"}), row(key, {"Key": "2"}))
    assert written.text("OverallStatus") == "Error"
    assert written.texts("Results/StatusMessage") == ["API Permission Failed."] * 2
    assert soap.perform(key).text("OverallStatus") == "Error"
    assert soap.rows(key, ["Key"]) == []
    refused = soap.retrieve("Subscriber", ["SubscriberKey"])
    assert (refused.status, refused.text("OverallStatus")) == (200, "Error: API Permission Failed.")
    unsubscribe = "<ExecuteRequestMsg><Requests><Name>LogUnsubEvent</Name></Requests></ExecuteRequestMsg>"
    assert soap.call("Execute", unsubscribe).text("Results/StatusMessage") == "API Permission Failed."
    assert soap.call("Execute", unsubscribe.replace("LogUnsub", "Other")).text("Results/ErrorCode") == "5"
    nothing = reader(simulator, scope="")
    assert extract(nothing, tracking("x.zip", "ExtractSent")).text("Results/StatusMessage") == "API Permission Failed."
    assert nothing.retrieve("DataExtension", ["Name"]).text("OverallStatus") == "Error: API Permission Failed."
    assert nothing.call("GetSystemStatus", STATUS).text("OverallStatus") == "OK"


def test_old_packages_get_tokens_from_the_old_endpoint_alone(simulator: Simulator) -> None:
    reply = legacy(simulator, "old", "o").json()
    assert set(reply) == {"accessToken", "legacyToken", "expiresIn", "refreshToken"}
    assert reply["expiresIn"] == 3600
    assert set(legacy(simulator, "old", "o", "").json()) == {"accessToken", "expiresIn", "refreshToken"}
    old = f'<oAuth xmlns="http://exacttarget.com"><oAuthToken xmlns="">{reply["legacyToken"]}</oAuthToken></oAuth>'
    soap = Soap(simulator)
    for header in (username_token("*", "*") + old, old + username_token("*", "*")):
        assert with_header(soap, header).text("OverallStatus") == "OK"
    assert soap.call("GetSystemStatus", STATUS, token=reply["accessToken"]).text("OverallStatus") == "OK"
    refused = Soap(simulator).login(client_id="old", client_secret="o")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert "/v1/requestToken" in refused.json()["error_description"]


def test_the_old_endpoint_refuses_new_packages_and_bad_keys(simulator: Simulator) -> None:
    refused = legacy(simulator, simulator.info["client_id"], simulator.info["client_secret"])
    assert refused.status_code != 200
    assert refused.json()["errorcode"] == 10007
    assert "use /v2/token" in refused.json()["message"]
    bad = legacy(simulator, "old", "wrong")
    assert (bad.status_code, bad.json()["message"], bad.json()["errorcode"]) == (401, "Unauthorized", 1)


def test_users_log_in_with_name_and_password(simulator: Simulator, key: str) -> None:
    soap = Soap(simulator)
    good = username_token("api user", "pass &amp; &lt;word&gt;")
    assert with_header(soap, good).text("OverallStatus") == "OK"
    create = f'<CreateRequest xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{data_extension(key, KEY_FIELD)}</CreateRequest>'
    assert with_header(soap, good, create, "Create").text("OverallStatus") == "OK"
    mine = reader(simulator).retrieve("DataExtension", ["CustomerKey"])
    assert key in mine.texts("Results/CustomerKey")
    for name, password in (("api user", "wrong"), ("nobody", "p"), ("*", "*"), ("", "")):
        assert fault(with_header(soap, username_token(name, password))) == ("q0:Security", "Login failed")
    code, text = fault(with_header(soap, username_token("no api", "p")))
    assert code == "soap:Client"
    assert "AuthorizationFailure" in text


def test_tokens_are_refused_once_their_time_is_over(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("packages: [{client_id: old, client_secret: o, legacy: true}]")
    short = ("--set", "legacy_token_seconds=0", "--settings", str(settings))
    with running_simulator(tmp_path / "data", *short) as simulator:
        token = legacy(simulator, "old", "o").json()["legacyToken"]
        old = f'<oAuth xmlns="http://exacttarget.com"><oAuthToken xmlns="">{token}</oAuthToken></oAuth>'
        assert fault(with_header(Soap(simulator), old + username_token("*", "*"))) == ("q0:Security", "Token Expired")
        simulator.restart("--set", "legacy_token_for_v2_package=issue")
        new = legacy(simulator, simulator.info["client_id"], simulator.info["client_secret"])
        assert new.status_code == 200
        assert legacy(simulator, "old", "o").status_code == 200  # packages are kept without the file as well


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("packages: [{client_id: a}]", "packages.0.client_secret"),
        ("colour: red", "colour"),
        ("users: [{username: a, password: b, business_unit: 7}]", "no business unit 7"),
        ("ftp_users: [{business_unit: 1000001, login: key}]", "1000001_2 logs in by key, so it needs authorized_keys"),
        ("ftp_users: [{business_unit: 1000001, login: key, authorized_keys: [junk]}]", "no public key"),
        ("business_units: [{mid: a/b, name: c}]", "business_units.0.mid"),
        ("behaviour: {colour: red}", "no such setting: colour"),
        ("a: [", "no YAML"),
    ],
)
def test_a_bad_settings_file_is_named_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    done = CliRunner().invoke(sim, ["--data", str(tmp_path / "data"), "--mid", "1000001", "--settings", str(path)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert expected in " ".join(done.stderr.split())
