"""Several business units in one account: what each has of its own, and what they share."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
import requests

from et_platform.simulator import store
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.faults.board import Board
from et_platform.simulator.imports import tasks
from et_platform.simulator.imports.files import places
from et_platform.simulator.imports.worker import ImportWorker
from et_platform.simulator.store import Store
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.extracting import extract, of_data_extension, tables, tracking, until
from et_platform_tests.simulator.soap import (
    KEY_FIELD,
    PERSON,
    Soap,
    a_field,
    data_extension,
    equals,
    figures,
    import_definition,
    row,
)
from et_platform_tests.simulator.test_subscribers import status_of, subscriber

GERMANY, FRANCE = "2000001", "2000002"
SHARED = "<CategoryID>3</CategoryID>"
SMALL = (KEY_FIELD, a_field("Name", MaxLength=50))


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    children = ("--mid", "1000001", "--business-unit", f"{GERMANY}:Germany", "--business-unit", f"{FRANCE}:France")
    with running_simulator(
        tmp_path_factory.mktemp("sim") / "data", "--set", "summary_delay_seconds=0", *children
    ) as it:
        yield it


@pytest.fixture
def enterprise(simulator: Simulator) -> Soap:
    return unit(simulator, "1000001")


@pytest.fixture
def germany(simulator: Simulator) -> Soap:
    return unit(simulator, GERMANY)


@pytest.fixture
def france(simulator: Simulator) -> Soap:
    return unit(simulator, FRANCE)


def unit(simulator: Simulator, mid: str) -> Soap:
    soap = Soap(simulator)
    assert soap.login(account_id=mid).status_code == 200
    return soap


@contextlib.contextmanager
def files(simulator: Simulator, mid: str) -> Iterator[paramiko.SFTPClient]:
    logins = {simulator.info["mid"]: simulator.info} | {one["mid"]: one for one in simulator.info["business_units"]}
    transport = paramiko.Transport((simulator.info["sftp_host"], simulator.info["sftp_port"]))
    try:
        transport.connect(username=logins[mid]["sftp_user"], password=logins[mid]["sftp_password"])
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        yield client
    finally:
        transport.close()


def names(soap: Soap, key: str, more: str = "") -> list[tuple[str, str]]:
    reply = soap.retrieve("DataExtension", ["Client.ID", "Name"], equals("CustomerKey", key), more)
    assert reply.text("OverallStatus") == "OK"
    return list(zip(reply.texts("Results/Client/ID"), reply.texts("Results/Name"), strict=True))


def test_the_ready_line_names_the_children(simulator: Simulator) -> None:
    listed = [(one["mid"], one["name"], one["sftp_user"]) for one in simulator.info["business_units"]]
    assert listed == [(GERMANY, "Germany", GERMANY), (FRANCE, "France", FRANCE)]
    assert simulator.info["mid"] == "1000001"


def test_each_unit_has_its_own_definitions_rows_and_tasks(
    simulator: Simulator, germany: Soap, france: Soap, key: str
) -> None:
    for soap, mid, name in ((germany, GERMANY, "Anna"), (france, FRANCE, "Anne")):
        soap.good("Create", data_extension(key, *SMALL))
        with files(simulator, mid) as sftp:
            sftp.putfo(io.BytesIO(f"Key,Name\n1,{name}\n".encode()), f"/Import/{key}.csv")
        soap.good("Create", import_definition(key, key, f"{key}.csv"))
    summaries = [soap.run(key) for soap in (germany, france)]
    assert [figures(one) for one in summaries] == [("Completed", 1, 0, 0, 1)] * 2
    assert summaries[0]["TaskResultID"] != summaries[1]["TaskResultID"]
    assert germany.rows(key, ["Key", "Name"]) == [{"Key": "1", "Name": "Anna"}]
    assert france.rows(key, ["Key", "Name"]) == [{"Key": "1", "Name": "Anne"}]
    assert france.summary(summaries[0]["TaskResultID"]) == {}


def test_ftp_sites_are_apart(simulator: Simulator) -> None:
    with files(simulator, GERMANY) as german, files(simulator, FRANCE) as french:
        german.putfo(io.BytesIO(b"x"), "/Export/apart.txt")
        assert "apart.txt" in german.listdir("/Export")
        assert "apart.txt" not in french.listdir("/Export")


def test_the_enterprise_acts_for_its_children_and_no_child_for_another(
    enterprise: Soap, germany: Soap, france: Soap, key: str
) -> None:
    as_germany = f"<Options><Client><ID>{GERMANY}</ID></Client></Options>"
    enterprise.good("Create", data_extension(key, *SMALL), options=as_germany)
    assert names(germany, key) == [(GERMANY, key)]
    assert names(enterprise, key) == []
    assert names(enterprise, key, as_germany) == [(GERMANY, key)]
    client = f"<Client><ID>{GERMANY}</ID></Client>"
    enterprise.good("Create", row(key, {"Key": "1", "Name": "a"}).replace("<CustomerKey>", f"{client}<CustomerKey>"))
    assert germany.rows(key, ["Name"]) == [{"Name": "a"}]
    refused = france.write("Create", data_extension(key, *SMALL), options=as_germany)
    assert (refused.text("OverallStatus"), refused.text("Results/ErrorCode")) == ("Error", "4")
    refused = france.retrieve("DataExtension", ["Name"], more=as_germany)
    assert refused.text("OverallStatus") == f"Error: The account {GERMANY} cannot be accessed."


def test_a_retrieve_over_all_accounts_comes_in_pages(enterprise: Soap, germany: Soap, france: Soap, key: str) -> None:
    for soap, mid in ((enterprise, "1000001"), (germany, GERMANY), (france, FRANCE)):
        for number in range(2):
            soap.good("Create", data_extension(f"{key}-{mid}-{number}", *SMALL))
    everywhere = "<QueryAllAccounts>true</QueryAllAccounts>"
    wanted = equals("CustomerKey", key).replace("equals", "beginsWith")
    found, more, status = [], everywhere, "MoreDataAvailable"
    while status == "MoreDataAvailable":
        options = "<Options><BatchSize>3</BatchSize></Options>"
        reply = enterprise.call(
            "Retrieve",
            f"<RetrieveRequestMsg><RetrieveRequest>{options}<ObjectType>DataExtension</ObjectType>"
            f"<Properties>Client.ID</Properties><Properties>CustomerKey</Properties>{wanted}{more}"
            "</RetrieveRequest></RetrieveRequestMsg>",
        )
        status = reply.text("OverallStatus")
        found += reply.texts("Results/CustomerKey")
        more = f"<ContinueRequest>{reply.text('RequestID')}</ContinueRequest>"
    assert found == [f"{key}-{mid}-{number}" for mid in ("1000001", GERMANY, FRANCE) for number in range(2)]
    reply = germany.retrieve("DataExtension", ["CustomerKey"], wanted, everywhere)
    assert reply.texts("Results/CustomerKey") == [f"{key}-{GERMANY}-{number}" for number in range(2)]
    two = f"<ClientIDs><ID>{FRANCE}</ID></ClientIDs><ClientIDs><ID>{GERMANY}</ID></ClientIDs>"
    reply = enterprise.retrieve("DataExtension", ["Client.ID"], wanted, two)
    assert reply.texts("Results/Client/ID") == [FRANCE, FRANCE, GERMANY, GERMANY]


def test_children_see_what_the_enterprise_shares_and_nothing_else(
    enterprise: Soap, germany: Soap, france: Soap, key: str
) -> None:
    enterprise.good("Create", data_extension(key, *PERSON, more=SHARED))
    enterprise.good("Create", data_extension(f"{key}-own", *PERSON))
    germany.good("Create", row(f"ENT.{key}", {"Key": "1", "Name": "shared"}))
    assert france.rows(f"ent.{key}", ["Name"]) == [{"Name": "shared"}]
    assert enterprise.rows(key, ["Name"]) == [{"Name": "shared"}]
    for hidden in (key, f"ENT.{key}-own"):
        reply = germany.retrieve(f"DataExtensionObject[{hidden}]", ["Name"])
        assert reply.text("OverallStatus") == f"Error: The data extension was not found: {hidden}"
    germany.good("Delete", row(f"ENT.{key}", {}, {"Key": "1"}))
    assert enterprise.rows(key, ["Name"]) == []


def test_an_opt_out_is_the_business_units_own_and_execute_names_the_unit(
    enterprise: Soap, germany: Soap, france: Soap
) -> None:
    for soap in (germany, france):
        soap.good("Create", subscriber("either", "either@x.org"))
    client = f"<Client><ID>{GERMANY}</ID></Client>"
    request = (
        f"<Requests>{client}<Name>LogUnsubEvent</Name>"
        "<Parameters><Name>SubscriberKey</Name><Value>either</Value></Parameters></Requests>"
    )
    assert enterprise.call("Execute", f"<ExecuteRequestMsg>{request}</ExecuteRequestMsg>").text("OverallStatus") == "OK"
    assert [status_of(soap, "either") for soap in (germany, france)] == ["Unsubscribed", "Active"]
    refused = france.call("Execute", f"<ExecuteRequestMsg>{request}</ExecuteRequestMsg>")
    assert (refused.text("OverallStatus"), refused.text("Results/ErrorCode")) == ("Error", "4")


def test_units_survive_a_restart(tmp_path: Path) -> None:
    narrow = ("--set", "client_id_reaches_children=false")
    with running_simulator(tmp_path / "data", "--business-unit", f"{GERMANY}:Germany", *narrow) as simulator:
        first, soap = dict(simulator.info), unit(simulator, GERMANY)
        soap.good("Create", data_extension("kept", *SMALL))
        as_germany = f"<Options><Client><ID>{GERMANY}</ID></Client></Options>"
        refused = Soap(simulator).retrieve("DataExtension", ["Name"], more=as_germany)
        assert refused.text("OverallStatus") == f"Error: The account {GERMANY} cannot be accessed."
        everywhere = Soap(simulator).retrieve("DataExtension", ["Name"], more="<QueryAllAccounts>1</QueryAllAccounts>")
        assert everywhere.texts("Results/Name") == ["kept"]
        simulator.kill()
        simulator.start("--business-unit", f"{FRANCE}:France")
        assert [one["name"] for one in simulator.info["business_units"]] == ["Germany", "France"]
        assert simulator.info["business_units"][0] == first["business_units"][0]
        assert names(soap, "kept") == [(GERMANY, "kept")]


def test_a_child_imports_into_what_the_enterprise_shares(
    simulator: Simulator, enterprise: Soap, germany: Soap, key: str
) -> None:
    enterprise.good("Create", data_extension(key, *SMALL, more=SHARED))
    with files(simulator, GERMANY) as sftp:
        sftp.putfo(io.BytesIO(b"Key,Name\n1,a\n2,b\n2,c\n"), f"/Import/{key}.csv")
    germany.good("Create", import_definition(key, f"ENT.{key}", f"{key}.csv", DeleteFile="true"))
    summary = germany.run(key)
    assert figures(summary) == ("Completed", 2, 1, 0, 3)
    assert summary["ImportDefinitionCustomerKey"] == key
    assert enterprise.rows(key, ["Key", "Name"]) == [{"Key": "1", "Name": "a"}, {"Key": "2", "Name": "c"}]
    assert enterprise.summary(summary["TaskResultID"]) == {}
    with files(simulator, GERMANY) as sftp:
        assert f"{key}.csv" not in sftp.listdir("/Import")
    refused = germany.write("Create", import_definition(f"{key}x", f"ENT.{key}-none", "x.csv"))
    assert refused.text("Results/ErrorCode") == "43060"


def test_an_import_into_what_is_shared_is_not_repeated_after_a_kill(tmp_path: Path) -> None:
    """The mark beside the rows stands for the task's end, should a crash come between the two."""
    enterprise = Store(tmp_path / "enterprise.duckdb")
    child = Store(tmp_path / "child.duckdb", beside=enterprise, mid=GERMANY, number=1)
    definition = {"destination": "shared", "owner": "1000001", "maps": [], "actions": []}
    definition["properties"] = {"CustomerKey": "d", "DestinationObject.CustomerKey": "ENT.x"}
    with child.transaction() as connection:
        task = tasks.new(connection, definition, GERMANY, Behaviour())
    with enterprise.transaction() as connection:
        tasks.mark(connection, task, "Completed", tasks.Figures(1, 2, 3, 6))
    worker = ImportWorker(child, Behaviour(), places(tmp_path, GERMANY, Behaviour()), lambda _: enterprise, Board())
    worker.resume()
    deadline = time.monotonic() + 30
    while left := _unfinished(child):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)
    worker.stop()
    with child.connect() as connection:
        found = store.get(connection, tasks.KIND, task["id"])
    enterprise.close()
    assert found is not None
    assert (found["properties"]["ImportStatus"], found["properties"]["TotalRows"]) == ("Completed", "6")


def _unfinished(kept: Store) -> list[dict[str, Any]]:
    with kept.connect() as connection:
        return tasks.unfinished(connection)


def test_events_are_of_their_unit_and_one_extract_may_tell_of_several(
    simulator: Simulator, enterprise: Soap, germany: Soap
) -> None:
    info = simulator.info
    for mid, person in ((info["mid"], "one"), (GERMANY, "zwei"), (FRANCE, "trois")):
        body = {"mid": mid, "events": {"sent": [person]}, "at": "2024-07-01T12:00:00"}
        reply = requests.post(
            info["rest_url"] + "sim/act", json=body, auth=(info["client_id"], info["client_secret"]), timeout=60
        )
        assert reply.status_code == 200, reply.text

    def told(soap: Soap, mid: str, file: str, accounts: str) -> list[tuple[str, str]]:
        assert extract(soap, tracking(file, "ExtractSent", AccountIDs=accounts)).text("OverallStatus") == "OK"
        path = simulator.data_dir / "ftp" / mid / "Export" / file
        until(path.exists)
        return [(one["ClientID"], one["SubscriberKey"]) for one in tables(path)["Sent.csv"]]

    assert told(enterprise, info["mid"], "all.zip", "*") == [
        (info["mid"], "one"),
        (GERMANY, "zwei"),
        (FRANCE, "trois"),
    ]
    assert told(enterprise, info["mid"], "two.zip", f"{FRANCE}, {GERMANY}") == [(FRANCE, "trois"), (GERMANY, "zwei")]
    assert told(enterprise, info["mid"], "own.zip", "") == [(info["mid"], "one")]
    assert told(germany, GERMANY, "all.zip", "*") == [(GERMANY, "zwei")]
    refused = extract(germany, tracking("no.zip", "ExtractSent", AccountIDs=FRANCE))
    assert refused.text("Results/StatusMessage") == f"The accounts {FRANCE} cannot be accessed."
    bad = requests.post(
        info["rest_url"] + "sim/act",
        json={"mid": "7", "events": {"sent": ["x"]}},
        auth=(info["client_id"], info["client_secret"]),
        timeout=60,
    )
    assert bad.status_code == 400


def test_a_child_extracts_what_the_enterprise_shares_in_a_folder_below(
    simulator: Simulator, enterprise: Soap, germany: Soap, key: str
) -> None:
    created = enterprise.good(
        "Create",
        f'<Objects xsi:type="DataFolder"><CustomerKey>{key}</CustomerKey><Name>{key}</Name><Description/>'
        "<ContentType>shared_dataextension</ContentType><ParentFolder><ID>3</ID></ParentFolder></Objects>",
    )
    folder = f"<CategoryID>{created.text('Results/NewID')}</CategoryID>"
    enterprise.good("Create", data_extension(key, *SMALL, more=folder))
    enterprise.good("Create", row(key, {"Key": "1", "Name": "shared"}))
    assert extract(germany, of_data_extension(f"ENT.{key}", f"{key}.csv")).text("OverallStatus") == "OK"
    path = simulator.data_dir / "ftp" / GERMANY / "Export" / f"{key}.csv"
    until(path.exists)
    assert path.read_text() == "Key,Name\n1,shared\n"
    refused = extract(germany, of_data_extension(key, f"{key}.csv"))
    assert refused.text("Results/StatusMessage") == f"The data extension was not found: {key}"


def test_each_unit_has_its_own_ten_imports(tmp_path: Path) -> None:
    slow = (
        "--set",
        "concurrent_imports=1",
        "--set",
        "import_processing_seconds=60",
        "--set",
        "summary_delay_seconds=0",
    )
    with running_simulator(tmp_path / "data", "--business-unit", f"{GERMANY}:Germany", *slow) as running:
        one, other = Soap(running), unit(running, GERMANY)
        tasks_started = []
        for soap in (one, other):
            for number in range(2):
                name = f"d{number}"
                soap.good("Create", data_extension(name, *SMALL), import_definition(name, name, f"{name}.csv"))
                tasks_started.append((soap, soap.perform(name).text("Results/Result/Task/ID")))
        (_, first), (_, second), (_, third), (_, fourth) = tasks_started
        one.wait(first, ("Processing",))
        other.wait(third, ("Processing",))
        assert (one.summary(second)["ImportStatus"], other.summary(fourth)["ImportStatus"]) == ("New", "New")
        running.kill()


def test_rows_are_asked_for_over_the_units_that_have_them(enterprise: Soap, germany: Soap, france: Soap) -> None:
    """Some clients send QueryAllAccounts with whatever they retrieve."""
    for soap, keys in ((enterprise, "ab"), (france, "c")):
        soap.good(
            "Create", data_extension("in_two_units", *SMALL), *(row("in_two_units", {"Key": one}) for one in keys)
        )
    address, everywhere = "DataExtensionObject[in_two_units]", "<QueryAllAccounts>true</QueryAllAccounts>"
    assert [one["Key"] for one in enterprise.retrieve(address, ["Key"], "", everywhere).rows] == ["a", "b", "c"]
    seen, more = [], f"{everywhere}<Options><BatchSize>1</BatchSize></Options>"
    while True:
        reply = enterprise.retrieve(address, ["Key"], "", more)
        seen += [one["Key"] for one in reply.rows]
        if reply.text("OverallStatus") == "OK":
            break
        more = f"<ContinueRequest>{reply.text('RequestID')}</ContinueRequest>"
    assert seen == ["a", "b", "c"]
    for tag in ("ID", "ClientID"):  # the latter is deprecated [W]
        named = "".join(f"<ClientIDs><{tag}>{mid}</{tag}></ClientIDs>" for mid in (GERMANY, FRANCE))
        assert [one["Key"] for one in enterprise.retrieve(address, ["Key"], "", named).rows] == ["c"]
    nowhere = enterprise.retrieve("DataExtensionObject[nowhere]", ["Key"], "", everywhere)
    assert nowhere.text("OverallStatus") == "Error: The data extension was not found: nowhere"
    assert germany.retrieve(address, ["Key"]).text("OverallStatus").startswith("Error: ")
