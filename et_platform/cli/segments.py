"""The verbs `etp segment run` and `etp segment list`: rows that ExactTarget picks by itself.

What belongs here: options, and one call each. What does not: logic.
"""

import click

from et_platform.cli.common import configured, ended, explained, opened_ledger


@click.group()
def segment() -> None:
    """Have ExactTarget pick a segment's rows, or show the runs."""


@segment.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--replace", is_flag=True, help="Rows that others put into its data extension may go.")
def run(names: tuple[str, ...], replace: bool) -> None:
    """Run the segments NAME... inside ExactTarget and count their rows; a run that is open is taken up.

    Of several, one that reads another's result runs after it.
    """
    from et_platform.instance import materialize

    settings, catalog = configured("exacttarget")
    with explained():
        wanted = [catalog.segment(name).name for name in names]
    config = {f"segment__{name}": {"replace": replace} for name in wanted}
    ended([materialize(settings, [("segment", name) for name in wanted], config=config)])


@segment.command("list")
@click.argument("name", required=False)
def list_(name: str | None) -> None:
    """Show the last runs of each segment, or of the segment NAME."""
    from et_platform.ledger.segments import latest

    settings, catalog = configured("exacttarget")
    with explained():
        names = [catalog.segment(name).name] if name is not None else sorted(catalog.segments)
        ledger = opened_ledger(settings)
        for one in names:
            runs = latest(ledger, settings.mid or 0, one)
            click.echo(one if runs else f"{one}: never run")
            for each in runs:
                rows = f"{each.rows_counted} rows" if each.rows_counted is not None else each.problem or "not counted"
                click.echo(f"    {each.begun_at:%Y-%m-%d %H:%M:%S} UTC  {each.id[:12]}  {each.state}: {rows}")
