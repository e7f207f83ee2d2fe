from __future__ import annotations

import signal
import stat
import subprocess
import sys
from email.utils import parsedate_to_datetime
from pathlib import Path

import lxml.etree as etree
import pytest
import requests
import zeep

from et_platform.simulator.rest import answers
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.soap import API, ENVELOPE, PERSON, Soap, data_extension, local
from et_platform_tests.simulator.test_rest import Rest

STATUS = "<SystemStatusRequestMsg/>"
SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"


def fault(reply: object) -> tuple[str, str]:
    message = reply.message  # type: ignore[attr-defined]
    assert reply.status == 500  # type: ignore[attr-defined]
    assert local(message) == "Fault"
    assert reply.header.findtext("{*}Action") == "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault"  # type: ignore[attr-defined]
    return message.findtext("faultcode"), message.findtext("faultstring")


def test_the_ready_line_says_all_that_clients_need(simulator: Simulator) -> None:
    info = simulator.info
    assert set(info) == {
        *("auth_url", "soap_url", "rest_url", "wsdl_url"),
        *("sftp_host", "sftp_port", "sftp_user", "sftp_password", "sftp_host_key"),
        *("client_id", "client_secret", "mid"),
    }
    assert all(info[name].endswith("/") for name in ("auth_url", "soap_url", "rest_url"))
    assert info["sftp_host_key"].startswith("ssh-ed25519 AAAA")
    account = simulator.data_dir / "account.json"
    assert stat.S_IMODE(account.stat().st_mode) == 0o600


def test_a_token_by_json_and_by_form(simulator: Simulator, soap: Soap) -> None:
    reply = soap.login(account_id=int(simulator.info["mid"]))
    body = reply.json()
    assert (reply.status_code, body["token_type"], body["expires_in"]) == (200, "Bearer", 1079)
    assert body["soap_instance_url"] == simulator.info["soap_url"]
    assert body["rest_instance_url"].endswith("/")
    assert body["scope"]
    form = {name: simulator.info[name] for name in ("client_id", "client_secret")}
    url = simulator.info["auth_url"] + "v2/token"
    assert requests.post(url, data=form | {"grant_type": "client_credentials"}, timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"account_id": "1"}, 400, "invalid_request"),
    ],
)
def test_refused_tokens(simulator: Simulator, changed: dict[str, str], status: int, error: str) -> None:
    reply = Soap(simulator).login(**changed)
    assert (reply.status_code, reply.json()["error"]) == (status, error)
    assert reply.json()["error_description"]


def test_system_status(soap: Soap) -> None:
    reply = soap.call("GetSystemStatus", STATUS)
    assert reply.text("Results/Result/SystemStatus") == "OK"
    assert reply.text("OverallStatus") == "OK"


@pytest.mark.parametrize("path", ["Service.asmx", "service.asmx", "SERVICE.ASMX"])
@pytest.mark.parametrize("action", ["GetSystemStatus", '"GetSystemStatus"'])
def test_path_and_action_in_any_spelling(soap: Soap, path: str, action: str) -> None:
    soap.token or soap.login()
    reply = soap.post(ENVELOPE.format(api=API, token=soap.token, body=STATUS), action, path)
    assert (reply.status, reply.text("OverallStatus")) == (200, "OK")


def test_faults_of_access(soap: Soap) -> None:
    reply = soap.call("GetSystemStatus", STATUS, token="nonsense")
    assert fault(reply) == ("q0:Security", "SOAP Authorization failed for Oauth token. Reason: ParseError")
    assert reply.message.findtext("faultactor") == soap.simulator.info["soap_url"] + "Service.asmx"
    assert reply.message.find("detail") is None
    assert fault(soap.post(ENVELOPE.format(api=API, token="", body=STATUS), "GetSystemStatus"))[1] == "Login failed"


def test_faults_of_requests(soap: Soap) -> None:
    assert fault(soap.call("Configure", "<ConfigureRequestMsg/>"))[0] == "soap:Client"
    assert fault(soap.call("Create", "<UpdateRequest/>"))[0] == "soap:Client"
    assert fault(soap.post(b"<!DOCTYPE a><a/>", "Create"))[0] == "soap:Client"
    assert fault(soap.post(ENVELOPE.format(api=API, token=soap.token, body=STATUS), None))[0] == "soap:Client"


def test_the_wsdl_points_at_this_server(simulator: Simulator) -> None:
    url = simulator.info["wsdl_url"]
    reply = requests.get(url, timeout=30)
    tree = etree.fromstring(reply.content)
    assert reply.headers["Content-Type"].startswith("text/xml")
    address = tree.find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address.get("location") == simulator.info["soap_url"] + "Service.asmx"
    head = requests.head(url, timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    assert parsedate_to_datetime(head.headers["Last-Modified"])
    assert requests.get(simulator.info["soap_url"] + "nothing", timeout=30).status_code == 404
    assert requests.get(simulator.info["soap_url"] + "Service.asmx", timeout=30).status_code == 405


def test_a_strict_client_made_from_the_wsdl_understands_the_replies(simulator: Simulator, soap: Soap) -> None:
    soap.good("Create", data_extension("by zeep", *PERSON))
    client = zeep.Client(simulator.info["wsdl_url"])
    token = etree.Element("{http://exacttarget.com}fueloauth")
    token.text = soap.token
    request = {
        "ObjectType": "DataExtension",
        "Properties": ["Name", "IsSendable", "CategoryID", "CreatedDate"],
        "Filter": client.get_type(f"{{{API}}}SimpleFilterPart")(
            Property="CustomerKey", SimpleOperator="equals", Value=["by zeep"]
        ),
    }
    reply = client.service.Retrieve(RetrieveRequest=request, _soapheaders=[token])
    assert reply.OverallStatus == "OK"
    assert [one.Name for one in reply.Results] == ["by zeep"]
    with pytest.raises(zeep.exceptions.Fault, match="ParseError"):
        token.text = "nonsense"
        client.service.GetSystemStatus(_soapheaders=[token])


def test_expired_tokens_and_maintenance(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--set", "token_seconds=0") as simulator:
        soap = Soap(simulator)
        code, text = fault(soap.call("GetSystemStatus", STATUS))
        assert (code, text) == ("q0:Security", "Token Expired")
        reply = soap.call("GetSystemStatus", STATUS)
        assert reply.message.find("faultcode").nsmap["q0"] == SECURITY
        assert reply.message.find("detail") is None
        rest = Rest(simulator, soap.token)("GET", "platform/v1/tokenContext")
        documented = {"documentation": answers.DOCUMENTATION, "errorcode": 0, "message": "Not Authorized"}
        assert (rest.status_code, rest.json()) == (401, documented)

        simulator.restart("--set", "system_status=InMaintenance")
        soap = Soap(simulator)
        assert soap.call("GetSystemStatus", STATUS).text("Results/Result/SystemStatus") == "InMaintenance"
        reply = soap.retrieve("DataExtension", ["Name"])
        assert fault(reply)[0] == "soap:Server"
        assert reply.message.findtext("{*}detail/{*}apifault/{*}Code") == "9" or (
            reply.message.find("detail")[0].findtext("{*}Code") == "9"
        )


def test_identity_ports_and_tokens_survive_a_restart_and_signals_end_it_cleanly(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--mid", "1234567", "--client-id", "me") as simulator:
        first, soap = dict(simulator.info), Soap(simulator)
        soap.good("Create", data_extension("kept", *PERSON))
        assert (first["mid"], first["client_id"], first["sftp_user"]) == ("1234567", "me", "1234567")
        assert simulator.stop() == 0
        simulator.args = ()
        simulator.start()
        assert simulator.info == first
        assert soap.retrieve("DataExtension", ["Name"]).texts("Results/Name") == ["kept"]
        assert "Traceback" not in simulator.log
        assert first["client_secret"] not in simulator.log
        assert simulator.stop(signal.SIGINT) == 0


def test_the_command_line_says_what_is_wrong(simulator: Simulator, tmp_path: Path) -> None:
    def errors(*args: str) -> str:
        command = [sys.executable, "-m", "et_platform.simulator", *args]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        assert done.stdout == ""
        return done.stderr

    assert "--data" in errors()
    assert "no such setting: colour" in errors("--data", str(tmp_path / "a"), "--set", "colour=red")
    assert "in use by another simulator" in errors("--data", str(simulator.data_dir))
    taken = str(simulator.info["sftp_port"])
    assert taken in errors("--data", str(tmp_path / "b"), "--http-port", taken)
