"""Names that are computed: change-set ids, import definition keys, file names.

What belongs here: pure functions from what a thing is to what it is called. What does not: ids that are drawn.
"""

import hashlib
import re
from typing import Literal

Operation = Literal["insert", "update"]


def change_set_id(*, mid: int, customer_key: str, base_version: str, rows: int, fingerprint: str) -> str:
    """The id of a change set: the same changes on the same base have the same id (32 hex digits)."""
    return _digest("change set", str(mid), customer_key.lower(), base_version, str(rows), fingerprint)[:32]


def definition_key(attempt_id: str, operation: Operation) -> str:
    """The customer key of the import definition of one file of one attempt: `etp-` and 28 hex digits.

    36 characters are the most that every part of ExactTarget shows (vendor's documentation). A definition of its
    own makes ImportResultsSummary, asked by definition, answer for exactly this file of this attempt.
    """
    return "etp-" + _digest("definition", attempt_id, operation)[:28]


def remote_name(data_extension: str, operation: Operation, attempt_id: str) -> str:
    """The name of a staged file on the Enhanced FTP; never used twice, since it carries the attempt."""
    safe = re.sub(r"[^A-Za-z0-9_]", "_", data_extension)
    return f"etp_{safe}_{operation}_{attempt_id}.csv"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
