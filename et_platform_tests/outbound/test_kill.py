"""kill -9 at the boundaries of the road, then a plain re-run: the state that an undisturbed run reaches."""

from pathlib import Path

import pytest

from et_platform_tests.outbound.kill_matrix import KINDS
from et_platform_tests.outbound.kill_points import OUTCOMES, POINTS, Point, groups, page

AT_ONCE = 9
"""Kills a test: it makes a world ready once, and several tests can go at once."""

REACHED = {
    "first run": {"imported": 3},
    "inserts and updates": {"imported": 3 + 3},  # three first, then one insert and two updates
    "several parts": {"imported": 3 + 3},  # three files of a row each
    "zipped": {"imported": 3 + 1, "left for the activity": False},
    "deletes": {"imported": 3 + 2, "acknowledged": {"p1": "Zoë 漢", "p2": "Zoë 漢"}},
    "tombstones": {"imported": 3 + 2},
    "composite keys": {"imported": 3 + 3},
    "rejected rows": {  # one of three is rejected, sent once more, rejected again
        "imported": 3 + 3 + 1,
        "quarantine": [["P1", "was rejected twice by ExactTarget with this content"]],
    },
    "opt-outs": {
        "imported": 2 + 2,
        "statuses": dict.fromkeys("123", "Unsubscribed"),  # 4 is unknown and has no address
        "rows": {"1": "True", "2": "True"},
        "acknowledged": ["1", "2", "3"],
        "left to opt out": False,
    },
}
"""What an undisturbed run reaches; `imported` counts the rows of all imports, so nothing is imported twice."""


def identified(group: tuple[str, tuple[Point, ...]]) -> str:
    kind, points = group
    return f"{kind} {points[0].number}-{points[-1].number}"


@pytest.mark.parametrize("group", list(groups(AT_ONCE)), ids=identified)
def test_promises_1_to_7_and_9_kill_at_every_boundary_then_a_plain_rerun(group, tmp_path, victims):
    kind, points = group
    told = victims("matrix", kind=kind, folder=str(tmp_path), fatal=[point.number for point in points])
    assert told["names"] == [point.name for point in POINTS[kind]], "list the boundaries anew in kill_points.py"
    expected = told["expected"]
    assert expected == expected | REACHED[kind] | {"left on the FTP site": 0, "open": False}
    assert len(told["outcomes"]) == len(points)
    for point, outcome in zip(points, told["outcomes"], strict=True):
        where = f"{point.number} {point.name}"
        assert outcome["killed"], f"{where}: the process was not killed"
        assert outcome["state"] == expected, where
        assert outcome["went"] == point.outcome, where


def test_every_kind_is_killed_and_every_boundary_of_a_kind_of_files_is():
    assert set(POINTS) == set(KINDS) == set(REACHED)
    assert all(point.outcome is not None for point in POINTS["inserts and updates"])
    assert all(any(point.outcome is not None for point in points) for points in POINTS.values())
    assert {point.outcome for points in POINTS.values() for point in points} <= {None, *OUTCOMES}


def test_the_page_of_the_kill_matrix_is_current():
    found = (Path(__file__).parents[2] / "docs" / "kill-matrix.md").read_text("utf-8")
    assert found == page(), "run python -m et_platform_tests.outbound.kill_points > docs/kill-matrix.md"
