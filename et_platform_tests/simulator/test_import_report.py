"""The e-mail after an import: the only place that tells why a row was rejected."""

from __future__ import annotations

import pytest

from et_platform_tests.simulated import Simulator
from et_platform_tests.simulator.importing import NOTIFY, mail, put, ready, rejected
from et_platform_tests.simulator.soap import Soap, figures, import_definition


def test_an_email_tells_which_rows_were_rejected_and_why(soap: Soap, simulator: Simulator, key: str) -> None:
    content = f"Key,Name,Age\n1,ok,1\n2,{'x' * 51},old\n,none,1\n3,ok\n1,again,2\n"
    ready(soap, key, content, NOTIFY.format(""))
    summary = soap.run(key)
    assert figures(summary) == ("Completed", 1, 1, 3, 5)
    message = mail(simulator, summary["TaskResultID"])
    assert message["To"] == "ops@a.example"
    assert message["Subject"] == f"Import Completed: {key}"
    body = message.get_body()
    assert body is not None
    assert "Errors: 3" in body.get_content()
    assert rejected(message) == [
        ["Row", "Reason"],
        ["1", "the key is there more than once"],
        ["2", "Name is longer than 50 characters"],
        ["3", "Key is required"],
        ["4", "the row has too few or too many fields"],
    ]


def test_an_email_tells_why_an_import_did_not_run(soap: Soap, simulator: Simulator, key: str) -> None:
    ready(soap, key, b"PK\x03\x04...", NOTIFY.format(""))
    task = soap.run(key)["TaskResultID"]
    body = mail(simulator, task).get_body()
    assert body is not None
    assert "is a ZIP archive; a File Transfer activity must unpack it first" in body.get_content()


def test_an_email_is_sent_when_it_is_asked_for(soap: Soap, simulator: Simulator, key: str) -> None:
    ready(soap, key, "Key,Age\n1,x\n", NOTIFY.format("<RespondWhen>OnError</RespondWhen>"))
    assert mail(simulator, soap.run(key)["TaskResultID"])
    put(simulator, f"{key}.csv", "Key,Age\n1,1\n")
    quiet = soap.run(key)["TaskResultID"]
    soap.good("Create", import_definition(f"{key}-2", key, f"{key}.csv"))
    silent = soap.run(f"{key}-2")["TaskResultID"]
    for task in (quiet, silent):
        with pytest.raises(FileNotFoundError):
            mail(simulator, task)
