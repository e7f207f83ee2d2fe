"""The ledger's tables of the return road: extracts that were asked for, and files that were seen.

What belongs here: columns, keys, states. What does not: queries and transitions (inbound.py).
"""

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, Index, Integer, String, Table, UniqueConstraint

from et_platform.ledger.tables import Moment, metadata

# asking → requested → arrived → loaded; a file that appears proves that it was asked for, whatever was known before.
REQUEST_STATES = ("asking", "requested", "arrived", "loaded")
extract_requests = Table(
    "extract_requests",
    metadata,
    Column("mid", Integer, primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("window_start", Moment(), primary_key=True),  # half-open: start ≤ event < end
    Column("window_end", Moment(), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("output_name", String(200), nullable=False),
    Column("types", JSON, nullable=False),
    Column("state", String(12), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("asked_at", Moment(), nullable=False),
    Column("requested_at", Moment()),
    Column("arrived_at", Moment()),
    Column("loaded_at", Moment()),
    CheckConstraint(f"state IN ({', '.join(repr(s) for s in REQUEST_STATES)})", name="extract_request_state"),
    CheckConstraint("window_start < window_end", name="extract_window"),
    CheckConstraint("attempt > 0", name="extract_attempt"),
    UniqueConstraint("output_name"),
)

# seen → fetched → loaded; seen, fetched → failed; failed, fetched → seen (the next take)
EXTRACT_FILE_STATES = ("seen", "fetched", "loaded", "failed")
extract_files = Table(
    "extract_files",
    metadata,
    Column("identity", String(32), primary_key=True),
    Column("mid", Integer, nullable=False),
    Column("name", String(255), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime", Moment(), nullable=False),
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sha256", String(64)),
    Column("path", String),
    Column("window_start", Moment()),
    Column("window_end", Moment()),
    Column("rows", JSON),
    Column("duplicate_of", String(32)),  # the identity under which the same content was loaded first
    Column("problem", String),
    Column("run_id", String(64), nullable=False),
    Column("seen_at", Moment(), nullable=False),
    Column("fetched_at", Moment()),
    Column("loaded_at", Moment()),
    Column("changed_at", Moment(), nullable=False),
    CheckConstraint(f"state IN ({', '.join(repr(s) for s in EXTRACT_FILE_STATES)})", name="extract_file_state"),
)
Index("extract_files_by_content", extract_files.c.sha256)
Index("extract_files_by_name", extract_files.c.mid, extract_files.c.name)
