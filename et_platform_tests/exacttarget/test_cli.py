import contextlib
import io
import os
import subprocess
import sys
import time

import pyarrow.parquet
import pytest

from et_platform.exacttarget.cli import main
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.environment import SFTP_VARIABLES, VARIABLES
from et_platform.exacttarget.models import (
    DataExtension,
    Field,
    FieldType,
    ImportDefinition,
    ListStatus,
    SubscriberChange,
)
from et_platform_tests.exacttarget.scripted import simulated_connection

SECRETS = ("ET_CLIENT_SECRET", "ET_SFTP_PASSWORD")


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "et_platform.exacttarget", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def environment(exacttarget_info) -> dict[str, str]:
    names = [*VARIABLES, *SFTP_VARIABLES, "ET_SFTP_PORT", "ET_SFTP_PASSWORD"]
    return {name: str(exacttarget_info[name.removeprefix("ET_").lower()]) for name in names}


def test_status_of_a_working_account(environment):
    done = run(environment, "status")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["token: ok", "system status: OK"]
    assert [line.split(":")[0] for line in lines[2:]] == ["Import", "Export", "Reports"]


def said(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """Code, output and errors of a verb; run in this process, for a start costs a second."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = main(arguments, environment)
    return code, output.getvalue(), errors.getvalue()


def test_all_missing_variables_are_named_together(environment):
    kept = {name: value for name, value in environment.items() if name not in ("ET_MID", "ET_SFTP_HOST")}
    code, _, errors = said(kept, "status")
    assert code == 1
    assert errors.startswith("Not set: ET_MID, ET_SFTP_HOST. ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ET_MID", "seven", "ET_MID"),
        ("ET_AUTH_URL", "example.org", "ET_AUTH_URL"),
        ("ET_SFTP_HOST_KEY", "none", "ET_SFTP_HOST_KEY"),
        ("ET_CLIENT_SECRET", "wrong-one", "Check client id"),
        ("ET_SFTP_PASSWORD", "wrong-one", "30 minutes"),
        ("ET_AUTH_URL", "http://127.0.0.1:9", "no connection"),
    ],
)
def test_what_is_wrong_is_told_in_one_paragraph_without_secrets(environment, name, value, expected):
    code, output, errors = said({**environment, name: value}, "status")
    assert code == 1
    assert expected in errors
    assert errors.count("\n") == 1
    for secret in (*(environment[one] for one in SECRETS), "wrong-one"):
        assert secret not in errors + output


def test_usage():
    assert run({}, "nonsense").returncode == 2
    assert said({}, "rows", "head", "--rows", "9999", "x")[0] == 2


KEY = "cli-people"
SECRET = "jane.doe@example.org"


@pytest.fixture(scope="module")
def people(exacttarget_info):
    """A data extension with three rows."""
    fields = (
        Field(name="Id", type=FieldType.Text, max_length=20, is_primary_key=True, is_required=True),
        Field(name="Mail", type=FieldType.EmailAddress, max_length=254),
        Field(name="Points", type=FieldType.Number),
    )
    with ExactTarget(simulated_connection(exacttarget_info)) as client:
        folder = client.folders.ensure(path="Data Extensions/Cli")
        client.data_extensions.create(
            data_extension=DataExtension(
                customer_key=KEY, name="People of the CLI", fields=fields, category_id=folder.id
            )
        )
        rows = [{"Id": "1", "Mail": SECRET, "Points": "5"}, {"Id": "2", "Mail": None, "Points": None}, {"Id": "3"}]
        assert all(one.ok for one in client.rows.upsert(customer_key=KEY, rows=rows))
        client.imports.define(
            definition=ImportDefinition(
                customer_key="cli-in", name="cli-in", destination_key=KEY, file_spec="cli-in.csv"
            )
        )
    return KEY


def lines(environment: dict[str, str], *arguments: str, code: int = 0) -> list[str]:
    """What a verb prints; on failure, what it says."""
    found, output, errors = said(environment, *arguments)
    assert found == code, errors
    return (output if code == 0 else errors).splitlines()


def test_looking_at_data_extensions(environment, people):
    assert lines(environment, "de", "list", "--folder", "Data Extensions/Cli") == [f"{KEY}\tPeople of the CLI"]
    assert lines(environment, "de", "describe", people) == [
        f"{KEY}: People of the CLI",
        "Id\tText(20)\tkey, required",
        "Mail\tEmailAddress(254)",
        "Points\tNumber",
    ]
    assert any(line.endswith("\tdataextension\tData Extensions/Cli") for line in lines(environment, "folders"))
    assert any(line.startswith(environment["ET_MID"]) for line in lines(environment, "units"))
    (error,) = lines(environment, "de", "describe", "none-of-that-key", code=1)
    assert "no data extension with the customer key none-of-that-key" in error


def test_rows_are_chosen_by_conditions(environment, people, tmp_path):
    count = ("rows", "count", people)
    assert lines(environment, *count, "--where", "Points greaterthan 4") == ["1"]
    assert lines(environment, *count, "--where", "Id IN 1|2", "--where", "points isNull") == ["1"]
    assert lines(environment, *count, "--where", "Points between 1|4") == ["0"]
    shown = lines(environment, "rows", "head", people, "--where", "Id equals 2", "--fields", "Id", "--unmasked")
    assert shown == ["row 1", "  Id: 2"]
    path = str(tmp_path / "chosen.csv")
    assert lines(environment, "rows", "export", people, path, "--unmasked", "--where", "Id notEquals 1") == ["2 rows"]
    for condition, expected in [
        ("Points above 4", "A condition has a field, an operator"),
        ("Points greaterThan janes", "has a value that is no Number"),
        ("Pionts equals 4", "there is no field Pionts"),
        ("Mail between jane", "takes two values, and 1"),
    ]:
        (error,) = lines(environment, *count, "--where", condition, code=1)
        assert expected in error
        assert "jane" not in error


def test_looking_at_lists_and_a_subscriber(environment, exacttarget_info):
    with ExactTarget(simulated_connection(exacttarget_info)) as client:
        number = client.lists.create(name="Cli list")
        on = (ListStatus(list_id=number, status="Unsubscribed"),)
        change = SubscriberChange(key="cli-somebody", email=SECRET, status="Active", lists=on)
        assert client.subscribers.create(subscribers=[change])[0].ok
    assert f"{number}\tExactTargetList\tCli list" in lines(environment, "lists")
    status, *where = lines(environment, "subscriber", "cli-somebody")
    assert status == "Active"
    assert where[1:] == [f"  {number}\tCli list\tUnsubscribed"]
    assert "All Subscribers\tActive" in where[0]
    assert said(environment, "subscriber", "cli-nobody")[:2] == (1, "no such subscriber\n")


def test_rows_are_masked_unless_one_asks(environment, people, tmp_path):
    assert lines(environment, "rows", "count", people) == ["3"]
    shown = lines(environment, "rows", "head", people, "--rows", "2")
    assert shown[:3] == ["row 1", "  Id: 1… (1)", f"  Mail: j… ({len(SECRET)})"]
    assert len([line for line in shown if line.startswith("row ")]) == 2
    assert f"  Mail: {SECRET}" in lines(environment, "rows", "head", people, "--unmasked", "--fields", "Mail")
    masked, plain, parquet = (tmp_path / name for name in ("masked.csv", "plain.csv", "plain.parquet"))
    assert lines(environment, "rows", "export", people, str(masked)) == [
        "3 rows, masked (--unmasked writes the values)"
    ]
    assert "jane" not in masked.read_text()
    for path in (plain, parquet):
        assert lines(environment, "rows", "export", people, str(path), "--unmasked") == ["3 rows"]
        assert path.stat().st_mode & 0o777 == 0o600
    assert plain.read_text().splitlines() == ['"Id","Mail","Points"', f'"1","{SECRET}","5"', '"2","",""', '"3","",""']
    assert pyarrow.parquet.read_table(parquet).to_pylist()[0] == {"Id": "1", "Mail": SECRET, "Points": "5"}
    (error,) = lines(environment, "rows", "export", people, str(plain), code=1)
    assert error.startswith("plain.csv is there already.")
    (error,) = lines(environment, "rows", "export", people, str(tmp_path / "x.xlsx"), code=1)
    assert "must end in .csv or .parquet" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["masked.csv", "plain.csv", "plain.parquet"]


def test_a_file_goes_up_is_imported_and_an_extract_comes_back(environment, people, tmp_path):
    (tmp_path / "in.csv").write_text("Id,Points\n7,1\n8,many\n")
    assert lines(environment, "ftp", "put", str(tmp_path / "in.csv"), "Import/cli-in.csv") == ["21 bytes"]
    assert any(line.endswith("  cli-in.csv") for line in lines(environment, "ftp", "ls", "Import"))
    assert f"cli-in\t{KEY}\tAddAndUpdate\tcli-in.csv" in lines(environment, "import", "list")
    code, output, _ = said(environment, "import", "start", "cli-in", "--wait")
    task, result = output.splitlines()
    assert code == 1  # one row is wrong
    assert result.startswith("Completed: 1 successful, 0 duplicated, 1 errors")
    assert said(environment, "import", "status", task.removeprefix("task ")) == (1, result + "\n", "")
    assert lines(environment, "extract", "rows", people, "cli-out.csv") == ["asked for; look for Export/cli-out.csv"]
    deadline = time.monotonic() + 30
    while not any(line.endswith("  cli-out.csv") for line in lines(environment, "ftp", "ls")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    lines(environment, "ftp", "get", "Export/cli-out.csv", str(tmp_path / "out.csv"))
    assert "Mail" in (tmp_path / "out.csv").read_text().splitlines()[0]
    span = ("--from", "2026-11-01T00:00:00-0600", "--to", "2026-11-02T00:00:00-0600", "--type", "open")
    assert lines(environment, "extract", "tracking", "cli.zip", *span) == ["asked for; look for Export/cli.zip"]


def test_a_private_key_comes_from_a_file_and_tokens_from_a_cache(environment, tmp_path):
    without = {name: value for name, value in environment.items() if name != "ET_SFTP_PASSWORD"}
    (error,) = lines(without, "ftp", "ls", code=1)
    assert error.startswith("Not set: ET_SFTP_PASSWORD (or ET_SFTP_PRIVATE_KEY_FILE). ")
    (error,) = lines({**without, "ET_SFTP_PRIVATE_KEY_FILE": str(tmp_path / "none")}, "ftp", "ls", code=1)
    assert error.startswith("ET_SFTP_PRIVATE_KEY_FILE names none, which cannot be read: No such file")
    (tmp_path / "key").write_text("no key")
    (error,) = lines({**without, "ET_SFTP_PRIVATE_KEY_FILE": str(tmp_path / "key")}, "ftp", "ls", code=1)
    assert "private key of SFTP user" in error
    cached = {**environment, "ET_TOKEN_CACHE": str(tmp_path / "cache")}
    lines(cached, "units")
    assert list((tmp_path / "cache").glob("token-*.json"))
