"""`etp catalog check`: every known mistake, with file, line and remedy; and the schema for editors."""

import json
import re

import pytest
import yaml
from click.testing import CliRunner

from et_platform.catalog.catalog import PACKAGED, load_catalog
from et_platform.catalog.json_schema import KINDS, schemas
from et_platform.cli.main import main
from et_platform.sync.check import problems
from et_platform_tests.scenario import DATA_EXTENSION, write_catalog

AUDIENCE = """description: Welcome.
owners: ["team:tests"]
customer_key: Test_People
name: Test People
source: {audience: welcome}
deletes: delete
sendable: {field: PersonID}
fields:
  PersonID: {type: Text, length: 10, key: true, from: customer_id}
  Since: {type: Date, from: created_at}
"""
MODELS = {
    ("audience", "welcome"): {"customer_id": "VARCHAR", "created_at": "TIMESTAMP WITH TIME ZONE", "tags": "JSON[]"}
}


def check(folder) -> str:
    """What the command says, with the exit code in front; paths are relative to the catalogue."""
    done = CliRunner().invoke(main, ["catalog", "check", "--no-models", str(folder)])
    return f"{done.exit_code} {done.output.replace(str(folder), '')}"


MISTAKES = [
    # what is written, what instead, the line on which it is named, what is said
    ("Name: {type: Text", "Name: {type: Texte", "Name:", "fields.Name.type: Input should be 'Text', 'Number'"),
    ("from: points", "form: points", "Points:", "fields.Points.form: unknown key; did you mean `from`?"),
    (
        "from: points",
        "from: points, sql: points",
        "Points:",
        "either `from` \\(a column\\) or `sql` \\(an expression\\)",
    ),
    ("from: points", "sql: pionts", "Points:", "fields.Points.sql: there is no column 'pionts'; the source has: id"),
    ("from: points", "sql: now()", "Points:", "fields.Points.sql: now\\(\\) is not the same each time"),
    ("from: points", "sql: points +", "Points:", "fields.Points.sql: it cannot be read as SQL"),
    (
        "from: points",
        "sql: name",
        "Points:",
        'Number field cannot take what is text .* `sql: "CAST\\(name AS INTEGER\\)"`',
    ),
    (
        "Number, from: points",
        "Number, from: name",
        "Points:",
        "cannot take the text column 'name'; .*CAST\\(name AS INT",
    ),
    ("key: true, from: id", "key: true, sql: id", "PersonID:", "a key field comes `from` the column that is the key"),
    (
        "Number, from",
        "Number, default: five, from",
        "Points:",
        "default of a Number field is a whole number, not 'five'",
    ),
    (
        "length: 10, from: name",
        "length: 10, default: twelve chars, from: name",
        "Name:",
        "default is longer than the 10",
    ),
    ("key: true, from", "key: true, default: x, from", "PersonID:", "a key has no default"),
    ("source: {crm: people}", "source: {}", "source:", "one of `crm`, `audience`, `mart` and `sql`; found none"),
    ("source: {crm: people}", "source: {crm: people, mart: m}", "source:", "found crm and mart"),
    ("source: {crm: people}", "source: {sql: 'SELEC 1'}", "source:", "source.sql: it cannot be read as SQL"),
    (
        "source: {crm: people}",
        "source: {crm: people}\nsendable: {field: Person}",
        "sendable:",
        "no field 'Person'; there",
    ),
    (
        "source: {crm: people}",
        "source: {crm: people}\nsendable: {field: Born}",
        "sendable:",
        "so it must be required",
    ),
    (
        "source: {crm: people}",
        "source: {crm: people}\nsendable: {field: PersonID}",
        "sendable:",
        "a sendable data extension says `deletes: delete`",
    ),
    ("source: {crm: people}", "source: {crm: people}\nmapping: guess", "mapping:", "mapping: Input should be 'infer'"),
    (
        "source: {crm: people}",
        "source: {crm: people}\nfile: {nulls: '0'}",
        "file:",
        "file.nulls: String should match pattern",
    ),
    (
        "source: {crm: people}",
        "source: {crm: people}\nfile: {nulls: '#a|b'}",
        "file:",
        "holds a quote or a delimiter",
    ),
    ("source: {crm: people}", "source: {crm: people}\nfolder: a//b", "folder:", "folder: String should match pattern"),
    (
        "source: {crm: people}",
        "source: {crm: people}\nretention: {length: 0, unit: Days}",
        "retention:",
        "retention.length: Input should be greater than or equal to 1",
    ),
    ("source: {crm: people}", "source: {crm: people}\nschedule: {cron: '5 *'}", "schedule:", "must have five parts"),
    ("source: {crm: people}", "source: {crm: people}\nschedule: {cron: '0 25 * * *'}", "schedule:", "'25' is no hour"),
    (
        "source: {crm: people}",
        "source: {crm: people}\nschedule: {cron: '9-5 * * * *'}",
        "schedule:",
        "a range of minutes",
    ),
    (
        "source: {crm: people}",
        "source: {crm: people}\nschedule: {cron: '0 5 * * *', timezone: Mars}",
        "schedule:",
        "there is no time zone 'Mars'",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "said"), MISTAKES, ids=[one[1] for one in MISTAKES])
def test_promise_16_each_known_mistake_is_named_with_its_line_and_remedy(tmp_path, old, new, line, said):
    assert old in DATA_EXTENSION
    text = DATA_EXTENSION.replace(old, new, 1)
    write_catalog(tmp_path, data_extension=text)
    told = check(tmp_path)
    assert told.startswith("1 ")
    number = next(number for number, written in enumerate(text.split("\n"), 1) if line in written)
    found = [
        (int(at), what)
        for at, what in re.findall(r"/data_extensions/people\.yaml:(\d+): (.*)", told)
        if re.search(said, what)
    ]
    assert found, told
    assert found[0][0] == number, told


def test_a_catalogue_without_a_mistake_says_so(tmp_path):
    write_catalog(tmp_path)
    assert check(tmp_path).startswith("0 No mistake in 1 data extensions, 1 CRM entities")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "{audience: welcome}",
            "{audience: welcom}",
            ":5: source.audience: there is no dbt model 'welcom' in models/au",
        ),
        (
            "from: created_at",
            "from: create_at",
            ":10: fields.Since: there is no column 'create_at'; the source has: cu",
        ),
        ("from: created_at", "from: customer_id", ":10: fields.Since: a Date field cannot take what is text"),
        ("from: created_at", "from: tags", ":10: fields.Since: the column 'tags' is of type JSON"),
    ],
)
def test_promise_16_a_model_that_does_not_fit_is_named(tmp_path, old, new, said):
    write_catalog(tmp_path, data_extension=AUDIENCE)
    assert list(problems(load_catalog(tmp_path), MODELS)) == []
    write_catalog(tmp_path, data_extension=AUDIENCE.replace(old, new))
    (told,) = problems(load_catalog(tmp_path), MODELS)
    assert said in told


def test_the_schemas_for_editors_know_every_key_and_ask_for_no_secret():
    for kind, text in schemas().items():
        schema = json.loads(text)
        assert schema["additionalProperties"] is False, kind
        model = KINDS[kind.removesuffix(".json")]
        assert set(schema["properties"]) == {field.alias or name for name, field in model.model_fields.items()}
        assert not re.search(r'"(password|secret|token|client_id)"', text), "declarations never hold a secret"
    field = json.loads(schemas()["data_extension.json"])["$defs"]["DataExtensionField"]
    assert {"from", "sql", "default"} <= set(field["properties"])


@pytest.mark.parametrize("path", sorted(PACKAGED.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_packaged_file_names_its_schema(path):
    first = path.read_text(encoding="utf-8").split("\n")[0]
    found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert found is not None
    schema = (path.parent / found[1]).resolve()
    assert schema.parent == PACKAGED / "schema"
    assert schema.name in schemas()
    known = json.loads(schemas()[schema.name])["properties"]
    assert known.keys() >= yaml.safe_load(path.read_text(encoding="utf-8")).keys()


def test_the_command_writes_the_schemas_beside_the_declarations(tmp_path):
    done = CliRunner().invoke(main, ["catalog", "schema", str(tmp_path / "schema")])
    assert done.exit_code == 0
    assert {path.name for path in (tmp_path / "schema").iterdir()} == set(schemas())
