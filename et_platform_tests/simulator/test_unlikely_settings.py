"""Imports, requests, queries, REST and sends where settings have the value that is not the default."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from et_platform_tests.faults.ordering import Faults
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.extracting import extract, request
from et_platform_tests.simulator.importing import ready
from et_platform_tests.simulator.sending import a_list_of, email, figures, send_definition, sendable, sending
from et_platform_tests.simulator.soap import (
    KEY_FIELD,
    PERSON,
    Soap,
    data_extension,
    equals,
    row,
    simple,
)
from et_platform_tests.simulator.soap import figures as imported
from et_platform_tests.simulator.test_asynchronous import ITEM, options, retrieved
from et_platform_tests.simulator.test_automations import automation
from et_platform_tests.simulator.test_queries import query, start, until
from et_platform_tests.simulator.test_rest import reading, rest_of
from et_platform_tests.simulator.test_retention import advance, keys, made
from et_platform_tests.simulator.test_subscribers import execute, status_of, subscriber

CHILD = "2000001"
SETTINGS = {
    "summary_delay_seconds": "0",
    "ragged_rows": "pad",
    "unknown_headings": "fail",
    "skipped_rows": "duplicated",
    "update_only_missing": "duplicated",
    "check_email_format": "false",
    "processing_word": "Reading",
    "writing_word": "Writing",
    "continue_minutes": "0",
    "customer_key_length": "36",
    "unknown_row_fields": "error",
    "name_taken_code": "77",
    "async_delay_seconds": "1",
    "automation_filters": "all",
    "child_queries_all_accounts": "true",
    "subscriber_key_permission": "false",
    "check_scopes": "false",
    "rest_requests_per_minute": "20",
    "rest_rate_answer": "50200",
    "rowset_token_minutes": "0",
    "query_ctes": "refuse",
    "query_timeout_minutes": "0.005",
    "extract_error_code": "99",
    "operational_to_unsubscribed": "false",
    "send_complex_filter": "answer",
    "retention_recurs": "true",
}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    settings = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
    units = ("--mid", "1000001", "--business-unit", f"{CHILD}:Child")
    with running_simulator(tmp_path_factory.mktemp("sim") / "data", *settings, *units) as running:
        yield running


CONTROL = (
    "<ControlColumnActions><ControlColumnAction><Value>S</Value><Action>Skip</Action></ControlColumnAction>"
    "</ControlColumnActions>"
)


@pytest.mark.parametrize(
    ("content", "more", "changed", "expected"),
    [
        pytest.param("Key,Name\na\nb,x,more\n", "", {}, ("Completed", 2, 0, 0, 2), id="ragged_rows"),
        pytest.param("Key,Nmae\na,x\n", "", {}, ("Error", 0, 0, 0, 0), id="unknown_headings"),
        pytest.param(
            "Key,Name\na,S\n",
            CONTROL,
            {"UpdateType": "ColumnBased", "ControlColumn": "Name"},
            ("Completed", 0, 1, 0, 1),
            id="skipped_rows",
        ),
        pytest.param(
            "Key\na\n", "", {"UpdateType": "UpdateButDoNotAdd"}, ("Completed", 0, 1, 0, 1), id="update_only_missing"
        ),
        pytest.param("Key,Email\na,nobody\n", "", {}, ("Completed", 1, 0, 0, 1), id="check_email_format"),
    ],
)
def test_imports(
    soap: Soap, key: str, content: str, more: str, changed: dict[str, str], expected: tuple[str, int, int, int, int]
) -> None:
    ready(soap, key, content, more, **changed)
    assert imported(soap.run(key)) == expected


@pytest.mark.parametrize(("when", "word"), [("during", "Reading"), ("after", "Writing")])
def test_the_words_of_an_import(simulator: Simulator, soap: Soap, key: str, when: str, word: str) -> None:
    ready(soap, key, "Key\n1\n")
    faults = Faults(simulator.info)
    with faults.striking("stall", at="import", when=when, key=key) as name:
        task = soap.perform(key).text("Results/Result/Task/ID")
        soap.wait(task, (word,))
        deadline = time.monotonic() + 60
        while not faults.shown(name)["struck"]:  # the word is told a moment before the import stands still
            assert time.monotonic() < deadline
            time.sleep(0.02)
        faults.release(name)
        assert imported(soap.wait(task)) == ("Completed", 1, 0, 0, 1)


def test_rows_and_definitions(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    refused = soap.write("Create", row(key, {"Key": "1", "Shoe": "44"}))
    assert refused.text("Results/ValueErrors/ValueError/Name") == "Shoe"
    soap.good("Create", row(key, {"Key": "1", "Email": "nobody"}))
    taken = soap.write("Create", data_extension(f"{key}-2", KEY_FIELD, name=key))
    assert taken.text("Results/ErrorCode") == "77"
    assert soap.write("Create", data_extension("k" * 37, KEY_FIELD)).text("OverallStatus") == "Error"
    soap.good("Create", data_extension("k" * 36, KEY_FIELD))


def test_a_retrieve_cannot_be_continued(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD), row(key, {"Key": "1"}), row(key, {"Key": "2"}))
    reply = soap.retrieve(f"DataExtensionObject[{key}]", ["Key"], more="<Options><BatchSize>1</BatchSize></Options>")
    assert reply.text("OverallStatus") == "MoreDataAvailable"
    more = soap.retrieve("", [], "", f"<ContinueRequest>{reply.text('RequestID')}</ContinueRequest>")
    assert more.text("OverallStatus").startswith("Error")


def test_an_asynchronous_request_takes_effect_later(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD))
    accepted = soap.good("Create", row(key, {"Key": "1"}), options=options())
    assert soap.rows(key, ["Key"]) == []
    retrieved(soap, "ResultItem", ITEM, accepted.text("RequestID"), 1)
    assert soap.rows(key, ["Key"]) == [{"Key": "1"}]


def test_filters_of_automations_and_of_sends(soap: Soap, key: str) -> None:
    soap.good("Create", automation(key))
    found = soap.retrieve("Automation", ["CustomerKey"], simple("CustomerKey", "like", key[1:]))
    assert found.texts("Results/CustomerKey") == [key]
    audience = sendable(soap, key, {f"{key}a": "a@x.example"})
    soap.good("Create", send_definition(key, email(soap, key), a_list_of(audience)))
    job = sending(soap, key)["ID"]
    part = simple("ID", "equals", job, tag="LeftOperand"), simple("ID", "equals", job, tag="RightOperand")
    both = f'<Filter xsi:type="ComplexFilterPart">{part[0]}<LogicalOperator>AND</LogicalOperator>{part[1]}</Filter>'
    assert soap.retrieve("Send", ["ID"], both).texts("Results/ID") == [job]


def test_an_operational_send_does_not_reach_those_who_left(soap: Soap, key: str) -> None:
    audience = sendable(soap, key, {f"{key}a": "a@x.example", f"{key}b": "b@x.example"})
    soap.good("Create", subscriber(f"{key}a", "a@x.example", Status="Unsubscribed"))
    lists = a_list_of(audience)
    soap.good("Create", send_definition(key, email(soap, key), lists, "Default Transactional"))
    assert figures(sending(soap, key)) == {"NumberTargeted": 2, "NumberSent": 1, "ExistingUnsubscribes": 1}


def test_an_address_is_enough_to_unsubscribe(soap: Soap, key: str) -> None:
    soap.good("Create", subscriber(key, f"{key}@x.example"))
    assert execute(soap, EmailAddress=f"{key}@x.example").text("OverallStatus") == "OK"
    assert status_of(soap, key) == "Unsubscribed"


def test_a_child_asks_all_units(simulator: Simulator, soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD))
    child = Soap(simulator)
    assert child.login(account_id=CHILD).status_code == 200
    everywhere = "<QueryAllAccounts>true</QueryAllAccounts>"
    found = child.retrieve("DataExtension", ["Client.ID"], equals("CustomerKey", key), everywhere)
    assert found.texts("Results/Client/ID") == ["1000001"]


def test_rest_pages_cannot_be_read_on_and_callers_are_blocked(simulator: Simulator, soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD), row(key, {"Key": "1"}))
    rest = rest_of(simulator)
    token = rest("GET", reading(key)).json()["requestToken"]
    assert rest("GET", f"data/v1/customobjectdata/token/{token}/rowset").status_code == 400
    blocked = next(one for one in (rest("GET", reading(key)) for _ in range(21)) if one.status_code == 429)
    assert blocked.json()["errorcode"] == 50200


def test_scopes_are_not_asked_for(simulator: Simulator, key: str) -> None:
    narrow = Soap(simulator)
    assert narrow.login(scope="data_extensions_read").status_code == 200
    narrow.good("Create", data_extension(key, KEY_FIELD))


def test_queries_without_ctes_and_that_take_too_long(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD))
    soap.good("Create", *(row(key, {"Key": str(number)}) for number in range(100)))
    refused = soap.write("Create", query(key, f"WITH a AS (SELECT Key FROM [{key}]) SELECT Key FROM a", key))
    assert refused.text("OverallStatus") == "Error"
    soap.good("Create", data_extension(f"{key}t", KEY_FIELD), row(f"{key}t", {"Key": "old"}))
    many = ", ".join(f"[{key}] {name}" for name in "bcdef")  # a hundred to the sixth rows
    text = f"SELECT MAX(a.Key + b.Key + c.Key + d.Key + e.Key + f.Key) AS [Key] FROM [{key}] a, {many}"
    soap.good("Create", query(key, text, f"{key}t"))
    start(soap, key)
    until(soap, f"{key}t", ["Key"], [])  # the Overwrite that failed has cleared its target


def test_the_code_of_a_refused_extract(soap: Soap) -> None:
    assert extract(soap, request("unknown", {})).text("Results/ErrorCode") == "99"


def test_a_period_of_retention_begins_anew(simulator: Simulator, soap: Soap, key: str) -> None:
    made(soap, key, DeleteAtEndOfRetentionPeriod="true")
    advance(simulator, "--days", "11")
    assert keys(soap, key) == []
    soap.good("Create", row(key, {"Key": "later"}))
    advance(simulator, "--days", "6")
    assert keys(soap, key) == ["later"]
