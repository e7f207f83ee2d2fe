"""The demo's CRM: what is seeded, what an edit does."""

import hashlib
import re
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from et_platform.demo import crm_dirt, crm_people
from et_platform.demo.crm import SeedReport, dirty_ids, seed
from et_platform.demo.crm_edit import edit

TABLES = ("customers", "products", "orders", "order_lines", "events", "event_registrations")
SENT = (
    "email", "first_name", "last_name", "phone", "city", "country_code", "locale", "birth_date", "loyalty_points",
    "lifetime_value", "newsletter_opt_in", "newsletter_opt_in_at", "created_at",
)  # fmt: skip


def ask(path: Path, query: str, *values: object) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query, values).fetchall()


def customers(path: Path) -> list[sqlite3.Row]:
    return ask(path, "SELECT * FROM customers ORDER BY rowid")


def content(path: Path) -> str:
    """One hash of everything in the CRM."""
    tables = (*TABLES, "demo_dirty_rows", "demo_edits")
    rows = [[tuple(row) for row in ask(path, f"SELECT * FROM {table} ORDER BY rowid")] for table in tables]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def optional(rule: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or rule(value)


def text(most: int) -> Callable[[object], bool]:
    return lambda value: (
        isinstance(value, str) and 0 < len(value.encode("utf-16-le")) // 2 <= most and value == value.strip()
    )


def matches(pattern: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def day(value: object) -> bool:
    return isinstance(value, str) and 1753 <= date.fromisoformat(value).year <= 9999


def moment(value: object) -> bool:
    return isinstance(value, str) and len(value) == 19 and datetime.fromisoformat(value).year > 2000


def amount(value: object) -> bool:
    cents = Decimal(str(value)) * 100
    return cents == int(cents) and 0 <= cents < 10**12


RULES: dict[str, Callable[[object], bool]] = {
    "customer_id": matches(r"NTO-\d{6}"),
    "email": lambda value: (
        matches(r"[a-z0-9.+]+@([a-z]+\.example|inbox\.test|example\.(com|org|net))")(value) and text(254)(value)
    ),
    "first_name": optional(text(50)),
    "last_name": text(80),
    "phone": optional(text(50)),
    "city": optional(text(100)),
    "country_code": matches("[A-Z]{2}"),
    "locale": matches("[a-z]{2}-[A-Z]{2}"),
    "birth_date": optional(day),
    "loyalty_points": lambda value: isinstance(value, int) and 0 <= value < 2**31,
    "lifetime_value": amount,
    "newsletter_opt_in": lambda value: value in (0, 1),
    "newsletter_opt_in_at": optional(moment),
    "opted_out": lambda value: value in (0, 1),
    "opted_out_at": optional(moment),
    "created_at": moment,
    "updated_at": moment,
    "opt_out_evidence": lambda value: value is None,
    "last_open_at": lambda value: value is None,
    "last_click_at": lambda value: value is None,
    "open_count": lambda value: value is None,
    "click_count": lambda value: value is None,
}


def broken_rules(row: sqlite3.Row) -> list[str]:
    broken = []
    for column, rule in RULES.items():
        try:
            valid = rule(row[column])
        except (ValueError, ArithmeticError):
            valid = False
        if not valid:
            broken.append(column)
    return broken


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SeedReport]:
    path = tmp_path_factory.mktemp("seeded") / "crm.db"
    return path, seed(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "crm.db"


def test_a_seed_says_everything(tmp_path: Path):
    for name, number in (("a", 1), ("b", 1), ("c", 2)):
        seed(tmp_path / name, customers=300, seed=number)
    assert content(tmp_path / "a") == content(tmp_path / "b") != content(tmp_path / "c")
    # Pinned, so that another platform or Python version with other rows is noticed.
    assert content(tmp_path / "a") == "dcb9060aebee9cd421388ecc4e02263b0dd429b49a3ea74df91020225564415e"


def test_the_report_counts_what_is_there(seeded: tuple[Path, SeedReport]):
    path, report = seeded
    for table in TABLES:
        assert ask(path, f"SELECT count(*) FROM {table}")[0][0] == getattr(report, table), table
    assert report.customers == 20_000 == report.clean + sum(report.dirty.values())
    assert 0.015 <= sum(report.dirty.values()) / report.customers <= 0.025
    assert report.dirty == Counter(row.kind for row in dirty_ids(path))
    assert set(report.dirty) == {*crm_dirt.FAULTS, *crm_dirt.COPIES}
    assert report.orders == report.clean


def test_every_clean_row_is_valid_and_every_dirty_row_is_not(seeded: tuple[Path, SeedReport]):
    path, report = seeded
    dirty = Counter(row.customer_id for row in dirty_ids(path))
    seen = Counter()
    clean = 0
    for row in customers(path):
        if row["customer_id"] in dirty:
            seen[row["customer_id"]] += 1
        else:
            clean += 1
            assert broken_rules(row) == [], tuple(row)
    assert clean == report.clean
    assert seen == dirty


def test_every_kind_of_dirt_breaks_one_rule(seeded: tuple[Path, SeedReport]):
    path, _ = seeded
    rows = {row["customer_id"]: row for row in customers(path)}
    folded = Counter(row["customer_id"].rstrip().upper() for row in customers(path) if row["customer_id"])
    columns: dict[str, set[str]] = {}
    for dirty in dirty_ids(path):
        if dirty.customer_id is None:
            continue
        if dirty.kind in crm_dirt.COPIES:
            assert folded[dirty.customer_id.rstrip().upper()] == 2
            continue
        broken = broken_rules(rows[dirty.customer_id])
        assert len(broken) == 1, (dirty, broken)
        columns.setdefault(dirty.kind, set()).update(broken)
    assert columns == {
        "email missing": {"email"},
        "email malformed": {"email"},
        "email too long": {"email"},
        "first name too long": {"first_name"},
        "last name missing": {"last_name"},
        "last name too long": {"last_name"},
        "phone too long": {"phone"},
        "city too long": {"city"},
        "country too long": {"country_code"},
        "locale too long": {"locale"},
        "birth date malformed": {"birth_date"},
        "birth date before 1753": {"birth_date"},
        "birth date after 9999": {"birth_date"},
        "loyalty points no number": {"loyalty_points"},
        "loyalty points too large": {"loyalty_points"},
        "lifetime value too large": {"lifetime_value"},
        "lifetime value too precise": {"lifetime_value"},
        "opt-in no boolean": {"newsletter_opt_in"},
    }
    nameless = [row for row in customers(path) if row["customer_id"] is None]
    assert {tuple(broken_rules(row)) for row in nameless} == {("customer_id",)}


def test_the_customers_speak_many_languages_and_stumble_files(seeded: tuple[Path, SeedReport]):
    path, _ = seeded
    rows = customers(path)
    assert len({row["locale"] for row in rows if len(row["locale"]) == 5}) == len(crm_people.REGIONS) >= 16
    everything = "".join(f"{row['first_name']}{row['last_name']}{row['city']}" for row in rows)
    for letter in "éŁ山김ЖעΨأสहễ𠮷🏔\"',;\n\t\\":
        assert letter in everything, letter
    assert "\u0301" in everything  # an accent of its own


def test_nobody_can_be_called_or_written_to(seeded: tuple[Path, SeedReport]):
    path, _ = seeded
    fictional = re.compile(
        r"\+1 \(\d{3}\) 555-01\d\d|\+44 7700 900\d{3}|\+49 171 39200\d\d|\+33 6 39 98 \d\d \d\d|\+46 8 465 004 \d\d|\+999 [\d /+]+(after six)?"
    )
    for row in customers(path):
        assert row["phone"] is None or fictional.fullmatch(row["phone"]), row["phone"]
        for domain in re.findall(r"@([a-z.]+)", row["email"] or ""):
            assert re.search(r"(^example\.(com|org|net)|\.example|\.test|^exa)$", domain), domain


def test_consent_is_dated(seeded: tuple[Path, SeedReport]):
    path, _ = seeded
    wrong = ask(
        path,
        "SELECT * FROM customers WHERE newsletter_opt_in = 1 AND (newsletter_opt_in_at IS NULL OR opted_out)"
        " OR opted_out AND (opted_out_at IS NULL OR opted_out_at < newsletter_opt_in_at)"
        " OR updated_at < created_at OR newsletter_opt_in_at < created_at",
    )
    assert wrong == []


def test_the_shop_fits_together(seeded: tuple[Path, SeedReport]):
    path, _ = seeded
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    lonely = ask(
        path,
        "SELECT customer_id FROM (SELECT customer_id FROM orders UNION SELECT customer_id FROM event_registrations)"
        " WHERE customer_id NOT IN (SELECT customer_id FROM customers WHERE customer_id IS NOT NULL)",
    )
    assert lonely == []
    sums = ask(path, "SELECT count(*) FROM orders WHERE abs(total - (SELECT sum(quantity * unit_price) FROM order_lines"
        " WHERE order_lines.order_id = orders.order_id)) > 0.001")  # fmt: skip
    assert sums[0][0] == 0


def test_nothing_is_overwritten_and_nothing_unfinished_is_left(path: Path):
    seed(path, customers=200)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="exists already"):
        seed(path, customers=200, seed=2)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["crm.db"]


def test_too_few_customers_for_all_the_dirt_are_refused(path: Path):
    with pytest.raises(ValueError, match="at least 50"):
        seed(path, customers=49)
    assert not path.exists()
    assert seed(path, customers=50).clean == 25


def test_edits_change_exactly_what_they_say(path: Path):
    everyone = seed(path, customers=2_000).customers
    dirty = {row.customer_id for row in dirty_ids(path)}
    for number in range(1, 7):
        before = {row["customer_id"]: row for row in customers(path) if row["customer_id"] not in dirty}
        dirty_before = [tuple(row) for row in customers(path) if row["customer_id"] in dirty]
        made = edit(path, updates=300, inserts=40)
        after = {row["customer_id"]: row for row in customers(path) if row["customer_id"] not in dirty}

        changed = {key for key, row in before.items() if any(row[name] != after[key][name] for name in SENT)}
        touched = {key for key, row in before.items() if tuple(row) != tuple(after[key])}
        assert changed == touched == set(made.updated)
        assert len(made.updated) == 300
        assert set(after) - set(before) == set(made.inserted)
        assert len(set(made.inserted)) == 40
        everyone += 40
        assert len(customers(path)) == everyone
        assert [tuple(row) for row in customers(path) if row["customer_id"] in dirty] == dirty_before
        assert all(broken_rules(row) == [] for row in after.values())
        assert made.edit_no == number


def test_dirty_rows_stay_as_they_are_though_the_file_was_vacuumed(path: Path):
    clean = seed(path, customers=300).clean
    dirty = {row.customer_id for row in dirty_ids(path)}
    leaver = next(row["customer_id"] for row in customers(path) if row["customer_id"] not in dirty)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM customers WHERE customer_id = ?", (leaver,))
        connection.execute("VACUUM")  # numbers the rows anew
    before = [tuple(row) for row in customers(path) if row["customer_id"] in dirty]
    edit(path, updates=clean - 1, inserts=0)
    assert [tuple(row) for row in customers(path) if row["customer_id"] in dirty] == before


def test_edits_follow_from_the_seed_and_differ_from_each_other(tmp_path: Path):
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        seed(path, customers=300)
        edit(path, updates=20, inserts=5)
    first = [edit(path, updates=20, inserts=5) for path in paths[:2]]
    other = edit(paths[2], updates=20, inserts=5, seed=99)
    assert first[0] == first[1]
    assert content(paths[0]) == content(paths[1]) != content(paths[2])
    assert other.updated != first[0].updated


def test_the_same_seed_twice_still_changes_every_customer_it_names(path: Path):
    seed(path, customers=300)
    for _ in range(3):
        before = {row["customer_id"]: row for row in customers(path)}
        made = edit(path, updates=100, inserts=3, seed=7)
        after = {row["customer_id"]: row for row in customers(path)}
        assert all(any(before[key][name] != after[key][name] for name in SENT) for key in made.updated)


def test_everybody_can_be_edited_and_nobody_more(path: Path):
    clean = seed(path, customers=200).clean
    before = content(path)
    with pytest.raises(ValueError, match=f"only {clean} to choose from|only {clean} valid"):
        edit(path, updates=clean + 1, inserts=1)
    with pytest.raises(ValueError, match="-1 inserts"):
        edit(path, updates=0, inserts=-1)
    assert content(path) == before
    assert len(edit(path, updates=clean, inserts=0).updated) == clean


def test_only_a_demo_crm_is_edited(tmp_path: Path, path: Path):
    with pytest.raises(FileNotFoundError, match="Seed it first"):
        edit(path, updates=1, inserts=1)
    assert not path.exists()
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE customers (customer_id TEXT)")
    with pytest.raises(ValueError, match="is no demo CRM"):
        edit(tmp_path / "other.db", updates=0, inserts=1)
