"""Which columns and fields say whether a person wants mail.

What belongs here: the names, and the types that they may have. What does not: what follows from them (sync/consent.py,
sync/opt_out.py).
"""

from typing import Annotated

from pydantic import Field

from et_platform.catalog.base import ColumnType, Declaration


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

    Each such person who is added becomes a contact of the account, at its price. A run that would add more than
    `most_added` adds nobody, and says so; opt-outs of those whom ExactTarget knows go all the same.
    """

    subscriber_key: str
    email: str | None = None
    most_added: Annotated[int, Field(ge=0)] = 1000


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
