"""The forms in which import files can be written, each brought through an import of a real simulator."""

from pathlib import Path

import pytest

from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import DATA_EXTENSION, person

FORMS = [
    ("{delimiter: tab, encoding: utf-16, nulls: '\\N', dates: en-GB}", b"\xff\xfe", "05/03/1987 00:00:00"),
    ("{delimiter: semicolon, nulls: '#none', dates: en-US}", b'"PersonID";', "03/05/1987 12:00:00 AM"),
    ("{delimiter: pipe}", b'"PersonID"|', "1987-03-05 00:00:00"),
]


def declared(form: str) -> str:
    return DATA_EXTENSION.replace("fields:", f"file: {form}\nfields:")


@pytest.fixture
def world(tmp_path, exacttarget_info) -> World:
    return World(tmp_path / "world", exacttarget_info)


def staged(world: World) -> list[Path]:
    return sorted((world.folder / "data" / "files").rglob("*.csv"))


@pytest.mark.parametrize(("form", "start", "born"), FORMS)
def test_a_declared_form_brings_every_value_as_it_is(world, form, start, born):
    world.declare(declared(form))
    odd = 'a"b,c;\td|'
    world.crm(person(born="1987-03-05", spent="2.25"), person(id="P2", name=odd, points=None, born=None, spent="1.5"))
    world.snapshot()
    world.plan()
    world.stage()
    (file,) = staged(world)
    content = file.read_bytes()
    assert content.startswith(start)
    assert file.stat().st_mode & 0o777 == 0o600
    assert born in content.decode("utf-16" if start == b"\xff\xfe" else "utf-8")
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (2, ())
    rows = world.rows()
    assert {key: tuple(row[name] for name in ("Name", "Points", "Spent", "Born")) for key, row in rows.items()} == {
        "P1": ("Zoë 漢", "7", "2.25", "3/5/1987 12:00:00 AM"),
        "P2": (odd, "", "1.50", ""),
    }
    world.crm(person(born="1987-03-05", spent="2.25"), person(id="P2", name=None, points="3", born=None, spent="1.5"))
    _, settlement = world.run()
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (1, ())
    assert (world.rows()["P2"]["Name"], world.rows()["P2"]["Points"]) == ("", "3")
    assert world.run()[1] is None, "what was imported is what was acknowledged"


def test_promise_2_a_text_that_is_what_stands_for_no_value_is_withheld_with_the_reason(world):
    world.declare(declared("{nulls: '\\N'}"))
    world.crm(person(), person(id="P2", name="\\N"))
    world.snapshot()
    plan = world.plan()
    assert (plan.figures.inserts, plan.figures.quarantined) == (1, 1)
    assert plan.figures.reasons == {"Name: is \\N, which stands for no value in the import file": 1}


def test_a_file_is_imported_in_the_form_in_which_it_was_written_whatever_is_declared_since(world):
    world.declare(declared("{delimiter: tab, nulls: '\\N'}"))
    world.crm(person(), person(id="P2", points=None))
    world.snapshot()
    world.plan()
    world.stage()
    world.declare(declared("{delimiter: pipe}"))
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (2, ())
    assert world.rows()["P2"]["Points"] == ""


def test_promise_7_columns_go_by_the_places_that_were_planned_whatever_order_is_declared_since(world):
    by_place = DATA_EXTENSION.replace("fields:", "mapping: ordinal\nfields:")
    email, name = (line for line in DATA_EXTENSION.splitlines() if line.startswith(("  Email:", "  Name:")))
    world.declare(by_place)
    world.crm(person())
    world.snapshot()
    world.plan()
    world.stage()
    world.declare(by_place.replace(f"{email}\n{name}", f"{name}\n{email}"))
    settlement = world.deliver()
    assert settlement is not None
    assert settlement.acknowledged == 1
    assert (world.rows()["P1"]["Email"], world.rows()["P1"]["Name"]) == ("p1@example.org", "Zoë 漢")
