"""One customer of the demo CRM: the columns of table customers, and a new valid row.

Here: what a valid customer looks like. Not here: what can be wrong with one (crm_dirt), how one changes (crm_edit),
what one buys and attends (crm_shop).

Valid means fit for the demo's data extension: CustomerID Text(20), EmailAddress up to 254, FirstName Text(50),
LastName Text(80), Phone up to 50, City Text(100), Country Text(2), Locale 5 characters, BirthDate Date (1753–9999),
LoyaltyPoints Number, LifetimeValue Decimal(12,2), NewsletterOptIn Boolean, NewsletterOptInAt and CreatedAt Date;
customer id, e-mail address and last name are required.
"""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from et_platform.demo import crm_people
from et_platform.demo.crm_dice import Dice


class Customer(NamedTuple):
    """A row of customers, in the order of its columns. Dates and times are ISO text, booleans 1 and 0.

    The last five are what ExactTarget says of a customer; a new one has none of it.
    """

    customer_id: str | None
    email: str | None
    first_name: str | None
    last_name: str | None
    phone: str | None
    city: str | None
    country_code: str | None
    locale: str | None
    birth_date: str | None
    loyalty_points: int | str | None
    lifetime_value: str | float | None
    newsletter_opt_in: int | str
    newsletter_opt_in_at: str | None
    opted_out: int
    opted_out_at: str | None
    created_at: str
    updated_at: str
    opt_out_evidence: str | None = None
    last_open_at: str | None = None
    last_click_at: str | None = None
    open_count: int | None = None
    click_count: int | None = None


def customer_id(number: int) -> str:
    """Return the id of the customer with this number: NTO-000123."""
    return f"NTO-{number:06}"


def money(cents: int) -> str:
    """Return cents as plain decimal text with two places."""
    return f"{cents // 100}.{cents % 100:02}"


def moment(dice: Dice, earliest: datetime, latest: datetime) -> datetime:
    """Draw a moment between the two, to the second."""
    return earliest + timedelta(seconds=dice.number(0, int((latest - earliest).total_seconds())))


def new_customer(dice: Dice, number: int, earliest: datetime, latest: datetime) -> Customer:
    """Draw a valid customer who signed up between the two moments; nothing in the row is later than `latest`."""
    person = crm_people.person(dice)
    created = moment(dice, earliest, latest)
    updated = moment(dice, created, latest)
    opted_in = dice.chance(0.6)
    opted_in_at = moment(dice, created, updated) if opted_in or dice.chance(0.3) else None
    opted_out = not opted_in and opted_in_at is not None
    born = date(1936, 1, 1) + timedelta(days=dice.number(0, 72 * 365))
    return Customer(
        customer_id=customer_id(number),
        email=f"{person.mailbox}.{number}@{dice.pick(crm_people.DOMAINS)}",
        first_name=None if dice.chance(0.02) else person.first_name,
        last_name=person.last_name,
        phone=None if dice.chance(0.15) else crm_people.phone(dice, person.country),
        city=None if dice.chance(0.03) else person.city,
        country_code=person.country,
        locale=person.locale,
        birth_date=None if dice.chance(0.1) else born.isoformat(),
        loyalty_points=dice.number(0, 400) * dice.number(0, 30),
        lifetime_value=money(dice.number(0, 2_000) * dice.number(0, 300)),
        newsletter_opt_in=int(opted_in),
        newsletter_opt_in_at=opted_in_at.isoformat(" ") if opted_in_at else None,
        opted_out=int(opted_out),
        opted_out_at=updated.isoformat(" ") if opted_out else None,
        created_at=created.isoformat(" "),
        updated_at=updated.isoformat(" "),
    )


def start_of(day: date) -> datetime:
    """Return midnight of the day; the CRM keeps wall-clock time of its one office, without a zone."""
    return datetime.combine(day, time())
