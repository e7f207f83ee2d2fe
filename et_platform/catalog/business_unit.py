"""business_units/<name>.yaml: a business unit besides the default one, by the name that declarations call it.

What belongs here: names, and how a data extension of a unit is addressed. What does not: MIDs and credentials, which
differ between installations and are settings (settings.py), never part of a declaration.
"""

from et_platform.catalog.base import Documented

DEFAULT_UNIT = "default"
"""The unit of ET_MID. It has no segment in an asset's key, so that history never moves when other units come."""


class BusinessUnit(Documented):
    """business_units/<name>.yaml: what the unit is for, and whose it is."""


def address(name: str, unit: str) -> str:
    """The address of a thing in a unit: `customers` in the default one, `customers/mountain` in another."""
    return name if unit == DEFAULT_UNIT else f"{name}/{unit}"


def unit_of(address: str) -> str:
    """The unit that an address names."""
    return address.partition("/")[2] or DEFAULT_UNIT
