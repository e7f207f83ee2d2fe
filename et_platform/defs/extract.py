"""extract_request/<name>, extract_file/<name>, and the sensor that sees the files: from asking to a file here."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.extract import Extract
from et_platform.inbound.accounts import left_out, told_of_left_out
from et_platform.inbound.detect import detect
from et_platform.inbound.errors import NotDeclared
from et_platform.inbound.fetch import fetch
from et_platform.inbound.road import raise_for
from et_platform.inbound.windows import day_of, extract_of, pending_files, request_day, unaccounted
from et_platform.ingest.arrival import Arrival, Look
from et_platform.ingest.errors import shown
from et_platform.ledger.inbound_records import ExtractFile
from et_platform.partitions import day_of_run, days_of
from et_platform.presentation import declaration_reference, explained_failures, markdown_table
from et_platform.resources import Platform

FILE_TAG, ATTEMPT_TAG = "etp/extract_file", "etp/attempt"
SENSOR = "extract_files"
ACCOUNTED = "every_day_is_accounted_for"
FETCHED = "every_file_was_fetched"
MOST_RUNS = 20
"""Runs that one tick starts; what is complete beyond them has its turn in a later tick."""
_RUNS_LOOKED_AT = 1000
_REASONS_SHOWN = 5


class Request(dg.Config):
    """`again`: ask anew although the answer to an earlier request is still waited for."""

    again: bool = False


class File(dg.Config):
    """`identity`: the file to take, as the ledger knows it; without one, every complete file of the day is taken."""

    identity: str | None = None


def build(declared: Declared[Extract]) -> list[dg.AssetsDefinition]:
    """The two assets of one extract."""
    days = days_of(declared.is_)
    owners = list(declared.is_.owners)
    metadata = {"events": ", ".join(declared.is_.events), **declaration_reference(declared)}

    @dg.asset(
        key=["extract_request", declared.name],
        deps=[dg.AssetKey(["data_extension", name]) for name in declared.is_.subscribers_of],
        description=f"{declared.is_.description}\n\nAsks ExactTarget for one day's window (today's: what has happened "
        "so far). ExactTarget answers with a file on the Enhanced FTP, or never; the sensor "
        f"`{SENSOR}` sees it.",
        group_name="extract_request",
        check_specs=[
            dg.AssetCheckSpec(
                ACCOUNTED,
                asset=dg.AssetKey(["extract_request", declared.name]),
                description="Each day since `first_window` was asked for, and has a loaded file that answers for all "
                "of it.",
            )
        ],
        kinds={"exacttarget", "salesforce"},
        partitions_def=days,
        owners=owners,
        metadata=metadata,
    )
    def extract_request(context: dg.AssetExecutionContext, config: Request, platform: Platform) -> dg.MaterializeResult:
        with explained_failures():
            road = platform.inbound_road(run_id=context.run_id, tell=context.log.info)
            request = request_day(road, declared, day_of_run(context), again=config.again)
            asked, now = road.inbound.requests_named(road.mid, declared.name), datetime.now(UTC)
            patience = timedelta(hours=declared.is_.ask_again_after_hours)
            gaps, left = unaccounted(asked, now=now, patience=patience), left_out(asked, declared.is_, now=now)
        return dg.MaterializeResult(
            check_results=[_accounted(gaps, left, declared.name)],
            metadata={
                "outcome": f"The window's file is {request.state}; its name is {request.output_name}",
                "window": f"{request.window_start:%Y-%m-%d %H:%M} ≤ time < {request.window_end:%Y-%m-%d %H:%M} UTC",
                "attempt": request.attempt,
                "state": request.state,
            },
        )

    @dg.asset(
        key=["extract_file", declared.name],
        deps=[dg.AssetKey(["extract_request", declared.name])],
        description="The file as ExactTarget wrote it: complete (two looks saw it unchanged), fetched, hashed, kept "
        "under its content's name. The sensor starts this; materialized by hand it takes every complete file of the "
        "day.",
        group_name="extract_file",
        check_specs=[
            dg.AssetCheckSpec(
                FETCHED,
                asset=dg.AssetKey(["extract_file", declared.name]),
                description="Of several files none was passed over.",
            )
        ],
        kinds={"sftp", "zip"},
        partitions_def=days,
        owners=owners,
        metadata=metadata,
    )
    def extract_file(context: dg.AssetExecutionContext, config: File, platform: Platform) -> dg.MaterializeResult:
        with explained_failures():
            road = platform.inbound_road(run_id=context.run_id, tell=context.log.info)
            if config.identity is not None:
                wanted = [config.identity]
            else:
                files = pending_files(road, platform.catalog(), declared.name, day_of_run(context))
                wanted = [file.identity for file in files]
            fetched, problems = road.each(wanted, fetch)
            if not fetched:
                raise_for(problems, of=len(wanted))
        return dg.MaterializeResult(metadata=_metadata(fetched), check_results=[_all_fetched(problems)])

    return [extract_request, extract_file]


def _accounted(gaps: list[tuple[date, str]], left: list[date], name: str) -> dg.AssetCheckResult:
    shown = "; ".join(f"{day}: {why}" for day, why in gaps[:_REASONS_SHOWN])
    more = f"; and {len(gaps) - _REASONS_SHOWN} more" if len(gaps) > _REASONS_SHOWN else ""
    told = [
        f"{len(gaps)} days are not accounted for: {shown}{more}. Materialize extract_request for these days again; "
        "what comes twice changes nothing."
        if gaps
        else "Every day that was asked for is loaded, or its file is waited for.",
        told_of_left_out(left, name),
    ]
    return dg.AssetCheckResult(
        check_name=ACCOUNTED,
        passed=not (gaps or left),
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(told).strip(),
        metadata={"days not accounted for": len(gaps), "days never asked for": len(left)},
    )


def _all_fetched(problems: list[str]) -> dg.AssetCheckResult:
    """Not a failure of the step: what could be fetched is to be loaded."""
    return dg.AssetCheckResult(
        check_name=FETCHED,
        passed=not problems,
        description=" ".join(problems[:_REASONS_SHOWN]) or "Every file was fetched.",
        metadata={"files passed over": len(problems)},
    )


def _metadata(files: list[ExtractFile]) -> dict[str, Any]:
    if not files:
        return {"outcome": "No complete file of this day waits: none was seen, or all are loaded.", "files": 0}
    rows = [(f.name, f.size, f"{f.mtime:%Y-%m-%d %H:%M:%S} UTC", f.sha256, f.identity, f.attempts) for f in files]
    header = ("file", "bytes", "written", "sha256", "identity", "takes")
    return {
        "outcome": f"{len(files)} file(s) fetched: {', '.join(file.name for file in files)}",
        "files": len(files),
        "files in full": dg.MetadataValue.md(markdown_table(header, rows)),
    }


def build_sensor(catalog: Catalog, *, every_seconds: int) -> dg.SensorDefinition:
    """The one sensor that lists Export, once a tick, for all extracts."""
    files = [dg.AssetKey(["extract_file", name]) for name in catalog.extracts]
    events = [dg.AssetKey(["events", event]) for one in catalog.extracts.values() for event in one.is_.events]

    @dg.sensor(
        name=SENSOR,
        asset_selection=dg.AssetSelection.assets(*files, *events),
        minimum_interval_seconds=every_seconds,
        description="Lists the Enhanced FTP's Export folder once a tick and starts a run for each file that two looks "
        "saw unchanged. A file whose run failed is tried again, more and more rarely; a loaded one never.",
    )
    def extract_files(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult:
        with explained_failures():
            road = platform.inbound_road(run_id=f"sensor {SENSOR}", tell=context.log.info, hurried=True)
            seen = detect(
                road,
                context.cursor,
                wanted=lambda name: extract_of(catalog, name) is not None,
                ended=_ended(context.instance),
            )
        due = seen.complete[:MOST_RUNS]
        return dg.SensorResult(
            run_requests=[run_request(catalog, one) for one in due],
            skip_reason=None if due else _why_nothing(seen),
            cursor=seen.cursor,
        )

    return extract_files


def run_request(catalog: Catalog, arrival: Arrival) -> dg.RunRequest:
    """The run that takes one complete file."""
    declared = extract_of(catalog, arrival.file.name)
    assert declared is not None
    written = datetime.fromtimestamp(arrival.file.mtime, UTC)
    return _take(declared, arrival.identity, day_of(arrival.file.name, written), arrival=arrival)


def run_of(catalog: Catalog, file: ExtractFile) -> dg.RunRequest:
    """The run that takes a known file once more, or, if it is loaded, reads its copy again.

    Raises NotDeclared if no extract of the catalogue takes files of that name.
    """
    declared = extract_of(catalog, file.name)
    if declared is None:
        raise NotDeclared(
            f"No extract of the catalogue takes {shown(file.name)}: it was seen under a declaration that has changed. "
            "Correct `other_files` in the extract's YAML; nothing was read."
        )
    return _take(declared, file.identity, day_of(file.name, file.mtime), again=file.state == "loaded")


def _take(
    declared: Declared[Extract],
    identity: str,
    day: date,
    *,
    again: bool = False,
    arrival: Arrival | None = None,
) -> dg.RunRequest:
    """The run for one file; `again`: what is loaded is read anew, and nothing fetched. Only the sensor's own count as
    attempts.
    """
    attempt = {} if arrival is None else {ATTEMPT_TAG: str(arrival.attempt)}
    steps = {f"events__{declared.name}": {"config": {"identity": identity, "again": again}}}
    fetched = []
    if not again:
        steps[f"extract_file__{declared.name}"] = {"config": {"identity": identity}}
        fetched = [dg.AssetKey(["extract_file", declared.name])]
    return dg.RunRequest(
        run_key=None if arrival is None else arrival.run_key,
        partition_key=day.isoformat(),
        run_config={"ops": steps},
        asset_selection=[*fetched, *(dg.AssetKey(["events", event]) for event in declared.is_.events)],
        tags={FILE_TAG: identity, **attempt},
    )


def _ended(instance: dg.DagsterInstance) -> dict[str, int]:
    """By file, the highest attempt whose run is over without success: also of runs that were killed."""
    over = dg.RunsFilter(
        tags={"dagster/sensor_name": SENSOR},
        statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED],
    )
    ended: dict[str, int] = {}
    for run in instance.get_runs(filters=over, limit=_RUNS_LOOKED_AT):
        identity, attempt = run.tags.get(FILE_TAG), run.tags.get(ATTEMPT_TAG)
        if identity is not None and attempt is not None:
            ended[identity] = max(ended.get(identity, 0), int(attempt))
    return ended


def _why_nothing(seen: Look) -> str:
    if not seen.waiting:
        return "Export holds no file of a declared extract that is not loaded already."
    reasons = list(seen.waiting.values())
    more = f" … and {len(reasons) - _REASONS_SHOWN} more." if len(reasons) > _REASONS_SHOWN else ""
    return "\n".join(reasons[:_REASONS_SHOWN]) + more
