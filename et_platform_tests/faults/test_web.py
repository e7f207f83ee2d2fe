"""Faults of HTTP as a bare caller sees them: what is answered, and whether the request had its effect."""

import threading
import time

import pytest
import requests
from click.testing import CliRunner

from et_platform.simulator.cli import sim
from et_platform_tests.faults.ordering import Faults
from et_platform_tests.simulated import running_simulator
from et_platform_tests.simulator.soap import API, ENVELOPE, PERSON, Soap, data_extension, equals, row

CODE = "{urn:fault.partner.exacttarget.com}apifault/{urn:fault.partner.exacttarget.com}Code"


def create(soap, key):
    return soap.write("Create", data_extension(key, *PERSON))


def exists(soap, key):
    return bool(soap.retrieve("DataExtension", ["CustomerKey"], equals("CustomerKey", key)).results)


def told(reply):
    """The fault of a reply: status, words, code."""
    return reply.status, reply.message.findtext("faultstring"), reply.message.findtext(f"detail/{CODE}")


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ("throttle", (500, "Too many requests. The request was throttled.", None)),
        ("token_expired", (500, "Token Expired", None)),
        ("login_failed", (500, "Login failed", None)),
        ("maintenance", (500, "Account is in maintenance", "9")),
        ("outage", (500, "Unplanned Outage", "2")),
        ("soap_fault", (500, "System exception", "2")),
    ],
)
def test_a_fault_answers_in_place_of_the_service_once(faults, soap, key, effect, expected):
    at = {"at": "soap"} if effect == "login_failed" else {}
    with faults.striking(effect, operation="Create", key=key, strikes=1, **at):
        assert told(create(soap, key)) == expected
        assert not exists(soap, key)
        assert create(soap, key).status == 200
    assert exists(soap, key)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_bare_status_comes_before_or_after_the_effect(faults, soap, key, when):
    with faults.striking("status", code=503, retry_after=7, when=when, operation="Create", key=key):
        reply = raw_create(soap, key)
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "7")
    assert exists(soap, key) is (when == "after")


def raw_create(soap, key, timeout=30):
    body = f"<CreateRequest>{data_extension(key, *PERSON)}</CreateRequest>"
    content = ENVELOPE.format(api=API, token=soap.token, body=body).encode()
    url, headers = soap.simulator.info["soap_url"] + "Service.asmx", {"SOAPAction": "Create"}
    return requests.post(url, content, headers=headers, timeout=timeout)


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_a_connection_breaks_before_or_after_the_effect_or_in_the_answer(faults, soap, key, when):
    soap.login()
    with (
        faults.striking("cut", when=when, operation="Create", key=key, strikes=1),
        pytest.raises(requests.RequestException) as raised,
    ):
        raw_create(soap, key)
    # Half an answer has begun; of the others there is not one byte.
    assert isinstance(raised.value, requests.exceptions.ChunkedEncodingError) is (when == "during")
    assert exists(soap, key) is (when != "before")


def test_a_request_that_is_stalled_takes_effect_when_it_is_released_though_nobody_waits_any_more(faults, soap, key):
    soap.login()
    with faults.striking("stall", operation="Create", key=key) as name:
        with pytest.raises(requests.exceptions.Timeout):
            raw_create(soap, key, timeout=0.5)
        assert faults.shown(name)["waiting"] == 1
        assert not exists(soap, key)
        faults.release(name)
        deadline = time.monotonic() + 20
        while not exists(soap, key):
            assert time.monotonic() < deadline
        assert faults.shown(name)["waiting"] == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_latency_holds_the_answer_back_for_so_long(faults, soap, key, when):
    with faults.striking("stall", seconds=0.4, when=when, operation="Create", key=key):
        began = time.monotonic()
        assert create(soap, key).text("OverallStatus") == "OK"
        assert time.monotonic() - began >= 0.4


def test_maintenance_for_so_many_calls_shows_in_the_system_status(faults, soap, key):
    ask = "<SystemStatusRequestMsg/>"
    with faults.striking("maintenance", times=3, strikes=3):
        assert create(soap, key).status == 500
        status = soap.call("GetSystemStatus", ask)
        assert (status.status, status.text("Results/Result/SystemStatus")) == (200, "InMaintenance")
        assert create(soap, key).status == 500
        assert soap.call("GetSystemStatus", ask).text("Results/Result/SystemStatus") == "OK"
        assert create(soap, key).status == 200


def test_an_outage_for_so_many_seconds_ends_by_itself(faults, soap, key):
    with faults.striking("outage", lasts=0.6):
        assert told(create(soap, key)) == (500, "Unplanned Outage", "2")
        assert soap.call("GetSystemStatus", "<SystemStatusRequestMsg/>").text("Results/Result/SystemStatus") == (
            "UnplannedOutage"
        )
        deadline = time.monotonic() + 20
        while create(soap, key).status != 200:
            assert time.monotonic() < deadline
    assert exists(soap, key)


@pytest.fixture
def rows(soap, key):
    """Twenty-five rows: three pages of ten."""
    soap.good("Create", data_extension(key, *PERSON))
    soap.good("Create", *(row(key, {"Key": f"k{n:02d}"}) for n in range(25)))
    return key


def page(soap, key, request_id=""):
    more = f"<ContinueRequest>{request_id}</ContinueRequest>" if request_id else ""
    return soap.retrieve(f"DataExtensionObject[{key}]", ["Key"], more=more)


def test_a_page_is_lost_half_way_with_http_200(faults, soap, rows):
    with faults.striking("retrieve_error", key=rows, continued=True, message="The query timed out."):
        first = page(soap, rows)
        assert (first.status, first.text("OverallStatus"), len(first.results)) == (200, "MoreDataAvailable", 10)
        second = page(soap, rows, first.text("RequestID"))
        assert (second.status, second.text("OverallStatus")) == (200, "Error: The query timed out.")
        assert not second.results
        again = page(soap, rows, first.text("RequestID"))
        assert (again.text("OverallStatus"), len(again.results)) == ("MoreDataAvailable", 10)


def test_a_token_expires_in_the_midst_of_pages_even_if_the_caller_repeats_neither_type_nor_properties(
    faults, soap, rows
):
    with faults.striking("token_expired", key=rows, object="DataExtensionObject", continued=True, skip=1):
        first = page(soap, rows)
        bare = f"<ObjectType/><ContinueRequest>{first.text('RequestID')}</ContinueRequest>"
        asked = f"<RetrieveRequestMsg><RetrieveRequest>{bare}</RetrieveRequest></RetrieveRequestMsg>"
        assert soap.call("Retrieve", asked).text("OverallStatus") == "MoreDataAvailable"
        assert told(soap.call("Retrieve", asked)) == (500, "Token Expired", None)


def test_results_may_be_missing_and_elements_may_say_something_else(faults, soap, rows):
    with faults.striking("no_results", key=rows, times=2, strikes=2):
        for _ in range(2):
            empty = page(soap, rows)
            assert (empty.text("OverallStatus"), empty.results) == ("OK", [])
        assert len(page(soap, rows).results) == 10
    with faults.striking("alter", key=rows, elements={"OverallStatus": "a <b> \\1", "Value": ""}):
        changed = page(soap, rows)
    assert changed.text("OverallStatus") == "a <b> \\1"
    assert {one["Key"] for one in changed.rows} == {""}


@pytest.mark.parametrize("operation", ["Create", "Update", "Delete"])
def test_rows_are_refused_with_a_deadlock_and_the_others_are_written(faults, soap, rows, operation):
    names = [f"k{n:02d}" for n in range(4)] if operation != "Create" else [f"new{n}" for n in range(4)]
    objects = [
        row(rows, {}, {"Key": one}) if operation == "Delete" else row(rows, {"Key": one, "Name": "changed"})
        for one in names
    ]
    with faults.striking("reject_rows", rows=2, key=rows, operation=operation):
        reply = soap.write(operation, *objects)
        assert reply.texts("Results/StatusCode") == ["Error", "Error", "OK", "OK"]
        assert set(reply.texts("Results/ErrorCode")) == {"2"}
        assert "deadlock victim" in reply.texts("Results/ErrorMessage")[0]
        again = soap.write(operation, *objects[:2])
    assert again.text("OverallStatus") == "OK"


def test_rest_is_throttled_and_refused_in_its_own_words(faults, simulator):
    url = simulator.info["rest_url"]
    with faults.striking("throttle", at="rest", path="/v2/token"):
        reply = requests.post(f"{url}v2/token", json={}, timeout=30)
        assert (reply.status_code, reply.headers["Retry-After"], reply.json()["errorcode"]) == (429, "5", 50100)
    with faults.striking("login_failed", path="/v2/*"):
        reply = requests.post(f"{url}v2/token", json={}, timeout=30)
        assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")
    with faults.striking("login_failed", path="/data/*"):
        reply = requests.get(f"{url}data/v1/x", timeout=30)
        assert (reply.status_code, reply.json()["message"]) == (401, "Not Authorized")
    with faults.striking("cut", at="rest", when="after", operation="GET"), pytest.raises(requests.ConnectionError):
        requests.get(f"{url}etframework.wsdl", timeout=30)


def test_orders_are_never_disturbed_and_only_for_who_has_the_secret(faults, simulator):
    url = f"{simulator.info['rest_url']}sim/fault"
    name = faults.add("status", at="rest", times="always")
    assert requests.post(url, json={"do": "list"}, timeout=30).status_code == 401
    assert faults.shown(name)["met"] == 0
    mine = (simulator.info["client_id"], simulator.info["client_secret"])
    for wrong, part in (
        ({"do": "dance"}, "'add', 'list'"),
        ({"do": "add", "faults": [{"effect": "sneeze"}]}, "'sneeze' is none of"),
        ({"do": "clear", "names": ["nobody"]}, f"no fault nobody; there are: {name}"),
    ):
        reply = requests.post(url, json=wrong, auth=mine, timeout=30)
        assert reply.status_code == 400
        assert part in reply.json()["error"]


def test_a_script_strikes_from_the_start_and_what_is_stalled_does_not_keep_the_simulator_from_stopping(tmp_path):
    (tmp_path / "f.yaml").write_text(
        "seed: 7\nfaults:\n"
        "- {effect: status, at: rest, path: /nothing, code: 502, times: always, probability: 0.5}\n"
        "- {effect: stall, at: rest, path: /stall}\n"
    )
    with running_simulator(tmp_path / "sim", "--faults", str(tmp_path / "f.yaml")) as simulator:
        url = simulator.info["rest_url"]
        assert {requests.get(f"{url}nothing", timeout=30).status_code for _ in range(20)} == {404, 502}
        stalled = threading.Thread(target=_ignore, args=(f"{url}stall",))
        stalled.start()
        deadline = time.monotonic() + 20
        while not [one for one in Faults(simulator.info).order("list")["faults"] if one["waiting"]]:
            assert time.monotonic() < deadline
        assert simulator.stop() == 0
        stalled.join(30)
        assert not stalled.is_alive()


def _ignore(url):
    try:
        requests.get(url, timeout=60)
    except requests.RequestException:
        return


def test_a_bad_script_is_refused_at_the_start_with_its_line(tmp_path):
    (tmp_path / "f.yaml").write_text("faults:\n- {effect: cut, at: moon}\n")
    started = CliRunner().invoke(sim, ["--data", str(tmp_path / "s"), "--faults", str(tmp_path / "f.yaml")])
    assert started.exit_code == 2
    assert "f.yaml, line 2: at: cut is possible at soap and rest and sftp, not at 'moon'" in " ".join(
        started.output.split()
    )


def test_a_caller_of_another_business_unit_is_not_disturbed(faults, simulator, key):
    soap = Soap(simulator)
    faults.add("status", mid="1", operation="Create", times="always")
    name = faults.add("status", mid=simulator.info["mid"], operation="Create", code=502)
    soap.login()
    assert raw_create(soap, key).status_code == 502
    assert faults.strikes(name)[0]["mid"] == simulator.info["mid"]
