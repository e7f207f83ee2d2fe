import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr, ValidationError

from et_platform.exacttarget.auth import Tokens
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import Connection, SftpConnection
from et_platform.exacttarget.errors import (
    AuthenticationFailed,
    MalformedReply,
    Misconfigured,
    ServiceUnavailable,
    Throttled,
    Unreachable,
    UntrustedCertificate,
)
from et_platform.exacttarget.http import open_session
from et_platform.exacttarget.models import SystemStatus
from et_platform_tests.exacttarget.scripted import (
    AT_ONCE,
    EXPIRED,
    PACKAGE,
    QUICK,
    SECRET,
    STATUS_OK,
    certificate,
    closed_port,
    scripted_service,
)


def client(connection: Connection) -> ExactTarget:
    return ExactTarget(connection, timeouts=QUICK, retries=AT_ONCE)


def test_one_token_serves_many_calls_and_threads():
    with scripted_service(*[STATUS_OK] * 8) as service, client(service.connection()) as exacttarget:
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: exacttarget.system_status(), range(8)))
        assert answers == [SystemStatus.OK] * 8
        assert service.tokens == 1
        assert set(service.used_tokens()) == {"bearer-1"}


@pytest.mark.parametrize("slash", ["", "/", "//"])
def test_the_token_request_names_the_business_unit_whatever_the_slashes(slash: str):
    with scripted_service(STATUS_OK) as service:
        with client(service.connection(auth_url=service.url + slash)) as exacttarget:
            assert exacttarget.system_status() is SystemStatus.OK
        assert service.tokens == 1


def test_a_token_is_renewed_before_its_end_by_the_services_own_figure():
    with scripted_service() as service:
        now = 1000.0
        tokens = Tokens(service.connection(), PACKAGE, session=open_session(), timeouts=QUICK, clock=lambda: now)
        first = tokens.current()
        now += 1079 - 61
        assert tokens.current() is first
        now += 2
        assert tokens.current() is not first
        assert service.tokens == 2


def test_an_expired_token_is_renewed_once_and_the_call_repeated_once():
    with scripted_service(EXPIRED, STATUS_OK) as service, client(service.connection()) as exacttarget:
        assert exacttarget.system_status() is SystemStatus.OK
        assert service.used_tokens() == ["bearer-1", "bearer-2"]


def test_a_token_that_expires_twice_is_an_error_and_no_loop():
    with scripted_service(EXPIRED, EXPIRED) as service, client(service.connection()) as exacttarget:
        with pytest.raises(AuthenticationFailed, match="Token Expired"):
            exacttarget.system_status()
        assert len(service.calls) == 2


@pytest.mark.parametrize("status", [400, 401, 403])
def test_promise_13_refused_credentials_are_sent_once_however_often_the_client_is_used(status: int):
    refusal = json.dumps({"error": "invalid_client", "error_description": "Client authentication failed."}).encode()
    with scripted_service() as service, client(service.connection()) as exacttarget:
        service.token_script = [(status, refusal)] * 9
        for _ in range(3):
            with pytest.raises(AuthenticationFailed, match="invalid_client") as caught:
                exacttarget.system_status()
            assert SECRET not in str(caught.value)
        assert service.tokens == 1
        assert service.calls == []


def test_a_server_that_echoes_the_secret_is_not_quoted():
    with scripted_service() as service, client(service.connection()) as exacttarget:
        service.token_script = [(401, json.dumps({"error": f"bad secret {SECRET}"}).encode())]
        with pytest.raises(AuthenticationFailed) as caught:
            exacttarget.log_in()
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((503, b""), ServiceUnavailable),
        ((429, b""), Throttled),
        ((404, b"<html>"), Misconfigured),
        ((200, b"<html>"), MalformedReply),
        ((200, b"[]"), MalformedReply),
        ((200, b'{"access_token": "t"}'), MalformedReply),
        ("hang up", Unreachable),
    ],
)
def test_every_other_token_answer_has_its_error(answer, expected):
    with scripted_service() as service, client(service.connection()) as exacttarget:
        service.token_script = [answer]
        with pytest.raises(expected, match="token"):
            exacttarget.log_in()
        assert service.tokens == 1


def test_nobody_listens():
    connection = Connection(
        auth_url=f"http://127.0.0.1:{closed_port()}", client_id="id", client_secret=SecretStr(SECRET), mid=7
    )
    with client(connection) as exacttarget, pytest.raises(Unreachable, match="was not sent") as caught:
        exacttarget.log_in()
    assert caught.value.sent is False


def test_secrets_show_nowhere():
    connection = Connection(auth_url="https://a.example", client_id="id", client_secret=SecretStr(SECRET), mid=7)
    assert SECRET not in repr(connection) + str(connection) + repr(ExactTarget(connection))
    with pytest.raises(ValidationError) as caught:
        Connection.model_validate({"auth_url": "nonsense", "client_secret": SECRET, "sftp": {"password": SECRET}})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA=="])
def test_a_host_key_that_is_none_is_refused_at_once(line: str):
    with pytest.raises(ValidationError, match="host_key"):
        SftpConnection(host="h", port=22, user="u", password=SecretStr("p"), host_key=line)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    with scripted_service(tls=certificate(tmp_path)) as service, client(service.connection()) as exacttarget:
        with pytest.raises(UntrustedCertificate, match="never switched off"):
            exacttarget.log_in()
        assert service.tokens == 0


def test_a_trusted_token_service_cannot_lead_away_from_https(tmp_path, monkeypatch):
    pem = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    away = json.dumps({"access_token": "t", "expires_in": 1079, "soap_instance_url": "http://127.0.0.1/"}).encode()
    with scripted_service(STATUS_OK, tls=pem) as service, client(service.connection()) as exacttarget:
        service.token_script = [(200, away)]
        with pytest.raises(Misconfigured, match="without HTTPS"):
            exacttarget.log_in()
        assert exacttarget.system_status() is SystemStatus.OK
        assert service.used_tokens() == ["bearer-2"]
