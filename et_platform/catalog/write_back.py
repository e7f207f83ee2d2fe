"""writeback/<entity>.yaml: what ExactTarget knows and the CRM is told.

What belongs here: the columns, by what they mean. What does not: what is written (sync/consent.py, inbound/).
"""

from typing import Annotated

from pydantic import Field, model_validator

from et_platform.catalog.base import ColumnType, Declaration, Documented
from et_platform.catalog.consent import ConsentColumns


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
