"""The ways to read rows back, each told with its reason; a wrong count is found by each of them."""

import pytest

from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.loader import CatalogError
from et_platform.exacttarget.extracts import Extracts
from et_platform.outbound.observe import way_of
from et_platform_tests.outbound.test_road import tamper
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import DATA_EXTENSION, example_catalog, person, write_catalog


@pytest.fixture
def world(tmp_path, exacttarget_info):
    return World(tmp_path / "world", exacttarget_info)


def declared(world: World, line: str) -> World:
    world.declare(DATA_EXTENSION.replace("guards:", f"{line}\nguards:"))
    return world


def cut_off(world: World):
    """Of five rows only two arrive, with values of every type; the figures look clean but for their sum."""
    world.crm(person(id="P0", name='a\n"b", c'), *(person(id=f"P{n}", nickname=None) for n in range(1, 5)))
    world.snapshot()
    world.plan()
    world.stage()
    tamper(world, "insert", lambda text: text[: text.index('"P2"')])
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged) == (5, 2)
    assert "TotalRows is 2, but 5 rows were staged" in settlement.problems[0]
    assert set(world.acknowledged()) == {"p0", "p1"}
    return [line for line in world.told if line.startswith("Reading 5 keys")]


@pytest.mark.parametrize(
    ("line", "way"),
    [("", "look_up: up to 5000 are looked up."), ("read_back: retrieve", "retrieve: so it is declared.")],
)
def test_promise_5_a_wrong_count_is_found_by_retrieves(world, line, way):
    (told,) = cut_off(declared(world, line))
    assert told.endswith(f"back by {way}")


def test_promise_6_a_wrong_count_is_found_by_an_extract_which_is_taken_away(world):
    (told,) = cut_off(declared(world, "read_back: extract"))
    assert told.endswith("back by extract: so it is declared.")
    assert not any("retrieved" in line for line in world.told)
    assert not list((world.info["ftp_folder"] / "Export").glob("etp_readback_*"))


def test_promise_6_an_extract_that_does_not_come_is_told_and_rows_are_retrieved(world, monkeypatch):
    monkeypatch.setattr(Extracts, "request_data_extension", lambda *_, **__: None)
    world.changes["import_deadline_seconds"] = 3.0
    cut_off(declared(world, "read_back: extract"))
    assert any("did not come within 3 s: rows are retrieved" in line for line in world.told)


@pytest.mark.parametrize("mapping", ["infer", "manual"])
def test_promise_6_a_wrong_count_is_found_by_the_marker_and_the_rest_follows(world, mapping):
    (told,) = cut_off(declared(world, f"marker: EtpAttempt\nmapping: {mapping}"))
    assert told.endswith("back by marker: the field EtpAttempt says which attempt wrote a row.")
    plan, settlement = world.run()
    assert (plan.figures.inserts, plan.figures.updates, plan.figures.unchanged) == (3, 0, 2)
    assert settlement is not None
    with world.road.open_exacttarget() as exacttarget:
        batches = exacttarget.rows.read(customer_key=world.customer_key, fields=["PersonID", "EtpAttempt"])
        marks = {row["PersonID"]: row["EtpAttempt"] for batch in batches for row in batch.to_pylist()}
    assert {key for key, mark in marks.items() if mark == settlement.attempt_id} == {"P2", "P3", "P4"}
    assert len(set(marks.values())) == 2
    plan, settlement = world.run()
    assert (plan.change_set, settlement) == (None, None)


def test_promise_16_a_marker_is_a_field_of_its_own(tmp_path):
    write_catalog(tmp_path, data_extension=DATA_EXTENSION.replace("guards:", "marker: email\nguards:"))
    with pytest.raises(CatalogError, match="'Email' and 'email' are one field"):
        load_catalog(tmp_path)


def test_the_way_back_is_chosen_by_size_and_absence_is_never_read_off_a_file(tmp_path):
    of_size = example_catalog(tmp_path / "catalog").data_extensions["people"].is_
    ways = [way_of(of_size, "insert", keys)[0] for keys in (5_000, 5_001, 100_000)]
    assert ways == ["look_up", "retrieve", "extract"]
    assert way_of(of_size, "delete", 100_000)[0] == "retrieve"
    by_extract = of_size.model_copy(update={"read_back": "extract"})
    assert way_of(by_extract, "bury", 10)[0] == "retrieve"
