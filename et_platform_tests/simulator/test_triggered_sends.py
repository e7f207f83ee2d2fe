"""Triggered sends over SOAP: definitions and their status, subscribers that fail under an OK status, summaries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.sending import active, email, summary, triggered, triggered_definition
from et_platform_tests.simulator.soap import KEY_FIELD, Reply, Soap, a_field, data_extension, equals
from et_platform_tests.simulator.test_act import good as act
from et_platform_tests.simulator.test_subscribers import subscriber


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running_simulator(tmp_path_factory.mktemp("sim") / "data", "--verbose") as running:
        yield running


def person(key: str, **more: str) -> dict[str, str]:
    return {"SubscriberKey": key, "EmailAddress": f"{key}@x.example"} | more


def failures(reply: Reply) -> list[tuple[str, str]]:
    path = "Results/SubscriberFailures"
    return list(zip(reply.texts(f"{path}/Ordinal"), reply.texts(f"{path}/ErrorDescription"), strict=True))


def status(soap: Soap, key: str) -> str:
    shown = soap.retrieve("TriggeredSendDefinition", ["TriggeredSendStatus"], equals("CustomerKey", key))
    return shown.text("Results/TriggeredSendStatus")


def test_a_definition_begins_as_new_and_an_update_activates_it(soap: Soap, key: str) -> None:
    made = soap.good("Create", triggered_definition(key, email(soap, key), TriggeredSendStatus="Active"))
    assert made.text("Results/StatusMessage") == "TriggeredSendDefinition created"
    assert status(soap, key) == "New"
    refused = soap.write("Create", triggered(key, person("a")))
    assert [refused.text("OverallStatus"), refused.text("Results/ErrorCode")] == ["Error", "18001"]

    soap.good("Update", triggered_definition(key, TriggeredSendStatus="Active"))
    assert status(soap, key) == "Active"
    reply = soap.good("Create", triggered(key, person(f"{key}a"), person(f"{key}b")))
    assert reply.text("Results/StatusMessage") == "Created TriggeredSend"
    assert failures(reply) == []
    assert summary(soap, key) == {"Sent": 2}

    soap.good("Update", triggered_definition(key, TriggeredSendStatus="Canceled"))
    assert soap.write("Create", triggered(key, person("a"))).text("Results/ErrorCode") == "18002"
    again = soap.write("Update", triggered_definition(key, TriggeredSendStatus="Active"))
    assert again.text("Results/ErrorCode") == "17000"
    deleted = soap.good("Delete", triggered_definition(key))
    assert deleted.text("Results/StatusMessage") == "TriggeredSendDefinition deleted"
    assert soap.write("Create", triggered(key, person("a"))).text("Results/ErrorCode") == "18002"


def test_subscribers_fail_under_an_ok_status(soap: Soap, key: str) -> None:
    active(soap, key)
    soap.good("Create", subscriber(f"{key}u", f"{key}u@x.example", Status="Unsubscribed"))
    soap.good("Create", subscriber(f"{key}h", f"{key}h@x.example", Status="Held"))
    wanted = [
        person(f"{key}a"),
        {"SubscriberKey": f"{key}n"},
        {"SubscriberKey": f"{key}i", "EmailAddress": "no address"},
        person(f"{key}u"),
        person(f"{key}h"),
    ]
    reply = soap.write("Create", triggered(key, *wanted))
    assert reply.text("OverallStatus") == "OK"
    assert reply.text("Results/StatusMessage") == "Created TriggeredSend"
    assert [place for place, _ in failures(reply)] == ["1", "2", "3", "4"]
    assert "unsubscribed" in failures(reply)[2][1]
    assert summary(soap, key) == {
        "Sent": 1,
        "NotSentDueToOptOut": 1,
        "NotSentDueToUndeliverable": 1,
        "NotSentDueToError": 4,
    }


def test_an_inactive_definition_queues_until_it_is_active_again(soap: Soap, key: str) -> None:
    active(soap, key)
    soap.good("Update", triggered_definition(key, TriggeredSendStatus="Inactive"))
    soap.good("Create", triggered(key, person(f"{key}a"), person(f"{key}b")))
    assert summary(soap, key) == {"Queued": 2}
    soap.good("Update", triggered_definition(key, TriggeredSendStatus="Active"))
    assert summary(soap, key) == {"Sent": 2}


def test_what_people_do_with_it_is_in_the_summary_and_the_send(simulator: Simulator, soap: Soap, key: str) -> None:
    active(soap, key)
    soap.good("Create", triggered(key, person(f"{key}a"), person(f"{key}b")))
    shown = soap.retrieve("Send", ["ID", "SentDate", "NumberSent"], equals("EmailName", key))
    assert [shown.text("Results/NumberSent"), shown.texts("Results/SentDate")] == ["2", []]
    options = ("--send-id", shown.text("Results/ID"), "--triggered-send", key)
    act(simulator, "--open", f"{key}a", f"{key}a", "--unsubscribe", f"{key}b", *options)
    assert summary(soap, key) == {"Sent": 2, "Opens": 2, "UniqueOpens": 1, "OptOuts": 1}


def test_subscribers_are_added_and_updated_as_the_definition_says(soap: Soap, key: str) -> None:
    active(soap, key, AutoAddSubscribers="false")
    reply = soap.write("Create", triggered(key, person(f"{key}a")))
    assert "not known" in failures(reply)[0][1]
    soap.good("Create", subscriber(f"{key}a", "old@x.example"))
    soap.good("Create", triggered(key, person(f"{key}a", Attribute="x")))
    known = soap.retrieve("Subscriber", ["EmailAddress"], equals("SubscriberKey", f"{key}a"))
    assert known.text("Results/EmailAddress") == f"{key}a@x.example"


def test_a_row_goes_into_the_data_extension_of_the_definition(soap: Soap, key: str) -> None:
    fields = [a_field("SubscriberKey", MaxLength=50, key=True), a_field("EmailAddress", "EmailAddress")]
    soap.good("Create", data_extension(key, *fields, a_field("Order", "Number")))
    source = f"<SendSourceDataExtension><CustomerKey>{key}</CustomerKey></SendSourceDataExtension>"
    active(soap, key, source)
    reply = soap.write("Create", triggered(key, person(f"{key}a", Order="7"), person(f"{key}b", Order="seven")))
    assert reply.text("OverallStatus") == "OK"
    assert [place for place, _ in failures(reply)] == ["1"]
    assert soap.rows(key, ["SubscriberKey", "Order"]) == [{"SubscriberKey": f"{key}a", "Order": "7"}]
    assert summary(soap, key) == {"Sent": 1, "NotSentDueToError": 1}


def test_what_is_wrong_with_a_definition_has_its_own_codes(soap: Soap, key: str) -> None:
    number = email(soap, key)
    assert soap.write("Create", triggered_definition(key, "1")).text("Results/ErrorCode") == "17016"
    wrong_list = triggered_definition(key, number, "<List><ID>999</ID></List>")
    assert soap.write("Create", wrong_list).text("Results/ErrorCode") == "17017"
    assert soap.write("Update", triggered_definition(key)).text("Results/ErrorCode") == "17015"
    assert soap.write("Create", triggered(key, person("a"))).text("Results/ErrorCode") == "18002"
    soap.good("Create", data_extension(key, KEY_FIELD))
    assert soap.write("Update", triggered(key, person("a"))).text("Results/ErrorCode") == "5"


@pytest.mark.parametrize("strict", [False, True])
def test_settings_of_failures(tmp_path, strict: bool) -> None:
    settings = ("--set", "triggered_exclusions=not_sent", "--set", "triggered_all_failed=error")
    with running_simulator(tmp_path / "data", *(settings if strict else ())) as running:
        soap = Soap(running)
        active(soap, "k")
        soap.good("Create", subscriber("u", "u@x.example", Status="Unsubscribed"))
        left = soap.write("Create", triggered("k", person("u")))
        assert len(failures(left)) == (0 if strict else 1)
        nobody = soap.write("Create", triggered("k", {"SubscriberKey": "n"}))
        assert nobody.text("OverallStatus") == ("Error" if strict else "OK")
        assert len(failures(nobody)) == 1
