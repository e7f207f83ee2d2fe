"""Perform, once: for what must not be done twice because an answer was lost.

Belongs here: the call and the reading of its one result. Does not: what is performed (`imports.py`,
`data_extensions.py`).
"""

from dataclasses import dataclass
from typing import Any

import lxml.etree as etree

from et_platform.exacttarget.errors import InDoubt
from et_platform.exacttarget.faults import API, result_error
from et_platform.exacttarget.soap import Repeat, Soap


@dataclass(frozen=True)
class Performed:
    """The one result of a PerformResponseMsg that tells no error. `task_id` is "" where there is none."""

    status: str
    message: str
    task_id: str
    request_id: str | None


def perform_once(soap: Soap, *, action: str, definition: Any, what: str) -> Performed:
    """Make the call, never repeating it; returns a result that is no error (and need not be a success).

    Raises InDoubt whenever it may have taken effect: the answer was lost, cannot be read, or is a failure of the
    server. Every other error means that nothing was done.
    """
    reply = soap.call(
        "Perform", what=what, repeat=Repeat.NEVER, Action=action, Definitions={"Definition": [definition]}
    )
    # Read by hand, not by zeep: after an effect, no surprise in the rest of the reply may hide what came of it.
    found = Performed(
        status=_text(reply, "Results/Result/StatusCode") or _text(reply, "OverallStatus"),
        message=_text(reply, "Results/Result/StatusMessage") or _text(reply, "OverallStatusMessage"),
        task_id=_text(reply, "Results/Result/Task/ID"),
        request_id=_text(reply, "RequestID") or None,
    )
    if not found.status.startswith("Error"):
        return found
    code = _text(reply, "Results/Result/ErrorCode")
    error = result_error(
        what, message=found.message, code=int(code) if code.isdigit() else None, request_id=found.request_id
    )
    if error.code == 2:  # a general system exception [D] is no promise that nothing happened
        raise InDoubt(f"{what} is in doubt: {error}", code=2, request_id=found.request_id) from error
    raise error


def _text(reply: etree._Element, path: str) -> str:
    return (reply.findtext("/".join(f"{{{API}}}{step}" for step in path.split("/"))) or "").strip()
