"""What no fact settles, the other way: each setting of objects and requests with the value that is not the default."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.errors import InvalidDefinition
from et_platform.exacttarget.filters import Condition, Operator
from et_platform.exacttarget.models import DataExtension, Field, FieldType
from et_platform.simulator import clock
from et_platform_tests.exacttarget.scripted import simulated_connection, until
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.extracting import arrived, extract, tables, tracking
from et_platform_tests.simulator.sending import a_list_of, email, performed, send_definition, sendable, sent
from et_platform_tests.simulator.soap import KEY_FIELD, Soap, data_extension, equals, row, simple
from et_platform_tests.simulator.test_asynchronous import options
from et_platform_tests.simulator.test_automations import filter_definition
from et_platform_tests.simulator.test_describe import describe
from et_platform_tests.simulator.test_extracts import act

SETTINGS = {
    "row_order": "key",
    "data_filter_operators": "refuse",
    "filter_definition_operators": "all",
    "one_value_of_in": "split",
    "unknown_type_description": "absent",
    "unknown_category": "keep",
    "calls_mismatch_code": "201",
    "insecure_callbacks": "accept",
    "async_queued_message": "Asynchronous request accepted",
    "version": "2.0",
    "bare_sub_objects": "refuse",
    "since_last_batch": "ignore",
    "extract_send_jobs_by": "SentTime",
    "send_delay_seconds": "2",
}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    settings = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
    with running_simulator(tmp_path_factory.mktemp("sim") / "data", *settings) as running:
        yield running


def test_rows_come_by_key_over_pages(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD))
    soap.good("Create", *(row(key, {"Key": one}) for one in ("b", "D", "a", "C")))
    reply = soap.retrieve(f"DataExtensionObject[{key}]", ["Key"], "", "<Options><BatchSize>3</BatchSize></Options>")
    more = soap.retrieve("", [], "", f"<ContinueRequest>{reply.text('RequestID')}</ContinueRequest>")
    assert [one["Key"] for one in reply.rows + more.rows] == ["a", "b", "C", "D"]


def test_operators_of_a_data_filter_are_refused(soap: Soap) -> None:
    status = soap.retrieve("DataExtension", ["Name"], simple("Name", "beginsWith", "x")).text("OverallStatus")
    assert status == "Error: The operator beginsWith is for a DataFilter only."


def test_a_filter_definition_takes_what_a_retrieve_takes(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD))
    soap.good("Create", filter_definition(key, key, simple("Key", "contains", "a", tag="DataFilter")))


def test_one_value_of_in_may_be_several(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD))
    soap.good("Create", *(row(key, {"Key": one}) for one in ("a", "b", "c")))
    found = soap.rows(key, ["Key"], simple("Key", "IN", "a, C"))
    assert [one["Key"] for one in found] == ["a", "c"]
    assert soap.rows(key, ["Key"], simple("Key", "IN", "a,b", "c")) == [{"Key": "c"}]  # several Values: as they are


def test_the_clients_conditions_hold_here_too_or_are_refused_in_words(simulator: Simulator, key: str) -> None:
    fields = (
        Field(name="Id", type=FieldType.Text, max_length=20, is_primary_key=True, is_required=True),
        Field(name="City", type=FieldType.Text, max_length=20),
    )
    rows = [{"Id": "1", "City": "a, b"}, {"Id": "2", "City": "a"}, {"Id": "3", "City": "b"}]
    with ExactTarget(simulated_connection(simulator.info)) as client:
        client.data_extensions.create(data_extension=DataExtension(customer_key=key, name=key, fields=fields))
        write = client.rows.insert_later(customer_key=key, rows=rows)
        assert [one.ok for one in until(lambda: client.rows.results_of(write=write))] == [True] * 3

        def found(operator: Operator, value: str | list[str]) -> list[str]:
            where = Condition(field="City", operator=operator, value=value)
            batches = client.rows.read(customer_key=key, fields=["Id"], where=where, batch_size=1)
            return [row["Id"] for batch in batches for row in batch.to_pylist()]

        assert found("IN", ["a, b"]) == ["1"]  # one value stays one
        assert found("IN", ["a", "b"]) == ["2", "3"]
        with pytest.raises(InvalidDefinition, match="The operator beginsWith is for a DataFilter only"):
            found("beginsWith", "a")


def test_a_sub_object_alone_is_unknown(soap: Soap) -> None:
    status = soap.retrieve("List", ["Client", "ID"]).text("OverallStatus")
    assert status == "Error: The Request Property(s) Client do not match with the fields of List retrieve"


def test_everything_comes_again_though_the_last_batch_was_got(simulator: Simulator, soap: Soap, key: str) -> None:
    act(simulator, click=[key])
    since = "<RetrieveAllSinceLastBatch>true</RetrieveAllSinceLastBatch>"
    both = [soap.retrieve("ClickEvent", ["SubscriberKey"], "", since) for _ in range(2)]
    assert [one.texts("Results/SubscriberKey") for one in both] == [[key], [key]]


def test_a_send_is_told_in_the_window_in_which_it_was_done(simulator: Simulator, soap: Soap, key: str) -> None:
    """The window begins between the moment for which it was scheduled and the one at which it was done."""
    soap.good("Create", send_definition(key, email(soap, key), a_list_of(sendable(soap, key, {"a": "a@x.example"}))))
    number = performed(soap, "EmailSendDefinition", key).text("Results/Result/Task/ID")
    done = datetime.fromisoformat(sent(soap, number)["SentDate"]).replace(microsecond=0)
    begun = soap.retrieve("Send", ["SendDate"], equals("ID", number)).text("Results/SendDate")
    assert datetime.fromisoformat(begun) < done
    window = {"StartDate": clock.american(done), "EndDate": clock.american(done + timedelta(days=1))}
    extract(soap, tracking(f"{key}.zip", "ExtractSendJobs", **window))
    assert [one["SendID"] for one in tables(arrived(simulator, f"{key}.zip"))["SendJobs.csv"]] == [number]


def test_an_unknown_type_has_no_description(soap: Soap) -> None:
    assert describe(soap, "Unicorn", "List").texts("ObjectDefinition/ObjectType") == ["List"]


def test_an_unknown_category_is_kept(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD, more="<CategoryID>4711</CategoryID>"))
    shown = soap.retrieve("DataExtension", ["CategoryID"], equals("CustomerKey", key))
    assert shown.text("Results/CategoryID") == "4711"


def test_asynchronous_requests(soap: Soap, key: str) -> None:
    one = row(key, {"Key": "1"})
    accepted = soap.good("Create", one, options=options(key, 1, 2))
    assert accepted.text("Results/StatusMessage") == SETTINGS["async_queued_message"]
    assert soap.write("Create", one, options=options(key, 2, 3)).text("Results/ErrorCode") == "201"
    posted = "<SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>http://x</ResponseAddress>"
    soap.good("Create", one, options=options(more=f"{posted}</SendResponseTo>"))


def test_the_version_is_told(soap: Soap) -> None:
    body = "<VersionInfoRequestMsg><IncludeVersionHistory>0</IncludeVersionHistory></VersionInfoRequestMsg>"
    assert soap.call("VersionInfo", body).text("VersionInfo/Version") == SETTINGS["version"]
