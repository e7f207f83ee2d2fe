"""What activities have in common: found by customer key, made or changed, deleted.

Belongs here: the look that tells which of these is to be done. Does not: any one kind (`queries.py`, `filters.py`,
`automations.py`). The codes of these kinds are not documented, and the general ones do not tell a key in use from a
name in use, nor what is missing from what failed: so the object is looked for first.
"""

from typing import Any

from et_platform.exacttarget.errors import NameTaken
from et_platform.exacttarget.soap import Soap


def object_id_of(soap: Soap, kind: str, customer_key: str) -> str | None:
    """The ObjectID of the definition of that kind and key; None if there is none."""
    what = f"Looking for {kind} {customer_key}"
    found = soap.objects(kind, ("ObjectID", "CustomerKey"), what=what, where=soap.equals("CustomerKey", customer_key))
    return found[0].ObjectID if found else None


def save(soap: Soap, kind: str, one: Any) -> str:
    """Create the definition, or update the one of its key; its ObjectID. Raises NameTaken, InvalidDefinition.

    A lost answer is no doubt: the call is made again, and finds what it made.
    """
    key = one.CustomerKey
    known = object_id_of(soap, kind, key)
    if known is None:
        try:
            result = soap.write("Create", one, what=f"Creating {kind} {key}")
            return str(result.NewObjectID)
        except NameTaken:
            known = object_id_of(soap, kind, key)  # its own, if an earlier answer was lost
            if known is None:
                raise
    one.ObjectID = known
    soap.write("Update", one, what=f"Updating {kind} {key}")
    return known


def delete(soap: Soap, kind: str, customer_key: str) -> bool:
    """Delete the definition of that key; whether it was there."""
    known = object_id_of(soap, kind, customer_key)
    if known is None:
        return False
    one = getattr(soap.types, kind)(CustomerKey=customer_key, ObjectID=known)
    soap.write("Delete", one, what=f"Deleting {kind} {customer_key}")
    return True
