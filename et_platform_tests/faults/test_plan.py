"""Which fault strikes: pure, and the same for the same seed."""

import re

import pytest

from et_platform.simulator.faults import effects
from et_platform.simulator.faults.plan import Occasion, Plan, Standing, meet


def plan(*faults: dict) -> Plan:
    return tuple(Standing(effects.fault({"name": f"f{n}"} | one)) for n, one in enumerate(faults))


def names(now: Plan, *occasions: Occasion, seed: int = 1, step: float = 0) -> list[str]:
    """The names of what strikes, occasion by occasion; '' where nothing does."""
    struck = []
    for number, occasion in enumerate(occasions):
        now, fault = meet(now, occasion, seed=seed, now=number * step)
        struck.append(fault.name if fault else "")
    return struck


UPDATE = Occasion("soap", operation="Update", object="DataExtensionObject", keys=("Customers", "etp-1"), mid="7")


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({}, True),
        ({"operation": "update"}, True),
        ({"operation": "Create"}, False),
        ({"operation": "[UC]*"}, True),
        ({"object": "DataExtension"}, False),
        ({"object": "DataExtension*"}, True),
        ({"key": "customers "}, True),
        ({"key": "etp-*"}, True),
        ({"key": "Custom"}, False),
        ({"mid": 7}, True),
        ({"mid": "8"}, False),
        ({"path": "/v2/token"}, False),
        ({"file": "*.csv"}, False),
        ({"continued": True}, False),
        ({"continued": False}, True),
        ({"at": "rest"}, False),
    ],
)
def test_a_fault_meets_an_occasion_when_all_of_its_patterns_fit(fields, fits):
    assert names(plan({"effect": "throttle", **fields}), UPDATE) == (["f0"] if fits else [""])


def test_the_moment_must_be_the_same():
    cut = plan({"effect": "cut", "when": "after"})
    assert names(cut, UPDATE, Occasion("soap", "during"), Occasion("soap", "after")) == ["", "", "f0"]


def test_it_lets_some_pass_and_strikes_so_many_times():
    assert names(plan({"effect": "throttle", "skip": 2, "times": 2}), *[UPDATE] * 6) == ["", "", "f0", "f0", "", ""]
    assert names(plan({"effect": "throttle"}), UPDATE, UPDATE) == ["f0", ""]
    assert names(plan({"effect": "throttle", "times": "always"}), *[UPDATE] * 50) == ["f0"] * 50


def test_it_lasts_from_its_first_strike():
    lasting = plan({"effect": "maintenance", "lasts": 5, "skip": 1})
    assert names(lasting, *[UPDATE] * 6, step=2) == ["", "f0", "f0", "f0", "", ""]


def test_of_several_the_first_that_is_due_strikes_and_the_next_is_not_met():
    both = plan({"effect": "throttle"}, {"effect": "status", "skip": 1})
    assert names(both, *[UPDATE] * 4) == ["f0", "", "f1", ""]


def test_chance_is_drawn_from_the_seed_alone():
    half = plan({"effect": "throttle", "probability": 0.5, "times": "always"})
    drawn = names(half, *[UPDATE] * 200)
    assert drawn == names(half, *[UPDATE] * 200)
    assert drawn != names(half, *[UPDATE] * 200, seed=2)
    assert 60 < drawn.count("f0") < 140
    # Another fault beside it changes nothing of its draws.
    beside = plan({"effect": "throttle", "probability": 0.5, "times": "always"}, {"effect": "cut", "when": "before"})
    assert [one == "f0" for one in names(beside, *[UPDATE] * 200)] == [one == "f0" for one in drawn]


def test_a_fault_with_a_place_in_a_file_waits_for_it():
    cut = plan({"effect": "cut", "at": "sftp", "at_byte": 100})
    blocks = [
        Occasion("sftp", "during", operation="write", files=("Import/a.csv", "a.csv"), reached=n)
        for n in (50, 100, 150)
    ]
    assert names(cut, *blocks) == ["", "", "f0"]


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"effect": "sneeze"}, "'sneeze' is none of stall, cut"),
        ({}, "effect: None is none of"),
        ({"effect": "throttle", "colour": "red"}, "colour: throttle takes no such field; it takes"),
        ({"effect": "throttle", "at": "sftp"}, "throttle is possible at soap and rest, not at 'sftp'"),
        ({"effect": "throttle", "when": "after"}, "throttle at soap is possible before the effect, not 'after'"),
        ({"effect": "throttle", "times": 0}, "times: must be 1 or more, or always"),
        ({"effect": "throttle", "probability": 2}, "probability:"),
        ({"effect": "throttle", "at": "moon"}, "at: throttle is possible"),
        ({"effect": "alter"}, "elements:"),
        ({"effect": "throttle", "name": "a b"}, "name:"),
    ],
)
def test_what_cannot_be_is_explained(given, part):
    with pytest.raises(ValueError, match=re.escape(part)):
        effects.fault(given)


def test_every_effect_says_what_it_is_and_where_it_strikes():
    for name, kind in effects.EFFECTS.items():
        assert kind.places, name
        assert kind.__doc__, name
        more = {"elements": {"A": "b"}} if name == "alter" else {}
        for at, moments in kind.places.items():
            for when in moments:
                made = effects.fault({"effect": name, "at": at, "when": when, **more})
                assert (made.at, made.when, made.effect) == (at, when, name)
