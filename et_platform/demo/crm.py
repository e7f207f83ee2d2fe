"""The demo's CRM: Northern Trail Outfitters, an outdoor retailer that does not exist, as a SQLite database.

Here: making it, and what it says about itself. Not here: changing it afterwards (crm_edit), the rows (crm_customers,
crm_shop, crm_dirt), reading a CRM for synchronisation (et_platform.crm).
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from et_platform.demo import crm_dirt, crm_shop
from et_platform.demo.crm_customers import Customer, new_customer, start_of
from et_platform.demo.crm_dice import Dice

TODAY = date(2026, 11, 1)
"""The day on which a seeded CRM stands unless told otherwise; a fixed day, so that a seed says everything."""

_DIRTY_SHARE = 0.02


@dataclass(frozen=True)
class SeedReport:
    """Row counts of a seeded CRM. `customers` = `clean` + the sum of `dirty`, which counts rows by kind of dirt."""

    customers: int
    clean: int
    dirty: Mapping[str, int]
    products: int
    orders: int
    order_lines: int
    events: int
    event_registrations: int


@dataclass(frozen=True)
class DirtyRow:
    """A row of customers that cannot go into the demo's data extension, and the one thing that is wrong with it."""

    customer_id: str | None
    kind: str


def seed(path: Path, *, customers: int = 20_000, seed: int = 1, today: date = TODAY) -> SeedReport:
    """Create the CRM with exactly `customers` rows in table customers, about 2 % of them dirty.

    Every kind of dirt occurs at least once, so a small CRM is dirtier. The same arguments give the same rows
    everywhere. The file appears complete or not at all.

    Raises FileExistsError if there is something at `path`, and ValueError for fewer than 50 customers.
    """
    if customers < 2 * crm_dirt.rows_per_round():
        raise ValueError(f"A demo CRM has at least {2 * crm_dirt.rows_per_round()} customers, not {customers}.")
    if path.exists():
        raise FileExistsError(f"{path} exists already. Remove it first, or seed another file.")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as connection:
        connection.executescript(Path(__file__).with_name("crm.sql").read_text("utf-8"))
        with connection:
            report = _fill(connection, customers, seed, today)
    unfinished.rename(path)
    return report


def dirty_ids(path: Path) -> list[DirtyRow]:
    """Return one entry for every dirty row of customers, with the id as it stands there."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT customer_id, kind FROM demo_dirty_rows ORDER BY rowid")
        return [DirtyRow(*row) for row in rows]


def _fill(connection: sqlite3.Connection, total: int, seed: int, today: date) -> SeedReport:
    dice = Dice(seed)
    rows, dirty = _customers(dice, total, today)
    spoilt = {row.customer_id for row in dirty}
    clean_ids = [row.customer_id for row in rows if row.customer_id and row.customer_id not in spoilt]
    orders, order_lines = crm_shop.orders(dice, clean_ids, today)
    content: dict[str, list] = {
        "customers": rows,
        "products": list(crm_shop.products()),
        "orders": orders,
        "order_lines": order_lines,
        "events": list(crm_shop.events(dice, today)),
        "event_registrations": list(crm_shop.registrations(dice, clean_ids, today)),
        "demo_dirty_rows": [(row.customer_id, row.kind) for row in dirty],
        "demo_edits": [(0, seed, start_of(today).isoformat(" "), 0, total)],
    }
    for table, lines in content.items():
        places = ", ".join("?" * len(lines[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({places})", lines)
    by_kind = Counter(row.kind for row in dirty)
    return SeedReport(
        customers=len(rows),
        clean=len(clean_ids),
        dirty={kind: by_kind[kind] for kind in (*crm_dirt.FAULTS, *crm_dirt.COPIES)},
        products=len(content["products"]),
        orders=len(orders),
        order_lines=len(order_lines),
        events=len(content["events"]),
        event_registrations=len(content["event_registrations"]),
    )


def _customers(dice: Dice, total: int, today: date) -> tuple[list[Customer], list[DirtyRow]]:
    rounds = max(1, round(total * _DIRTY_SHARE / crm_dirt.rows_per_round()))
    originals = total - rounds * len(crm_dirt.COPIES)
    kinds = [*crm_dirt.FAULTS, *crm_dirt.COPIES] * rounds
    spoilt = dict(zip(dice.sample(originals, len(kinds)), kinds, strict=True))
    earliest, latest = start_of(today - timedelta(days=3_000)), start_of(today)
    rows, copies, dirty = [], [], []
    for place in range(originals):
        customer = new_customer(dice, place + 1, earliest, latest)
        kind = spoilt.get(place)
        if kind in crm_dirt.FAULTS:
            customer = crm_dirt.FAULTS[kind](customer, dice)
        elif kind in crm_dirt.COPIES:
            copies.append(crm_dirt.COPIES[kind](customer, dice))
            dirty.append(DirtyRow(copies[-1].customer_id, kind))
        if kind:
            dirty.append(DirtyRow(customer.customer_id, kind))
        rows.append(customer)
    return rows + copies, dirty
