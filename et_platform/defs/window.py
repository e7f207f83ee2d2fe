"""The account of event windows: checks on extract_request/<name>, and the sensor that asks for what is missing."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.extract import Extract
from et_platform.inbound.accounts import DayAccount, accounts, days_to_ask, left_out, told_of_left_out
from et_platform.inbound.counts import count_windows, due, whole_windows
from et_platform.inbound.road import InboundRoad
from et_platform.ledger.windows import counts_named
from et_platform.presentation import explained_failures, markdown_table
from et_platform.resources import Platform

SENSOR = "extract_windows"
COUNTED, IN_TIME = "every_window_holds_what_was_counted", "no_file_is_overdue"
_SHOWN = 5
_TABLE = 40


def build(declared: Declared[Extract]) -> dg.AssetChecksDefinition:
    """The two checks of one extract; they run after each request, and by themselves."""
    key = dg.AssetKey(["extract_request", declared.name])

    @dg.multi_asset_check(
        name=f"windows__{declared.name}",
        specs=[
            dg.AssetCheckSpec(
                COUNTED,
                asset=key,
                description="For each day that was loaded, ExactTarget tells over SOAP of as many events of each type "
                "as the lake holds. What could not be counted is told as not known; days that were never asked for are "
                "told of too.",
            ),
            dg.AssetCheckSpec(
                IN_TIME,
                asset=key,
                description=f"Each day's file is loaded {declared.is_.due_after_hours:g} hours after the day, or after "
                "it was asked for.",
            ),
        ],
    )
    def windows(context: dg.AssetCheckExecutionContext, platform: Platform) -> Iterator[dg.AssetCheckResult]:
        with explained_failures():
            road = platform.inbound_road(run_id=context.run.run_id, tell=context.log.info)
            count_windows(road, declared)
            now, requests = datetime.now(UTC), road.inbound.requests_named(road.mid, declared.name)
            days = accounts(requests, counts_named(road.ledger, road.mid, declared.name), declared.is_, now=now)
            left = told_of_left_out(left_out(requests, declared.is_, now=now), declared.name)
        yield _counted(key, days, left)
        yield _in_time(key, days)

    return windows


def _counted(key: dg.AssetKey, days: list[DayAccount], left: str) -> dg.AssetCheckResult:
    differ = [one for one in days if one.state == "differs"]
    unknown = [one for one in days if one.state == "unknown"]
    told = f"{len(differ)} days differ: {_shown(differ)}. " if differ else "No day that was counted differs. "
    if differ:
        told += (
            "Events may have come late: ask for these days again (`etp request`, or the sensor does while they are "
            "within overlap_days); what comes twice changes nothing. "
        )
    if unknown:
        told += f"Of {len(unknown)} days it is not known: {_shown(unknown)}. "
    told += left
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=COUNTED,
        passed=not differ,
        severity=dg.AssetCheckSeverity.WARN,
        description=told.strip(),
        metadata={
            **{
                state: sum(one.state == state for one in days)
                for state in ("confirmed", "empty", "differs", "unknown", "missing")
            },
            "days": dg.MetadataValue.md(
                markdown_table(
                    ("day", "state", "files", "what is known"),
                    [(one.day, one.state, one.reads, one.why) for one in reversed(days[-_TABLE:])],
                )
            ),
        },
    )


def _in_time(key: dg.AssetKey, days: list[DayAccount]) -> dg.AssetCheckResult:
    overdue = [one for one in days if one.is_overdue]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=IN_TIME,
        passed=not overdue,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(overdue)} days are overdue: {_shown(overdue)}. Look whether ExactTarget's Export folder has "
        "the files and the sensor extract_files runs; ask again with `etp request … --again`."
        if overdue
        else "Every file that was asked for is loaded, or not due yet.",
        metadata={"overdue": len(overdue)},
    )


def _shown(days: list[DayAccount]) -> str:
    text = "; ".join(f"{one.day}: {one.why}" for one in days[-_SHOWN:])
    return text if len(days) <= _SHOWN else f"{text}; and {len(days) - _SHOWN} more"


def build_sensor(catalog: Catalog) -> dg.SensorDefinition:
    """The sensor that asks for days, of all extracts."""
    keys = [dg.AssetKey(["extract_request", name]) for name in catalog.extracts]

    @dg.sensor(
        name=SENSOR,
        asset_selection=dg.AssetSelection.assets(*keys) | dg.AssetSelection.checks_for_assets(*keys),
        minimum_interval_seconds=600,
        description="Asks for each day once it is over, again when no file came or none was loaded, and once a day "
        "for the last days that `overlap_days` says, so that late events come. It begins with yesterday, or with the "
        "first day that somebody asked for. Nothing here asks ExactTarget: the ledger tells what is due.",
    )
    def extract_windows(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult:
        now, requests = datetime.now(UTC), []
        with explained_failures():
            road = platform.inbound_road(run_id=f"sensor {SENSOR}", tell=context.log.info, hurried=True)
            for declared in catalog.extracts.values():
                requests += _requests(road, declared, now)
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else "No day is to be asked for, and none to be counted.",
        )

    return extract_windows


def _requests(road: InboundRoad, declared: Declared[Extract], now: datetime) -> list[dg.RunRequest]:
    """Runs for what is due. A key holds for an hour: what failed is tried again in the next."""
    key, hour = dg.AssetKey(["extract_request", declared.name]), f"{now:%Y-%m-%dT%H}"
    asked = road.inbound.requests_named(road.mid, declared.name)
    days = days_to_ask(asked, declared.is_, now=now)
    found = [
        dg.RunRequest(
            run_key=f"{declared.name} {day} {hour}",
            partition_key=day.isoformat(),
            asset_selection=[key],
            tags={"etp/why": why[:200]},
        )
        for day, why in days
    ]
    counts = counts_named(road.ledger, road.mid, declared.name)
    to_count = due(whole_windows(asked, now=now), counts, declared.is_.events)
    is_overdue = any(one.is_overdue for one in accounts(asked, counts, declared.is_, now=now))
    if not found and (to_count or is_overdue):
        checks = [dg.AssetCheckKey(key, COUNTED), dg.AssetCheckKey(key, IN_TIME)]
        found.append(
            dg.RunRequest(run_key=f"{declared.name} counted {hour}", asset_selection=[], asset_check_keys=checks)
        )
    return found
