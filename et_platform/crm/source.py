"""What to read from a CRM.

What belongs here: naming a relation, and finding the columns that somebody asked for among those that it has. What
does not: any database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from et_platform.crm.errors import MissingColumn
from et_platform.crm.values import Kind
from et_platform.duckdb_support import quoted


@dataclass(frozen=True)
class Source:
    """A relation of the CRM: a table or view (`name` or `schema.name`, without quotes), or a query, not both.

    A table whose own name contains a dot is read through a query. Raises ValueError unless exactly one is given.
    """

    table: str | None = None
    query: str | None = None

    def __post_init__(self) -> None:
        if (self.table is None) == (self.query is None) or not (self.table or self.query or "").strip():
            raise ValueError("A CRM source is either a table or a query: give exactly one of them.")

    def __str__(self) -> str:
        return f"table {self.table}" if self.table is not None else "query"

    @property
    def relation(self) -> str:
        """The source as it stands in a FROM clause, in the SQL of both SQLite and PostgreSQL."""
        if self.table is not None:
            return ".".join(quoted(part) for part in self.table.split(".", 1))
        # Line breaks, because a query may end in a comment.
        return f"(\n{(self.query or '').rstrip().rstrip(';')}\n) AS source"


@dataclass(frozen=True)
class SourceColumn:
    """A column as the database declares it.

    `type` is in the database's own words, empty where it has none; `nullable` is None where the database does not
    say; `enforced` tells whether it keeps values of other types out.
    """

    name: str
    type: str
    kind: Kind
    nullable: bool | None
    enforced: bool


@dataclass(frozen=True)
class Since:
    """Only what may have changed: every row whose `cursor` is not certainly below `low`, and every row that has a key
    in common with one of them, or none.

    So a copy of a changed row's key is always read with it. A cursor that is empty or unreadable is never certainly
    below. `low` is a moment in UTC without a zone, for a cursor of dates or times, or an integer.
    """

    key: str
    cursor: str
    low: datetime | int

    @property
    def literal(self) -> str:
        """`low` in SQL; a moment as text that both SQLite and PostgreSQL read."""
        return str(self.low) if isinstance(self.low, int) else f"'{self.low.isoformat(' ')}'"


def find_columns(wanted: Sequence[str], available: Sequence[str], source: Source) -> list[str]:
    """Return the source's own name for each wanted column: the same, or the only one that differs in case.

    Raises MissingColumn if there is none, or if there are several.
    """
    return [_find(name, available, source) for name in wanted]


def _find(wanted: str, available: Sequence[str], source: Source) -> str:
    same = [name for name in available if name == wanted]
    similar = [name for name in available if name.casefold() == wanted.casefold()]
    for found in (same, similar):
        if len(found) == 1:
            return found[0]
    raise MissingColumn(wanted, available, source)
