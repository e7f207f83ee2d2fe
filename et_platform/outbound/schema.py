"""The data extension itself: created when it is missing, compared with its declaration when it is there.

What belongs here: declared fields against real ones. What does not: rows. Nothing destructive is ever done: what
ExactTarget cannot change, or what would lose data, is an error that names the line to correct.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension as Declaration
from et_platform.catalog.models import DataExtensionField
from et_platform.exacttarget.models import DataExtension, Field, FieldType
from et_platform.outbound.errors import DeclarationMismatch

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget


def ensure_data_extension(
    exacttarget: "ExactTarget", declared: Declared[Declaration], *, acknowledged: int, is_first_load: bool
) -> str:
    """Make the data extension what its declaration says; returns `created`, `extended` or `unchanged`.

    `acknowledged` is the number of rows that it is known to hold because of us; at a first load nothing was ever
    imported. Raises DeclarationMismatch when the name is taken by another data extension, a field differs in a way that
    cannot be mended safely, the data extension vanished with rows of ours, or it holds rows whose ExactTarget-owned
    fields a first load would overwrite.
    """
    wanted = declared.is_
    present = _look(exacttarget, wanted)
    if present is not None and not _is_same(present, wanted):
        raise DeclarationMismatch(
            f"{declared.at('name')}: name: ExactTarget already has a data extension named {wanted.name!r}, with "
            f"the customer key {present.customer_key!r}, and names must be unique. If it is the one you mean, "
            f"declare its customer key; else choose another name. Nothing was created and nothing was sent."
        )
    if present is None:
        if acknowledged:
            raise DeclarationMismatch(
                f"The data extension {wanted.customer_key} is not in ExactTarget any more (deleted, or its customer "
                f"key changed), and {acknowledged} rows in it were acknowledged. Restore it or correct the customer "
                f"key in {declared.at('customer_key')}; or, to fill it anew, run `etp forget {declared.name}` and "
                "apply again. Nothing was sent."
            )
        exacttarget.data_extensions.create(_to_create(wanted))
        return "created"
    if is_first_load:
        _refuse_to_overwrite(exacttarget, declared)
    missing = _compare(declared, present)
    if missing:
        exacttarget.data_extensions.add_fields(customer_key=wanted.customer_key, fields=missing)
        return "extended"
    return "unchanged"


def ensure_consent_fields(exacttarget: "ExactTarget", declared: Declared[Declaration]) -> bool:
    """Make the fields that opt-outs change what is declared; whether the data extension is there at all.

    Nothing else is compared: whatever is wrong with other fields, opt-outs go. Raises DeclarationMismatch.
    """
    present = _look(exacttarget, declared.is_)
    if present is None or not _is_same(present, declared.is_):
        return False
    wanted = {declared.is_.key_field, *declared.is_.consent_fields}
    missing = _compare_fields(declared, present, wanted)
    exacttarget.data_extensions.add_fields(customer_key=declared.is_.customer_key, fields=missing)
    return True


def _look(exacttarget: "ExactTarget", wanted: Declaration) -> DataExtension | None:
    """The data extension by its key, or, should that look have missed it, by its name; another may have that name."""
    found = exacttarget.data_extensions.get(customer_key=wanted.customer_key)
    return found or exacttarget.data_extensions.find_by_name(name=wanted.name)


def _is_same(found: DataExtension, wanted: Declaration) -> bool:
    return found.customer_key.lower() == wanted.customer_key.lower()


def _refuse_to_overwrite(exacttarget: "ExactTarget", declared: Declared[Declaration]) -> None:
    """A first load sends every field; a data extension that others filled must not lose what is theirs."""
    theirs = [name for name, field in declared.is_.fields.items() if field.owner == "exacttarget"]
    if not theirs:
        return
    customer_key, key = declared.is_.customer_key, declared.is_.key_field
    if any(batch.num_rows for batch in exacttarget.rows.read(customer_key=customer_key, fields=[key], batch_size=1)):
        raise DeclarationMismatch(
            f"{declared.at('customer_key')}: the data extension {customer_key} already holds rows that did not come "
            f"from here, and a first load would overwrite their {', '.join(theirs)}, which `owner: exacttarget` says "
            "is ExactTarget's. Leave these fields out of the declaration for the first load, or choose another data "
            "extension. Nothing was changed and nothing was sent."
        )


def _to_create(wanted: Declaration) -> DataExtension:
    return DataExtension(
        customer_key=wanted.customer_key,
        name=wanted.name,
        description=wanted.description[:200],
        fields=tuple(_field(name, field) for name, field in wanted.fields.items()),
    )


def _field(name: str, field: DataExtensionField) -> Field:
    is_decimal = field.type == "Decimal"
    return Field(
        name=name,
        type=FieldType(field.type),
        max_length=field.precision if is_decimal else field.max_length,
        scale=field.scale if is_decimal else None,
        is_primary_key=field.key,
        is_required=field.required or field.key,
    )


def _compare(declared: Declared[Declaration], present: DataExtension) -> list[Field]:
    """The declared fields that ExactTarget lacks; raises DeclarationMismatch with every difference found."""
    declared_names = {name.lower() for name in declared.is_.fields}
    undeclared = [
        f"{declared.at('fields')}: {field.name} is required there and not declared here, so no row could be added"
        for field in present.fields
        if field.is_required and field.default is None and field.name.lower() not in declared_names
    ]
    return _compare_fields(declared, present, set(declared.is_.fields), undeclared)


def _compare_fields(
    declared: Declared[Declaration], present: DataExtension, names: set[str], known: Sequence[str] = ()
) -> list[Field]:
    """Those of the declared fields `names` that ExactTarget lacks; raises with all differences and what is `known`."""
    real = {field.name.lower(): field for field in present.fields}
    problems: list[str] = []
    missing: list[Field] = []
    for name, field in ((name, declared.is_.fields[name]) for name in declared.is_.fields if name in names):
        wanted, found = _field(name, field), real.get(name.lower())
        if found is None:
            missing.append(wanted)
            if wanted.is_required:
                problems.append(f"{declared.at('fields', name)}: {name}: a required field cannot be added later")
        elif found.type != wanted.type:
            problems.append(
                f"{declared.at('fields', name)}: {name} is declared {wanted.type.value}, "
                f"but is {found.type.value} there"
            )
        elif found.is_primary_key != wanted.is_primary_key:
            problems.append(f"{declared.at('fields', name)}: {name}: `key` differs from the data extension's own")
        elif found.is_required and not wanted.is_required:
            problems.append(f"{declared.at('fields', name)}: {name} is required there; declare `required: true`")
        elif wanted.type is FieldType.Decimal and (found.scale or 0) < (wanted.scale or 0):
            problems.append(
                f"{declared.at('fields', name)}: {name} is declared with scale {wanted.scale}, "
                f"but keeps {found.scale or 0} digits after the point there and would round"
            )
        elif wanted.max_length and found.max_length and found.max_length < wanted.max_length:
            problems.append(
                f"{declared.at('fields', name)}: {name} is declared with length {wanted.max_length}, "
                f"but holds {found.max_length} there"
            )
    problems += known
    if problems:
        raise DeclarationMismatch(
            f"The data extension {declared.is_.customer_key} in ExactTarget is not what is declared: "
            f"{'; '.join(problems)}. Correct the declaration, or the data extension in ExactTarget (types cannot "
            "change and lengths cannot shrink there). Nothing was changed and nothing was sent."
        )
    return missing
