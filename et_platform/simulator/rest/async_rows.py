"""`/data/v1/async/...`: rows that are written later, and asking what became of them.

What belongs here: accepting rows, the worker, status and results [D]. What does not: writing (`writing.py`).
A request is answered 202 with a `requestId` at once; even one for a data extension that does not exist is answered
200 with a message instead [D].
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from et_platform.simulator import clock, schema, store
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.objects.row_writer import Given, RowRefused
from et_platform.simulator.rest import writing
from et_platform.simulator.rest.answers import Answer, error
from et_platform.simulator.results import SaveMode
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection, Store

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

KIND, _ROWS = "async_rows", "async_rows_content"
PENDING, COMPLETE, ERROR = "Pending", "Complete", "Error"
_PAGE = 50

_log = logging.getLogger(__name__)


def accept(service: Service, reference: str, body: bytes, *, insert: bool) -> Answer:
    """POST (insert) or PUT (upsert) .../rows with `{"items": [{column: value}]}`. Raises RestError."""
    try:
        sent = json.loads(body)
        items = [writing.given(one) for one in sent["items"]]
    except (ValueError, TypeError, KeyError) as bad:
        raise error(400, 10001, "Parameter items is invalid.") from bad
    unit, found = writing.found(service, reference)
    if found is None:
        kind, _, rest = reference.rpartition(":")
        named = f"[Id: 00000000-0000-0000-0000-000000000000, Key: {rest}]" if kind else f"[Id: {rest}, Key: ]"
        message = f"Failed to resolve the Custom Object from the provided ObjectReferenceIdentifier {named}."
        content = {"requestId": str(uuid.uuid4()), "resultMessages": [_message("CustomObjectNotFound", message)]}
        return Answer(200, content)
    return Answer(202, {"requestId": queue(unit, found, items, insert=insert), "resultMessages": []})


def queue(unit: Service, found: DataExtension, items: list[Given], *, insert: bool) -> str:
    """Write the rows down and hand them to the worker; gives the id of the request."""
    request_id = str(uuid.uuid4())
    request = {
        "id": request_id,
        "state": PENDING,
        "data_extension": found.object_id,
        "insert": insert,
        "asked": time.time(),
        "called": clock.iso(clock.now()),
        "picked": "",
        "completed": "",
        "errors": [],
    }
    with unit.store.transaction() as connection:
        store.put(connection, KIND, request_id, request)
        store.put(connection, _ROWS, request_id, {"items": items})
    # Only now, as it is written down: a crash from here on does not lose it.
    unit.async_rows.submit(request_id)
    return request_id


def status(service: Service, request_id: str) -> Answer:
    """GET .../status [D]."""
    request = _kept(service, request_id)
    if request is None:
        return _unknown(request_id)
    return Answer(
        200,
        {
            "status": {
                "callDateTime": request["called"],
                "completionDateTime": request["completed"] or "0001-01-01T00:00:00",
                "hasErrors": bool(request["errors"]),
                "pickupDateTime": request["picked"] or "0001-01-01T00:00:00",
                "requestStatus": request["state"],
                "resultStatus": "Error" if request["errors"] else "OK",
                "requestId": request_id,
            },
            "requestId": str(uuid.uuid4()),
            "resultMessages": [],
        },
    )


def results(service: Service, request_id: str, page: int) -> Answer:
    """GET .../results: the rows that were refused [D], 50 a page."""
    request = _kept(service, request_id)
    if request is None:
        return _unknown(request_id)
    errors = request["errors"]
    return Answer(
        200,
        {
            "page": page,
            "pageSize": _PAGE,
            "count": len(errors),
            "items": errors[(page - 1) * _PAGE : page * _PAGE],
            "requestId": str(uuid.uuid4()),
            "resultMessages": [],
        },
    )


def _kept(service: Service, request_id: str) -> dict[str, Any] | None:
    """The request, wherever its rows lie: those of a shared data extension are with the enterprise."""
    for unit in dict.fromkeys((service, service.units.enterprise)):
        with unit.store.connect() as connection:
            found = store.get(connection, KIND, request_id.lower())
        if found is not None:
            return found
    return None


def _unknown(request_id: str) -> Answer:
    message = f"Unable to locate an Async Request Status Record for the provided RequestId: {request_id}."
    content = {"requestId": str(uuid.uuid4()), "resultMessages": [_message("AsyncRequestStatusNotFound", message)]}
    return Answer(200, content)


def _message(code: str, message: str) -> dict[str, str]:
    return {"resultType": "Operational", "resultClass": "Error", "resultCode": code, "message": message}


class AsyncRows:
    """Writes the rows of a unit's requests, one request after the other; again after a crash."""

    def __init__(self, own: Store, behaviour: Behaviour):
        self._store, self._behaviour = own, behaviour
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="async-rows")

    def resume(self) -> None:
        """Queue what an earlier process left unfinished."""
        with self._store.connect() as connection:
            left = store.find(connection, KIND, "body->>'$.state' = ?", [PENDING])
        for request in left:
            self.submit(request["id"])

    def submit(self, request_id: str) -> None:
        """Queue a request that is already in the store."""
        with self._guard:
            if not self._stopping.is_set():
                self._thread.submit(self._work, request_id)

    def stop(self) -> None:
        """Finish what is being written; everything else is written after the next start."""
        with self._guard:
            self._stopping.set()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _work(self, request_id: str) -> None:
        try:
            with self._store.connect() as connection:
                request = store.get(connection, KIND, request_id)
            assert request is not None
            if self._stopping.wait(max(0.0, request["asked"] + self._behaviour.async_rows_seconds - time.time())):
                return
            self._write(request)
        except Exception as error:  # noqa: BLE001 - a thread's last frame: the request must not stay pending
            _log.exception("the rows of request %s could not be written", request_id)
            with self._store.transaction() as connection:
                request = store.get(connection, KIND, request_id)
                assert request is not None
                self._finish(connection, request, [_failure(str(error))])

    def _write(self, request: dict[str, Any]) -> None:
        request["picked"] = clock.iso(clock.now())
        try:
            with self._store.lock(request["data_extension"]), self._store.transaction() as connection:
                self._finish(connection, request, self._saved(connection, request))
        except writing.Undone as undone:
            with self._store.transaction() as connection:
                self._finish(connection, request, _failures(undone.outcomes))

    def _saved(self, connection: Connection, request: dict[str, Any]) -> list[dict[str, str]]:
        found = schema.by_object_id(connection, request["data_extension"])
        content = store.get(connection, _ROWS, request["id"])
        if found is None or content is None:
            return [_failure("The data extension does not exist any more.")]
        mode: SaveMode = writing.INSERT if request["insert"] else writing.UPSERT
        whole = self._behaviour.async_rows_all_or_nothing
        items = content["items"]
        return _failures(writing.save(connection, found, items, mode, self._behaviour, all_or_nothing=whole))

    @staticmethod
    def _finish(connection: Connection, request: dict[str, Any], errors: list[dict[str, str]]) -> None:
        request |= {
            "state": ERROR if errors else COMPLETE,
            "completed": clock.iso(clock.now()),
            "errors": errors,
        }
        store.put(connection, KIND, request["id"], request)
        store.remove(connection, _ROWS, request["id"])


def _failure(message: str) -> dict[str, str]:
    return {"errorCode": "UnexpectedError", "message": message, "status": "Error"}  # [D]


def _failures(outcomes: list[RowRefused | None]) -> list[dict[str, str]]:
    failures = []
    for number, refused in enumerate(outcomes, start=1):
        if refused is not None:
            errors = refused.key_errors + refused.value_errors
            reasons = "; ".join(f"{name} {problem}" for name, problem in errors)
            failures.append(_failure(f"Row {number}: {refused.message}{f' {reasons}.' if reasons else ''}"))
    return failures
