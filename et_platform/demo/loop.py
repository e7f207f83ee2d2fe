"""The demo's return road: people act in ExactTarget, a file comes back, and the CRM learns of it.

What belongs here: what the demo's people do, the steps in their order, and one customer before and after. What does
not: the steps themselves, and the way out (story.py).
"""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg

from et_platform.catalog.catalog import Catalog
from et_platform.demo.world import DemoFailed, World
from et_platform.inbound.windows import SERVER_ZONE
from et_platform.instance import materialize, models_of
from et_platform.pull import look, take
from et_platform.settings import Settings
from et_platform.terminal import describe, outcome

LEAVERS, OPENERS, CLICKERS = 12, 100, 40
_SHOWN = ("opted_out", "opted_out_at", "opt_out_evidence", "last_open_at", "open_count", "last_click_at", "click_count")
_PATIENCE_SECONDS = 120


def come_back(
    world: World, settings: Settings, catalog: Catalog, people: Sequence[str], say: Callable[[str], None]
) -> int:
    """Let `people` act and bring it home; the number of those who opted out. Raises DemoFailed."""
    leavers = _mailable(world.crm, people)[:LEAVERS]
    openers, clickers = people[:OPENERS], people[:CLICKERS]
    at, day = moment_and_day(datetime.now(UTC))
    _act(world, at, open=openers, click=clickers, unsubscribe=leavers)
    say(f"\n{len(openers)} customers opened a mail, {len(clickers)} clicked, {len(leavers)} unsubscribed.")
    before = _customer(world.crm, leavers[0])

    asked = _succeeded(materialize(settings, [("extract_request", "tracking")], partition=day.isoformat()))
    say(f"\n4. The way back  (run {asked.run_id[:8]} and after)")
    say(f"  asked for       {outcome(asked, 'extract_request/tracking')['window']}")
    for loaded in _files(settings, catalog):
        new = {event: outcome(loaded, f"events/{event}").get("new events", 0) for event in ("open", "click")}
        new["unsubscribe"] = outcome(loaded, "events/unsubscribe").get("new events", 0)
        say(f"  loaded          {', '.join(f'{count} {event}' for event, count in new.items())} events")
    written = catalog.write_back("customers")
    models = models_of(written.is_.engagement.mart) if written.is_.engagement.mart else []
    if models:
        _succeeded(materialize(settings, models))
    home = _succeeded(materialize(settings, [("crm_snapshot", "customers"), ("crm_writeback", "customers")]))
    say(f"  written back    {outcome(home, 'crm_writeback/customers')['outcome']}")
    after = _customer(world.crm, leavers[0])
    say(f"\n  {leavers[0]} in the CRM, before and after:")
    for name, old, new_value in zip(_SHOWN, before, after, strict=True):
        if old != new_value:
            say(f"    {name:<18} {'empty' if old is None else old} → {new_value}")
    return len(leavers)


def moment_and_day(now: datetime) -> tuple[datetime, date]:
    """When people act, and the server day to ask for: a window ends with the last whole minute, so a little earlier.

    In a server day's first minutes (06:00 UTC) what happened belongs to the day before, whose window is whole then.
    """
    at = now - timedelta(minutes=2)
    return at, at.astimezone(SERVER_ZONE).date()


def _mailable(crm: Path, people: Sequence[str]) -> list[str]:
    """Those of the people who are not out already."""
    with closing(sqlite3.connect(crm)) as connection:
        rows = connection.execute("SELECT customer_id FROM customers WHERE opted_out = 0").fetchall()
    mailable = {key for (key,) in rows}
    return [one for one in people if one in mailable]


def _customer(crm: Path, key: str) -> tuple:
    with closing(sqlite3.connect(crm)) as connection:
        row = connection.execute(f"SELECT {', '.join(_SHOWN)} FROM customers WHERE customer_id = ?", (key,)).fetchone()
    assert row is not None
    return row


def _act(world: World, at: datetime, **keys: Sequence[str]) -> None:
    command = [sys.executable, "-m", "et_platform.simulator", "act", "--data", str(world.exacttarget)]
    words = [word for kind, of in keys.items() for word in (f"--{kind}", *of)]
    done = subprocess.run([*command, "--at", at.isoformat(), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DemoFailed(f"The local ExactTarget's people could not act: {done.stderr.strip()}")


def _files(settings: Settings, catalog: Catalog) -> list[dg.ExecuteInProcessResult]:
    """Look until the answer lies on the FTP site, and load it; the running sensor does the same."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        seen = look(settings, catalog, between_seconds=0.5)
        if seen.complete:
            return [_succeeded(result) for result in take(settings, catalog, seen)]
        if time.monotonic() > deadline:
            raise DemoFailed(f"No extract file came within {_PATIENCE_SECONDS} s; {settings.data_path} has the ledger.")
        time.sleep(0.5)


def _succeeded(result: dg.ExecuteInProcessResult) -> dg.ExecuteInProcessResult:
    if not result.success:
        raise DemoFailed("\n".join(describe(result)))
    return result
