"""The shape of the declarations: what a YAML file may say, with types, defaults and local rules.

What belongs here: pydantic models and rules that one file can break alone. What does not: reading files
(loader.py) and rules that need two files (catalog.py).
"""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

Pii = Literal["none", "identifier", "name", "contact", "profile"]
ColumnType = Literal["text", "integer", "decimal", "double", "boolean", "date", "timestamp"]
FieldType = Literal["Text", "Number", "Date", "Boolean", "EmailAddress", "Phone", "Decimal", "Locale"]

TEXT_FIELDS: dict[str, int] = {"Text": 50, "EmailAddress": 254, "Phone": 50, "Locale": 5}
"""Field types that hold text, with the length that ExactTarget gives them when none is declared."""

_READABLE_AS: dict[str, tuple[str, ...]] = {
    "Number": ("integer",),
    "Decimal": ("decimal", "integer"),
    "Date": ("date", "timestamp"),
    "Boolean": ("boolean",),
}
_OWNER = re.compile(r"team:[\w.-]+|[\w.+-]+@[\w-]+(\.[\w-]+)+")


class Declaration(BaseModel):
    """A declared thing; unknown keys are errors, so that a typing mistake cannot switch something off."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Documented(Declaration):
    """What every file says for the people who read it in the UI."""

    description: Annotated[str, Field(min_length=1)]
    owners: tuple[str, ...] = ()

    @field_validator("owners")
    @classmethod
    def _owner_form(cls, owners: tuple[str, ...]) -> tuple[str, ...]:
        for owner in owners:
            if not _OWNER.fullmatch(owner):
                raise ValueError(f"owner {owner!r} must be an e-mail address or team:name")
        return owners


class Column(Declaration):
    """A column of the CRM: what its values are read as."""

    type: ColumnType
    precision: Annotated[int, Field(ge=1, le=38)] = 18
    scale: Annotated[int, Field(ge=0, le=38)] = 4
    description: str = ""
    pii: Pii = "none"


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is no length of time; write for instance `90 seconds`, `15 minutes` or `1 day`")
    return timedelta(**{f"{found[2]}s": int(found[1])})


_DURATION = re.compile(r"(\d{1,6}) (second|minute|hour|day)s?")
Duration = Annotated[
    timedelta, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": f"^{_DURATION.pattern}$"})
]


class Incremental(Declaration):
    """Reading only what changed, by a column that the CRM moves up whenever it changes a row.

    `overlap` is read again each time, because a change may be committed after a later one was read: longer than the
    CRM's longest transaction and than the clocks that fill the column disagree; a number where the column counts.
    A full reading sees what the column does not tell, removals above all: at the latest after `full_after`, as every
    `full_every`-th reading, and after each write-back, unless the CRM itself moves the column then, too
    (`moves_with_every_write`, which a trigger does).
    """

    cursor: str
    overlap: Duration | Annotated[int, Field(ge=0)]
    full_after: Duration = timedelta(days=1)
    full_every: Annotated[int, Field(ge=2)] | None = None
    moves_with_every_write: bool = False


class CrmSource(Declaration):
    """Where an entity is read: one table, or one query in the CRM's own SQL.

    A large table may be read by up to `connections` connections at once, where the database allows.
    """

    table: str | None = None
    query: str | None = None
    incremental: Incremental | None = None
    connections: Annotated[int, Field(ge=1, le=16)] = 4

    @model_validator(mode="after")
    def _one_of_two(self) -> "CrmSource":
        if (self.table is None) == (self.query is None):
            raise ValueError("say either `table` or `query`, and only one of them")
        return self


class CrmEntity(Documented):
    """crm/<entity>.yaml: one relation of the CRM, and how it is read."""

    source: CrmSource
    key: str
    columns: Annotated[dict[str, Column], Field(min_length=1)]

    @model_validator(mode="after")
    def _key_is_a_column(self) -> "CrmEntity":
        if self.key not in self.columns:
            raise ValueError(f"key {self.key!r} is not one of the columns: {', '.join(self.columns)}")
        return self

    @model_validator(mode="after")
    def _cursor_orders_changes(self) -> "CrmEntity":
        incremental = self.source.incremental
        if incremental is None:
            return self
        cursor, known = incremental.cursor, ", ".join(self.columns)
        if cursor not in self.columns:
            raise ValueError(f"source.incremental.cursor: {cursor!r} is not one of the columns: {known}")
        counts = self.columns[cursor].type == "integer"
        if not counts and self.columns[cursor].type not in ("timestamp", "date"):
            raise ValueError(f"source.incremental.cursor: {cursor!r} must be a timestamp, a date or an integer")
        if counts is isinstance(incremental.overlap, timedelta):
            wanted = "a number, as the cursor counts" if counts else "a length of time, such as `15 minutes`"
            raise ValueError(f"source.incremental.overlap: must be {wanted}")
        return self


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


class DataExtensionSource(Declaration):
    """Where a data extension's rows come from."""

    crm: str


class Guards(Declaration):
    """Rules of the gate; a share is a part of 1."""

    minimum_rows: Annotated[int, Field(ge=0)] = 1
    maximum_quarantine_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    minimum_share_of_acknowledged: Annotated[float, Field(ge=0, le=1)] = 0.5


class ConsentFacts(Declaration):
    """The CRM's columns that say whether a person wants mail. `opted_out` true is out, whatever the others say.

    `opted_in` and `opted_in_at` are what the CRM says of consent given.
    """

    opted_out: str
    opted_out_at: str
    opted_in: str | None = None
    opted_in_at: str | None = None

    @property
    def types(self) -> dict[str, tuple[ColumnType, ...]]:
        """The types that each key's column may have."""
        moment: tuple[ColumnType, ...] = ("timestamp", "date")
        return {
            "opted_out": ("boolean",),
            "opted_out_at": moment,
            "opted_in": ("boolean",),
            "opted_in_at": moment,
        }


class DataExtensionConsent(ConsentFacts):
    """Whose opt-outs travel first: the CRM's columns, and the fields that name the subscriber.

    `subscriber_key` and `email` are fields of the data extension. Without `email` an opt-out of somebody whom
    ExactTarget does not know yet has to wait until it does.
    """

    subscriber_key: str
    email: str | None = None


class DataExtension(Documented):
    """data_extensions/<name>.yaml: one data extension, its fields, its source and its guards."""

    customer_key: Annotated[str, Field(min_length=1, max_length=36)]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    source: DataExtensionSource
    fields: Annotated[dict[str, DataExtensionField], Field(min_length=1)]
    deletes: Literal["keep"] = "keep"
    guards: Guards = Guards()
    consent: DataExtensionConsent | None = None

    @property
    def key_field(self) -> str:
        """The name of the field that is the primary key."""
        return next(name for name, field in self.fields.items() if field.key)

    def fields_from(self, column: str | None) -> list[str]:
        """The names of the fields that come from a CRM column."""
        return [name for name, field in self.fields.items() if column is not None and field.source == column]

    @property
    def consent_fields(self) -> list[str]:
        """The fields that say who is out, since when, and who is in: those that an opt-out changes."""
        consent = self.consent
        if consent is None:
            return []
        columns = (consent.opted_out, consent.opted_out_at, consent.opted_in)
        return [name for name, field in self.fields.items() if field.source in columns]

    @model_validator(mode="after")
    def _rules(self) -> "DataExtension":
        keys = [name for name, field in self.fields.items() if field.key]
        if len(keys) != 1:
            raise ValueError(f"exactly one field must say `key: true`; found {len(keys)}: {', '.join(keys) or 'none'}")
        folded: dict[str, str] = {}
        for name in self.fields:
            if len(name) > 50 or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_ ]*", name):
                raise ValueError(
                    f"field name {name!r} must start with a letter and hold only letters, digits, _ and blanks"
                )
            if other := folded.get(name.lower()):
                raise ValueError(f"fields {other!r} and {name!r} are one field to ExactTarget, which ignores case")
            folded[name.lower()] = name
        return self


class ConsentColumns(ConsentFacts):
    """The same columns with the place of evidence; those that exist are read and written together.

    An opt-out that is newer than consent given clears the flag and leaves its date, which is a fact.
    """

    evidence: str | None = None

    @property
    def types(self) -> dict[str, tuple[ColumnType, ...]]:
        """The types that each key's column may have."""
        text: tuple[ColumnType, ...] = ("text",)
        return super().types | {"evidence": text}


class EngagementColumns(Declaration):
    """The CRM's columns for what ExactTarget knows of a person's engagement; ExactTarget owns them.

    `mart` is the dbt model that has the figures (customer_id, last_open_at, opens, last_click_at, clicks); without one
    they are summed over all events.
    """

    mart: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = None
    last_open_at: str | None = None
    last_click_at: str | None = None
    opens: str | None = None
    clicks: str | None = None

    @property
    def types(self) -> dict[str, tuple[ColumnType, ...]]:
        """The types that each key's column may have."""
        moment: tuple[ColumnType, ...] = ("timestamp", "date")
        return {
            "last_open_at": moment,
            "last_click_at": moment,
            "opens": ("integer",),
            "clicks": ("integer",),
        }


class WriteBack(Documented):
    """writeback/<entity>.yaml: where opt-outs and engagement figures are written in the CRM's own table.

    Every column is also one of the entity's, so that it is read, and guarded by what it was.
    """

    table: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(min_length=1)]
    consent: ConsentColumns
    engagement: EngagementColumns = EngagementColumns()

    def columns(self) -> dict[tuple[str, str], tuple[str, tuple[ColumnType, ...]]]:
        """Each declared column with the types that it may have, by its place: ("consent", "opted_out")."""
        return {
            (part, name): (column, types[name])
            for part, declared in (("consent", self.consent), ("engagement", self.engagement))
            for types in (declared.types,)
            for name in types
            if (column := getattr(declared, name)) is not None
        }

    @model_validator(mode="after")
    def _each_column_once(self) -> "WriteBack":
        seen: dict[str, str] = {self.key: "key"}
        for place, (column, _) in self.columns().items():
            if other := seen.get(column):
                raise ValueError(f"column {column!r} is named twice: as {other} and as {'.'.join(place)}")
            seen[column] = ".".join(place)
        return self
