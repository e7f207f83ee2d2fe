"""What is declared of a data extension against what ExactTarget shows of it: every difference, and what becomes of it.

What belongs here: comparing two values, read-back made alike first. What does not: reading and changing (schema.py).

`make` and `change` are what `etp apply` does; nothing that it does can lose a value. `refuse` stops it: ExactTarget
cannot do it, or rows would be lost or refused. `note` stops nothing: it is told, and left to people.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import TEXT_FIELDS, DataExtensionField
from et_platform.catalog.models import DataExtension as Declaration
from et_platform.exacttarget.models import DataExtension, Field, FieldType, Retention

Kind = Literal["folder", "data extension", "field", "import definition"]
Action = Literal["make", "change", "refuse", "note"]

ROOT = "Data Extensions"


@dataclass(frozen=True)
class Difference:
    """One difference. `text` says what, where declared, and of what is refused or noted the remedy; `wanted` is the
    field as it is to be, for what is about a field.
    """

    kind: Kind
    name: str
    action: Action
    text: str
    wanted: Field | None = None


def to_create(wanted: Declaration, *, folder_id: int | None = None) -> DataExtension:
    """The data extension as it is made."""
    return DataExtension(
        customer_key=wanted.customer_key,
        name=wanted.name,
        description=wanted.description[:200],
        category_id=folder_id,
        sendable_field=wanted.sendable.field if wanted.sendable else None,
        sendable_subscriber_field=wanted.sendable.subscriber if wanted.sendable else None,
        retention=_retention(wanted),
        fields=tuple(_field(name, field) for name, field in wanted.made_fields.items()),
    )


def _retention(wanted: Declaration) -> Retention | None:
    if wanted.retention is None:
        return None
    said = wanted.retention
    return Retention(length=said.length, unit=said.unit, row_based=said.row_based, reset_on_import=said.reset_on_import)


def _field(name: str, field: DataExtensionField) -> Field:
    is_decimal = field.type == "Decimal"
    return Field(
        name=name,
        type=FieldType(field.type),
        max_length=field.precision if is_decimal else field.max_length,
        scale=field.scale if is_decimal else None,
        is_primary_key=field.key,
        is_required=field.required or field.key,
        default=field.default,
    )


def compare(declared: Declared[Declaration], present: DataExtension) -> list[Difference]:
    """Every difference between the declaration and the data extension, its folder apart."""
    return [
        *_compare_itself(declared, present),
        *_undeclared(declared, present),
        *compare_fields(declared, present, declared.is_.made_fields),
    ]


def _compare_itself(declared: Declared[Declaration], present: DataExtension) -> Iterator[Difference]:
    wanted = to_create(declared.is_)

    def told(action: Action, at: str, text: str) -> Difference:
        return Difference("data extension", wanted.name, action, f"{declared.at(at)}: {at}: {text}")

    if present.name != wanted.name:
        yield told("note", "name", f"is {present.name!r} there; the customer key counts, people may rename it")
    if present.description.strip() != wanted.description.strip():
        yield told("note", "description", "reads otherwise there")
    if wanted.sendable_field is None and present.sendable_field is not None:
        yield told("note", "fields", f"is sendable there, by {present.sendable_field}; declare `sendable`")
    elif wanted.sendable_field is not None and (
        (present.sendable_field or "").lower() != wanted.sendable_field.lower()
        or present.sendable_subscriber_field != wanted.sendable_subscriber_field
    ):
        there = f"related by {present.sendable_field} there" if present.sendable_field else "not sendable there"
        yield told("change", "sendable", f"{wanted.sendable_field} relates rows to subscribers, and it is {there}")
    if present.retention != wanted.retention:
        # Whatever shortens the life of rows deletes some of them: people do that, and know it.
        yield told(
            "note",
            "retention" if wanted.retention else "fields",
            f"rows are kept {_length(present.retention)} there and {_length(wanted.retention)} here; change it there, "
            "if it is meant, or here",
        )


def _length(retention: Retention | None) -> str:
    if retention is None:
        return "for ever"
    each = "each" if retention.row_based else "all together"
    return (
        f"{retention.length} {retention.unit}, {each}{', from the last import on' if retention.reset_on_import else ''}"
    )


def _undeclared(declared: Declared[Declaration], present: DataExtension) -> Iterator[Difference]:
    names = {name.lower() for name in declared.is_.made_fields}
    for field in present.fields:
        if field.name.lower() in names:
            continue
        where = declared.at("fields")
        if field.is_primary_key:
            text = f"{where}: {field.name} is part of the key there and not declared here, and keys cannot change"
        elif field.is_required and field.default is None:
            text = f"{where}: {field.name} is required there and not declared here, so no row could be added"
        else:
            yield Difference("field", field.name, "note", f"{where}: {field.name} is there and not declared here")
            continue
        yield Difference("field", field.name, "refuse", text)


def compare_fields(
    declared: Declared[Declaration], present: DataExtension, names: Collection[str | None]
) -> Iterator[Difference]:
    """The differences of those declared fields."""
    real = {field.name.lower(): field for field in present.fields}
    for name, field in declared.is_.made_fields.items():
        if name in names:
            wanted, found = _field(name, field), real.get(name.lower())
            where = f"{declared.at('fields', name)}: {name}"
            action, text = _missing(wanted) if found is None else _differs(wanted, found)
            if text:
                yield Difference("field", name, action, f"{where}{text}", _changed(wanted, found))


def _missing(wanted: Field) -> tuple[Action, str]:
    if wanted.is_primary_key:
        return "refuse", " is part of the key, and a key cannot be added later"
    if wanted.is_required and wanted.default is None:
        return "refuse", ": a required field cannot be added later; give it a `default`"
    return "make", f" is missing there: {wanted.type.value}"


def _differs(wanted: Field, found: Field) -> tuple[Action, str]:
    if found.type != wanted.type:
        return "refuse", f" is declared {wanted.type.value}, but is {found.type.value} there, and types cannot change"
    if found.is_primary_key != wanted.is_primary_key:
        return "refuse", ": `key` differs from the data extension's own, and keys cannot change"
    if found.is_required and not wanted.is_required:
        return "refuse", " is required there; declare `required: true`"
    if wanted.type is FieldType.Decimal and (found.scale or 0) < (wanted.scale or 0):
        digits = f"keeps {found.scale or 0} digits after the point there and would round"
        return "refuse", f" is declared with scale {wanted.scale}, but {digits}"
    shorter = wanted.max_length and found.max_length and found.max_length < wanted.max_length
    if shorter and (wanted.type.value not in TEXT_FIELDS or wanted.is_primary_key):
        return "refuse", (
            f" is declared with length {wanted.max_length}, but holds {found.max_length} there, and "
            f"{'keys' if wanted.is_primary_key else 'numbers'} cannot be made longer"
        )
    if shorter:
        return "change", f" holds {found.max_length} characters there and becomes {wanted.max_length} long"
    if not found.is_primary_key and _default(found) != _default(wanted):
        return "change", f" has the default {found.default!r} there and gets {wanted.default!r}"
    if wanted.is_required and not found.is_required:
        return "note", " is not required there, and cannot become so; what is sent from here always has a value"
    if wanted.max_length != found.max_length or (wanted.scale or 0) != (found.scale or 0):
        return "note", f" is longer there ({_size(found)}) and cannot shrink; what is sent fits {_size(wanted)}"
    return "note", ""


def _changed(wanted: Field, found: Field | None) -> Field:
    """The field as it is to be sent: of one that is there, only what may change; lengths never shrink."""
    if found is None:
        return wanted
    longest = max((one for one in (wanted.max_length, found.max_length) if one is not None), default=None)
    return replace(wanted, max_length=longest, scale=found.scale, is_required=found.is_required)


def _default(field: Field) -> str:
    """A default as it is compared: dates are written in several ways, and nothing is no default."""
    text = (field.default or "").strip()
    if field.type is FieldType.Boolean:
        return {"1": "true", "0": "false"}.get(text.lower(), text.lower())
    return "some day" if field.type is FieldType.Date and text else text


def _size(field: Field) -> str:
    length = "no limit" if field.max_length is None else str(field.max_length)
    return f"{length},{field.scale}" if field.type is FieldType.Decimal else length
