"""What an asset is made from, as the terminal's verbs ask for it."""

import pytest

from et_platform.instance import behind, models_of


@pytest.fixture(autouse=True)
def packaged(tmp_path, monkeypatch):
    monkeypatch.setenv("ET_DATA_PATH", str(tmp_path))
    monkeypatch.delenv("ET_CATALOG_PATH", raising=False)


def keys(found) -> set[str]:
    return {"/".join(path) for path in found}


def test_a_mart_is_made_of_its_models():
    assert keys(models_of("customer_engagement")) == {
        *("staging/stg_customers", "staging/stg_events", "mart/customer_engagement")
    }


def test_a_data_extension_is_made_of_a_snapshot_or_of_models():
    customers, welcome = behind([("data_extension", "customers"), ("data_extension", "welcome")])
    assert keys(customers) == {"crm_snapshot/customers"}
    assert {"audience/welcome", "int/int_mailable_customers", "crm_snapshot/customers"} <= keys(welcome)
