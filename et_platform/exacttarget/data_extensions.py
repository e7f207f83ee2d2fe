"""Definitions of data extensions: find, create, change, clear, delete, and their fields.

Belongs here: DataExtension and DataExtensionField. Does not: rows (`rows.py`), and any rule about which change
is wise; what the service cannot do (change a type, shrink a length) it refuses itself, with 310007 [R].
"""

from collections.abc import Sequence
from typing import Any

from zeep.xsd import SkipValue

from et_platform.exacttarget.errors import (
    AlreadyExists,
    InDoubt,
    MalformedReply,
    NotFound,
    ServiceUnavailable,
    Throttled,
    Unreachable,
)
from et_platform.exacttarget.models import DataExtension, Field, FieldType, Retention
from et_platform.exacttarget.perform import perform_once
from et_platform.exacttarget.server_time import read_server_time, write_server_time
from et_platform.exacttarget.soap import Repeat, Soap

_PROPERTIES = (
    "ObjectID",
    "CustomerKey",
    "Name",
    "Description",
    "IsSendable",
    "SendableDataExtensionField.Name",
    "SendableSubscriberField.Name",
    "CategoryID",
    "IsTestable",
    "DataRetentionPeriodLength",
    "DataRetentionPeriod",
    "RowBasedRetention",
    "ResetRetentionPeriodOnImport",
    "DeleteAtEndOfRetentionPeriod",
    "RetainUntil",
    "CreatedDate",
    "ModifiedDate",
)
_FIELD_PROPERTIES = (
    "CustomerKey",
    "Name",
    "FieldType",
    "MaxLength",
    "Scale",
    "IsPrimaryKey",
    "IsRequired",
    "DefaultValue",
    "Ordinal",
)
# Sent as on the left, read back as on the right [R]: without this every comparison would see a difference.
_SUBSCRIBER_FIELDS = {"Subscriber Key": "_SubscriberKey", "Email Address": "_EmailAddress"}
_READ_BACK = {service: ours for ours, service in _SUBSCRIBER_FIELDS.items()}


class DataExtensions:
    """The data extensions of the business unit. Every method raises what `Soap.call` raises."""

    def __init__(self, soap: Soap):
        self._soap = soap

    def get(self, *, customer_key: str) -> DataExtension | None:
        """The data extension with its fields, or None."""
        return self._find("CustomerKey", customer_key)

    def find_by_name(self, *, name: str) -> DataExtension | None:
        """The data extension of that name, with its fields, or None; names are unique in an account."""
        return self._find("Name", name)

    def find_all(self, *, category_id: int | None = None) -> list[DataExtension]:
        """All data extensions, or those of one folder; without their fields, which `get` reads."""
        where = None if category_id is None else self._soap.equals("CategoryID", category_id)
        found = self._soap.objects("DataExtension", _PROPERTIES, what="Listing the data extensions", where=where)
        return [read_data_extension(one, ()) for one in found]

    def fields(self, *, customer_key: str) -> tuple[Field, ...]:
        """Its fields, in the order of the data extension. Raises NotFound: there is none without fields."""
        return fields_of(self._soap, customer_key)

    def create(self, *, data_extension: DataExtension) -> str:
        """Create it; returns its object id. Raises AlreadyExists, NameTaken, InvalidDefinition.

        If the answer is lost, the data extension is looked up: when it is there, its id is the answer.
        """
        what = f"Creating data extension {data_extension.customer_key}"
        one = data_extension_to_send(self._soap.types, data_extension)
        try:
            result = self._soap.write("Create", one, what=what, repeat=Repeat.UNSENT)
        except (Unreachable, ServiceUnavailable, Throttled, MalformedReply) as error:
            if isinstance(error, Unreachable) and not error.sent:
                raise
            try:
                result = self._soap.write("Create", one, what=what)
            except AlreadyExists:
                found = self.get(customer_key=data_extension.customer_key)
                if found is None or found.object_id is None or found.name != data_extension.name:
                    raise
                return found.object_id
        return str(result.NewObjectID or (result.Object.ObjectID if result.Object is not None else ""))

    def add_fields(self, *, customer_key: str, fields: Sequence[Field]) -> None:
        """Add fields. Raises NotFound, and InvalidDefinition, for instance for a required field with no default."""
        self._write_fields(customer_key, fields, "Adding")

    def update(self, *, data_extension: DataExtension) -> None:
        """Give the data extension of that key the name, description, folder, use and retention of this one.

        Its fields stay as they are: see `add_fields`, `change_fields`, `delete_fields`. A retention of None leaves what
        is there: the service cannot be told to keep rows again [K]. Raises NotFound, NameTaken, InvalidDefinition.
        """
        one = data_extension_to_send(self._soap.types, data_extension)
        one.Fields = None
        self._soap.write("Update", one, what=f"Updating data extension {data_extension.customer_key}")

    def change_fields(self, *, customer_key: str, fields: Sequence[Field]) -> None:
        """Change fields, found by their names: longer, not required any more, another default.

        Raises InvalidDefinition (310007) for what the service refuses. Beware: another type is ignored without a word
        [R].
        """
        self._write_fields(customer_key, fields, "Changing")

    def delete_fields(self, *, customer_key: str, names: Sequence[str]) -> None:
        """Delete fields with their values. Raises NotFound for a field that is not there; then nothing was deleted."""
        what = f"Deleting {len(names)} fields of data extension {customer_key}"
        there = {(one.Name or "").casefold(): one.ObjectID for one in _read_fields(self._soap, customer_key)}
        missing = [name for name in names if name.casefold() not in there]
        if missing:
            raise NotFound(f"{what}: there are no fields {', '.join(missing)}. Nothing was deleted. Check the names.")
        for name in names:
            one = self._soap.types.DataExtension(
                CustomerKey=customer_key, Fields={"Field": [{"ObjectID": there[name.casefold()], "Name": name}]}
            )
            self._soap.write("Delete", one, what=f"Deleting field {name} of data extension {customer_key}")

    def clear(self, *, customer_key: str) -> None:
        """Delete all its rows. Never repeated by itself: rows may have come between.

        Needs a permission of its own, and the business unit that owns the data extension [D]. Raises NotFound,
        PermissionDenied, and InDoubt when the answer was lost: look whether rows are left.
        """
        what = f"Clearing data extension {customer_key}"
        one = self._soap.types.DataExtension(CustomerKey=customer_key)
        done = perform_once(self._soap, action="ClearData", definition=one, what=what)
        if done.status != "OK":
            raise InDoubt(
                f"{what}: the service answered {done.status or 'no status'}. Look whether rows are left. RequestID "
                f"{done.request_id}.",
                request_id=done.request_id,
            )

    def delete(self, *, customer_key: str) -> bool:
        """Delete it with its rows; returns whether it was there."""
        one = self._soap.types.DataExtension(CustomerKey=customer_key)
        try:
            self._soap.write("Delete", one, what=f"Deleting data extension {customer_key}")
        except NotFound:
            return False
        return True

    def _find(self, name: str, value: str) -> DataExtension | None:
        what = f"Looking for the data extension whose {name} is {value}"
        found = self._soap.objects("DataExtension", _PROPERTIES, what=what, where=self._soap.equals(name, value))
        if not found:
            return None
        return read_data_extension(found[0], _read_fields(self._soap, found[0].CustomerKey))

    def _write_fields(self, customer_key: str, fields: Sequence[Field], doing: str) -> None:
        if not fields:
            return
        types = self._soap.types
        one = types.DataExtension(
            CustomerKey=customer_key, Fields={"Field": [_field(types, field) for field in fields]}
        )
        self._soap.write("Update", one, what=f"{doing} {len(fields)} fields of data extension {customer_key}")


def data_extension_to_send(types: Any, data_extension: DataExtension) -> Any:
    """The service's object for a definition. Raises ValueError for a field of an unknown type."""
    one = types.DataExtension(
        CustomerKey=data_extension.customer_key,
        Name=data_extension.name,
        Description=data_extension.description,
        IsSendable=data_extension.sendable_field is not None,
        Fields={"Field": [_field(types, field) for field in data_extension.fields]},
    )
    if data_extension.category_id is not None:
        one.CategoryID = data_extension.category_id
    if data_extension.is_testable is not None:
        one.IsTestable = data_extension.is_testable
    if data_extension.template_key is not None:
        one.Template = types.DataExtensionTemplate(CustomerKey=data_extension.template_key)
    if (retention := data_extension.retention) is not None:
        if retention.until is None:
            one.DataRetentionPeriodLength = retention.length
            one.DataRetentionPeriod = retention.unit
        else:
            one.RetainUntil = write_server_time(retention.until)
        one.RowBasedRetention = retention.row_based
        one.ResetRetentionPeriodOnImport = retention.reset_on_import
        one.DeleteAtEndOfRetentionPeriod = not (retention.row_based or retention.with_data_extension)
    if data_extension.sendable_field is not None:
        subscriber_field = data_extension.sendable_subscriber_field or "Subscriber Key"
        one.SendableDataExtensionField = types.DataExtensionField(Name=data_extension.sendable_field)
        one.SendableSubscriberField = types.Attribute(Name=subscriber_field, Value=SkipValue)
    return one


def _field(types: Any, field: Field) -> Any:
    if field.type is FieldType.Unknown:
        raise ValueError(f"field {field.name}: its type is not one that this client knows, so it cannot be sent")
    return types.DataExtensionField(
        Name=field.name,
        Scale=field.scale,
        DefaultValue=field.default,
        MaxLength=field.max_length,
        IsRequired=field.is_required or field.is_primary_key,  # a primary key must be required [R]
        IsPrimaryKey=field.is_primary_key,
        FieldType=field.type.value,
    )


def fields_of(soap: Soap, customer_key: str) -> tuple[Field, ...]:
    """The fields of a data extension, in its order. Raises NotFound."""
    found = _read_fields(soap, customer_key)
    if not found:
        raise NotFound(
            f"Reading the fields of data extension {customer_key}: there are none. Check the customer key and the "
            "business unit (MID)."
        )
    return _in_order(found)


def _read_fields(soap: Soap, customer_key: str) -> list[Any]:
    return soap.objects(
        "DataExtensionField",
        _FIELD_PROPERTIES,
        what=f"Reading the fields of data extension {customer_key}",
        where=soap.equals("DataExtension.CustomerKey", customer_key),
    )


def _in_order(fields: Sequence[Any]) -> tuple[Field, ...]:
    return tuple(_read_field(field) for field in sorted(fields, key=lambda field: field.Ordinal or 0))


def read_data_extension(one: Any, fields: Sequence[Any]) -> DataExtension:
    """A data extension from the service's objects; fields in the order of their ordinals."""
    sendable, subscriber = one.SendableDataExtensionField, one.SendableSubscriberField
    return DataExtension(
        customer_key=one.CustomerKey or "",
        name=one.Name or "",
        description=one.Description or "",
        object_id=one.ObjectID,
        category_id=one.CategoryID,
        is_sendable=one.IsSendable,
        sendable_field=(sendable.Name or None) if sendable is not None else None,
        sendable_subscriber_field=_READ_BACK.get(subscriber.Name, subscriber.Name) if subscriber is not None else None,
        is_testable=one.IsTestable,
        retention=_read_retention(one),
        created_at=read_server_time(one.CreatedDate.isoformat()) if one.CreatedDate is not None else None,
        modified_at=read_server_time(one.ModifiedDate.isoformat()) if one.ModifiedDate is not None else None,
        fields=_in_order(fields),
    )


def _read_retention(one: Any) -> Retention | None:
    has_period = bool(one.DataRetentionPeriodLength and one.DataRetentionPeriod)
    until = None if has_period else read_server_time(one.RetainUntil)
    if not has_period and until is None:
        return None
    row_based = has_period and bool(one.RowBasedRetention)
    return Retention(
        length=one.DataRetentionPeriodLength if has_period else None,
        unit=one.DataRetentionPeriod if has_period else "Days",
        until=until,
        row_based=row_based,
        reset_on_import=bool(one.ResetRetentionPeriodOnImport),
        # The flag is the one for rows alone [R]: see `Retention`.
        with_data_extension=not (row_based or one.DeleteAtEndOfRetentionPeriod),
    )


def _read_field(field: Any) -> Field:
    field_type = FieldType(field.FieldType)
    return Field(
        name=field.Name or "",
        type=field_type,
        max_length=field.MaxLength or None,  # empty or absent for types without a length [R]
        scale=field.Scale if field_type is FieldType.Decimal else None,  # recorded replies say 0 for every type [R]
        is_primary_key=bool(field.IsPrimaryKey),
        is_required=bool(field.IsRequired),
        default=field.DefaultValue or None,
    )
