"""What the sensor and its runs do, once, from a terminal: look at the FTP site and take every complete file.

What belongs here: the two looks, and one run a file on the platform's instance. What does not: when a file is
complete (ingest/arrival.py) and what a run does (defs).
"""

import time
from collections.abc import Iterator

import dagster as dg

from et_platform.catalog.catalog import Catalog
from et_platform.defs.extract import run_of, run_request
from et_platform.inbound.detect import detect
from et_platform.inbound.windows import extract_of
from et_platform.ingest.arrival import Look
from et_platform.instance import materialize
from et_platform.ledger.inbound_records import ExtractFile
from et_platform.resources import build_inbound_road
from et_platform.settings import Settings


def look(settings: Settings, catalog: Catalog, *, between_seconds: float) -> Look:
    """Two looks at the Export folder; a file is complete if both see it unchanged. Raises the client's errors.

    A terminal keeps no cursor and knows no patience: what an earlier run failed at is simply tried again.
    """

    def one(cursor: str | None) -> Look:
        return detect(road, cursor, wanted=lambda name: extract_of(catalog, name) is not None, patient=False)

    road = build_inbound_road(settings, run_id="etp pull", tell=lambda line: None)
    first = one(None)
    if not first.waiting:
        return first
    time.sleep(between_seconds)
    return one(first.cursor)


def take(settings: Settings, catalog: Catalog, seen: Look) -> Iterator[dg.ExecuteInProcessResult]:
    """One run for each complete file; a failure is in its result and keeps no other from its turn."""
    for arrival in seen.complete:
        yield _run(settings, run_request(catalog, arrival))


def again(settings: Settings, catalog: Catalog, file: ExtractFile) -> dg.ExecuteInProcessResult:
    """Take a file that was seen before once more; one that is loaded is read again from its copy.

    Raises NotDeclared if no extract of the catalogue takes files of that name.
    """
    return _run(settings, run_of(catalog, file))


def _run(settings: Settings, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    return materialize(
        settings,
        [key.path for key in request.asset_selection or ()],
        partition=request.partition_key,
        config={step: given["config"] for step, given in request.run_config["ops"].items()},
        tags=request.tags,
    )
