"""The effects: one class per fault that can be ordered, with its parameters.

What belongs here: what each fault is called, where it can strike, what it takes. What does not: carrying it out.
Wordings that no fact settles are parameters with the likeliest default [K].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError

from et_platform.simulator.faults.model import Fault

_DEADLOCK = (
    "Transaction was deadlocked on lock resources with another process and has been chosen as the deadlock victim. "
    "Rerun the transaction."
)


class Stall(Fault):
    """Nothing moves for so many seconds: latency, an answer held back, an import that hangs.

    Without `seconds` it lasts until it is released; an answer is never sent then, and an import never ends.
    """

    places: ClassVar = {
        "soap": ("before", "after"),
        "rest": ("before", "after"),
        "import": ("during", "before", "after"),
        "extract": ("before",),
        "sftp": ("before", "after"),
    }
    effect: Literal["stall"] = "stall"
    seconds: float | None = Field(None, ge=0, description="Default: until it is released.")


class Cut(Fault):
    """The connection breaks. Over HTTP `during` means: in the middle of the answer; over SFTP: of the file."""

    places: ClassVar = {
        "soap": ("during", "before", "after"),
        "rest": ("during", "before", "after"),
        "sftp": ("during", "before", "after"),
    }
    effect: Literal["cut"] = "cut"
    at_byte: int = Field(200, ge=0, description="With `during`: so many bytes of the answer or the file pass first.")


class Status(Fault):
    """A bare HTTP status, as a gateway in front of the service answers; with `after` the request has its effect."""

    places: ClassVar = {"soap": ("before", "after"), "rest": ("before", "after")}
    effect: Literal["status"] = "status"
    code: int = Field(503, ge=400, le=599)
    retry_after: int | None = Field(None, ge=0, description="Seconds, as the header Retry-After.")


class Throttle(Fault):
    """Too many calls: SOAP answers HTTP 500 [D], its words are not documented [K]; REST answers 429 and 50100 [D]."""

    places: ClassVar = {"soap": ("before",), "rest": ("before",)}
    effect: Literal["throttle"] = "throttle"
    message: str = "Too many requests. The request was throttled."
    retry_after: int = Field(5, ge=0, description="REST: seconds, as the header Retry-After.")


class SoapFault(Fault):
    """A server fault with HTTP 500; with `after` the request has its effect all the same."""

    places: ClassVar = {"soap": ("before", "after")}
    effect: Literal["soap_fault"] = "soap_fault"
    message: str = "System exception"
    code: int | None = Field(2, description="Of the fault's detail; 2 is the general system exception [D].")


class TokenExpired(Fault):
    """The fault `Token Expired`, whatever the token: with `skip`, in the middle of many calls or pages."""

    places: ClassVar = {"soap": ("before",)}
    effect: Literal["token_expired"] = "token_expired"


class LoginFailed(Fault):
    """The credentials are refused, good as they are: at soap a fault, at rest HTTP 401, at sftp the login itself."""

    places: ClassVar = {"rest": ("before",), "soap": ("before",), "sftp": ("before",)}
    effect: Literal["login_failed"] = "login_failed"


class Maintenance(Fault):
    """The account is in maintenance: code 9, and GetSystemStatus answers InMaintenance [D]."""

    places: ClassVar = {"soap": ("before",)}
    effect: Literal["maintenance"] = "maintenance"


class Outage(Fault):
    """`Unplanned Outage` with code 2, and GetSystemStatus answers UnplannedOutage [D]."""

    places: ClassVar = {"soap": ("before",)}
    effect: Literal["outage"] = "outage"


class RetrieveError(Fault):
    """A Retrieve fails with HTTP 200 and `Error: …` as OverallStatus [R]; with `continued` in the midst of pages."""

    places: ClassVar = {"soap": ("before",)}
    effect: Literal["retrieve_error"] = "retrieve_error"
    operation: str = "Retrieve"
    message: str = "The operation timed out."


class NoResults(Fault):
    """A Retrieve is answered with OK and nothing found, as ImportResultsSummary is at first [D]."""

    places: ClassVar = {"soap": ("before",)}
    effect: Literal["no_results"] = "no_results"
    operation: str = "Retrieve"


class Alter(Fault):
    """The answer says something else: elements of these names get these texts, such as ImportStatus: Halted."""

    places: ClassVar = {"soap": ("after",)}
    effect: Literal["alter"] = "alter"
    elements: dict[str, str] = Field(min_length=1, description="Text by local name of the element.")


class RejectRows(Fault):
    """Good rows are refused: with this error in a SOAP write, counted as errors in an import.

    At rows the first so many rows of a call, at import of a file. A deadlock is what it is by default [K].
    """

    places: ClassVar = {"rows": ("before",), "import": ("before",)}
    effect: Literal["reject_rows"] = "reject_rows"
    rows: int = Field(1, ge=1)
    message: str = Field(_DEADLOCK, description="rows: the ErrorMessage.")
    code: int = Field(2, description="rows: the ErrorCode.")


class ImportFails(Fault):
    """An import ends as `Error`: before any row, after some of them, or although all of them were loaded."""

    places: ClassVar = {"import": ("before", "during", "after")}
    effect: Literal["import_error"] = "import_error"
    rows: int = Field(1, ge=0, description="With `during`: so many rows are loaded.")


class WrongFigures(Fault):
    """ImportResultsSummary tells other figures than the import's own."""

    places: ClassVar = {"import": ("after",)}
    effect: Literal["wrong_figures"] = "wrong_figures"
    successful: int | None = Field(None, ge=0)
    duplicated: int | None = Field(None, ge=0)
    errors: int | None = Field(None, ge=0)
    total: int | None = Field(None, ge=0)


class HalfFile(Fault):
    """An import sees the first part of its file only, as of an upload that is still under way [K]."""

    places: ClassVar = {"import": ("before",)}
    effect: Literal["half_file"] = "half_file"
    share: float = Field(0.5, ge=0, lt=1, description="Of its bytes.")


class PermissionDenied(Fault):
    """The site does not allow the operation."""

    places: ClassVar = {"sftp": ("before",)}
    effect: Literal["permission_denied"] = "permission_denied"


class DiskFull(Fault):
    """Writing fails for want of space, once a file has so many bytes."""

    places: ClassVar = {"sftp": ("during",)}
    effect: Literal["disk_full"] = "disk_full"
    operation: str = "write"
    at_byte: int = Field(0, ge=0)


class LostBytes(Fault):
    """Bytes beyond this place in a file are acknowledged and never stored."""

    places: ClassVar = {"sftp": ("during",)}
    effect: Literal["lost_bytes"] = "lost_bytes"
    operation: str = "write"
    at_byte: int = Field(0, ge=0)


class Slow(Fault):
    """A transfer goes no faster than this."""

    places: ClassVar = {"sftp": ("during",)}
    effect: Literal["slow"] = "slow"
    bytes_per_second: int = Field(100_000, ge=1)


class LateEvents(Fault):
    """The newest events of a window are not in the file of the extract that asks for it.

    With `elsewhere` they come in the next tracking file, whatever its window; else whenever the window is asked for
    again.
    """

    places: ClassVar = {"extract": ("before",)}
    effect: Literal["late_events"] = "late_events"
    operation: str = "tracking"
    events: int = Field(1, ge=1, description="So many, over all types.")
    elsewhere: bool = False


class Twice(Fault):
    """The file of an extract comes a second time, so many seconds later, under its own name or another."""

    places: ClassVar = {"extract": ("after",)}
    effect: Literal["twice"] = "twice"
    seconds: float = Field(0.0, ge=0)
    rename: str = Field("{name}", pattern=r"^[^/]+$", description="{name} is its own name, {stem} that without .zip.")


class Pieces(Fault):
    """The file of an extract grows under its own name, piece by piece."""

    places: ClassVar = {"extract": ("during",)}
    effect: Literal["pieces"] = "pieces"
    pieces: int = Field(2, ge=2)
    seconds: float | None = Field(None, ge=0, description="Between two pieces. Default: until it is released.")


class Renamed(Fault):
    """The file of an extract has another name than was asked for."""

    places: ClassVar = {"extract": ("after",)}
    effect: Literal["renamed"] = "renamed"
    rename: str = Field("{stem}_1.zip", pattern=r"^[^/]+$", description="{name}, {stem}: as for `twice`.")


class Corrupt(Fault):
    """The file of an extract is damaged: cut off, a byte of its content changed (wrong CRC), or no archive at all."""

    places: ClassVar = {"extract": ("after",)}
    effect: Literal["corrupt"] = "corrupt"
    how: Literal["torn", "crc", "garbage"] = "torn"


class Never(Fault):
    """The file of an extract never comes."""

    places: ClassVar = {"extract": ("before",)}
    effect: Literal["never"] = "never"


class EmptyFile(Fault):
    """The file of an extract has no byte in it."""

    places: ClassVar = {"extract": ("after",)}
    effect: Literal["empty_file"] = "empty_file"


EFFECTS: dict[str, type[Fault]] = {
    one.model_fields["effect"].default: one
    for one in (
        *(Stall, Cut, Status, Throttle, SoapFault, TokenExpired, LoginFailed, Maintenance, Outage),
        *(RetrieveError, NoResults, Alter, RejectRows, ImportFails, WrongFigures, HalfFile),
        *(PermissionDenied, DiskFull, LostBytes, Slow),
        *(LateEvents, Twice, Pieces, Renamed, Corrupt, Never, EmptyFile),
    )
}
"""Every effect by its name."""


def fault(given: Mapping[str, Any]) -> Fault:
    """The fault that a mapping describes. Raises ValueError, one sentence that names the field and what it takes."""
    effect = given.get("effect")
    if effect not in EFFECTS:
        raise ValueError(f"effect: {effect!r} is none of {', '.join(EFFECTS)}")
    try:
        return EFFECTS[effect].model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            reason = f"{effect} takes no such field; it takes {', '.join(EFFECTS[effect].model_fields)}"
        raise ValueError(f"{place}: {reason}" if place else reason) from error
