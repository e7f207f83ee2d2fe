"""Life goes on in the demo CRM: customers change and new ones sign up.

Here: valid changes to a seeded CRM. Not here: making it (crm).
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from et_platform.demo import crm_people
from et_platform.demo.crm_customers import Customer, money, new_customer
from et_platform.demo.crm_dice import Dice


@dataclass(frozen=True)
class EditReport:
    """What an edit did: which in the row of edits it was (from 1), and the ids of customers changed and added."""

    edit_no: int
    seed: int
    updated: tuple[str, ...]
    inserted: tuple[str, ...]


def edit(path: Path, *, updates: int, inserts: int, seed: int | None = None) -> EditReport:
    """Change `updates` distinct valid customers and add `inserts` new valid ones, in one transaction.

    Each changed customer gets another value in at least one column that ExactTarget receives. Dirty rows stay as
    they are. Without a seed the edit follows from the CRM's own seed and the number of edits so far.

    Raises FileNotFoundError if there is no file at `path`, ValueError if it is no demo CRM, or if it cannot have
    that many updates or inserts.
    """
    if updates < 0 or inserts < 0:
        raise ValueError(f"An edit cannot have {updates} updates and {inserts} inserts; both are 0 or more.")
    if not path.is_file():
        raise FileNotFoundError(f"There is no demo CRM at {path}. Seed it first.")
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")  # the rows read below must still be so when they are written
        try:
            report = _edit(connection, updates, inserts, seed)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return report


def _edit(connection: sqlite3.Connection, updates: int, inserts: int, given_seed: int | None) -> EditReport:
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'demo_edits'").fetchone():
        raise ValueError("This SQLite file is no demo CRM: it has no table demo_edits.")
    edit_no, first_seed, last = connection.execute(
        "SELECT max(edit_no) + 1, min(seed) FILTER (WHERE edit_no = 0), max(made_at) FROM demo_edits"
    ).fetchone()
    seed: int = first_seed * 1_000_003 + edit_no if given_seed is None else given_seed
    dice = Dice(seed)
    before = datetime.fromisoformat(last)
    now = before + timedelta(hours=1)

    ids = _valid_ids(connection)
    if updates > len(ids):
        raise ValueError(f"{updates} updates asked for, but the CRM has only {len(ids)} valid customers.")
    updated = [ids[place] for place in dice.sample(len(ids), updates)]
    for customer_id in updated:
        row = connection.execute("SELECT * FROM customers WHERE customer_id = ?", (customer_id,)).fetchone()
        change = dice.pick(_CHANGES)(Customer(*row), dice, now)
        assignments = ", ".join(f"{column} = ?" for column in change)
        connection.execute(
            f"UPDATE customers SET {assignments}, updated_at = ? WHERE customer_id = ?",
            (*change.values(), now.isoformat(" "), customer_id),
        )

    (highest,) = connection.execute(
        "SELECT max(CAST(substr(customer_id, 5) AS INTEGER)) FROM customers WHERE customer_id LIKE 'NTO-%'"
    ).fetchone()
    new = [new_customer(dice, highest + step, before, now) for step in range(1, inserts + 1)]
    places = ", ".join("?" * len(Customer._fields))
    connection.executemany(f"INSERT INTO customers VALUES ({places})", new)
    connection.execute(
        "INSERT INTO demo_edits VALUES (?, ?, ?, ?, ?)", (edit_no, seed, now.isoformat(" "), updates, inserts)
    )
    return EditReport(edit_no, seed, tuple(updated), tuple(str(row.customer_id) for row in new))


def _valid_ids(connection: sqlite3.Connection) -> list[str]:
    # By id, not by rowid: VACUUM renumbers the rows of a table without a primary key.
    rows = connection.execute(
        "SELECT customer_id FROM customers WHERE customer_id IS NOT NULL"
        " AND customer_id NOT IN (SELECT customer_id FROM demo_dirty_rows WHERE customer_id IS NOT NULL)"
        " ORDER BY customer_id"
    )
    return [row[0] for row in rows]


def _collects_points(customer: Customer, dice: Dice, _now: datetime) -> dict[str, object]:
    return {"loyalty_points": int(customer.loyalty_points or 0) + dice.number(1, 500)}


def _buys(customer: Customer, dice: Dice, _now: datetime) -> dict[str, object]:
    cents = round(float(customer.lifetime_value or 0) * 100)
    return {"lifetime_value": money(cents + dice.number(100, 40_000))} | _collects_points(customer, dice, _now)


def _moves(customer: Customer, dice: Dice, _now: datetime) -> dict[str, object]:
    region = next(region for region in crm_people.REGIONS if region.locale == customer.locale)
    elsewhere = [city for city in region.cities if city != customer.city]
    return {"city": dice.pick(elsewhere), "phone": crm_people.phone(dice, region.country)}


def _marries(customer: Customer, dice: Dice, _now: datetime) -> dict[str, object]:
    names = [name.partition("/")[0] for region in crm_people.REGIONS for name in region.family]
    return {"last_name": dice.pick([name for name in names if name != customer.last_name])}


def _changes_address(customer: Customer, dice: Dice, now: datetime) -> dict[str, object]:
    mailbox, _, domain = (customer.email or "").partition("@")
    others = [other for other in crm_people.DOMAINS if other != domain]
    return {"email": f"{mailbox.partition('+')[0]}+{now:%y%m%d%H}@{dice.pick(others)}"}


def _decides_on_newsletter(customer: Customer, _dice: Dice, now: datetime) -> dict[str, object]:
    at = now.isoformat(" ")
    if customer.newsletter_opt_in:
        return {"newsletter_opt_in": 0, "opted_out": 1, "opted_out_at": at}
    cleared = {"opted_out": 0, "opted_out_at": None, "opt_out_evidence": None}
    return {"newsletter_opt_in": 1, "newsletter_opt_in_at": at} | cleared


_CHANGES: tuple[Callable[[Customer, Dice, datetime], dict[str, object]], ...] = (
    _collects_points,
    _collects_points,
    _buys,
    _buys,
    _moves,
    _marries,
    _changes_address,
    _decides_on_newsletter,
)
