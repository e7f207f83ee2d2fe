"""`etp sim advance`: set the clock of a running simulator forward.

What belongs here: options, and the outcome as one line of JSON. What does not: what that sets off (`advance.py`).
"""

from __future__ import annotations

import json

import click

from et_platform.simulator import control, remote

_SECONDS = {"days": 86400, "hours": 3600, "minutes": 60}


@click.command("advance", short_help="Set the clock of a running simulator forward.")
@remote.options
@click.option("--days", type=click.FloatRange(0), default=0, help="By so many days.")
@click.option("--hours", type=click.FloatRange(0), default=0, help="And so many hours.")
@click.option("--minutes", type=click.FloatRange(0), default=0, help="And so many minutes.")
@click.option("--seed", type=int, help="Seed of the audience. Default: the setting audience_seed.")
def advance(simulator: remote.Simulator, seed: int | None, **given: float) -> None:
    """Set the clock of a running simulator forward; there is no way back.

    Retention, the age of files, import frequencies and all dates follow. Tokens, RequestIDs and settings in seconds
    run on real time. People react to what was sent: they open, click, bounce, leave, complain and edit their profile;
    the same seed brings the same. Prints one line of JSON with the new server time (UTC-6) and the events they made.
    """
    seconds = sum(given[name] * length for name, length in _SECONDS.items())
    if not seconds:
        raise click.UsageError("give at least one of --days, --hours, --minutes")
    click.echo(json.dumps(simulator.ask(control.ADVANCE, {"seconds": seconds, "seed": seed})))
