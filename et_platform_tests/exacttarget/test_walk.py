"""The client on the local ExactTarget: the whole road of one file, and what the service itself refuses."""

import csv
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.models import DataExtension, Field, FieldType, ImportDefinition, ImportResult
from et_platform_tests.exacttarget.scripted import simulated_connection

FIELDS = (
    Field(name="Id", type=FieldType.Text, max_length=20, is_primary_key=True, is_required=True),
    Field(name="Name", type=FieldType.Text, max_length=200),
    Field(name="Points", type=FieldType.Number),
)
NAMES = ["名前 ☃ 😀", 'she said "so"', "two\nlines", "a,b;c", "Łódź", " spaces "]


@pytest.fixture
def exacttarget(exacttarget_info):
    with ExactTarget(simulated_connection(exacttarget_info)) as client:
        yield client


def wait(exacttarget: ExactTarget, task_id: int) -> ImportResult:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        result = exacttarget.imports.result(task_id=task_id)
        if result is not None and result.is_terminal:
            return result
        time.sleep(0.05)
    raise AssertionError(f"task {task_id} did not end")


def test_the_whole_walk(exacttarget: ExactTarget, tmp_path):
    wanted = DataExtension(customer_key="walk", name="Walk", fields=FIELDS, description="d", sendable_field="Id")
    assert exacttarget.data_extensions.get(customer_key="walk") is None
    object_id = exacttarget.data_extensions.create(data_extension=wanted)
    found = exacttarget.data_extensions.get(customer_key="walk")
    assert found is not None
    assert (found.object_id, found.fields, found.description) == (object_id, FIELDS, "d")
    assert (found.sendable_field, found.sendable_subscriber_field) == ("Id", "Subscriber Key")
    assert exacttarget.data_extensions.find_by_name(name="Walk") == found
    added = Field(name="City", type=FieldType.Text, max_length=30)
    exacttarget.data_extensions.add_fields(customer_key="walk", fields=[added])

    people = [(f"p{n}", NAMES[n % len(NAMES)], str(n)) for n in range(6000)]
    with (tmp_path / "walk.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("Id", "Name", "Points"), *people, ("bad", "row", "no number")])
    with exacttarget.ftp() as ftp:
        sent = ftp.put(local=tmp_path / "walk.csv", remote="Import/walk.csv")
        assert sent in ftp.list(folder="Import")
        ftp.get(remote="Import/walk.csv", local=tmp_path / "back.csv")
    assert (tmp_path / "back.csv").read_bytes() == (tmp_path / "walk.csv").read_bytes()

    definition = ImportDefinition(
        customer_key="walk-import", name="walk-import", destination_key="walk", file_spec="walk.csv"
    )
    exacttarget.imports.define(definition=definition)
    exacttarget.imports.define(definition=definition)
    result = wait(exacttarget, exacttarget.imports.start(customer_key="walk-import"))
    assert (result.status, result.successful, result.errors, result.total_rows) == ("Completed", 6000, 1, 6001)
    assert result.started is not None
    assert result.ended is not None
    assert result.started.utcoffset() == result.ended.utcoffset()
    assert abs(result.ended.timestamp() - time.time()) < 120
    assert exacttarget.imports.results_of(definition_key="walk-import") == [result]
    assert exacttarget.imports.results_of(definition_key="nobody") == []

    batches = list(exacttarget.rows.read(customer_key="walk", fields=["Id", "Name", "Points"]))
    assert [batch.num_rows for batch in batches] == [2500, 2500, 1000]
    read = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    assert sorted(read) == sorted(people)
    some = exacttarget.rows.read(customer_key="walk", fields=["Id"], keys=("Id", ["P7", "p7", "p8", "none"]))
    assert sorted(row["Id"] for batch in some for row in batch.to_pylist()) == ["p7", "p8"]
    one_by_one = exacttarget.rows.read(customer_key="walk", fields=["Id"], keys=("Id", ["p1", "p2"]), batch_size=1)
    assert [batch.num_rows for batch in one_by_one] == [1, 1]

    with exacttarget.ftp() as ftp:
        assert ftp.remove(remote="Import/walk.csv") is True
    assert exacttarget.imports.delete(customer_key="walk-import") is True
    assert exacttarget.imports.delete(customer_key="walk-import") is False
    assert exacttarget.data_extensions.delete(customer_key="walk") is True
    assert exacttarget.data_extensions.delete(customer_key="walk") is False


def test_rows_are_written_read_and_deleted_each_with_its_own_result(exacttarget: ExactTarget):
    exacttarget.data_extensions.create(data_extension=DataExtension(customer_key="few", name="Few", fields=FIELDS))
    rows: list[dict[str, str | None]] = [{"Id": f"r{n}", "Name": "n", "Points": None} for n in range(120)]
    rows[70]["Points"] = "many"
    results = exacttarget.rows.upsert(customer_key="few", rows=rows)
    assert [one.row for one in results if not one.ok] == [70]
    assert [error.name for error in results[70].field_errors] == ["Points"]
    found = [row["Id"] for b in exacttarget.rows.read(customer_key="few", fields=["Id"]) for row in b.to_pylist()]
    assert sorted(found) == sorted(f"r{n}" for n in range(120) if n != 70)
    deleted = exacttarget.rows.delete(customer_key="few", keys=[{"Id": "r1"}, {"Id": "r70"}])
    assert [one.ok for one in deleted] == [True, False]
    assert exacttarget.data_extensions.delete(customer_key="few") is True


def test_what_the_service_refuses_is_named_by_its_reaction(exacttarget: ExactTarget):
    exacttarget.data_extensions.create(data_extension=DataExtension(customer_key="taken", name="Taken", fields=FIELDS))
    with pytest.raises(errors.AlreadyExists):
        exacttarget.data_extensions.create(
            data_extension=DataExtension(customer_key="taken", name="Other", fields=FIELDS)
        )
    with pytest.raises(errors.NameTaken):
        exacttarget.data_extensions.create(
            data_extension=DataExtension(customer_key="other", name="Taken", fields=FIELDS)
        )
    with pytest.raises(errors.InvalidDefinition, match="310007"):
        exacttarget.data_extensions.create(
            data_extension=DataExtension(
                customer_key="x", name="x", fields=(Field(name="a", type=FieldType.Text, max_length=9999),)
            )
        )
    with pytest.raises(errors.NotFound):
        exacttarget.data_extensions.add_fields(customer_key="nobody", fields=FIELDS[1:])
    with pytest.raises(errors.NotFound):
        list(exacttarget.rows.read(customer_key="nobody", fields=["a"]))
    with pytest.raises(errors.InvalidDefinition):
        list(exacttarget.rows.read(customer_key="taken", fields=["nothing"]))
    with pytest.raises(errors.Rejected):
        exacttarget.imports.start(customer_key="nobody")
    exacttarget.data_extensions.delete(customer_key="taken")


def test_threads_share_a_client(exacttarget: ExactTarget):
    def one(n: int) -> str | None:
        key = f"thread-{n}"
        exacttarget.data_extensions.create(data_extension=DataExtension(customer_key=key, name=key, fields=FIELDS))
        found = exacttarget.data_extensions.get(customer_key=key)
        exacttarget.data_extensions.delete(customer_key=key)
        return found.name if found else None

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(8))) == [f"thread-{n}" for n in range(8)]
