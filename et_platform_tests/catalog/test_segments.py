"""Segments: what a declaration may say, how a mistake names file, line and remedy (promise 16), what a query reads."""

import re

import pytest

from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.conflicts import upstream
from et_platform.catalog.loader import CatalogError
from et_platform.catalog.queried import tables_of
from et_platform.sync.segments import lineage
from et_platform_tests.scenario import write_catalog
from et_platform_tests.segments.world import FILTER, QUERY

SOURCE = "of: {data_extension: people}"
WHERE = "where: {field: Points, is: greaterThan, value: 10}"
MISTAKES = [
    # what is written, what instead, the line on which it is named, what is said
    (QUERY, "query: SELECT", "Query: SELECT", 3, "Query: unknown key; did you mean `query`?"),
    (QUERY, "[Test People]", "[Test Poeple]", 3, "named 'Test Poeple' .* there are: Test People.* add it to `others`"),
    (QUERY, "FROM [Test People] WHERE Points > 10", "", 3, "nothing follows FROM"),
    (QUERY, "Test_Result", "test_people", 5, "into.customer_key: 'test_people' is already used in .*people.yaml:4"),
    (QUERY, "Test Result", "Test People", 6, "into.name: 'Test People' is already used"),
    (QUERY, "key: true, ", "", 4, "into: no field says `key: true`"),
    (QUERY, "{type: Number}", "{type: Number, from: points}", 10, "into.fields.Points: takes what the segment picks"),
    (QUERY, "{type: Number}", "{type: Numbre}", 10, "Input should be 'Text', 'Number'"),
    (
        QUERY,
        "into:",
        "filter: {of: {segment: a}, where: {field: a, is: equals, value: b}}\ninto:",
        1,
        "either `query` or",
    ),
    (QUERY, "into:", "deadline: soon\ninto:", 4, "'soon' is no length of time"),
    (FILTER, SOURCE, "of: {data_extension: poeple}", 4, "none is declared as 'poeple'; declared: people"),
    (FILTER, SOURCE, "of: {segment: picked}", 4, "reads what it writes"),
    (FILTER, SOURCE, "of: {segment: picked, customer_key: x}", 4, "say one of `data_extension`, `segment`"),
    (
        FILTER,
        "field: Points, is: greaterThan",
        "field: Pionts, is: greaterThan",
        5,
        "no field 'Pionts'; it has: PersonID",
    ),
    (FILTER, "is: greaterThan", "is: biggerThan", 5, "Input should be 'equals', 'notEquals'"),
    (FILTER, "is: greaterThan", "is: beginsWith", 5, "a Number field takes equals, .*, not beginsWith"),
    (FILTER, "value: 10", "days_ago: 10", 5, "`days_ago` is for a date, and 'Points' is Number"),
    (FILTER, "value: 10", "value: 10, days_ago: 10", 5, "needs `is` and one of `value` and `days_ago`"),
    (
        FILTER,
        WHERE,
        "where: {field: Born, is: lessThan, value: yesterday}",
        5,
        "'yesterday' is no day such as 2026-01-31",
    ),
    (
        FILTER,
        WHERE,
        "where: {field: Born, is: lessThanOrEqual, value: 2026-01-31}",
        5,
        "a Date field takes equals, notEquals, g",
    ),
    (FILTER, WHERE, "where: {all: [{field: Name, is: equals, value: a}]}", 5, "at least 2 items"),
    (FILTER, "    Name:", "    Nome:", 11, "into.fields.Nome: what is filtered has no such field"),
    (FILTER, "into:", "others: [Survey]\ninto:", 6, "others: these are what a `query` reads"),
]


def write(folder, text):
    write_catalog(folder)
    (folder / "segments").mkdir(exist_ok=True)
    (folder / "segments" / "picked.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(("text", "right", "wrong", "line", "said"), MISTAKES, ids=[one[4][:40] for one in MISTAKES])
def test_promise_16_a_mistake_in_a_segment_is_named_with_its_line(tmp_path, text, right, wrong, line, said):
    assert right in text
    write(tmp_path, text.replace(right, wrong, 1))
    with pytest.raises(CatalogError) as error:
        load_catalog(tmp_path)
    assert re.search(rf"picked\.yaml:{line}: .*{said}", str(error.value)), str(error.value)


def test_a_segment_of_what_others_keep_needs_no_declaration_of_theirs(tmp_path):
    text = QUERY.replace("FROM [Test People] WHERE Points > 10", "FROM [Survey Answers]") + "others: [survey answers]\n"
    catalog = load_catalog(write(tmp_path, text))
    assert upstream(catalog, catalog.segments["picked"]) == []
    catalog = load_catalog(write(tmp_path, FILTER.replace(SOURCE, "of: {customer_key: Survey}")))
    assert upstream(catalog, catalog.segments["picked"]) == []


@pytest.mark.parametrize(
    ("query", "read"),
    [
        (
            "SELECT a FROM [B C], d AS e, ENT.[F g] h WHERE a IN (SELECT k FROM _Sent, i)",
            ["B C", "d", "F g", "_Sent", "i"],
        ),
        ("select a from b join c on b.x = c.x, d left join (select e from f) g on 1=1", ["b", "c", "d", "f"]),
        ("WITH x AS (SELECT a FROM [b]), y AS (SELECT a FROM x) SELECT * FROM y JOIN B ON 1=1", ["B"]),
        (
            "SELECT 'FROM a', TRIM(' ' FROM t), [from b] /* FROM c */ -- FROM d\nFROM e UNION ALL SELECT 1 FROM f",
            ["e", "f"],
        ),
        ("SELECT CAST(a AS DECIMAL(5,2)), b FROM c GROUP BY a, b ORDER BY a, d", ["c"]),
        ('SELECT 1 FROM "q t" CROSS APPLY fn(x)', ["q t"]),
        ("SELECT 1", []),
    ],
)
def test_what_a_query_reads(query, read):
    assert tables_of(query) == read


def test_the_fields_of_a_segment_are_traced_to_those_that_they_are_made_of(tmp_path):
    text = QUERY.replace(
        "SELECT PersonID, Name, Points", "SELECT p.PersonID, UPPER(p.Name) AS Name, p.Points + p.Spent AS Points"
    )
    text = text.replace("[Test People] WHERE", "[Test People] p WHERE")
    catalog = load_catalog(write(tmp_path, text))
    people = ("data_extension", "people")
    assert upstream(catalog, catalog.segments["picked"]) == [people]
    assert lineage(catalog, catalog.segments["picked"]) == {
        "PersonID": [(*people, "PersonID")],
        "Name": [(*people, "Name")],
        "Points": [(*people, "Points"), (*people, "Spent")],
    }
    catalog = load_catalog(write(tmp_path, FILTER))
    assert lineage(catalog, catalog.segments["picked"])["Name"] == [(*people, "Name")]


def test_the_packaged_segments_lead_from_the_customers_to_those_who_opened_nothing():
    catalog = load_catalog()
    behind = {name: upstream(catalog, one) for name, one in catalog.segments.items()}
    assert behind == {
        "canada": [("data_extension", "customers")],
        "engagement": [("data_extension", "customers")],
        "not_opened_30_days": [("segment", "engagement")],
    }
    assert lineage(catalog, catalog.segments["engagement"])["EmailAddress"] == [
        ("data_extension", "customers", "EmailAddress")
    ]
