"""What can go wrong between us and a CRM.

What belongs here: the errors, each one paragraph that says what is the matter and what to do. What does not: noticing
them (sqlite.py, postgres.py and their writing twins). No message contains a password, or a value that was to be
written.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from et_platform.crm.source import Source

_MOST_NAMES = 30


class CrmError(Exception):
    """Something is wrong with the CRM, the way to it, or what it was asked for."""


class CrmUnreachable(CrmError):
    """The database is not there, does not answer, or is locked by someone else."""


class CrmAuthenticationFailed(CrmError):
    """The database does not accept the user or the password."""


class ReadFailed(CrmError):
    """The database refused to run a query, or stopped in the middle of one."""


class WriteFailed(CrmError):
    """The database refused what was to be written; nothing was written."""


class CrmReadOnly(WriteFailed):
    """The database, or this user in it, can be read only."""


class WriteInDoubt(CrmError):
    """The connection broke while the database was making the changes last: perhaps it did, perhaps not."""


class MissingTable(CrmError):
    """There is no such table or view. Attributes: table, available (names of what there is)."""

    def __init__(self, table: str, available: Sequence[str] = ()) -> None:
        self.table, self.available = table, tuple(available)
        super().__init__(
            f"The CRM has no table or view {table}{_there_are(self.available)}. Correct the name, or let the CRM's "
            "user see it."
        )


class MissingColumn(CrmError):
    """There is no such column, or its name fits several. Attributes: column, available, source."""

    def __init__(self, column: str, available: Sequence[str], source: "Source") -> None:
        self.column, self.available, self.source = column, tuple(available), source
        fitting = [name for name in available if name.casefold() == column.casefold()]
        if len(fitting) > 1:
            trouble = f"has several columns that could be {column} ({', '.join(fitting)}). Name one of them exactly"
            trouble += ", or give them different names in a query."
        else:
            trouble = f"has no column {column}{_there_are(self.available)}. Correct the name."
        super().__init__(f"The CRM's {source} {trouble}")


def _there_are(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"; there are {', '.join(names[:_MOST_NAMES])}{more}"
