"""AccountUserAccount: which user may work in which business unit, as a public tool asks [R]; no WSDL has it.

What belongs here: retrieving these pairs. What does not: users themselves (`account_user.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import retrieval
from et_platform.simulator.objects import account_user

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="AccountUserAccount",
    order=(
        *("PartnerKey", "ObjectID", "AccountUser.AccountUserID", "AccountUser.Delete", "Account.ID"),
        "Account.AccountType",
    ),
    types=dict.fromkeys(("AccountUser.AccountUserID", "Account.ID"), "Number"),
    unasked={"AccountUser.Delete": "0", "Account.AccountType": "None"},  # always there [R]
)


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of pairs: the enterprise tells those of all units, a child its own [K]."""
    own = service.account.mid if service.account.parent else ""
    pairs = (
        {"AccountUser.AccountUserID": str(user.number), "Account.ID": unit, **SHAPE.unasked}
        for user in account_user.users(service)
        for unit in user.units
        if own in ("", unit)
    )
    return account_user.page(service, query, SHAPE, pairs)
