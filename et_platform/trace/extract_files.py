"""The files that came back, as people read them: what was seen on the site, and what became of each.

What belongs here: plain values for a page or for JSON, and their lines. What does not: looking at the site
(inbound/detect.py), taking and reading files again (inbound/load.py). The ledger holds names, sizes and counts of
files, so nothing here needs a mask.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from et_platform.ledger.inbound import InboundLedger
from et_platform.ledger.inbound_records import ExtractFile, ExtractFileState
from et_platform.ledger.ledger import LedgerError

STATES: tuple[ExtractFileState, ...] = ("seen", "fetched", "loaded", "failed")


def files(ledger: InboundLedger, mid: int, *, states: Sequence[ExtractFileState], limit: int) -> list[dict[str, Any]]:
    """The files of a business unit in these states (none: in any), those that were seen last first."""
    return [_values(one) for one in ledger.newest_files(mid, states or STATES, limit=limit)]


def file_meant(ledger: InboundLedger, mid: int, id_: str) -> ExtractFile:
    """The file whose name or whose identity's beginning is `id_`; of several with one name the one seen last.

    Raises LedgerError when nothing, or more than one, is meant.
    """
    named = ledger.files_named(mid, id_)
    if named:
        return named[0]
    found = ledger.files_like(mid, id_) if id_ else []
    if len(found) == 1:
        return found[0]
    many = f"fits {len(found)} files; write more of it" if found else "names no file that was seen complete"
    raise LedgerError(f"{id_!r} {many}. `etp files list` shows names and identities.")


def lines(found: list[dict[str, Any]]) -> Iterator[str]:
    """The list for a terminal."""
    if not found:
        yield "No such file was seen yet. `etp pull` looks at the Export folder, as the sensor does."
    for one in found:
        yield f"{one['seen']}  {one['identity'][:12]}  {one['name']}, {one['bytes']} bytes: {one['outcome']}"


def _values(file: ExtractFile) -> dict[str, Any]:
    return {
        "identity": file.identity,
        "name": file.name,
        "bytes": file.size,
        "written": _time(file.mtime),
        "state": file.state,
        "takes": file.attempts,
        "run": file.run_id,
        "seen": _time(file.seen_at),
        "fetched": _time(file.fetched_at),
        "loaded": _time(file.loaded_at),
        "sha256": file.sha256,
        "window": [_time(file.window_start), _time(file.window_end)] if file.window_start else None,
        "rows": file.rows,
        "same content as": file.duplicate_of,
        "outcome": _outcome(file),
    }


def _outcome(file: ExtractFile) -> str:
    match file.state:
        case "seen" if file.attempts:
            return f"take {file.attempts} is under way, or was killed; the sensor takes it again."
        case "seen":
            return "complete, and waits for the sensor or `etp pull`."
        case "fetched":
            return "fetched, and not loaded yet."
        case "failed":
            return f"take {file.attempts} failed. {file.problem}"
        case "loaded" if file.duplicate_of is not None:
            return f"has the content of {file.duplicate_of[:12]}, which was loaded before; nothing changed."
        case "loaded":
            told = [
                f"{one['new']} new {name}" + (f" ({one['rejected']} rejected)" if one["rejected"] else "")
                for name, one in (file.rows or {}).items()
            ]
            return f"loaded: {', '.join(told) or 'nothing in it'}."


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"
