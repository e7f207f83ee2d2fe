"""`etp consent` from the terminal: statuses are read, and why somebody is out is told without naming anybody."""

import json
import sqlite3
from contextlib import closing

from click.testing import CliRunner

from et_platform.demo import crm
from et_platform.simulator.act import act
from et_platform_tests.end_to_end.platform import figures, platform_in
from et_platform_tests.simulated import running_simulator


def test_promise_9_why_somebody_is_out_is_told_in_the_terminal_and_names_nobody(tmp_path):
    with running_simulator(tmp_path / "exacttarget") as simulator:
        platform = platform_in(tmp_path / "p", simulator.info, customers=60, customer_key="Consent_Customers")
        dirty = {one.customer_id for one in crm.dirty_ids(platform.folder / "crm.sqlite")}
        with closing(sqlite3.connect(platform.folder / "crm.sqlite")) as customers:
            found = customers.execute("SELECT customer_id FROM customers WHERE opted_out = 0 ORDER BY 1").fetchall()
        key = next(one for (one,) in found if one not in dirty)
        nothing = platform.etp("consent", "show", key)
        assert nothing.returncode == 0, nothing.stderr
        assert nothing.stdout.startswith("Nobody said anything of this key's consent")

        assert platform.etp("plan", "customers").returncode == 0
        done = CliRunner().invoke(act, ["--data", str(simulator.data_dir), "--complaint", key])
        assert done.exit_code == 0, done.output
        pulled = platform.etp("consent", "pull")
        assert pulled.returncode == 0, pulled.stdout + pulled.stderr
        told = figures(pulled.stdout, "status_change/tracking")
        assert (told["new changes"], told["opt-outs"], told["by this platform"]) == ("1", "1", "0")

        shown = platform.etp("consent", "show", key.lower())
        assert shown.returncode == 0, shown.stderr
        last = shown.stdout.splitlines()[-1]
        assert last.startswith(f"→ business unit {simulator.info['mid']}, this one: OUT, by the status change of 20")
        assert key.casefold() not in shown.stdout.casefold()
        assert "@" not in shown.stdout
        found = json.loads(platform.etp("consent", "show", key, "--json").stdout)
        assert found["copies in the CRM"] == 1
        (verdict,) = found["verdicts"]
        assert (verdict["verdict"], verdict["source"]) == ("out", "status change")
        assert found["facts"][-1]["evidence"].startswith("SubscriberStatusEvent unsub of 20")
