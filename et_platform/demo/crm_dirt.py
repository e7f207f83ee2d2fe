"""What is wrong with some customers of the demo CRM, on purpose.

Here: every kind of dirt, as a function that spoils a valid customer in exactly one way. Not here: how many rows get
which kind, and where that is written down (crm).
"""

from collections.abc import Callable

from et_platform.demo.crm_customers import Customer
from et_platform.demo.crm_dice import Dice

Spoil = Callable[[Customer, Dice], Customer]

_LONG_FIRST_NAMES = ("Wolfeschlegelsteinhausenbergerdorff", "Marie-Madeleine", "Anne-Sophie", "Maximilian-Alexander")
_BAD_ADDRESSES = ("{0}", "{0}@", "@{1}", "{0}@@{1}", "{0} {0}@{1}", "{0}@{1},", "{0}@exa mple.com")


def _repeated(text: str, beyond: int) -> str:
    return (text * (beyond // len(text) + 1))[: beyond + 1]


def _bad_email(customer: Customer, dice: Dice) -> Customer:
    mailbox, _, domain = (customer.email or "").partition("@")
    return customer._replace(email=dice.pick(_BAD_ADDRESSES).format(mailbox, domain))


def _long_email(customer: Customer, _dice: Dice) -> Customer:
    return customer._replace(email=f"{customer.email}{'.example' * 32}")


def _long_first_name(customer: Customer, dice: Dice) -> Customer:
    return customer._replace(first_name=_repeated(f"{dice.pick(_LONG_FIRST_NAMES)} ", 50 + dice.number(1, 60)).strip())


# Two or more rows whose ids ExactTarget cannot tell apart: the original and the copy are both no good.
COPIES: dict[str, Spoil] = {
    "exact copy": lambda customer, _dice: customer,
    "id differs in case": lambda customer, _dice: customer._replace(customer_id=(customer.customer_id or "").lower()),
    "id differs in trailing blanks": lambda customer, dice: customer._replace(
        customer_id=f"{customer.customer_id}{' ' * dice.number(1, 3)}"
    ),
}

FAULTS: dict[str, Spoil] = {
    "id missing": lambda customer, _dice: customer._replace(customer_id=None),
    "email missing": lambda customer, _dice: customer._replace(email=None),
    "email malformed": _bad_email,
    "email too long": _long_email,
    "first name too long": _long_first_name,
    "last name missing": lambda customer, _dice: customer._replace(last_name=None),
    "last name too long": lambda customer, _dice: customer._replace(last_name=_repeated(f"{customer.last_name}-", 80)),
    "phone too long": lambda customer, _dice: customer._replace(phone="+999 10 5550 0001 / " * 3 + "after six"),
    "city too long": lambda customer, _dice: customer._replace(city=_repeated("Upper North Fork Trailhead, ", 100)),
    "country too long": lambda customer, dice: customer._replace(
        country_code=dice.pick(("USA", "GBR", "Germany", "日本国"))
    ),
    "locale too long": lambda customer, _dice: customer._replace(locale=f"{customer.locale}.UTF-8"),
    "birth date malformed": lambda customer, dice: customer._replace(
        birth_date=dice.pick(("0000-00-00", "31.02.1987", "1987-02-31", "1990-13-01", "unknown"))
    ),
    "birth date before 1753": lambda customer, dice: customer._replace(
        birth_date=f"{dice.number(1001, 1752)}-07-14"
    ),
    "birth date after 9999": lambda customer, dice: customer._replace(
        birth_date=f"{dice.number(10_001, 19_999)}-07-14"
    ),
    "loyalty points no number": lambda customer, dice: customer._replace(
        loyalty_points=dice.pick(("twelve", "1 200", "12,5", "n/a", "0x1F"))
    ),
    "loyalty points too large": lambda customer, dice: customer._replace(
        loyalty_points=2**31 + dice.number(0, 10**9)
    ),
    "lifetime value too large": lambda customer, dice: customer._replace(
        lifetime_value=f"{dice.number(10**10, 10**11)}.25"
    ),
    "lifetime value too precise": lambda customer, dice: customer._replace(
        lifetime_value=f"{dice.number(10, 9_999)}.{dice.number(100, 999)}5"
    ),
    "opt-in no boolean": lambda customer, dice: customer._replace(
        newsletter_opt_in=dice.pick(("maybe", "ja", "opt-in", "unknown"))
    ),
}  # fmt: skip


def rows_per_round() -> int:
    """Return how many dirty rows there are when every kind occurs once; a copy makes its original dirty too."""
    return len(FAULTS) + 2 * len(COPIES)
