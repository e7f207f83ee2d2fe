"""What is declared besides rows, against a real simulator: folder, relationship, retention, defaults, mapping; what a
plan shows of it, and what an apply makes.
"""

import re
from dataclasses import replace

import pytest

from et_platform.exacttarget.models import Field, FieldType, Retention
from et_platform.outbound.errors import DeclarationMismatch
from et_platform.outbound.schema import differences
from et_platform.outbound.schema_plan import look_at_schema
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import DATA_EXTENSION, person
from et_platform_tests.simulated import running_simulator


@pytest.fixture
def world(tmp_path, exacttarget_info):
    return World(tmp_path / "world", exacttarget_info)


def seen(world) -> list[tuple[str, str, str]]:
    with world.road.open_exacttarget() as exacttarget:
        return [(one.action, one.kind, one.name) for one in differences(exacttarget, world.declared)]


FULL = DATA_EXTENSION.replace("Points: {type: Number,", "Points: {type: Number, default: 5,").replace(
    "guards:",
    """sendable: {field: PersonID}
deletes: delete
folder: Tests/FOLDER
retention: {length: 6, unit: Months, reset_on_import: true}
guards:""",
)


def test_an_apply_makes_folder_relationship_retention_and_defaults_and_reads_them_back_unchanged(world):
    world.declare(FULL.replace("FOLDER", world.customer_key))
    world.crm(person(), person(id="P2", points=None))
    assert [kind for action, kind, _ in seen(world) if action == "make"] == ["folder", "data extension"]
    _, settlement = world.run()
    assert settlement is not None
    assert settlement.acknowledged == 2
    assert seen(world) == [], "what was made is what is declared"
    assert world.rows()["P2"]["Points"] == "5"
    with world.road.open_exacttarget() as exacttarget:
        made = exacttarget.data_extensions.get(customer_key=world.customer_key)
        folder = exacttarget.folders.find(path=f"Data Extensions/Tests/{world.customer_key}")
    assert made is not None
    assert folder is not None
    assert made.category_id == folder.id
    assert (made.sendable_field, made.sendable_subscriber_field) == ("PersonID", "Subscriber Key")
    assert made.retention == Retention(length=6, unit="Months", row_based=True, reset_on_import=True)
    assert {field.name: field.default for field in made.fields if field.default} == {"Points": "5"}
    assert world.run()[1] is None, "a default that was sent is no change the next time"


@pytest.mark.parametrize("mapping", ["infer", "ordinal", "manual"])
def test_each_mapping_brings_every_field_to_its_place(world, mapping):
    world.declare(
        DATA_EXTENSION.replace("fields:", f"mapping: {mapping}\ndeletes: delete\nfields:").replace(
            "0.5}", "0.5, maximum_delete_share: 1}"
        )
    )
    world.crm(person(), person(id="P2", name="b"), person(id="P3"))
    world.run()
    world.crm(person(points="9"), person(id="P2", name="b"))
    plan, settlement = world.run()
    assert settlement is not None
    assert (plan.figures.updates, plan.figures.deletes) == (1, 1)
    assert (settlement.acknowledged, settlement.problems) == (2, ())
    assert {key: (row["Name"], row["Points"], row["Nickname"]) for key, row in world.rows().items()} == {
        "P1": ("Zoë 漢", "9", "zo"),
        "P2": ("b", "7", "zo"),
    }


def test_an_account_that_counts_columns_from_0_is_found_out_by_reading_back(tmp_path):
    with running_simulator(tmp_path / "sim", "--set", "first_ordinal=0") as simulator:
        world = World(tmp_path / "world", simulator.info | {"ftp_folder": simulator.ftp_folder})
        world.declare(
            DATA_EXTENSION.replace("fields:", "mapping: ordinal\nfields:")
            .replace("  Email: {type: EmailAddress, required: true, from: email, pii: contact}\n", "")
            .replace(
                "Name: {type: Text, length: 10, from: name", "Name: {type: Text, length: 10, required: true, from: name"
            )
        )
        world.crm(person(name="a"), person(id="P2", name="b"))
        _, settlement = world.run()
    assert settlement is not None
    assert settlement.acknowledged == 0
    assert "which ExactTarget may count from 0" in settlement.problems[0] or "errors" in settlement.problems[0]


def test_what_can_be_mended_safely_is_shown_and_mended(world):
    world.crm(person())
    world.run()
    assert seen(world) == []
    text = DATA_EXTENSION.replace("Name: {type: Text, length: 10", "Name: {type: Text, length: 20, default: x")
    world.declare(
        text.replace(
            "guards:", "  Alias: {type: Text, from: name}\nsendable: {field: PersonID}\ndeletes: delete\nguards:"
        )
    )
    assert seen(world) == [
        ("change", "data extension", world.declared.is_.name),
        ("change", "field", "Name"),
        ("make", "field", "Alias"),
    ]
    world.crm(person(name="longer than ten"))
    _, settlement = world.run()
    assert settlement is not None
    assert settlement.acknowledged == 1
    assert world.rows()["P1"]["Name"] == "longer than ten"
    assert seen(world) == []


def test_what_people_did_to_it_is_noted_and_left_to_them(world):
    world.declare(DATA_EXTENSION.replace("guards:", "folder: Tests/Elsewhere\nguards:"))
    world.crm(person())
    world.run()
    with world.road.open_exacttarget() as exacttarget:
        data_extensions = exacttarget.data_extensions
        data_extensions.add_fields(
            customer_key=world.customer_key, fields=[Field(name="Theirs", type=FieldType.Text, max_length=5)]
        )
        there = data_extensions.get(customer_key=world.customer_key)
        assert there is not None
        long = next(field for field in there.fields if field.name == "Name")
        data_extensions.change_fields(
            customer_key=world.customer_key, fields=[Field(name=long.name, type=long.type, max_length=99)]
        )
        root = exacttarget.folders.find(path="Data Extensions")
        assert root is not None
        data_extensions.update(data_extension=replace(there, category_id=root.id, description="Mine"))
    found = seen(world)
    assert {action for action, _, _ in found} == {"note"}
    assert {name for _, kind, name in found if kind == "field"} == {"Theirs", "Name"}
    assert {kind for _, kind, _ in found} == {"folder", "data extension", "field"}
    world.crm(person(points="8"))
    _, settlement = world.run()
    assert settlement is not None
    assert settlement.acknowledged == 1
    assert seen(world) == found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "Points: {type: Number",
            "Points: {type: Text",
            "Points is declared Text, but is Number there, and types cannot",
        ),
        ("PersonID: {type: Text, length: 10", "PersonID: {type: Text, length: 12", "keys cannot be made longer"),
        ("precision: 6", "precision: 9", "numbers cannot be made longer"),
        ("scale: 2", "scale: 3", "with scale 3, but keeps 2 digits"),
        ("key: true, from: id", "required: true, from: id", "PersonID: `key` differs .* and keys cannot change"),
        ("guards:", "  More: {type: Text, required: true, from: name}\nguards:", "give it a `default`"),
        ("  Email: {type: EmailAddress, required: true, from: email, pii: contact}\n", "", "no row could be added"),
    ],
)
def test_what_exacttarget_cannot_do_is_refused_with_the_reason_by_plan_and_apply(world, old, new, expected):
    world.crm(person())
    world.run()
    text = DATA_EXTENSION.replace(old, new)
    assert text != DATA_EXTENSION
    if "required: true, from: id" in new:
        text = text.replace("source: {crm: people}", "source: {sql: 'SELECT *, id AS k FROM lake.crm.people'}")
        text = text.replace("  PersonID:", "  Key: {type: Text, length: 10, key: true, from: k}\n  PersonID:")
    world.declare(text)
    world.crm(person(points="8"))
    world.snapshot()
    world.plan()
    with world.road.open_exacttarget() as exacttarget:
        refused = [one.text for one in differences(exacttarget, world.declared) if one.action == "refuse"]
    assert any(re.search(expected, one) for one in refused), refused
    with pytest.raises(DeclarationMismatch, match=expected):
        world.stage()
    assert world.imported_rows() == 1


def test_promise_15_what_cannot_be_asked_is_unknown_and_stops_no_plan(world):
    world.crm(person())
    world.snapshot()
    world.changes = {"auth_url": "http://127.0.0.1:9"}
    seen = look_at_schema(world.road, world.declared)
    assert seen.found is None
    report = replace(world.plan().report, schema=seen)
    assert report.facts()["schema"] == f"cannot be known: {seen.unknown}"
    assert report.as_json()["schema"] == {"found": None, "unknown": seen.unknown}
    assert "127.0.0.1" in seen.unknown
