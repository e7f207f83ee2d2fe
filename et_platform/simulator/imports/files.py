"""The file that an import reads: where it lies, what it is called today, whether it may be read at all.

What belongs here: locations, names with a date in them, age, files that an import cannot read. What does not: reading
(`source.py`). Nothing protects an import from a file that is still being written: it is read as it is [K].
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from et_platform.simulator import clock
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.imports.plan import ImportFailed, Plan
from et_platform.simulator.schema import folded

STOCK = "ExactTarget Enhanced FTP"
"""The location that every unit has: its Import folder [D][3]."""

SAFEHOUSE = "Safehouse"
"""The location that no FTP user sees; a File Transfer activity unpacks into it [3]."""

_PLACEHOLDER = re.compile("%%(year|month|day)%%", re.IGNORECASE)
_PACKED = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "compressed by gzip",
    b"-----BEGIN PGP MESSAGE": "encrypted by PGP",
}


@dataclass(frozen=True)
class Places:
    """The folders of one unit: those that imports read, by folded customer key of the location, and its outbox."""

    locations: Mapping[str, Path]
    outbox: Path

    @property
    def stock(self) -> Path:
        """The Import folder of the FTP site."""
        return self.locations[folded(STOCK)]

    @property
    def safehouse(self) -> Path:
        """The folder that no FTP user sees."""
        return self.locations[folded(SAFEHOUSE)]


def places(data: Path, mid: str, behaviour: Behaviour) -> Places:
    """The folders of a unit in the data folder. Further locations lie below Import, as the product has them [D]."""
    site = data / "ftp" / mid / "Import"
    known = {STOCK: site, SAFEHOUSE: data / "safehouse" / mid}
    known |= {key: site / folder for key, folder in behaviour.file_locations.items()}
    return Places({folded(key): folder for key, folder in known.items()}, data / "outbox" / mid)


def name(file_spec: str, zone: str) -> str:
    """The exact file name of today: `%%Year%%`, `%%Month%%` and `%%Day%%`, zero-padded [D], in any case [3].

    There is no wildcard.
    """
    today = clock.now() if zone == "server" else clock.utc(clock.now())
    parts = {"year": f"{today:%Y}", "month": f"{today:%m}", "day": f"{today:%d}"}
    return _PLACEHOLDER.sub(lambda found: parts[found[1].lower()], file_spec)


def find(where: Places, plan: Plan, behaviour: Behaviour, started: float) -> Path:
    """The file to read; `started` is when Perform was called (seconds since 1970). Raises ImportFailed."""
    folder, wanted = where.locations.get(folded(plan.location)), name(plan.file_spec, behaviour.file_name_zone)
    if folder is None:
        raise ImportFailed(f"the file location {plan.location!r} does not exist any more")
    path = folder / wanted
    if not wanted or path.parent != folder or path.is_symlink() or not path.is_file():
        raise ImportFailed(f"there is no file {wanted!r} at {plan.location}")
    if plan.max_file_age_hours:
        age, allowed = clock.at(started) - clock.at(path.stat().st_mtime), plan.max_file_age_hours
        if behaviour.file_age_offset == "extends":
            allowed += plan.file_age_offset_hours
        elif behaviour.file_age_offset == "shortens":
            allowed -= plan.file_age_offset_hours
        if age > timedelta(hours=allowed):
            raise ImportFailed(f"the file {wanted!r} is older than {allowed} hours")
    with path.open("rb") as file:
        beginning = file.read(64)
    for mark, what in _PACKED.items():
        if beginning.startswith(mark):
            raise ImportFailed(f"the file {wanted!r} is {what}; a File Transfer activity must unpack it first")
    return path
