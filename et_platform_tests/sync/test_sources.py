"""The three sources of a data extension as one relation: what plans are given."""

import duckdb
import pytest

from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.loader import CatalogError
from et_platform.sync import differences, field_rules, plan, sources
from et_platform.sync.differences import declaration_version
from et_platform.sync.expressions import BadExpression
from et_platform.warehouse import acknowledged, quarantine
from et_platform.warehouse.lake import Lake
from et_platform_tests.scenario import CONSENT, CRM, DATA_EXTENSION, person, snapshot_of, write_catalog

COMPUTED = DATA_EXTENSION.replace(
    "  Points:",
    "  Initial: {type: Text, length: 3, sql: 'upper(left(name, 1))'}\n  Year: {type: Number, sql: \"YEAR\"}\n  Points:",
)


def declare(folder, text):
    catalog = load_catalog(write_catalog(folder, data_extension=text))
    return catalog, catalog.data_extensions["people"]


def evaluated(folder, text, *people):
    """(key → class), (key → computed fields) and reasons of a plan from the snapshot, nothing acknowledged."""
    catalog, declared = declare(folder / "catalog", text)
    lake = Lake(folder / "lake")
    snapshot_of(lake, catalog, people)
    with lake.write() as connection:
        acknowledged.ensure_tables(connection, "people", declared.is_)
        quarantine.ensure_tables(connection, "people")
        rows = sources.of_snapshot(declared.is_, catalog.crm["people"].is_, "lake.crm.people")
        for step in plan.steps(
            declared.is_,
            rows,
            acknowledged=acknowledged.relation("people"),
            rejections=quarantine.rejections_of("people"),
        ):
            connection.execute(step)
        found = connection.execute("SELECT _key, _class, Initial, Year FROM evaluated").fetchall()
        reasons = connection.execute(
            f"SELECT _key, field, reason FROM ({plan.quarantine_rows(declared.is_, 'evaluated')})"
        ).fetchall()
    return {key: (class_, initial, year) for key, class_, initial, year in found}, set(reasons)


def test_an_expression_fills_a_field_and_what_it_cannot_compute_is_quarantine_with_a_reason(tmp_path):
    text = COMPUTED.replace("YEAR", "CAST(strftime(born, '%Y') || nickname AS INTEGER)")
    rows, reasons = evaluated(
        tmp_path,
        text,
        person(id="P1", name="zoë", nickname=""),
        person(id="P2", nickname="x"),
        person(id="P3", nickname="", born="soon"),
        person(id="P4", nickname="", born=None),
    )
    assert rows["P1"] == ("insert", "Z", 1987)
    assert rows["P4"] == ("insert", "Z", None)
    assert rows["P2"][0] == rows["P3"][0] == "quarantined"
    assert {(key, field) for key, field, _ in reasons} == {("P2", "Year"), ("P3", "Year"), ("P3", "Born")}
    assert ("P2", "Year", "reads an unreadable column, or its expression fails") in reasons


def test_the_rules_of_a_field_hold_for_what_an_expression_makes(tmp_path):
    rows, reasons = evaluated(
        tmp_path, COMPUTED.replace("upper(left(name, 1))", "name || name").replace("YEAR", "points"), person()
    )
    assert rows["P1"][0] == "quarantined"
    assert reasons == {("P1", "Initial", "is longer than 3 characters")}


def test_another_expression_is_another_declaration(tmp_path):
    versions = set()
    for number, text in enumerate(("upper(left(name, 1))", "lower(left(name, 1))")):
        catalog, declared = declare(
            tmp_path / str(number), COMPUTED.replace("upper(left(name, 1))", text).replace("YEAR", "points")
        )
        rows = sources.of_snapshot(declared.is_, catalog.crm["people"].is_, "lake.crm.people")
        versions.add(declaration_version(declared.is_, rows.relation))
    assert len(versions) == 2


CONSENTING = CONSENT.replace("guards:", "file: {nulls: '\\\\N'}\nguards:")


def version_of(folder, text, crm=CRM):
    catalog = load_catalog(write_catalog(folder, crm=crm, data_extension=text))
    declared = catalog.data_extensions["people"].is_
    return declaration_version(declared, sources.of_snapshot(declared, catalog.crm["people"].is_, "s").relation)


def test_promise_2_the_same_declaration_is_the_same_however_its_rules_are_written_in_sql(tmp_path, monkeypatch):
    """An upgrade that only rewrites SQL forgets no rejection, and no decision to drop a row."""
    before = version_of(tmp_path, CONSENTING)
    monkeypatch.setattr(field_rules, "_EMAIL", f"(?:{field_rules._EMAIL})")
    monkeypatch.setattr(field_rules, "SERVER_OFFSET", "INTERVAL 360 MINUTE")
    assert version_of(tmp_path, CONSENTING) == before
    described = CONSENTING.replace("length: 10, from: name", "length: 10, description: The name, from: name")
    assert described != CONSENTING
    assert version_of(tmp_path, described) == before
    monkeypatch.setattr(differences, "RULES_VERSION", differences.RULES_VERSION + 1)
    assert version_of(tmp_path, CONSENTING) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("length: 10, from: name", "length: 11, from: name"),
        ("length: 10, from: name", "length: 10, from: nickname"),
        ("length: 10, from: name", "length: 10, sql: name"),
        ("length: 10, from: name", "length: 10, required: true, from: name"),
        ("length: 10, from: name", "length: 10, default: x, from: name"),
        ("length: 10, from: name", "length: 10, owner: exacttarget, from: name"),
        ("Points: {type: Number", "Points: {type: Text, length: 10"),
        ("Points: ", "Score: "),
        ("precision: 6, scale: 2", "precision: 7, scale: 2"),
        ("precision: 6, scale: 2", "precision: 6, scale: 1"),
        ("  opted_in: opted_in\n  opted_in_at: opted_in_at\n", ""),
        ("file: {nulls: '\\\\N'}\n", ""),
    ],
)
def test_whatever_changes_a_row_or_a_rule_is_another_declaration(tmp_path, old, new):
    assert old in CONSENTING
    assert version_of(tmp_path / "a", CONSENTING) != version_of(tmp_path / "b", CONSENTING.replace(old, new))


def test_another_type_of_a_column_is_another_declaration(tmp_path):
    texts = (CRM, CRM.replace("scale: 4", "scale: 3"))
    assert len({version_of(tmp_path / str(number), CONSENTING, crm) for number, crm in enumerate(texts)}) == 2


FROM_MODEL = """
description: Welcome.
owners: ["team:tests"]
customer_key: Test_People
name: Test People
source: {audience: welcome}
fields:
  PersonID: {type: Text, length: 10, key: true, from: person}
  Since: {type: Date, from: since}
  Tier: {type: Text, length: 10, sql: "CASE WHEN points > 5 THEN 'Gold' ELSE 'Basic' END"}
"""
MODEL = """
SELECT 'P1 ' AS person, TIMESTAMPTZ '2026-01-01 06:00:00+00' AS since, 7 AS points, [1] AS unused
UNION ALL SELECT 'P2', NULL, 3, []
"""


def test_a_model_has_the_shape_of_a_snapshot(tmp_path):
    _, declared = declare(tmp_path, FROM_MODEL)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE welcome AS {MODEL}")
        described = {row[0]: row[1] for row in connection.execute("DESCRIBE welcome").fetchall()}
        rows = sources.of_table(declared.is_, described, "welcome")
        assert {name: column.type for name, column in rows.relation.columns.items()} == {
            "person": "text",
            "since": "timestamp",
            "points": "integer",
            "CASE WHEN points > 5 THEN 'Gold' ELSE 'Basic' END": "text",
        }
        names = ("_key", "_folded_key", "since", "CASE WHEN points > 5 THEN 'Gold' ELSE 'Basic' END")
        shown = ", ".join(f'"{name}"' for name in names)
        found = connection.execute(f"SELECT {shown} FROM {rows.sql} ORDER BY 1").fetchall()
        assert [(key, folded, str(since), tier) for key, folded, since, tier in found] == [
            ("P1 ", "p1", "2026-01-01 06:00:00", "Gold"),
            ("P2", "p2", "None", "Basic"),
        ]
        version = sources.version(rows.sql)
        (before,) = connection.execute(version).fetchone() or ()
        connection.execute("CREATE OR REPLACE TABLE welcome AS FROM welcome ORDER BY person DESC")
        assert connection.execute(version).fetchone() == (before,)
        connection.execute("UPDATE welcome SET unused = [5]")
        assert connection.execute(version).fetchone() == (before,), "no field reads it"
        connection.execute("UPDATE welcome SET points = 8 WHERE person = 'P2'")
        assert connection.execute(version).fetchone() != (before,)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("from: since", "from: sinse", "fields.Since: there is no column 'sinse'; the source has: person, since"),
        ("from: since", "from: unused", "fields.Since: the column 'unused' is of type INTEGER\\[\\], which no field"),
        ("points > 5", "pionts > 5", "there is no column 'pionts'"),
    ],
)
def test_promise_16_a_column_that_a_model_does_not_have_is_named(tmp_path, old, new, reason):
    _, declared = declare(tmp_path, FROM_MODEL.replace(old, new))
    described = {"person": "VARCHAR", "since": "TIMESTAMP", "points": "INTEGER", "unused": "INTEGER[]"}
    with pytest.raises(BadExpression, match=reason):
        sources.of_table(declared.is_, described, "welcome")


@pytest.mark.parametrize("name", ["rowid", "RowID"])
def test_promise_16_a_model_whose_column_would_hide_the_numbers_of_rows_is_refused(tmp_path, name):
    _, declared = declare(tmp_path, FROM_MODEL.replace("from: since", f"from: {name}"))
    described = {"person": "VARCHAR", name: "TIMESTAMP", "points": "INTEGER"}
    with pytest.raises(BadExpression, match=f"the column '{name}' cannot be read under this name"):
        sources.of_table(declared.is_, described, "welcome")


def test_a_field_may_be_called_as_the_plan_calls_its_own_relations_and_counts(tmp_path):
    names = ("Times", "is_dropped", "V", "r", "s", "a", "c", "f", "field", "reason", "class")
    more = "".join(f"  {name}: {{type: Text, length: 3, from: nickname}}\n" for name in names)
    rows, reasons = evaluated(
        tmp_path,
        COMPUTED.replace("upper(left(name, 1))", "name").replace("YEAR", "points").replace("guards:", f"{more}guards:"),
        person(name="Zoe"),
        person(id="P2", name="Zoe", nickname="long"),
    )
    assert rows == {"P1": ("insert", "Zoe", 7), "P2": ("quarantined", "Zoe", 7)}
    assert reasons == {("P2", name, "is longer than 3 characters") for name in names}


SQL = """SELECT c.id AS person, c.opted_in_at AS since, c.points + 1 AS points
FROM lake.crm.people AS c SEMI JOIN lake.audiences.welcome USING (id)"""


def test_a_source_knows_the_assets_and_columns_it_is_made_from(tmp_path):
    catalog, computed = declare(tmp_path / "a", COMPUTED.replace("YEAR", "points + len(name)"))
    assert sources.upstream(computed) == [("crm_snapshot", "people")]
    assert sources.lineage(catalog, computed)["Year"] == [
        ("crm_snapshot", "people", "points"),
        ("crm_snapshot", "people", "name"),
    ]
    catalog, model = declare(tmp_path / "b", FROM_MODEL)
    assert sources.upstream(model) == [("audience", "welcome")]
    assert sources.lineage(catalog, model)["Tier"] == [("audience", "welcome", "points")]
    catalog, query = declare(
        tmp_path / "c", FROM_MODEL.replace("{audience: welcome}", f"{{sql: {SQL!r}}}".replace("\\n", " "))
    )
    assert sources.upstream(query) == [("crm_snapshot", "people"), ("audience", "welcome")]
    assert sources.lineage(catalog, query)["Since"] == [("crm_snapshot", "people", "opted_in_at")]
    assert sources.lineage(catalog, query)["Tier"] == [("crm_snapshot", "people", "points")]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("{audience: welcome}", "{sql: 'DROP TABLE x'}", "people.yaml:6: source.sql: it cannot be read as SQL"),
        ("{audience: welcome}", "{sql: 'SELECT 1; SELECT 2'}", "more than one query"),
    ],
)
def test_promise_16_a_query_that_cannot_be_read_names_its_line(tmp_path, old, new, reason):
    catalog, declared = declare(tmp_path, FROM_MODEL.replace(old, new))
    with pytest.raises(CatalogError, match=reason):
        sources.lineage(catalog, declared)
