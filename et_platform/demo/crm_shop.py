"""What the demo CRM's customers buy and attend: products, orders, events, registrations.

Here: the rows of those tables, all valid, for a list of customer ids. Not here: the customers (crm_customers).
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from et_platform.demo.crm_customers import moment, money, start_of
from et_platform.demo.crm_dice import Dice

_LINES = (
    ("Boots", 14_900, ("Switchback Mid", "Cairn Leather", "Scree Runner", "Snowline Insulated")),
    ("Tents", 32_900, ("Larch 1P", "Larch 2P", "Basecamp 4P", "Bivy “Firefly”")),
    ("Packs", 12_900, ("Daybreak 18 L", "Traverse 38 L", "Portage 65 L", "Toddler Carrier")),
    ("Clothing", 8_900, ("Merino Crew", "Drizzle Shell", "Down Sweater, hooded", "Wind Shirt ½-zip")),
    ("Sleeping", 19_900, ("Quilt 0 °C", "Winter Bag −18 °C", "Air Mat R4.2", "Camp Pillow")),
    ("Climbing", 6_900, ("Harness Piton", "Rope 9.8 mm × 60 m", "Chalk; loose", "Helmet Dome")),
    ("Snow", 29_900, ("Snowshoes 25\"", "Avalanche Beacon", "Probe 240 cm", "Touring Skins")),
    ("Kitchen", 4_900, ("Stove Ember", "Titanium Mug 450 ml", "Spork & Case", "Café Press")),
    ("Safety", 3_900, ("First Aid Kit", "Headlamp 400 lm", "Bear Canister", "Whistle")),
    ("Winter Sale", 1_900, ("Wool Socks 3×", "Beanie Fjäll", "Gaiters", "Hand Warmers 火")),
)  # fmt: skip
_EVENTS = (
    ("Guided hike", 12, ("Sunrise on Mount Tabor", "Larch Season Walk", "Waterfalls & Wildflowers")),
    ("Avalanche course", 16, ("Avalanche Awareness, Level 1", "Companion Rescue Refresher")),
    ("Workshop", 25, ("Map and Compass", "Boot Fitting Evening", "Leave No Trace for Families")),
    ("Climbing day", 8, ("First Rope: Climbing Outdoors", "Crack Clinic")),
    ("Talk", 80, ("Kayaking the Inside Passage", "Night Sky without a Telescope")),
)


def products() -> Iterator[tuple[Any, ...]]:
    """Yield (product_id, name, category, price)."""
    for line, (category, cents, names) in enumerate(_LINES, start=1):
        for position, name in enumerate(names, start=1):
            yield f"P{line:02}{position:02}", name, category, money(cents + 1_500 * (position - 1))


def events(dice: Dice, today: date, count: int = 48) -> Iterator[tuple[Any, ...]]:
    """Yield (event_id, name, kind, city, starts_at, capacity): one about every week, from a month ago on."""
    for number in range(1, count + 1):
        kind, capacity, names = dice.pick(_EVENTS)
        day = today + timedelta(days=7 * (number - 5) + dice.number(0, 6))
        starts = start_of(day) + timedelta(hours=dice.number(7, 19))
        place = dice.pick(("Portland", "Bend", "Hood River", "Seattle", "Coeur d'Alene"))
        yield f"E{number:04}", dice.pick(names), kind, place, starts.isoformat(" "), capacity


def registrations(dice: Dice, customer_ids: Sequence[str], today: date) -> Iterator[tuple[Any, ...]]:
    """Yield (customer_id, event_id, registered_at, reminder_wanted) for one customer in ten; no pair twice."""
    for place in dice.sample(len(customer_ids), len(customer_ids) // 10):
        registered = moment(dice, start_of(today - timedelta(days=60)), start_of(today))
        yield (
            customer_ids[place], f"E{dice.number(5, 48):04}", registered.isoformat(" "), int(dice.chance(0.7)),
        )  # fmt: skip


def orders(dice: Dice, customer_ids: Sequence[str], today: date) -> tuple[list[tuple], list[tuple]]:
    """Return orders (order_id, customer_id, ordered_at, status, total) and their lines
    (order_id, line_no, product_id, quantity, unit_price); as many orders as customers.
    """
    assortment = [(row[0], row[3]) for row in products()]
    heads, lines = [], []
    for number in range(1, len(customer_ids) + 1):
        order_id, total = f"O{number:07}", 0
        for line_no in range(1, dice.number(1, 3) + 1):
            product_id, price = dice.pick(assortment)
            quantity = dice.number(1, 2)
            total += quantity * int(price.replace(".", ""))
            lines.append((order_id, line_no, product_id, quantity, price))
        ordered = moment(dice, start_of(today - timedelta(days=900)), start_of(today)).isoformat(" ")
        status = dice.pick(("delivered", "delivered", "delivered", "shipped", "returned"))
        heads.append((order_id, dice.pick(customer_ids), ordered, status, money(total)))
    return heads, lines
