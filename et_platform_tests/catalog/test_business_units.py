"""Business units: declared once, named by data extensions, and part of the address of all but the default one."""

from pathlib import Path

import pytest

from et_platform.catalog.catalog import Catalog, load_catalog
from et_platform.catalog.loader import CatalogError
from et_platform.definitions import build_defs
from et_platform.resources import Platform
from et_platform_tests.scenario import CONSENT, write_catalog

IN_UNITS = CONSENT + "business_units: {units}\n"


def catalog(folder: Path, units: str, *names: str) -> Catalog:
    write_catalog(folder, data_extension=IN_UNITS.replace("{units}", units))
    (folder / "business_units").mkdir()
    for name in names:
        (folder / "business_units" / f"{name}.yaml").write_text(f"description: The {name}.\n", encoding="utf-8")
    return load_catalog(folder)


def test_a_data_extension_has_an_address_in_each_unit_and_none_of_the_default_ones_keys_moves(tmp_path):
    loaded = catalog(tmp_path, "[default, mountain, coast]", "mountain", "coast")
    assert [one.name for one in loaded.everywhere()] == ["people", "people/mountain", "people/coast"]
    keys = {
        spec.key.to_user_string()
        for spec in build_defs(catalog=loaded, platform=Platform()).resolve_all_asset_specs()
        if spec.group_name not in ("crm_snapshot", "crm_source")
    }
    kinds = ("opt_out", "change_set", "import_file", "data_extension")
    assert keys == {f"{kind}/people{unit}" for kind in kinds for unit in ("", "/mountain", "/coast")}


def test_each_unit_has_its_own_road_and_all_together_have_one(tmp_path):
    built = build_defs(catalog=catalog(tmp_path, "[default, coast]", "coast"), platform=Platform())
    road = ("opt_out", "change_set", "import_file", "data_extension")
    selected = {
        name: {
            key.to_user_string()
            for key in built.resolve_job_def(name).asset_layer.executable_asset_keys
            if key.path[0] in road
        }
        for name in ("sync_people", "sync_people__coast", "sync_all")
    }
    assert selected["sync_people__coast"] == {f"{kind}/people/coast" for kind in road}
    assert selected["sync_people"] == {f"{kind}/people" for kind in road}
    assert selected["sync_all"] == selected["sync_people"] | selected["sync_people__coast"]


def test_a_name_finds_the_unit_that_is_asked_for_or_the_only_one(tmp_path):
    loaded = catalog(tmp_path, "[coast, mountain]", "mountain", "coast")
    assert loaded.data_extension("people", "coast").unit == "coast"
    assert loaded.data_extension("people/mountain").name == "people/mountain"
    with pytest.raises(CatalogError, match=r"does not live in the business unit 'default'; it lives in: coast, mount"):
        loaded.data_extension("people")
    only = catalog(tmp_path / "only", "[coast]", "coast")
    assert only.data_extension("people").name == "people/coast"


@pytest.mark.parametrize(
    ("units", "names", "expected"),
    [
        ("[default, caost]", ("coast",), "no business unit 'caost'; declared: default, coast"),
        ("[coast, coast]", ("coast",), "'coast' is named twice"),
        ("[]", (), "business_units: "),
        ("[default]", ("default",), "`default` is the unit of ET_MID"),
    ],
)
def test_promise_16_a_unit_that_is_not_declared_once_is_told_with_file_and_line(tmp_path, units, names, expected):
    with pytest.raises(CatalogError) as caught:
        catalog(tmp_path, units, *names)
    assert expected in str(caught.value)
    assert ".yaml:" in str(caught.value)
