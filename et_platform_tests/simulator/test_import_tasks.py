"""One run of a definition: the file it reads, its summary, its e-mail, and other runs beside it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from et_platform.simulator import clock
from et_platform.simulator.objects.import_results_summary import SHAPE
from et_platform_tests.simulated import Simulator
from et_platform_tests.simulator.importing import put, ready
from et_platform_tests.simulator.soap import (
    PERSON,
    Soap,
    data_extension,
    equals,
    figures,
    import_definition,
    named,
    row,
    simple,
)

UPSERT_ROW = "<Options><SaveOptions><SaveOption><SaveAction>UpdateAdd</SaveAction></SaveOption></SaveOptions></Options>"


def test_summaries_are_found_by_definition_and_outlive_it(soap: Soap, key: str) -> None:
    ready(soap, key, "Key\n1\n")
    first = soap.run(key)
    second = soap.run(key)
    assert int(second["TaskResultID"]) > int(first["TaskResultID"])
    soap.good("Delete", named("ImportDefinition", key))
    reply = soap.retrieve("ImportResultsSummary", ["TaskResultID"], equals("ImportDefinitionCustomerKey", key))
    assert reply.texts("Results/TaskResultID") == [first["TaskResultID"], second["TaskResultID"]]
    assert soap.perform(key).text("Results/Result/ErrorCode") == "43010"


def test_a_missing_file_ends_in_error_with_no_rows(soap: Soap, key: str) -> None:
    soap.good("Create", data_extension(key, *PERSON))
    for number, name in enumerate(("absent.csv", "../../account.json", "sub/x.csv")):
        soap.good("Create", import_definition(f"{key}{number}", key, name))
        assert figures(soap.run(f"{key}{number}")) == ("Error", 0, 0, 0, 0)


def test_a_file_may_be_deleted_after_its_import_and_named_by_date(soap: Soap, simulator: Simulator, key: str) -> None:
    ready(soap, key, "Key\n1\n", DeleteFile="true", FileSpec=f"{key}-%%Year%%%%Month%%%%Day%%.csv")
    name = f"{key}-{clock.now():%Y%m%d}.csv"
    put(simulator, name, "Key\n1\n")
    assert figures(soap.run(key)) == ("Completed", 1, 0, 0, 1)
    assert not (simulator.ftp_folder / "Import" / name).exists()


def test_many_imports_at_once_beside_other_calls(soap: Soap, key: str) -> None:
    keys = [f"{key}-{number}" for number in range(6)]
    for one in keys:
        ready(soap, one, [["Key", "Name"], *([f"{number}", one] for number in range(2000))])

    def run(one: str) -> tuple[str, int, int, int, int]:
        own = Soap(soap.simulator, token=soap.token)
        tasks = [own.perform(one).text("Results/Result/Task/ID") for _ in range(2)]  # the second waits for the first
        own.good("Update", row(one, {"Tier": "x"}, {"Key": "by soap"}), options=UPSERT_ROW)
        return [figures(own.wait(task)) for task in tasks][-1]

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(run, keys)) == {("Completed", 2000, 0, 0, 2000)}
    assert "Traceback" not in soap.simulator.log


def test_a_file_is_read_from_the_safehouse_too(soap: Soap, simulator: Simulator, key: str) -> None:
    ready(soap, key, "Key\nfrom the site\n")
    stock = "ExactTarget Enhanced FTP"
    soap.good("Create", import_definition(f"{key}-2", key, f"{key}.csv").replace(stock, "Safehouse"))
    assert figures(soap.run(f"{key}-2")) == ("Error", 0, 0, 0, 0)
    safehouse = simulator.data_dir / "safehouse" / simulator.info["mid"]
    (safehouse / f"{key}.csv").write_text("Key\nunpacked\n")
    assert figures(soap.run(f"{key}-2")) == ("Completed", 1, 0, 0, 1)
    assert soap.rows(key, ["Key"]) == [{"Key": "unpacked"}]


@pytest.mark.parametrize("beginning", [b"\x1f\x8b\x08", b"-----BEGIN PGP MESSAGE-----\n"])
def test_what_is_packed_or_encrypted_is_not_read(soap: Soap, key: str, beginning: bytes) -> None:
    ready(soap, key, beginning + b"Key\n1\n")
    assert figures(soap.run(key)) == ("Error", 0, 0, 0, 0)


def test_a_file_that_is_still_being_written_is_read_as_it_is(soap: Soap, simulator: Simulator, key: str) -> None:
    ready(soap, key, "Key,Name\n1,Ann\n2,Be")
    assert figures(soap.run(key)) == ("Completed", 2, 0, 0, 2)
    put(simulator, f"{key}.csv", 'Key,Name\n1,Ann\n2,"Ben\n3,Cl')  # cut inside quotes: the rest is one field
    assert figures(soap.run(key)) == ("Completed", 2, 0, 0, 2)
    put(simulator, f"{key}.csv", "Key,Name\n1,Ann\n2")
    assert figures(soap.run(key)) == ("Completed", 1, 0, 1, 2)
    assert [one["Name"] for one in soap.rows(key, ["Name"])] == ["Ann", "Ben\n3,Cl"]


def test_a_file_without_rows(soap: Soap, simulator: Simulator, key: str) -> None:
    ready(soap, key, "Key,Name\n", UpdateType="Overwrite")
    soap.good("Create", row(key, {"Key": "old"}))
    put(simulator, f"{key}.csv", "")
    assert figures(soap.run(key)) == ("Error", 0, 0, 0, 0)
    assert soap.rows(key, ["Key"]) == [{"Key": "old"}]
    put(simulator, f"{key}.csv", "Key,Name\n")
    assert figures(soap.run(key)) == ("Completed", 0, 0, 0, 0)
    assert soap.rows(key, ["Key"]) == []  # an Overwrite by headings alone erases everything


def test_imports_are_not_more_frequent_than_allowed(soap: Soap, key: str) -> None:
    ready(soap, key, "Key,Age\n1,x\n", MaxImportFrequency="1", AllowErrors="false")
    assert figures(soap.run(key)) == ("Error", 0, 0, 1, 1)  # does not count
    put(soap.simulator, f"{key}.csv", "Key,Age\n1,1\n")
    assert figures(soap.run(key)) == ("Completed", 1, 0, 0, 1)
    assert figures(soap.run(key)) == ("Error", 0, 0, 0, 0)


def test_every_property_of_a_summary_and_several_tasks_at_once(soap: Soap, key: str) -> None:
    ready(soap, key, "Key\n1\n")
    tasks = [soap.run(key)["TaskResultID"] for _ in range(3)]
    both = simple("TaskResultID", "IN", *tasks[:2])
    reply = soap.retrieve("ImportResultsSummary", list(SHAPE.order), both)
    assert reply.texts("Results/TaskResultID") == tasks[:2]
    assert reply.texts("Results/NumberRestricted") == ["0", "0"]
    assert all(reply.texts(f"Results/{name}") for name in ("CreatedDate", "ModifiedDate", "ID", "Client/ID"))
    mine = equals("ImportDefinitionCustomerKey", key.upper())
    later = simple("TaskResultID", "greaterThan", tasks[1], tag="RightOperand")
    both = (
        f'<Filter xsi:type="ComplexFilterPart">{mine.replace("Filter ", "LeftOperand ").replace("/Filter", "/LeftOperand")}'
        f"<LogicalOperator>AND</LogicalOperator>{later}</Filter>"
    )
    reply = soap.retrieve("ImportResultsSummary", ["TaskResultID"], both)
    assert reply.texts("Results/TaskResultID") == tasks[2:]
    assert soap.retrieve("ImportResultsSummary", ["TaskResultID"], equals("TaskResultID", "1")).results == []
