"""AccountUser: who may work in the account, as far as anything here depends on it.

What belongs here: somebody who administers the account, the users of the settings file, and one for each installed
package, which works as a user of its own; retrieving them. What does not: logging in (`login.py`), roles (`role.py`),
making users: the settings file does that.
A package's user is called `... app user`, and its e-mail address is empty [R].
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from et_platform.simulator import retrieval, values
from et_platform.simulator.objects.account import TIME_ZONE

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="AccountUser",
    order=(
        *("Client.ID", "Client.ModifiedBy", "PartnerKey", "CreatedDate", "ModifiedDate", "ID", "ObjectID"),
        *("CustomerKey", "AccountUserID", "UserID", "Name", "Email", "MustChangePassword", "ActiveFlag", "Delete"),
        *("LastSuccessfulLogin", "IsAPIUser", "NotificationEmailAddress", "IsLocked", "DefaultBusinessUnit"),
        *("Locale.LocaleCode", "TimeZone.ID", "TimeZone.Name", "Roles"),
    ),
    types={
        **dict.fromkeys(("Client.ID", "ID", "AccountUserID", "DefaultBusinessUnit", "TimeZone.ID"), "Number"),
        **dict.fromkeys(("CreatedDate", "ModifiedDate", "LastSuccessfulLogin"), "Date"),
        **dict.fromkeys(("MustChangePassword", "ActiveFlag", "IsAPIUser", "IsLocked"), "Boolean"),
    },
    plain=frozenset({"Client"}),
    unasked={"Delete": "0"},  # always there [R]
)
Page = retrieval.Page
TIME_ZONE_ID = "1"
"""The number of server time, made up."""
_CREATED = "2016-07-22T17:52:36.93"
_FIRST_NUMBER = 700_000_000


@dataclass(frozen=True)
class User:
    """Somebody, or a package, and the units that it may work in, its own first."""

    number: int
    name: str
    address: str
    units: tuple[str, ...]
    api: bool


def users(service: Service) -> list[User]:
    """All users of the account, people first; a package may work in all units unless it names some."""
    account = service.units.account
    everywhere = tuple(one.mid for one in account.units)
    named = [("Administrator", "Administrator", everywhere, False)]
    named += [(one.username, one.username, (one.business_unit,), one.api_access) for one in account.users]
    named += [
        (f"package {number} app user", "", one.business_units or everywhere, True)
        for number, one in enumerate(account.packages, 1)
    ]
    return [User(_FIRST_NUMBER + place, *one) for place, one in enumerate(named)]


def page(service: Service, query: retrieval.Query, shape: retrieval.Shape, shown: Iterable[dict[str, str]]) -> Page:
    """A page of objects that are computed whenever they are asked for."""
    listed = ", ".join(f"({place}, {values.quoted(json.dumps(one))})" for place, one in enumerate(shown))
    source = f"SELECT * FROM (VALUES {listed or '(0, NULL)'}) AS known(seq, shown) WHERE shown IS NOT NULL"
    return retrieval.documents(service, query, shape, source, "shown->>'$.\"{}\"'", "seq")


def retrieve(service: Service, query: retrieval.Query) -> Page:
    """A page of the users whose own unit this is."""
    mid = service.account.mid
    return page(service, query, SHAPE, (_shown(one, mid) for one in users(service) if one.units[0] == mid))


def _shown(user: User, mid: str) -> dict[str, str]:
    number = str(user.number)
    told = {
        "Client.ID": mid,
        "Client.ModifiedBy": number,
        # Nobody's logins are kept; a tool relies on a date [R].
        **dict.fromkeys(("CreatedDate", "ModifiedDate", "LastSuccessfulLogin"), _CREATED),
        **dict.fromkeys(("ID", "AccountUserID"), number),
        "CustomerKey": str(uuid.uuid5(uuid.NAMESPACE_OID, f"user {user.name} {mid}")),
        "UserID": user.name,
        "Name": user.name,
        "MustChangePassword": "false",
        "ActiveFlag": "true",
        "Delete": "0",
        "IsAPIUser": "true" if user.api else "false",
        "IsLocked": "false",
        "DefaultBusinessUnit": mid,
        "Locale.LocaleCode": "en-US",
        "TimeZone.ID": TIME_ZONE_ID,
        "TimeZone.Name": TIME_ZONE,
    }
    # A name of a settings file need not be an address; one that is none gets a made-up one.
    address = user.address if "@" in user.address or not user.address else f"{user.address}@users.example"
    return told | {"Email": address, "NotificationEmailAddress": address}
