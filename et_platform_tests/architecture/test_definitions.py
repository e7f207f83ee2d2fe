"""The definitions load with an empty environment, open nothing, and lead from an asset to its code and declaration."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import et_platform
from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.tracking import EVENT_TYPES
from et_platform.definitions import build_defs, load_defs
from et_platform.resources import Platform

PACKAGE = Path(et_platform.__file__).parent
MODELS = PACKAGE.parent / "dbt_models" / "models"

defs = load_defs()

ADDRESSES: dict[str, tuple[str, str | None]] = {
    # an asset key's prefix: the folder of its declaration, and the module that makes it
    "crm_source": ("crm", None),  # an external asset has a declaration, and no code that makes it
    "crm_snapshot": ("crm", "crm_snapshot"),
    "opt_out": ("data_extensions", "opt_out"),
    "change_set": ("data_extensions", "change_set"),
    "import_file": ("data_extensions", "import_file"),
    "data_extension": ("data_extensions", "data_extension"),
    "extract_request": ("extracts", "extract"),
    "extract_file": ("extracts", "extract"),
    "events": ("extracts", "events"),
    "status_change": ("extracts", "status_change"),
    "crm_writeback": ("writeback", "crm_writeback"),
    "segment": ("segments", "segment"),
}


def assets() -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_definitions_load_with_an_empty_environment_and_write_nothing(tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    code = (
        "import sys, et_platform.definitions as d; heavy = ('zeep', 'paramiko', 'asyncssh', 'dbt.version', 'sqlglot'); "
        "d.load_defs(models=False); print([m for m in (*heavy, 'dagster_dbt') if m in sys.modules]); "
        "print(len(d.defs().resolve_all_asset_specs()), [m for m in heavy[:-1] if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["[]", str(len(assets())), "[]"]
    assert list(tmp_path.iterdir()) == []


def test_definitions_are_valid_and_workspace_and_project_name_the_same_module():
    dg.Definitions.validate_loadable(defs)
    root = PACKAGE.parent
    assert "et_platform.definitions" in (root / "workspace.yaml").read_text(encoding="utf-8")
    assert 'code_location_target_module = "et_platform.definitions"' in (root / "pyproject.toml").read_text("utf-8")


def test_statuses_are_read_by_the_hour_once_that_is_switched_on():
    schedule = defs.get_repository_def().get_schedule_def("statuses_tracking_schedule")
    assert schedule.cron_schedule == "25 * * * *"
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    keys = defs.resolve_job_def("statuses_tracking").asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in keys} == {"status_change/tracking"}


def test_both_roads_are_lines_of_assets():
    upstream = {key: {dep.asset_key.to_user_string() for dep in spec.deps} for key, spec in assets().items()}
    expected = {
        "crm_source/customers": set(),
        "crm_snapshot/customers": {"crm_source/customers"},
        "opt_out/customers": {"crm_snapshot/customers"},
        "change_set/customers": {"crm_snapshot/customers", "opt_out/customers"},
        "import_file/customers": {"change_set/customers"},
        "data_extension/customers": {"import_file/customers"},
        "extract_request/tracking": {"data_extension/customers"},
        "extract_file/tracking": {"extract_request/tracking"},
        **{f"events/{event}": {"extract_file/tracking"} for event in EVENT_TYPES},
        "status_change/tracking": {"data_extension/customers"},
        "crm_writeback/customers": {
            *("crm_snapshot/customers", "events/unsubscribe", "status_change/tracking", "mart/customer_engagement")
        },
    }
    assert {key: upstream[key] for key in expected} == expected


@pytest.mark.parametrize("key", sorted(assets()))
def test_an_assets_key_is_the_address_of_its_code_and_its_declaration(key: str):
    spec = assets()[key]
    prefix, name = key.split("/")
    references = spec.metadata["dagster/code_references"].code_references
    files = {Path(reference.file_path).resolve() for reference in references}
    if "dbt" in spec.kinds:
        (folder,) = (one for one in MODELS.iterdir() if one.is_dir() and one.name in (prefix, f"{prefix}s"))
        assert files == {folder / f"{name}.sql", folder / f"{name}.yml", PACKAGE / "defs" / "dbt.py"}
    else:
        folder, module = ADDRESSES[prefix]
        declaration = "tracking" if prefix == "events" else name  # a file holds several types of events
        assert PACKAGE / "catalog" / folder / f"{declaration}.yaml" in files
        if module is not None:
            assert PACKAGE / "defs" / f"{module}.py" in files
    assert spec.group_name
    assert spec.owners
    assert spec.description
    assert spec.kinds


@pytest.mark.parametrize("prefix", ["crm_source", "crm_snapshot", "change_set", "data_extension"])
def test_columns_are_shown_with_types_and_pii(prefix: str):
    schema = assets()[f"{prefix}/customers"].metadata["dagster/column_schema"]
    columns = {column.name.lower(): column for column in schema.columns}
    email = columns.get("email") or columns["emailaddress"]
    assert email.tags["pii"] == "contact"
    assert all(column.type for column in schema.columns)


def test_a_new_data_extension_is_one_yaml_file(tmp_path):
    import shutil

    shutil.copytree(PACKAGE / "catalog" / "crm", tmp_path / "crm")
    shutil.copytree(PACKAGE / "catalog" / "data_extensions", tmp_path / "data_extensions")
    text = (tmp_path / "data_extensions" / "customers.yaml").read_text(encoding="utf-8")
    text = text.replace("NTO_Customers", "NTO_Others").replace("Northern Trail Customers", "Others")
    (tmp_path / "data_extensions" / "others.yaml").write_text(text, encoding="utf-8")
    built = build_defs(catalog=load_catalog(tmp_path), platform=Platform())
    keys = {spec.key.to_user_string() for spec in built.resolve_all_asset_specs()}
    assert {"change_set/others", "import_file/others", "data_extension/others"} <= keys
