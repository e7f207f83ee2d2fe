"""Step 1: ask ExactTarget for the tracking extract of one window.

What belongs here: the window's record and the file name that carries it. What does not: the file (detect.py).

The order is the promise: the ledger says `asking`, ExactTarget is asked, the ledger says `requested`. After a crash
in between the same name is asked for again, which at worst writes the same file twice.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from et_platform.catalog.tracking import EventType
from et_platform.exacttarget.errors import InDoubt, InMaintenance
from et_platform.inbound.errors import InboundError
from et_platform.inbound.road import InboundRoad
from et_platform.ledger.inbound_records import ExtractRequest

_MOMENT = "%Y%m%dT%H%MZ"
_NAME = re.compile(
    r"etp_(?P<name>[a-z0-9_]+)_(?P<start>\d{8}T\d{4}Z)_(?P<end>\d{8}T\d{4}Z)_a(?P<attempt>\d+)(?:_m(?P<mid>\d+))?\.zip"
)


@dataclass(frozen=True)
class Asked:
    """What an output name tells: which extract, which half-open window (UTC), which attempt, for which business unit.

    Names of earlier versions told no business unit.
    """

    name: str
    start: datetime
    end: datetime
    attempt: int
    mid: int | None = None


def output_name(name: str, start: datetime, end: datetime, attempt: int, mid: int | None = None) -> str:
    """The name of the file that answers the request: `etp_tracking_20261101T0000Z_20261102T0000Z_a1_m7.zip`.

    Several business units may write into one Export folder, and share one ledger.
    """
    moments = [f"{moment.astimezone(UTC):{_MOMENT}}" for moment in (start, end)]
    made = f"etp_{name}_{moments[0]}_{moments[1]}_a{attempt}{f'_m{mid}' if mid is not None else ''}.zip"
    asked = asked_by(made)
    if asked != Asked(name, start.astimezone(UTC), end.astimezone(UTC), attempt, mid):
        raise InboundError(
            f"No file name can carry the request for extract {name}, attempt {attempt}: the name may hold small "
            "letters, digits and underscores, and the window must begin and end on a whole minute. Correct the "
            "extract's declaration; nothing was asked for."
        )
    return made


def asked_by(file_name: str) -> Asked | None:
    """Which request a file of this name answers; None for a file that this platform did not ask for."""
    found = _NAME.fullmatch(file_name)
    if found is None:
        return None
    try:
        start, end = (datetime.strptime(found[part], _MOMENT).replace(tzinfo=UTC) for part in ("start", "end"))
    except ValueError:
        return None
    return Asked(found["name"], start, end, int(found["attempt"]), int(found["mid"]) if found["mid"] else None)


def request_window(
    road: InboundRoad,
    *,
    name: str,
    start: datetime,
    end: datetime,
    types: Collection[EventType],
    attempt: int = 1,
) -> ExtractRequest:
    """Ask for the events of `types` with start ≤ time < end, unless this attempt at the window was requested already.

    When the answer is lost the record stays `asking` and is returned: the file may come, and a later call asks
    again. Another `attempt` is another file. Raises the client's errors; then nothing was asked for.
    """
    wanted = ExtractRequest(
        mid=road.mid,
        name=name,
        window_start=start.astimezone(UTC),
        window_end=end.astimezone(UTC),
        attempt=attempt,
        output_name=output_name(name, start, end, attempt, road.mid),
        types=sorted(types),
        state="asking",
        run_id=road.run_id,
        asked_at=datetime.now(UTC),
    )
    with road.lease(wanted.output_name):
        return _request(road, wanted, types)


def _request(road: InboundRoad, wanted: ExtractRequest, types: Collection[EventType]) -> ExtractRequest:
    request = road.inbound.begin_request(wanted)
    if request.types != wanted.types:
        raise InboundError(
            f"Attempt {wanted.attempt} at this window of extract {wanted.name} was made for "
            f"{', '.join(request.types)}, and now {', '.join(wanted.types)} are wanted. Ask for them with attempt "
            f"{wanted.attempt + 1}; nothing was asked for."
        )
    if request.state != "asking":
        road.tell(f"{request.output_name} is {request.state} already.")
        return request
    with road.open_exacttarget() as exacttarget:
        while True:
            try:
                exacttarget.extracts.request_tracking(
                    output_name=request.output_name, start=request.window_start, end=request.window_end, types=types
                )
                break
            except InDoubt as doubt:
                road.tell(f"Whether {request.output_name} was asked for is in doubt; the file will tell. {doubt}")
                return request
            except InMaintenance as refusal:
                exacttarget.wait_out(error=refusal)
    request = road.inbound.requested(request)
    road.tell(f"Asked for {request.output_name}.")
    return request
