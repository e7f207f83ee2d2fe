"""The ledger's table of rejected rows, counted by what was said against them.

What belongs here: columns and keys. What does not: queries (rejected_rows.py), and the rows (the lake has them).
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table

from et_platform.ledger.tables import metadata

# One row a file and reason; `number` only tells them apart. Field and words are empty where ExactTarget did not say.
rejected_rows = Table(
    "rejected_rows",
    metadata,
    Column("definition_key", ForeignKey("files.definition_key"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("field", String(200), nullable=False),
    Column("told", String, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("first_line", BigInteger),
)
