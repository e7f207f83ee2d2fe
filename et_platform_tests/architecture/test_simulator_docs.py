"""The simulator's pages say what is: every setting is on its page, and pages name no setting that is gone."""

from __future__ import annotations

import re
from pathlib import Path

from et_platform.simulator import settings_page
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.imports.behaviour import ImportBehaviour

PAGES = Path(__file__).parents[2] / "docs" / "simulator"
TESTS = Path(__file__).parents[1]


def test_the_page_of_settings_is_as_the_command_writes_it() -> None:
    written = (PAGES / "settings.md").read_text()
    assert written == settings_page.page(), "run: etp sim settings > docs/simulator/settings.md"


def test_every_setting_says_what_it_does_and_how_sure_it_is_kept() -> None:
    undescribed = [name for name, one in Behaviour.model_fields.items() if not one.description]
    assert undescribed == []


def test_pages_name_only_settings_that_exist() -> None:
    wrong = {}
    for page in PAGES.glob("*.md"):
        given = re.findall(r"--set (\w+)=", page.read_text())
        if unknown := sorted(set(given) - set(Behaviour.model_fields) - {"NAME"}):
            wrong[page.name] = unknown
    assert wrong == {}


def test_the_page_of_imports_names_every_setting_of_imports() -> None:
    text = (PAGES / "imports.md").read_text()
    settings = {*ImportBehaviour.model_fields, "concurrent_imports", "retention_hour", "retention_recurs", "memory_mib"}
    assert sorted(name for name in settings if f"`{name}`" not in text) == []


def test_every_setting_is_set_by_a_test() -> None:
    """By its name: as `name=value`, as an argument, or as a key."""
    tests = "\n".join(one.read_text() for one in TESTS.rglob("*.py"))
    unset = [name for name in Behaviour.model_fields if not re.search(rf"\b{name}[\"']?\s*(=(?!=)|:)", tests)]
    assert unset == []
