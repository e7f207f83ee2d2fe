"""How many rows of a file ExactTarget rejected, by what it said against them.

What belongs here: recording and looking up, each one transaction. What does not: finding it out
(outbound/rejections.py). No key and no value is kept here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from et_platform.ledger.ledger import Ledger
from et_platform.ledger.records import ImportFile
from et_platform.ledger.rejected_rows_table import rejected_rows


@dataclass(frozen=True)
class RejectedRows:
    """So many rows of a file, the first on that line. `field` and `told` are empty where nothing was said."""

    definition_key: str
    field: str
    told: str
    rows: int
    first_line: int | None


def record(ledger: Ledger, file: ImportFile, found: Sequence[RejectedRows]) -> None:
    """Record those of the file; what was recorded of it before is replaced."""
    r = rejected_rows.c
    mine = [one for one in found if one.definition_key == file.definition_key]
    with ledger.engine.begin() as connection:
        connection.execute(delete(rejected_rows).where(r.definition_key == file.definition_key))
        for number, one in enumerate(mine):
            connection.execute(
                insert(rejected_rows).values(
                    definition_key=one.definition_key,
                    number=number,
                    field=one.field,
                    told=one.told,
                    rows=one.rows,
                    first_line=one.first_line,
                )
            )


def of_file(ledger: Ledger, file: ImportFile) -> list[RejectedRows]:
    """What is recorded of the file, the most rows first."""
    r = rejected_rows.c
    query = (
        select(r.definition_key, r.field, r.told, r.rows, r.first_line)
        .where(r.definition_key == file.definition_key)
        .order_by(r.rows.desc(), r.number)
    )
    with ledger.engine.connect() as connection:
        return [RejectedRows(**row._mapping) for row in connection.execute(query)]
