"""Names that are computed: change-set ids, import definition keys, file names.

What belongs here: pure functions from what a thing is to what it is called. What does not: ids that are drawn.
"""

import hashlib
import re
from typing import Literal

Operation = Literal["insert", "update", "opt_out", "bury", "delete"]
"""What an import file does to rows: adds whole ones, updates the CRM's fields, or only those that say who is out; marks
those that left the source by the tombstone field, or deletes them.
"""


def change_set_id(
    *,
    mid: int,
    customer_key: str,
    declaration: str,
    base_version: str,
    rows: int,
    fingerprint: str,
    kind: str = "rows",
) -> str:
    """The id of a change set: the same changes under the same declaration on the same base (32 hex digits)."""
    what = "change set" if kind == "rows" else f"{kind} change set"
    return _digest(what, str(mid), customer_key.lower(), declaration, base_version, str(rows), fingerprint)[:32]


def lake_name(*, mid: int, customer_key: str) -> str:
    """The name under which the lake keeps what is known of one data extension of one business unit.

    Not the declaration's file name: another account or customer key is another data extension, of which nothing
    is acknowledged.
    """
    safe = re.sub(r"[^a-z0-9_]", "_", customer_key.lower())
    distinct = "" if safe == customer_key.lower() else "_" + _digest("lake name", customer_key.lower())[:8]
    return f"{safe}{distinct}_{mid}"


def write_back_id(*, entity: str, table: str, rows: int, fingerprint: str) -> str:
    """The id of a write-back set: the same rows from the same values to the same values have the same id."""
    return _digest("write-back", entity, table, str(rows), fingerprint)[:32]


def definition_key(attempt_id: str, operation: Operation, part: int = 1) -> str:
    """The customer key of the import definition of one file of one attempt: `etp-` and 28 hex digits.

    36 characters are the most that every part of ExactTarget shows (vendor's documentation). A definition of its
    own makes ImportResultsSummary, asked by definition, answer for exactly this file of this attempt.
    """
    return "etp-" + _digest("definition", attempt_id, operation, str(part))[:28]


def remote_name(data_extension: str, operation: Operation, attempt_id: str, part: int | None = None) -> str:
    """The name of a staged file on the Enhanced FTP; never used twice, since it carries the attempt.

    `part` is told where the operation's rows are in several files.
    """
    safe = re.sub(r"[^A-Za-z0-9_]", "_", data_extension)
    number = "" if part is None else f"_{part}"
    return f"etp_{safe}_{operation}{number}_{attempt_id}.csv"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
