"""A field of a data extension, with ExactTarget's own rules for its values.

What belongs here: types, lengths, ownership, and what one field can get wrong. What does not: rules between fields
(data_extension.py).
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from et_platform.catalog.base import ColumnType, Declaration, Pii

FieldType = Literal["Text", "Number", "Date", "Boolean", "EmailAddress", "Phone", "Decimal", "Locale"]

TEXT_FIELDS: dict[str, int] = {"Text": 50, "EmailAddress": 254, "Phone": 50, "Locale": 5}
"""Field types that hold text, with the length that ExactTarget gives them when none is declared."""

_READABLE_AS: dict[str, tuple[str, ...]] = {
    "Number": ("integer",),
    "Decimal": ("decimal", "integer"),
    "Date": ("date", "timestamp"),
    "Boolean": ("boolean",),
}


class DataExtensionField(Declaration):
    """A field of a data extension, with ExactTarget's own rules for its values."""

    type: FieldType
    source: Annotated[str, Field(alias="from")]
    length: Annotated[int, Field(ge=1, le=4000)] | None = None
    precision: Annotated[int, Field(ge=1, le=29)] = 18
    scale: Annotated[int, Field(ge=0, le=29)] = 0
    key: bool = False
    required: bool = False
    owner: Literal["crm", "exacttarget"] = "crm"
    description: str = ""
    pii: Pii = "none"

    @property
    def max_length(self) -> int | None:
        """Characters (UTF-16 units) that fit; None for types without a length."""
        return self.length or TEXT_FIELDS.get(self.type)

    @model_validator(mode="after")
    def _rules(self) -> "DataExtensionField":
        if self.length is not None and self.type not in TEXT_FIELDS:
            raise ValueError(f"`length` is for text; a {self.type} field has none")
        if self.type == "Decimal" and self.scale > self.precision:
            raise ValueError(f"scale {self.scale} is larger than precision {self.precision}")
        if self.key and self.owner != "crm":
            raise ValueError("a key field belongs to the CRM: `owner: crm`")
        if self.key and self.type not in ("Text", "Number", "EmailAddress", "Phone"):
            raise ValueError(f"a {self.type} field cannot be a key; use Text")
        return self

    def accepts(self, column_type: ColumnType) -> bool:
        """Whether a column of this type can be sent to this field without guessing."""
        return column_type in _READABLE_AS.get(self.type, ("text", "integer", "decimal", "boolean"))
