"""The shape of segments/*.yaml: which rows ExactTarget picks by itself, how, and into which data extension.

What belongs here: the pydantic models and the rules that one file can break alone. What does not: reading SQL
(sync/segments.py), running anything (segments/).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema, model_validator

from et_platform.catalog.base import Declaration, Documented, Duration
from et_platform.catalog.data_extension import DataExtension, DataExtensionSource, ModelName
from et_platform.catalog.field import DataExtensionField
from et_platform.catalog.sending import Sendable

Operator = Literal[
    "equals",
    "notEquals",
    "greaterThan",
    "greaterThanOrEqual",
    "lessThan",
    "lessThanOrEqual",
    "beginsWith",
    "existsInString",
    "existsInStringAsAWord",
    "notExistsInString",
]
_EQUAL: tuple[Operator, ...] = ("equals", "notEquals")
_STRICT: tuple[Operator, ...] = (*_EQUAL, "greaterThan", "lessThan")
_ORDER: tuple[Operator, ...] = (*_STRICT, "greaterThanOrEqual", "lessThanOrEqual")
_TEXT: tuple[Operator, ...] = (
    *_ORDER,
    *("beginsWith", "existsInString", "existsInStringAsAWord", "notExistsInString"),
)
OPERATORS: dict[str, tuple[Operator, ...]] = {
    "Boolean": ("equals",),
    "Date": _STRICT,
    "Number": _ORDER,
    "Decimal": _ORDER,
}
"""The operators that ExactTarget documents for the types of fields; all others are text."""


def operators_of(field_type: str) -> tuple[Operator, ...]:
    """The operators that a data filter takes for a field of this type."""
    return OPERATORS.get(field_type, _TEXT)


def _as_text(value: object) -> object:
    return (
        value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, bool | int | float) else value
    )


Value = Annotated[
    str, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "number", "boolean"]}), Field(min_length=1)
]


class Condition(Declaration):
    """A comparison of a field (`{field: City, is: equals, value: Seattle}`), or several conditions: `all` or `any`.

    Of a date the value is a day, or `days_ago`: so many days before the day of the run, in server time.
    """

    field: str | None = None
    is_: Annotated[Operator | None, Field(alias="is")] = None
    value: Value | None = None
    days_ago: Annotated[int | None, Field(ge=0, le=36500)] = None
    all: Annotated[tuple["Condition", ...], Field(min_length=2)] | None = None
    any: Annotated[tuple["Condition", ...], Field(min_length=2)] | None = None

    @property
    def parts(self) -> tuple["Condition", ...]:
        """The conditions that are joined; none for a comparison."""
        return self.all or self.any or ()

    def comparisons(self, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], "Condition"]]:
        """Every comparison with its place below this condition."""
        if not self.parts:
            yield at, self
        for number, part in enumerate(self.parts):
            yield from part.comparisons((*at, "all" if self.all else "any", number))

    @model_validator(mode="after")
    def _one_form(self) -> "Condition":
        said = [name for name in ("field", "all", "any") if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError("say one of `field` (a comparison), `all` and `any` (lists of two conditions or more)")
        values = [name for name in ("value", "days_ago") if getattr(self, name) is not None]
        if self.field is None and (self.is_ is not None or values):
            raise ValueError("`is`, `value` and `days_ago` belong to a `field`")
        if self.field is not None and (self.is_ is None or len(values) != 1):
            raise ValueError(f"a comparison of {self.field!r} needs `is` and one of `value` and `days_ago`")
        return self


class SegmentSource(Declaration):
    """What a filter reads: a data extension of the catalogue, the result of a segment, or by its key one that others
    keep in ExactTarget (a survey's answers).
    """

    data_extension: ModelName | None = None
    segment: ModelName | None = None
    customer_key: Annotated[str | None, Field(min_length=1, max_length=200)] = None

    @model_validator(mode="after")
    def _one_of_three(self) -> "SegmentSource":
        said = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(
                f"say one of `data_extension`, `segment` and `customer_key`; found {' and '.join(said) or 'none'}"
            )
        return self


class SegmentFilter(Declaration):
    """A data filter: the rows `of` one data extension `where` a condition holds."""

    of: SegmentSource
    where: Condition


class Result(Declaration):
    """The data extension that takes a segment's rows; its fields go by the names of what is picked."""

    customer_key: Annotated[str, Field(min_length=1, max_length=36)]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    folder: Annotated[str, Field(pattern=r"^[^/]+(/[^/]+)*$")] | None = None
    sendable: Sendable | None = None
    fields: Annotated[dict[str, DataExtensionField], Field(min_length=1)]


class Segment(Documented):
    """segments/<name>.yaml: rows that ExactTarget picks by itself, from what it holds, into a data extension.

    They are what a `query` finds (one SELECT of T-SQL, which names data extensions as ExactTarget does), or what a
    `filter` picks; they replace those that are there. `others` are data extensions that the query reads and the
    catalogue does not have. `lake` is SQL over the lake that gives the keys which the result should have, for a check;
    `lake.acknowledged.customers` is there what the data extension `customers` is known to hold.
    A run that is not over after `deadline` is told; ExactTarget itself ends a query after 30 minutes.
    """

    query: Annotated[str, Field(min_length=1)] | None = None
    filter: SegmentFilter | None = None
    others: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    into: Result
    lake: Annotated[str, Field(min_length=1)] | None = None
    deadline: Duration = timedelta(minutes=45)

    @cached_property
    def result(self) -> DataExtension:
        """The result as data extensions are declared: it is made and compared like any other."""
        return DataExtension(
            description=self.description,
            owners=self.owners,
            customer_key=self.into.customer_key,
            name=self.into.name,
            folder=self.into.folder,
            sendable=self.into.sendable,
            source=DataExtensionSource(sql="picked inside ExactTarget"),
            deletes="delete",
            fields={name: field.model_copy(update={"column": name}) for name, field in self.into.fields.items()},
        )

    @model_validator(mode="after")
    def _rules(self) -> "Segment":
        if (self.query is None) == (self.filter is None):
            raise ValueError("say how the rows are picked: either `query` or `filter`")
        if self.others and self.query is None:
            raise ValueError("others: these are what a `query` reads besides the catalogue; a filter says `of`")
        if self.deadline < timedelta(seconds=1):
            raise ValueError("deadline: give it a second at least")
        for name, field in self.into.fields.items():
            if field.source:
                raise ValueError(
                    f"into.fields.{name}: takes what the segment picks under that name; leave out `from` and `sql`"
                )
        try:
            _ = self.result
        except ValidationError as error:
            problem = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ValueError(f"into: {problem}") from None
        return self
