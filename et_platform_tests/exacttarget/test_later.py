"""Asynchronous requests: rows and definitions are handed over, and each object has its result later."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.models import (
    AsyncWrite,
    DataExtension,
    Field,
    FieldType,
    Folder,
    ImportDefinition,
    MailingList,
    ObjectResult,
    RowResult,
)
from et_platform_tests.exacttarget.scripted import (
    API,
    AT_ONCE,
    HANG_UP,
    QUICK,
    message,
    scripted_service,
    simulated_connection,
    until,
)
from et_platform_tests.faults.ordering import Faults

ID = Field(name="Id", type=FieldType.Text, max_length=20, is_primary_key=True, is_required=True)
POINTS = Field(name="Points", type=FieldType.Number)


@pytest.fixture(scope="module")
def exacttarget(exacttarget_info):
    with ExactTarget(simulated_connection(exacttarget_info)) as client:
        yield client


def extension(key: str, *fields: Field) -> DataExtension:
    return DataExtension(customer_key=key, name=key, fields=fields or (ID, POINTS))


def rows_done(exacttarget: ExactTarget, write: AsyncWrite) -> list[RowResult]:
    return until(lambda: exacttarget.rows.results_of(write=write))


def done(exacttarget: ExactTarget, write: AsyncWrite) -> list[ObjectResult]:
    return until(lambda: exacttarget.later.results_of(write=write))


def read(exacttarget: ExactTarget, key: str) -> dict[str | None, str | None]:
    batches = exacttarget.rows.read(customer_key=key, fields=["Id", "Points"])
    return {row["Id"]: row["Points"] for batch in batches for row in batch.to_pylist()}


def test_rows_are_added_changed_and_deleted_later_each_with_its_result(exacttarget: ExactTarget):
    key = "rows-later"
    exacttarget.data_extensions.create(data_extension=extension(key))
    rows = exacttarget.rows
    added = rows_done(
        exacttarget, rows.insert_later(customer_key=key, rows=[{"Id": "a", "Points": "1"}, {"Id": "b"}, {"Id": "c"}])
    )
    assert [(one.row, one.ok) for one in added] == [(0, True), (1, True), (2, True)]
    again = rows_done(exacttarget, rows.insert_later(customer_key=key, rows=[{"Id": "A"}, {"Id": "d"}]))
    assert [one.ok for one in again] == [False, True]
    write = rows.update_later(
        customer_key=key, rows=[{"Id": "a", "Points": "2"}, {"Id": "x"}, {"Id": "b", "Points": "many"}], key_fields=["Id"]
    )  # fmt: skip
    changed = rows_done(exacttarget, write)
    assert [one.ok for one in changed] == [True, False, False]
    assert changed[1].code is not None
    assert [one.name for one in changed[2].field_errors] == ["Points"]
    deleted = rows_done(exacttarget, rows.delete_later(customer_key=key, keys=[{"Id": "b"}, {"Id": "nobody"}]))
    assert [one.ok for one in deleted] == [True, False]
    assert read(exacttarget, key) == {"a": "2", "c": "", "d": ""}


@pytest.mark.parametrize("operation", ["Create", "Update", "Delete"])
def test_a_good_row_that_the_service_refuses_is_named_at_once_and_later(exacttarget, exacttarget_info, operation: str):
    key, rows = f"refused-later-{operation}", exacttarget.rows
    exacttarget.data_extensions.create(data_extension=extension(key))
    sent: list[dict[str, str]] = [{"Id": "a"}, {"Id": "b"}]
    now, later = {
        "Create": (rows.insert, rows.insert_later),
        "Update": (rows.update, rows.update_later),
        "Delete": (rows.delete, rows.delete_later),
    }[operation]
    name = "keys" if operation == "Delete" else "rows"
    refusal = {"at": "rows", "operation": operation, "key": key, "rows": 1, "code": 310006, "message": "deadlock"}
    with Faults(exacttarget_info).striking("reject_rows", strikes=2, times=2, **refusal):
        if operation != "Create":
            assert all(one.ok for one in rows.insert(customer_key=key, rows=sent))
        at_once = now(customer_key=key, **{name: sent})
        if operation != "Update":  # the one that was taken is there already, or gone
            sent = [{"Id": "a"}, {"Id": "c"}]
            if operation == "Delete":
                assert all(one.ok for one in rows.insert(customer_key=key, rows=sent[1:]))
        handed_over = rows_done(exacttarget, later(customer_key=key, **{name: sent}))
    for results in (at_once, handed_over):
        assert [(one.row, one.ok, one.code) for one in results] == [(0, False, 310006), (1, True, None)]
        assert results[0].message == "deadlock"


def test_what_is_to_be_done_later_waits_for_its_time(exacttarget: ExactTarget):
    exacttarget.data_extensions.create(data_extension=extension("rows-at-a-time"))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    rows, row = exacttarget.rows, [{"Id": "a"}]
    write = rows.upsert_later(customer_key="rows-at-a-time", rows=row, not_before=tomorrow)
    at_once = rows.upsert_later(customer_key="rows-at-a-time", rows=[{"Id": "b"}], not_before=datetime.now(UTC))
    assert [one.ok for one in rows_done(exacttarget, at_once)] == [True]
    assert rows.results_of(write=write) is None
    assert read(exacttarget, "rows-at-a-time") == {"b": ""}
    with pytest.raises(errors.InvalidDefinition) as too_late:
        rows.upsert_later(customer_key="rows-at-a-time", rows=row, not_before=tomorrow + timedelta(days=30))
    assert too_late.value.code == 226
    with pytest.raises(ValueError, match="not_before must be aware"):
        rows.delete_later(customer_key="rows-at-a-time", keys=row, not_before=tomorrow.replace(tzinfo=None))


def test_definitions_are_made_changed_and_removed_later(exacttarget: ExactTarget):
    later = exacttarget.later
    root = exacttarget.folders.find(path="Data Extensions")
    assert root is not None
    folder = Folder(id=0, name="Later", content_type=root.content_type, parent_id=root.id)
    one, bad = extension("later-one"), extension("later-bad", POINTS, POINTS)
    first = done(exacttarget, later.create(objects=[one, bad]))
    assert [(each.position, each.ok, each.code) for each in first] == [(0, True, None), (1, False, 310007)]
    definition = ImportDefinition(
        customer_key="later-import", name="later-import", destination_key="later-one", file_spec="later.csv"
    )
    made = MailingList(id=0, name="Later", customer_key="later-list")
    imported, listed, foldered = done(exacttarget, later.create(objects=[definition, made, folder], priority="High"))
    assert (imported.ok, listed.ok, foldered.ok) == (True, True, True)
    assert exacttarget.imports.definition(customer_key="later-import") is not None
    found = exacttarget.lists.find(customer_key="later-list")
    inside = exacttarget.folders.find(path="Data Extensions/Later")
    assert found is not None
    assert inside is not None
    assert (listed.new_id, foldered.new_id) == (found.id, inside.id)
    known = exacttarget.data_extensions.get(customer_key="later-one")
    assert known is not None
    assert first[0].new_object_id == known.object_id
    changes = [
        dataclasses.replace(known, description="changed", fields=(*known.fields, Field(name="More", type=FieldType.Date))),
        dataclasses.replace(definition, update_type="UpdateButDoNotAdd"),
        dataclasses.replace(found, name="Changed"),
        dataclasses.replace(inside, name="Changed"),
        dataclasses.replace(found, id=999_999),
    ]  # fmt: skip
    results = done(exacttarget, later.update(objects=changes))
    assert [(each.ok, each.code) for each in results] == [(True, None)] * 4 + [(False, 13000)]
    after = exacttarget.data_extensions.get(customer_key="later-one")
    assert after is not None
    assert (after.description, [field.name for field in after.fields]) == ("changed", ["Id", "Points", "More"])
    task = exacttarget.imports.definition(customer_key="later-import")
    assert task is not None
    assert task.update_type == "UpdateButDoNotAdd"
    assert exacttarget.folders.find(path="Data Extensions/Changed") == dataclasses.replace(inside, name="Changed")
    removed = done(exacttarget, later.delete(objects=[definition, found, inside, known, found]))
    assert [(each.ok, each.code) for each in removed] == [(True, None)] * 4 + [(False, 13000)]
    assert exacttarget.data_extensions.get(customer_key="later-one") is None
    assert exacttarget.lists.find(customer_key="later-list") is None


QUEUED = "<Results><StatusCode>OK</StatusCode><StatusMessage>Queued</StatusMessage><OrdinalID>0</OrdinalID></Results>"


def refused(code: int) -> tuple[int, bytes]:
    result = f"<StatusCode>Error</StatusCode><StatusMessage>no</StatusMessage><ErrorCode>{code}</ErrorCode>"
    return message("CreateResponse", f"<Results>{result}</Results><RequestID>r</RequestID><OverallStatus>Error</OverallStatus>")  # fmt: skip


def test_a_lost_answer_is_asked_for_again_in_the_same_conversation():
    with scripted_service(HANG_UP, refused(211)) as service:
        client = ExactTarget(service.connection(), timeouts=QUICK, retries=AT_ONCE)
        write = client.rows.insert_later(customer_key="k", rows=[{"a": "1"}])
        sent = [service.sent(n).findtext(f".//{{{API}}}ConversationID") for n in range(2)]
        kinds = [service.sent(n).findtext(f".//{{{API}}}RequestType") for n in range(2)]
    assert service.actions == ["Create", "Create"]
    assert sent == list(write.conversations) * 2
    assert kinds == ["Asynchronous"] * 2


def test_a_write_that_is_not_taken_is_an_error_and_says_what_was():
    taken = message("DeleteResponse", f"{QUEUED}<RequestID>r</RequestID><OverallStatus>OK</OverallStatus>")
    with scripted_service(taken, refused(218)) as service:
        client = ExactTarget(service.connection(), timeouts=QUICK, retries=AT_ONCE)
        with pytest.raises(errors.InvalidDefinition, match="Handing over subscribers was refused") as caught:
            client.subscribers.delete_later(keys=[str(n) for n in range(101)])
    assert caught.value.code == 218
    assert "100 objects were handed over before" in " ".join(caught.value.__notes__)
