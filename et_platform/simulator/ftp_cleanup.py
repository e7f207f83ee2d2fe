"""Old files of an Enhanced FTP site: they are kept for 21 days, then removed [D].

What belongs here: finding and removing them. What does not: when that is done (`nightly.py`).
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

from et_platform.simulator import clock

_log = logging.getLogger(__name__)


def sweep(site: Path, keep_days: float, night: datetime) -> list[Path]:
    """Remove what came more than so many days before a night (0: keep all); gives what was removed. Folders stay.

    A file's age is that of its last change on this side: clients may bring any date of their own along.
    """
    removed = []
    for path in site.rglob("*") if keep_days else ():
        if path.is_file() and clock.at(path.stat().st_ctime) < night - timedelta(days=keep_days):
            path.unlink()
            removed.append(path)
    if removed:
        _log.info("removed %d files that were older than %g days", len(removed), keep_days)
    return removed
