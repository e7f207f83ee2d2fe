"""data_extensions/<name>.yaml: one data extension, its fields, its source and its guards.

What belongs here: rules between the parts of one such file. What does not: one field (field.py), guards (guards.py),
consent (consent.py), and rules that need another file (catalog.py).
"""

import re
from typing import Annotated

from pydantic import Field, model_validator

from et_platform.catalog.approval import Approval
from et_platform.catalog.base import Declaration, Documented
from et_platform.catalog.consent import DataExtensionConsent
from et_platform.catalog.field import DataExtensionField
from et_platform.catalog.guards import Guards
from et_platform.catalog.import_file import ImportFileForm
from et_platform.catalog.removal import Deletes, removal_problems
from et_platform.catalog.sending import Mapping, ReadBack, Retention, Schedule, Sendable

ModelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class DataExtensionSource(Declaration):
    """Where a data extension's rows come from: one of these.

    `crm` is an entity of the catalogue, as its newest snapshot has it; `audience` and `mart` are dbt models that are
    tables of the lake; `sql` is a query over the lake (`lake.crm.customers`), asked anew for every plan.
    """

    crm: str | None = None
    audience: ModelName | None = None
    mart: ModelName | None = None
    sql: Annotated[str, Field(min_length=1)] | None = None

    @property
    def model(self) -> tuple[str, str] | None:
        """The dbt model as its asset is called: (`audience`, name); None for other sources."""
        found = [(kind, name) for kind, name in (("audience", self.audience), ("mart", self.mart)) if name is not None]
        return found[0] if found else None

    @model_validator(mode="after")
    def _one_of_four(self) -> "DataExtensionSource":
        said = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(
                "say where the rows come from: one of `crm`, `audience`, `mart` and `sql`; "
                f"found {' and '.join(said) or 'none'}"
            )
        return self


class DataExtension(Documented):
    """data_extensions/<name>.yaml: one data extension, its fields, its source and its guards.

    `business_units` are those in which it lives, each with a data extension of its own; a shared one lives in the unit
    that owns it. `folder` is a path of names from the root's, with slashes between; without one, the root. `mapping` is
    how imports find the field of a column, `file` how their files are written; `read_back` is how rows are read whose
    import proves too little: by a look-up of keys, a retrieve of all rows, an extract to the Enhanced FTP, or whichever
    suits their number. `marker` is a Text field besides `fields`, which the platform makes and fills with the attempt
    that wrote a row, so that one filtered retrieve reads them back.
    """

    customer_key: Annotated[str, Field(min_length=1, max_length=36)]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    source: DataExtensionSource
    business_units: Annotated[tuple[str, ...], Field(min_length=1)] = ("default",)
    fields: Annotated[dict[str, DataExtensionField], Field(min_length=1)]
    deletes: Deletes = "keep"
    tombstone: str | None = None
    guards: Guards = Guards()
    approval: Approval = "never"
    consent: DataExtensionConsent | None = None
    folder: Annotated[str, Field(pattern=r"^[^/]+(/[^/]+)*$")] | None = None
    sendable: Sendable | None = None
    retention: Retention | None = None
    mapping: Mapping = "infer"
    read_back: ReadBack = "by_size"
    file: ImportFileForm = ImportFileForm()
    marker: str | None = None
    schedule: Schedule | None = None

    @property
    def key_field(self) -> str:
        """The name of the field that is the primary key; of several the first."""
        return next(name for name, field in self.fields.items() if field.key)

    @property
    def key_fields(self) -> list[str]:
        """The names of the fields that make up the primary key, in their order."""
        return [name for name, field in self.fields.items() if field.key]

    @property
    def made_fields(self) -> dict[str, DataExtensionField]:
        """The fields that the data extension has in ExactTarget: the declared ones, and the marker."""
        marker = {} if self.marker is None else {self.marker: DataExtensionField(type="Text", length=32)}
        return {**self.fields, **marker}

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
        if not self.key_fields:
            raise ValueError("no field says `key: true`; a row is told apart by one field or by several")
        if self.consent is not None and self.source.crm is None:
            raise ValueError(
                "`consent` is said where the CRM's own columns are: on a data extension whose source is `crm`"
            )
        if self.sendable is not None:
            self._check_sendable(self.sendable)
        folded: dict[str, str] = {}
        for name in [*self.fields, *([self.marker] if self.marker is not None else [])]:
            if len(name) > 50 or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_ ]*", name):
                raise ValueError(
                    f"field name {name!r} must start with a letter and hold only letters, digits, _ and blanks"
                )
            if other := folded.get(name.lower()):
                raise ValueError(f"fields {other!r} and {name!r} are one field to ExactTarget, which ignores case")
            folded[name.lower()] = name
        for problem in removal_problems(self):
            raise ValueError(problem)
        return self

    def _check_sendable(self, sendable: Sendable) -> None:
        field = self.fields.get(sendable.field)
        if field is None:
            raise ValueError(
                f"sendable.field: there is no field {sendable.field!r}; there are: {', '.join(self.fields)}"
            )
        types = ("Text", "Number", "EmailAddress")
        if field.type not in types or not (field.required or field.key):
            raise ValueError(
                f"sendable.field: {sendable.field!r} relates rows to the subscribers' keys, so it "
                f"must be required and of type {' or '.join(types)}"
            )
        if self.deletes != "delete":
            raise ValueError(
                f"{'deletes' if 'deletes' in self.model_fields_set else 'sendable'}: whoever left the source, by an "
                f"opt-out perhaps, would stay in what mail is sent to by `{self.deletes}`; a sendable data extension "
                "says `deletes: delete`"
            )
