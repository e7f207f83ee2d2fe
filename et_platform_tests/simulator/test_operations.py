"""Perform, and what the writing operations say of objects that they cannot take."""

from __future__ import annotations

import pytest

from et_platform_tests.simulator.soap import PERSON, Reply, Soap, data_extension, import_definition, named, row


def perform(soap: Soap, kind: str, key: str, action: str = "Start", more: str = "") -> Reply:
    return soap.call(
        "Perform",
        f"<PerformRequestMsg>{more}<Action>{action}</Action><Definitions>"
        f'<Definition xsi:type="{kind}">{f"<CustomerKey>{key}</CustomerKey>" if key else ""}</Definition>'
        "</Definitions></PerformRequestMsg>",
    )


@pytest.mark.parametrize("action", ["ClearData", "cleardata"])
def test_clear_data_empties_a_data_extension(soap: Soap, key: str, action: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    soap.good("Create", row(key, {"Key": "1"}), row(key, {"Key": "2"}))
    reply = perform(soap, "DataExtension", key.upper(), action)
    assert reply.text("OverallStatus") == "OK"
    assert reply.text("Results/Result/Object/CustomerKey") == key
    assert soap.rows(key, ["Key"]) == []
    soap.good("Create", row(key, {"Key": "1"}))


def test_clear_data_needs_a_data_extension(soap: Soap, key: str) -> None:
    assert perform(soap, "DataExtension", "", "ClearData").text("Results/Result/ErrorCode") == "310001"
    assert perform(soap, "DataExtension", key, "ClearData").text("Results/Result/ErrorCode") == "310002"


@pytest.mark.parametrize(
    ("kind", "action", "code"),
    [
        ("DataExtension", "Start", "5"),
        ("ImportDefinition", "ClearData", "5"),
        ("ImportDefinition", "Stop", "5"),
        ("DataFolder", "Start", "100"),
        ("Unicorn", "Start", "100"),
    ],
)
def test_what_cannot_be_performed(soap: Soap, key: str, kind: str, action: str, code: str) -> None:
    soap.good("Create", data_extension(key, *PERSON), import_definition(key, key, "a.csv"))
    reply = perform(soap, kind, key, action)
    assert (reply.text("OverallStatus"), reply.text("Results/Result/ErrorCode")) == ("Error", code)


@pytest.mark.parametrize(
    ("operation", "wrong", "code"),
    [
        ("Create", "<Objects/>", "6"),
        ("Create", named("Unicorn", "u"), "8"),
        ("Delete", named("DataExtensionTemplate", "u"), "8"),
        ("Update", named("Role", "u"), "8"),
    ],
)
def test_objects_that_an_operation_does_not_take(soap: Soap, key: str, operation: str, wrong: str, code: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    reply = soap.write(
        operation, named("DataExtension", key).replace("</Objects>", f"<Name>{key}</Name></Objects>"), wrong
    )
    assert reply.texts("Results/ErrorCode")[-1] == code
    assert reply.texts("Results/OrdinalID") == ["0", "1"]


def test_a_request_about_nothing_is_a_fault(soap: Soap) -> None:
    for action, body in (
        ("Create", "<CreateRequest/>"),
        ("Perform", "<PerformRequestMsg><Action>Start</Action></PerformRequestMsg>"),
    ):
        reply = soap.call(action, body)
        assert reply.status == 500
        assert "no objects" in (reply.message.findtext("faultstring") or "")


def get_user_token(soap: Soap, user: str = "") -> Reply:
    more = f"<Parameters><Name>UserPartnerKey</Name><Value>{user}</Value></Parameters>" if user else ""
    return soap.call(
        "Execute", f"<ExecuteRequestMsg><Requests><Name>GetUserToken</Name>{more}</Requests></ExecuteRequestMsg>"
    )


def test_get_user_token_gives_a_token_and_where_to_take_it(soap: Soap) -> None:
    reply = get_user_token(soap)
    token, address = reply.texts("Results/Results/Value")
    assert address.endswith("/Integration/ILogin.aspx")
    # It is no token for the API.
    other = Soap(soap.simulator, token=token)
    assert other.retrieve("DataExtension", ["Name"]).text("OverallStatus") == "Error: API Permission Failed."
    assert get_user_token(soap, "nobody").text("Results/ErrorCode") == "12"
