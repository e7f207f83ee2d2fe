"""What somebody changes in ExactTarget while a change set is on its way: told, and nothing is lost (promises 2, 16)."""

import dataclasses

import pytest

from et_platform.exacttarget.models import FieldType, ImportDefinition
from et_platform.outbound import deliver
from et_platform.outbound.errors import DeclarationMismatch
from et_platform.outbound.forget import forget_acknowledged
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import DATA_EXTENSION, person


@pytest.fixture
def world(tmp_path, exacttarget_info):
    """A world whose insert and update are uploaded."""
    world = World(tmp_path / "world", exacttarget_info, changes={"doubt_deadline_seconds": 0.3})
    world.crm(person(), person(id="P2"))
    world.run()
    world.crm(person(points="8"), person(id="P2"), person(id="P3"))
    world.snapshot()
    world.plan()
    world.stage()
    return world


def arrived(world: World) -> bool:
    """Whether everything is as if nobody had changed anything."""
    rows = {key: (row["Name"], row["Points"]) for key, row in world.rows().items()}
    assert set(world.acknowledged()) == {"p1", "p2", "p3"}
    return rows == {"P1": ("Zoë 漢", "8"), "P2": ("Zoë 漢", "7"), "P3": ("Zoë 漢", "7")}


def made_anew(world: World, **changes) -> None:
    """The data extension is deleted and made anew, with another field Name; its rows are filled in again."""
    with world.road.open_exacttarget() as exacttarget:
        found = exacttarget.data_extensions.get(customer_key=world.customer_key)
        assert found is not None
        fields = [dataclasses.replace(one, **changes) if one.name == "Name" else one for one in found.fields]
        exacttarget.data_extensions.delete(customer_key=world.customer_key)
        exacttarget.data_extensions.create(data_extension=dataclasses.replace(found, fields=tuple(fields)))


def test_promise_2_a_field_that_was_removed_is_told_and_made_again_before_anything_is_imported(world):
    before = world.imported_rows()
    with world.road.open_exacttarget() as exacttarget:
        exacttarget.data_extensions.delete_fields(customer_key=world.customer_key, names=["Points"])
    with pytest.raises(DeclarationMismatch, match=r"people.yaml:\d+: Points is missing there.*Run this again"):
        world.deliver()
    assert world.imported_rows() == before, "its values would have been left out without a word"
    plan, settlement = world.run()
    assert (plan.figures.inserts, plan.figures.updates) == (1, 1)
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (2, ())
    assert (world.rows()["P1"]["Points"], world.rows()["P3"]["Points"]) == ("8", "7")


def test_promise_6_a_marker_that_was_removed_is_told_before_rows_go_without_it(tmp_path, exacttarget_info):
    world = World(tmp_path / "world", exacttarget_info)
    world.declare(DATA_EXTENSION.replace("fields:", "marker: EtpAttempt\nfields:"))
    world.crm(person())
    world.snapshot()
    world.plan()
    world.stage()
    with world.road.open_exacttarget() as exacttarget:
        exacttarget.data_extensions.delete_fields(customer_key=world.customer_key, names=["EtpAttempt"])
    with pytest.raises(DeclarationMismatch, match="EtpAttempt is missing there"):
        world.deliver()
    assert world.imported_rows() == 0
    _, settlement = world.run()
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (1, ())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"type": FieldType.Date, "max_length": None}, r"Name is declared Text, but is Date there.*cannot change"),
        ({"max_length": 3}, "Name holds 3 characters there and becomes 10 long"),
        ({"is_required": True}, "Name is required there"),
    ],
    ids=["type", "length", "required"],
)
def test_promise_16_a_field_that_is_another_now_is_named_with_its_line_and_remedy(world, changes, told):
    made_anew(world, **changes)
    with pytest.raises(DeclarationMismatch, match=rf"changed in ExactTarget after .*people.yaml:\d+: {told}"):
        world.deliver()
    assert world.rows() == {}
    assert set(world.acknowledged()) == {"p1", "p2"}


def test_promise_2_a_data_extension_that_was_deleted_is_told_by_name_until_it_is_forgotten(world):
    with world.road.open_exacttarget() as exacttarget:
        exacttarget.data_extensions.delete(customer_key=world.customer_key)
    with pytest.raises(DeclarationMismatch, match=f"{world.customer_key} was changed .* it is not there any more"):
        world.deliver()
    with pytest.raises(DeclarationMismatch, match=r"2 rows in it were acknowledged.*etp forget people"):
        world.run()
    assert forget_acknowledged(world.road, world.declared) == 2
    world.run()
    assert arrived(world)


@pytest.mark.parametrize("what", ["deleted", "of another file", "of another type"])
def test_promise_2_an_import_definition_that_was_changed_by_hand_loses_nothing(world, what, monkeypatch):
    """Between its definition and its start, which is a moment."""
    define = deliver._define

    def changing(road, exacttarget, data_extension, file) -> None:
        define(road, exacttarget, data_extension, file)
        if what == "deleted":
            exacttarget.imports.delete(customer_key=file.definition_key)
            return
        exacttarget.imports.define(
            definition=ImportDefinition(
                customer_key=file.definition_key,
                name=file.definition_key,
                destination_key=world.customer_key,
                file_spec="nowhere.csv" if what == "of another file" else file.remote,
                update_type="AddAndDoNotUpdate" if what == "of another type" else "AddAndUpdate",
            )
        )

    with monkeypatch.context() as patched:
        patched.setattr(deliver, "_define", changing)
        if what == "deleted":
            with pytest.raises(Exception, match=r"Starting import etp-.*not there\. Somebody may have deleted it"):
                world.deliver()
        else:
            settlement = world.deliver()
            assert settlement is not None
            assert settlement.acknowledged == (0 if what == "of another file" else 1)
            assert "Read back: 0 of 1 rows" in " ".join(settlement.problems)
    world.run()
    assert arrived(world)
