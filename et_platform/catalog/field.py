"""A field of a data extension, with ExactTarget's own rules for its values.

What belongs here: types, lengths, ownership, and what one field can get wrong. What does not: rules between fields
(data_extension.py).
"""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from et_platform.catalog.base import ColumnType, Declaration, Pii
from et_platform.catalog.types import FieldType, rule

TEXT_FIELDS: dict[str, int] = {"Text": 50, "EmailAddress": 254, "Phone": 50, "Locale": 5}
"""Field types that hold text, with the length that ExactTarget gives them when none is declared."""

_DEFAULTS: dict[str, tuple[str, str]] = {
    "Number": (r"-?\d{1,10}", "a whole number"),
    "Decimal": (r"-?\d+(\.\d+)?", "a number such as 0.00"),
    "Boolean": (r"True|False", "true or false"),
    "Date": (r"\d{4}-\d{2}-\d{2}", "a day such as 2026-01-31"),
}
"""How the default of a type is written, and in words."""


def _as_text(value: object) -> object:
    """YAML reads 0, true and 2026-01-31 as what they are."""
    return (
        value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, bool | int | float) else value
    )


class DataExtensionField(Declaration):
    """A field of a data extension, with ExactTarget's own rules for its values.

    Its values come `from` a column of the source, or are what the expression `sql` makes of a row of it (DuckDB's SQL;
    sync/expressions.py says what it may hold). Where that is empty they are the `default`, which ExactTarget has, too.
    """

    type: FieldType
    column: Annotated[str | None, Field(min_length=1, alias="from")] = None
    sql: Annotated[str, Field(min_length=1)] | None = None
    length: Annotated[int, Field(ge=1, le=4000)] | None = None
    precision: Annotated[int, Field(ge=1, le=29)] = 18
    scale: Annotated[int, Field(ge=0, le=29)] = 0
    key: bool = False
    required: bool = False
    default: Annotated[
        str | None,
        BeforeValidator(_as_text),
        WithJsonSchema({"type": ["string", "number", "boolean", "null"]}),
    ] = None
    owner: Literal["crm", "exacttarget"] = "crm"
    description: str = ""
    pii: Pii = "none"

    @property
    def source(self) -> str:
        """The column of the source that has the values; of an expression, the column that is named as it reads."""
        return self.column or self.sql or ""

    @property
    def max_length(self) -> int | None:
        """Characters (UTF-16 units) that fit; None for types without a length."""
        return self.length or TEXT_FIELDS.get(self.type)

    @model_validator(mode="after")
    def _rules(self) -> "DataExtensionField":
        if self.column is not None and self.sql is not None:
            raise ValueError("say either `from` (a column) or `sql` (an expression), and only one of them")
        if self.key and self.sql is not None:
            raise ValueError(
                "a key field comes `from` the column that is the key; an expression could make two rows one"
            )
        if self.length is not None and self.type not in TEXT_FIELDS:
            raise ValueError(f"`length` is for text; a {self.type} field has none")
        if self.type == "Decimal" and self.scale > self.precision:
            raise ValueError(f"scale {self.scale} is larger than precision {self.precision}")
        if self.key and self.owner != "crm":
            raise ValueError("a key field belongs to the CRM: `owner: crm`")
        form, words = _DEFAULTS.get(self.type, (".+", "text"))
        if self.default is not None and not re.fullmatch(form, self.default, re.DOTALL):
            raise ValueError(f"the default of a {self.type} field is {words}, not {self.default!r}")
        if self.default is not None and len(self.default) > (self.max_length or len(self.default)):
            raise ValueError(f"the default is longer than the {self.max_length} characters of the field")
        if self.key and self.default is not None:
            raise ValueError("a key has no default: two rows without a key would be one")
        if self.key and self.type not in ("Text", "Number", "EmailAddress", "Phone"):
            raise ValueError(f"a {self.type} field cannot be a key; use Text")
        return self

    def accepts(self, column_type: ColumnType) -> bool:
        """Whether a column of this type can be sent to this field without guessing."""
        return rule(self.type, column_type) is not None
