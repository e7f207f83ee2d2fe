"""The ways to log in before OAuth 2: a legacy package's token, and a user's name and password in every call."""

import json
import threading
from pathlib import Path

import lxml.etree as etree
import pytest
from pydantic import SecretStr, ValidationError

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import Connection, LegacyPackageLogin, PackageLogin, UserLogin
from et_platform.exacttarget.environment import SettingsError, connection_from
from et_platform_tests.exacttarget.scripted import (
    AT_ONCE,
    EXPIRED,
    QUICK,
    STATUS_OK,
    ScriptedService,
    fault,
    scripted_service,
)

WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
REFUSED = fault("Login failed", kind="q0:Security")
OLD = {"client_id": "old", "client_secret": "0ld-s3cret"}
USER = {"username": "us3r-name", "password": "us3r & <password>"}


def client(connection: Connection, **more: Path) -> ExactTarget:
    return ExactTarget(connection, timeouts=QUICK, retries=AT_ONCE, **more)


def headers(service: ScriptedService) -> list[etree._Element]:
    return [etree.fromstring(body)[0] for _, body in service.calls]


def test_a_legacy_package_has_its_own_token_and_header_and_is_renewed(tmp_path: Path):
    with scripted_service(STATUS_OK, EXPIRED, STATUS_OK, STATUS_OK) as service:
        with client(service.older(**OLD), token_cache=tmp_path) as exacttarget:
            exacttarget.system_status()
            exacttarget.system_status()
        with client(service.older(**OLD), token_cache=tmp_path) as exacttarget:  # as in another process
            exacttarget.system_status()
        assert service.tokens == 2
        sent = headers(service)
        tokens = [header.findtext("{http://exacttarget.com}oAuth/oAuthToken") for header in sent]
        assert tokens == ["legacy-1", "legacy-1", "legacy-2", "legacy-2"]
        assert {header.findtext(f".//{WSSE}Username") for header in sent} == {"*"}
        assert {len(header) for header in sent} == {3}  # and the MessageID


def test_a_user_is_named_in_every_call_and_no_token_is_asked_for():
    with scripted_service(STATUS_OK, STATUS_OK) as service:
        user = Connection.model_validate({"soap_url": service.url, "mid": 7, "legacy": USER})
        with client(user) as exacttarget:
            exacttarget.log_in()
            exacttarget.system_status()
            exacttarget.system_status()
            with pytest.raises(errors.Misconfigured, match="REST takes no user's name"):
                exacttarget.rest.endpoints()
        assert service.tokens == 0
        for header in headers(service):
            assert header.findtext(f".//{WSSE}Username") == USER["username"]
            assert header.findtext(f".//{WSSE}Password") == USER["password"]


def test_promise_13_a_wrong_password_goes_out_once_whatever_threads_there_are():
    seen: list[str] = []
    with scripted_service(*[REFUSED] * 9) as service, client(service.older(**USER)) as exacttarget:

        def ask() -> None:
            try:
                exacttarget.system_status()
            except errors.AuthenticationFailed as error:
                seen.append(str(error))

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(service.calls) == 1
    assert len(seen) == 6
    assert sum("not sent again" in one for one in seen) == 5


def test_promise_13_a_refused_legacy_package_is_asked_for_once():
    refusal = (401, json.dumps({"message": "Unauthorized", "errorcode": 1}).encode())
    with scripted_service() as service, client(service.older(**OLD)) as exacttarget:
        service.token_script = [refusal] * 3
        for _ in range(3):
            with pytest.raises(errors.AuthenticationFailed, match="Unauthorized"):
                exacttarget.system_status()
        assert (service.tokens, service.calls) == (1, [])


@pytest.mark.parametrize("login", [OLD, USER], ids=["package", "user"])
def test_no_repr_error_or_log_of_an_older_login_shows_a_secret(login: dict[str, str], caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    secret = login.get("password") or login["client_secret"]
    troubles = [STATUS_OK, (503, b""), (503, b""), (503, b""), fault("no", kind="soap:Client"), REFUSED, REFUSED]
    shown: list[str] = []
    with scripted_service(*troubles) as service:
        echo = (401, json.dumps({"message": f"bad {secret}"}).encode())
        connection = service.older(**login)
        with client(connection) as exacttarget:
            shown += [repr(exacttarget), repr(connection), str(connection), repr(connection.login)]
            for _ in range(5):
                service.token_script = [echo] if len(service.calls) > 5 else []
                try:
                    exacttarget.system_status()
                except errors.ExactTargetError as error:
                    shown += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
    assert len(shown) > 12
    text = "\n".join(shown) + caplog.text
    for hidden in (secret, "legacy-1", "legacy-2", "bearer-1"):
        assert hidden not in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client_id": None}, "client_id and client_secret"),
        ({"legacy": OLD}, "besides"),
        ({"auth_url": None}, "auth_url must be given"),
        ({"client_id": None, "client_secret": None, "legacy": OLD}, "soap_url must be given"),
        ({"client_id": None, "client_secret": None, "legacy": {**OLD, **USER}}, "legacy"),
    ],
)
def test_half_a_login_and_two_logins_are_refused(changes: dict[str, object], message: str):
    values = {"auth_url": "https://a.example", "client_id": "id", "client_secret": "s3cret-value", "mid": 7}
    with pytest.raises(ValidationError, match=message) as caught:
        Connection.model_validate(values | changes)
    assert not any(secret in str(caught.value) for secret in ("s3cret-value", OLD["client_secret"], USER["password"]))


def test_the_environment_names_an_older_login():
    where = {"ET_SOAP_URL": "https://soap.example", "ET_MID": "7"}
    user = connection_from({**where, "ET_USERNAME": "u", "ET_PASSWORD": "pass-word"}, with_sftp=False)
    assert user.login == UserLogin(username="u", password=SecretStr("pass-word"))
    keys = {"ET_AUTH_URL": "https://auth.example", "ET_CLIENT_ID": "i", "ET_CLIENT_SECRET": "s3cret"}
    package = connection_from({**where, **keys, "ET_LEGACY_PACKAGE": "1"}, with_sftp=False)
    assert package.login == LegacyPackageLogin(client_id="i", client_secret=SecretStr("s3cret"))
    assert connection_from({**where, **keys}, with_sftp=False).login == PackageLogin(
        client_id="i", client_secret=SecretStr("s3cret")
    )
    with pytest.raises(SettingsError, match=r"^Not set: ET_PASSWORD, ET_SOAP_URL\. "):
        connection_from({"ET_USERNAME": "u", "ET_MID": "7"}, with_sftp=False)
    with pytest.raises(SettingsError, match=r"^Wrong: ET_SOAP_URL ") as caught:
        connection_from(
            {**where, "ET_SOAP_URL": "soap", "ET_USERNAME": "u", "ET_PASSWORD": "pass-word"}, with_sftp=False
        )
    assert "pass-word" not in str(caught.value)
