"""Account: the business units as accounts.

What belongs here: what an account tells of itself. What does not: which units there are (`service.py`), business units
by their other name (`business_unit.py`). The properties are those of a recorded Describe [R]; values that this account
does not have, as addresses and contracts, are absent.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from et_platform.simulator import markup, retrieval, values

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_SUBSCRIPTION = (
    "SubscriptionID",
    "EmailsPurchased",
    "AccountsPurchased",
    "AdvAccountsPurchased",
    "LPAccountsPurchased",
    "DOTOAccountsPurchased",
    "BUAccountsPurchased",
    "BeginDate",
    "EndDate",
    "Notes",
    "Period",
    "HasPurchasedEmails",
    "ContractNumber",
    "ContractModifier",
)
TIME_ZONE = "(GMT-06:00) Central Time (No Daylight Saving)"
"""Server time [D], in words [K]."""

ORDER = (
    "Client.ClientID1",
    "Client.PartnerClientKey",
    "Client.EnterpriseID",
    "PartnerKey",
    "CreatedDate",
    "ModifiedDate",
    "ID",
    "ObjectID",
    "CustomerKey",
    "ObjectState",
    "AccountType",
    "ParentID",
    "BrandID",
    "PrivateLabelID",
    "ReportingParentID",
    "Name",
    "Email",
    "FromName",
    "BusinessName",
    "Phone",
    "Address",
    "Fax",
    "City",
    "State",
    "Zip",
    "Country",
    "IsActive",
    "IsTestAccount",
    "DBID",
    "ParentName",
    "CustomerID",
    "DeletedDate",
    "EditionID",
    "Subscription",
    *(f"Subscription.{name}" for name in _SUBSCRIPTION),
    "InheritAddress",
    "UnsubscribeBehavior",
    "IsTrialAccount",
    "Locale.LocaleCode",
    "ParentAccount.ID",
    "ParentAccount.CustomerKey",
    "ParentAccount.AccountType",
    "ParentAccount.ParentID",
    "ParentAccount.Name",
    "TimeZone.ID",
    "TimeZone.Name",
    "Roles",
    "ContextualRoles",
    "LanguageLocale.LocaleCode",
    "IndustryCode",
    "AccountState",
    "SubscriptionRestrictionFlags",
)
TYPES = {
    "CreatedDate": "Date",
    "ModifiedDate": "Date",
    "ID": "Number",
    "ParentID": "Number",
    "ParentAccount.ID": "Number",
    "IsActive": "Number",
    "Client.EnterpriseID": "Number",
}
UNASKED = {"AccountType": "None"}
"""The WSDL requires the type, so one that is not asked for reads None [R]."""

SHAPE = retrieval.Shape(
    object_type="Account",
    order=ORDER,
    types=TYPES,
    plain=frozenset({"Client", "Subscription"}),
    written=frozenset({"Subscription"}),
    hidden=frozenset({"Subscription"}),
    unasked=UNASKED,
)
_CREATED = "2016-07-22T11:52:19.6"


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """The account that is asked; with QueryAllAccounts each answers for itself."""
    return page(service, query, SHAPE, {})


def page(service: Service, query: retrieval.Query, shape: retrieval.Shape, more: dict[str, str]) -> retrieval.Page:
    """The unit as an object of a shape; `more` are properties beyond an account's."""
    if service.account.parent and any(name.startswith("ParentAccount.") for name in query.properties):
        shape = replace(shape, unasked={**shape.unasked, "ParentAccount.AccountType": "None"})
    shown = values.quoted(json.dumps(_properties(service) | more))
    source = f"SELECT * FROM (VALUES (0, {shown})) AS known(seq, shown)"
    return retrieval.documents(service, query, shape, source, "shown->>'$.\"{}\"'", "seq")


def _properties(service: Service) -> dict[str, str]:
    unit, enterprise = service.account, service.units.enterprise.account
    known = {
        "Client.EnterpriseID": enterprise.mid,
        "CreatedDate": _CREATED,
        "ModifiedDate": _CREATED,
        "ID": unit.mid,
        "CustomerKey": unit.mid,  # [K]
        "AccountType": "BUSINESS_UNIT" if unit.parent else "ENTERPRISE_2",
        "ParentID": unit.parent or "0",
        "Name": unit.name,
        "BusinessName": unit.name,
        "IsActive": "1",
        "IsTestAccount": "false",
        "Subscription": markup.nil("Subscription"),  # [R]
        "InheritAddress": "false",
        "IsTrialAccount": "false",
        "Locale.LocaleCode": "en-US",
        "LanguageLocale.LocaleCode": "en-US",
        "TimeZone.Name": TIME_ZONE,
    }
    if unit.parent:
        known |= {
            "ParentName": enterprise.name,
            "ParentAccount.ID": enterprise.mid,
            "ParentAccount.CustomerKey": enterprise.mid,
            "ParentAccount.AccountType": "ENTERPRISE_2",
            "ParentAccount.ParentID": "0",
            "ParentAccount.Name": enterprise.name,
        }
    return known
