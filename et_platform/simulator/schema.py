"""Data extensions and their fields, as values, and where they are kept in the store.

What belongs here: the shape of a data extension, finding and saving one. What does not: the rules of changing one
(`objects/data_extension.py`) and its rows (`rows.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from et_platform.simulator import store
from et_platform.simulator.store import Connection

KIND = "data_extension"

TEXT_TYPES = {"Text": None, "EmailAddress": 254, "Phone": 50, "Locale": 5}
"""Types that hold text, with the length they get when none is given ([R] for EmailAddress, else [K])."""

TYPES = (*TEXT_TYPES, "Number", "Decimal", "Date", "Boolean")


def folded(text: str) -> str:
    """Names and keys compare without case and trailing blanks [R]."""
    return text.rstrip(" ").lower()


@dataclass
class Field:
    """A field. `max_length` is in characters, or in digits for Decimal; None where a type has none."""

    object_id: str
    name: str
    type: str
    column: str
    ordinal: int
    max_length: int | None = None
    scale: int = 0
    required: bool = False
    key: bool = False
    default: str = ""

    @property
    def sql_type(self) -> str:
        """The column's type in DuckDB."""
        if self.type == "Decimal":
            return f"DECIMAL({self.max_length},{self.scale})"
        return {"Number": "INTEGER", "Date": "TIMESTAMP", "Boolean": "BOOLEAN"}.get(self.type, "VARCHAR")


@dataclass
class DataExtension:
    """A data extension. `properties` are its SOAP properties as text; `next_column` numbers new columns,
    `revision` the tables that hold the rows as fields change."""

    object_id: str
    properties: dict[str, str]
    fields: list[Field] = field(default_factory=list)
    next_column: int = 1
    revision: int = 0

    @property
    def customer_key(self) -> str:
        """Its external key."""
        return self.properties["CustomerKey"]

    @property
    def name(self) -> str:
        """Its name."""
        return self.properties["Name"]

    @property
    def keys(self) -> list[Field]:
        """The fields of its primary key; empty without one."""
        return [one for one in self.fields if one.key]

    def field(self, name: str) -> Field | None:
        """The field of that name, in any case [R]."""
        wanted = folded(name)
        return next((one for one in self.fields if folded(one.name) == wanted), None)


def _loaded(document: dict[str, Any]) -> DataExtension:
    return DataExtension(
        object_id=document["object_id"],
        properties=document["properties"],
        fields=[Field(**one) for one in document["fields"]],
        next_column=document["next_column"],
        revision=document["revision"],
    )


def save(connection: Connection, data_extension: DataExtension) -> None:
    """Write the data extension's definition."""
    store.put(connection, KIND, data_extension.object_id, asdict(data_extension))


def by_object_id(connection: Connection, object_id: str) -> DataExtension | None:
    """The data extension of that ObjectID."""
    document = store.get(connection, KIND, object_id)
    return _loaded(document) if document else None


def by_property(connection: Connection, name: str, value: str) -> DataExtension | None:
    """The data extension whose CustomerKey or Name is that, in any case."""
    found = store.find(
        connection, KIND, f"lower(rtrim(body->>'$.properties.{name}', ' ')) = lower(rtrim(?, ' '))", [value]
    )
    return _loaded(found[0]) if found else None


def every(connection: Connection) -> list[DataExtension]:
    """All data extensions, oldest first."""
    return [_loaded(document) for document in store.find(connection, KIND)]


def by_key_or_name(connection: Connection, text: str) -> DataExtension | None:
    """Rows are addressed by customer key or by name; both are accepted [R]. The key goes first."""
    return by_property(connection, "CustomerKey", text) or by_property(connection, "Name", text)
