"""Real input that nobody here made, on the outbound road: every row arrives as it is, or is held back with a reason.

What belongs here: the sample in PostgreSQL against what a simulator holds in the end, counted and compared value by
value. What does not: single rules of cleaning and typing (sync/test_plan.py), and the way back.
"""

import psycopg
import pytest

from et_platform.outbound.errors import DeclarationMismatch, GateClosed
from et_platform_tests.adventureworks.world import World

NO_ADDRESS = "EmailAddress is not an e-mail address"
BEYOND_ASCII = "EmailAddress holds a letter or sign beyond ASCII, which ExactTarget takes in no e-mail address"


def keys(crm: psycopg.Connection, condition: str = "true") -> set[str]:
    """The persons of whom this is true."""
    rows = crm.execute(f"SELECT businessentityid FROM person WHERE {condition}".encode()).fetchall()
    return {str(key) for (key,) in rows}


def test_promise_2_every_person_is_in_the_data_extension_or_in_quarantine_with_a_reason(world: World, crm):
    plan, settlement = world.run("persons")
    held, withheld = world.held_by_exacttarget("persons"), world.withheld("persons")

    persons = keys(crm)
    assert len(persons) == 2057
    assert held.keys() | withheld.keys() == persons
    assert len(held) + len(withheld) == len(persons)
    assert (plan.figures.snapshot, plan.figures.withheld) == (len(persons), len(withheld))
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged, settlement.problems) == (len(held), len(held), ())
    # Addresses are built from first names: blanks are no address, and accents none that ExactTarget takes.
    blanks, accents = keys(crm, "firstname ~ ' '"), keys(crm, "firstname ~ '[^ -~]'")
    assert (len(blanks), len(accents)) == (7, 5)
    assert withheld == {key: {NO_ADDRESS} for key in blanks} | {key: {BEYOND_ASCII} for key in accents}
    assert held == world.wanted_by_postgresql("persons", without=withheld)

    plan, settlement = world.run("persons")
    assert (plan.change_set, settlement) == (None, None)
    assert plan.figures.unchanged == len(held)
    assert world.imported_rows() == len(held)
    assert not any("@" in line for line in world.told), "what is told to people names no person"


@pytest.mark.parametrize("world", ["postgresql"], indirect=True, ids="ledger in {}".format)
def test_customers_without_person_orders_or_shop_arrive_under_a_numeric_key(world: World, crm, ledger_url: str):
    plan, settlement = world.run("customers")
    held = world.held_by_exacttarget("customers")
    assert held == world.wanted_by_postgresql("customers")
    assert (len(held), plan.figures.withheld) == (19820, 0)
    assert settlement is not None
    assert settlement.problems == ()
    counts = "SELECT count(*) FILTER (WHERE personid IS NULL), count(storeid) FROM customer"
    assert crm.execute(counts).fetchall() == [
        (sum(row["PersonID"] == "" for row in held.values()), sum(row["Store"] != "" for row in held.values()))
    ]
    assert world.run("customers")[1] is None

    with psycopg.connect(ledger_url) as ledger:
        assert ledger.execute("SELECT state FROM change_sets").fetchall() == [("settled",)]
        assert ledger.execute("SELECT state, total FROM files").fetchall() == [("proven", 19820)]
        assert ledger.execute("SELECT count(*) FROM leases").fetchall() == [(0,)], "a lease was not given back"
    assert not list(world.folder.rglob("ledger.sqlite")), "the ledger is where ET_LEDGER_URL says"


# Doubly-encoded accents are the CRM's to mend, not ours to guess; mended, they are a change like others.
CHANGES = """
UPDATE person SET lastname = convert_from(convert_to(lastname, 'WIN1252'), 'UTF8') WHERE businessentityid = 1;
UPDATE address SET city = city || ' (new)' WHERE addressid = (
    SELECT min(billtoaddressid) FROM salesorderheader JOIN address ON addressid = billtoaddressid
    JOIN customer USING (customerid) JOIN person ON personid = person.businessentityid);
UPDATE person SET emailpromotion = 2 - emailpromotion, modifieddate = '2026-03-29 02:30:00.5' WHERE businessentityid = 2;
UPDATE person SET middlename = 'X' WHERE businessentityid = 3;
UPDATE person SET firstname = replace(firstname, ' ', '.') WHERE firstname ~ ' ';
INSERT INTO person VALUES (30001, NULL, 'Test''s', NULL, E'O"Line\\nbreak, 漢 🏔', 'IN', false, NULL, '9999-12-31', NULL, 1);
INSERT INTO person VALUES (30002, NULL, 'Test', NULL, '', 'IN', false, NULL, '1752-12-31', NULL, 1);
UPDATE person SET modifieddate = 'infinity' WHERE businessentityid = 4;
UPDATE salesorderheader SET totaldue = 'NaN' WHERE salesorderid = 43659;
DELETE FROM person WHERE businessentityid = 5;
"""


def test_promise_1_a_change_in_postgresql_imports_exactly_the_rows_that_it_changed(world: World, crm):
    world.run("persons")
    before = world.held_by_exacttarget("persons")
    doubly_encoded = before["1"]["LastName"]
    crm.execute(CHANGES.encode())
    plan, settlement = world.run("persons")
    after, withheld = world.held_by_exacttarget("persons"), world.withheld("persons")

    spoilt = str(
        crm.execute(
            "SELECT personid FROM customer JOIN salesorderheader USING (customerid) WHERE salesorderid = 43659"
        ).fetchall()[0][0]
    )
    news = {key: reasons for key, reasons in withheld.items() if reasons != {BEYOND_ASCII}}
    assert news == {
        "4": {"Modified cannot be read as timestamp"},
        "30002": {"LastName is required, but empty", "Modified is outside the years 1753 to 9999"},
        spoilt: {"Spent cannot be read as decimal"},
    }
    kept = {key: before[key] for key in ("4", "5", spoilt)}  # as they were: nothing is sent, and nothing deleted
    assert after == world.wanted_by_postgresql("persons", without=withheld) | kept
    changed = {key for key, row in after.items() if before.get(key) != row}
    assert {"1", "2", "30001"} < changed
    assert len(changed - before.keys()) == 8, "who was mended, and who is new"
    assert "3" not in changed, "no middle name is declared"
    assert after["1"]["LastName"] == doubly_encoded.encode("cp1252").decode() != doubly_encoded
    assert after["2"]["Modified"] == "3/28/2026 8:30:01 PM", "UTC-6 all year, rounded to the second"
    assert plan.figures.kept == 1
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged) == (len(changed), len(changed))
    assert world.imported_rows() == len(before) + len(changed)
    assert world.run("persons")[1] is None


def test_a_column_that_turned_into_text_holds_back_only_what_is_no_number_any_more(world: World, crm):
    world.run("persons")
    before = world.imported_rows()
    crm.execute("ALTER TABLE person ALTER COLUMN emailpromotion TYPE text")
    with pytest.raises(DeclarationMismatch, match=r"operator does not exist: text > integer.* Correct the query"):
        world.run("persons")
    declaration = world.folder / "catalog" / "crm" / "persons.yaml"
    text = declaration.read_text("utf-8").replace("p.emailpromotion > 0", "p.emailpromotion <> '0'")
    declaration.write_text(text, "utf-8")
    crm.execute("UPDATE person SET emailpromotion = 'both' WHERE businessentityid <= 10")
    plan, settlement = world.run("persons")
    assert (plan.change_set, settlement) == (None, None)
    assert world.withheld("persons")["7"] == {"EmailPromotion cannot be read as integer"}
    crm.execute("UPDATE person SET emailpromotion = 'both'")
    crm.execute("UPDATE person SET emailpromotion = 7 WHERE businessentityid = 20")
    with pytest.raises(GateClosed, match=r"2056 of 2057 rows cannot be sent"):
        world.run("persons")
    assert world.imported_rows() == before
