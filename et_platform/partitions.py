"""Days of ExactTarget's server time as Dagster partitions.

What belongs here: the partitions that assets of several modules share. What does not: which window a day is
(inbound/windows.py). A first day is history once anything is recorded under it: it may only move to an earlier one.
"""

from datetime import date

import dagster as dg

from et_platform.catalog.extract import Extract
from et_platform.catalog.tracking import SERVER_TIME_HOURS

# POSIX names have the sign the other way round: Etc/GMT+6 is UTC-6, all year.
_SERVER_ZONE = f"Etc/GMT{-SERVER_TIME_HOURS:+d}"


def days_of(extract: Extract) -> dg.DailyPartitionsDefinition:
    """One partition a server day, today's among them: what has happened so far may be asked for."""
    first = extract.first_window.isoformat()
    return dg.DailyPartitionsDefinition(start_date=first, timezone=_SERVER_ZONE, end_offset=1)


def day_of_run(context: dg.AssetExecutionContext) -> date:
    """The day that this run is for."""
    return date.fromisoformat(context.partition_key)
