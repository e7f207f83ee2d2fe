"""What becomes of rows that leave a data extension's source: the words of `deletes`, and their rules.

What belongs here: rules that one declaration can break alone. What does not: which rows have left (sync/removals.py).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from et_platform.catalog.data_extension import DataExtension

Deletes = Literal["keep", "tombstone", "delete"]
"""Rows stay as they are; stay, and the field `tombstone` says that they are gone (true, or since when); are deleted."""


def removal_problems(data_extension: "DataExtension") -> Iterator[str]:
    """What is wrong with `deletes`, `tombstone` and fields without `from`."""
    name, fields = data_extension.tombstone, data_extension.fields
    for each, field in fields.items():
        if not field.source and each != name:
            yield f"field {each!r} needs `from` (a column of the source) or `sql` (an expression)"
    if (data_extension.deletes == "tombstone") != (name is not None):
        yield "`deletes: tombstone` and `tombstone: FIELD` belong together; write both, or neither"
    if name is None:
        return
    if name not in fields:
        yield f"tombstone: there is no field {name!r}; declare it, with type Boolean or Date, and without `from`"
        return
    field = fields[name]
    if field.type not in ("Boolean", "Date") or field.source or field.key or field.required or field.owner != "crm":
        yield (
            f"the tombstone field {name!r} must be of type Boolean or Date, without `from`, `key`, `required` and "
            "`owner`: it is empty or false until the row leaves the source"
        )
