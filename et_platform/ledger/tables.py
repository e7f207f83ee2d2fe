"""The ledger's tables. Constraints guard what must never be: two open change sets of one kind and data extension.

What belongs here: columns, keys, states. What does not: queries and transitions (ledger.py).
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    func,
    text,
)

metadata = MetaData()


class Moment(TypeDecorator[datetime]):
    """An aware datetime in UTC; SQLite keeps no zone, so it is put back when it is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """To UTC."""
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# What a change set changes: whole rows; the fields of rows that say who is out; subscribers' status.
CHANGE_SET_KINDS = ("rows", "opt_out", "unsubscribe")

# planned → settled | superseded. Only a planned one is open.
change_sets = Table(
    "change_sets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("mid", Integer, nullable=False),
    Column("data_extension", String(100), nullable=False),
    Column("customer_key", String(200), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("base_version", String(64), nullable=False),
    Column("snapshot_id", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("declaration", JSON, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("gate", JSON, nullable=False),
    Column("path", String, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("created_at", Moment(), nullable=False),
    Column("closed_at", Moment()),
    CheckConstraint("state IN ('planned', 'settled', 'superseded')", name="change_set_state"),
    CheckConstraint(f"kind IN ({', '.join(repr(k) for k in CHANGE_SET_KINDS)})", name="change_set_kind"),
)
Index(
    "one_open_change_set",
    change_sets.c.mid,
    func.lower(change_sets.c.customer_key),  # ExactTarget ignores the case of keys
    change_sets.c.kind,
    unique=True,
    sqlite_where=text("state = 'planned'"),
    postgresql_where=text("state = 'planned'"),
)

# open → settled | abandoned
attempts = Table(
    "attempts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("change_set_id", ForeignKey("change_sets.id"), nullable=False),
    Column("state", String(12), nullable=False),
    Column("acknowledged", Integer),
    Column("run_id", String(64), nullable=False),
    Column("created_at", Moment(), nullable=False),
    Column("closed_at", Moment()),
    CheckConstraint("state IN ('open', 'settled', 'abandoned')", name="attempt_state"),
)
Index(
    "one_open_attempt",
    attempts.c.change_set_id,
    unique=True,
    sqlite_where=text("state = 'open'"),
    postgresql_where=text("state = 'open'"),
)

# staged → uploaded → starting → started → finished → proven; starting → missing; staged, uploaded → dropped
FILE_STATES = ("staged", "uploaded", "starting", "started", "finished", "missing", "proven", "dropped")
files = Table(
    "files",
    metadata,
    Column("attempt_id", ForeignKey("attempts.id"), primary_key=True),
    Column("operation", String(8), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("first_row", BigInteger),
    Column("state", String(12), nullable=False),
    Column("path", String, nullable=False),
    Column("remote", String(200), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("definition_key", String(36), nullable=False),
    Column("task_id", BigInteger),
    Column("status", String(40)),
    Column("successful", Integer),
    Column("duplicated", Integer),
    Column("errors", Integer),
    Column("restricted", Integer),
    Column("total", Integer),
    Column("rejected", Integer),
    Column("changed_at", Moment(), nullable=False),
    CheckConstraint(f"state IN ({', '.join(repr(s) for s in FILE_STATES)})", name="file_state"),
    UniqueConstraint("definition_key"),
    UniqueConstraint("remote"),
)

# One row: the version of all these tables (upgrade.py).
ledger_version = Table("ledger_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

# One row a thing that only one process may touch; a holder that is gone loses it.
leases = Table(
    "leases",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("expires_at", Moment(), nullable=False),
)
