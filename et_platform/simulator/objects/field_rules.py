"""What may be done to the fields of a data extension; every refusal is a 310007 [R].

What belongs here: reading a field from SOAP, and the rules of adding, changing and removing one.
What does not: which object a request names (`data_extension.py`, `data_extension_field.py`).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from et_platform.simulator import envelope, markup, schema, values
from et_platform.simulator.envelope import Element
from et_platform.simulator.results import Refused
from et_platform.simulator.schema import DataExtension, Field
from et_platform.simulator.store import Connection

INVALID = 310007


@dataclass(frozen=True)
class Wanted:
    """A field as a request gives it; None is what was not given."""

    object_id: str | None
    name: str | None
    type: str | None
    max_length: int | None
    scale: int | None
    required: bool | None
    key: bool | None
    default: str | None


def read(element: Element) -> Wanted:
    """Read a Field or DataExtensionField. Raises Refused when a number or Boolean is none."""
    return Wanted(
        object_id=(envelope.value(element, "ObjectID") or "").strip() or None,
        name=(envelope.value(element, "Name") or "").strip() or None,
        type=(envelope.value(element, "FieldType") or "").strip() or None,
        max_length=_number(element, "MaxLength"),
        scale=_number(element, "Scale"),
        required=boolean(envelope.value(element, "IsRequired"), "IsRequired"),
        key=boolean(envelope.value(element, "IsPrimaryKey"), "IsPrimaryKey"),
        default=envelope.value(element, "DefaultValue"),
    )


def _number(element: Element, name: str) -> int | None:
    text = (envelope.value(element, name) or "").strip()
    if text and not text.isdecimal():
        raise Refused(INVALID, f"{name} must be a number, not '{text}'.")
    return int(text) if text else None


def boolean(text: str | None, name: str) -> bool | None:
    """An XML Boolean, or None when absent or empty. Raises Refused."""
    match (text or "").strip().lower():
        case "":
            return None
        case "true" | "1":
            return True
        case "false" | "0":
            return False
    raise Refused(INVALID, f"{name} must be true or false, not '{text}'.")


def find(data_extension: DataExtension, wanted: Wanted) -> Field | None:
    """The existing field that is meant: by ObjectID, else by name."""
    if wanted.object_id:
        return next((one for one in data_extension.fields if one.object_id == wanted.object_id), None)
    return data_extension.field(wanted.name) if wanted.name else None


def add(connection: Connection, data_extension: DataExtension, wanted: Wanted, has_rows: bool) -> Field:
    """Append a new field to the definition (its rows follow by `rows.rebuild`). Raises Refused."""
    if not wanted.name:
        raise Refused(INVALID, "A field needs a Name.")
    if data_extension.field(wanted.name):
        raise Refused(INVALID, f"The field name '{wanted.name}' is used more than once.")
    kind = wanted.type or "Text"
    if kind not in schema.TYPES:
        raise Refused(INVALID, f"The field type '{kind}' of '{wanted.name}' is not valid.")
    field = Field(
        object_id=str(uuid.uuid4()),
        name=wanted.name,
        type=kind,
        column=f"f{data_extension.next_column}",
        ordinal=max((one.ordinal for one in data_extension.fields), default=-1) + 1,
        max_length=_length(kind, wanted.max_length),
        scale=(wanted.scale or 0) if kind == "Decimal" else 0,
        required=bool(wanted.required),
        key=bool(wanted.key),
        default=(wanted.default or "").strip(),
    )
    _check(connection, field)
    if has_rows and field.key:
        raise Refused(INVALID, f"'{field.name}' cannot become a primary key: there are rows.")
    if has_rows and field.required and not field.default:
        raise Refused(INVALID, f"The required field '{field.name}' needs a default: there are rows.")
    data_extension.fields.append(field)
    data_extension.next_column += 1
    return field


def _length(kind: str, given: int | None) -> int | None:
    if kind == "Decimal":
        return given or 18  # [K]
    if kind in schema.TEXT_TYPES:
        return given or schema.TEXT_TYPES[kind]
    return None  # the other types have no length [R]


def _check(connection: Connection, field: Field) -> None:
    if field.key and not field.required:
        raise Refused(INVALID, f"The primary key field '{field.name}' must be required.")
    if field.type == "Text" and field.max_length is not None and not 1 <= field.max_length <= 4000:
        raise Refused(INVALID, f"The length of '{field.name}' must lie between 1 and 4000.")
    if field.type == "Decimal" and not (1 <= (field.max_length or 0) <= 29 and field.scale <= (field.max_length or 0)):
        raise Refused(INVALID, f"'{field.name}' must have 1 to 29 digits, no more of them after the point than in all.")
    if field.default and not (field.type == "Date" and field.default.lower() in ("now()", "getdate()")):
        problem = values.rule(field, values.quoted(field.default), check_email=False).problem
        row = connection.execute(f"SELECT {problem}").fetchone()
        if row and row[0]:
            raise Refused(INVALID, f"The default of '{field.name}' {row[0]}.")


def change(connection: Connection, data_extension: DataExtension, field: Field, wanted: Wanted) -> None:
    """Change a field as far as the rules allow; a given type that differs is ignored [R]. Raises Refused."""
    length = wanted.max_length if wanted.max_length and field.max_length is not None else field.max_length
    scale = wanted.scale if wanted.scale is not None and field.type == "Decimal" else field.scale
    if wanted.name and wanted.name != field.name:
        other = data_extension.field(wanted.name)
        if other and other is not field:
            raise Refused(INVALID, f"The field name '{wanted.name}' is used more than once.")
        field.name = wanted.name if wanted.object_id else field.name
    if (field.max_length is not None and (length or 0) < field.max_length) or scale < field.scale:
        raise Refused(INVALID, f"The length of '{field.name}' cannot shrink.")
    if wanted.required and not field.required:
        raise Refused(INVALID, f"The nullable field '{field.name}' cannot become required.")
    if wanted.key is not None and wanted.key != field.key:
        raise Refused(INVALID, f"The primary key cannot change: '{field.name}'.")
    if field.key and (length != field.max_length or wanted.required is False):
        raise Refused(INVALID, f"The primary key field '{field.name}' cannot be edited.")
    field.max_length, field.scale = length, scale
    field.required = field.required if wanted.required is None else wanted.required
    field.default = field.default if wanted.default is None else wanted.default.strip()
    _check(connection, field)


def remove(data_extension: DataExtension, field: Field) -> None:
    """Remove a field from the definition. Raises Refused for a key field or the last one."""
    if field.key:
        raise Refused(INVALID, f"The primary key field '{field.name}' cannot be deleted.")
    if len(data_extension.fields) == 1:
        raise Refused(INVALID, f"'{field.name}' is the only field.")
    data_extension.fields.remove(field)


def echo(wanted: Wanted, tag: str = "Field") -> str:
    """The field as a reply to Create or Update repeats it [R]."""
    flags = ("true" if wanted.required else "false", "true" if wanted.key else "false")
    length = "" if wanted.max_length is None else markup.text("MaxLength", wanted.max_length)
    scale = "" if wanted.scale is None else markup.text("Scale", wanted.scale)
    return markup.element(
        tag,
        markup.nil("PartnerKey"),
        markup.nil("ObjectID"),
        markup.text("Name", wanted.name or ""),
        scale,
        markup.text("DefaultValue", wanted.default or ""),
        length,
        markup.text("IsRequired", flags[0]),
        markup.text("IsPrimaryKey", flags[1]),
        markup.text("FieldType", wanted.type or "Text"),
    )
