"""The catalogue: what is accepted, and how an error names file, line, key and remedy (promise 16)."""

from pathlib import Path

import pytest

from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.loader import CatalogError
from et_platform_tests.scenario import CRM, DATA_EXTENSION, write_catalog


def problems(folder: Path, **texts: str) -> str:
    write_catalog(folder, **texts)
    with pytest.raises(CatalogError) as caught:
        load_catalog(folder)
    return str(caught.value).replace(str(folder), "")


def line_with(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.split("\n"), 1) if part in line)


def test_the_packaged_catalogue_loads_and_knows_the_line_of_every_key():
    catalog = load_catalog()
    declared = catalog.data_extensions["customers"]
    path, line = declared.at("fields", "City", "from").rsplit(":", 1)
    assert "City:" in Path(path).read_text(encoding="utf-8").split("\n")[int(line) - 1]
    assert catalog.entity_of(declared).name == "customers"
    assert declared.is_.key_field == "CustomerID"


def test_promise_16_an_unknown_key_names_file_line_key_and_the_nearest_known_key(tmp_path):
    text = DATA_EXTENSION.replace("Name: {type: Text, length: 10", "Name: {type: Text, lenght: 10")
    line = line_with(text, "lenght")
    assert problems(tmp_path, data_extension=text) == (
        f"/data_extensions/people.yaml:{line}: fields.Name.lenght: unknown key; did you mean `length`?"
    )


def test_promise_16_all_problems_of_all_files_are_told_at_once(tmp_path):
    told = problems(
        tmp_path, crm=CRM.replace("type: date", "type: datum"), data_extension=DATA_EXTENSION.replace("Number", "Int")
    )
    assert "/crm/people.yaml" in told
    assert "columns.born.type" in told
    assert "/data_extensions/people.yaml" in told
    assert "fields.Points.type" in told


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("source: {crm: people}", "source: {crm: persons}", "no CRM entity 'persons'; declared: people"),
        ("from: points", "from: pionts", "declares no column 'pionts'"),
        ("Points: {type: Number, from: points}", "Points: {type: Number, from: name}", "cannot take the text column"),
        ("key: true, from: id", "key: true, from: name", "must come from the entity's key 'id'"),
        ("key: true, ", "", "exactly one field must say `key: true`"),
        ("Name: {", "email: {", "are one field to ExactTarget"),
        ("customer_key: Test_People", f"customer_key: {'x' * 37}", "at most 36 characters"),
        ("Points: {type: Number", "Points: {type: Number, length: 5", "`length` is for text"),
        ('owners: ["team:tests"]', 'owners: ["tests"]', "e-mail address or team:name"),
        ("name: Test People", "name: A\nname: B", "is written twice"),
        ("customer_key: Test_People\n", "", "customer_key: this key is required"),
        ("fields:", "fields: [", "expected"),
    ],
)
def test_promise_16_each_mistake_is_explained(tmp_path, old, new, expected):
    assert old in DATA_EXTENSION
    assert expected in problems(tmp_path, data_extension=DATA_EXTENSION.replace(old, new, 1))


def test_two_data_extensions_may_not_share_a_customer_key_whatever_the_case(tmp_path):
    write_catalog(tmp_path)
    other = DATA_EXTENSION.replace("Test_People", "TEST_PEOPLE").replace("name: Test People", "name: Others")
    (tmp_path / "data_extensions" / "others.yaml").write_text(other, encoding="utf-8")
    with pytest.raises(CatalogError, match="customer_key: 'Test_People' is already used in"):
        load_catalog(tmp_path)


def test_a_file_name_that_cannot_be_an_asset_key_is_refused(tmp_path):
    write_catalog(tmp_path)
    (tmp_path / "data_extensions" / "my people.yaml").write_text(DATA_EXTENSION, encoding="utf-8")
    with pytest.raises(CatalogError, match="rename it"):
        load_catalog(tmp_path)


def test_a_folder_that_does_not_exist_names_the_setting(tmp_path):
    with pytest.raises(CatalogError, match="ET_CATALOG_PATH"):
        load_catalog(tmp_path / "nowhere")
