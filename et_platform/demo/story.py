"""The demo's story: the road three times, the way back, and the road once more with its consequences.

What belongs here: the order of events and their telling. What does not: the road itself.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from et_platform import settings as configuration
from et_platform.catalog.catalog import load_catalog
from et_platform.demo import crm_edit
from et_platform.demo.loop import come_back
from et_platform.demo.world import DemoFailed, World, exacttarget_running, seed_once
from et_platform.instance import materialize, prepare_home
from et_platform.terminal import describe, outcome
from et_platform.ui import free_port, serving, wait_for_the_end

ROAD = ("crm_snapshot", "opt_out", "change_set", "import_file", "data_extension")
UPDATES, INSERTS = 150, 20


def play(folder: Path, *, customers: int, once: bool, port: int, say: Callable[[str], None]) -> None:
    """Play the demo in `folder`; unless `once`, serve the UI until interrupted. Raises DemoFailed."""
    started = time.monotonic()
    world = World(folder)
    seeded = seed_once(world, customers=customers)
    if seeded:
        say(f"A CRM of {seeded.customers} customers was seeded: {world.crm}")
        say(f"  {seeded.customers - seeded.clean} of its rows are dirty on purpose, in {len(seeded.dirty)} ways.")
    else:
        say(f"The CRM of an earlier demo is used: {world.crm}")
    with exacttarget_running(world) as settings:
        # The demo's world only: no setting of a real account may mix with it.
        for name in [name for name in os.environ if name.startswith("ET_")] + ["DAGSTER_HOME"]:
            os.environ.pop(name, None)
        os.environ.update(settings)
        say(f"A local ExactTarget runs at {settings['ET_AUTH_URL']}; its settings: {world.env_file}")
        _road("1. The road, for the first time" if seeded else "1. The road, with what the CRM holds now", say)
        _road("2. The road again, with nothing changed", say)
        edited = crm_edit.edit(world.crm, updates=UPDATES, inserts=INSERTS)
        say(f"\nThe CRM was edited: {len(edited.updated)} customers changed, {len(edited.inserted)} are new.")
        imported = _road("3. The road after the edit", say)
        if imported != UPDATES + INSERTS:
            raise DemoFailed(f"{imported} rows were imported after an edit of {UPDATES + INSERTS}.")
        say(f"\nExactly those {imported} rows were imported.")
        settings = configuration.load()
        left = come_back(world, settings, load_catalog(settings.catalog_path), edited.updated, say)
        imported = _road("5. The road again, with what came back", say)
        if imported != left:
            raise DemoFailed(f"{imported} rows were imported after {left} customers had unsubscribed.")
        say(f"\nExactly those {imported} went out again, and nothing else. ({time.monotonic() - started:.0f} s in all)")
        if not once:
            _serve(port, say)


def _road(title: str, say: Callable[[str], None]) -> int:
    """One run of the road; the number of rows imported, opt-outs among them. Raises DemoFailed with the run's words."""
    result = run_road("customers")
    if not result.success:
        raise DemoFailed("\n".join(describe(result)))
    opted_out = outcome(result, "opt_out/customers")
    plan, delivered = outcome(result, "change_set/customers"), outcome(result, "data_extension/customers")
    say(f"\n{title}  (run {result.run_id[:8]})")
    say(f"  snapshot        {plan['snapshot rows']:>7} rows")
    say(
        f"  opt-outs        {opted_out['unsubscribed now']:>7} subscribers unsubscribed, {opted_out['rows opted out']} "
        "rows of the data extension; they go first"
    )
    say(f"  plan            {plan['inserts']:>7} inserts, {plan['updates']} updates, {plan['unchanged']} unchanged")
    say(
        f"  withheld        {plan['quarantined']:>7} in quarantine, {plan['held (colliding keys)']} held for colliding "
        f"keys, {plan['unknown (undecidable keys)']} unknown"
    )
    say(f"  imported        {delivered['imported']:>7} rows: {delivered['outcome']}")
    say(f"  acknowledged    {delivered['dagster/row_count']:>7} rows in the data extension")
    return int(delivered["imported"]) + int(opted_out["rows opted out"])


def run_road(data_extension: str) -> dg.ExecuteInProcessResult:
    """Materialize the whole road of a data extension on the settings' instance."""
    settings = configuration.load()
    return materialize(settings, [(step, data_extension) for step in ROAD])


def _serve(port: int, say: Callable[[str], None]) -> None:
    home = prepare_home(configuration.load())
    with serving(home=home, port=free_port(port)) as url:
        say(f"\nThe Dagster UI serves at {url}/asset-groups (Ctrl-C ends it). In another terminal, try:")
        say(f"  .venv/bin/etp demo edit --updates {UPDATES} --inserts {INSERTS}")
        say("  .venv/bin/etp plan customers")
        say("  .venv/bin/etp apply customers")
        say("  .venv/bin/etp apply newsletter   # an audience: its dbt models, then whom they name")
        say("  .venv/bin/etp trace customer NTO-000001")
        say("Switch on the sensor extract_files (Automation), and it takes files by itself.")
        wait_for_the_end()
        say("Ending.")
