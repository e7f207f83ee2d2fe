"""Step 2: look at the site's Export folder once, and say which files can be taken.

What belongs here: one listing, compared with the cursor and the ledger. What does not: the rule of completeness
(ingest/arrival.py), and starting anything.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from et_platform.exacttarget.models import EXPORT
from et_platform.inbound.request import asked_by
from et_platform.inbound.road import InboundRoad
from et_platform.ingest import arrival
from et_platform.ingest.arrival import Arrival, Look, Sighting
from et_platform.ledger.inbound_records import ExtractFile


def detect(
    road: InboundRoad,
    cursor: str | None,
    *,
    wanted: Callable[[str], bool],
    ended: Mapping[str, int] | None = None,
    patient: bool = True,
) -> Look:
    """List Export over one connection; complete files whose name is `wanted` are recorded in the ledger, unless
    another business unit asked for them.

    `ended` gives, by identity, the highest attempt of a run key whose run is over without having loaded the file
    (failed, or killed); takes that the ledger knows to have failed are added here, unless somebody who is not
    `patient` wants them to be tried again at once. Raises CursorUnreadable and the
    client's errors; then the old cursor stays good.
    """
    with road.open_exacttarget() as exacttarget, exacttarget.ftp() as ftp:
        present = ftp.list(folder=EXPORT)
    listing = [
        Sighting(one.name, one.size, int(one.mtime.timestamp()), mid=road.mid)
        for one in present
        if wanted(one.name) and _may_be_ours(road, one.name)
    ]
    known = road.inbound.files({one.identity for one in listing})
    over = dict(ended or {})
    for file in known:
        if file.state == "failed" and patient:
            over[file.identity] = max(over.get(file.identity, 0), file.attempts)
    found = arrival.look(
        cursor, listing, loaded={file.identity for file in known if file.state == "loaded"}, ended=over
    )
    record(road, found.complete)
    return found


def _may_be_ours(road: InboundRoad, name: str) -> bool:
    """Not what another business unit asked for, which may share the folder."""
    asked = asked_by(name)
    return asked is None or asked.mid in (None, road.mid)


def record(road: InboundRoad, arrivals: tuple[Arrival, ...]) -> None:
    """Note in the ledger that these files are complete, so that they can be taken by identity alone."""
    now = datetime.now(UTC)
    road.inbound.see(
        ExtractFile(
            identity=one.identity,
            mid=road.mid,
            name=one.file.name,
            size=one.file.size,
            mtime=datetime.fromtimestamp(one.file.mtime, UTC),
            state="seen",
            attempts=0,
            run_id=road.run_id,
            seen_at=now,
            changed_at=now,
        )
        for one in arrivals
    )
