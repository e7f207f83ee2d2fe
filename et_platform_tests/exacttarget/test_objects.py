"""Definitions, folders, rows, imports and what the account tells of itself: the client on the local ExactTarget."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.models import (
    DataExtension,
    Field,
    FieldMap,
    FieldType,
    ImportDefinition,
    Retention,
    RowResult,
)
from et_platform_tests.exacttarget.scripted import simulated_connection, until

ID = Field(name="Id", type=FieldType.Text, max_length=20, is_primary_key=True, is_required=True)
NAME = Field(name="Name", type=FieldType.Text, max_length=20)
POINTS = Field(name="Points", type=FieldType.Number)
BORN = Field(name="Born", type=FieldType.Date)
MAIL = Field(name="Mail", type=FieldType.EmailAddress, max_length=254)


@pytest.fixture(scope="module")
def exacttarget(exacttarget_info):
    with ExactTarget(simulated_connection(exacttarget_info)) as client:
        yield client


@pytest.fixture
def made(exacttarget: ExactTarget, request: pytest.FixtureRequest) -> str:
    """A data extension of the test's own; its key."""
    key = request.node.name[:36]
    wanted = DataExtension(customer_key=key, name=key, fields=(ID, NAME, POINTS, BORN, MAIL))
    exacttarget.data_extensions.create(data_extension=wanted)
    return key


def read(exacttarget: ExactTarget, key: str, *fields: str) -> list[tuple[str | None, ...]]:
    batches = exacttarget.rows.read(customer_key=key, fields=fields)
    return sorted(tuple(row[name] for name in fields) for batch in batches for row in batch.to_pylist())


def test_a_data_extension_changes_and_goes(exacttarget: ExactTarget, made: str):
    definitions = exacttarget.data_extensions
    folder = exacttarget.folders.ensure(path="Data Extensions/CRM/Changing")
    before = definitions.get(customer_key=made)
    assert before is not None
    assert (before.retention, before.sendable_field) == (None, None)
    retention = Retention(length=3, unit="Weeks", row_based=True)
    wanted = dataclasses.replace(
        before, name=made + " 2", description="d", category_id=folder.id, retention=retention, sendable_field="Id"
    )
    definitions.update(data_extension=wanted)
    after = definitions.get(customer_key=made)
    assert after is not None
    assert dataclasses.replace(after, sendable_subscriber_field=None, is_sendable=None) == dataclasses.replace(
        wanted, is_sendable=None
    )
    assert [one.customer_key for one in definitions.find_all(category_id=folder.id)] == [made]
    definitions.change_fields(customer_key=made, fields=[dataclasses.replace(NAME, max_length=40)])
    with pytest.raises(errors.InvalidDefinition) as caught:
        definitions.change_fields(customer_key=made, fields=[dataclasses.replace(NAME, max_length=10)])
    assert caught.value.code == 310007
    with pytest.raises(errors.NotFound, match="no fields Nothing"):
        definitions.delete_fields(customer_key=made, names=["points", "Nothing"])
    definitions.delete_fields(customer_key=made, names=["points"])
    found = definitions.get(customer_key=made)
    assert found is not None
    assert [field.name for field in found.fields] == ["Id", "Name", "Born", "Mail"]
    assert found.fields[1].max_length == 40
    assert definitions.delete(customer_key=made) is True
    assert definitions.delete(customer_key=made) is False
    with pytest.raises(errors.NotFound):
        definitions.update(data_extension=wanted)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"length": 1, "until": datetime(2030, 1, 1, tzinfo=UTC)},
        {"until": datetime(2030, 1, 1)},  # noqa: DTZ001
        {"until": datetime(2030, 1, 1, tzinfo=UTC), "row_based": True},
        {"length": 1, "row_based": True, "with_data_extension": True},
    ],
)
def test_a_retention_that_says_two_things_or_nothing_is_refused(wrong: dict):
    with pytest.raises(ValueError, match=r"period|moment|aware"):
        Retention(**wrong)


def test_a_data_extension_after_a_template(exacttarget: ExactTarget):
    (template,) = [one for one in exacttarget.metadata.templates() if one.name == "TriggeredSendDataExtension"]
    wanted = DataExtension(
        customer_key="after-template", name="After a template", fields=(ID,), template_key=template.customer_key
    )
    exacttarget.data_extensions.create(data_extension=wanted)
    found = exacttarget.data_extensions.get(customer_key="after-template")
    assert found is not None
    assert [field.name for field in found.fields] == ["SubscriberKey", "EmailAddress", "Id"]
    assert found.sendable_field == "SubscriberKey"


def test_clearing_takes_all_rows_and_nothing_else(exacttarget: ExactTarget, made: str):
    exacttarget.rows.upsert(customer_key=made, rows=[{"Id": str(n)} for n in range(3)])
    exacttarget.data_extensions.clear(customer_key=made)
    assert read(exacttarget, made, "Id") == []
    assert exacttarget.data_extensions.get(customer_key=made) is not None
    with pytest.raises(errors.Rejected):
        exacttarget.data_extensions.clear(customer_key="nobody-has-this-key")


def test_rows_are_added_changed_and_deleted(exacttarget: ExactTarget, made: str):
    rows = exacttarget.rows
    assert [one.ok for one in rows.insert(customer_key=made, rows=[{"Id": "a", "Name": "A"}, {"Id": "b"}])] == [
        True
    ] * 2
    again = rows.insert(customer_key=made, rows=[{"Id": "A", "Name": "other"}, {"Id": "c"}])
    assert [one.ok for one in again] == [False, True]
    changed = rows.update(
        customer_key=made, rows=[{"Id": "a", "Name": "AA"}, {"Id": "x", "Name": "X"}], key_fields=["Id"]
    )
    assert [one.ok for one in changed] == [True, False]
    assert [one.ok for one in rows.upsert(customer_key=made, rows=[{"Id": "x", "Name": None}])] == [True]
    deleted = rows.delete(customer_key=made, keys=[{"Id": "b"}, {"Id": "nobody"}])
    assert [one.ok for one in deleted] == [True, False]
    assert read(exacttarget, made, "Id") == [("a",), ("c",), ("x",)]


BAD = {"Id": "k" * 21, "Name": "n" * 21, "Points": "many", "Born": "someday", "Mail": "nobody"}


def check_bad(result: RowResult, names: set[str]) -> None:
    assert not result.ok
    assert result.code is not None
    assert {one.name for one in result.field_errors} == names
    assert all(one.message for one in result.field_errors)
    for value in ("many", "someday", "nobody"):
        assert value not in repr(result)


def test_every_field_that_is_wrong_is_named(exacttarget: ExactTarget, made: str):
    good = {"Id": "good", "Points": "1"}
    for write in (exacttarget.rows.insert, exacttarget.rows.upsert):
        first, second = write(customer_key=made, rows=[good, BAD])
        assert first.ok
        assert second.row == 1
        check_bad(second, set(BAD))
        exacttarget.rows.delete(customer_key=made, keys=[{"Id": "good"}])


def test_rows_are_handed_over_and_their_results_fetched_later(exacttarget: ExactTarget, made: str):
    rows = [{"Id": f"r{n:03}", "Points": str(n)} for n in range(120)]
    rows[110] = BAD
    write = exacttarget.rows.upsert_later(customer_key=made, rows=rows, priority="High")
    assert write.rows == (100, 20)
    results = until(lambda: exacttarget.rows.results_of(write=write))
    assert [one.row for one in results] == list(range(120))
    assert [one.row for one in results if not one.ok] == [110]
    check_bad(results[110], set(BAD))
    assert len(read(exacttarget, made, "Id")) == 119
    with pytest.raises(errors.InvalidDefinition, match="rows 1 have"):
        exacttarget.rows.upsert_later(customer_key=made, rows=[{"Id": "1"}, {"Id": "\x01"}])


def test_folders_are_made_moved_and_removed(exacttarget: ExactTarget):
    folders = exacttarget.folders
    inner = folders.ensure(path="data extensions/Etp Tests/Inner")
    assert folders.ensure(path="Data Extensions/etp tests/inner") == inner
    assert folders.find(path="Data Extensions/Etp Tests/Inner") == folders.get(folder_id=inner.id) == inner
    assert inner.content_type == "dataextension"
    outer = folders.find(path="Data Extensions/Etp Tests")
    assert outer is not None
    assert inner.parent_id == outer.id
    with pytest.raises(errors.Rejected):
        folders.delete(folder_id=outer.id)  # it is not empty
    with pytest.raises(errors.Rejected):
        folders.create(name="Inner", parent=outer)
    root = folders.get(folder_id=outer.parent_id)
    assert root is not None
    folders.update(folder=dataclasses.replace(inner, name="Moved", description="m", parent_id=root.id))
    moved = folders.find(path="Data Extensions/Moved")
    assert moved is not None
    assert (moved.id, moved.description) == (inner.id, "m")
    assert folders.delete(folder_id=moved.id) is True
    assert folders.delete(folder_id=moved.id) is False
    assert folders.delete(folder_id=outer.id) is True
    assert folders.find(path="Data Extensions/Etp Tests/Inner") is None
    with pytest.raises(errors.NotFound, match=r"no root folder 'Nowhere'.*Data Extensions"):
        folders.ensure(path="Nowhere/x")
    with pytest.raises(errors.InvalidDefinition, match="no path"):
        folders.find(path="Data Extensions//x")
    assert {one.content_type for one in folders.find_all()} > {"dataextension", "email"}


def test_an_import_definition_keeps_all_that_it_was_given(exacttarget: ExactTarget, made: str):
    wanted = ImportDefinition(
        customer_key="all-options",
        name="All options",
        destination_key=made,
        file_spec="all.txt",
        update_type="ColumnBased",
        field_mapping="ManualMap",
        field_maps=(FieldMap(source="Key", destination="Id"), FieldMap(source="Who", destination="Name")),
        file_type="Other",
        delimiter="|",
        header_lines=1,
        standard_quoted_strings=False,
        allow_errors=False,
        control_column="Do",
        control_actions={"D": "Delete", "U": "AddAndUpdate"},
        control_default_action="Skip",
        description="d",
        max_file_age_hours=5,
        max_import_frequency_hours=1,
        delete_file=True,
        notify="ops@example.org",
        null_representation="NULL",
        date_locale="de-DE",
    )
    exacttarget.imports.define(definition=wanted)
    found = exacttarget.imports.definition(customer_key="all-options")
    assert found is not None
    assert found.object_id
    assert dataclasses.replace(found, object_id=None) == wanted
    assert found in exacttarget.imports.definitions()
    assert exacttarget.imports.definition(customer_key="none") is None
    by_ordinal = dataclasses.replace(
        wanted, field_mapping="MapByOrdinal", field_maps=(FieldMap(source=2, destination="Id"),), header_lines=0
    )
    exacttarget.imports.define(definition=by_ordinal)
    found = exacttarget.imports.definition(customer_key="all-options")
    assert found is not None
    assert found.field_maps == (FieldMap(source=2, destination="Id"),)


def test_an_import_onto_a_list_makes_subscribers_of_its_rows(exacttarget: ExactTarget, tmp_path):
    number = exacttarget.lists.create(name="import-onto-list")
    (tmp_path / "in.csv").write_text(
        "Subscriber Key,Email Address,Status\nonto-a,a@example.org,\nonto-b,b@example.org,Unsubscribed\nonto-c,nobody,\n"
    )
    with exacttarget.ftp() as ftp:
        ftp.put(local=tmp_path / "in.csv", remote="Import/onto-list.csv")
    wanted = ImportDefinition(
        customer_key="onto-list", name="Onto a list", destination_list=number, file_spec="onto-list.csv"
    )
    exacttarget.imports.define(definition=wanted)
    found = exacttarget.imports.definition(customer_key="onto-list")
    assert found is not None
    assert dataclasses.replace(found, object_id=None) == wanted
    assert found in exacttarget.imports.definitions()
    task = exacttarget.imports.start(customer_key="onto-list")
    result = until(lambda: (one := exacttarget.imports.result(task_id=task)) and (one if one.is_terminal else None))
    assert (result.status, result.successful, result.errors, result.total_rows) == ("Completed", 2, 1, 3)
    assert result.destination == str(number)
    members = exacttarget.lists.members(list_id=number)
    assert {one.key: one.status for one in members} == {"onto-a": "Active", "onto-b": "Unsubscribed"}


def test_an_import_has_one_destination(exacttarget: ExactTarget):
    none = ImportDefinition(customer_key="nowhere", name="nowhere", file_spec="a.csv")
    for wrong in (none, dataclasses.replace(none, destination_key="a", destination_list=1)):
        with pytest.raises(errors.InvalidDefinition, match="destination_key"):
            exacttarget.imports.define(definition=wrong)
    with pytest.raises(errors.InvalidDefinition) as caught:
        exacttarget.imports.define(definition=dataclasses.replace(none, destination_list=999999))
    assert caught.value.code == 43060
    assert exacttarget.imports.definition(customer_key="nowhere") is None


def test_the_extract_of_a_data_extension_lies_on_the_site(exacttarget: ExactTarget, made: str, tmp_path):
    exacttarget.rows.upsert(customer_key=made, rows=[{"Id": "a", "Name": "x|y"}, {"Id": "b"}])
    assert exacttarget.extracts.request_data_extension(output_name="made.txt", customer_key=made, delimiter="|")
    with exacttarget.ftp() as ftp:
        until(lambda: ftp.stat(remote="Export/made.txt"))
        ftp.get(remote="Export/made.txt", local=tmp_path / "made.txt")
    lines = (tmp_path / "made.txt").read_text().splitlines()
    assert lines[0].split("|")[:2] == ["Id", "Name"]
    assert len(lines) == 3
    assert '"x|y"' in lines[1]
    with pytest.raises(errors.ExactTargetError, match="was not found"):
        exacttarget.extracts.request_data_extension(output_name="x.txt", customer_key="nobody-has-this-key")
    with pytest.raises(errors.InvalidDefinition, match="was not sent"):
        exacttarget.extracts.request_data_extension(output_name="x.txt", customer_key=made, delimiter="||")
    assert "Data Extension Extract" in [one.name for one in exacttarget.extracts.kinds()]


def test_what_the_account_tells_of_itself(exacttarget: ExactTarget, exacttarget_info):
    metadata = exacttarget.metadata
    unit = metadata.business_unit()
    assert unit is not None
    assert unit.mid == int(exacttarget_info["mid"])
    assert unit in metadata.business_units()
    described = {one.name: one for one in metadata.describe(object_type="DataExtension")}
    assert described["CustomerKey"].is_retrievable is True
    assert described["CategoryID"].data_type
    with pytest.raises(errors.NotFound, match="case-sensitive"):
        metadata.describe(object_type="Dataextension")
    account = metadata.account()
    assert account is not None
    assert (account.mid, account.name, account.parent_mid) == (unit.mid, unit.name, unit.parent_mid)
    assert account.is_active is True
    assert account.created_at is not None
    assert account.created_at.tzinfo is not None
    version = metadata.version(with_history=True)
    assert version.version
    assert version.date is not None
    assert version.date.tzinfo is not None
    assert [one.version for one in version.history] == [version.version]


def test_a_user_token_shows_nowhere(exacttarget: ExactTarget, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    token = exacttarget.user_token()
    value = token.value.get_secret_value()
    assert len(value) > 20
    assert token.login_url.startswith("http")
    assert value not in f"{token!r} {token} {caplog.text}"
    with pytest.raises(errors.Rejected, match="Asking for a user token"):
        exacttarget.user_token(user="nobody-of-that-name")


def test_every_error_has_an_id_to_ask_about(exacttarget: ExactTarget):
    with pytest.raises(errors.ExactTargetError) as refused:
        exacttarget.data_extensions.add_fields(customer_key="nobody-has-this-key", fields=[NAME])
    assert refused.value.request_id
    assert refused.value.request_id in str(refused.value)
    with pytest.raises(errors.ExactTargetError) as unknown:
        list(exacttarget.rows.read(customer_key="nobody-has-this-key", fields=["a"]))
    assert unknown.value.request_id


def test_times_of_results_are_aware(exacttarget: ExactTarget, made: str, tmp_path):
    (tmp_path / "in.csv").write_text("Id,Name\na,b\n")
    with exacttarget.ftp() as ftp:
        ftp.put(local=tmp_path / "in.csv", remote="Import/objects-in.csv")
    definition = ImportDefinition(
        customer_key="objects-in", name="objects-in", destination_key=made, file_spec="objects-in.csv"
    )
    exacttarget.imports.define(definition=definition)
    task = exacttarget.imports.start(customer_key="objects-in")
    result = until(lambda: (one := exacttarget.imports.result(task_id=task)) and (one if one.is_terminal else None))
    assert (result.status, result.successful, result.total_rows) == ("Completed", 1, 1)
    assert result.started is not None
    assert abs(datetime.now(UTC) - result.started) < timedelta(minutes=5)
