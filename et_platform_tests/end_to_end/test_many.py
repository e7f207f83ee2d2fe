"""Many data extensions in several business units at once: failures stay alone, runs do not collide."""

import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import pytest

from et_platform.definitions import load_defs
from et_platform.many import Task, workers
from et_platform.resources import build_road
from et_platform.settings import load
from et_platform_tests.end_to_end.platform import ETP
from et_platform_tests.outbound.world import settings_for
from et_platform_tests.scenario import CONSENT, CRM, DATA_EXTENSION, PERSON, person
from et_platform_tests.simulated import Simulator, running_simulator

UNITS = {"default": "7000001", "mountain": "7000002", "coast": "7000003"}
PEOPLE = 5


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    children = [word for name in ("mountain", "coast") for word in ("--business-unit", f"{UNITS[name]}:{name}")]
    folder = tmp_path_factory.mktemp("sim")
    with running_simulator(folder / "data", "--mid", UNITS["default"], *children) as started:
        yield started


@dataclass
class Many:
    """A CRM, and data extensions that each live in three business units."""

    folder: Path
    environment: dict[str, str]
    names: list[str]

    def command(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*ETP, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def etp(self, *arguments: str, **changes: str) -> tuple[int, str]:
        process = replace(self, environment=self.environment | changes).command(*arguments)
        said, _ = process.communicate(timeout=240)
        return process.returncode, said

    def declare(self, name: str, minimum_rows: int = 1) -> None:
        text = DATA_EXTENSION.replace("Test_People", self.key(name)).replace("Test People", self.key(name))
        text = text.replace("minimum_rows: 1", f"minimum_rows: {minimum_rows}")
        path = self.folder / "catalog" / "data_extensions" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(f"{text}business_units: [default, mountain, coast]\n", encoding="utf-8")

    def key(self, name: str) -> str:
        return f"{self.folder.parent.name[-20:]}_{name}"

    def change_sets(self) -> list[tuple[str, str]]:
        """Data extension and kind of every change set, in the order in which they were planned."""
        if not (self.folder / "data" / "ledger.sqlite").exists():
            return []
        with closing(sqlite3.connect(self.folder / "data" / "ledger.sqlite")) as ledger:
            return ledger.execute("SELECT data_extension, kind FROM change_sets ORDER BY created_at").fetchall()

    def imported_rows(self) -> dict[tuple[int, str], int]:
        """By MID and data extension, the rows of all imports that there ever were."""
        with closing(sqlite3.connect(self.folder / "data" / "ledger.sqlite")) as ledger:
            rows = ledger.execute(
                "SELECT mid, data_extension, sum(total) FROM files JOIN attempts ON attempt_id = attempts.id "
                "JOIN change_sets ON change_set_id = change_sets.id GROUP BY 1, 2"
            ).fetchall()
        return {(mid, name): total for mid, name, total in rows}


@pytest.fixture
def many(tmp_path: Path, simulator: Simulator) -> Many:
    folder = tmp_path / "p"
    (folder / "catalog" / "crm").mkdir(parents=True)
    (folder / "catalog" / "crm" / "people.yaml").write_text(CRM, encoding="utf-8")
    (folder / "catalog" / "business_units").mkdir()
    for unit in ("mountain", "coast"):
        (folder / "catalog" / "business_units" / f"{unit}.yaml").write_text(f"description: {unit}\n", encoding="utf-8")
    with closing(sqlite3.connect(folder / "crm.sqlite")) as crm, crm:
        crm.execute(f"CREATE TABLE people ({', '.join(PERSON)})")
        people = [tuple(person(id=f"P{n}", email=f"p{n}@example.org").values()) for n in range(PEOPLE)]
        crm.executemany(f"INSERT INTO people VALUES ({', '.join('?' * len(PERSON))})", people)
    usual = settings_for(folder, simulator.info)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        **{
            f"ET_{name.upper()}": str(getattr(value, "get_secret_value", lambda value=value: value)())
            for name, value in usual.model_dump(exclude_unset=True).items()
        },
    }
    for child in simulator.info["business_units"]:
        of_unit = f"ET_BUSINESS_UNITS__{child['name'].upper()}__"
        environment |= {f"{of_unit}MID": child["mid"], f"{of_unit}SFTP_PASSWORD": child["sftp_password"]}
    made = Many(folder, environment, ["one"])
    for name in made.names:
        made.declare(name)
    return made


def addresses(*names: str) -> set[str]:
    return {f"{name}{unit}" for name in names for unit in ("", "/mountain", "/coast")}


def states(said: str) -> dict[str, str]:
    """By data extension, the state that the table of a call to `etp` tells."""
    table = said.partition("data extension ")[2].partition("\n\n")[0].splitlines()[1:]
    return {line.split()[0]: line.split()[1] for line in table if line.strip()}


def test_promise_13_one_that_fails_stops_no_other_is_told_and_is_taken_up_alone(many):
    many.declare("held", minimum_rows=PEOPLE + 1)
    code, said = many.etp("apply", "--all", "--parallel", "3")
    assert code == 1, said
    done, left = addresses("one"), addresses("held")
    assert states(said) == dict.fromkeys(done, "imported") | dict.fromkeys(left, "FAILED")
    assert "3 of 6 succeeded" in said
    assert said.count("CHECK FAILED change_set/held") == 3

    many.declare("held")
    code, said = many.etp("apply", "held", "--unit", "coast")
    assert code == 0, said
    code, said = many.etp("apply", "--all", "--parallel", "2")
    assert code == 0, said
    expected = dict.fromkeys(done | {"held/coast"}, "unchanged") | dict.fromkeys(left - {"held/coast"}, "imported")
    assert states(said) == expected
    assert many.imported_rows() == {
        (int(mid), name if unit == "default" else f"{name}/{unit}"): PEOPLE
        for name in ("one", "held")
        for unit, mid in UNITS.items()
    }


MAILED = """
description: Who is mailed.
owners: ["team:tests"]
customer_key: KEY
name: KEY
source: {crm: people}
deletes: delete
sendable: {field: PersonID, subscriber: Subscriber Key}
fields:
  PersonID: {type: Text, length: 10, key: true, required: true, from: id, pii: identifier}
  Email: {type: EmailAddress, required: true, from: email, pii: contact}
guards: {minimum_rows: 1, maximum_quarantine_share: 1.0}
"""


def test_promise_9_of_all_none_that_is_mailed_from_is_begun_before_the_opt_outs_are_sent(many):
    folder = many.folder / "catalog" / "data_extensions"
    one = CONSENT.replace("Test_People", many.key("one")).replace("Test People", many.key("one"))
    (folder / "one.yaml").write_text(one, encoding="utf-8")
    (folder / "a_mailed.yaml").write_text(MAILED.replace("KEY", many.key("mailed")), encoding="utf-8")
    with closing(sqlite3.connect(many.folder / "crm.sqlite")) as crm, crm:
        crm.execute("UPDATE people SET opted_out = '1', opted_out_at = '2026-02-03 04:05:06' WHERE id = 'P0'")
    # The opt-outs cannot be sent: a business unit of that number is not this account's.
    code, said = many.etp("apply", "--all", "--parallel", "2", ET_MID="7999999")
    assert (code, states(said)) == (1, {"one": "FAILED", "a_mailed": "FAILED"}), said
    assert many.change_sets() == []

    code, said = many.etp("apply", "--all", "--parallel", "2")
    assert (code, states(said)) == (0, {"one": "imported", "a_mailed": "imported"}), said
    assert set(many.imported_rows().values()) == {PEOPLE, PEOPLE - 1}
    names = [(name, kind) for name, kind in many.change_sets()]
    assert names[0] == ("one", "unsubscribe")
    assert ("a_mailed", "rows") in names


def test_promise_1_two_runs_of_all_and_a_call_at_the_same_moment_import_every_row_once(many):
    started = [
        many.command("apply", "--all", "--parallel", "2"),
        many.command("apply", "--all", "--parallel", "2"),
        many.command("apply", "one", "--unit", "coast"),
    ]
    said = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], "\n".join(said)
    assert set(many.imported_rows()) == {
        (int(mid), name if unit == "default" else f"{name}/{unit}")
        for name in many.names
        for unit, mid in UNITS.items()
    }
    assert set(many.imported_rows().values()) == {PEOPLE}, "\n".join(said)


def test_promise_13_in_one_dagster_run_too_one_that_fails_stops_no_other(many, monkeypatch):
    many.declare("held", minimum_rows=PEOPLE + 1)
    for name, value in many.environment.items():
        monkeypatch.setenv(name, value)
    with dg.instance_for_test() as instance:
        job = load_defs(models=False).resolve_job_def("sync_all")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    made = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}
    assert {key.partition("/")[2] for key in made if key.startswith("data_extension/")} == addresses("one")
    assert set(many.imported_rows().values()) == {PEOPLE}
    assert len(many.imported_rows()) == len(addresses("one"))


def test_a_worker_that_is_killed_fails_what_it_had_and_no_other(many, monkeypatch):
    for name, value in many.environment.items():
        monkeypatch.setenv(name, value)
    road = build_road(load(), run_id="test", tell=print)
    reading = Task("people", [["crm_snapshot", "people"]])
    with workers(1) as busy:
        with road.lease("snapshot of people"):  # the worker waits for it
            outcomes = busy.run([reading])
            threading.Timer(2.0, lambda: [os.kill(pid, signal.SIGKILL) for pid in busy.processes()]).start()
            killed = next(outcomes)
        assert not killed.succeeded
        assert "exit code -9" in killed.why[0]
        assert [outcome.state for outcome in busy.run([reading])] == ["done"]
