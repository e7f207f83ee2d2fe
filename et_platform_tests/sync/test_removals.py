"""Rows that left the source: which are removed, and which may never be."""

import pytest
from pydantic import ValidationError

from et_platform.catalog.models import DataExtension
from et_platform.sync import removals
from et_platform_tests.scenario import person
from et_platform_tests.sync.test_plan import World

AT = "2026-01-02T12:00:00+00:00"


@pytest.fixture
def world(tmp_path) -> World:
    world = World(tmp_path)
    world.data_extension = world.data_extension.model_copy(update={"deletes": "delete"})
    return world


def removed(world: World) -> set[str]:
    query = removals.rows(world.data_extension, taken_at=AT)
    with world.lake.read() as connection:
        world.evaluate(connection)
        return {row[0] for row in connection.execute(f"SELECT _folded_key FROM ({query})").fetchall()}


def test_promise_7_only_keys_that_were_acknowledged_and_left_the_source_are_removed(world):
    world.snapshot(person(), person(id="P2"), person(id="P3"))
    assert removed(world) == set(), "what was never acknowledged is not ours to delete"
    world.acknowledge()
    world.snapshot(person(), person(id="p2  "))
    assert removed(world) == {"p3"}


@pytest.mark.parametrize(
    "left",
    [
        {"id": "P2", "email": "broken"},  # in quarantine
        {"id": "p2", "name": "other case"},
        {"id": None},  # may be any row
        {"id": "Pé2"},  # P2 with a letter that ExactTarget may ignore
        {"id": "ｐ2"},
    ],
)
def test_promise_7_a_row_that_may_still_be_there_in_some_form_is_never_removed(world, left):
    world.snapshot(person(), person(id="P2"))
    world.acknowledge()
    world.snapshot(person(), person(**left))
    assert removed(world) == set()
    world.snapshot(person())
    assert removed(world) == {"p2"}


def test_promise_7_copies_of_a_key_hold_it_and_never_delete_it(world):
    world.snapshot(person(), person(id="P2"))
    world.acknowledge()
    world.snapshot(person(), person(id="P2"), person(id="p2", name="copy"))
    assert removed(world) == set()


def test_a_key_of_an_unknown_kind_does_not_keep_unlike_ones(world):
    world.snapshot(person(), person(id="P2"), person(id="P_2"), person(id="PX2"))
    world.acknowledge()
    world.snapshot(person(), person(id="P_2é"))
    assert removed(world) == {"p2", "px2"}, "the _ of a key is no wildcard"


@pytest.mark.parametrize(
    ("deletes", "complete", "keyless", "expected"),
    [
        ("delete", True, 0, ""),
        ("keep", True, 0, "`keep`"),
        ("delete", False, 0, "only what changed"),
        ("delete", True, 1, "no key"),
    ],
)
def test_promise_7_partial_snapshots_and_rows_without_keys_remove_nothing(world, deletes, complete, keyless, expected):
    declared = world.data_extension.model_copy(update={"deletes": deletes})
    assert expected in removals.doubt(declared, is_complete=complete, keyless=keyless)
    assert bool(expected) is bool(removals.doubt(declared, is_complete=complete, keyless=keyless))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"deletes": "tombstone"}, "belong together"),
        ({"tombstone": "Gone"}, "belong together"),
        ({"deletes": "tombstone", "tombstone": "Missing"}, "no field 'Missing'"),
        ({"deletes": "tombstone", "tombstone": "PersonID"}, "must be of type Boolean or Date"),
        (
            {"fields": {"PersonID": {"type": "Text", "key": True, "from": "id"}, "Odd": {"type": "Text"}}},
            "needs `from`",
        ),
    ],
)
def test_promise_16_a_declaration_of_removals_that_contradicts_itself_is_explained(world, changes, problem):
    declared = world.data_extension.model_dump(mode="json", by_alias=True) | {"deletes": "keep"} | changes
    with pytest.raises(ValidationError, match=problem):
        DataExtension.model_validate(declared)
