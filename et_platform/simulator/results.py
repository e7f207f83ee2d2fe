"""What became of one object of a Create, Update, Delete or Perform, and how that is written.

What belongs here: the result element and OverallStatus. What does not: the wordings and codes of single types.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from et_platform.simulator import envelope, markup

Operation = Literal["Create", "Update", "Delete"]


class Refused(Exception):
    """An object that cannot be saved, deleted or started: the error code and message of its result."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class SaveMode:
    """Whether objects may be added, and whether existing ones may be changed."""

    add: bool
    change: bool


@dataclass(frozen=True)
class Result:
    """One object's result. `object` and `details` are written XML; `error_code` is None when all went well [R].

    `new_id` is a new object's number; 0 where its id is a GUID.
    """

    message: str
    object: str = ""
    error_code: int | None = None
    new_object_id: str | None = None
    new_id: int = 0
    details: str = ""
    type: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the object was accepted."""
        return self.error_code is None


def refusal(refused: Refused, shown: str = "", type: str | None = None, details: str = "") -> Result:  # noqa: A002
    """The result of a refused object."""
    return Result(refused.message, shown, refused.code, details=details, type=type)


def overall_status(results: Sequence[Result]) -> str:
    """`OK`, `Error` when nothing went well [R], else `Has Errors` [D]."""
    good = sum(result.ok for result in results)
    if good == len(results):
        return "OK"
    return "Has Errors" if good else "Error"


def reply(operation: Operation, results: Sequence[Result], request_id: str = "") -> str:
    """The reply message of Create, Update or Delete: RequestID and OverallStatus come last [R]."""
    return envelope.message(
        f"{operation}Response",
        *(_result(operation, ordinal, result) for ordinal, result in enumerate(results)),
        markup.text("RequestID", request_id or str(uuid.uuid4())),
        markup.text("OverallStatus", overall_status(results)),
    )


def _result(operation: Operation, ordinal: int, result: Result) -> str:
    content = [
        markup.text("StatusCode", "OK" if result.ok else "Error"),
        markup.text("StatusMessage", result.message),
        markup.text("OrdinalID", ordinal),
    ]
    if result.error_code is not None:
        content.append(markup.text("ErrorCode", result.error_code))
    if operation == "Create":
        content.append(markup.text("NewID", result.new_id))  # zero where ids are GUIDs [W]
        if result.new_object_id:
            content.append(markup.text("NewObjectID", result.new_object_id))
    return markup.element("Results", *content, result.object, result.details, type=result.type)
