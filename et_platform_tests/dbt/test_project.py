"""The dbt project: what every model must have, how it is shown, and when its manifest is made anew."""

import logging
import shutil
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.tracking import COLUMNS, EVENT_TYPES, SQL_TYPES
from et_platform.dbt.errors import ProjectMissing
from et_platform.dbt.process import showable
from et_platform.dbt.project import PACKAGED, Project, find_project, manifest
from et_platform.defs import dbt
from et_platform.settings import Settings
from et_platform.sync.consent_facts import FACTS, verdicts

PROJECT = Project(PACKAGED, PACKAGED / "target" / "platform")


@pytest.fixture(scope="module")
def made():
    return manifest(PROJECT)


def models(made) -> list[dict]:
    return [node for node in made["nodes"].values() if node["resource_type"] == "model"]


def specs(project: Project) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in dbt.build(project).specs}


def test_every_model_has_an_owner_tests_and_words_for_itself_and_every_column(made):
    assert len(models(made)) >= 3
    for node in models(made):
        name = node["name"]
        assert node["description"], f"{name} has no description"
        assert node["meta"]["dagster"]["owners"], f"{name} has no owner"
        assert node["contract"]["enforced"], f"{name} has no contract"
        assert node["patch_path"].endswith(f"/{name}.yml"), f"{name} is declared in {node['patch_path']}"
        assert node["columns"], f"{name} declares no columns"
        for column in node["columns"].values():
            assert column["description"], f"{name}.{column['name']} has no description"
            assert column["data_type"], f"{name}.{column['name']} has no type"
        tests = {
            made["nodes"][id_]["test_metadata"]["name"]
            for id_ in made["child_map"][node["unique_id"]]
            if id_.startswith("test")
        }
        assert {"unique", "not_null"} <= tests, f"nothing says what {name} has one row of"


def test_sources_are_the_platforms_own_tables_under_their_own_types(made):
    def crm(name: str) -> dict[str, str]:
        columns = load_catalog(None).crm[name].is_.columns
        types = {name: {"text": "varchar"}.get(column.type, column.type) for name, column in columns.items()}
        return {"_key": "varchar", "_folded_key": "varchar"} | types

    internal = {"_folded_key": "varchar", "_sha256": "varchar", "_member": "varchar", "_line": "bigint"}
    types = {"TIMESTAMPTZ": "timestamp with time zone"}
    for source in made["sources"].values():
        declared = {column["name"]: column["data_type"] for column in source["columns"].values()}
        if source["source_name"] == "crm":
            assert declared.items() <= crm(source["name"]).items()
        elif source["source_name"] == "consent":
            with duckdb.connect() as connection:
                connection.execute(f"CREATE TABLE facts ({', '.join(f'{n} {t}' for n, t in FACTS.items())})")
                view = {"facts": "FROM facts", "verdicts": verdicts("facts", mid=7)}[source["name"]]
                made_of = {name: kind.lower() for name, kind, *_ in connection.execute(f"DESCRIBE {view}").fetchall()}
            assert declared.items() <= made_of.items()
        else:
            kinds = COLUMNS[source["name"]].items()
            known = internal | {name: types.get(SQL_TYPES[kind], SQL_TYPES[kind].lower()) for name, kind in kinds}
            assert declared.items() <= known.items()
            assert source["identifier"] == f"events_{source['name']}"


def test_a_models_key_is_its_folder_and_name_and_its_lineage_reaches_what_the_platform_writes():
    found = specs(PROJECT)
    upstream = {key: {dep.asset_key.to_user_string() for dep in spec.deps} for key, spec in found.items()}
    expected = {
        "staging/stg_customers": {"crm_snapshot/customers"},
        "staging/stg_events": {f"events/{event}" for event in EVENT_TYPES},
        "staging/stg_event_registrations": {"crm_snapshot/event_registrations", "crm_snapshot/events"},
        "mart/customer_engagement": {"staging/stg_customers", "staging/stg_events"},
        "int/int_mailable_customers": {"staging/stg_customers", "staging/stg_events", "status_change/tracking"},
        "audience/newsletter": {"int/int_mailable_customers"},
    }
    assert {key: upstream[key] for key in expected} == expected
    for key, spec in found.items():
        assert spec.group_name == key.split("/")[0]
        assert spec.kinds == {"dbt", "duckdb"}
        assert spec.owners
        assert "select" not in (spec.description or "")


def test_columns_are_shown_with_types_persons_and_what_they_are_made_of():
    found = specs(PROJECT)
    columns = {
        column.name: column for column in found["mart/customer_engagement"].metadata["dagster/column_schema"].columns
    }
    assert columns["last_open_at"].type == "timestamp with time zone"
    assert columns["customer_id"].tags == {"pii": "identifier"}
    assert columns["opens"].tags == {}
    deps = found["staging/stg_events"].metadata["dagster/column_lineage"].deps_by_column
    assert {(dep.asset_key.to_user_string(), dep.column_name) for dep in deps["event_at"]} == {
        (f"events/{event}", "EventDate") for event in EVENT_TYPES
    }
    for key, spec in found.items():
        lineage = spec.metadata["dagster/column_lineage"].deps_by_column
        assert set(lineage) == {column.name for column in spec.metadata["dagster/column_schema"].columns}, key
        assert all(of for column, of in lineage.items() if column != "event_type"), key
    mapping = found["mart/customer_engagement"].metadata["mapping"].value
    assert "| recency_days | staging/stg_events: event_at, staging/stg_events: event_type |" in mapping


NEW_SQL = "select country_code, count(*) as customers from {{ ref('stg_customers') }} group by country_code"
NEW_YML = """
models:
  - name: customers_by_country
    description: How many customers each country has
    columns:
      - {name: country_code, data_type: varchar, description: The country, data_tests: [unique]}
      - {name: customers, data_type: bigint, description: How many}
"""


def test_a_new_model_is_two_files_and_a_mistake_leaves_the_last_definitions(tmp_path, caplog):
    folder = tmp_path / "models_of_mine"
    before = manifest(PROJECT)
    shutil.copytree(PACKAGED, folder, ignore=shutil.ignore_patterns("logs", "target"))
    project = find_project(Settings(dbt_path=folder))
    assert project == Project(folder, folder / "target" / "platform")
    project.target.mkdir(parents=True)
    shutil.copy(PROJECT.target / "manifest.json", project.target)
    assert manifest(project) == before, "the manifest is of the same files, so dbt was not started"

    (folder / "models" / "marts" / "customers_by_country.sql").write_text(NEW_SQL)
    (folder / "models" / "marts" / "customers_by_country.yml").write_text(NEW_YML)
    assets = dbt.build(project)
    found = {spec.key.to_user_string(): spec for spec in assets.specs}
    assert [dep.asset_key.to_user_string() for dep in found["mart/customers_by_country"].deps] == [
        "staging/stg_customers"
    ]
    assert "unique_customers_by_country_country_code" in {one.name for one in assets.check_specs}

    # A description of a model that is not there is a mistake too: its tests would silently test nothing.
    (folder / "models" / "marts" / "customers_by_country.yml").write_text(
        NEW_YML.replace("customers_by_c", "buyers_by_c")
    )
    with caplog.at_level(logging.ERROR):
        assert manifest(project)["column_lineage"].keys() > before["column_lineage"].keys()
    assert "models/marts/customers_by_country.yml" in caplog.text
    assert "buyers_by_country" in caplog.text
    assert "Correct the file" in caplog.text


def test_which_project_goes_with_which_declarations(tmp_path):
    assert find_project(Settings()) == PROJECT
    assert find_project(Settings(catalog_path=tmp_path)) is None
    with pytest.raises(ProjectMissing, match="ET_DBT_PATH"):
        find_project(Settings(dbt_path=tmp_path, catalog_path=tmp_path))


def test_a_project_that_cannot_be_written_keeps_its_manifest_in_the_data_path(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != PACKAGED)
    assert find_project(Settings(data_path=tmp_path)) == Project(PACKAGED, tmp_path / "dbt" / "target")


IN_MODEL = "Runtime Error in model stg_events (models/staging/stg_events.sql)\n  "


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            IN_MODEL + 'Catalog Error: Table with name "crm.customers" does not exist!\n  \n  LINE 3: from x\n      ^',
            "Runtime Error in model stg_events (models/staging/stg_events.sql) Catalog Error: Table with name "
            '"crm.customers" does not exist!',
        ),
        (
            IN_MODEL + "Conversion Error: Could not convert string 'ann@example.org\n Catalog Error: x' to INT32",
            "Runtime Error in model stg_events (models/staging/stg_events.sql) Conversion Error: Could not convert "
            "string …",
        ),
        (
            IN_MODEL + "Out of Range Error: Overflow in cast of 4915112345678 to 32",
            "Runtime Error in model stg_events (models/staging/stg_events.sql) Out of Range Error: Overflow in cast of "
            "# to # …",
        ),
        (
            "[ERROR]: Encountered an error:\nCompilation Error\n  Model 'model.x.bad' depends on a node named 'nope'",
            "Compilation Error Model 'model.x.bad' depends on a node named 'nope'",
        ),
        ("Got 3 results, configured to fail if != 0", "Got 3 results, configured to fail if != 0"),
    ],
)
def test_of_dbts_messages_only_what_is_free_of_values_is_shown(message, shown):
    assert showable(message) == shown
