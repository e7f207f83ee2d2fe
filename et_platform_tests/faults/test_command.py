"""`etp sim fault` as a user meets it."""

import json

import pytest
import requests
from click.testing import CliRunner

from et_platform.simulator.cli import sim


@pytest.fixture
def run(simulator):
    def run(*args, data=True):
        return CliRunner().invoke(sim, ["fault", *args, *(("--data", str(simulator.data_dir)) if data else ())])

    return run


@pytest.fixture
def good(run):
    def good(*args):
        result = run(*args)
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    return good


def test_faults_are_ordered_listed_released_and_cleared(good, faults, simulator):
    assert good("add", "status", "at=rest", "path=/no*", "code=502", "name=mine") == {"added": ["mine"]}
    assert good("add", "alter", 'elements={"ImportStatus": "Halted"}', "key=7") == {"added": ["alter-1"]}
    assert requests.get(f"{simulator.info['rest_url']}nothing", timeout=30).status_code == 502
    listed = good("list")
    assert listed["faults"][0] == {
        "effect": "status",
        "name": "mine",
        "at": "rest",
        "when": "before",
        "path": "/no*",
        "code": 502,
        "met": 1,
        "struck": 1,
        "over": True,
        "waiting": 0,
    }
    strike = listed["strikes"][-1]
    assert (strike["name"], strike["operation"], strike["path"]) == ("mine", "GET", "/nothing")
    assert good("release", "mine") == {"released": ["mine"]}
    assert good("clear", "mine") == {"cleared": ["mine"]}
    assert good("clear") == {"cleared": ["alter-1"]}
    assert good("list") == {"faults": [], "strikes": []}


def test_a_script_is_loaded_into_a_running_simulator(good, run, tmp_path, faults):
    path = tmp_path / "script.yaml"
    path.write_text("faults:\n- {effect: cut}\n- {effect: maintenance, lasts: 60, name: night}\n")
    assert good("load", str(path)) == {"added": ["cut-1", "night"]}
    assert [one["effect"] for one in good("list")["faults"]] == ["cut", "maintenance"]
    path.write_text("faults:\n- {effect: sneeze}\n")
    assert "line 2: effect: 'sneeze' is none of" in run("load", str(path)).output


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (("add", "sneeze"), "'sneeze' is not one of"),
        (("add", "cut", "at"), "'at': a field is given as FIELD=VALUE"),
        (("add", "cut", "at=moon"), "cut is possible at soap and rest and sftp, not at 'moon'"),
        (("add", "cut", "colour=red"), "colour: cut takes no such field"),
        (("add", "alter", "elements={"), "elements: '{' is no JSON"),
        (("clear", "nobody"), "there is no fault nobody; there are: none"),
    ],
)
def test_mistakes_are_explained(run, faults, args, part):
    result = run(*args)
    assert result.exit_code != 0
    assert part in " ".join(result.output.split())


def test_the_effects_are_told_without_a_simulator(run):
    told = run("effects", data=False).output
    assert "cut: The connection breaks." in told
    assert "  at_byte (200): With `during`" in told
    assert "Fields of every effect:\n  name:" in told


def test_the_data_folder_may_be_named_once_for_all(simulator, faults):
    result = CliRunner().invoke(sim, ["--data", str(simulator.data_dir), "fault", "list"])
    assert json.loads(result.output)["faults"] == []
