"""The verb `etp windows`: what is known of each day of an extract.

What belongs here: options, and one call each. What does not: logic.
"""

import click

from et_platform.cli.common import configured, explained


@click.command()
@click.argument("extract")
@click.option("--count", is_flag=True, help="First count the windows that have their turn, over SOAP.")
@click.option("--days", default=30, show_default=True, help="So many days at most, the newest first.")
def windows(extract: str, count: bool, days: int) -> None:
    """Show each day of the EXTRACT: missing, requested, arrived, unknown, differs, confirmed or empty."""
    from datetime import UTC, datetime

    from et_platform.inbound.accounts import accounts, days_to_ask, left_out, told_of_left_out
    from et_platform.inbound.counts import count_windows
    from et_platform.ledger.windows import counts_named
    from et_platform.resources import build_inbound_road

    settings, catalog = configured("exacttarget")
    with explained():
        declared = catalog.extract(extract)
        road = build_inbound_road(settings, run_id="terminal", tell=click.echo)
        if count:
            counted = count_windows(road, declared)
            click.echo(f"Counted {len({one.window_start for one in counted})} windows.")
        asked = road.inbound.requests_named(road.mid, declared.name)
        counts, now = counts_named(road.ledger, road.mid, declared.name), datetime.now(UTC)
    known = accounts(asked, counts, declared.is_, now=now)
    if not known:
        click.echo("No day is over yet since `first_window`.")
    for one in reversed(known[-days:]):
        overdue = "  OVERDUE" if one.is_overdue else ""
        again = f", {one.reads} files" if one.reads > 1 else ""
        click.echo(f"{one.day}  {one.state}{again}{overdue}: {one.why}")
    for day, why in days_to_ask(asked, declared.is_, now=now):
        click.echo(f"to be asked for: {day} ({why}): etp request {declared.name} {day}")
    left = told_of_left_out(left_out(asked, declared.is_, now=now), declared.name)
    if left:
        click.echo(left)
