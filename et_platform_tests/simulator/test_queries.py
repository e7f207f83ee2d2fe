"""Query activities over SOAP: what they read, what they write, how they fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
import requests

from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.soap import KEY_FIELD, Reply, Soap, a_field, data_extension, equals, row

PEOPLE = (KEY_FIELD, a_field("First Name", MaxLength=50), a_field("N", "Number"), a_field("Born", "Date"))
NAMES = {"a": "Ada", "b": "bob", "c": "BOB"}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    children = ("--verbose", "--mid", "1000001", "--business-unit", "2000001:Child")
    with running_simulator(tmp_path_factory.mktemp("sim") / "data", *children) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def people(soap: Soap) -> None:
    soap.good("Create", data_extension("people", *PEOPLE, name="Our People"))
    rows = [
        row("people", {"Key": key, "First Name": name, "N": str(number), "Born": f"1/{number}/2000"})
        for number, (key, name) in enumerate(NAMES.items(), 1)
    ]
    soap.good("Create", *rows)


def query(key: str, sql: str, target: str, kind: str = "Overwrite") -> str:
    return (
        f'<Objects xsi:type="QueryDefinition"><CustomerKey>{key}</CustomerKey><Name>{key}</Name>'
        f"<QueryText>{escape(sql)}</QueryText><TargetType>DE</TargetType><DataExtensionTarget>"
        f"<CustomerKey>{target}</CustomerKey></DataExtensionTarget><TargetUpdateType>{kind}</TargetUpdateType></Objects>"
    )


def start(soap: Soap, key: str, kind: str = "QueryDefinition") -> Reply:
    return soap.call(
        "Perform",
        f'<PerformRequestMsg><Action>start</Action><Definitions><Definition xsi:type="{kind}">'
        f"<CustomerKey>{key}</CustomerKey></Definition></Definitions></PerformRequestMsg>",
    )


def until(soap: Soap, target: str, fields: list[str], wanted: list[tuple[str, ...]]) -> None:
    """Wait until the rows are there: completion can be seen by nothing else."""
    deadline = time.monotonic() + 30
    while True:
        found = sorted(tuple(one[name] for name in fields) for one in soap.rows(target, fields))
        if found == sorted(wanted):
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def target(soap: Soap, key: str, *fields: str) -> None:
    soap.good("Create", data_extension(key, *(fields or (KEY_FIELD, a_field("First Name", MaxLength=50)))))


def test_a_query_overwrites_appends_and_updates_its_target(soap: Soap, key: str) -> None:
    target(soap, key)
    soap.good("Create", row(key, {"Key": "old", "First Name": "x"}))
    made = soap.good("Create", query(key, "SELECT Key, [First Name] FROM [Our People] WHERE N < 3", key))
    assert made.text("Results/StatusMessage") == "QueryDefinition created"
    begun = start(soap, key)
    assert begun.text("Results/Result/StatusMessage") == "QueryDefinition perform called successfully"
    assert begun.text("Results/Result/Task/InteractionObjectID") == made.text("Results/NewObjectID")
    until(soap, key, ["Key", "First Name"], [("a", "Ada"), ("b", "bob")])

    soap.good("Update", query(key, "SELECT Key, [First Name] FROM [Our People] WHERE N = 3", key, "Append"))
    start(soap, key)
    until(soap, key, ["Key", "First Name"], [("a", "Ada"), ("b", "bob"), ("c", "BOB")])

    text = "SELECT UPPER(Key) AS Key, 'new' AS [First Name] FROM [Our People] WHERE N = 1 UNION SELECT 'd', 'new'"
    soap.good("Update", query(key, text, key, "Update"))
    start(soap, key)
    until(soap, key, ["Key", "First Name"], [("a", "new"), ("b", "bob"), ("c", "BOB"), ("d", "new")])

    shown = soap.retrieve("QueryDefinition", ["QueryText", "Status", "DataExtensionTarget.Name"], equals("Name", key))
    assert shown.text("Results/QueryText") == text
    assert shown.text("Results/Status") == "Active"
    assert shown.text("Results/DataExtensionTarget/Name") == key
    assert soap.good("Delete", query(key, "", key)).text("Results/StatusMessage") == "QueryDefinition deleted"
    assert start(soap, key).text("OverallStatus") == "Error"


def test_t_sql_means_here_what_it_means_there(soap: Soap, key: str) -> None:
    fields = [KEY_FIELD, a_field("Text", MaxLength=100), a_field("Day", "Date"), a_field("Half", "Number")]
    target(soap, key, *fields)
    text = (
        "SELECT TOP 2 p.Key, p.[First Name] + ' / ' + CONVERT(varchar(10), p.Born, 120) AS Text,"
        " DATEADD(day, 30, p.Born) AS Day, COUNT(*) OVER () * 5 / 2 AS Half FROM [Our People] p WITH (NOLOCK)"
        " INNER JOIN [Our People] q ON q.[First Name] = p.[First Name] AND q.Key <> p.Key"
        " WHERE p.[First Name] LIKE 'B%' AND p.Born > '1/1/2000' AND p.Born < GETDATE() ORDER BY p.Key"
    )
    soap.good("Create", query(key, text, key))
    start(soap, key)
    wanted = [("b", "bob / 2000-01-02", "2/1/2000 12:00:00 AM"), ("c", "BOB / 2000-01-03", "2/2/2000 12:00:00 AM")]
    until(soap, key, ["Key", "Text", "Day", "Half"], [(*one, "5") for one in wanted])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("DELETE FROM [Our People]", "Only one SELECT statement"),
        ("SELECT Key FROM [Our People]; SELECT Key FROM [Our People]", "Only one SELECT statement"),
        ("SELECT Key INTO x FROM [Our People]", "INTO is not supported"),
        ("DECLARE @a int", "Only one SELECT statement"),
        ("EXEC xp_cmdshell 'x'", "Only one SELECT statement"),
        ("SELEC Key FROM [Our People]", "Incorrect syntax"),
        ("SELECT Key FROM nowhere", "Invalid object name 'nowhere'"),
        ("SELECT Missing AS Key FROM [Our People]", "Invalid column name 'missing'"),
        ("SELECT Key + 'x' FROM [Our People]", "No column name was specified for column 1"),
        ("SELECT Key, N FROM [Our People]", "The column 'N' is not a field"),
        ("SELECT [First Name] FROM [Our People]", "The required field 'Key'"),
        # What DuckDB would offer: files, settings, other tables.
        ("SELECT Key FROM read_csv('/etc/hostname')", "not a recognized built-in function"),
        ("SELECT read_text('/etc/hostname') AS Key", "'read_text' is not a recognized built-in function"),
        ("SELECT getenv('HOME') AS Key", "'getenv' is not a recognized built-in function"),
        ("SELECT body AS Key FROM documents", "Invalid object name 'documents'"),
        ("SELECT name AS Key FROM duckdb_settings()", "'duckdb_settings' is not a recognized"),
        ("SELECT table_name AS Key FROM information_schema.tables", "Invalid object name 'information_schema.tables'"),
        ("SELECT a AS Key FROM '/etc/hostname'", "Invalid object name '/etc/hostname'"),
        ('SELECT Key FROM "2000001".rows.x', "Invalid object name"),
    ],
)
def test_what_is_no_query_is_refused_with_its_reason(soap: Soap, key: str, text: str, reason: str) -> None:
    target(soap, key)
    refused = soap.write("Create", query(key, text, key))
    assert refused.text("OverallStatus") == "Error"
    assert reason.lower() in refused.text("Results/StatusMessage").lower()


def test_an_update_needs_a_primary_key(soap: Soap, key: str) -> None:
    target(soap, key, a_field("First Name", MaxLength=50))
    refused = soap.write("Create", query(key, "SELECT [First Name] FROM [Our People]", key, "Update"))
    assert "primary key" in refused.text("Results/StatusMessage")
    assert soap.write("Create", query(key, "SELECT 1 AS x", "nowhere")).text("OverallStatus") == "Error"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT Key, REPLICATE('x', 51) AS [First Name] FROM [Our People]", "Append"),  # too long
        ("SELECT 'a' AS Key, [First Name] FROM [Our People]", "Append"),  # one key, three rows
        ("SELECT 'old' AS Key", "Append"),  # a key that is there
        ("SELECT NULLIF(Key, 'a') AS Key FROM [Our People]", "Append"),  # a null where none may be
        ("SELECT Key, CAST(CAST([First Name] AS int) AS varchar(9)) AS [First Name] FROM [Our People]", "Append"),
    ],
)
def test_a_query_fails_as_a_whole(simulator: Simulator, soap: Soap, key: str, text: str, kind: str) -> None:
    target(soap, key)
    soap.good("Create", row(key, {"Key": "old"}))
    soap.good("Create", query(key, text, key, kind))
    task = start(soap, key).text("Results/Result/Task/ID")
    deadline = time.monotonic() + 30
    while f"query {task} failed" not in simulator.log:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [one["Key"] for one in soap.rows(key, ["Key"])] == ["old"]
    told = next(line for line in simulator.log.splitlines() if f"query {task} failed" in line)
    assert "Ada" not in told


@pytest.mark.parametrize(("setting", "left"), [("cleared", []), ("kept", ["old"])])
def test_a_failed_overwrite_leaves_its_target_empty_or_as_it_was(tmp_path: Path, setting: str, left: list[str]) -> None:
    settings = ("--verbose", "--set", f"failed_overwrite={setting}", "--set", "query_checked_on_save=false")
    with running_simulator(tmp_path / "data", *settings) as simulator:
        soap = Soap(simulator)
        target(soap, "t")
        soap.good("Create", row("t", {"Key": "old"}))
        soap.good("Create", query("q", "SELECT 'a' AS Key UNION ALL SELECT 'a'", "t"))
        soap.good("Create", query("late", "SELECT Key FROM nowhere", "t"))
        task = start(soap, "q").text("Results/Result/Task/ID")
        never = start(soap, "late").text("Results/Result/Task/ID")
        deadline = time.monotonic() + 30
        while f"query {never} failed" not in simulator.log:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert f"query {task} failed: Violation of PRIMARY KEY" in simulator.log
        assert [one["Key"] for one in soap.rows("t", ["Key"])] == left


def test_a_run_that_waits_is_run_after_a_restart(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data", "--set", "query_delay_seconds=3600") as simulator:
        soap = Soap(simulator)
        target(soap, "t")
        soap.good("Create", query("q", "SELECT 'a' AS Key", "t"))
        start(soap, "q")
        simulator.kill()
        simulator.start("--set", "query_delay_seconds=0")
        until(Soap(simulator), "t", ["Key"], [("a",)])


def test_data_views_and_shared_data_extensions(simulator: Simulator, soap: Soap, key: str) -> None:
    events = {"sent": ["a", "b"], "open": ["a", "A"], "complaint": ["b"]}
    mine = (simulator.info["client_id"], simulator.info["client_secret"])
    url = simulator.info["rest_url"] + "sim/act"
    assert requests.post(url, json={"events": events, "send_id": 77}, auth=mine, timeout=60).status_code == 200
    target(soap, key)
    text = (
        "SELECT s.SubscriberKey AS Key, CAST(COUNT(o.JobID) AS varchar(9)) + ' ' + MAX(p.Status) AS [First Name]"
        " FROM _Sent s LEFT JOIN _Open o ON o.JobID = s.JobID AND o.SubscriberKey = s.SubscriberKey"
        " AND o.BatchID = s.BatchID AND o.ListID = s.ListID"
        " INNER JOIN _Subscribers p ON p.SubscriberID = s.SubscriberID WHERE s.JobID = 77 GROUP BY s.SubscriberKey"
    )
    soap.good("Create", query(key, text, key))
    start(soap, key)
    until(soap, key, ["Key", "First Name"], [("a", "2 active"), ("b", "0 unsubscribed")])

    child = Soap(simulator)
    assert child.login(account_id="2000001").status_code == 200
    target(child, key)
    for name in ("_Subscribers", "[Our People]", "ENT.[Our People]", "ENT._Sent"):
        assert child.write("Create", query(key, f"SELECT 'x' AS Key FROM {name}", key)).text("OverallStatus") == "Error"
    folder = soap.retrieve("DataFolder", ["ID"], equals("ContentType", "shared_dataextension")).text("Results/ID")
    more = f"<CategoryID>{folder}</CategoryID>"
    soap.good("Create", data_extension(f"s{key}", KEY_FIELD, more=more, name="Shared"))
    soap.good("Create", row(f"s{key}", {"Key": "of all"}))
    child.good("Create", query(key, "SELECT Key FROM ENT.Shared UNION SELECT SubscriberKey FROM ENT._Subscribers", key))
    start(child, key)
    until(child, key, ["Key"], [("a",), ("b",), ("of all",)])
