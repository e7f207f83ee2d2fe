"""The catalogue: what is accepted, and how an error names file, line, key and remedy (promise 16)."""

import re
from pathlib import Path

import pytest

from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.loader import CatalogError
from et_platform_tests.scenario import CONSENT, CRM, DATA_EXTENSION, write_catalog


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
        ("key: true, from: id", "key: true, from: name", "must come from the entity's key (id)"),
        ("key: true, ", "", "no field says `key: true`"),
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


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "  opted_out: opted_out\n",
            "  opted_out: out\n",
            "consent.opted_out: .* declares no column 'out'; it has: id",
        ),
        ("  opted_out: opted_out\n", "", "consent.opted_out: this key is required; add it"),
        (
            "  opted_out: opted_out\n",
            "  opted_out: points\n",
            "needs a column of type boolean, and 'points' is integer",
        ),
        (
            "  opted_out_at: opted",
            "  opted_out_at: name # ",
            "consent.opted_out_at: needs a column of type timestamp or",
        ),
        (
            "subscriber_key: PersonID",
            "subscriber_key: Person",
            "consent.subscriber_key: .* no field 'Person'; it has: P",
        ),
        ("email: Email\n", "email: Name\n", "consent.email: needs a field of type EmailAddress, and 'Name' is Text"),
        ("from: opted_out}", "from: opted_out, owner: exacttarget}", "fields.OptedOut.owner: .* must be `owner: crm`"),
        ("  subscriber_key:", "  subscriber:", "consent.subscriber: unknown key; did you mean `subscriber_key`"),
    ],
)
def test_promise_16_each_mistake_in_consent_names_its_line(tmp_path, old, new, expected):
    text = CONSENT.replace(old, new)
    assert text != CONSENT
    told = problems(tmp_path, data_extension=text)
    found = re.findall(r"/data_extensions/people\.yaml:(\d+): (.*)", told)
    lines = [int(line) for line, problem in found if re.search(expected, problem)]
    assert lines, told
    if new:
        assert lines == [line_with(text, new.split("\n")[0].split(",")[0])]


@pytest.mark.parametrize("name", ["rowid", "ROWID"])
def test_promise_16_a_column_that_would_hide_the_numbers_of_rows_is_refused(tmp_path, name):
    """A plan would take its values for the rows' numbers: rows would be lost, deleted and sent again."""
    told = problems(
        tmp_path, crm=CRM.replace("  nickname: {type: text}", f"  nickname: {{type: text}}\n  {name}: {{type: text}}")
    )
    assert "/crm/people.yaml" in told
    assert f"columns.{name}: no column can be called `rowid`" in told
    assert "`source.query`" in told


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


WRITE_BACK = """description: Opt-outs, for tests.
table: people
key: id
consent:
  opted_out: opted_in
  opted_out_at: opted_in_at
engagement:
  opens: points
"""


def write_back_problems(folder: Path, text: str, name: str = "people") -> str:
    write_catalog(folder)
    (folder / "writeback").mkdir()
    (folder / "writeback" / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        load_catalog(folder)
    return str(caught.value).replace(str(folder), "")


def test_a_catalogue_needs_no_write_back_and_the_packaged_one_has_the_customers(tmp_path):
    assert load_catalog(write_catalog(tmp_path)).writeback == {}
    declared = load_catalog().writeback["customers"]
    assert declared.is_.consent.opted_out_at == "opted_out_at"
    path, line = declared.at("engagement", "opens").rsplit(":", 1)
    assert Path(path).read_text(encoding="utf-8").split("\n")[int(line) - 1] == "  opens: open_count"


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("opted_out: opted_in\n", "opted_out: optd_in\n", 5, "consent.opted_out: /crm/people.yaml declares no column 'optd_in'"),
        ("opens: points", "opens: name", 8, "engagement.opens: needs a column of type integer, and 'name' is text"),
        ("opted_out_at: opted_in_at", "opted_out_at: spent", 6, "needs a column of type timestamp or date, and 'spent' is decimal"),
        ("key: id", "key: name", 3, "key: must be the entity's key, by which rows are read"),
        ("  opens:", "  open:", 8, "engagement.open: unknown key; did you mean `opens`?"),
        ("  opted_out: opted_in\n", "", 4, "consent.opted_out: this key is required"),
        ("opted_out_at: opted_in_at", "opted_out_at: opted_in", 1, "column 'opted_in' is named twice: as consent.opted_out and as consent.opted_out_at"),
    ],
)  # fmt: skip
def test_promise_16_each_mistake_in_a_write_back_is_explained(tmp_path, old, new, line, expected):
    assert old in WRITE_BACK
    told = write_back_problems(tmp_path, WRITE_BACK.replace(old, new, 1))
    assert told.startswith(f"/writeback/people.yaml:{line}: ")
    assert expected in told


def test_promise_16_a_write_back_is_named_after_its_entity(tmp_path):
    assert write_back_problems(tmp_path, WRITE_BACK, name="persons") == (
        "/writeback/persons.yaml:1: the file is named after no CRM entity; declared: people. Rename it."
    )


EXTRACT = 'description: Events.\nkind: tracking\nfirst_window: 2026-01-01\nother_files: ["mine_*.zip"]\n'


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("kind: tracking", "kind: trackin", r"kind: Input should be 'tracking'"),
        ("first_window: 2026-01-01", "first_window: soon", "first_window: "),
        ("mine_*.zip", "*", "must be a file name"),
        ("mine_*.zip", "Export/mine.zip", "must be a file name"),
        ("kind: tracking", "kind: tracking\nevents: [open, open]", "names a type twice"),
        ("kind: tracking", "kind: tracking\nevents: [opens]", "events.0: "),
        ("kind: tracking", "kind: tracking\nsubscribers_of: [persons]", "declared as 'persons'; declared: people"),
    ],
)
def test_promise_16_an_extract_that_cannot_be_names_file_line_and_key(tmp_path, old, new, expected):
    (tmp_path / "extracts").mkdir()
    (tmp_path / "extracts" / "tracking.yaml").write_text(EXTRACT.replace(old, new), encoding="utf-8")
    told = problems(tmp_path)
    assert told.startswith("/extracts/tracking.yaml:")
    assert expected in told


def test_promise_16_two_extracts_may_not_bring_the_same_events(tmp_path):
    (tmp_path / "extracts").mkdir()
    for name in ("one", "two"):
        text = f"{EXTRACT}events: [sent, {'open' if name == 'one' else 'click'}]\n"
        (tmp_path / "extracts" / f"{name}.yaml").write_text(text, encoding="utf-8")
    told = problems(tmp_path)
    assert re.fullmatch(r"/extracts/two\.yaml:5: events: the sent events already come with .*one\.yaml:5.*", told)
