"""What query activities, data filters and automations are given and give: plain frozen values.

Belongs here: values alone, which cost no import of zeep. Does not: calls (`queries.py`, `data_filters.py`,
`automations.py`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from et_platform.exacttarget.filters import Filter

TargetUpdate = Literal["Overwrite", "Update", "Append"]
"""What becomes of the target's rows: all are replaced; changed or added by primary key [K]; added to."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query activity. `text` is one SELECT of T-SQL; data extensions go by their names."""

    customer_key: str
    name: str
    text: str
    target_key: str
    target_name: str
    """Key and name of the data extension that takes the rows: the samples send both [D]."""
    update: TargetUpdate = "Overwrite"
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class DataFilter:
    """A filter with its activity, both under one key and name: the rows of `source_key` that fulfil the condition
    replace those of `target_key` [K], in the fields that both have.
    """

    customer_key: str
    name: str
    source_key: str
    target_key: str
    condition: "Filter"
    """A date is a day, without a time [D]."""
    description: str = ""


ActivityKind = Literal["QueryDefinition", "FilterActivity", "ImportDefinition", "EmailSendDefinition"]


@dataclass(frozen=True, kw_only=True)
class Activity:
    """An activity by its kind and object id."""

    kind: ActivityKind
    customer_key: str
    object_id: str


@dataclass(frozen=True, kw_only=True)
class AutomationState:
    """How an automation stands. `status` is one of the words recorded of real ones [R], or a number nobody knows."""

    status: str
    last_run: datetime | None = None
    """When it ran last, if the service tells."""
