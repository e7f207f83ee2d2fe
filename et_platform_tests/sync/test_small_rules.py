"""The small pure rules: the gate, reconciliation, names."""

import dataclasses

import pytest

from et_platform.catalog.models import Guards
from et_platform.sync import gate
from et_platform.sync.identity import change_set_id, definition_key, remote_name
from et_platform.sync.plan import PlanFigures
from et_platform.sync.reconcile import ImportFigures, doubts

GUARDS = Guards(
    minimum_rows=1, maximum_quarantine_share=0.1, minimum_share_of_acknowledged=0.5, maximum_update_share=0.3
)
KNOWN = gate.Surroundings(age=60.0, drift=(), open_opt_outs=(), unknown_results=())


def figures(**changes: int) -> PlanFigures:
    usual = {
        "snapshot": 100,
        "acknowledged": 100,
        "inserts": 0,
        "updates": 5,
        "unchanged": 95,
        "quarantined": 0,
        "held": 0,
        "unknown": 0,
        "kept": 0,
    }
    return PlanFigures(**(usual | changes))


@pytest.mark.parametrize(
    ("changes", "guard"),
    [
        ({}, None),
        ({"snapshot": 0}, "minimum_rows"),
        ({"snapshot": 49}, "minimum_share_of_acknowledged"),
        ({"snapshot": 50}, None),
        ({"quarantined": 5, "held": 5, "unknown": 1}, "maximum_quarantine_share"),
        ({"quarantined": 10}, None),
        ({"held": 11}, "maximum_duplicate_share"),
        ({"held": 10}, None),
        ({"deletes": 11}, "maximum_delete_share"),
        ({"deletes": 10}, None),
        ({"acknowledged": 0, "deletes": 1}, "maximum_delete_share"),
        ({"updates": 31}, "maximum_update_share"),
        ({"updates": 30}, None),
        ({"acknowledged": 0, "updates": 0, "inserts": 100}, None),
    ],
)
def test_promise_7_an_empty_shrunken_or_spoilt_source_closes_the_gate(changes, guard):
    verdict = gate.evaluate(GUARDS, figures(**changes), KNOWN)
    assert verdict.is_open is (guard is None)
    assert guard is None or any(guard in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("changes", "guard"),
    [
        ({}, None),
        ({"age": None}, "maximum_age"),
        ({"age": 86_401.0}, "maximum_age"),
        ({"age": 86_400.0}, None),
        ({"age": -299.0}, None),
        ({"age": -301.0}, "maximum_age"),
        ({"drift": None}, "schema_drift"),
        ({"drift": ("points was of type integer.",)}, "schema_drift"),
        ({"open_opt_outs": None}, "consent"),
        ({"open_opt_outs": ("One.",)}, "consent"),
        ({"unknown_results": None}, "unknown_results"),
        ({"unknown_results": ("One.",)}, "unknown_results"),
    ],
)
def test_promise_7_a_guard_that_is_broken_or_cannot_be_evaluated_closes_the_gate(changes, guard):
    verdict = gate.evaluate(GUARDS, figures(), dataclasses.replace(KNOWN, **changes))
    closed = [ruling for ruling in verdict.rulings if not ruling.is_open]
    assert [ruling.guard for ruling in closed] == ([guard] if guard else [])
    assert verdict.is_open is (guard is None)
    assert all(ruling.says and ruling.remedy for ruling in closed)


def test_drift_that_was_accepted_opens_the_gate():
    accepting = GUARDS.model_copy(update={"schema_drift": "accept"})
    assert gate.evaluate(accepting, figures(), dataclasses.replace(KNOWN, drift=("x",))).is_open


def import_figures(**changes: object) -> ImportFigures:
    usual = {
        "status": "Completed",
        "staged": 10,
        "successful": 10,
        "duplicated": 0,
        "errors": 0,
        "restricted": None,
        "total": 10,
    }
    return ImportFigures(**(usual | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"restricted": 0}, []),
        ({"errors": 1, "successful": 9}, ["1 rows are counted as errors"]),
        ({"duplicated": 2, "successful": 8}, ["2 rows are counted as duplicated"]),
        ({"restricted": 1, "successful": 9}, ["1 rows are counted as restricted"]),
        ({"total": 9, "successful": 9}, ["TotalRows is 9, but 10 rows were staged", "add up to 9"]),
        ({"successful": 9}, ["add up to 9"]),
        ({"status": "Error"}, ["ended as Error"]),
    ],
)
def test_promise_5_only_clean_arithmetic_of_a_completed_import_proves_rows(changes, expected):
    found = doubts(import_figures(**changes))
    assert len(found) == len(expected)
    assert all(part in reason for part, reason in zip(expected, found, strict=True))


def test_an_import_definition_key_fits_exacttargets_36_characters_and_is_one_a_file():
    keys = {definition_key(a, op, part) for a in ("a", "b") for op in ("insert", "update") for part in (1, 2)}
    assert len(keys) == 8
    assert all(len(key) == 32 and key.startswith("etp-") for key in keys)


def test_a_change_set_id_changes_with_each_of_its_parts():
    usual = {"mid": 1, "customer_key": "DE", "declaration": "d", "base_version": "none", "rows": 1, "fingerprint": "5"}
    others = [
        {"mid": 2},
        {"declaration": "e"},
        {"customer_key": "DF"},
        {"base_version": "a"},
        {"rows": 2},
        {"fingerprint": "6"},
    ]
    ids = {change_set_id(**(usual | other)) for other in ({}, *others)}  # type: ignore[arg-type]
    assert len(ids) == 7
    assert change_set_id(**(usual | {"customer_key": "de"})) in ids, "ExactTarget ignores the case of keys"  # type: ignore[arg-type]


def test_a_remote_name_has_no_character_that_the_ftp_site_refuses():
    name = remote_name('a/b:c*"d', "insert", "0123")
    assert not set(name) & set('\\/:*<>|?"')
    assert len({remote_name("a", "insert", "0123", part) for part in (None, 1, 2)}) == 3
