"""`etp` from the terminal: the road, its errors, and what it never shows."""

import json
import os
import pwd
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from et_platform.demo import crm, crm_edit
from et_platform_tests.end_to_end.platform import ETP, figures, platform_in

CUSTOMERS = 400


@pytest.fixture(scope="module")
def platform(tmp_path_factory, exacttarget_info):
    return platform_in(
        tmp_path_factory.mktemp("platform"), exacttarget_info, customers=CUSTOMERS, customer_key="E2E_Customers"
    )


@pytest.fixture
def fresh(tmp_path, exacttarget_info):
    key = "E2E_" + tmp_path.name[-20:]
    return platform_in(tmp_path / "p", exacttarget_info, customers=120, customer_key=key)


def one_paragraph(done: subprocess.CompletedProcess[str]) -> str:
    """The explanation of a failed call: not a traceback, and in one paragraph."""
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    assert "\n\n" not in text.strip()
    return text


def test_plan_sends_nothing_apply_imports_and_a_second_apply_has_nothing_to_do(platform):
    dirty = len(crm.dirty_ids(platform.folder / "crm.sqlite"))
    plan = platform.etp("plan", "customers")
    assert plan.returncode == 0, plan.stdout + plan.stderr
    planned = figures(plan.stdout, "change_set/customers")
    assert int(planned["inserts"]) == CUSTOMERS - dirty
    withheld = ("quarantined", "held (colliding keys)", "unknown (undecidable keys)")
    assert sum(int(planned[name]) for name in withheld) == dirty

    first = platform.etp("apply", "customers")
    assert first.returncode == 0, first.stdout + first.stderr
    assert figures(first.stdout, "change_set/customers")["change set"] == planned["change set"], "planned twice alike"
    assert int(figures(first.stdout, "data_extension/customers")["imported"]) == CUSTOMERS - dirty

    second = platform.etp("apply", "customers")
    assert "Nothing changed" in figures(second.stdout, "change_set/customers")["outcome"]
    assert figures(second.stdout, "data_extension/customers")["imported"] == "0"


def test_after_an_edit_exactly_the_edited_rows_are_imported(platform):
    assert platform.etp("apply", "customers").returncode == 0
    edited = crm_edit.edit(platform.folder / "crm.sqlite", updates=30, inserts=5)
    done = platform.etp("apply", "customers")
    assert done.returncode == 0, done.stdout
    first = figures(done.stdout, "opt_out/customers")
    planned = figures(done.stdout, "change_set/customers")
    opted_out = int(first["rows opted out"])  # these went first, and the plan has nothing left of them
    assert opted_out > 0
    assert int(first["unsubscribed now"]) >= opted_out  # some of the new ones may be out as well
    assert (int(planned["updates"]), int(planned["inserts"])) == (len(edited.updated) - opted_out, len(edited.inserted))
    assert int(figures(done.stdout, "data_extension/customers")["imported"]) == 35 - opted_out


def test_promise_8_a_plan_is_saved_and_approved_from_the_terminal_by_the_user_of_the_system(fresh):
    declaration = fresh.folder / "catalog" / "data_extensions" / "customers.yaml"
    declaration.write_text(declaration.read_text("utf-8").replace("guards:", "approval: required\nguards:"), "utf-8")
    shown = fresh.etp("plan", "customers", "--json", "--save", "plan.json")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    saved = json.loads((fresh.folder / "plan.json").read_text("utf-8"))
    assert json.loads(shown.stdout) == saved
    assert saved["approval"]["state"] == "waiting"
    assert saved["counts"]["inserts"] > 50
    assert all(ruling["is_open"] for ruling in saved["gate"])
    id_ = saved["change_set"]
    assert f"etp approve {id_[:12]}" in one_paragraph(fresh.etp("apply", "customers"))
    assert "Missing option '--why'" in fresh.etp("approve", id_[:12]).stderr
    approved = fresh.etp("approve", id_[:12], "--why", "first load", USER="somebody", LOGNAME="somebody")
    assert approved.returncode == 0, approved.stderr
    assert f"approved by {pwd.getpwuid(os.getuid()).pw_name} until" in approved.stdout
    done = fresh.etp("apply", "customers")
    assert done.returncode == 0, done.stdout
    assert int(figures(done.stdout, "data_extension/customers")["imported"]) == saved["counts"]["inserts"]
    assert "is settled" in one_paragraph(fresh.etp("reject", id_[:12], "--why", "too late"))


def test_promise_16_no_secret_and_no_customers_value_reaches_output_logs_event_log_or_metadata(platform):
    outputs = [platform.etp("apply", "customers"), platform.etp("plan", "customers")]
    wrong = platform.etp("apply", "customers", ET_CLIENT_SECRET="wrong-secret-value")
    texts = [done.stdout + done.stderr for done in (*outputs, wrong)]
    kept = [path for path in (platform.folder / "data" / "dagster").rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in kept)
    kept += list((platform.folder / "data").glob("ledger.sqlite*"))
    haystack = "\n".join([*texts, *(path.read_bytes().decode("utf-8", "replace") for path in kept)])
    secrets = [platform.environment[name] for name in ("ET_CLIENT_SECRET", "ET_SFTP_PASSWORD")]
    with closing(sqlite3.connect(platform.folder / "crm.sqlite")) as connection:
        people = connection.execute(
            "SELECT customer_id, email, phone, first_name || ' ' || last_name, city, birth_date FROM customers"
        )
        values = {str(value) for row in people for value in row if value and len(str(value)) > 5}
    assert len(values) > CUSTOMERS
    # The event log is JSON, so a value beyond ASCII might stand there in escapes.
    forms = {form for value in (*secrets, "wrong-secret-value", *values) for form in (value, json.dumps(value)[1:-1])}
    assert [form for form in forms if form in haystack] == []


def test_promise_16_a_rejected_row_and_a_failing_lake_name_no_customer(fresh, exacttarget_info):
    """Read-back, rejection and a value that the lake cannot take: none is quoted anywhere."""
    assert fresh.etp("apply", "customers").returncode == 0
    with closing(sqlite3.connect(fresh.folder / "crm.sqlite")) as connection, connection:
        connection.execute("UPDATE customers SET first_name = 'Secretive O''Brien' WHERE customer_id = 'NTO-000001'")
    path = fresh.folder / "catalog" / "crm" / "customers.yaml"
    assert fresh.etp("apply", "customers").returncode == 0
    text = path.read_text("utf-8").replace("first_name: {type: text", "first_name: {type: integer")
    path.write_text(text, "utf-8")
    done = fresh.etp("apply", "customers")
    kept = [file for file in (fresh.folder / "data" / "dagster").rglob("*") if file.is_file()]
    haystack = done.stdout + done.stderr + "".join(file.read_bytes().decode("utf-8", "replace") for file in kept)
    assert "Secretive" not in haystack
    assert "Brien" not in haystack


def test_a_name_that_is_taken_is_explained_at_the_terminal(fresh, exacttarget_info):
    from et_platform.exacttarget.models import DataExtension, Field, FieldType
    from et_platform.resources import build_road
    from et_platform.settings import Settings

    values = {name[3:].lower(): value for name, value in fresh.environment.items() if name.startswith("ET_")}
    key = fresh.folder.parent.name[-20:]
    with build_road(Settings(**values), run_id="test", tell=lambda line: None).open_exacttarget() as exacttarget:
        one = Field(name="Id", type=FieldType.Text, max_length=10, is_primary_key=True, is_required=True)
        exacttarget.data_extensions.create(
            data_extension=DataExtension(customer_key=f"other_{key}", name=f"E2E_{key}", fields=(one,))
        )
    text = one_paragraph(fresh.etp("apply", "customers"))
    assert "names must be unique" in text
    assert re.search(r"customers\.yaml:\d+: name: ", text)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ET_CLIENT_SECRET": "not-the-secret"}, r"ET_CLIENT_SECRET|credentials|client"),
        ({"ET_SFTP_PASSWORD": "not-the-password"}, r"password"),
        ({"ET_AUTH_URL": "http://127.0.0.1:9/"}, r"no connection to http://127.0.0.1:9"),
        ({"ET_SFTP_PORT": "9"}, r"127.0.0.1:9.*"),
        ({"ET_MID": "abc"}, r"ET_MID"),
    ],
)
def test_wrong_settings_are_explained_in_a_paragraph_and_nothing_is_imported(fresh, changes, expected):
    text = one_paragraph(fresh.etp("apply", "customers", **changes))
    assert re.search(expected, text), text
    good = fresh.etp("apply", "customers")
    assert good.returncode == 0, good.stdout


def test_missing_settings_are_named_together(fresh):
    text = one_paragraph(fresh.without("ET_CLIENT_ID", "ET_SFTP_HOST").etp("apply", "customers"))
    assert "ET_CLIENT_ID, ET_SFTP_HOST are not set" in text
    assert "etp demo" in text


def test_an_unknown_key_in_yaml_names_file_line_and_remedy(fresh):
    path = fresh.folder / "catalog" / "data_extensions" / "customers.yaml"
    path.write_text(path.read_text("utf-8").replace("deletes: keep", "delete: keep"), "utf-8")
    text = one_paragraph(fresh.etp("plan", "customers"))
    assert re.search(r"customers\.yaml:\d+: delete: unknown key; did you mean `deletes`\?", text)


def test_an_unknown_data_extension_lists_the_known_ones(fresh):
    assert "declared: customers" in one_paragraph(fresh.etp("plan", "custmers"))


def test_a_missing_crm_column_names_the_line(fresh):
    with closing(sqlite3.connect(fresh.folder / "crm.sqlite")) as connection, connection:
        connection.execute("ALTER TABLE customers RENAME COLUMN city TO town")
    text = one_paragraph(fresh.etp("plan", "customers"))
    assert re.search(r"crm/customers\.yaml:\d+: columns\.city: ", text)


def test_a_missing_crm_is_explained_and_not_created(fresh):
    text = one_paragraph(fresh.etp("plan", "customers", ET_CRM_URL=f"sqlite:///{fresh.folder / 'none.sqlite'}"))
    assert "none.sqlite" in text
    assert not (fresh.folder / "none.sqlite").exists()


def test_promise_3_a_killed_apply_is_marked_in_dagster_and_a_plain_rerun_finishes(fresh):
    process = subprocess.Popen(
        [*ETP, "apply", "customers"], cwd=fresh.folder, env=fresh.environment, stdout=subprocess.DEVNULL
    )
    ledger = fresh.folder / "data" / "ledger.sqlite"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not _files_in(ledger):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = fresh.etp("apply", "customers")
    assert again.returncode == 0, again.stdout + again.stderr
    last = fresh.etp("apply", "customers")
    assert figures(last.stdout, "data_extension/customers")["imported"] == "0"
    assert figures(last.stdout, "data_extension/customers").keys() >= {"imported", "outcome"}
    code = (
        "import os, dagster as dg\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    print(sorted(run.status.value for run in instance.get_runs()))\n"
    )
    environment = fresh.environment | {"DAGSTER_HOME": str(fresh.folder / "data" / "dagster")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['FAILURE', 'SUCCESS', 'SUCCESS']"


def _files_in(ledger) -> bool:
    if not ledger.exists():
        return False
    with closing(sqlite3.connect(ledger)) as connection:
        try:
            return connection.execute("SELECT count(*) FROM files").fetchone()[0] > 0
        except sqlite3.OperationalError:
            return False  # not created yet


def test_the_demo_plays_its_story_and_exits(tmp_path):
    done = subprocess.run(
        [*ETP, "demo", "--once", "--customers", "300"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Exactly those 170 rows were imported" in done.stdout
    assert "12 opt-outs among them" in done.stdout
    assert "opted_out          0 → 1" in done.stdout
    assert "open_count         empty → 1" in done.stdout
    assert "Exactly those 12 went out again, and nothing else." in done.stdout
    again = subprocess.run(
        [*ETP, "demo", "--once"], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert "The CRM of an earlier demo is used" in again.stdout, again.stdout + again.stderr
    assert "Exactly those 170 rows were imported" in again.stdout


def test_promise_7_an_emptied_crm_is_a_failed_check_and_the_run_stops_before_the_upload(fresh):
    assert fresh.etp("apply", "customers").returncode == 0
    with closing(sqlite3.connect(fresh.folder / "crm.sqlite")) as connection, connection:
        connection.execute("DELETE FROM customers WHERE rowid > 20")
        connection.execute("UPDATE customers SET city = 'elsewhere'")
    done = fresh.etp("apply", "customers")
    assert done.returncode == 1
    assert "CHECK FAILED change_set/customers: gate" in done.stdout
    assert "minimum_share_of_acknowledged" in done.stdout
    assert "import_file/customers" not in done.stdout
