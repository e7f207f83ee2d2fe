"""The clock that can be set forward, and what expires as it goes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.models import SERVER_TIME, DataExtension, Field, FieldType, Retention
from et_platform.simulator import clock
from et_platform.simulator.cli import sim
from et_platform_tests.exacttarget.scripted import simulated_connection
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.importing import ready
from et_platform_tests.simulator.soap import (
    KEY_FIELD,
    Soap,
    a_field,
    data_extension,
    equals,
    figures,
    import_definition,
    row,
)


def advance(simulator: Simulator, *args: str) -> datetime:
    """Set the clock forward; the new server time."""
    result = CliRunner().invoke(sim, ["advance", "--data", str(simulator.data_dir), *args])
    assert result.exit_code == 0, result.output
    return datetime.fromisoformat(json.loads(result.output)["now"])


def policy(**properties: str) -> str:
    stated = {"DataRetentionPeriodLength": "10", "DataRetentionPeriod": "Days"} | properties
    return "".join(f"<{name}>{value}</{name}>" for name, value in stated.items())


def made(soap: Soap, key: str, **properties: str) -> None:
    """A data extension with a policy, one row, and an import definition for two rows: the old one and a new one."""
    ready(soap, key, "Key,Name\nold,changed\nnew,new\n", retention=policy(**properties))
    soap.good("Create", row(key, {"Key": "old", "Name": "before"}))


def keys(soap: Soap, key: str) -> list[str]:
    return [one["Key"] for one in soap.rows(key, ["Key"])]


def test_each_row_goes_when_it_has_reached_the_age(soap: Soap, simulator: Simulator, key: str) -> None:
    made(soap, key, RowBasedRetention="true")
    advance(simulator, "--days", "5")
    soap.run(key)
    advance(simulator, "--days", "6")
    assert keys(soap, key) == ["new"]  # an import that changed the old row did not make it younger
    advance(simulator, "--days", "6")
    assert keys(soap, key) == []
    assert soap.retrieve("DataExtension", ["Name"], equals("CustomerKey", key)).text("Results/Name") == key


def test_an_import_makes_the_rows_it_changes_younger_if_the_policy_says_so(
    soap: Soap, simulator: Simulator, key: str
) -> None:
    made(soap, key, RowBasedRetention="true", ResetRetentionPeriodOnImport="true")
    soap.good("Create", row(key, {"Key": "other"}))
    advance(simulator, "--days", "5")
    soap.run(key)
    advance(simulator, "--days", "6")
    assert keys(soap, key) == ["old", "new"]


@pytest.mark.parametrize("resets", [True, False])
def test_all_rows_go_at_the_end_of_the_period_and_the_data_extension_stays(
    soap: Soap, simulator: Simulator, key: str, resets: bool
) -> None:
    made(soap, key, DeleteAtEndOfRetentionPeriod="true", ResetRetentionPeriodOnImport="true" if resets else "false")
    advance(simulator, "--days", "5")
    soap.run(key)
    advance(simulator, "--days", "6")
    assert keys(soap, key) == (["old", "new"] if resets else [])
    soap.good("Create", row(key, {"Key": "later"}))
    advance(simulator, "--days", "6")
    assert keys(soap, key) == []  # what came after the end goes the next night


def test_else_the_data_extension_goes_too(soap: Soap, simulator: Simulator, key: str) -> None:
    made(soap, key)
    until = clock.american(advance(simulator, "--minutes", "1") + timedelta(days=4))
    soap.good("Create", data_extension(f"{key}-until", KEY_FIELD, more=f"<RetainUntil>{until}</RetainUntil>"))
    advance(simulator, "--days", "6")
    found = soap.retrieve("DataExtension", ["CustomerKey"], "").texts("Results/CustomerKey")
    assert key in found
    assert f"{key}-until" not in found
    advance(simulator, "--days", "6")
    assert key not in soap.retrieve("DataExtension", ["CustomerKey"], "").texts("Results/CustomerKey")
    assert figures(soap.run(key)) == ("Error", 0, 0, 0, 0)  # the import definition outlives it


def test_the_client_keeps_the_data_extension_unless_it_is_told_otherwise(simulator: Simulator, key: str) -> None:
    """The flag's name says the opposite of what it does [R]; a client that sent it by its name would lose definitions."""
    field = Field(name="Id", type=FieldType.Text, max_length=20, is_primary_key=True, is_required=True)
    soon = advance(simulator, "--minutes", "1").replace(microsecond=0, tzinfo=SERVER_TIME) + timedelta(days=4)
    wanted = {
        "rows": Retention(length=3, unit="Days"),
        "whole": Retention(length=3, unit="Days", with_data_extension=True),
        "each": Retention(length=3, unit="Days", row_based=True),
        "until": Retention(until=soon),
    }
    with ExactTarget(simulated_connection(simulator.info)) as client:
        for name, retention in wanted.items():
            one = DataExtension(
                customer_key=f"{key}-{name}"[-36:], name=f"{key}-{name}", fields=(field,), retention=retention
            )
            client.data_extensions.create(data_extension=one)
            found = client.data_extensions.get(customer_key=one.customer_key)
            assert found is not None
            assert found.retention == retention
            assert found.created_at is not None
            assert found.created_at.tzinfo is not None
            (result,) = client.rows.insert(customer_key=one.customer_key, rows=[{"Id": "old"}])
            assert result.ok
        advance(simulator, "--days", "6")
        left = {one.customer_key for one in client.data_extensions.find_all()}
        assert [name for name in wanted if f"{key}-{name}"[-36:] in left] == ["rows", "each", "until"]
        for name in ("rows", "each", "until"):
            assert list(client.rows.read(customer_key=f"{key}-{name}"[-36:], fields=["Id"])) == []


def test_without_a_policy_nothing_expires_and_wrong_ones_are_refused(
    soap: Soap, simulator: Simulator, key: str
) -> None:
    soap.good("Create", data_extension(key, KEY_FIELD, a_field("Name", MaxLength=50)))
    soap.good("Create", row(key, {"Key": "old"}))
    advance(simulator, "--days", "3650", "--hours", "1")
    assert keys(soap, key) == ["old"]
    for wrong in ("<RetainUntil>soon</RetainUntil>", "<DataRetentionPeriodLength>many</DataRetentionPeriodLength>"):
        reply = soap.write("Create", data_extension(f"{key}-wrong", KEY_FIELD, more=wrong))
        assert reply.text("Results/ErrorCode") == "310007"


def test_the_clock_and_missed_nights_survive_a_restart(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data") as simulator:
        soap = Soap(simulator)
        made(soap, "k", RowBasedRetention="true", DataRetentionPeriodLength="1", DataRetentionPeriod="Months")
        at = advance(simulator, "--days", "20")
        simulator.kill()
        simulator.start()
        assert keys(soap, "k") == ["old"]
        again = advance(simulator, "--days", "20")
        assert timedelta(days=20) <= again - at < timedelta(days=20, minutes=5)
        assert keys(soap, "k") == []
        soap.good("Create", data_extension("later", KEY_FIELD))
        created = soap.retrieve("DataExtension", ["CreatedDate"], equals("CustomerKey", "later"))
        assert abs(datetime.fromisoformat(created.text("Results/CreatedDate")) - again) < timedelta(minutes=5)


def test_an_old_file_is_too_old_even_when_the_clock_leapt(soap: Soap, simulator: Simulator, key: str) -> None:
    ready(soap, key, "Key\n1\n", MaxFileAge="48")
    soap.good("Create", import_definition(f"{key}-any", key, f"{key}.csv"))
    assert figures(soap.run(key)) == ("Completed", 1, 0, 0, 1)
    advance(simulator, "--days", "3")
    assert figures(soap.run(key)) == ("Error", 0, 0, 0, 0)
    assert figures(soap.run(f"{key}-any")) == ("Completed", 1, 0, 0, 1)
    (simulator.ftp_folder / "Import" / f"{key}.csv").touch()  # uploaded after the leap: new
    assert figures(soap.run(key)) == ("Completed", 1, 0, 0, 1)


def test_the_clock_goes_forward_only() -> None:
    for args in (["--days", "-1"], []):
        result = CliRunner().invoke(sim, ["advance", "--data", "absent", *args])
        assert result.exit_code == 2
