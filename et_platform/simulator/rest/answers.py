"""What REST answers: JSON with a status, and the errors.

What belongs here: the shapes of errors. What does not: when they are due.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DOCUMENTATION = "https://developer.salesforce.com/docs/atlas.en-us.mc-apis.meta/mc-apis/error-handling.htm"


@dataclass(frozen=True)
class Answer:
    """HTTP status, JSON content and headers."""

    status: int
    content: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class RestError(Exception):
    """A request that is answered by an error."""

    def __init__(self, answer: Answer):
        super().__init__(answer.content)
        self.answer = answer


def error(status: int, code: int, message: str, documentation: str = "", **more: Any) -> RestError:
    """An error in the shape that REST gives it [R]."""
    return RestError(Answer(status, {"message": message, "errorcode": code, "documentation": documentation} | more))


def not_authorized() -> RestError:
    """No token, a foreign or an expired one [R]."""
    return error(401, 0, "Not Authorized", DOCUMENTATION)


def not_allowed() -> RestError:
    """A token without the scope that is needed: found out before anything else of the request is looked at [R]."""
    return RestError(Answer(403, {"message": "Insufficient privileges to complete this action."}))


def not_found() -> RestError:
    """A path, or a data extension to read, that does not exist [K for the content]."""
    return error(404, 404, "Not Found")


def throttled(blocked: bool) -> RestError:
    """Too many requests; `blocked` is the answer to callers who do not slow down [D]."""
    if blocked:
        return error(429, 50200, "Your requests are temporarily blocked.", DOCUMENTATION)
    content = {"message": "Rate limit exceeded", "errorcode": 50100, "retryAfter": 5, "documentation": DOCUMENTATION}
    return RestError(Answer(429, content, {"Retry-After": "5"}))


def out_of_service() -> RestError:
    """The account is in maintenance, or there is an outage [K]."""
    return error(503, 0, "Service Unavailable", DOCUMENTATION)
