"""`etp sim books`: how many events a running simulator has recorded, per type and day.

What belongs here: options, and the outcome as one line of JSON. What does not: counting (`sending/books.py`).
"""

from __future__ import annotations

import json
from typing import Any

import click

from et_platform.simulator import control, remote


@click.command("books", short_help="Count the events of a running simulator, per type and day.")
@remote.options
@click.option("--mid", help="Business unit. Default: the enterprise.")
def books(simulator: remote.Simulator, mid: str | None) -> None:
    """Count the events that a running simulator has recorded, per type and day of server time (UTC-6).

    What it counts is what tracking extracts, data views and Retrieves tell from. Prints one line of JSON.
    """
    wanted: dict[str, Any] = {"mid": mid} if mid else {}
    click.echo(json.dumps(simulator.ask(control.BOOKS, wanted)))
