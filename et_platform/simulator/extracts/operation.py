"""The Extract operation: its message, and what is answered.

What belongs here: results and queueing. What does not: parameters (`request.py`), files (`worker.py`).
"""

from __future__ import annotations

import logging
import uuid
from functools import partial
from typing import TYPE_CHECKING

from et_platform.simulator import envelope, markup, soap_faults, units
from et_platform.simulator.envelope import Element
from et_platform.simulator.extracts import request, tasks
from et_platform.simulator.results import Result, overall_status

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_log = logging.getLogger(__name__)


def answer(service: Service, message: Element) -> str:
    """Answer an ExtractRequestMsg. Good requests are queued, each bringing an empty `<Results/>` and no id [D]."""
    wanted = list(envelope.children(message, "Requests"))
    if not wanted:
        raise soap_faults.client("The ExtractRequestMsg has no Requests")
    results: list[Result] = []
    queued: list[tuple[Service, tasks.Task]] = []
    behaviour = service.behaviour
    for one in wanted:
        try:
            unit = units.of(service, one)
            with unit.store.definitions, unit.store.transaction() as connection:
                catalogs = {other.account.mid: other.store.catalog for other in units.reachable(unit)}
                shared = partial(units.shared, unit)
                order = request.read(connection, one, unit.account.mid, behaviour, catalogs, shared)
                queued.append((unit, tasks.new(connection, order)))
        except (request.BadRequest, units.NoAccess) as refused:
            _log.info("an extract cannot be made: %s", refused)
            silent = behaviour.extract_bad_requests == "silent"
            results.append(Result(str(refused), error_code=None if silent else behaviour.extract_error_code))
        else:
            results.append(Result(""))
    # Only now, as the tasks are written down: a crash from here on does not lose them.
    for unit, task in queued:
        unit.extractor.submit(task)
    return envelope.message(
        "ExtractResponseMsg",
        markup.text("OverallStatus", overall_status(results)),  # first, as the WSDL has it [W]
        markup.text("RequestID", str(uuid.uuid4())),
        *(_result(ordinal, result) for ordinal, result in enumerate(results)),
    )


def _result(ordinal: int, result: Result) -> str:
    if result.error_code is None:
        return markup.text("Results", "")
    return markup.element(
        "Results",
        markup.text("StatusCode", "Error"),
        markup.text("StatusMessage", result.message),
        markup.text("OrdinalID", ordinal),
        markup.text("ErrorCode", result.error_code),
    )
