"""What the service and the account tell of themselves.

Belongs here: Describe, VersionInfo, the account, business units, templates of data extensions. Does not: the system
status, which every client needs (`client.py`).
"""

from typing import Any

from et_platform.exacttarget.account_models import Account, BusinessUnit, PropertyDescription, Template, Version
from et_platform.exacttarget.errors import NotFound
from et_platform.exacttarget.server_time import read_server_time
from et_platform.exacttarget.soap import Repeat, Soap

_UNIT = ("ID", "CustomerKey", "Name", "ParentID", "AccountType", "IsActive")
_ACCOUNT = (
    *_UNIT,
    "BusinessName",
    "FromName",
    "Email",
    "Country",
    "TimeZone.Name",
    "Locale.LocaleCode",
    "EditionID",
    "IsTestAccount",
    "CreatedDate",
)


class Metadata:
    """Reading only. Every method raises what `Soap.call` raises."""

    def __init__(self, soap: Soap):
        self._soap = soap

    def describe(self, *, object_type: str) -> list[PropertyDescription]:
        """The properties of a type. Raises NotFound if the service does not know it; types are case-sensitive [R]."""
        what = f"Describing {object_type}"
        requests = {"ObjectDefinitionRequest": [{"ObjectType": object_type}]}
        message = self._soap.call("Describe", what=what, repeat=Repeat.SAFE, DescribeRequests=requests)
        # The reply holds definitions and a RequestID, of which zeep hands out the first alone when it likes.
        reply = self._soap.parse("Describe", message)
        definitions = getattr(reply, "ObjectDefinition", reply)
        if not isinstance(definitions, list):
            definitions = [definitions] if definitions is not None else []
        properties = [one for definition in definitions for one in definition.Properties]
        if not properties:  # an unknown type has no properties, or no definition [K]
            raise NotFound(f"{what}: the service knows no such type. Types are case-sensitive: check the spelling.")
        return [_read_property(one) for one in properties]

    def version(self, *, with_history: bool = False) -> Version:
        """The version of the service."""
        what = "Asking for the version"
        message = self._soap.call("VersionInfo", what=what, repeat=Repeat.SAFE, IncludeVersionHistory=with_history)
        reply = self._soap.parse("VersionInfo", message)
        return _read_version(getattr(reply, "VersionInfo", reply))

    def account(self) -> Account | None:
        """The account of the credentials: names, addresses, edition, time zone."""
        found = self._soap.objects("Account", _ACCOUNT, what="Asking for the account")
        return _read_account(found[0]) if found else None

    def business_unit(self) -> BusinessUnit | None:
        """The business unit of the credentials."""
        found = self._soap.objects("BusinessUnit", _UNIT, what="Asking for the business unit")
        return _read_unit(found[0]) if found else None

    def business_units(self) -> list[BusinessUnit]:
        """Every business unit, the enterprise first; asked by a child, maybe that child alone [K]."""
        what = "Listing the business units"
        found = self._soap.objects("BusinessUnit", _UNIT, what=what, all_units=True)
        return sorted(map(_read_unit, found), key=lambda unit: (unit.parent_mid is not None, unit.mid))

    def templates(self) -> list[Template]:
        """What data extensions can be made after."""
        properties = ("ObjectID", "CustomerKey", "Name", "Description")
        found = self._soap.objects("DataExtensionTemplate", properties, what="Listing the templates")
        return [
            Template(
                customer_key=one.CustomerKey or "",
                name=one.Name or "",
                description=one.Description or "",
                object_id=one.ObjectID,
            )
            for one in found
        ]


def _read_property(one: Any) -> PropertyDescription:
    return PropertyDescription(
        name=one.Name or "",
        data_type=one.DataType or "",
        is_retrievable=one.IsRetrievable,
        is_updatable=one.IsUpdatable,
        is_creatable=one.IsCreatable,
        is_required=one.IsRequired,
        max_length=one.MaxLength,
    )


def _read_version(one: Any) -> Version:
    date = one.VersionDate
    return Version(
        version=one.Version or "",
        date=read_server_time(date.isoformat()) if date is not None else None,
        history=tuple(map(_read_version, one.VersionHistory or ())),
    )


def _read_account(one: Any) -> Account:
    zone, locale, created = one.TimeZone, one.Locale, one.CreatedDate
    return Account(
        mid=int(one.ID or 0),
        name=one.Name or "",
        customer_key=one.CustomerKey or "",
        account_type=str(one.AccountType or ""),
        parent_mid=int(one.ParentID) if one.ParentID else None,  # 0: there is none [R]
        business_name=one.BusinessName or "",
        from_name=one.FromName or "",
        email=one.Email or "",
        country=one.Country or "",
        time_zone=(zone.Name or "") if zone is not None else "",
        locale=(locale.LocaleCode or "") if locale is not None else "",
        edition_id=one.EditionID,
        is_active=bool(one.IsActive),
        is_test=bool(one.IsTestAccount),
        created_at=read_server_time(created.isoformat()) if created is not None else None,
    )


def _read_unit(one: Any) -> BusinessUnit:
    return BusinessUnit(
        mid=int(one.ID or 0),
        name=one.Name or "",
        parent_mid=int(one.ParentID) if one.ParentID else None,  # 0: there is none [R]
        customer_key=one.CustomerKey or "",
        account_type=str(one.AccountType or ""),
        is_active=bool(one.IsActive),
    )
