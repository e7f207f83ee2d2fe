"""`etp ledger`: what happened, in words, from the ledger alone."""

import json

import pytest
from click.testing import CliRunner

from et_platform.cli.main import main
from et_platform.ledger.records import FileState
from et_platform.trace.record import outcome_of
from et_platform_tests.ledger.test_ledger import a_file
from et_platform_tests.outbound.test_road import tamper
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import person


@pytest.fixture
def etp(tmp_path, monkeypatch):
    monkeypatch.setenv("ET_DATA_PATH", str(tmp_path / "world" / "data"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, list(arguments))
        assert done.exit_code == code, done.output
        return done.output

    return run


def test_the_ledger_tells_of_change_sets_attempts_files_and_tasks_in_words(tmp_path, exacttarget_info, etp):
    assert etp("ledger") == "The ledger has no change set yet.\n"
    world = World(tmp_path / "world", exacttarget_info)
    world.crm(person(), person(id="P2"))
    world.snapshot()
    plan = world.plan()
    assert plan.change_set is not None
    assert "not begun" in etp("ledger", "list")
    world.stage()
    tamper(world, "insert", lambda text: text.replace('"P2","p1@example.org"', '"P2","broken"'))
    settlement = world.deliver()
    assert settlement is not None
    listed = etp("ledger", "list", "--data-extension", "people")
    assert f"{plan.change_set.id[:12]}  people (rows), settled: 2 inserts; attempt" in listed
    shown = etp("ledger", "show", plan.change_set.id[:8])
    assert "the import ended, which does not mean that every row was taken".lower() in shown.lower()
    assert "1 of 2 rows are acknowledged; 1 are not, and stayed changes" in shown
    assert "successful 1, duplicated 0, errors 1" in shown
    found = json.loads(etp("ledger", "show", settlement.attempt_id, "--json"))
    (file,) = found["attempts"][0]["files"]
    assert (file["rows"], file["rejected"], file["figures"]["errors"]) == (2, 1, 1)
    assert json.loads(etp("ledger", "show", str(file["import task"]), "--json")) == found
    everything = etp("ledger", "list", "--json") + shown + json.dumps(found)
    assert "example.org" not in everything  # no value of any row
    assert "names nothing in the ledger. `etp ledger list`" in etp("ledger", "show", "zz", code=1)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("staged", "not uploaded yet"),
        ("uploaded", "was not asked"),
        ("dropped", "Never imported"),
        ("starting", "In doubt"),
        ("started", "has not been seen to end"),
        ("missing", "knows no import"),
        ("finished", "not recorded yet"),
        ("proven", "1 of 1 rows are acknowledged."),
    ],
)
def test_every_state_of_a_file_has_its_words(state: FileState, words: str):
    from dataclasses import replace

    assert words in outcome_of(replace(a_file("a1"), state=state))
