"""Running query activities: one after the other, and again after a crash.

What belongs here: a run's document, and the frame of one run. What does not: what a query means (`sql.py`),
writing its answer (`target.py`).

The rows and the end of the run are committed together; whatever was not committed runs again. How a run ended is kept
for the log and for automations: over SOAP it cannot be asked for [D].
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import duckdb

from et_platform.simulator import clock, rows, schema, store
from et_platform.simulator.background import DONE, FAILED, QUEUED, Background
from et_platform.simulator.queries import relations, rewrite, sql, target
from et_platform.simulator.queries.rewrite import QueryError
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

KIND = "query_run"

Run = dict[str, Any]

_log = logging.getLogger(__name__)


def new(connection: Connection, properties: dict[str, str], target_id: str) -> Run:
    """A queued run with a snapshot of its definition, so that deleting the definition does not stop it."""
    run = {
        "id": str(store.next_task_id(connection)),
        "state": QUEUED,
        "performed": time.time(),
        "text": properties["QueryText"],
        "update_type": properties["TargetUpdateType"],
        "definition": properties["ObjectID"],
        "target": target_id,
    }
    store.put(connection, KIND, run["id"], run)
    return run


def check(service: Service, connection: Connection, text: str, update_type: str, into: DataExtension) -> None:
    """Whether a query can run as things are now. Raises QueryError."""
    now = clock.now()
    resolve = relations.resolver(service, connection, now)
    translated = sql.translate(text, resolve, now=now, ctes=service.behaviour.query_ctes == "accept")
    target.check(into, translated.columns, update_type)


class QueryWorker(Background):
    """Runs the queries of one business unit in a thread of its own."""

    kind = KIND

    def seconds_to_wait(self, run: Run, /) -> float:
        """As long as the setting says, from when it was asked for."""
        return run["performed"] + self._service.behaviour.query_delay_seconds - time.time()

    def work_off(self, run: Run, /) -> bool:
        """Run it now; whether it went well."""
        try:
            self._run(run)
        except QueryError as error:
            self._fail(run, str(error))
        except duckdb.InterruptException:
            self._fail(run, "Query timeout")
        except duckdb.Error as error:
            # DuckDB's words may hold values of rows, which belong into no log.
            self._fail(run, f"The query failed while it ran: {type(error).__name__}")
        except Exception:  # noqa: BLE001 - a thread's last frame: whatever it was, the run must not hang
            _log.exception("query %s failed", run["id"])
            self._fail(run, "the simulator failed; see its log")
        return run["state"] == DONE

    def _run(self, run: Run) -> None:
        service, now = self._service, clock.now()
        with service.store.connect() as connection:
            connection.execute(rewrite.MACROS)
            into = _target(connection, run)
            resolve = relations.resolver(service, connection, now)
            translated = sql.translate(run["text"], resolve, now=now, ctes=service.behaviour.query_ctes == "accept")
            columns = translated.columns
            fields = target.check(into, columns, run["update_type"])
            run["began"] = True
            listed = ", ".join(f'"{name}"' for name in columns)
            timer = threading.Timer(service.behaviour.query_timeout_minutes * 60, connection.interrupt)
            timer.start()
            try:
                connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE {target.ANSWER} AS"
                    f' SELECT row_number() OVER () AS "$row", {listed} FROM ({translated.sql})'
                )
            finally:
                timer.cancel()
            with service.store.lock(run["target"]), service.store.transaction(connection):
                current = _target(connection, run)
                if current.fields != into.fields:
                    raise QueryError("The target data extension was changed while the query ran.")
                run["rows"] = target.write(connection, current, fields, columns, run["update_type"], now)
                _end(connection, run, DONE)
            target.forget(connection)

    def _fail(self, run: Run, reason: str) -> None:
        _log.info("query %s failed: %s", run["id"], reason)
        service, run["reason"] = self._service, reason
        overwrites = run["update_type"] == "Overwrite" and run.pop("began", False)
        clears = overwrites and service.behaviour.failed_overwrite == "cleared"
        with service.store.lock(run["target"]), service.store.transaction() as connection:
            into = schema.by_object_id(connection, run["target"])
            if clears and into is not None:
                rows.clear(connection, into)
            _end(connection, run, FAILED)


def _end(connection: Connection, run: Run, state: str) -> None:
    run["state"] = state
    run.pop("began", None)
    store.put(connection, KIND, run["id"], run)


def _target(connection: Connection, run: Run) -> DataExtension:
    found = schema.by_object_id(connection, run["target"])
    if found is None:
        raise QueryError("The target data extension does not exist any more.")
    return found
