"""docs/simulator/faults.md: its examples are scripts that a simulator takes, and it leaves nothing out."""

import re
from pathlib import Path

import pytest

from et_platform.simulator.faults import effects, script
from et_platform.simulator.faults.model import Fault

PAGE = Path(__file__).parents[2] / "docs" / "simulator" / "faults.md"


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def examples(page):
    """The faults of every example; one that is a list alone stands for that of a script."""
    found: list[Fault] = []
    for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        found += script.parse(block if block.startswith("seed:") else f"faults:\n{block}", "example").faults
    return found


def test_there_is_an_example_of_every_effect_at_every_place_where_it_can_strike(examples):
    shown = {(one.effect, one.at) for one in examples}
    web = {"soap", "rest"}
    for name, kind in effects.EFFECTS.items():
        places = {at for effect, at in shown if effect == name}
        # Over HTTP one of the two will do, where the effect is the same.
        assert places | (web if places & web else set()) >= set(kind.places), (name, places)


def test_every_effect_and_every_field_is_told(page):
    for name, kind in effects.EFFECTS.items():
        assert f"`{name}`" in page, name
        own = kind.model_fields.keys() - Fault.model_fields.keys()
        for field in own:
            assert re.search(rf"\b{field}\b", page), (name, field)
    for field in Fault.model_fields:
        assert field == "effect" or f"| `{field}` |" in page, field


def test_a_running_simulator_takes_every_example(examples, faults):
    names = faults.order("add", faults=[one.given for one in examples])["added"]
    assert len(names) == len(examples)
    standing = faults.order("list")["faults"]
    assert [(one["effect"], one["at"], one["when"]) for one in standing] == [
        (one.effect, one.at, one.when) for one in examples
    ]
