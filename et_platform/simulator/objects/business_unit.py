"""BusinessUnit: the business units under their own name.

What belongs here: what it tells beyond an account. What does not: the rest (`account.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import retrieval
from et_platform.simulator.objects import account

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="BusinessUnit",
    order=(
        *account.ORDER,
        "Description",
        "DefaultSendClassification.ObjectID",
        "DefaultSendClassification.CustomerKey",
        "DefaultHomePage.ID",
        "MasterUnsubscribeBehavior",
    ),
    types=account.TYPES,
    plain=account.SHAPE.plain,
    written=account.SHAPE.written,
    hidden=account.SHAPE.hidden,
    unasked=account.UNASKED,
)


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """The unit that is asked; with QueryAllAccounts each answers for itself. Opting out is enterprise-wide [R]."""
    more = {"Description": "", "MasterUnsubscribeBehavior": "ENTIRE_ENTERPRISE"}
    return account.page(service, query, SHAPE, more)
